//! A broker that is short of memory or disk asks publishers to wait.
//!
//! It is made to say so by a frame put into its answers: a real shortage would be one for every other test, too.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Event, Events, Outgoing, Purpose, Target};
use dunlin_core::settings::Settings;
use dunlin_core::{Class, ErrorKind, Message};
use dunlin_servers::{Kind, Options, Server};
use futures_util::poll;

use crate::gate::Gate;
use crate::stand::open;

/// A frame of AMQP: a method of class 10 (connection) on channel 0.
fn frame(method: u8, argument: &[u8]) -> Vec<u8> {
    let mut payload = vec![0, 10, 0, method];
    payload.extend_from_slice(argument);
    let mut frame = vec![1, 0, 0, 0, 0, 0];
    frame.push(u8::try_from(payload.len()).expect("a short method"));
    frame.extend(payload);
    frame.push(0xce);
    frame
}

async fn until(heard: &Mutex<Vec<Event>>, like: impl Fn(&Event) -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !heard.lock().expect("no panic").iter().any(&like) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("an event of the session");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_publishers_are_blocked_nothing_is_in_doubt_and_nothing_more_is_taken() {
    let server = Server::start(Kind::RabbitMq, Options::new().own())
        .await
        .expect("a broker");
    let gate = Gate::start(server.address().await.expect("its address")).await;
    let settings = Settings::new()
        .with("confirm_timeout_ms", "500")
        .with("topology", "create");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let events = Events::to(move |event| listener.lock().expect("no panic").push(event));
    let system = open(&format!("amqp://{}", gate.address), &settings).expect("a system");
    let session = system.connect(events).await.expect("a session");
    let endpoint = Endpoint::new("blocked");
    let declare = session.declare().expect("an adapter that declares");
    declare.declare(&endpoint, Purpose::Send).await.expect("a queue");
    let mut sender = session
        .sender(&Target::new(endpoint, "test"))
        .await
        .expect("a sender");
    let one = [Outgoing::new(Message::new("{}"))];
    sender
        .send(&one)
        .await
        .expect("taken")
        .await
        .remove(0)
        .expect("stored");

    gate.hold(true);
    let mut confirm = sender.send(&one).await.expect("taken");
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.say(&frame(60, b"\x0dlow on memory"));
    until(
        &heard,
        |event| matches!(event, Event::Blocked { reason } if reason == "low on memory"),
    )
    .await;
    let error = sender
        .send(&one)
        .await
        .map(drop)
        .expect_err("a broker that asks to wait");
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::Blocked, Class::Temporary)
    );
    // More than the time for a confirm has passed, and the first message is neither lost nor in doubt.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(poll!(&mut confirm).is_pending());

    gate.say(&frame(61, b""));
    until(&heard, |event| matches!(event, Event::Unblocked)).await;
    gate.hold(false);
    confirm.await.remove(0).expect("stored after all");
    sender
        .send(&one)
        .await
        .expect("taken")
        .await
        .remove(0)
        .expect("stored");
    sender.close().await.expect("an end");
    session.close().await.expect("an end");
    let heard = heard.lock().expect("no panic");
    assert!(
        !heard.iter().any(|event| matches!(event, Event::Reconnected)),
        "{heard:?}"
    );
}
