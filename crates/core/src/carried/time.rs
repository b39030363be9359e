//! A time as the text of a header: as in the calendar, or, where it is outside of that, as seconds since 1970.
//!
//! A publisher may give a message a time that no calendar holds. It means nothing to a clock, and it is the publisher's.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-11-22T10:00:00Z`, with as many digits behind the seconds as are needed; from the year 10,000 on `@` and seconds.
pub(super) fn write(time: SystemTime, text: &mut String) -> fmt::Result {
    if let Ok(time) = jiff::Timestamp::try_from(time) {
        return write!(text, "{time}");
    }
    let (sign, distance) = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => ("", since),
        Err(before) => ("-", before.duration()),
    };
    write!(
        text,
        "@{sign}{}.{:09}",
        distance.as_secs(),
        distance.subsec_nanos()
    )
}

/// The time of such a text; none where it is another, or one that this machine's clock cannot show.
pub(super) fn read(text: &str) -> Option<SystemTime> {
    let Some(seconds) = text.strip_prefix('@') else {
        return text.parse::<jiff::Timestamp>().ok().map(SystemTime::from);
    };
    let (is_before, seconds) = match seconds.strip_prefix('-') {
        Some(seconds) => (true, seconds),
        None => (false, seconds),
    };
    let (whole, fraction) = seconds.split_once('.')?;
    if fraction.len() != 9 {
        return None;
    }
    let nanos: u32 = fraction.parse().ok()?;
    let distance =
        Duration::from_secs(whole.parse().ok()?).checked_add(Duration::from_nanos(nanos.into()))?;
    if is_before {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(time: SystemTime) -> String {
        let mut text = String::new();
        write(time, &mut text).expect("room in memory");
        text
    }

    #[test]
    fn every_time_comes_back_also_from_outside_of_the_calendar() {
        for seconds in [0, 1_600_000_000, 253_402_300_800, i64::MAX.unsigned_abs()] {
            let distance = Duration::new(seconds, 123_456_789);
            for time in [UNIX_EPOCH.checked_add(distance), UNIX_EPOCH.checked_sub(distance)] {
                let time = time.expect("a time that the clock can show");
                assert_eq!(read(&written(time)), Some(time), "{}", written(time));
            }
        }
        assert_eq!(written(UNIX_EPOCH), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "noon",
            "@",
            "@1",
            "@1.5",
            "@x.000000000",
            "@99999999999999999999.000000000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
