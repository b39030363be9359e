//! How fast messages go through, from one topic to another. Not a check: the figures depend on the machine.

use std::time::{Duration, Instant};

use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Outgoing, Room, Session, Source, Target, Verdict};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use crate::stand::KafkaStand;

const COUNT: usize = 200_000;
const ROOM: Room = Room {
    messages: 500,
    bytes: 8 << 20,
};

#[test]
#[ignore = "prints figures for people; run it in release mode"]
fn messages_per_second_from_topic_to_topic() {
    let stand = KafkaStand::start();
    crate::block_on(async {
        measure(&stand, "one partition", 1, COUNT).await;
        measure(&stand, "four partitions", 4, COUNT).await;
        measure(&stand, "one of four partitions", 4, 1).await;
    });
}

async fn measure(stand: &KafkaStand, what: &str, partitions: usize, keys: usize) {
    let name = what.replace(' ', "-");
    let (from, to) = (format!("from-{name}"), format!("to-{name}"));
    stand.topic(&from, partitions, None).await.unwrap();
    stand.topic(&to, partitions, None).await.unwrap();
    let session = stand.session().await;
    let begun = Instant::now();
    fill(&*session, &from, keys).await;
    say(&format!("{what}, send"), begun.elapsed());
    let begun = Instant::now();
    let source = Source::new(Endpoint::new(&*from), "speed");
    let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
    let mut sender = session
        .sender(&Target::new(Endpoint::new(&*to), "speed"))
        .await
        .unwrap();
    let mut flight = FuturesOrdered::new();
    let (mut taken, mut settled, mut first) = (0, 0, None);
    while settled < COUNT {
        let mut batch = Vec::new();
        tokio::select! {
            received = receiver.receive(ROOM, &mut batch), if flight.len() < 16 && taken < COUNT => {
                received.unwrap();
                first.get_or_insert_with(Instant::now);
            }
            Some(done) = flight.next() => {
                let done: Vec<_> = done;
                settled += done.len();
                settler.settle(&done).await.unwrap();
                continue;
            }
        }
        taken += batch.len();
        let outgoing: Vec<_> = batch
            .iter()
            .map(|delivery| Outgoing::new(delivery.message.clone()))
            .collect();
        let confirm = sender.send(&outgoing).await.unwrap();
        let tokens: Vec<_> = batch.iter().map(|delivery| delivery.token).collect();
        flight.push_back(async move {
            let answers = confirm.await;
            let done = tokens.into_iter().zip(answers);
            done.map(|(token, answer)| answer.map(|_| (token, Verdict::Done)).unwrap())
                .collect::<Vec<_>>()
        });
    }
    say(&format!("{what}, through"), first.unwrap_or(begun).elapsed());
    sender.close().await.unwrap();
    settler.close().await.unwrap();
    receiver.close().await.unwrap();
    session.close().await.unwrap();
}

async fn fill(session: &dyn Session, topic: &str, keys: usize) {
    let mut sender = session
        .sender(&Target::new(Endpoint::new(topic), "speed"))
        .await
        .unwrap();
    let mut flight = FuturesOrdered::new();
    for number in 0..COUNT / 500 {
        let batch: Vec<_> = (0..500)
            .map(|place| {
                Outgoing::new(
                    Message::new(vec![b'x'; 1_024]).with_key(format!("{}", (number * 500 + place) % keys)),
                )
            })
            .collect();
        flight.push_back(sender.send(&batch).await.unwrap());
        if flight.len() >= 16
            && let Some(answers) = flight.next().await
        {
            assert!(answers.iter().all(Result::is_ok));
        }
    }
    while let Some(answers) = flight.next().await {
        assert!(answers.iter().all(Result::is_ok));
    }
    sender.close().await.unwrap();
}

#[allow(clippy::print_stdout, reason = "the figures are the point")]
fn say(what: &str, took: Duration) {
    let rate = COUNT as f64 / took.as_secs_f64();
    println!("{what}: {rate:.0} messages of 1 KiB per second");
}
