use dunlin_core::migration::FailureKind;

use super::super::tests::{decoded, model, schema};
use super::*;

const HUGE: [u8; 10] = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];

/// A count of 2^62.
const COUNT: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];

fn count() -> Vec<u8> {
    // Zigzag doubles it: 2^63 is a one in the last of ten groups of seven bits.
    let mut bytes = COUNT.to_vec();
    bytes.push(0x01);
    bytes
}

#[test]
fn counts_of_2_to_the_62_end_at_the_limits() {
    let nulls = schema(r#"{"type": "array", "items": "null"}"#);
    let failure = decoded(&*nulls, &count()).expect_err("nobody has that much memory");
    assert_eq!(failure.kind, FailureKind::Limit);
    for text in [
        r#"{"type": "array", "items": "long"}"#,
        r#"{"type": "map", "values": "null"}"#,
        r#"{"type": "array", "items": {"type": "fixed", "name": "F", "size": 4000000000}}"#,
        r#""bytes""#,
        r#""string""#,
    ] {
        for mut payload in [count(), HUGE.to_vec()] {
            payload.extend([2, 2]);
            let failure = decoded(&*schema(text), &payload).expect_err("the payload is short");
            assert_eq!(failure.kind, FailureKind::Decode, "{text}");
        }
    }
}

#[test]
fn counts_of_2_to_the_62_are_skipped_in_no_time() {
    let writer = model(
        r#"{"type": "record", "name": "R", "fields": [
            {"name": "gone", "type": {"type": "array", "items": "null"}}, {"name": "a", "type": "int"}]}"#,
    );
    let reader = model(r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}"#);
    let plan = Plan::new(&writer, &reader).expect("the schemas are small");
    let mut payload = count();
    payload.extend([0, 6]);
    let value = decode(&plan, &payload, 0, &Limits::default()).expect("it is skipped");
    assert_eq!(value.to_json(), r#"{"a":3}"#);
}

#[test]
fn negative_lengths_and_indexes_are_refused() {
    for (text, payload) in [
        (r#""bytes""#, &[1][..]),
        (r#""string""#, &[1]),
        (r#"["null", "int"]"#, &[1]),
        (r#"["null", "int"]"#, &[4]),
        (r#"{"type": "enum", "name": "E", "symbols": ["a"]}"#, &[2]),
        (r#"{"type": "array", "items": "int"}"#, &[1, 1, 2, 0]),
        (r#""boolean""#, &[2]),
        (r#""string""#, &[2, 0xff]),
        (r#""int""#, &[0x80, 0x80, 0x80, 0x80, 0x10]),
        (
            r#""long""#,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ),
        (r#""long""#, &[]),
        (r#""double""#, &[0; 7]),
        (r#""null""#, &[0]),
    ] {
        let failure = decoded(&*schema(text), payload).expect_err("it is no datum of the schema");
        assert_eq!(failure.kind, FailureKind::Decode, "{text} {payload:?}");
    }
}

#[test]
fn blocks_may_tell_their_size() {
    let array = schema(r#"{"type": "array", "items": "int"}"#);
    // A block of two with its size, a block of one without.
    assert_eq!(
        decoded(&*array, &[3, 4, 2, 4, 2, 6, 0]).expect("it is read"),
        "[1,2,3]"
    );
    let map = schema(r#"{"type": "map", "values": "int"}"#);
    assert_eq!(
        decoded(&*map, &[1, 6, 2, b'a', 2, 0]).expect("it is read"),
        r#"{"a":1}"#
    );
}

#[test]
fn a_datum_that_is_deeper_than_the_limit_is_refused() {
    let endless = schema(r#"{"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]}"#);
    let failure = decoded(&*endless, &[]).expect_err("it has no end");
    assert_eq!(failure.kind, FailureKind::Limit);
    let list =
        schema(r#"{"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}"#);
    let nested = |depth: usize| {
        let mut payload = vec![2; depth - 1];
        payload.push(0);
        payload
    };
    assert!(decoded(&*list, &nested(128)).is_ok());
    let failure = decoded(&*list, &nested(129)).expect_err("it is too deep");
    assert_eq!(failure.kind, FailureKind::Limit);
    let failure = decoded(&*list, &nested(1_000_000)).expect_err("it is too deep");
    assert_eq!(failure.kind, FailureKind::Limit);
}

#[test]
fn defaults_are_charged_as_what_is_read_is() {
    let writer = model(r#"{"type": "array", "items": {"type": "record", "name": "R", "fields": []}}"#);
    let text = format!(
        r#"{{"type": "array", "items": {{"type": "record", "name": "R", "fields": [
            {{"name": "a", "type": "string", "default": "{}"}}]}}}}"#,
        "x".repeat(100_000)
    );
    let plan = Plan::new(&writer, &model(&text)).expect("the schemas are small");
    let failure = decode(&plan, &count(), 0, &Limits::default()).expect_err("nobody has that much memory");
    assert_eq!(failure.kind, FailureKind::Limit);
}

#[test]
fn failures_tell_the_place_and_the_offset_and_no_value() {
    let text = r#"{"type": "record", "name": "R", "fields": [
        {"name": "lines", "type": {"type": "array", "items": {"type": "map", "values": "boolean"}}}]}"#;
    let failure = decoded(&*schema(text), &[2, 2, 6, b'a', b' ', b'b', 7]).expect_err("7 is no boolean");
    assert_eq!(
        failure.to_string(),
        "decode at lines[0].\"a b\" at byte 7: expected a boolean, which is the byte 0 or 1"
    );
}

#[test]
fn nan_and_the_infinities_are_refused() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let failure =
            decoded(&*schema("\"double\""), &number.to_le_bytes()).expect_err("JSON has no such number");
        assert!(failure.message().contains("finite"), "{failure}");
    }
}

mod random {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_whatever_end_the_process(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            let schema = schema(super::super::super::encode::tests::EVERYTHING);
            if let Err(failure) = decoded(&*schema, &payload) {
                prop_assert!(matches!(failure.kind, FailureKind::Decode | FailureKind::Limit));
            }
        }
    }
}
