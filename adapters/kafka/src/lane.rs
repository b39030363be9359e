//! One partition while it is this consumer's: what was fetched of it, what is out, and how far it is settled.
//!
//! A lane lives as long as one assignment. When the partition comes back, or its log begins anew, there is a new lane with
//! a new number, so that nothing of the old one can be mistaken for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dunlin_core::ledger::Ledger;
use dunlin_core::message::Message;
use dunlin_core::position::Position;

/// A partition by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    pub(crate) topic: Arc<str>,
    pub(crate) number: i32,
}

/// A record that was fetched and is not handed out.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) offset: i64,
    pub(crate) message: Message,
}

/// A record that was given back, and when it is to come again.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) message: Message,
    pub(crate) attempt: u32,
    pub(crate) due: Instant,
}

#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) partition: Partition,
    /// The topic's name as an address.
    pub(crate) address: Bytes,
    /// The log's name in positions.
    log: Arc<str>,
    pub(crate) ready: VecDeque<Fetched>,
    /// In the order of the log: nothing later goes before the first of these.
    pub(crate) returned: BTreeMap<i64, Returned>,
    pub(crate) ledger: Ledger<i64>,
    /// The offset that is expected next; unknown before the first record of a group without a place.
    pub(crate) expected: Option<i64>,
    /// The place behind which everything is settled, as far as the client was told of it.
    pub(crate) stored: Option<i64>,
    /// The same, as far as the broker has confirmed it.
    pub(crate) committed: Option<i64>,
    /// Its first place was committed ahead of time.
    pub(crate) hastened: bool,
    /// It is about to go to another member: nothing more is handed out.
    pub(crate) leaving: bool,
}

impl LaneState {
    pub(crate) fn new(partition: Partition, cluster: &str) -> Self {
        let log = log_name(cluster, &partition.topic, partition.number);
        Self {
            address: Bytes::copy_from_slice(partition.topic.as_bytes()),
            partition,
            log,
            ready: VecDeque::new(),
            returned: BTreeMap::new(),
            // What is out is bounded by the window of whoever receives.
            ledger: Ledger::new(usize::MAX),
            expected: None,
            stored: None,
            committed: None,
            hastened: false,
            leaving: false,
        }
    }

    pub(crate) fn position(&self, offset: i64) -> Position {
        // Offsets of records are never negative.
        Position::new(Arc::clone(&self.log), u64::try_from(offset).unwrap_or(0))
    }

    /// The place behind what is settled without a gap: the offset of the record to read next.
    pub(crate) fn settled(&self) -> Option<i64> {
        self.ledger.settled().map(|offset| offset + 1)
    }

    /// The place that the client has to be told of, if it rose since the last time.
    pub(crate) fn risen(&mut self) -> Option<i64> {
        let settled = self.settled()?;
        if self.stored.is_some_and(|stored| stored >= settled) {
            return None;
        }
        self.stored = Some(settled);
        Some(settled)
    }

    /// Whether the broker has confirmed everything that is settled.
    pub(crate) fn is_committed(&self) -> bool {
        self.settled()
            .is_none_or(|settled| self.committed.is_some_and(|committed| committed >= settled))
    }
}

/// What names a partition's log in positions. The client does not tell the id of a topic, so one that was deleted and made
/// anew under its name has the same log's name.
pub(crate) fn log_name(cluster: &str, topic: &str, partition: i32) -> Arc<str> {
    Arc::from(format!("{cluster}/{topic}/{partition}"))
}
