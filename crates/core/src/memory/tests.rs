//! Nothing here waits: the clock is moved by hand, and a future that is not ready at once is shown to be pending.

mod capabilities;
mod groups;
mod limits;
mod operator;
mod receive;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;

use super::*;
use crate::clock::ManualClock;
use crate::error::Class;
use crate::messaging::{
    Delivery, Event, Events, Lane, Outgoing, Purpose, Receipt, Receiver, Room, Sender, Session, Settler,
    Source, Start, Target, Token, Verdict,
};
use crate::position::{DedupId, Position};

const ROOM: Room = Room {
    messages: 1_000,
    bytes: 1 << 20,
};

/// A broker, a session with one set of settings, and what its listener heard.
struct Stand {
    clock: ManualClock,
    broker: MemoryBroker,
    session: Arc<dyn Session>,
    heard: Arc<Mutex<Vec<Event>>>,
}

impl Stand {
    fn new(settings: &[(&str, &str)]) -> Self {
        let clock = ManualClock::new();
        let broker = MemoryBroker::new("test", &(Arc::new(clock.clone()) as Arc<dyn Clock>));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let session = session(&broker, settings, &heard);
        Self {
            clock,
            broker,
            session,
            heard,
        }
    }

    fn sender(&self) -> Box<dyn Sender> {
        at_once(
            self.session
                .sender(&Target::new(Endpoint::new("orders"), "route")),
        )
        .unwrap()
    }

    fn receiver(&self, group: &str) -> (Box<dyn Receiver>, Box<dyn Settler>) {
        self.receiver_from(group, Start::Earliest)
    }

    fn receiver_from(&self, group: &str, start: Start) -> (Box<dyn Receiver>, Box<dyn Settler>) {
        let source = Source::new(Endpoint::new("orders"), group).starting(start);
        at_once(self.session.receiver(&source)).unwrap()
    }

    /// Sends these payloads, one batch, and expects all of them to be stored.
    fn write(&self, payloads: &[&str]) -> Vec<Receipt> {
        let batch: Vec<_> = payloads.iter().map(|payload| message(payload)).collect();
        let answers = send(&mut *self.sender(), &batch);
        answers.into_iter().map(|answer| answer.unwrap()).collect()
    }

    fn heard(&self) -> Vec<String> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard.iter().map(|event| format!("{event:?}")).collect()
    }
}

fn session(
    broker: &MemoryBroker,
    settings: &[(&str, &str)],
    heard: &Arc<Mutex<Vec<Event>>>,
) -> Arc<dyn Session> {
    let settings = (settings.iter()).fold(Settings::new(), |all, (name, value)| all.with(*name, *value));
    let heard = Arc::clone(heard);
    let events = Events::to(move |event| heard.lock().unwrap().push(event));
    at_once(broker.system(&settings).unwrap().connect(events)).unwrap()
}

/// The answer of a future that must not wait.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("it should not have to wait")
}

fn message(payload: &str) -> Outgoing {
    Outgoing::new(Message::new(payload.to_owned()))
}

fn keyed(key: &str, payload: &str) -> Outgoing {
    Outgoing::new(Message::new(payload.to_owned()).with_key(key.to_owned()))
}

fn send(sender: &mut dyn Sender, batch: &[Outgoing]) -> Vec<Result<Receipt>> {
    at_once(at_once(sender.send(batch)).unwrap())
}

/// What is ready now; nothing where the receiver would wait.
fn ready(receiver: &mut dyn Receiver) -> Vec<Delivery> {
    ready_within(receiver, ROOM)
}

fn ready_within(receiver: &mut dyn Receiver, room: Room) -> Vec<Delivery> {
    let mut batch = Vec::new();
    if let Some(answer) = receiver.receive(room, &mut batch).now_or_never() {
        answer.unwrap();
    }
    batch
}

fn texts(batch: &[Delivery]) -> Vec<String> {
    let text =
        |delivery: &Delivery| String::from_utf8(delivery.message.payload.clone().unwrap().to_vec()).unwrap();
    batch.iter().map(text).collect()
}

fn settle(settler: &mut dyn Settler, batch: &[Delivery], verdict: Verdict) {
    let verdicts: Vec<_> = batch.iter().map(|delivery| (delivery.token, verdict)).collect();
    at_once(settler.settle(&verdicts)).unwrap();
}

fn retry(seconds: u64) -> Verdict {
    Verdict::Retry {
        after: Duration::from_secs(seconds),
    }
}
