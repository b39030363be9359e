//! The adapter as a whole: on the disk of this machine in a folder of its own, and on a disk that fails as it is told.

mod containers;
mod faulty;
mod forgetting;
mod holding;
mod killing;
mod reading;
mod standard;
mod writing;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use dunlin_conformance::RuntimeClock;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{
    Confirm, Delivery, Endpoint, Event, Events, MessagingSystem, Outgoing, Receipt, Receiver, Room, Sender,
    Session, Settler, Source, Start, Target, Token, Verdict,
};
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;
use dunlin_core::{Error, Message, Result};
use dunlin_schemas::avro::container::Containers;

use crate::storage::{Disk, Storage};
use crate::{FileSystem, Stand};

/// Long enough for a machine under load; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const ROOM: Room = Room {
    messages: 1000,
    bytes: 1 << 20,
};

/// A system over one disk, with everything that it told.
struct Bench {
    session: Arc<dyn Session>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Bench {
    fn on(storage: Arc<dyn Storage>, folder: &Path, settings: &Settings) -> Self {
        Self::beside(
            &Stand {
                storage,
                writers: Arc::default(),
            },
            folder,
            settings,
        )
    }

    /// Another system over the same disk in the same process.
    fn beside(stand: &Stand, folder: &Path, settings: &Settings) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::new());
        let url = format!("file:{}", folder.display());
        let opening = Opening {
            name: "disk",
            url: &url,
            base: "/",
            settings,
            clock: &clock,
        };
        let system = FileSystem::new(&opening, stand.clone(), &[&Containers]).unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let connected = system.connect(Events::to(move |event| told.lock().unwrap().push(event)));
        let session = futures_util::FutureExt::now_or_never(connected).unwrap().unwrap();
        Self { session, events }
    }

    fn real(folder: &Path, settings: &Settings) -> Self {
        Self::on(Arc::new(Disk), folder, settings)
    }

    async fn sender(&self, channel: &str) -> Box<dyn Sender> {
        self.session
            .sender(&Target::new(Endpoint::new(channel), "test"))
            .await
            .unwrap()
    }

    async fn receiver(&self, channel: &str) -> (Box<dyn Receiver>, Box<dyn Settler>) {
        self.from(channel, Start::Earliest).await.unwrap()
    }

    async fn from(&self, channel: &str, start: Start) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        self.session
            .receiver(&Source::new(Endpoint::new(channel), "group").starting(start))
            .await
    }

    fn gaps(&self) -> usize {
        let events = self.events.lock().unwrap();
        events
            .iter()
            .filter(|event| matches!(event, Event::Gap { .. }))
            .count()
    }
}

fn refused<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("expected a refusal"),
        Err(error) => error,
    }
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs.iter().fold(Settings::new(), |settings, (name, value)| {
        settings.with(*name, *value)
    })
}

/// A followed file that is looked at often.
fn followed() -> Settings {
    settings(&[("follow", "true"), ("poll_interval_ms", "5")])
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .expect("an answer in time")
}

/// Receives until this many deliveries are there.
async fn receive(receiver: &mut Box<dyn Receiver>, count: usize) -> Vec<Delivery> {
    let mut batch = Vec::new();
    while batch.len() < count {
        let room = Room {
            messages: count - batch.len(),
            ..ROOM
        };
        within(receiver.receive(room, &mut batch)).await.unwrap();
    }
    batch
}

/// Receives everything up to the end.
async fn drain(receiver: &mut Box<dyn Receiver>) -> Vec<Delivery> {
    let mut batch = Vec::new();
    loop {
        match within(receiver.receive(ROOM, &mut batch)).await {
            Ok(()) => {}
            Err(end) if end.class() == dunlin_core::Class::Closed => return batch,
            Err(error) => panic!("{error}"),
        }
    }
}

async fn settle(settler: &mut Box<dyn Settler>, deliveries: &[Delivery]) {
    let verdicts: Vec<(Token, Verdict)> = deliveries
        .iter()
        .map(|delivery| (delivery.token, Verdict::Done))
        .collect();
    settler.settle(&verdicts).await.unwrap();
}

fn texts(deliveries: &[Delivery]) -> Vec<String> {
    let text = |delivery: &Delivery| {
        String::from_utf8(delivery.message.payload.clone().unwrap_or_default().to_vec())
    };
    deliveries
        .iter()
        .map(|delivery| text(delivery).unwrap())
        .collect()
}

fn batch<T: AsRef<str>>(payloads: &[T]) -> Vec<Outgoing> {
    payloads
        .iter()
        .map(|payload| Outgoing::new(Message::new(payload.as_ref().to_owned())))
        .collect()
}

async fn send<T: AsRef<str>>(sender: &mut Box<dyn Sender>, payloads: &[T]) -> Vec<Result<Receipt>> {
    let confirm: Confirm = within(sender.send(&batch(payloads))).await.unwrap();
    within(confirm).await
}

async fn sent<T: AsRef<str>>(sender: &mut Box<dyn Sender>, payloads: &[T]) {
    for answer in send(sender, payloads).await {
        answer.unwrap();
    }
}

fn file(folder: &Path, channel: &str) -> PathBuf {
    folder.join(format!("{channel}.ndjson"))
}

fn append(path: &Path, text: &str) {
    use std::io::Write;
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn sorted<T: Ord + Debug>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}
