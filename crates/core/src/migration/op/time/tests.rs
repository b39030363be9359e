use jiff::tz::TimeZone;

use super::*;
use crate::migration::failure::FailureKind;

fn time(from: &str, to: &str, zone: &str, round: Round) -> Time {
    Time {
        path: "at".parse().unwrap(),
        from: Form::read(from).unwrap(),
        to: Form::read(to).unwrap(),
        zone: zone.to_owned(),
        round,
        on_error: OnError::Fail,
    }
}

fn convert(operation: &Time, value: Value) -> Result<String, FailureKind> {
    let zone = find_zone(&operation.zone).unwrap_or(TimeZone::UTC);
    let mut value = value;
    operation
        .convert(&mut value, &zone)
        .map(|_| value.to_json())
        .map_err(|failure| failure.kind)
}

fn number(text: &str) -> Value {
    crate::migration::op::convert::number(text).unwrap()
}

#[test]
fn points_in_time_are_converted_exactly() {
    for (from, to, zone, value, expected) in [
        (
            "rfc3339",
            "unix_ms",
            "UTC",
            Value::string("2021-08-19T12:16:32.000-04:00"),
            "1629389792000",
        ),
        (
            "rfc3339",
            "unix_ns",
            "UTC",
            Value::string("1969-12-31t23:59:59.999999999z"),
            "-1",
        ),
        (
            "unix_s",
            "rfc3339",
            "UTC",
            number("0"),
            r#""1970-01-01T00:00:00Z""#,
        ),
        (
            "unix_s",
            "rfc3339",
            "UTC",
            number("1.5e0"),
            r#""1970-01-01T00:00:01.5Z""#,
        ),
        (
            "unix_ms",
            "rfc3339",
            "UTC",
            Value::string("-1"),
            r#""1969-12-31T23:59:59.999Z""#,
        ),
        (
            "unix_s",
            "rfc3339",
            "Europe/London",
            number("0"),
            r#""1970-01-01T01:00:00+01:00""#,
        ),
        (
            "unix_s",
            "rfc3339",
            "Europe/London",
            number("100000000"),
            r#""1973-03-03T09:46:40+00:00""#,
        ),
        (
            "%a %b %d %H:%M:%S %z %Y",
            "unix_s",
            "UTC",
            Value::string("Sun Aug 31 00:29:15 +0000 2014"),
            "1409444955",
        ),
        (
            "%Y-%m-%d",
            "rfc3339",
            "Europe/Vienna",
            Value::string("2026-07-01"),
            r#""2026-07-01T00:00:00+02:00""#,
        ),
        (
            "rfc3339",
            "%d.%m.%Y %H:%M:%S",
            "Europe/Vienna",
            Value::string("2026-01-01T00:00:00Z"),
            r#""01.01.2026 01:00:00""#,
        ),
        (
            "unix_s",
            "rfc3339",
            "UTC",
            number("-62167219200"),
            r#""0000-01-01T00:00:00Z""#,
        ),
        (
            "unix_s",
            "rfc3339",
            "UTC",
            number("253402300799"),
            r#""9999-12-31T23:59:59Z""#,
        ),
    ] {
        assert_eq!(
            convert(&time(from, to, zone, Round::Fail), value),
            Ok(expected.to_owned()),
            "{from} to {to}"
        );
    }
}

#[test]
fn a_local_time_that_stands_twice_means_the_earlier_and_one_that_is_missing_is_range() {
    let operation = time("%Y-%m-%d %H:%M:%S", "rfc3339", "Europe/Vienna", Round::Fail);
    assert_eq!(
        convert(&operation, Value::string("2026-10-25 02:30:00")),
        Ok(r#""2026-10-25T02:30:00+02:00""#.to_owned())
    );
    assert_eq!(
        convert(&operation, Value::string("2026-03-29 02:30:00")),
        Err(FailureKind::Range)
    );
}

#[test]
fn digits_are_lost_only_when_asked_and_to_the_past() {
    for (from, to, value, truncated) in [
        ("rfc3339", "unix_s", Value::string("1970-01-01T00:00:01.9Z"), "1"),
        ("rfc3339", "unix_s", Value::string("1969-12-31T23:59:59.9Z"), "-1"),
        (
            "rfc3339",
            "rfc3339",
            Value::string("1970-01-01T00:00:00.0123456789Z"),
            r#""1970-01-01T00:00:00.012345678Z""#,
        ),
        (
            "rfc3339",
            "%Y-%m-%d",
            Value::string("1970-01-01T23:00:00Z"),
            r#""1970-01-01""#,
        ),
    ] {
        assert_eq!(
            convert(&time(from, to, "UTC", Round::Fail), value.clone()),
            Err(FailureKind::Range),
            "{from} to {to}"
        );
        assert_eq!(
            convert(&time(from, to, "UTC", Round::Truncate), value),
            Ok(truncated.to_owned()),
            "{from} to {to}"
        );
    }
}

#[test]
fn what_is_no_time_is_told_apart() {
    use FailureKind::{Format, Range, Type};
    for (from, value, kind) in [
        ("rfc3339", Value::string("2026-02-29T00:00:00Z"), Format),
        ("rfc3339", Value::string("2026-01-01T00:00:60Z"), Format),
        ("rfc3339", Value::string("2026-01-01 00:00:00Z"), Format),
        ("rfc3339", Value::string("2026-01-01T00:00:00"), Format),
        ("rfc3339", Value::string("2026-01-01T00:00:00.Z"), Format),
        ("rfc3339", Value::string("2026-01-01T00:00:00+24:00"), Format),
        ("rfc3339", Value::string("ééééééééééé"), Format),
        ("rfc3339", Value::string("0000-01-01T00:00:00+01:00"), Range),
        ("rfc3339", number("1"), Type),
        ("unix_s", Value::string("+1"), Format),
        ("unix_s", Value::string(""), Format),
        ("unix_s", Value::Bool(true), Type),
        ("unix_s", number("1e30"), Range),
        ("unix_s", number("1e500"), Range),
        ("unix_s", number("253402300800"), Range),
        ("%Y", Value::string("x"), Format),
    ] {
        assert_eq!(
            convert(&time(from, "unix_ns", "UTC", Round::Fail), value),
            Err(kind),
            "{from}"
        );
    }
    let late = time("unix_s", "rfc3339", "Europe/Vienna", Round::Fail);
    assert_eq!(convert(&late, number("253402300799")), Err(Range));
    let old = time("unix_s", "rfc3339", "Europe/Vienna", Round::Fail);
    assert_eq!(
        convert(&old, number("-5000000000")),
        Err(Range),
        "an offset with seconds"
    );
}

#[test]
fn a_form_that_is_neither_word_nor_pattern_is_refused() {
    for text in ["rfc822", "unix", "%", "%!"] {
        assert!(Form::read(text).is_err(), "{text}");
    }
    assert!(find_zone("Europe/Wien").is_err());
}
