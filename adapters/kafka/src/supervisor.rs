//! The thread of a receiver: it has a consumer polled, and makes a new one when that fails for good.
//!
//! Each consumer is an incarnation: all lanes of one before are lost. Its password is read again.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Instant;

use dunlin_core::messaging::{Event, Room};
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Class, Error, ErrorKind, Result};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use tokio::sync::oneshot;

use crate::client::{self, Listener};
use crate::config::{Config, End};
use crate::error::classify;
use crate::poller;
use crate::rebalance::{GroupContext, Shared};

pub(crate) type GroupConsumer = BaseConsumer<GroupContext>;

/// What a consumer is made with, again after each failure.
pub(crate) struct Recipe {
    pub(crate) config: Arc<Config>,
    pub(crate) end: End,
    pub(crate) group: String,
    pub(crate) window: Room,
    /// How many partitions the group has to share.
    pub(crate) partitions: usize,
    pub(crate) shared: Arc<Shared>,
}

impl Recipe {
    /// A consumer that has not joined yet. Its password is read now.
    pub(crate) fn consumer(&self) -> Result<GroupConsumer> {
        let settings: ClientConfig = client::consumer(&self.config, &self.end, &self.group, self.partitions)?;
        let context = GroupContext {
            shared: Arc::clone(&self.shared),
            listener: Listener::default(),
            changed: AtomicBool::new(false),
            expelled: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        };
        settings
            .create_with_context(context)
            .map_err(|error| classify("receiver", &error))
    }
}

/// Polls until the receiver is closed or gone, then leaves the group. The receiver of the answer learns when that is done.
pub(crate) fn start(recipe: Recipe, first: GroupConsumer) -> Result<oneshot::Receiver<()>> {
    let (done, ended) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("dunlin-kafka".to_owned())
        .spawn(move || {
            run(&recipe, first);
            // Whoever waits may have given up.
            let _ = done.send(());
        });
    match thread {
        Ok(_) => Ok(ended),
        Err(cause) => Err(Error::new(
            ErrorKind::Io,
            "receiver",
            "expected a thread for the consumer, the system gives none",
        )
        .caused_by(cause)),
    }
}

fn run(recipe: &Recipe, first: GroupConsumer) {
    let shared = &recipe.shared;
    shared.polled_by(thread::current());
    let mut next = Some(first);
    let mut pauses = None;
    while !shared.is_closing() {
        let consumer = match next.take().map_or_else(|| recipe.consumer(), Ok) {
            Ok(consumer) => consumer,
            Err(error) => {
                tell(shared, &error);
                pause(shared, pauses.get_or_insert_default());
                continue;
            }
        };
        let end = poller::poll(recipe, consumer, &mut pauses);
        let lost = {
            let mut flight = shared.flight();
            let lanes: Vec<_> = flight.lanes().map(|(lane, _)| lane).collect();
            flight.owe(&lanes);
            flight.lose_all()
        };
        if !lost.is_empty() && !shared.is_closing() {
            shared.events.tell(Event::LanesLost { lanes: lost });
        }
        match end {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(%error, "the consumer failed; a new one joins the group");
                tell(shared, &error);
                pause(shared, pauses.get_or_insert_default());
            }
        }
    }
}

/// Tells the route, and the receiver, too, unless it passes by itself.
pub(crate) fn tell(shared: &Shared, error: &Error) {
    shared.events.tell(Event::Unhealthy { error: error.clone() });
    if error.class() != Class::Temporary {
        shared.fail(error.clone());
    }
}

/// Waits until the next attempt, or the receiver's end.
fn pause(shared: &Shared, pauses: &mut Pauses) {
    let end = Instant::now() + pauses.longer();
    while !shared.is_closing() && Instant::now() < end {
        thread::park_timeout(end.saturating_duration_since(Instant::now()));
    }
}
