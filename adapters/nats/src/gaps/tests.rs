use std::time::{Duration, SystemTime};

use async_nats::Message;
use bytes::Bytes;

use super::*;

fn consumer(log: &str, first: u64, next: Option<(u64, u64)>) -> Consumer {
    Consumer {
        stream: "ORDERS".to_owned(),
        name: "billing".to_owned(),
        log: log.into(),
        ack_wait: Duration::from_secs(6),
        max_ack_pending: None,
        filtered: false,
        first,
        next,
    }
}

fn message(sequence: u64, consumer_sequence: u64) -> Fetched {
    Fetched {
        message: Message {
            subject: "orders".into(),
            reply: None,
            payload: Bytes::new(),
            headers: None,
            status: None,
            description: None,
            length: 0,
        },
        reply: "reply".into(),
        sequence,
        consumer_sequence,
        attempt: 1,
        time: SystemTime::UNIX_EPOCH,
    }
}

#[test]
fn a_new_consumer_misses_nothing() {
    assert_eq!(Known::default().found(&consumer("a", 500, None)), 0);
}

#[test]
fn what_a_consumer_had_not_delivered_and_is_gone_is_counted_once() {
    let mut known = Known::default();
    assert_eq!(known.found(&consumer("a", 101, Some((51, 51)))), 50);
    assert_eq!(known.found(&consumer("a", 101, Some((51, 51)))), 0);
}

#[test]
fn what_was_given_back_and_is_gone_is_counted_too() {
    let mut known = Known::default();
    known.found(&consumer("a", 1, Some((1, 1))));
    for sequence in 1..=40 {
        known.saw(&message(sequence, sequence));
    }
    known.back = (3..=40).collect();
    assert_eq!(known.found(&consumer("a", 38, Some((41, 41)))), 35);
}

#[test]
fn a_stream_that_was_made_anew_counts_from_its_own_beginning() {
    let mut known = Known::default();
    known.found(&consumer("a", 1, Some((1000, 1000))));
    known.back = vec![5];
    assert_eq!(known.found(&consumer("b", 7, None)), 0);
}

#[test]
fn a_filter_explains_every_hole() {
    let filtered = Consumer {
        filtered: true,
        ..consumer("a", 101, Some((51, 51)))
    };
    assert_eq!(Known::default().found(&filtered), 0);
}

#[test]
fn a_jump_counts_as_far_as_the_front_of_the_stream_has_moved() {
    for (first, gone) in [(21, 10), (16, 5), (1, 0), (30, 10)] {
        let mut known = Known::default();
        known.found(&consumer("a", 1, None));
        known.saw(&message(10, 10));
        assert!(!known.has_jumped());
        known.saw(&message(21, 11));
        assert!(known.has_jumped());
        assert_eq!(known.explain(first), gone, "first {first}");
        assert!(!known.has_jumped());
    }
}

#[test]
fn what_others_of_the_group_were_given_and_what_comes_again_is_no_jump() {
    let mut known = Known::default();
    known.found(&consumer("a", 1, None));
    known.saw(&message(10, 10));
    // Ten went to another receiver.
    known.saw(&message(21, 21));
    // An old one comes again, then the next new one.
    known.saw(&message(9, 22));
    known.saw(&message(22, 23));
    assert!(!known.has_jumped());
}
