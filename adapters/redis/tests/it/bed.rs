//! One plain server for a test, a session on it, and short ways to send and receive.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use dunlin_core::message::Message;
use dunlin_core::messaging::{
    Delivery, Endpoint, Event, Events, MessagingSystem, Outgoing, Receipt, Receiver, Room, Session, Settler,
    Source, Start, Target, Verdict,
};
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Error, Result};
use dunlin_servers::{Kind, Options, Server};
use redis::FromRedisValue;
use tokio::time::timeout;

use crate::stand::{clock, make_stream, open, say};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(15);

const ROOM: Room = Room {
    messages: 100,
    bytes: 1 << 20,
};

/// A server of the test's own.
pub(crate) struct Bed {
    pub(crate) server: Server,
    pub(crate) session: Arc<dyn Session>,
    pub(crate) heard: Arc<Mutex<Vec<Event>>>,
}

/// Both halves of a receiver.
pub(crate) struct Ends {
    pub(crate) receiver: Box<dyn Receiver>,
    pub(crate) settler: Box<dyn Settler>,
}

/// The settings of a system that notices quickly.
pub(crate) fn quick() -> Settings {
    Settings::new().with("liveness_timeout_ms", "1500")
}

/// A system at this address.
pub(crate) fn system(url: &str, settings: &Settings) -> Arc<dyn MessagingSystem> {
    open(url, settings, &clock()).expect("a system")
}

/// What connecting there says.
pub(crate) async fn refusal(url: &str, settings: &Settings) -> Error {
    let connected = timeout(PATIENCE, system(url, settings).connect(Events::ignored())).await;
    connected.expect("an answer in time").expect_err("a refusal")
}

impl Bed {
    pub(crate) async fn start() -> Self {
        Self::with(Options::new().own(), &quick()).await
    }

    pub(crate) async fn with(options: Options, settings: &Settings) -> Self {
        let server = Server::start(Kind::Redis, options).await.expect("a Redis server");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        let events = Events::to(move |event| listener.lock().expect("a lock").push(event));
        let session = system(&server.url(), settings)
            .connect(events)
            .await
            .expect("a session");
        Self {
            server,
            session,
            heard,
        }
    }

    /// Another session on the same server, as another process would have it.
    pub(crate) async fn another(&self, settings: &Settings) -> Arc<dyn Session> {
        let system = system(&self.server.url(), settings);
        system.connect(Events::ignored()).await.expect("a session")
    }

    /// An empty stream.
    pub(crate) async fn stream(&self, key: &str) -> Endpoint {
        make_stream(&self.server.hosts(), key).await;
        Endpoint::new(key)
    }

    /// Says a command past the adapter.
    pub(crate) async fn say<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        say(&self.server.hosts(), &command).await
    }

    pub(crate) async fn send(&self, endpoint: &Endpoint, payloads: &[&str]) -> Vec<Result<Receipt>> {
        let batch: Vec<_> = payloads
            .iter()
            .map(|payload| Outgoing::new(Message::new((*payload).to_owned())))
            .collect();
        self.send_all(endpoint, &batch).await
    }

    pub(crate) async fn send_all(&self, endpoint: &Endpoint, batch: &[Outgoing]) -> Vec<Result<Receipt>> {
        let mut sender = self
            .session
            .sender(&Target::new(endpoint.clone(), "test"))
            .await
            .expect("a sender");
        let confirm = sender.send(batch).await.expect("a confirm");
        let answers = timeout(PATIENCE, confirm).await.expect("answers in time");
        sender.close().await.expect("a sender that closes");
        answers
    }

    pub(crate) async fn receive(&self, endpoint: &Endpoint, start: Start) -> Ends {
        ends(&self.session, endpoint, start).await
    }

    /// Waits until something like this was heard.
    pub(crate) async fn hears<T>(&self, what: impl Fn(&Event) -> Option<T>) -> T {
        let heard = async {
            loop {
                if let Some(found) = self.heard.lock().expect("a lock").iter().find_map(&what) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, heard).await.expect("the event")
    }

    /// Every gap that was told so far.
    pub(crate) fn gaps(&self) -> Vec<Option<u64>> {
        let heard = self.heard.lock().expect("a lock");
        heard
            .iter()
            .filter_map(|event| match event {
                Event::Gap { messages, .. } => Some(*messages),
                _ => None,
            })
            .collect()
    }

    /// Waits for a gap: how many messages were lost, where that was told.
    pub(crate) async fn gap(&self) -> Option<u64> {
        self.hears(|event| match event {
            Event::Gap { messages, .. } => Some(*messages),
            _ => None,
        })
        .await
    }
}

/// A receiver of the group `test`.
pub(crate) async fn ends(session: &Arc<dyn Session>, endpoint: &Endpoint, start: Start) -> Ends {
    let source = Source::new(endpoint.clone(), "test").starting(start);
    let (receiver, settler) = session.receiver(&source).await.expect("a receiver");
    Ends { receiver, settler }
}

impl Ends {
    /// Exactly so many.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Delivery> {
        take(&mut *self.receiver, count).await
    }

    /// What comes first, over whatever is unhealthy until then.
    pub(crate) async fn take_once_healthy(&mut self) -> Vec<Delivery> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            if let Err(error) = self.receiver.receive(ROOM, &mut batch).await {
                assert_eq!(error.class(), Class::Unhealthy, "{error}");
            }
        }
        batch
    }

    /// Nothing for a while.
    pub(crate) async fn nothing(&mut self) {
        let mut batch = Vec::new();
        let waited = timeout(
            Duration::from_millis(300),
            self.receiver.receive(ROOM, &mut batch),
        )
        .await;
        assert!(waited.is_err() && batch.is_empty(), "{:?}", payloads(&batch));
    }

    pub(crate) async fn done(&mut self, batch: &[Delivery]) {
        let verdicts: Vec<_> = batch
            .iter()
            .map(|delivery| (delivery.token, Verdict::Done))
            .collect();
        self.settler.settle(&verdicts).await.expect("a settlement");
    }

    pub(crate) async fn close(self) {
        self.settler.close().await.expect("a settler that closes");
        self.receiver.close().await.expect("a receiver that closes");
    }
}

/// Exactly so many deliveries of a receiver.
pub(crate) async fn take(receiver: &mut dyn Receiver, count: usize) -> Vec<Delivery> {
    let mut batch = Vec::new();
    while batch.len() < count {
        let room = Room {
            messages: count - batch.len(),
            ..ROOM
        };
        let received = timeout(PATIENCE, receiver.receive(room, &mut batch)).await;
        received
            .unwrap_or_else(|_| panic!("{} of {count} deliveries came", batch.len()))
            .expect("deliveries");
    }
    batch
}

/// Payloads as text.
pub(crate) fn payloads(batch: &[Delivery]) -> Vec<String> {
    let text = |delivery: &Delivery| {
        let payload = delivery.message.payload.clone().unwrap_or_default();
        String::from_utf8_lossy(&payload).into_owned()
    };
    batch.iter().map(text).collect()
}
