//! What scenarios are written with: connections, sources and targets whose waits are all bounded.

mod connection;
mod ends;
mod filled;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::carried::{Part, Way};
use dunlin_core::message::Message;
use dunlin_core::messaging::{Endpoint, Event, Events, MessagingSystem, Outgoing, Resolved, Room};
use dunlin_core::{HeaderValues, Result};
use tokio::time::timeout;

use crate::oracle::{Oracle, Tally};
use crate::random::Random;
use crate::recorder::Recorder;
use crate::scenario::payload_limit;
use crate::stand::{Access, Act, Hook, Stand, Wanted};
use crate::suite::{Checked, Failure};

pub(crate) use connection::Connection;
pub(crate) use ends::{SourceEnd, TargetEnd};
pub(crate) use filled::Filled;

/// One scenario's place of work.
pub(crate) struct Bench<'a> {
    stand: &'a dyn Stand,
    resolved: Resolved,
    id: &'static str,
    seed: u64,
    patience: Duration,
    recorder: Recorder,
    counter: std::sync::atomic::AtomicU32,
}

/// Room that no scenario fills.
pub(crate) const ROOM: Room = Room {
    messages: 2_000,
    bytes: 64 << 20,
};

impl<'a> Bench<'a> {
    pub(crate) fn new(
        stand: &'a dyn Stand,
        resolved: Resolved,
        id: &'static str,
        seed: u64,
        patience: Duration,
        recorder: Recorder,
    ) -> Self {
        Self {
            stand,
            resolved,
            id,
            seed,
            patience,
            recorder,
            counter: std::sync::atomic::AtomicU32::new(0),
        }
    }

    /// What an ordinary channel of the stand can do and takes.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// The longest that anything is waited for.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// How long nothing must come before it is believed that nothing will.
    pub(crate) fn quiet(&self) -> Duration {
        self.stand.quiet()
    }

    /// The longest that a connection may be dead before the system notices.
    pub(crate) fn liveness(&self) -> Duration {
        self.stand.liveness()
    }

    /// How far back the broker may forget settlements when it is stopped hard.
    pub(crate) fn forgets(&self) -> Duration {
        self.stand.forgets()
    }

    /// Whether receivers of a group have different lanes.
    pub(crate) fn lanes_by_key(&self) -> bool {
        self.stand.lanes_by_key()
    }

    /// What was logged so far, where the scenario says that it wants to know.
    pub(crate) fn logged(&self) -> String {
        self.recorder.text()
    }

    /// How this part of a message is carried.
    pub(crate) fn way(&self, part: Part) -> Option<Way> {
        let row = self.resolved.carries.iter().find(|(have, _)| *have == part);
        row.map(|(_, way)| *way)
    }

    /// Whether the stand offers this.
    pub(crate) fn has(&self, hook: Hook) -> bool {
        self.stand.hooks().contains(&hook)
    }

    /// Does this to the broker.
    pub(crate) async fn act(&self, act: Act<'_>) -> Checked {
        Ok(within(self.patience, "the stand to act", self.stand.act(act)).await??)
    }

    /// An oracle for this scenario; each call gives one with other ids.
    pub(crate) fn oracle(&self) -> Oracle {
        let oracle = Oracle::new(
            self.seed ^ (u64::from(self.count()) << 48),
            self.resolved.capabilities.header_values,
        );
        match self.way(Part::RepeatedHeaders) {
            Some(Way::Own(_)) => oracle,
            _ => oracle.without_repeats(),
        }
    }

    /// Chance that is the same in every run with this seed.
    pub(crate) fn random(&self) -> Random {
        Random::new(self.seed)
    }

    /// A fresh channel with one lane.
    pub(crate) async fn channel(&self) -> Checked<Endpoint> {
        self.channel_with(|_| {}).await
    }

    /// A fresh channel with more to wish for.
    pub(crate) async fn channel_with(&self, wish: impl FnOnce(&mut Wanted)) -> Checked<Endpoint> {
        let mut wanted = Wanted::named(self.name());
        wish(&mut wanted);
        Ok(self.stand.channel(&wanted).await?)
    }

    /// A name that nothing else of this run has.
    pub(crate) fn name(&self) -> String {
        let id = self.id.to_lowercase();
        format!("{id}-{:x}-{}", self.seed, self.count())
    }

    fn count(&self) -> u32 {
        self.counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    /// The system opened in this way, with a fresh channel behind it.
    pub(crate) async fn open_by(&self, access: &Access) -> Checked<(Arc<dyn MessagingSystem>, Endpoint)> {
        let wanted = Wanted::named(self.name());
        let opened = self.stand.open_by(access, &wanted);
        Ok(within(self.patience, "the stand to open its system", opened).await??)
    }

    /// A session as a new process would have it.
    pub(crate) async fn connect(&self) -> Checked<Connection> {
        Ok(self.connect_to(&self.stand.open()?).await??)
    }

    /// A session of this system, or why there is none.
    pub(crate) async fn connect_to(&self, system: &Arc<dyn MessagingSystem>) -> Checked<Result<Connection>> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        let events = Events::to(move |event| {
            // A question about lanes is answered at once by dropping it: scenarios that mind ask the broker instead.
            if !matches!(event, Event::LanesRevoking { .. }) {
                listener
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(event);
            }
        });
        let connected = within(self.patience, "connect", system.connect(events)).await?;
        Ok(connected.map(|session| Connection {
            session,
            heard,
            patience: self.patience,
            quiet: self.stand.quiet(),
        }))
    }

    /// How many messages a group has not settled, asked over a connection of its own; none where the system does not tell, or
    /// not within a quiet time, since the broker's answers may be held on every connection.
    pub(crate) async fn lag_if_told(&self, endpoint: &Endpoint, group: &str) -> Checked<Option<u64>> {
        let asked = async {
            let observer = self.connect().await?;
            observer.lag(endpoint, group).await
        };
        timeout(2 * self.quiet(), asked).await.unwrap_or(Ok(None))
    }

    /// An address that is not routed.
    pub(crate) fn unroutable(&self) -> Checked<bytes::Bytes> {
        let address = self.stand.unroutable();
        address.ok_or_else(|| Failure::new("expected the stand to know an address that is not routed"))
    }

    /// A message that the channels of this stand refuse.
    pub(crate) fn bad(&self) -> Checked<Outgoing> {
        let bad = Self::bad_message(self.stand, &self.resolved);
        bad.ok_or_else(|| Failure::new("expected a message that the channel refuses, found none"))
    }

    /// The cheapest message that a channel refuses of its own accord, if there is one: best before the wire, for then nobody has
    /// to wait for the broker's word.
    pub(crate) fn bad_message(stand: &dyn Stand, resolved: &Resolved) -> Option<Outgoing> {
        match resolved.capabilities.header_values {
            HeaderValues::Text => {
                return Some(Outgoing::new(
                    Message::new("{}").with_header("a", vec![0xff_u8, 0x00]),
                ));
            }
            // A channel that has no headers at all says so beforehand, and may leave out those that come.
            HeaderValues::None | HeaderValues::Binary => {}
        }
        if let Some(limit) = payload_limit(resolved) {
            let payload = format!("\"{}\"", "x".repeat(limit));
            return Some(Outgoing::new(Message::new(payload)));
        }
        // Without confirms nobody says that a message was not routed.
        let address = stand.unroutable().filter(|_| resolved.capabilities.confirms)?;
        Some(Outgoing::new(Message::new("{}")).addressed(address))
    }

    /// The quiet phase and its end: whatever still comes is counted, all obligations are awaited, a fresh message passes.
    pub(crate) async fn conclude(
        &self,
        oracle: &Oracle,
        connection: &Connection,
        source: &mut SourceEnd,
        endpoint: &Endpoint,
        bound: usize,
    ) -> Checked<Tally> {
        source.drain(oracle).await?;
        let mut target = connection.target(endpoint).await?;
        target.put(oracle, &oracle.issue(1)).await?;
        source.drain(oracle).await?;
        target.close().await?;
        oracle.judge(bound)
    }
}

/// The value of a future that must end in time.
pub(crate) async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> Checked<T> {
    timeout(limit, future).await.map_err(|_| {
        Failure::new(format!(
            "expected {what} to end within {limit:?}, found it still waiting"
        ))
    })
}
