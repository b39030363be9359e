//! What a route has done so far, for whoever wants to look: counts, and how it stands.
//!
//! Writers never wait: counts are atomics, and a reader takes a snapshot that may be a message apart from itself. It is not
//! a ledger: nothing is decided by it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dunlin_core::carried::Part;

mod transformations;

pub use transformations::{TransformationCounts, TransformationSnapshot};

/// What became of a message, decided and settled: each received message that is no longer in flight has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// The target has it.
    Forwarded,
    /// It failed, and the target has its original bytes.
    UnsafeForwarded,
    /// A migration dropped it.
    Dropped,
    /// The configuration drops it: no condition fits, or it has no payload.
    Discarded,
    /// It came by the route's own channel, and nothing was left to do.
    Settled,
    /// The dead letter has it.
    DeadLettered,
    /// It was given back to the source, to come again.
    Returned,
    /// It came again while it was in flight, as after a reconnect, and was settled with the first.
    Joined,
    /// It is the source's still: the route ended before it was settled, or could not settle it.
    Left,
}

impl Fate {
    /// All fates.
    pub const ALL: [Self; 9] = [
        Self::Forwarded,
        Self::UnsafeForwarded,
        Self::Dropped,
        Self::Discarded,
        Self::Settled,
        Self::DeadLettered,
        Self::Returned,
        Self::Joined,
        Self::Left,
    ];

    /// The word for it in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::UnsafeForwarded => "unsafe_forwarded",
            Self::Dropped => "dropped",
            Self::Discarded => "discarded",
            Self::Settled => "settled",
            Self::DeadLettered => "dead_lettered",
            Self::Returned => "returned",
            Self::Joined => "joined",
            Self::Left => "left",
        }
    }
}

/// What else is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Count {
    /// Deliveries taken from the source.
    Received,
    /// Messages that failed, whatever became of them then.
    Failed,
    /// Messages that a migration was performed on, to its end or until it dropped them.
    Migrated,
    /// Reports that were confirmed.
    Reported,
    /// Messages whose record names more transformations than the chain has.
    Ahead,
    /// Messages whose whole chain was behind them already.
    Behind,
    /// Messages that no condition fits.
    Unmatched,
    /// Values that stayed as they were because of `on_error: keep`.
    KeptErrors,
    /// Sources that were given up because of `on_conflict: keep_target`.
    KeptTargets,
    /// Messages that go without their complement, because it was too large.
    ComplementsLeftOut,
    /// Messages that were sent again after a failure.
    Resent,
    /// Messages that a target knew already although they were sent but once: an alarm, unless they came again after a crash.
    UnexpectedDuplicates,
    /// Gaps found in the source: messages that this route never saw and never will. An alarm.
    Gaps,
    /// Messages in those gaps, as far as their number is known.
    GapMessages,
    /// Reconnects that the route was told of.
    Reconnects,
    /// Calls to settle that failed.
    SettleFailures,
    /// Calls to receive that failed.
    ReceiveFailures,
}

impl Count {
    /// All counts.
    pub const ALL: [Self; 17] = [
        Self::Received,
        Self::Failed,
        Self::Migrated,
        Self::Reported,
        Self::Ahead,
        Self::Behind,
        Self::Unmatched,
        Self::KeptErrors,
        Self::KeptTargets,
        Self::ComplementsLeftOut,
        Self::Resent,
        Self::UnexpectedDuplicates,
        Self::Gaps,
        Self::GapMessages,
        Self::Reconnects,
        Self::SettleFailures,
        Self::ReceiveFailures,
    ];

    /// The word for it in tables and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Failed => "failed",
            Self::Migrated => "migrated",
            Self::Reported => "reported",
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::Unmatched => "unmatched",
            Self::KeptErrors => "kept_errors",
            Self::KeptTargets => "kept_targets",
            Self::ComplementsLeftOut => "complements_left_out",
            Self::Resent => "resent",
            Self::UnexpectedDuplicates => "unexpected_duplicates",
            Self::Gaps => "gaps",
            Self::GapMessages => "gap_messages",
            Self::Reconnects => "reconnects",
            Self::SettleFailures => "settle_failures",
            Self::ReceiveFailures => "receive_failures",
        }
    }
}

/// How a route stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It connects and verifies its ends.
    Starting,
    /// It takes and forwards messages.
    Running,
    /// An end asked to come again later; what is in flight is held, also while the route ends.
    Waiting(String),
    /// A channel or its credentials are wrong; nothing is taken until that is mended, and the end of the route waits for it.
    Down(String),
    /// It takes nothing more and finishes what is in flight; nothing holds that up.
    Draining,
    /// It has ended, as asked or because the source has.
    Ended,
    /// It has ended with this error.
    Failed(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting"),
            Self::Running => f.write_str("running"),
            Self::Waiting(reason) => write!(f, "waiting: {reason}"),
            Self::Down(reason) => write!(f, "down: {reason}"),
            Self::Draining => f.write_str("draining"),
            Self::Ended => f.write_str("ended"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}

/// So many chains are counted side by side; a migration that is replaced all the time must not fill memory.
const MOST_CHAINS: usize = 64;

/// The counts of one route, written by its task and read by anyone.
#[derive(Debug)]
pub struct Progress {
    route: String,
    fates: [AtomicU64; Fate::ALL.len()],
    counts: [AtomicU64; Count::ALL.len()],
    left_out: [AtomicU64; Part::ALL.len()],
    in_flight: AtomicU64,
    in_flight_bytes: AtomicU64,
    standing: Mutex<Standing>,
    failures: Mutex<BTreeMap<&'static str, u64>>,
    transformations: Mutex<Vec<Arc<TransformationCounts>>>,
}

/// How a route stands, and what holds it up.
#[derive(Debug)]
struct Standing {
    state: State,
    hindrance: Option<String>,
}

/// The counts of one route at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProgressSnapshot {
    /// The route's name.
    pub route: String,
    /// How it stands.
    pub state: State,
    /// Why it was waiting or down when it last could have taken messages; none if it was running. It stays once the route is
    /// draining or has ended, so that a route which never got to its work is told from one that had none.
    pub hindrance: Option<String>,
    /// What became of the messages that are no longer in flight.
    pub fates: Vec<(Fate, u64)>,
    /// What else was counted.
    pub counts: Vec<(Count, u64)>,
    /// The parts that messages had and the target has no way for, with how many messages went without them.
    pub left_out: Vec<(Part, u64)>,
    /// Messages received and not settled.
    pub in_flight: u64,
    /// Their bytes.
    pub in_flight_bytes: u64,
    /// The messages that failed, by the kind of failure.
    pub failures: BTreeMap<&'static str, u64>,
    /// What each transformation did, one list per migration, in the order of the configuration.
    pub transformations: Vec<TransformationSnapshot>,
}

impl ProgressSnapshot {
    /// How many messages had this fate.
    pub fn fate(&self, fate: Fate) -> u64 {
        self.fates
            .iter()
            .filter(|(have, _)| *have == fate)
            .map(|(_, count)| count)
            .sum()
    }

    /// One of the other counts.
    pub fn count(&self, count: Count) -> u64 {
        self.counts
            .iter()
            .filter(|(have, _)| *have == count)
            .map(|(_, count)| count)
            .sum()
    }
}

impl Progress {
    /// Nothing has happened yet.
    pub fn new(route: impl Into<String>) -> Self {
        Self {
            route: route.into(),
            fates: Default::default(),
            counts: Default::default(),
            left_out: Default::default(),
            in_flight: AtomicU64::new(0),
            in_flight_bytes: AtomicU64::new(0),
            standing: Mutex::new(Standing {
                state: State::Starting,
                hindrance: None,
            }),
            failures: Mutex::new(BTreeMap::new()),
            transformations: Mutex::new(Vec::new()),
        }
    }

    /// The route's name.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// Everything at this moment.
    pub fn snapshot(&self) -> ProgressSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProgressSnapshot {
            route: self.route.clone(),
            state: self.state(),
            hindrance: locked(&self.standing).hindrance.clone(),
            fates: Fate::ALL.into_iter().zip(self.fates.iter().map(read)).collect(),
            counts: Count::ALL.into_iter().zip(self.counts.iter().map(read)).collect(),
            left_out: Part::ALL
                .into_iter()
                .zip(self.left_out.iter().map(read))
                .filter(|(_, messages)| *messages > 0)
                .collect(),
            in_flight: read(&self.in_flight),
            in_flight_bytes: read(&self.in_flight_bytes),
            failures: locked(&self.failures).clone(),
            transformations: locked(&self.transformations)
                .iter()
                .map(|counts| counts.snapshot())
                .collect(),
        }
    }

    /// How the route stands.
    pub fn state(&self) -> State {
        locked(&self.standing).state.clone()
    }

    /// One of the counts.
    pub fn count(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Ordering::Relaxed)
    }

    /// How many messages had this fate.
    pub fn fate(&self, fate: Fate) -> u64 {
        self.fates[fate as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: Count, more: u64) {
        self.counts[count as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// Counts a message that failed.
    pub(crate) fn failed(&self, kind: &'static str) {
        self.add(Count::Failed, 1);
        *locked(&self.failures).entry(kind).or_insert(0) += 1;
    }

    /// Counts a message that goes to the target without this part.
    pub(crate) fn left_out(&self, part: Part) {
        self.left_out[part as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn had_fate(&self, fate: Fate, messages: u64) {
        self.fates[fate as usize].fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn hold(&self, messages: usize, bytes: usize) {
        self.in_flight.store(messages as u64, Ordering::Relaxed);
        self.in_flight_bytes.store(bytes as u64, Ordering::Relaxed);
    }

    /// Says how the route stands, to the log, too, if that is new.
    pub(crate) fn stand(&self, state: State) {
        let mut now = locked(&self.standing);
        if now.state == state {
            return;
        }
        match &state {
            State::Waiting(reason) | State::Down(reason) => now.hindrance = Some(reason.clone()),
            State::Running => now.hindrance = None,
            State::Starting | State::Draining | State::Ended | State::Failed(_) => {}
        }
        match &state {
            State::Down(_) | State::Failed(_) => tracing::error!(route = self.route, "{state}"),
            State::Waiting(_) => tracing::warn!(route = self.route, "{state}"),
            State::Starting | State::Running | State::Draining | State::Ended => {
                tracing::info!(route = self.route, "{state}");
            }
        }
        now.state = state;
    }

    /// The counts of a chain: those that are there, or these from now on. Of chains that were replaced, a few stay.
    pub(crate) fn counting(&self, counts: TransformationCounts) -> Arc<TransformationCounts> {
        let mut all = locked(&self.transformations);
        if let Some(there) = all.iter().find(|there| there.chain() == counts.chain()) {
            return Arc::clone(there);
        }
        if all.len() == MOST_CHAINS {
            all.remove(0);
        }
        let counts = Arc::new(counts);
        all.push(Arc::clone(&counts));
        counts
    }
}

/// A panic while a count was written leaves a count, nothing worse.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
