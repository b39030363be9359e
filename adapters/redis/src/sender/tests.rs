use dunlin_core::clock::{Clock, ManualClock};
use dunlin_core::messaging::Endpoint;
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Message};

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

fn words(end: &End, outgoing: &Outgoing) -> String {
    let (command, _) = command(end, outgoing).unwrap();
    let words = command.args_iter().map(|arg| match arg {
        redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => panic!("plain arguments alone"),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_stream_is_made_by_sending_only_where_that_is_asked_for() {
    let outgoing = Outgoing::new(Message::new("{}"));
    assert_eq!(
        words(&end(Settings::new()), &outgoing),
        "XADD orders NOMKSTREAM * payload {}"
    );
    let creates = Settings::new().with("topology", "create");
    assert_eq!(words(&end(creates), &outgoing), "XADD orders * payload {}");
}

#[test]
fn nothing_is_deleted_unless_that_is_asked_for() {
    let bounded = end(Settings::new().with("max_length", "1000"));
    let told = words(&bounded, &Outgoing::new(Message::new("{}")));
    assert_eq!(told, "XADD orders NOMKSTREAM MAXLEN ~ 1000 * payload {}");
}

#[test]
fn the_address_of_a_message_is_the_key_of_its_stream() {
    let end = end(Settings::new());
    let elsewhere = Outgoing::new(Message::new("{}")).addressed("returns");
    assert!(words(&end, &elsewhere).starts_with("XADD returns "));
    for bad in [&b""[..], b"\xff"] {
        let outgoing = Outgoing::new(Message::new("{}")).addressed(bad.to_vec());
        assert_eq!(command(&end, &outgoing).unwrap_err().class(), Class::Permanent);
    }
}

#[test]
fn each_message_has_its_own_answer_in_its_own_place() {
    let places = vec![
        Place::Sent(None),
        Place::Refused(Error::new(ErrorKind::TooLarge, "send", "too large")),
        Place::Sent(None),
        Place::Sent(Some("returns".into())),
        Place::Sent(None),
    ];
    let values = vec![
        Value::BulkString(b"7-1".to_vec()),
        Value::Nil,
        Value::Nil,
        Value::Int(1),
    ];
    let found = answers(&end(Settings::new()), places, Ok(values));
    let stored = found[0].as_ref().unwrap().position.as_ref().unwrap();
    assert_eq!((&*stored.log, stored.offset), ("orders", Id::at(7).0 + 1));
    let kinds: Vec<_> = found[1..]
        .iter()
        .map(|answer| answer.as_ref().unwrap_err().kind())
        .collect();
    let expected = [
        ErrorKind::TooLarge,
        ErrorKind::ChannelMissing,
        ErrorKind::Unroutable,
        ErrorKind::Internal,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn an_address_that_is_no_stream_is_the_fault_of_its_message_and_told_to_nobody() {
    let places = || vec![Place::Sent(None), Place::Sent(Some("canary".into()))];
    let occupied = || redis::parse_redis_value(b"-WRONGTYPE Operation against a key\r\n").unwrap();
    let found = answers(&end(Settings::new()), places(), Ok(vec![occupied(), occupied()]));
    let kinds: Vec<_> = found
        .iter()
        .map(|answer| answer.as_ref().unwrap_err().kind())
        .collect();
    assert_eq!(kinds, [ErrorKind::ChannelMissing, ErrorKind::Unroutable]);
    let missing = answers(&end(Settings::new()), places(), Ok(vec![Value::Nil, Value::Nil]));
    let lost = answers(
        &end(Settings::new()),
        places(),
        Err(crate::error::disconnected("send")),
    );
    for answer in found.into_iter().chain(missing).chain(lost) {
        let told = answer.unwrap_err().to_string();
        assert!(
            told.contains("channel: orders") && !told.contains("canary"),
            "{told}"
        );
    }
}

#[test]
fn what_was_written_and_not_answered_is_in_doubt_and_what_was_refused_before_is_not() {
    let places = vec![
        Place::Sent(None),
        Place::Refused(Error::new(ErrorKind::TooLarge, "send", "too large")),
    ];
    let found = answers(
        &end(Settings::new()),
        places,
        Err(crate::error::disconnected("send")),
    );
    let doubts: Vec<_> = found
        .iter()
        .map(|answer| answer.as_ref().unwrap_err().in_doubt())
        .collect();
    assert_eq!(doubts, [true, false]);
    assert_eq!(found[0].as_ref().unwrap_err().class(), Class::Temporary);
}

fn refusal() -> Value {
    let reply = redis::parse_redis_value(b"-NOPERM no right\r\n").unwrap();
    assert!(matches!(reply, Value::ServerError(_)));
    reply
}

fn queued() -> Value {
    Value::SimpleString("QUEUED".to_owned())
}

#[test]
fn a_transaction_is_answered_by_what_became_of_each_command() {
    let ids = || vec![Value::BulkString(b"1-0".to_vec()), refusal()];
    let done = vec![Value::Okay, queued(), queued(), Value::Array(ids())];
    assert_eq!(
        executed(done),
        Some(ids()),
        "one was refused while the others were done"
    );
    let undone = vec![Value::Okay, queued(), refusal(), refusal()];
    assert_eq!(executed(undone), None);
    let no_transaction = [vec![refusal()], ids(), vec![refusal()]].concat();
    assert_eq!(
        executed(no_transaction),
        Some(ids()),
        "each was a command by itself"
    );
    assert_eq!(
        executed(vec![refusal()]),
        Some(vec![refusal()]),
        "a single message needs no transaction"
    );
}
