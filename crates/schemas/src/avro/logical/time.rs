//! Dates and times: counts since 1970 or since midnight, and their text as RFC 3339 writes it.
//!
//! Text has the years 0000 to 9999, which is less than the counts have: what lies beyond is refused. A fraction of a
//! second is written with 3, 6 or 9 digits, as many as it needs, and not at all where it is zero.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use super::super::model::Unit;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_DAY: i64 = SECONDS_PER_DAY * NANOS_PER_SECOND;

/// Where counts begin. Arithmetic is done on dates of a calendar and not on points in time of the library, since those
/// end a day before 9999-12-31, which is often written for "never".
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

const YEARS: &str = "expected a time of the years 0000 to 9999";
const DATE: &str = "expected a date such as 2026-11-22";
const TIME: &str = "expected a time of day such as 13:45:30.250";
const TIMESTAMP: &str = "expected a point in time such as 2026-11-22T13:45:30.250Z (RFC 3339)";
const LOCAL: &str = "expected a date and time without an offset, such as 2026-11-22T13:45:30.250";
const FINER: &str = "expected a time without a fraction finer than the schema can hold";

/// The date that is this many days after 1970-01-01.
pub(crate) fn date_text(days: i64) -> Result<String, &'static str> {
    let seconds = days.checked_mul(SECONDS_PER_DAY).ok_or(YEARS)?;
    Ok(date_of(after_epoch(SignedDuration::from_secs(seconds))?.date()))
}

/// The days from 1970-01-01 to a date.
pub(crate) fn date_days(text: &str) -> Result<i64, &'static str> {
    let mut scanner = Scanner::new(text);
    let date = scanner.date().filter(|_| scanner.is_at_end()).ok_or(DATE)?;
    let midnight = date.to_datetime(Time::midnight());
    Ok(midnight.duration_since(EPOCH).as_secs() / SECONDS_PER_DAY)
}

/// The time that is this long after midnight.
pub(crate) fn time_text(count: i64, unit: Unit) -> Result<String, &'static str> {
    let nanoseconds = count
        .checked_mul(unit.nanoseconds())
        .filter(|nanoseconds| (0..NANOS_PER_DAY).contains(nanoseconds))
        .ok_or("expected a time within a day")?;
    let (seconds, fraction) = (nanoseconds / NANOS_PER_SECOND, nanoseconds % NANOS_PER_SECOND);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{hour:02}:{minute:02}:{second:02}");
    write_fraction(fraction, &mut text);
    Ok(text)
}

/// How long a time is after midnight.
pub(crate) fn time_count(text: &str, unit: Unit) -> Result<i64, &'static str> {
    let mut scanner = Scanner::new(text);
    let time = scanner.time().filter(|_| scanner.is_at_end()).ok_or(TIME)?;
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    let nanoseconds = seconds * NANOS_PER_SECOND + i64::from(time.subsec_nanosecond());
    exact(i128::from(nanoseconds), unit)
}

/// The point in time that is this long after 1970-01-01T00:00:00Z.
pub(crate) fn timestamp_text(count: i64, unit: Unit) -> Result<String, &'static str> {
    local_timestamp_text(count, unit).map(|text| text + "Z")
}

/// How long a point in time is after 1970-01-01T00:00:00Z. Its offset is not kept.
pub(crate) fn timestamp_count(text: &str, unit: Unit) -> Result<i64, &'static str> {
    let mut scanner = Scanner::new(text);
    let (local, offset) = scanner
        .date_time()
        .and_then(|local| Some((local, scanner.offset()?)))
        .filter(|_| scanner.is_at_end())
        .ok_or(TIMESTAMP)?;
    // An offset may lead out of the years that can be written again.
    let time = local
        .checked_sub(offset)
        .ok()
        .filter(|time| time.year() >= 0)
        .ok_or(YEARS)?;
    exact(time.duration_since(EPOCH).as_nanos(), unit)
}

/// The date and time of a clock that is this long after 1970-01-01T00:00:00.
pub(crate) fn local_timestamp_text(count: i64, unit: Unit) -> Result<String, &'static str> {
    let since = match unit {
        Unit::Millis => SignedDuration::from_millis(count),
        Unit::Micros => SignedDuration::from_micros(count),
        Unit::Nanos => SignedDuration::from_nanos(count),
    };
    let time = after_epoch(since)?;
    let mut text = date_of(time.date());
    text.push_str(&format!(
        "T{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    ));
    write_fraction(i64::from(time.subsec_nanosecond()), &mut text);
    Ok(text)
}

/// How long the date and time of a clock is after 1970-01-01T00:00:00.
pub(crate) fn local_timestamp_count(text: &str, unit: Unit) -> Result<i64, &'static str> {
    let mut scanner = Scanner::new(text);
    let local = scanner.date_time().filter(|_| scanner.is_at_end()).ok_or(LOCAL)?;
    exact(local.duration_since(EPOCH).as_nanos(), unit)
}

fn after_epoch(since: SignedDuration) -> Result<DateTime, &'static str> {
    let time = EPOCH.checked_add(since).ok();
    time.filter(|time| time.year() >= 0).ok_or(YEARS)
}

/// Nanoseconds in a coarser unit, if nothing is lost.
fn exact(nanoseconds: i128, unit: Unit) -> Result<i64, &'static str> {
    let unit = i128::from(unit.nanoseconds());
    if nanoseconds % unit != 0 {
        return Err(FINER);
    }
    i64::try_from(nanoseconds / unit)
        .map_err(|_| "expected a time of the years 1677 to 2262, which nanoseconds can hold")
}

fn date_of(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

fn write_fraction(nanoseconds: i64, out: &mut String) {
    if nanoseconds == 0 {
        return;
    }
    if nanoseconds % 1_000_000 == 0 {
        out.push_str(&format!(".{:03}", nanoseconds / 1_000_000));
    } else if nanoseconds % 1_000 == 0 {
        out.push_str(&format!(".{:06}", nanoseconds / 1_000));
    } else {
        out.push_str(&format!(".{nanoseconds:09}"));
    }
}

/// Reads the grammar of RFC 3339, section 5.6, from left to right.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            rest: text.as_bytes(),
        }
    }

    const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn number(&mut self, digits: usize) -> Option<i16> {
        let (number, rest) = self.rest.split_at_checked(digits)?;
        if !number.iter().all(u8::is_ascii_digit) {
            return None;
        }
        self.rest = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    fn part(&mut self, digits: usize) -> Option<i8> {
        self.number(digits)?.try_into().ok()
    }

    fn one_of(&mut self, expected: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        if !expected.contains(first) {
            return None;
        }
        self.rest = rest;
        Some(*first)
    }

    fn date(&mut self) -> Option<Date> {
        let year = self.number(4)?;
        self.one_of(b"-")?;
        let month = self.part(2)?;
        self.one_of(b"-")?;
        let day = self.part(2)?;
        Date::new(year, month, day).ok()
    }

    fn time(&mut self) -> Option<Time> {
        let hour = self.part(2)?;
        self.one_of(b":")?;
        let minute = self.part(2)?;
        self.one_of(b":")?;
        let second = self.part(2)?;
        let nanoseconds = if self.one_of(b".").is_some() {
            self.fraction()?
        } else {
            0
        };
        Time::new(hour, minute, second, nanoseconds).ok()
    }

    /// One to nine digits; zeros may follow.
    fn fraction(&mut self) -> Option<i32> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(length);
        let zeros = digits.iter().rev().take_while(|byte| **byte == b'0').count();
        let significant = length - zeros;
        if length == 0 || significant > 9 {
            return None;
        }
        self.rest = rest;
        let text = std::str::from_utf8(&digits[..significant]).ok()?;
        format!("{text:0<9}").parse().ok()
    }

    fn date_time(&mut self) -> Option<DateTime> {
        let date = self.date()?;
        self.one_of(b"Tt")?;
        Some(date.to_datetime(self.time()?))
    }

    /// How far the clock is ahead of UTC.
    fn offset(&mut self) -> Option<SignedDuration> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(SignedDuration::ZERO),
        };
        let hours = self.part(2).filter(|hours| *hours < 24)?;
        self.one_of(b":")?;
        let minutes = self.part(2).filter(|minutes| *minutes < 60)?;
        let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
        Some(SignedDuration::from_secs(sign * seconds))
    }
}
