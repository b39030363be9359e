use std::time::{Duration, SystemTime};

use dunlin_core::Class;
use dunlin_core::position::DedupId;
use proptest::prelude::*;

use super::*;

/// A message as it is read on the other side.
fn passed(outgoing: &Outgoing, escape: bool) -> Result<Message> {
    let (headers, bytes) = write(outgoing, escape, "ORDERS")?;
    let wire: usize = headers
        .iter()
        .flat_map(|(name, values)| {
            values
                .iter()
                .map(move |value| name.to_string().len() + value.as_str().len() + 4)
        })
        .sum();
    assert_eq!(bytes, wire + 12, "the size that is checked is that on the wire");
    Ok(read(
        outgoing.message.payload.clone().unwrap_or_default(),
        Some(&headers),
    ))
}

fn with_headers(pairs: &[(&str, &[u8])]) -> Outgoing {
    let message = (pairs.iter()).fold(Message::new("{}"), |message, (name, value)| {
        message.with_header(*name, Bytes::copy_from_slice(value))
    });
    Outgoing::new(message).with_dedup(DedupId([7; 16]))
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,2}".boxed(),
        "[!-9;-~]{1,8}".boxed(),
        "(nats|Nats|NATS)-[A-Za-z-]{1,8}".boxed(),
        "\\PC{0,4}".boxed(),
        Just(ORDER.to_owned()).boxed(),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-z ]{0,6}".prop_map(String::into_bytes).boxed(),
        "\\PC{0,6}".prop_map(String::into_bytes).boxed(),
        proptest::collection::vec(any::<u8>(), 0..6).boxed(),
    ]
}

proptest! {
    #[test]
    fn headers_that_fit_arrive_in_their_order(pairs in proptest::collection::vec(("[a-d]{1,2}", "[a-z]{0,3}"), 0..8)) {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let sent = with_headers(&pairs);
        prop_assert_eq!(passed(&sent, false).unwrap().headers, sent.message.headers);
    }

    #[test]
    fn whatever_does_not_fit_is_refused_for_good_or_escaped_and_comes_back_in_its_place(
        pairs in proptest::collection::vec((name(), value()), 0..6)
    ) {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        let sent = with_headers(&pairs);
        let all_fit = pairs.iter().all(|(name, value)| fits(name, value));
        match passed(&sent, false) {
            Ok(found) => {
                prop_assert!(all_fit);
                prop_assert_eq!(found.headers, sent.message.headers.clone());
            }
            Err(error) => {
                prop_assert!(!all_fit);
                prop_assert_eq!(error.class(), Class::Permanent);
            }
        }
        prop_assert_eq!(passed(&sent, true).unwrap().headers, sent.message.headers);
    }

    #[test]
    fn no_header_of_a_message_becomes_an_order_to_the_server(pairs in proptest::collection::vec((name(), value()), 0..6)) {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
        let (headers, _) = write(&with_headers(&pairs), true, "ORDERS").unwrap();
        let mut orders: Vec<_> = headers.iter().map(|(name, _)| name.to_string()).filter(|name| name.to_lowercase().starts_with("nats-")).collect();
        orders.sort();
        prop_assert_eq!(orders, [EXPECTED_STREAM, MESSAGE_ID]);
        prop_assert_eq!(headers.get_all(MESSAGE_ID).count(), 1);
    }
}

#[test]
fn every_part_of_a_message_comes_back() {
    let mut message = Message::new("{}")
        .with_key(vec![0xff_u8, 0])
        .with_id("id-1")
        .with_header("b", "1")
        .with_header("a", "2");
    message.timestamp = Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(1_600_000_000_123_456_789));
    message.properties.content_type = Some("application/json".to_owned());
    message.properties.priority = Some(4);
    message.properties.expiry = Some(Duration::from_secs(3600));
    message.properties.correlation_id = Some("c".into());
    let found = passed(&Outgoing::new(message.clone()), false).unwrap();
    assert_eq!(
        (&found.key, &found.id, found.timestamp),
        (&message.key, &message.id, message.timestamp)
    );
    assert_eq!(found.properties, message.properties);
    assert_eq!(found.headers, message.headers);
    assert_eq!(
        passed(&Outgoing::new(Message::tombstone()), false)
            .unwrap()
            .payload,
        None
    );
}

#[test]
fn the_id_of_a_publisher_is_read_and_the_one_that_a_route_derived_is_not() {
    let mut headers = HeaderMap::new();
    headers.insert(MESSAGE_ID, "order-1");
    assert_eq!(
        read(Bytes::new(), Some(&headers)).id,
        Some(Bytes::from("order-1"))
    );
    let derived = passed(&with_headers(&[]), false).unwrap();
    assert_eq!(derived.id, None);
    assert!(derived.headers.is_empty());
}

#[test]
fn an_order_that_no_longer_fits_its_headers_loses_none() {
    for order in ["0 0", "0 1 2", "x", "", "9 9 9", "0 0 1"] {
        let mut headers = HeaderMap::new();
        headers.insert("a", "1");
        headers.insert("b", "2");
        headers.insert("c", "3");
        headers.insert(ORDER, order);
        let found = read(Bytes::new(), Some(&headers)).headers;
        for name in ["a", "b", "c"] {
            assert!(found.contains(name), "{order}");
        }
    }
}
