//! The forms of a point in time: RFC 3339, counts since 1970, and patterns.

use jiff::civil::DateTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::migration::decimal::{Decimal, Round};
use crate::migration::document::{Number, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::op::convert::{decimal, format, number, read, wrong_kind};
use crate::migration::shape::{Kinds, NumberShape, StringShape, TextFormat};

/// How a point in time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    kind: Kind,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rfc3339,
    /// A count of units of 10^`-scale` seconds since 1970-01-01T00:00:00Z.
    Unix {
        scale: u8,
    },
    Pattern,
}

/// The seconds of 0000-01-01T00:00:00Z and of the end of 9999.
const FIRST_SECOND: i64 = -62_167_219_200;
const END_SECOND: i64 = 253_402_300_800;

impl Form {
    /// One of the words, or a pattern in the directives of strptime.
    ///
    /// # Errors
    /// What was expected, for a text that is neither.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let kind = match text {
            "rfc3339" => Kind::Rfc3339,
            "unix_s" => Kind::Unix { scale: 0 },
            "unix_ms" => Kind::Unix { scale: 3 },
            "unix_us" => Kind::Unix { scale: 6 },
            "unix_ns" => Kind::Unix { scale: 9 },
            _ if !text.contains('%') => {
                return Err(format!(
                    "expected `rfc3339`, `unix_s`, `unix_ms`, `unix_us`, `unix_ns` or a pattern such as `%Y-%m-%d`, found `{text}`"
                ));
            }
            _ => {
                // A directive that is unknown shows when anything is written with it.
                let example = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
                if let Err(error) = strtime::format(text, &example) {
                    return Err(format!("expected a pattern of strptime directives: {error}"));
                }
                Kind::Pattern
            }
        };
        Ok(Self {
            kind,
            text: text.to_owned(),
        })
    }

    /// Whether it reads numbers, and strings that are one; else it reads strings only.
    pub(super) const fn reads_numbers(&self) -> bool {
        matches!(self.kind, Kind::Unix { .. })
    }

    /// Says what it writes.
    pub(super) fn put_shape(&self, kinds: &mut Kinds) {
        match self.kind {
            Kind::Unix { .. } => {
                kinds.number = Some(NumberShape {
                    integer: true,
                    range: None,
                });
            }
            Kind::Rfc3339 | Kind::Pattern => {
                let format = (self.kind == Kind::Rfc3339).then_some(TextFormat::DateTime);
                kinds.string = Some(StringShape { values: None, format });
            }
        }
    }

    /// As it was typed.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The point in time of a value.
    ///
    /// # Errors
    /// `type`, `format`, `range`, `invalid_text`.
    pub(super) fn point(&self, value: &Value, zone: &TimeZone) -> Result<Decimal, Failure> {
        let point = match self.kind {
            Kind::Unix { scale } => {
                let count = match value {
                    Value::Number(found) => Decimal::read(found.as_str()),
                    Value::String(text) => {
                        let text = read(text)?;
                        if Number::from_text(&text).is_err() {
                            return Err(format("expected a count of time, or a string that is one"));
                        }
                        Decimal::read(&text)
                    }
                    _ => return Err(wrong_kind("expected a number, or a string that is one")),
                };
                count
                    .and_then(|count| count.times(&Decimal::new(1, i64::from(scale))))
                    .map_err(decimal)?
            }
            Kind::Rfc3339 => rfc3339(&read(string(value)?)?)?,
            Kind::Pattern => self.parse_pattern(&read(string(value)?)?, zone)?,
        };
        let seconds = whole_seconds(&point)?;
        if (FIRST_SECOND..END_SECOND).contains(&seconds) {
            Ok(point)
        } else {
            Err(year())
        }
    }

    /// A point in time in this form. With `truncate`, digits that it cannot hold are cut to the past.
    ///
    /// # Errors
    /// `range` where digits would be lost, or where the form cannot hold the point.
    pub(super) fn write(&self, point: &Decimal, zone: &TimeZone, truncate: bool) -> Result<Value, Failure> {
        let round = if truncate { Round::Floor } else { Round::Fail };
        match self.kind {
            Kind::Unix { scale } => {
                let count = point
                    .times(&Decimal::new(10_i64.pow(u32::from(scale)), 0))
                    .map_err(decimal)?;
                number(&count.rounded(0, round).map_err(decimal)?.to_string())
            }
            Kind::Rfc3339 => {
                let point = point.rounded(9, round).map_err(decimal)?;
                let (local, offset) = local_time(&point, zone)?;
                write_rfc3339(local, offset, zone).map(|text| Value::string(&text))
            }
            Kind::Pattern => {
                let point = point.rounded(9, round).map_err(decimal)?;
                let text = broken_down(&point, zone)?
                    .to_string(&self.text)
                    .map_err(|_| range("expected a point in time that the pattern can hold"))?;
                // A pattern loses digits where reading its own text back gives another point.
                if !truncate && !self.parse_pattern(&text, zone).is_ok_and(|back| back == point) {
                    return Err(range(
                        "expected a point in time that the pattern holds in full, or `round: truncate`",
                    ));
                }
                Ok(Value::string(&text))
            }
        }
    }

    fn parse_pattern(&self, text: &str, zone: &TimeZone) -> Result<Decimal, Failure> {
        let unlike = |_| format("expected a time of the pattern");
        let mut parts = BrokenDownTime::parse(&self.text, text).map_err(unlike)?;
        if parts.timestamp().is_none()
            && parts.hour().is_none()
            && parts.minute().is_none()
            && parts.second().is_none()
        {
            parts.set_hour(Some(0)).map_err(unlike)?;
        }
        if let Some(timestamp) = parts.timestamp() {
            return Ok(Decimal::new(timestamp.as_nanosecond(), 9));
        }
        let local = parts.to_datetime().map_err(unlike)?;
        if let Some(offset) = parts.offset() {
            return Ok(seconds(local, offset));
        }
        let named = match parts.iana_time_zone() {
            Some(name) => super::find_zone(name).map_err(|_| format("expected a time with a known zone"))?,
            None => zone.clone(),
        };
        let offset = match named.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            // The clock was set back: what stands twice means the earlier, which still has the offset from before.
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { .. } => {
                return Err(range("expected a local time that exists in the zone"));
            }
        };
        Ok(seconds(local, offset))
    }
}

fn string(value: &Value) -> Result<&crate::migration::document::Text, Failure> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(wrong_kind("expected a string")),
    }
}

fn range(expected: &'static str) -> Failure {
    Failure::new(FailureKind::Range, expected)
}

fn year() -> Failure {
    range("expected a point in time of the years 0000 to 9999")
}

/// The point that a clock with this offset shows as this time. A timestamp of the library ends a day before the year 9999
/// does, so the distance is counted between times of day.
fn seconds(local: DateTime, offset: Offset) -> Decimal {
    let distance = local.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0));
    let nanoseconds = distance.as_nanos() - i128::from(offset.seconds()) * NANOSECONDS;
    Decimal::new(nanoseconds, 9)
}

fn whole_seconds(point: &Decimal) -> Result<i64, Failure> {
    let whole = point.rounded(0, Round::Floor).map_err(decimal)?.to_integer();
    whole.and_then(|whole| i64::try_from(whole).ok()).ok_or_else(year)
}

const NANOSECONDS: i128 = 1_000_000_000;

fn nanoseconds(point: &Decimal) -> Result<i128, Failure> {
    let count = point
        .times(&Decimal::new(NANOSECONDS, 0))
        .map_err(decimal)?
        .to_integer();
    count
        .and_then(|count| i128::try_from(count).ok())
        .ok_or_else(year)
}

/// What a clock in the zone shows at this point, and its offset.
fn local_time(point: &Decimal, zone: &TimeZone) -> Result<(DateTime, Offset), Failure> {
    let nanoseconds = nanoseconds(point)?;
    // Behind the last timestamp the zone keeps its last offset; no rule changes the clock on the last day of a year.
    let nearest =
        Timestamp::from_nanosecond(nanoseconds.min(Timestamp::MAX.as_nanosecond())).map_err(|_| year())?;
    let offset = zone.to_offset(nearest);
    let beyond = SignedDuration::from_nanos_i128(nanoseconds - nearest.as_nanosecond());
    let local = offset
        .to_datetime(nearest)
        .checked_add(beyond)
        .map_err(|_| year())?;
    if (0..=9999).contains(&local.year()) {
        Ok((local, offset))
    } else {
        Err(year())
    }
}

fn broken_down(point: &Decimal, zone: &TimeZone) -> Result<BrokenDownTime, Failure> {
    let (local, offset) = local_time(point, zone)?;
    match Timestamp::from_nanosecond(nanoseconds(point)?) {
        Ok(timestamp) => Ok(BrokenDownTime::from(&timestamp.to_zoned(zone.clone()))),
        Err(_) => {
            let mut parts = BrokenDownTime::from(local);
            parts.set_offset(Some(offset));
            Ok(parts)
        }
    }
}

fn write_rfc3339(local: DateTime, offset: Offset, zone: &TimeZone) -> Result<String, Failure> {
    use std::fmt::Write as _;
    let mut text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    );
    let fraction = local.subsec_nanosecond();
    let mut write = |part: std::fmt::Arguments<'_>| {
        text.write_fmt(part)
            .map_err(|_| range("expected a point in time that can be written"))
    };
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        write(format_args!(".{}", digits.trim_end_matches('0')))?;
    }
    if *zone == TimeZone::UTC {
        write(format_args!("Z"))?;
        return Ok(text);
    }
    let offset = offset.seconds();
    if offset % 60 != 0 {
        return Err(range("expected an offset in whole minutes"));
    }
    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
    write(format_args!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))?;
    Ok(text)
}

/// Reads `date-time` of RFC 3339, section 5.6, except a leap second, which no scale here can hold.
fn rfc3339(text: &str) -> Result<Decimal, Failure> {
    let unlike = || format("expected a time by RFC 3339 such as `2026-11-22T10:00:00Z`");
    let bytes = text.as_bytes();
    let two = |at: usize| -> Option<i8> {
        let digits = bytes.get(at..at + 2)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| (digits[0] - b'0') * 10 + (digits[1] - b'0'))?
            .try_into()
            .ok()
    };
    let marks = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    let proper = marks.iter().all(|(at, mark)| bytes.get(*at) == mark.first());
    if !proper || !matches!(bytes.get(10), Some(b'T' | b't')) {
        return Err(unlike());
    }
    let field = |at| two(at).ok_or_else(unlike);
    let written = i16::from(field(0)?) * 100 + i16::from(field(2)?);
    let local = DateTime::new(
        written,
        field(5)?,
        field(8)?,
        field(11)?,
        field(14)?,
        field(17)?,
        0,
    )
    .map_err(|_| unlike())?;
    let mut rest = &text[19..];
    let mut fraction = Decimal::new(0, 0);
    if let Some(digits) = rest.strip_prefix('.') {
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return Err(unlike());
        }
        fraction = Decimal::read(&format!("0.{}", &digits[..length])).map_err(decimal)?;
        rest = &digits[length..];
    }
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let at = text.len() - rest.len();
            let sign = match rest.as_bytes() {
                [b'+', _, _, b':', _, _] => 1,
                [b'-', _, _, b':', _, _] => -1,
                _ => return Err(unlike()),
            };
            let (hours, minutes) = (i32::from(field(at + 1)?), i32::from(field(at + 4)?));
            if hours > 23 || minutes > 59 {
                return Err(unlike());
            }
            sign * (hours * 3600 + minutes * 60)
        }
    };
    let offset = Offset::from_seconds(offset).map_err(|_| unlike())?;
    Ok(seconds(local, offset).plus(&fraction))
}
