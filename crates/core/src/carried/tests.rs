use std::time::UNIX_EPOCH;

use super::*;
use crate::position::DedupId;

fn full() -> Outgoing {
    let mut message = Message::tombstone().with_key(vec![0xff, 0]).with_id("order-7");
    message.timestamp = Some(UNIX_EPOCH + Duration::from_micros(1_732_270_000_123_456));
    message.properties.content_type = Some("application/json".to_owned());
    message.properties.content_encoding = Some("gzip".to_owned());
    message.properties.kind = Some("order".to_owned());
    message.properties.correlation_id = Some(Bytes::from_static(b"c\xfe"));
    message.properties.reply_to = Some("replies".to_owned());
    message.properties.priority = Some(7);
    message.properties.expiry = Some(Duration::from_millis(90_000));
    let message = message.with_header("b", "2").with_header("a", "1");
    Outgoing::new(message).with_dedup(DedupId([7; 16]))
}

#[test]
fn what_has_no_place_of_its_own_comes_back_from_its_header() {
    for values in [HeaderValues::Text, HeaderValues::Binary] {
        for own in [
            &[][..],
            &[Part::Key, Part::Time],
            &[Part::Id, Part::Expiry, Part::Tombstone],
        ] {
            let sent = full();
            let headers = pack(&sent, own, values);
            if values == HeaderValues::Text {
                assert!(
                    headers
                        .iter()
                        .all(|(name, value)| is_text(name.as_bytes()) && is_text(value))
                );
            }
            // What a system carries in its own places arrives there; the rest has to come from the headers.
            let mut arrived = Message::new("");
            arrived.headers = headers;
            if own.contains(&Part::Key) {
                arrived.key = sent.message.key.clone();
                arrived.timestamp = sent.message.timestamp;
            }
            if own.contains(&Part::Id) {
                arrived.id = sent.message.id.clone();
                arrived.properties.expiry = sent.message.properties.expiry;
                arrived.payload = None;
            }
            unpack(&mut arrived, own);
            assert!(arrived.payload.is_none());
            assert_eq!(arrived.key, sent.message.key);
            assert_eq!(arrived.id, sent.message.id);
            assert_eq!(arrived.timestamp, sent.message.timestamp);
            assert!(arrived.properties == sent.message.properties);
            assert!(arrived.headers == sent.message.headers, "{:?}", arrived.headers);
        }
    }
}

#[test]
fn a_reserved_header_that_holds_something_else_is_left_where_it_is() {
    let mut message = Message::new("{}")
        .with_header("dunlin-priority", "high")
        .with_header("dunlin-expiry-ms", "soon")
        .with_header("dunlin-time", "noon")
        .with_header("dunlin-tombstone", "true")
        .with_header(ESCAPED_HEADERS, "[[1]]")
        .with_header("dunlin-unknown", "x");
    let before = message.headers.clone();
    unpack(&mut message, &[]);
    assert!(message.headers == before);
    assert!(message.payload.is_some());
}

#[test]
fn a_part_that_is_there_already_keeps_its_value() {
    let mut message = Message::new("{}")
        .with_id("own")
        .with_header("dunlin-id", "other");
    unpack(&mut message, &[]);
    assert_eq!(message.id.as_deref(), Some(&b"own"[..]));
    assert!(message.headers.is_empty());
}

#[test]
fn a_reserved_header_of_a_part_with_a_place_of_its_own_is_an_ordinary_header() {
    let mut message = Message::new("{}").with_header("dunlin-key", "k");
    unpack(&mut message, &[Part::Key]);
    assert!(message.key.is_none() && message.headers.contains("dunlin-key"));
}

#[test]
fn what_may_be_lost_between_two_systems_is_what_the_first_has_and_the_second_has_no_way_for() {
    let from: Vec<_> = Part::ALL.iter().map(|part| (*part, Way::Header)).collect();
    let to = [
        (Part::Key, Way::Lost("no keys")),
        (Part::Id, Way::Own("id")),
        (Part::Dedup, Way::Lost("no")),
    ];
    assert_eq!(lost_between(&from, &to), [(Part::Key, Way::Lost("no keys"))]);
    assert_eq!(lost_between(&[(Part::Key, Way::Lost("no keys"))], &to), []);
    let sent = full();
    assert_eq!(
        lost(&sent, &to).map(|(part, _)| part).collect::<Vec<_>>(),
        [Part::Key, Part::Dedup]
    );
}

#[test]
fn a_publishers_own_header_with_a_reserved_name_stays_a_header_where_it_was_escaped() {
    let mut message = Message::new("{}")
        .with_header("dunlin-key", " k")
        .with_header("a", "1");
    let headers = escape(&message.headers, |name, _, _| name == "a");
    let sent = Outgoing::new(message.clone().with_key("real"));
    let mut arrived = Message::new("{}");
    arrived.headers = pack_beside(headers, &sent, &[], HeaderValues::Text);
    unpack(&mut arrived, &[]);
    message.key = Some(Bytes::from("real"));
    assert_eq!(arrived.key, message.key);
    assert!(arrived.headers == message.headers);
}
