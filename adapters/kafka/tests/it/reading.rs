//! Where groups begin, what a look shows, and what a short cut leaves alone.

use std::time::{Duration, SystemTime};

use dunlin_core::ErrorKind;
use dunlin_core::message::Message;
use dunlin_core::messaging::{
    Delivery, Endpoint, Outgoing, Receiver, Room, Session, Source, Start, Target, Verdict,
};

use crate::stand::KafkaStand;

const ROOM: Room = Room {
    messages: 100,
    bytes: 1 << 20,
};

async fn put(session: &dyn Session, topic: &str, payloads: &[&str]) {
    let target = Target::new(Endpoint::new(topic), "test");
    let mut sender = session.sender(&target).await.unwrap();
    let batch: Vec<_> = payloads
        .iter()
        .map(|payload| Outgoing::new(Message::new((*payload).to_owned())))
        .collect();
    for answer in sender.send(&batch).await.unwrap().await {
        answer.unwrap();
    }
    sender.close().await.unwrap();
}

/// Receives so many, and nothing more for a moment.
async fn take(receiver: &mut dyn Receiver, count: usize) -> Vec<Delivery> {
    let mut batch = Vec::new();
    while batch.len() < count {
        tokio::time::timeout(Duration::from_secs(20), receiver.receive(ROOM, &mut batch))
            .await
            .expect("messages come")
            .unwrap();
    }
    let more = tokio::time::timeout(Duration::from_millis(500), receiver.receive(ROOM, &mut batch)).await;
    assert!(more.is_err(), "expected {count} messages, found {}", batch.len());
    batch
}

fn payloads(batch: &[Delivery]) -> Vec<String> {
    let text = |delivery: &Delivery| {
        String::from_utf8_lossy(delivery.message.payload.as_ref().unwrap()).into_owned()
    };
    batch.iter().map(text).collect()
}

pub(crate) async fn a_group_begins_where_it_is_told(stand: &KafkaStand) {
    stand.topic("begins", 1, None).await.unwrap();
    let session = stand.session().await;
    put(&*session, "begins", &["a", "b"]).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let between = SystemTime::now();
    tokio::time::sleep(Duration::from_millis(50)).await;
    put(&*session, "begins", &["c"]).await;
    let endpoint = Endpoint::new("begins");
    let browse = session.browse().unwrap();
    let mut look = browse.look(&endpoint, &Start::Earliest, false).await.unwrap();
    let mut seen = Vec::new();
    while look.receive(ROOM, &mut seen).await.is_ok() {}
    assert_eq!(payloads(&seen), ["a", "b", "c"]);
    let second = seen[1].position.clone().unwrap();
    for (start, group, expected) in [
        (Start::Earliest, "earliest", vec!["a", "b", "c", "d"]),
        (Start::Latest, "latest", vec!["d"]),
        (Start::Time(between), "time", vec!["c", "d"]),
        (
            Start::Time(SystemTime::now() + Duration::from_secs(600)),
            "future",
            vec!["d"],
        ),
        (Start::Position(second), "position", vec!["b", "c", "d"]),
    ] {
        let source = Source::new(endpoint.clone(), group).starting(start);
        // A group that was opened and read nothing keeps the place that it was given.
        let (receiver, settler) = session.receiver(&source).await.unwrap();
        settler.close().await.unwrap();
        receiver.close().await.unwrap();
        if group == "earliest" {
            continue;
        }
        let state = session.inspect(&endpoint, Some(group)).await.unwrap();
        assert_eq!(state.lag, Some(expected.len() as u64 - 1), "{group}");
    }
    put(&*session, "begins", &["d"]).await;
    for (group, expected) in [
        ("earliest", vec!["a", "b", "c", "d"]),
        ("latest", vec!["d"]),
        ("time", vec!["c", "d"]),
        ("future", vec!["d"]),
        ("position", vec!["b", "c", "d"]),
    ] {
        let source = Source::new(endpoint.clone(), group);
        let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
        let batch = take(&mut *receiver, expected.len()).await;
        assert_eq!(payloads(&batch), expected, "{group}");
        let done: Vec<_> = batch
            .iter()
            .map(|delivery| (delivery.token, Verdict::Done))
            .collect();
        settler.settle(&done).await.unwrap();
        settler.close().await.unwrap();
        receiver.close().await.unwrap();
        // What is committed is the offset to read next: nothing is left, and nothing was left out.
        let state = session.inspect(&endpoint, Some(group)).await.unwrap();
        assert_eq!((state.depth, state.lag), (Some(4), Some(0)), "{group}");
        assert_eq!(state.last.unwrap().offset, 3);
    }
    session.close().await.unwrap();
}

pub(crate) async fn a_pattern_receives_from_every_topic_that_matches(stand: &KafkaStand) {
    for topic in ["eu.orders", "eu.bills", "us.orders"] {
        stand.topic(topic, 1, None).await.unwrap();
    }
    let session = stand.session().await;
    for topic in ["eu.orders", "eu.bills", "us.orders"] {
        put(&*session, topic, &[topic]).await;
    }
    let source = Source::new(Endpoint::new("^eu\\."), "europe");
    let (mut receiver, _settler) = session.receiver(&source).await.unwrap();
    let batch = take(&mut *receiver, 2).await;
    let mut found: Vec<_> = batch
        .iter()
        .map(|delivery| delivery.address.clone().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, ["eu.bills", "eu.orders"]);
    assert_ne!(batch[0].lane, batch[1].lane);
    receiver.close().await.unwrap();
    session.close().await.unwrap();
}

pub(crate) async fn a_look_takes_nothing_and_may_wait_for_more(stand: &KafkaStand) {
    stand.topic("looked-at", 3, None).await.unwrap();
    let session = stand.session().await;
    let endpoint = Endpoint::new("looked-at");
    let browse = session.browse().unwrap();
    let mut empty = browse.look(&endpoint, &Start::Earliest, false).await.unwrap();
    let end = empty.receive(ROOM, &mut Vec::new()).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::Closed);
    let mut tail = browse.look(&endpoint, &Start::Latest, true).await.unwrap();
    put(&*session, "looked-at", &["a", "b"]).await;
    assert_eq!(take(&mut *tail, 2).await.len(), 2);
    tail.close().await.unwrap();
    let state = session.inspect(&endpoint, Some("nobody")).await.unwrap();
    assert_eq!(state.lag, Some(2), "a look moves nobody's place");
    session.close().await.unwrap();
}

pub(crate) async fn a_short_cut_brings_nothing_again(stand: &KafkaStand) {
    stand.topic("hiccup", 1, None).await.unwrap();
    let session = stand.session().await;
    put(&*session, "hiccup", &["a", "b"]).await;
    let source = Source::new(Endpoint::new("hiccup"), "hiccup");
    let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
    let batch = take(&mut *receiver, 2).await;
    stand.hiccup();
    put(&*session, "hiccup", &["c"]).await;
    // Tokens of before the cut still count, since the membership was never lost.
    assert_eq!(payloads(&take(&mut *receiver, 1).await), ["c"]);
    let done: Vec<_> = batch
        .iter()
        .map(|delivery| (delivery.token, Verdict::Done))
        .collect();
    settler.settle(&done).await.unwrap();
    settler.close().await.unwrap();
    receiver.close().await.unwrap();
    let state = session
        .inspect(&Endpoint::new("hiccup"), Some("hiccup"))
        .await
        .unwrap();
    assert_eq!(state.lag, Some(1));
    session.close().await.unwrap();
}
