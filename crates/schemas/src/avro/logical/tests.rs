use super::super::model::Unit;
use super::*;

#[test]
fn dates_are_days_since_1970_in_the_years_of_four_digits() {
    let cases = [
        (0, "1970-01-01"),
        (-1, "1969-12-31"),
        (20_779, "2026-11-22"),
        (11_016, "2000-02-29"),
        (-719_528, "0000-01-01"),
        (2_932_896, "9999-12-31"),
    ];
    for (days, text) in cases {
        assert_eq!(date_text(days).as_deref(), Ok(text));
        assert_eq!(date_days(text), Ok(days));
    }
    for beyond in [-719_529, 2_932_897, i64::MIN, i64::MAX] {
        assert!(date_text(beyond).is_err(), "{beyond}");
    }
    for wrong in [
        "2026-2-22",
        "2026-02-30",
        "2026-11-22Z",
        "",
        "+2026-11-22",
        "2026-11-22 ",
    ] {
        assert!(date_days(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn times_of_day_lie_within_a_day() {
    assert_eq!(time_text(0, Unit::Millis).as_deref(), Ok("00:00:00"));
    assert_eq!(time_text(86_399_999, Unit::Millis).as_deref(), Ok("23:59:59.999"));
    assert_eq!(
        time_text(49_530_250_001, Unit::Micros).as_deref(),
        Ok("13:45:30.250001")
    );
    assert_eq!(time_count("13:45:30.25", Unit::Micros), Ok(49_530_250_000));
    assert_eq!(time_count("13:45:30.2500000000", Unit::Millis), Ok(49_530_250));
    for beyond in [-1, 86_400_000, i64::MAX] {
        assert!(time_text(beyond, Unit::Millis).is_err(), "{beyond}");
    }
    for wrong in ["24:00:00", "13:45", "13:45:30.", "13:45:30.2501", "13:45:60"] {
        assert!(time_count(wrong, Unit::Millis).is_err(), "{wrong}");
    }
}

#[test]
fn points_in_time_are_exact_and_their_offset_is_taken_off() {
    let text = "2026-11-22T13:45:30.25+05:30";
    assert_eq!(timestamp_count(text, Unit::Millis), Ok(1_795_335_330_250));
    assert_eq!(
        timestamp_text(1_795_335_330_250, Unit::Millis).as_deref(),
        Ok("2026-11-22T08:15:30.250Z")
    );
    assert_eq!(
        timestamp_text(-1, Unit::Nanos).as_deref(),
        Ok("1969-12-31T23:59:59.999999999Z")
    );
    assert_eq!(
        timestamp_text(i64::MAX, Unit::Nanos).as_deref(),
        Ok("2262-04-11T23:47:16.854775807Z")
    );
    assert_eq!(
        timestamp_count("2262-04-11T23:47:16.854775807Z", Unit::Nanos),
        Ok(i64::MAX)
    );
    assert_eq!(
        timestamp_count("9999-12-31T23:59:59.999Z", Unit::Millis),
        Ok(253_402_300_799_999)
    );
    assert_eq!(
        timestamp_text(253_402_300_799_999, Unit::Millis).as_deref(),
        Ok("9999-12-31T23:59:59.999Z")
    );
    for beyond in [253_402_300_800_000, i64::MIN, i64::MAX] {
        assert!(timestamp_text(beyond, Unit::Millis).is_err(), "{beyond}");
    }
    let wrong = [
        "2026-11-22T13:45:30.0001Z",
        "2026-11-22T13:45:30",
        "2026-11-22 13:45:30Z",
        "2026-11-22T13:45:30+24:00",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00+01:00",
    ];
    for wrong in wrong {
        assert!(timestamp_count(wrong, Unit::Millis).is_err(), "{wrong}");
    }
    assert!(timestamp_count("2263-01-01T00:00:00Z", Unit::Nanos).is_err());
    assert!(local_timestamp_count("2026-11-22T13:45:30Z", Unit::Millis).is_err());
    assert_eq!(
        local_timestamp_text(1_795_335_330_250, Unit::Millis).as_deref(),
        Ok("2026-11-22T08:15:30.250")
    );
}

#[test]
fn decimals_have_the_digits_of_their_scale_and_no_others() {
    let cases: [(&str, &[u8], &str); 8] = [
        ("0", &[0], "0.00"),
        ("1.1", &[110], "1.10"),
        ("-0.01", &[0xff], "-0.01"),
        ("1.28", &[0, 0x80], "1.28"),
        ("-1.28", &[0x80], "-1.28"),
        ("12e1", &[0x2e, 0xe0], "120.00"),
        ("1200e-1", &[0x2e, 0xe0], "120.00"),
        ("0e999999999999999999999", &[0], "0.00"),
    ];
    for (number, bytes, text) in cases {
        assert_eq!(decimal_bytes(number, 6, 2).as_deref(), Ok(bytes), "{number}");
        assert_eq!(decimal_text(bytes, 6, 2).as_deref(), Ok(text));
    }
    for wrong in [
        "0.001",
        "12345.67",
        "1e5",
        "1e-3",
        "1e999999999999999999999",
        "1e9999999",
    ] {
        assert!(decimal_bytes(wrong, 6, 2).is_err(), "{wrong}");
    }
    assert_eq!(
        decimal_bytes("9999.99", 6, 2).as_deref(),
        Ok(&[0x0f, 0x42, 0x3f][..])
    );
    assert!(
        decimal_text(&[0x0f, 0x42, 0x40], 6, 2).is_err(),
        "1000000 has seven digits"
    );
    assert_eq!(decimal_text(&[], 6, 2).as_deref(), Ok("0.00"));
}

#[test]
fn a_million_bytes_of_a_decimal_are_refused_before_they_are_computed_with() {
    let mut padded = vec![0xff; 1_000_000];
    assert_eq!(decimal_text(&padded, 6, 0).as_deref(), Ok("-1"));
    padded[0] = 1;
    assert!(decimal_text(&padded, 1000, 0).is_err());
}

#[test]
fn uuids_are_hexadecimal_digits_in_five_groups() {
    let text = "0188ed9c-7f0b-7c5e-b3b1-0123456789ab";
    let bytes = uuid_bytes(text).expect("it is a UUID");
    assert_eq!(uuid_text(&bytes), text);
    assert!(is_uuid(&text.to_uppercase()));
    assert!(uuid_bytes(&text.to_uppercase()).is_err());
    for wrong in [
        "",
        "0188ed9c7f0b7c5eb3b10123456789ab",
        "0188ed9c-7f0b-7c5e-b3b1-0123456789ag",
    ] {
        assert!(!is_uuid(wrong), "{wrong}");
    }
}
