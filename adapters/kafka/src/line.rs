//! A producer of a sender, from its first message to its first failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dunlin_core::clock::Clock;
use rdkafka::producer::{Producer as _, PurgeConfig, ThreadedProducer};

use crate::answers::Reports;

/// How long a purge may take to bring its answers.
const PURGING: Duration = Duration::from_secs(2);

pub(crate) type Producer = ThreadedProducer<Reports>;

/// A producer, until it has failed once.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) producer: Producer,
    spent: Arc<AtomicBool>,
}

impl Line {
    pub(crate) fn new(producer: Producer) -> Self {
        Self {
            producer,
            spent: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether both are one producer.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.spent, &other.spent)
    }

    /// Whether the next message is to go alone. Each asking counts one off.
    pub(crate) fn is_next_suspect(&self) -> bool {
        let suspects = &self.reports().suspects;
        suspects.load(Ordering::Acquire) > 0
            && suspects
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
                .is_ok()
    }

    /// Ends this producer: nothing of it is sent any more, and its messages are answered as in doubt.
    pub(crate) fn give_up(&self) {
        if !self.spent.swap(true, Ordering::AcqRel) {
            self.producer.purge(PurgeConfig::default().queue().inflight());
        }
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
            || self.is_refused()
            || self.producer.client().fatal_error().is_some()
    }

    /// Whether the brokers do not let this producer in, so that waiting for its answers is in vain.
    pub(crate) fn is_refused(&self) -> bool {
        self.reports().listener.trouble.is_refusal()
    }

    /// Waits until every message of this producer is answered, at most so long.
    pub(crate) async fn drained(&self, clock: &dyn Clock, limit: Duration) {
        let end = clock.sleep(limit);
        tokio::pin!(end);
        while self.producer.in_flight_count() > 0 {
            tokio::select! {
                () = clock.sleep(Duration::from_millis(2)) => {}
                () = &mut end => return,
            }
        }
    }

    pub(crate) fn reports(&self) -> &Arc<Reports> {
        self.producer.client().context()
    }
}

/// Ends these producers, and waits for what they say of their messages.
pub(crate) async fn give_up(clock: &dyn Clock, lines: &[Line]) {
    lines.iter().for_each(Line::give_up);
    let end = clock.sleep(PURGING);
    tokio::pin!(end);
    while lines.iter().any(|line| line.producer.in_flight_count() > 0) {
        tokio::select! {
            () = clock.sleep(Duration::from_millis(5)) => {}
            () = &mut end => break,
        }
    }
}

/// The client's threads are waited for where nobody else is held up by it.
pub(crate) fn drop_aside(line: Line) {
    let thread = std::thread::Builder::new().name("dunlin-kafka-end".to_owned());
    if let Err(error) = thread.spawn(move || drop(line)) {
        tracing::warn!(%error, "no thread could be had to end a producer");
    }
}
