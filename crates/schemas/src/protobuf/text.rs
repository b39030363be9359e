//! The texts of the well-known types, in both directions, and integers that are written as JSON numbers.
//!
//! Everything is exact: no float is made of a second or of an integer.

use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

/// Timestamps of the library end some hours earlier than the year 9999; its dates do not.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

const NANOS: i32 = 1_000_000_000;
/// 0001-01-01T00:00:00Z.
const LEAST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const MOST_SECOND: i64 = 253_402_300_799;
/// About ten thousand years, as `duration.proto` says.
const MOST_DURATION: i64 = 315_576_000_000;

/// A point in time in RFC 3339, in UTC, with 0, 3, 6 or 9 digits behind the point. `None` outside of the years 1 to 9999.
pub(super) fn timestamp(seconds: i64, nanos: i32) -> Option<String> {
    if !(LEAST_SECOND..=MOST_SECOND).contains(&seconds) || !(0..NANOS).contains(&nanos) {
        return None;
    }
    let time = EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    push_fraction(nanos.unsigned_abs(), &mut text);
    text.push('Z');
    Some(text)
}

/// Seconds and nanoseconds of a point in time in RFC 3339, with any offset and at most 9 digits behind the point.
pub(super) fn read_timestamp(text: &str) -> Option<(i64, i32)> {
    let (digits_and_signs, rest) = text.split_at_checked(19)?;
    let bytes = digits_and_signs.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| bytes[*at] != *byte) {
        return None;
    }
    let part = |from: usize, to: usize| digits(digits_and_signs.get(from..to)?)?.parse::<i8>().ok();
    let year = digits(digits_and_signs.get(0..4)?)?.parse::<i16>().ok()?;
    let time = DateTime::new(
        year,
        part(5, 7)?,
        part(8, 10)?,
        part(11, 13)?,
        part(14, 16)?,
        part(17, 19)?,
        0,
    )
    .ok()?;
    let (nanos, offset) = match rest.strip_prefix('.') {
        Some(fraction) => {
            let end = fraction.find(|character: char| !character.is_ascii_digit())?;
            let (fraction, offset) = fraction.split_at(end);
            (read_fraction(fraction)?, offset)
        }
        None => (0, rest),
    };
    let seconds = time.duration_since(EPOCH).as_secs() - read_offset(offset)?;
    (LEAST_SECOND..=MOST_SECOND)
        .contains(&seconds)
        .then_some((seconds, nanos))
}

/// The seconds that an offset is ahead of UTC.
fn read_offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let part = |text: &str, most: i64| {
        let number: i64 = digits(text).filter(|text| text.len() == 2)?.parse().ok()?;
        (number <= most).then_some(number)
    };
    Some(sign * (part(hours, 23)? * 3600 + part(minutes, 59)? * 60))
}

/// A duration as seconds with an `s`, with 0, 3, 6 or 9 digits behind the point. `None` beyond ten thousand years, or
/// where the signs of both parts differ.
pub(super) fn duration(seconds: i64, nanos: i32) -> Option<String> {
    let differ = (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0);
    if differ || seconds.abs() > MOST_DURATION || nanos.abs() >= NANOS {
        return None;
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let mut text = format!("{sign}{}", seconds.abs());
    push_fraction(nanos.unsigned_abs(), &mut text);
    text.push('s');
    Some(text)
}

/// Seconds and nanoseconds of a duration with at most 9 digits behind the point.
pub(super) fn read_duration(text: &str) -> Option<(i64, i32)> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => (-1, number),
        None => (1, number),
    };
    let (seconds, nanos) = match number.split_once('.') {
        Some((seconds, fraction)) => (seconds, read_fraction(fraction)?),
        None => (number, 0),
    };
    let seconds: i64 = digits(seconds)?.parse().ok()?;
    (seconds <= MOST_DURATION).then_some((i64::from(sign) * seconds, sign * nanos))
}

fn push_fraction(nanos: u32, text: &mut String) {
    let written = match nanos {
        0 => return,
        _ if nanos.is_multiple_of(1_000_000) => write!(text, ".{:03}", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => write!(text, ".{:06}", nanos / 1_000),
        _ => write!(text, ".{nanos:09}"),
    };
    // Writing to a string cannot fail.
    let _ = written;
}

fn read_fraction(text: &str) -> Option<i32> {
    let number: i32 = digits(text).filter(|text| text.len() <= 9)?.parse().ok()?;
    let missing = u32::try_from(9 - text.len()).ok()?;
    Some(number * 10_i32.pow(missing))
}

fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// A path of a field mask with its names in lowerCamelCase; `None` where that could not be taken back.
pub(super) fn mask_path(path: &str) -> Option<String> {
    let mut camel = String::with_capacity(path.len());
    let mut is_behind = false;
    for character in path.chars() {
        match character {
            'A'..='Z' => return None,
            '_' if is_behind => return None,
            '_' => is_behind = true,
            'a'..='z' if is_behind => {
                camel.push(character.to_ascii_uppercase());
                is_behind = false;
            }
            _ if is_behind => return None,
            other => camel.push(other),
        }
    }
    (!is_behind).then_some(camel)
}

/// A path of a field mask, of its text in lowerCamelCase.
pub(super) fn read_mask_path(text: &str) -> Option<String> {
    let mut path = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '_' => return None,
            'A'..='Z' => {
                path.push('_');
                path.push(character.to_ascii_lowercase());
            }
            other => path.push(other),
        }
    }
    Some(path)
}

/// The whole number that a JSON number stands for: `1`, `1.0` and `1e2` are whole, `1.5` is not.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()),
        None => (text, Some(0)),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (-1, mantissa),
        None => (1, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let joined = format!("{whole}{fraction}");
    let significant = joined.trim_end_matches('0');
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = joined.len() - joined.trim_end_matches('0').len();
    let moved = exponent?
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(zeros).ok()?)?;
    let scale = 10_i128.checked_pow(u32::try_from(moved).ok()?)?;
    significant
        .parse::<i128>()
        .ok()?
        .checked_mul(scale)?
        .checked_mul(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_written_in_utc_and_read_with_any_offset() {
        for (text, seconds, nanos, written) in [
            ("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"),
            (
                "1970-01-01T01:00:00.5+01:00",
                0,
                500_000_000,
                "1970-01-01T00:00:00.500Z",
            ),
            ("0001-01-01T00:00:00Z", LEAST_SECOND, 0, "0001-01-01T00:00:00Z"),
            (
                "9999-12-31T23:59:59.999999999Z",
                MOST_SECOND,
                999_999_999,
                "9999-12-31T23:59:59.999999999Z",
            ),
            (
                "1969-12-31T23:59:59.000001Z",
                -1,
                1_000,
                "1969-12-31T23:59:59.000001Z",
            ),
        ] {
            assert_eq!(read_timestamp(text), Some((seconds, nanos)), "{text}");
            assert_eq!(timestamp(seconds, nanos).as_deref(), Some(written));
        }
    }

    #[test]
    fn what_is_no_point_in_time_is_refused() {
        for text in [
            "",
            "1970-01-01T00:00:00",
            "1970-01-01t00:00:00Z",
            "1970-01-01T00:00:00z",
            "1970-01-01 00:00:00Z",
            "1970-02-30T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00+1:00",
            "0001-01-01T00:00:00+23:59",
            "+970-01-01T00:00:00Z",
            "é970-01-01T00:00:00Z",
        ] {
            assert_eq!(read_timestamp(text), None, "{text}");
        }
        assert_eq!(timestamp(MOST_SECOND + 1, 0), None);
        assert_eq!(timestamp(0, -1), None);
    }

    #[test]
    fn durations_keep_their_sign_and_every_nanosecond() {
        for (text, seconds, nanos) in [
            ("0s", 0, 0),
            ("-0.500s", 0, -500_000_000),
            ("1.000000001s", 1, 1),
            ("-315576000000.999999999s", -MOST_DURATION, -999_999_999),
        ] {
            assert_eq!(read_duration(text), Some((seconds, nanos)), "{text}");
            assert_eq!(duration(seconds, nanos).as_deref(), Some(text));
        }
        for text in ["1", "s", "1.s", "--1s", "+1s", "1e3s", "315576000001s", " 1s"] {
            assert_eq!(read_duration(text), None, "{text}");
        }
        assert_eq!(duration(1, -1), None);
    }

    #[test]
    fn paths_of_masks_are_written_only_where_they_can_be_taken_back() {
        assert_eq!(mask_path("foo_bar.baz").as_deref(), Some("fooBar.baz"));
        assert_eq!(read_mask_path("fooBar.baz").as_deref(), Some("foo_bar.baz"));
        for path in ["fooBar", "foo__bar", "foo_3", "foo_"] {
            assert_eq!(mask_path(path), None, "{path}");
        }
        assert_eq!(read_mask_path("foo_bar"), None);
    }

    #[test]
    fn whole_numbers_are_found_however_they_are_written() {
        for (text, number) in [
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("0e99999999999999999999", Some(0)),
            ("1.0", Some(1)),
            ("-1.20e1", Some(-12)),
            ("1e5", Some(100_000)),
            ("100e-2", Some(1)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("1.5", None),
            ("1e-1", None),
            ("1e400", None),
            ("1e99999999999999999999", None),
        ] {
            assert_eq!(integer(text), number, "{text}");
        }
    }
}
