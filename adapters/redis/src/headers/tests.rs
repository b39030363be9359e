use std::time::UNIX_EPOCH;

use dunlin_core::Class;
use dunlin_core::clock::{Clock, ManualClock};
use dunlin_core::messaging::Endpoint;
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;
use proptest::prelude::*;

use super::*;
use crate::config::Config;

fn end(settings: Settings) -> End {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let opening = Opening {
        name: "shop",
        url: "redis://localhost",
        base: "/",
        settings: &Settings::new(),
        clock: &clock,
    };
    let endpoint = Endpoint::new("orders").with_settings(settings);
    Config::new(&opening).unwrap().end(&endpoint).unwrap()
}

fn fields(end: &End, message: Message) -> Vec<Value> {
    let mut command = Cmd::new();
    write(end, &Outgoing::new(message), &mut command).unwrap();
    command
        .args_iter()
        .map(|arg| match arg {
            redis::Arg::Simple(bytes) => Value::BulkString(bytes.to_vec()),
            _ => panic!("fields are plain arguments"),
        })
        .collect()
}

fn bulk(bytes: impl AsRef<[u8]>) -> Value {
    Value::BulkString(bytes.as_ref().to_vec())
}

fn headers(message: &Message) -> Vec<(String, Vec<u8>)> {
    message
        .headers
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_vec()))
        .collect()
}

proptest! {
    #[test]
    fn a_message_comes_back_from_its_fields_as_it_was(
        payload in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)),
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)),
        pairs in proptest::collection::vec((".{0,9}", proptest::collection::vec(any::<u8>(), 0..9)), 0..6),
    ) {
        let end = end(Settings::new());
        let mut message = Message::tombstone();
        message.payload = payload.map(Bytes::from);
        message.key = key.map(Bytes::from);
        for (name, value) in pairs {
            message.headers.append(name, value);
        }
        let found = read(&end, Id::at(5), fields(&end, message.clone())).unwrap();
        prop_assert_eq!(&found.payload, &message.payload);
        prop_assert_eq!(&found.key, &message.key);
        prop_assert_eq!(headers(&found), headers(&message));
    }
}

#[test]
fn a_header_called_like_the_payload_or_like_another_header_stays_a_header() {
    let end = end(Settings::new());
    let message = Message::new("{}")
        .with_header("payload", "not this")
        .with_header("h:payload", "nor this")
        .with_header("", "no name")
        .with_header("payload", "again");
    let found = read(&end, Id::ZERO, fields(&end, message.clone())).unwrap();
    assert_eq!(found.payload, message.payload);
    assert_eq!(headers(&found), headers(&message));
}

#[test]
fn a_message_with_nothing_in_it_still_has_a_field() {
    let end = end(Settings::new());
    let written = fields(&end, Message::tombstone());
    assert_eq!(written, [bulk("dunlin-tombstone"), bulk("true")]);
    assert!(read(&end, Id::ZERO, written).unwrap().payload.is_none());
}

#[test]
fn fields_of_others_are_headers_of_their_name_and_the_first_payload_counts() {
    let end = end(Settings::new().with("payload", "data"));
    let foreign = vec![
        bulk("type"),
        bulk("order"),
        bulk("data"),
        bulk("{}"),
        bulk("data"),
        bulk("second"),
        bulk([0xff, 0x01]),
        bulk("binary name"),
    ];
    let found = read(&end, Id::ZERO, foreign).unwrap();
    assert_eq!(found.payload.as_deref(), Some(&b"{}"[..]));
    let expected = [
        ("type", "order"),
        ("data", "second"),
        ("dunlin-field-ff01", "binary name"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    assert_eq!(headers(&found), expected);
}

#[test]
fn the_time_is_that_of_the_entry_unless_the_publisher_gave_one() {
    let end = end(Settings::new());
    let mut message = Message::new("{}");
    let found = read(&end, Id::at(1_700), fields(&end, message.clone())).unwrap();
    assert_eq!(found.timestamp, Some(UNIX_EPOCH + Duration::from_millis(1_700)));
    message.timestamp = Some(UNIX_EPOCH + Duration::from_millis(900));
    let found = read(&end, Id::at(1_700), fields(&end, message.clone())).unwrap();
    assert_eq!(found.timestamp, message.timestamp);
    let beyond = read(&end, Id(u128::MAX), fields(&end, Message::new("{}"))).unwrap();
    assert!(beyond.payload.is_some());
}

#[test]
fn a_payload_of_the_limit_passes_and_one_byte_more_never_does() {
    let end = end(Settings::new().with("max_payload", "4"));
    let mut command = Cmd::new();
    write(&end, &Outgoing::new(Message::new("1234")), &mut command).unwrap();
    let error = write(&end, &Outgoing::new(Message::new("canary")), &mut Cmd::new()).unwrap_err();
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::TooLarge, Class::Permanent)
    );
    let told = error.to_string();
    assert!(told.contains("max_payload") && !told.contains("canary"), "{told}");
}
