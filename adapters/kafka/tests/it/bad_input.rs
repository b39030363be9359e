//! What people get wrong: one sentence each, with the setting to change, and no waiting for ever.

use std::time::{Duration, Instant};

use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Events, Outgoing, Purpose, Source, Start, Target};
use dunlin_core::position::Position;
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Error, ErrorKind};

use crate::stand::{KafkaStand, open};

fn says(error: &Error, kind: ErrorKind, words: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "expected `{word}` in: {error}");
    }
}

pub(crate) async fn a_wrong_address_is_told_within_the_limit() {
    let settings = Settings::new().with("connect_timeout_ms", "2000");
    let begun = Instant::now();
    // A port on which nobody listens, and a host that nobody knows.
    for (url, word) in [
        ("kafka://127.0.0.1:1", "127.0.0.1:1"),
        ("kafka://no-such-host.invalid:9092", "no-such-host"),
    ] {
        let error = open(url, &settings)
            .unwrap()
            .connect(Events::ignored())
            .await
            .unwrap_err();
        says(&error, ErrorKind::Disconnected, &["`url`", word]);
        assert_eq!(error.class(), Class::Temporary);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

pub(crate) async fn a_missing_topic_is_told_and_not_made(stand: &KafkaStand) {
    let session = stand.session().await;
    let endpoint = Endpoint::new("never-made");
    let missing = |error: Error| {
        says(
            &error,
            ErrorKind::ChannelMissing,
            &["never-made", "topology: create"],
        );
    };
    for purpose in [Purpose::Receive, Purpose::Send] {
        missing(session.verify(&endpoint, purpose).await.unwrap_err());
    }
    missing(
        session
            .sender(&Target::new(endpoint.clone(), "test"))
            .await
            .err()
            .unwrap(),
    );
    missing(
        session
            .receiver(&Source::new(endpoint.clone(), "group"))
            .await
            .err()
            .unwrap(),
    );
    missing(session.verify(&endpoint, Purpose::Send).await.unwrap_err());
    let none = session
        .verify(&Endpoint::new("^never-"), Purpose::Receive)
        .await
        .unwrap_err();
    says(&none, ErrorKind::ChannelMissing, &["pattern"]);
    let pattern = session
        .verify(&Endpoint::new("^.*"), Purpose::Send)
        .await
        .unwrap_err();
    says(&pattern, ErrorKind::InvalidSetting, &["pattern"]);
    let declare = session.declare().unwrap();
    assert!(
        declare
            .declare(&endpoint, Purpose::Send)
            .await
            .unwrap()
            .is_empty()
    );
    missing(session.verify(&endpoint, Purpose::Send).await.unwrap_err());
    session.close().await.unwrap();
}

pub(crate) async fn a_topic_is_made_on_request_and_told(stand: &KafkaStand) {
    let session = stand.session().await;
    let settings = Settings::new().with("topology", "create").with("partitions", "3");
    let endpoint = Endpoint::new("made-here").with_settings(settings.clone());
    let declare = session.declare().unwrap();
    let made = declare.declare(&endpoint, Purpose::Send).await.unwrap();
    assert!(
        made.len() == 1 && made[0].contains("made-here") && made[0].contains('3'),
        "{made:?}"
    );
    assert!(
        declare
            .declare(&endpoint, Purpose::Send)
            .await
            .unwrap()
            .is_empty()
    );
    session.verify(&endpoint, Purpose::Send).await.unwrap();
    let greedy = Endpoint::new("too-greedy").with_settings(settings.with("replication", "7"));
    let error = declare.declare(&greedy, Purpose::Send).await.unwrap_err();
    says(&error, ErrorKind::InvalidSetting, &["`replication`"]);
    session.close().await.unwrap();
}

pub(crate) async fn what_the_broker_refuses_is_one_messages_own_fault(stand: &KafkaStand) {
    stand.topic("compacted", 1, None).await.unwrap();
    stand.compact("compacted").await.unwrap();
    let session = stand.session().await;
    // The brokers make their own topic once somebody joins a group.
    let source = Source::new(Endpoint::new("compacted"), "offsets");
    let _joining = session.receiver(&source).await.unwrap();
    let offsets = Endpoint::new("__consumer_offsets");
    while session.verify(&offsets, Purpose::Receive).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let target = Target::new(Endpoint::new("compacted"), "test");
    let mut sender = session.sender(&target).await.unwrap();
    let batch = [
        Outgoing::new(Message::new("kept").with_key("k")),
        Outgoing::new(Message::new("without a key")),
        Outgoing::new(Message::new("{}").with_key("k")).addressed("no such topic"),
        Outgoing::new(Message::new("{}").with_key("k")).addressed("no.such.canary"),
        Outgoing::new(Message::new("{}").with_key("k")).addressed("__consumer_offsets"),
    ];
    let mut answers = sender.send(&batch).await.unwrap().await;
    for answer in &answers[2..] {
        let error = answer.as_ref().unwrap_err();
        says(error, ErrorKind::Unroutable, &["address", "channel: compacted"]);
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(!error.to_string().contains("(topic"), "{error}");
    }
    let kept_by_brokers = answers[4].as_ref().unwrap_err();
    says(kept_by_brokers, ErrorKind::Unroutable, &["keep for themselves"]);
    // The client gives a whole batch the fault of one; nobody is blamed before they were sent again, each alone.
    for _ in 0..2 {
        for (place, outgoing) in batch[..2].iter().enumerate() {
            if let Err(error) = &answers[place]
                && error.class() == Class::Temporary
            {
                assert!(!error.in_doubt(), "{error:?}");
                answers[place] = sender
                    .send(std::slice::from_ref(outgoing))
                    .await
                    .unwrap()
                    .await
                    .remove(0);
            }
        }
    }
    assert!(answers[0].is_ok(), "{:?}", answers[0]);
    let refused = answers[1].as_ref().unwrap_err();
    says(refused, ErrorKind::NotRepresentable, &["key"]);
    assert_eq!(refused.class(), Class::Permanent);
    sender.close().await.unwrap();
    session.close().await.unwrap();
}

pub(crate) async fn a_group_whose_members_are_of_another_kind_is_told(stand: &KafkaStand) {
    stand.topic("clash", 1, None).await.unwrap();
    let (heard, mut told) = tokio::sync::mpsc::unbounded_channel();
    let events = Events::to(move |event| {
        // The test may have heard enough.
        let _ = heard.send(event);
    });
    let session = stand
        .open_with(&Settings::new())
        .unwrap()
        .connect(events)
        .await
        .unwrap();
    let of = |strategy: &str| {
        let settings = Settings::new().with("partition.assignment.strategy", strategy);
        Source::new(Endpoint::new("clash").with_settings(settings), "clashing")
    };
    let (first, _settler) = session.receiver(&of("range")).await.unwrap();
    // The first has to be in before it can clash.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (second, _other) = session.receiver(&of("cooperative-sticky")).await.unwrap();
    let error = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(dunlin_core::messaging::Event::Unhealthy { error }) = told.recv().await {
                return error;
            }
        }
    })
    .await
    .expect("a clash is told");
    says(
        &error,
        ErrorKind::InvalidSetting,
        &["group", "partition.assignment.strategy"],
    );
    first.close().await.unwrap();
    second.close().await.unwrap();
    session.close().await.unwrap();
}

pub(crate) async fn a_position_of_another_log_is_no_place_to_begin(stand: &KafkaStand) {
    stand.topic("placed", 1, None).await.unwrap();
    let session = stand.session().await;
    let source = Source::new(Endpoint::new("placed"), "placed")
        .starting(Start::Position(Position::new("elsewhere/placed/0", 3_u64)));
    let error = session.receiver(&source).await.err().unwrap();
    says(&error, ErrorKind::InvalidSetting, &["position"]);
    session.close().await.unwrap();
}
