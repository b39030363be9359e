use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;

use super::{Envelope, read, write};
use crate::message::Message;

fn reads(line: &str) -> Envelope {
    read(&Bytes::copy_from_slice(line.as_bytes())).unwrap()
}

fn refusal(line: &str) -> String {
    read(&Bytes::copy_from_slice(line.as_bytes()))
        .unwrap_err()
        .to_string()
}

fn written(message: &Message, address: Option<&Bytes>) -> String {
    let mut line = Vec::new();
    write(message, address, &mut line).unwrap();
    String::from_utf8(line).unwrap()
}

#[test]
fn a_payload_keeps_every_byte_of_its_spelling() {
    for payload in [
        r#"{"a": 1E2, "b":1.10,"c":-0,  "d":12345678901234567890123456789012345678901}"#,
        r#"["\u00e9","é","\/","\ud800"]"#,
        r#"{"twice":1,"twice":2}"#,
        "null",
        "0",
    ] {
        let line = format!(r#"{{"id":"7","payload": {payload} ,"headers":{{}}}}"#);
        assert_eq!(reads(&line).message.payload.unwrap(), payload);
        assert_eq!(
            written(&Message::new(payload), None),
            format!(r#"{{"payload":{payload}}}"#)
        );
    }
}

#[test]
fn a_payload_as_deep_as_a_stack_passes() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let line = written(&Message::new(deep.clone()), None);
    assert_eq!(reads(&line).message.payload.unwrap(), deep);
}

#[test]
fn a_missing_or_empty_payload_is_a_tombstone_and_null_is_a_document() {
    assert_eq!(reads("{}").message.payload, None);
    assert_eq!(reads(r#"{"payload_base64":""}"#).message.payload, None);
    assert_eq!(reads(r#"{"payload":null}"#).message.payload.unwrap(), "null");
    assert_eq!(written(&Message::new(""), None), "{}");
    assert_eq!(written(&Message::tombstone(), None), "{}");
}

#[test]
fn what_is_not_one_line_of_json_goes_as_base64() {
    for payload in [
        &b"{\n}"[..],
        b"{\r}",
        b" 1",
        b"1 ",
        b"hello",
        b"\xff",
        b"{} {}",
        b"01",
    ] {
        let line = written(&Message::new(payload), None);
        assert!(line.starts_with(r#"{"payload_base64":"#), "{line}");
        assert_eq!(reads(&line).message.payload.unwrap(), payload);
    }
}

#[test]
fn headers_are_an_object_and_a_list_where_names_repeat() {
    let once = Message::tombstone()
        .with_header("b", "1")
        .with_header("a", &b"\xff"[..]);
    assert_eq!(
        written(&once, None),
        r#"{"headers":{"b":"1","a":{"base64":"/w=="}}}"#
    );
    let twice = once.with_header("b", "2");
    let line = written(&twice, None);
    assert_eq!(
        line,
        r#"{"headers":[["b","1"],["a",{"base64":"/w=="}],["b","2"]]}"#
    );
    assert_eq!(reads(&line).message.headers, twice.headers);
    assert_eq!(reads(r#"{"headers":{"a":"1","a":"2"}}"#).message.headers.len(), 2);
}

#[test]
fn a_broken_envelope_is_told_without_a_value() {
    for (line, part) in [
        ("", "found nothing"),
        ("5", "found a number"),
        (r#""canary""#, "an object"),
        (r#"{"payload":}"#, "column"),
        (r#"{"payload":canary}"#, "column"),
        (r#"{"header":{}}"#, r#"found "header""#),
        (r#"{"payload":1,"payload":2}"#, "twice"),
        (r#"{"payload":1,"payload_base64":"MQ=="}"#, "found both"),
        (r#"{"key":"a","key_base64":"MQ=="}"#, "found both"),
        (r#"{"payload_base64":"canary!"}"#, "base64 with its padding"),
        (r#"{"headers":"canary"}"#, "an object"),
        (r#"{"headers":{"a":5}}"#, "found a number"),
        (r#"{"headers":[["a"]]}"#, "list of `[name, value]`"),
        (r#"{"headers":{"a":{"base64":"MQ==","x":1}}}"#, "base64"),
        (r#"{"key":"\ud800"}"#, "lone surrogates"),
        (r#"{"time":"canary"}"#, "a time such as"),
        (r#"{"properties":{"priority":256}}"#, "in its range"),
        (r#"{"properties":{"canary_name":1}}"#, "expiry_ms"),
    ] {
        let told = refusal(line);
        assert!(told.contains(part), "{line}: {told}");
        assert!(!told.contains("canary\"") && !told.contains("canary!"), "{told}");
    }
}

#[test]
fn a_time_outside_the_calendar_is_refused_and_nothing_is_written() {
    let mut message = Message::tombstone();
    message.timestamp = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 40));
    let mut line = b"before".to_vec();
    assert!(write(&message, None, &mut line).is_err());
    assert_eq!(line, b"before");
}

proptest! {
    #[test]
    fn every_message_comes_back_as_it_was(
        payload in proptest::option::of(prop_oneof![
            proptest::collection::vec(any::<u8>(), 1..40),
            "[\\[\\]{}0-9a-z\",: \n]{1,20}".prop_map(String::into_bytes),
        ]),
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)),
        id in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)),
        address in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..8)),
        headers in proptest::collection::vec((".{0,3}", proptest::collection::vec(any::<u8>(), 0..6)), 0..5),
        nanoseconds in proptest::option::of(-(1_i64 << 60)..1 << 60),
        priority in proptest::option::of(any::<u8>()),
        expiry in proptest::option::of(0_u64..1 << 50),
        kind in proptest::option::of(".{0,5}"),
    ) {
        let mut message = payload.map_or_else(Message::tombstone, Message::new);
        message.key = key.map(Bytes::from);
        message.id = id.map(Bytes::from);
        message.headers = headers.into_iter().collect();
        message.timestamp = nanoseconds.map(|nanoseconds| {
            let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
            if nanoseconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
        });
        message.properties.priority = priority;
        message.properties.expiry = expiry.map(Duration::from_millis);
        message.properties.kind = kind;
        let address = address.map(Bytes::from);
        let mut line = Vec::new();
        write(&message, address.as_ref(), &mut line).unwrap();
        prop_assert!(!line.contains(&b'\n'));
        let back = read(&Bytes::from(line)).unwrap();
        prop_assert_eq!(back.message.payload, message.payload);
        prop_assert_eq!(back.message.key, message.key);
        prop_assert_eq!(back.message.id, message.id);
        prop_assert_eq!(back.message.timestamp, message.timestamp);
        prop_assert!(back.message.properties == message.properties);
        prop_assert_eq!(back.message.headers, message.headers);
        prop_assert_eq!(back.address, address);
    }
}
