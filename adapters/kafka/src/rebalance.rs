//! What a consumer and its receiver share, and what happens when partitions come and go.
//!
//! The client calls in here on the thread that polls it, and waits until it returns: a partition is given up only after
//! what was in flight on it had a bounded time to be settled. Partitions are assigned by the client's own code alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use dunlin_core::Error;
use dunlin_core::messaging::{Event, Events, Lane, Revoked};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::Notify;

use crate::client::{Listener, log};
use crate::error::classify;
use crate::flight::Flight;
use crate::lane::Partition;
use crate::offsets;

/// How long what is in flight has to be settled when its partition goes to another member.
const REVOKING: Duration = Duration::from_secs(5);

/// What the thread that polls, the receiver and the settler share.
pub(crate) struct Shared {
    flight: Mutex<Flight>,
    /// Something is there for the receiver, or for whoever waits for a commit.
    pub(crate) news: Notify,
    pub(crate) events: Events,
    /// The receiver is closed or gone.
    pub(crate) closing: AtomicBool,
    /// Somebody waits for everything settled to be committed.
    pub(crate) committing: AtomicBool,
    /// Why a commit failed, for whoever waits for it.
    commit_failed: Mutex<Option<Error>>,
    /// What the receiver is to be told once.
    failure: Mutex<Option<Error>>,
    /// The thread that polls, to be woken.
    poller: Mutex<Option<Thread>>,
}

impl Shared {
    pub(crate) fn new(cluster: &str, events: Events) -> Self {
        Self {
            flight: Mutex::new(Flight::new(cluster)),
            news: Notify::new(),
            events,
            closing: AtomicBool::new(false),
            committing: AtomicBool::new(false),
            commit_failed: Mutex::new(None),
            failure: Mutex::new(None),
            poller: Mutex::new(None),
        }
    }

    pub(crate) fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Tells the receiver of this with its next call.
    pub(crate) fn fail(&self, error: Error) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        self.news.notify_waiters();
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps why a commit failed.
    pub(crate) fn fail_commit(&self, error: Error) {
        *self.commit_failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    pub(crate) fn commit_failure(&self) -> Option<Error> {
        self.commit_failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    pub(crate) fn polled_by(&self, thread: Thread) {
        *self.poller.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// Wakes the thread that polls: there is room again, or something else to do.
    pub(crate) fn wake(&self) {
        if let Some(thread) = &*self.poller.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }

    /// Hands the client the places that rose. This is the only place at which it is told any.
    pub(crate) fn store<C: ConsumerContext>(&self, consumer: &BaseConsumer<C>) {
        let places = self.flight().risen();
        if places.is_empty() {
            return;
        }
        let mut list = TopicPartitionList::with_capacity(places.len());
        for (partition, next) in &places {
            // A list holds the offset to read next, whereas the call for a single message takes that message's own.
            let added = list.add_partition_offset(&partition.topic, partition.number, Offset::Offset(*next));
            if let Err(error) = added {
                tracing::warn!(%error, topic = &*partition.topic, "a place could not be kept");
            }
        }
        if let Err(error) = consumer.store_offsets(&list) {
            // The partition is gone; its records come again at its next owner.
            tracing::debug!(%error, "places of partitions that are not assigned any more were not kept");
        }
    }
}

/// Hears of the group's changes on behalf of one consumer.
pub(crate) struct GroupContext {
    pub(crate) shared: Arc<Shared>,
    pub(crate) listener: Listener,
    /// Partitions have come or gone since the last look.
    pub(crate) changed: AtomicBool,
    /// The membership was lost, and is not back yet.
    pub(crate) expelled: AtomicBool,
    /// The consumer has failed, and is about to be thrown away.
    pub(crate) broken: AtomicBool,
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.error(error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.changed.store(true, Ordering::Release);
        match rebalance {
            Rebalance::Assign(list) => {
                let partitions = partitions(list);
                let owed = self.shared.flight().owed(&partitions);
                offsets::pay(consumer, &owed);
                let mut flight = self.shared.flight();
                for partition in partitions {
                    flight.begin(partition);
                }
            }
            Rebalance::Revoke(list) => self.revoke(consumer, &partitions(list)),
            Rebalance::Error(error) => {
                let lost = self.shared.flight().lose_all();
                self.lost(lost);
                let error = classify("receive", error);
                self.shared.events.tell(Event::Unhealthy { error });
            }
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result
            && !is_nothing(&error)
        {
            tracing::debug!(%error, "places could not be committed; they are with the next commit");
        }
    }

    fn main_queue_min_poll_interval(&self) -> rdkafka::util::Timeout {
        rdkafka::util::Timeout::After(Duration::from_millis(100))
    }
}

impl GroupContext {
    /// Gives partitions up: nothing more is handed out, and what is out may still be settled for a while. The client
    /// commits what was stored when it lets them go.
    fn revoke(&self, consumer: &BaseConsumer<Self>, partitions: &[Partition]) {
        let lanes = self.shared.flight().leave(partitions);
        if lanes.is_empty() {
            return;
        }
        let lost = consumer.assignment_lost() || self.broken.load(Ordering::Acquire);
        self.expelled.fetch_or(lost, Ordering::AcqRel);
        // Lost partitions have an owner already, and a receiver that closes settles nothing any more.
        if !lost && !self.shared.is_closing() && self.shared.flight().unsettled(&lanes) > 0 {
            self.await_settlement(&lanes);
        }
        self.shared.store(consumer);
        if lost {
            self.shared.flight().owe(&lanes);
        }
        self.lost(lanes);
    }

    fn await_settlement(&self, lanes: &[Lane]) {
        let (answered, answer) = std::sync::mpsc::channel();
        self.shared.events.tell(Event::LanesRevoking {
            lanes: lanes.to_vec(),
            deadline: REVOKING,
            done: Revoked::then(move || {
                // Nobody waits any more once the time is over.
                let _ = answered.send(());
            }),
        });
        let end = Instant::now() + REVOKING;
        while Instant::now() < end && self.shared.flight().unsettled(lanes) > 0 && !self.shared.is_closing() {
            match answer.recv_timeout(Duration::from_millis(10)) {
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    pub(crate) fn lost(&self, lanes: Vec<Lane>) {
        if lanes.is_empty() {
            return;
        }
        self.shared.flight().lose(&lanes);
        if !self.shared.is_closing() {
            self.shared.events.tell(Event::LanesLost { lanes });
        }
        self.shared.news.notify_waiters();
    }
}

/// Nothing to commit is no failure.
pub(crate) fn is_nothing(error: &KafkaError) -> bool {
    crate::error::code(error) == Some(rdkafka::error::RDKafkaErrorCode::NoOffset)
}

fn partitions(list: &TopicPartitionList) -> Vec<Partition> {
    let elements = list.elements();
    let named = elements.iter().map(|element| Partition {
        topic: Arc::from(element.topic()),
        number: element.partition(),
    });
    named.collect()
}
