//! What is special about streams: where a group begins, what it filters, how it is looked at, made, and kept.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_nats::Client;
use dunlin_core::messaging::{
    Delivery, Endpoint, Event, Events, Outgoing, Purpose, Receiver, Room, Session, Settler, Source, Start,
    Target, Verdict,
};
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Message};
use dunlin_servers::{Kind, shared};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use crate::stand::{ask, connect, make_stream, open};

const ROOM: Room = Room {
    messages: 100,
    bytes: 1 << 20,
};
const SOON: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_millis(300);

async fn ready() -> (Arc<dyn Session>, Client) {
    let server = shared(Kind::Nats).await.expect("a server");
    let client = async_nats::connect(server.hosts()).await.expect("a client");
    let session = connect(&server.url(), &Settings::new()).await.expect("a session");
    (session, client)
}

async fn put(session: &Arc<dyn Session>, stream: &str, address: &str, payload: &str) {
    let mut sender = session
        .sender(&Target::new(Endpoint::new(stream), "test"))
        .await
        .expect("a sender");
    let outgoing = Outgoing::new(Message::new(payload.to_owned())).addressed(address.to_owned());
    let answers = timeout(
        SOON,
        sender.send(&[outgoing]).await.expect("a message that is taken"),
    )
    .await
    .expect("an answer in time");
    assert!(answers[0].is_ok(), "{answers:?}");
    sender.close().await.expect("an orderly end");
}

/// Takes what there is until nothing comes any more.
async fn rest(receiver: &mut Box<dyn Receiver>) -> Vec<Delivery> {
    let mut batch = Vec::new();
    loop {
        let before = batch.len();
        match timeout(QUIET, receiver.receive(ROOM, &mut batch)).await {
            Ok(received) => received.expect("deliveries"),
            Err(_) if batch.len() == before => return batch,
            Err(_) => {}
        }
    }
}

fn payloads(batch: &[Delivery]) -> Vec<String> {
    batch
        .iter()
        .map(|delivery| {
            String::from_utf8_lossy(delivery.message.payload.as_deref().unwrap_or_default()).into_owned()
        })
        .collect()
}

async fn receive(
    session: &Arc<dyn Session>,
    source: &Source,
) -> (Vec<Delivery>, Box<dyn Receiver>, Box<dyn Settler>) {
    let (mut receiver, settler) = session.receiver(source).await.expect("a receiver");
    let batch = rest(&mut receiver).await;
    (batch, receiver, settler)
}

async fn close(receiver: Box<dyn Receiver>, settler: Box<dyn Settler>) {
    settler.close().await.expect("an orderly end");
    receiver.close().await.expect("an orderly end");
}

#[tokio::test]
async fn a_new_group_begins_where_it_is_told_to_and_an_old_one_where_it_was() {
    let (session, client) = ready().await;
    make_stream(&client, "beginnings", json!({})).await;
    for payload in ["1", "2"] {
        put(&session, "beginnings", "beginnings", payload).await;
    }
    sleep(Duration::from_millis(20)).await;
    let between = SystemTime::now();
    put(&session, "beginnings", "beginnings", "3").await;
    let source = |group: &str, start| Source::new(Endpoint::new("beginnings"), group).starting(start);
    let (all, receiver, mut settler) = receive(&session, &source("earliest", Start::Earliest)).await;
    assert_eq!(payloads(&all), ["1", "2", "3"]);
    let second = all[1].position.clone().unwrap();
    settler
        .settle(&[(all[0].token, Verdict::Done), (all[1].token, Verdict::Done)])
        .await
        .unwrap();
    close(receiver, settler).await;
    for (group, start, expected) in [
        ("time", Start::Time(between), &["3"][..]),
        ("position", Start::Position(second), &["2", "3"]),
        ("latest", Start::Latest, &["4"]),
        ("earliest", Start::Latest, &["3", "4"]),
    ] {
        let (mut receiver, settler) = session.receiver(&source(group, start)).await.unwrap();
        if group == "latest" {
            put(&session, "beginnings", "beginnings", "4").await;
        }
        let mut found = payloads(&rest(&mut receiver).await);
        found.retain(|payload| group == "latest" || group == "earliest" || payload != "4");
        assert_eq!(found, expected, "{group}");
        close(receiver, settler).await;
    }
}

#[tokio::test]
async fn several_subjects_of_a_stream_are_received_by_filter_with_their_addresses() {
    let (session, client) = ready().await;
    make_stream(&client, "filters", json!({ "subjects": ["filters.>"] })).await;
    for subject in ["filters.a", "filters.b.x", "filters.c", "filters.b.y"] {
        put(&session, "filters.a", subject, subject).await;
    }
    let settings = Settings::new().with("subjects", "filters.a, filters.b.*");
    let source = Source::new(Endpoint::new("filters").with_settings(settings), "some");
    let (batch, receiver, settler) = receive(&session, &source).await;
    let addresses: Vec<_> = batch
        .iter()
        .map(|delivery| delivery.address.clone().unwrap())
        .collect();
    assert_eq!(addresses, ["filters.a", "filters.b.x", "filters.b.y"]);
    close(receiver, settler).await;
    // The same group again, in another order, is the same; what is left out is no gap.
    let settings = Settings::new().with("subjects", "filters.b.*,filters.a");
    let source = Source::new(Endpoint::new("filters").with_settings(settings), "some");
    let (again, receiver, settler) = receive(&session, &source).await;
    assert_eq!(again.len(), 3);
    close(receiver, settler).await;
}

#[tokio::test]
async fn a_message_that_is_worked_on_for_long_does_not_come_again() {
    let (session, client) = ready().await;
    make_stream(&client, "slow", json!({})).await;
    let settings = Settings::new().with("ack_wait_ms", "1000");
    let source = Source::new(Endpoint::new("slow").with_settings(settings), "g").with_window(Room {
        messages: 10,
        bytes: 1 << 20,
    });
    let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
    for number in 0..5 {
        put(&session, "slow", "slow", &number.to_string()).await;
    }
    // Two are handed out, the others wait in the receiver: all of them for three times as long as the server waits.
    let mut batch = Vec::new();
    while batch.len() < 2 {
        let room = Room {
            messages: 2 - batch.len(),
            bytes: 1 << 20,
        };
        timeout(SOON, receiver.receive(room, &mut batch))
            .await
            .unwrap()
            .unwrap();
    }
    sleep(Duration::from_secs(3)).await;
    batch.extend(rest(&mut receiver).await);
    assert_eq!(payloads(&batch), ["0", "1", "2", "3", "4"]);
    assert!(batch.iter().all(|delivery| delivery.attempt == Some(1)));
    let done: Vec<_> = batch
        .iter()
        .map(|delivery| (delivery.token, Verdict::Done))
        .collect();
    settler.settle(&done).await.unwrap();
    close(receiver, settler).await;
}

#[tokio::test]
async fn looking_takes_from_nobody_and_ends_behind_the_last_message() {
    let (session, client) = ready().await;
    make_stream(&client, "looked-at", json!({})).await;
    for number in 0..300 {
        put(&session, "looked-at", "looked-at", &number.to_string()).await;
    }
    let browse = session.browse().unwrap();
    let endpoint = Endpoint::new("looked-at");
    for _ in 0..2 {
        let mut looker = browse.look(&endpoint, &Start::Earliest, false).await.unwrap();
        let mut batch = Vec::new();
        let end = loop {
            match timeout(SOON, looker.receive(ROOM, &mut batch)).await.unwrap() {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((batch.len(), end.class()), (300, Class::Closed), "{end}");
        looker.close().await.unwrap();
    }
    let mut tail = browse.look(&endpoint, &Start::Latest, true).await.unwrap();
    put(&session, "looked-at", "looked-at", "new").await;
    let mut batch = Vec::new();
    timeout(SOON, tail.receive(ROOM, &mut batch))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(payloads(&batch), ["new"]);
    let state = session.inspect(&endpoint, Some("nobody")).await.unwrap();
    assert_eq!((state.depth, state.lag), (Some(301), None));
    let mut empty = browse.look(&endpoint, &Start::Latest, false).await.unwrap();
    let end = timeout(SOON, empty.receive(ROOM, &mut batch))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(end.class(), Class::Closed);
}

#[tokio::test]
async fn a_missing_stream_is_made_where_that_is_asked_for_and_told() {
    let (session, client) = ready().await;
    let declare = session.declare().unwrap();
    let made = |settings: Settings, channel: &str| Endpoint::new(channel).with_settings(settings);
    let verify = made(Settings::new(), "declared.orders");
    assert!(declare.declare(&verify, Purpose::Send).await.unwrap().is_empty());
    assert!(session.verify(&verify, Purpose::Send).await.is_err());
    let create = made(
        Settings::new()
            .with("topology", "create")
            .with("subjects", "declared.>"),
        "declared.orders",
    );
    let told = declare.declare(&create, Purpose::Send).await.unwrap();
    assert_eq!(
        told,
        ["made the stream `declared_orders` in files, one copy of it, for the subjects `declared.>`"]
    );
    assert!(declare.declare(&create, Purpose::Send).await.unwrap().is_empty());
    session.verify(&create, Purpose::Send).await.unwrap();
    let queue = made(
        Settings::new()
            .with("topology", "create")
            .with("retention", "workqueue"),
        "DECLARED-QUEUE",
    );
    assert_eq!(declare.declare(&queue, Purpose::Receive).await.unwrap().len(), 1);
    let found = session
        .verify(&made(Settings::new(), "DECLARED-QUEUE"), Purpose::Receive)
        .await
        .unwrap();
    assert!(found.capabilities.settling_deletes);
    let stream = ask(&client, "STREAM.INFO.DECLARED-QUEUE", &Value::Null).await;
    assert_eq!(stream["config"]["storage"], "file");
}

#[tokio::test]
async fn a_stream_and_a_subject_of_it_are_the_same_channel() {
    let (session, client) = ready().await;
    make_stream(&client, "SAME", json!({ "subjects": ["same.*"] })).await;
    let stream = session
        .verify(&Endpoint::new("SAME"), Purpose::Receive)
        .await
        .unwrap();
    let subject = session
        .verify(&Endpoint::new("same.a"), Purpose::Send)
        .await
        .unwrap();
    assert_eq!(stream.canonical, subject.canonical);
    make_stream(&client, "OTHER", json!({})).await;
    let other = session
        .verify(&Endpoint::new("OTHER"), Purpose::Receive)
        .await
        .unwrap();
    assert_ne!(stream.canonical, other.canonical);
}

#[tokio::test]
async fn messages_that_are_deleted_while_they_are_awaited_are_told_and_holes_made_by_hand_are_not() {
    let server = shared(Kind::Nats).await.unwrap();
    let client = async_nats::connect(server.hosts()).await.unwrap();
    make_stream(&client, "trimmed", json!({})).await;
    let gaps = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&gaps);
    let events = Events::to(move |event| {
        if let Event::Gap { messages, .. } = event {
            heard.lock().unwrap().push(messages);
        }
    });
    let session = open(&server.url(), &Settings::new())
        .unwrap()
        .connect(events)
        .await
        .unwrap();
    let window = Room {
        messages: 2,
        bytes: 1 << 20,
    };
    let source = Source::new(Endpoint::new("trimmed"), "g").with_window(window);
    let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
    for number in 1..=20 {
        put(&session, "trimmed", "trimmed", &number.to_string()).await;
    }
    let mut batch = Vec::new();
    while batch.len() < 2 {
        timeout(SOON, receiver.receive(window, &mut batch))
            .await
            .unwrap()
            .unwrap();
    }
    // The third is deleted by hand; then everything before the eleventh is gone.
    ask(&client, "STREAM.MSG.DELETE.trimmed", &json!({ "seq": 3 })).await;
    let done = |batch: &[Delivery]| {
        batch
            .iter()
            .map(|delivery| (delivery.token, Verdict::Done))
            .collect::<Vec<_>>()
    };
    settler.settle(&done(&batch)).await.unwrap();
    batch.clear();
    while batch.len() < 2 {
        timeout(SOON, receiver.receive(window, &mut batch))
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(payloads(&batch), ["4", "5"]);
    assert!(
        gaps.lock().unwrap().is_empty(),
        "one message was deleted on purpose"
    );
    let mut config = ask(&client, "STREAM.INFO.trimmed", &Value::Null).await["config"].clone();
    config["max_msgs"] = json!(10);
    ask(&client, "STREAM.UPDATE.trimmed", &config).await;
    // The second look at a hole within a second is put off.
    sleep(Duration::from_millis(1100)).await;
    settler.settle(&done(&batch)).await.unwrap();
    batch.clear();
    timeout(SOON, receiver.receive(window, &mut batch))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(payloads(&batch)[0], "11");
    let told = timeout(SOON, async {
        while gaps.lock().unwrap().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    told.await.expect("a gap is told");
    assert_eq!(*gaps.lock().unwrap(), [Some(5)]);
    close(receiver, settler).await;
}

#[tokio::test]
async fn a_rejected_delivery_is_an_error_and_stays_in_flight() {
    let (session, client) = ready().await;
    make_stream(&client, "rejecting", json!({})).await;
    put(&session, "rejecting", "rejecting", "1").await;
    let (batch, receiver, mut settler) =
        receive(&session, &Source::new(Endpoint::new("rejecting"), "g")).await;
    let error = settler
        .settle(&[(batch[0].token, Verdict::Reject)])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no dead letters"), "{error}");
    settler.settle(&[(batch[0].token, Verdict::Done)]).await.unwrap();
    close(receiver, settler).await;
    let state = session
        .inspect(&Endpoint::new("rejecting"), Some("g"))
        .await
        .unwrap();
    assert_eq!(state.lag, Some(0));
}

#[tokio::test]
async fn one_unsettled_message_at_a_time_keeps_its_order_through_retries() {
    let (session, client) = ready().await;
    make_stream(&client, "strict", json!({})).await;
    for number in 0..4 {
        put(&session, "strict", "strict", &number.to_string()).await;
    }
    let settings = Settings::new().with("max_ack_pending", "1");
    let source = Source::new(Endpoint::new("strict").with_settings(settings), "g");
    let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 8 {
        let mut batch = Vec::new();
        timeout(SOON, receiver.receive(ROOM, &mut batch))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(batch.len(), 1);
        let again = batch[0].attempt == Some(1);
        seen.extend(payloads(&batch));
        let verdict = if again {
            Verdict::Retry {
                after: Duration::from_millis(20),
            }
        } else {
            Verdict::Done
        };
        settler.settle(&[(batch[0].token, verdict)]).await.unwrap();
    }
    assert_eq!(seen, ["0", "0", "1", "1", "2", "2", "3", "3"]);
    close(receiver, settler).await;
}

/// The client gives its connection up over such a header, so nobody can hand the message out. What can be done is to say so,
/// and to let the others pass.
#[tokio::test]
async fn a_header_that_is_no_text_breaks_the_connection_and_that_is_told() {
    let server = shared(Kind::Nats).await.unwrap();
    let client = async_nats::connect(server.hosts()).await.unwrap();
    make_stream(&client, "poisoned", json!({})).await;
    let mut raw = tokio::net::TcpStream::connect(server.hosts()).await.unwrap();
    let header = b"NATS/1.0\r\nbytes: \xff\xfe\r\n\r\n";
    let mut bytes = format!(
        "CONNECT {{\"headers\":true}}\r\nHPUB poisoned {0} {0}\r\n",
        header.len()
    )
    .into_bytes();
    bytes.extend_from_slice(header);
    bytes.extend_from_slice(b"\r\n");
    raw.write_all(&bytes).await.unwrap();
    while ask(&client, "STREAM.INFO.poisoned", &Value::Null).await["state"]["messages"] == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let events = Events::to(move |event| {
        if let Event::Unhealthy { error } = event {
            heard.lock().unwrap().push(error.to_string());
        }
    });
    let session = open(&server.url(), &Settings::new())
        .unwrap()
        .connect(events)
        .await
        .unwrap();
    let settings = Settings::new().with("ack_wait_ms", "1000");
    let source = Source::new(Endpoint::new("poisoned").with_settings(settings), "g");
    let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
    client.publish("poisoned", "good".into()).await.unwrap();
    let mut good = 0;
    let end = tokio::time::Instant::now() + 3 * SOON;
    while good == 0 || !told.lock().unwrap().iter().any(|told| told.contains("UTF-8")) {
        assert!(
            tokio::time::Instant::now() < end,
            "good: {good}, told: {:?}",
            told.lock().unwrap()
        );
        let mut batch = Vec::new();
        if let Ok(Ok(())) = timeout(QUIET, receiver.receive(ROOM, &mut batch)).await {
            assert_eq!(payloads(&batch), ["good"]);
            good += 1;
            // What is lost with the connection comes again.
            let _ = settler.settle(&[(batch[0].token, Verdict::Done)]).await;
        }
    }
}
