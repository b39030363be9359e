//! Values with a unit or a word: sizes, lengths of time, shares, places to begin.
//!
//! Each is read from its text by one function, which the check of what was typed and the structs both use.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use dunlin_core::messaging;
use dunlin_core::position::Position;
use serde::{Deserialize, Serialize};

/// A number of bytes, written `67108864`, `64MiB` or `64MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(pub usize);

const SIZES: &[(&str, usize)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("kB", 1_000),
    ("B", 1),
    ("", 1),
];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = split_unit(text);
        let number = digits.parse::<usize>().ok();
        let factor = SIZES
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| *factor);
        match (number, factor) {
            (Some(number), Some(factor)) => match number.checked_mul(factor) {
                Some(0) => Err("expected a size above 0".to_owned()),
                Some(bytes) => Ok(Self(bytes)),
                None => Err("expected a size that this machine can count".to_owned()),
            },
            (Some(_), None) => {
                Err("expected one of the units B, KiB, MiB, GiB, KB, MB, GB behind the number".to_owned())
            }
            (None, _) => Err("expected a size such as `64MiB` or `65536` (bytes)".to_owned()),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES[..3]
            .iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
        {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A length of time, written `250ms`, `5s`, `2m`, `1h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pause(pub Duration);

const PAUSES: &[(&str, u64)] = &[
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl FromStr for Pause {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = split_unit(text);
        let number = digits.parse::<u64>().ok();
        let factor = PAUSES
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, factor)| *factor);
        match (number, factor) {
            (Some(number), Some(factor)) => match number.checked_mul(factor) {
                Some(milliseconds) => Ok(Self(Duration::from_millis(milliseconds))),
                None => Err("expected a length of time that can be counted in milliseconds".to_owned()),
            },
            (Some(_), None) => Err("expected one of the units ms, s, m, h, d behind the number".to_owned()),
            (None, _) => Err("expected a length of time such as `5s` or `250ms`".to_owned()),
        }
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        match PAUSES.iter().find(|(_, factor)| {
            milliseconds >= u128::from(*factor) && milliseconds.is_multiple_of(u128::from(*factor))
        }) {
            Some((unit, factor)) => write!(f, "{}{unit}", milliseconds / u128::from(*factor)),
            None => write!(f, "{milliseconds}ms"),
        }
    }
}

/// The digits in front, and what stands behind them without the space between.
fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// A whole number from 1, or none, written `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct CountOrOff(pub Option<u32>);

impl FromStr for CountOrOff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "off" => Ok(Self(None)),
            Ok(0) | Err(_) => Err(format!(
                "expected a whole number from 1 to {}, or `off`",
                u32::MAX
            )),
            Ok(number) => Ok(Self(Some(number))),
        }
    }
}

impl fmt::Display for CountOrOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("off"),
        }
    }
}

/// A share above 0 and at most 1, or none, written `off`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShareOrOff(pub Option<f64>);

impl FromStr for ShareOrOff {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            _ if text == "off" => Ok(Self(None)),
            Ok(share) if share > 0.0 && share <= 1.0 => Ok(Self(Some(share))),
            _ => Err("expected a number above 0 and at most 1, or `off`".to_owned()),
        }
    }
}

impl fmt::Display for ShareOrOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(share) => write!(f, "{share}"),
            None => f.write_str("off"),
        }
    }
}

/// Where a new group begins: `earliest`, `latest`, a time (RFC 3339) or a position.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Start {
    /// As it was written.
    written: String,
    /// What it means.
    pub start: messaging::Start,
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let start = match text {
            "earliest" => messaging::Start::Earliest,
            "latest" => messaging::Start::Latest,
            _ => match (text.parse::<jiff::Timestamp>(), text.parse::<Position>()) {
                (Ok(time), _) => messaging::Start::Time(SystemTime::from(time)),
                (Err(_), Ok(position)) => messaging::Start::Position(position),
                (Err(_), Err(_)) => {
                    return Err("expected `earliest`, `latest`, a time such as `2026-01-31T00:00:00Z`, or a position \
                                such as `log@7`"
                        .to_owned());
                }
            },
        };
        Ok(Self {
            written: text.to_owned(),
            start,
        })
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Reading and writing through serde, by the text.
macro_rules! by_text {
    ($($type:ident),*) => {$(
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )*};
}
by_text!(Size, Pause, CountOrOff, ShareOrOff, Start);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_of_1024_or_1000_or_none() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("1 KiB", 1024),
            ("2MB", 2_000_000),
            ("2GiB", 2 << 30),
            ("7B", 7),
            ("65536", 65_536),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for (text, expected) in [
            ("64mib", "units"),
            ("64 MiB per second", "units"),
            ("-1", "such as `64MiB`"),
            ("1.5MiB", "units"),
            ("", "such as `64MiB`"),
            ("0", "above 0"),
            ("99999999999GiB", "can count"),
        ] {
            let error = text.parse::<Size>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_length_of_time_needs_its_unit() {
        for (text, milliseconds) in [
            ("250ms", 250),
            ("5s", 5_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(
                text.parse(),
                Ok(Pause(Duration::from_millis(milliseconds))),
                "{text}"
            );
        }
        for text in [
            "5",
            "5 seconds",
            "1.5s",
            "s",
            "-5s",
            "99999999999999999999s",
            "9999999999999999999d",
        ] {
            assert!(text.parse::<Pause>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_prints_as_it_could_be_typed() {
        for text in ["64MiB", "1KiB", "3GiB", "1000"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        for text in ["250ms", "5s", "2m", "1h", "1d", "90s"] {
            assert_eq!(text.parse::<Pause>().unwrap().to_string(), text);
        }
        assert_eq!("off".parse::<CountOrOff>().unwrap().to_string(), "off");
        assert_eq!("0.25".parse::<ShareOrOff>().unwrap().to_string(), "0.25");
        assert_eq!("log@7".parse::<Start>().unwrap().to_string(), "log@7");
    }

    #[test]
    fn off_is_a_word_and_nothing_is_not_off() {
        assert_eq!("off".parse(), Ok(CountOrOff(None)));
        assert_eq!("off".parse(), Ok(ShareOrOff(None)));
        for text in ["0", "-1", "1.5", "", "Off", "4294967296"] {
            assert!(text.parse::<CountOrOff>().is_err(), "{text}");
        }
        for text in ["0", "1.1", "NaN", "", "inf", "half"] {
            assert!(text.parse::<ShareOrOff>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_place_to_begin_is_a_word_a_time_or_a_position() {
        use messaging::Start as Is;
        let of = |text: &str| text.parse::<Start>().map(|start| start.start);
        assert_eq!(of("earliest"), Ok(Is::Earliest));
        assert_eq!(of("latest"), Ok(Is::Latest));
        assert_eq!(
            of("1970-01-01T00:00:01Z"),
            Ok(Is::Time(SystemTime::UNIX_EPOCH + Duration::from_secs(1)))
        );
        assert_eq!(of("log@7"), Ok(Is::Position(Position::new("log", 7_u64))));
        for bad in ["", "Earliest", "2026-01-31", "yesterday"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
