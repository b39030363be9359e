use std::sync::Arc;

use dunlin_core::Class;
use dunlin_core::clock::{Clock, ManualClock};
use dunlin_core::messaging::Endpoint;
use dunlin_core::position::DedupId;
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;
use proptest::prelude::*;

use super::*;
use crate::config::Config;

const FRAME: usize = 131_072;

fn end(settings: &Settings) -> End {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new());
    let opening = Opening {
        name: "rabbit",
        url: "amqp://rabbit",
        base: "/",
        settings,
        clock: &clock,
    };
    let config = Config::new(&opening).expect("a system");
    config.end(&Endpoint::new("orders")).expect("a queue")
}

fn escaping() -> End {
    end(&Settings::new().with("headers", "escape"))
}

fn there_and_back(end: &End, message: &Message) -> Message {
    let wire = write(end, FRAME, &Outgoing::new(message.clone())).expect("a message that can be carried");
    read(&wire.properties, wire.payload.to_vec()).message
}

fn parts(message: &Message) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        message.payload.clone(),
        message.key.clone(),
        message.id.clone(),
        message.timestamp,
        message.properties.clone(),
        (message.headers.iter())
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect::<Vec<_>>(),
    )
}

fn dressed() -> Message {
    let mut message = Message::new("{}")
        .with_key("key")
        .with_id("id-1")
        .with_header("a", vec![0xff, 0x00]);
    message.timestamp = Some(UNIX_EPOCH + Duration::from_secs(1_600_000_000));
    message.properties.content_type = Some("application/json".to_owned());
    message.properties.content_encoding = Some("gzip".to_owned());
    message.properties.kind = Some("order".to_owned());
    message.properties.correlation_id = Some("correlation".into());
    message.properties.reply_to = Some("answers".to_owned());
    message.properties.priority = Some(4);
    message.properties.expiry = Some(Duration::from_millis(1_500));
    message
}

#[test]
fn what_amqp_has_a_property_for_goes_there_and_the_key_as_a_header() {
    let outgoing = Outgoing::new(dressed()).with_dedup(DedupId([7; 16]));
    let wire = write(&end(&Settings::new()), FRAME, &outgoing).expect("a message");
    let of = &wire.properties;
    let shown = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
    assert_eq!(shown(of.content_type()), "application/json");
    assert_eq!(shown(of.message_id()), "id-1");
    assert_eq!(shown(of.kind()), "order");
    assert_eq!(shown(of.expiration()), "1500");
    assert_eq!(
        (*of.priority(), *of.timestamp(), *of.delivery_mode()),
        (Some(4), Some(1_600_000_000), Some(2))
    );
    let table = of.headers().as_ref().expect("headers");
    let names: Vec<_> = table.into_iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["a", "dunlin-dedup", "dunlin-key"]);
    assert_eq!(wire.key.as_str(), "orders");
    assert_eq!(
        parts(&there_and_back(&end(&Settings::new()), &dressed())),
        parts(&dressed())
    );
}

#[test]
fn a_time_keeps_its_milliseconds_beside_the_property_of_seconds() {
    let mut message = Message::new("{}");
    message.timestamp = Some(UNIX_EPOCH + Duration::from_millis(1_600_000_000_123));
    let wire = write(&end(&Settings::new()), FRAME, &Outgoing::new(message.clone())).expect("a message");
    assert_eq!(*wire.properties.timestamp(), Some(1_600_000_000));
    assert_eq!(
        there_and_back(&end(&Settings::new()), &message).timestamp,
        message.timestamp
    );
}

#[test]
fn what_does_not_fit_its_property_travels_as_a_header_and_comes_back() {
    let mut message = Message::new("{}").with_id(vec![0xff, 0xfe]);
    message.properties.content_type = Some("x".repeat(256));
    message.properties.correlation_id = Some(Bytes::from(vec![0x80]));
    message.properties.reply_to = Some("amq.rabbitmq.reply-to.abc".to_owned());
    message.properties.expiry = Some(Duration::from_secs(10_000_000));
    message.timestamp = Some(UNIX_EPOCH - Duration::from_secs(5));
    let wire = write(&end(&Settings::new()), FRAME, &Outgoing::new(message.clone())).expect("a message");
    let of = &wire.properties;
    assert!(of.message_id().is_none() && of.content_type().is_none() && of.correlation_id().is_none());
    assert!(of.reply_to().is_none() && of.expiration().is_none() && of.timestamp().is_none());
    assert_eq!(
        parts(&there_and_back(&end(&Settings::new()), &message)),
        parts(&message)
    );
}

#[test]
fn a_tombstone_is_told_from_an_empty_payload() {
    let end = end(&Settings::new());
    assert_eq!(there_and_back(&end, &Message::tombstone()).payload, None);
    assert_eq!(
        there_and_back(&end, &Message::new("")).payload,
        Some(Bytes::new())
    );
}

#[test]
fn headers_that_no_table_holds_are_refused_for_good_or_escaped_and_never_altered() {
    let twice = Message::new("{}")
        .with_header("b", "1")
        .with_header("a", "2")
        .with_header("b", "3");
    let long = Message::new("{}").with_header("n".repeat(256), "1");
    let copies = Message::new("{}").with_header("CC", "canary");
    let hidden = Message::new("{}")
        .with_header("BCC", "canary")
        .with_header("a", "1");
    for message in [twice, long, copies, hidden] {
        let outgoing = Outgoing::new(message.clone());
        let error = write(&end(&Settings::new()), FRAME, &outgoing).expect_err("headers that do not fit");
        assert_eq!(
            (error.kind(), error.class()),
            (ErrorKind::HeaderNotRepresentable, Class::Permanent)
        );
        assert!(error.to_string().contains("headers: escape"), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(write(&end(&Settings::new()), FRAME, &outgoing.escaping()).is_ok());
        assert_eq!(parts(&there_and_back(&escaping(), &message)), parts(&message));
    }
}

#[test]
fn the_time_to_judge_headers_grows_with_their_number_and_not_with_its_square() {
    // Looking at each pair of these would take hours.
    let many = 300_000;
    let mut message = Message::new("{}");
    message.headers = (0..many)
        .map(|number| (format!("h{number}"), Bytes::new()))
        .chain([("h0".to_owned(), Bytes::new())])
        .collect();
    let refused =
        write(&end(&Settings::new()), FRAME, &Outgoing::new(message.clone())).expect_err("a name twice");
    assert_eq!(refused.kind(), ErrorKind::HeaderNotRepresentable);
    let large = write(&escaping(), FRAME, &Outgoing::new(message)).expect_err("headers of more than a frame");
    assert_eq!(large.kind(), ErrorKind::TooLarge);
}

#[test]
fn what_is_larger_than_the_limits_is_refused_before_the_wire() {
    let end = end(&Settings::new().with("max_payload", "4"));
    assert!(write(&end, FRAME, &Outgoing::new(Message::new("1234"))).is_ok());
    let error = write(&end, FRAME, &Outgoing::new(Message::new("12345"))).expect_err("too large");
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::TooLarge, Class::Permanent)
    );
    let wide = Message::new("{}").with_header("a", "x".repeat(FRAME));
    let error = write(&end, FRAME, &Outgoing::new(wide)).expect_err("headers of more than a frame");
    assert!(error.to_string().contains("frame_max"), "{error}");
}

#[test]
fn an_address_that_is_no_routing_key_is_refused() {
    for address in [vec![0xff], vec![b'k'; 256]] {
        let outgoing = Outgoing::new(Message::new("{}")).addressed(address);
        let error = write(&end(&Settings::new()), FRAME, &outgoing).expect_err("no routing key");
        assert_eq!(error.class(), Class::Permanent);
    }
}

#[test]
fn the_brokers_count_is_read_and_is_no_header() {
    let mut table = FieldTable::default();
    table.insert("x-delivery-count".into(), AMQPValue::LongLongInt(2));
    table.insert("flag".into(), AMQPValue::Boolean(true));
    let properties = BasicProperties::default()
        .with_headers(table)
        .with_app_id("shop".into());
    let read = read(&properties, b"{}".to_vec());
    assert_eq!(read.deliveries_before, Some(2));
    assert!(read.untyped && read.left_out);
    let headers: Vec<_> = read.message.headers.iter().collect();
    assert_eq!(headers, [("flag", &Bytes::from("true"))]);
}

proptest! {
    #[test]
    fn any_headers_come_back_in_their_order_once_one_of_them_had_to_be_escaped(
        names in proptest::collection::vec("[a-cC]{1,2}", 1..6),
        value in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut message = Message::new("{}");
        for name in &names {
            message.headers.append(name.as_str(), value.clone());
        }
        message.headers.append(names[0].as_str(), "again");
        prop_assert_eq!(parts(&there_and_back(&escaping(), &message)), parts(&message));
    }
}
