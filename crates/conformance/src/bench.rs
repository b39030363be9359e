//! What scenarios are written with: connections, sources and targets whose waits are all bounded.

mod filled;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::carried::{Part, Way};
use dunlin_core::message::Message;
use dunlin_core::messaging::{
    Delivery, Endpoint, Event, Events, MessagingSystem, Outgoing, Purpose, Receipt, Receiver, Resolved, Room,
    Sender, Session, Settler, Source, Start, Target, Token, Verdict,
};
use dunlin_core::{Class, HeaderValues, Result};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::oracle::{Oracle, Tally};
use crate::random::Random;
use crate::recorder::Recorder;
use crate::scenario::payload_limit;
use crate::stand::{Access, Act, Hook, Stand, Wanted};
use crate::suite::{Checked, Failure, ensure};

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

/// A session, and what its listener heard.
pub(crate) struct Connection {
    /// The session.
    pub(crate) session: Arc<dyn Session>,
    heard: Arc<Mutex<Vec<Event>>>,
    patience: Duration,
    quiet: Duration,
}

/// A receiver with its settler.
pub(crate) struct SourceEnd {
    /// The receiver.
    pub(crate) receiver: Box<dyn Receiver>,
    /// Its settler.
    pub(crate) settler: Box<dyn Settler>,
    patience: Duration,
    quiet: Duration,
}

/// A sender.
pub(crate) struct TargetEnd {
    /// The sender.
    pub(crate) sender: Box<dyn Sender>,
    patience: Duration,
    batch: usize,
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

impl Connection {
    /// Receives from the earliest message on.
    pub(crate) async fn source(&self, endpoint: &Endpoint, group: &str) -> Checked<SourceEnd> {
        self.source_with(&Source::new(endpoint.clone(), group).starting(Start::Earliest))
            .await
    }

    /// The same, with no more than this many messages ever out, or fetched beforehand: what a fault may bring again.
    pub(crate) async fn source_of(
        &self,
        endpoint: &Endpoint,
        group: &str,
        window: usize,
    ) -> Checked<SourceEnd> {
        let wanted = Source::new(endpoint.clone(), group)
            .starting(Start::Earliest)
            .with_window(Room {
                messages: window,
                bytes: ROOM.bytes,
            });
        self.source_with(&wanted).await
    }

    /// Receives as this says.
    pub(crate) async fn source_with(&self, source: &Source) -> Checked<SourceEnd> {
        let (receiver, settler) = within(self.patience, "receiver", self.session.receiver(source)).await??;
        Ok(SourceEnd {
            receiver,
            settler,
            patience: self.patience,
            quiet: self.quiet,
        })
    }

    /// Opens the channel for sending.
    pub(crate) async fn target(&self, endpoint: &Endpoint) -> Checked<TargetEnd> {
        let target = Target::new(endpoint.clone(), "conformance");
        // As a route does: what the settings let the system make is made before it is asked for.
        if let Some(declare) = self.session.declare() {
            within(self.patience, "declare", declare.declare(endpoint, Purpose::Send)).await??;
        }
        let verified = self.session.verify(endpoint, Purpose::Send).await?;
        let sender = within(self.patience, "sender", self.session.sender(&target)).await??;
        Ok(TargetEnd {
            sender,
            patience: self.patience,
            batch: verified.limits.batch.unwrap_or(usize::MAX),
        })
    }

    /// What was heard since the last call.
    pub(crate) fn heard(&self) -> Vec<Event> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something like this was heard, and leaves everything else to be heard later.
    pub(crate) async fn hears(&self, what: &str, like: impl Fn(&Event) -> bool) -> Checked<Event> {
        let end = Instant::now() + self.patience;
        loop {
            {
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = heard.iter().position(&like) {
                    return Ok(heard.remove(place));
                }
            }
            ensure(Instant::now() < end, || {
                format!("expected the event {what}, found none")
            })?;
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many messages the group has not settled, where the system tells.
    pub(crate) async fn lag(&self, endpoint: &Endpoint, group: &str) -> Checked<Option<u64>> {
        let state = within(
            self.patience,
            "inspect",
            self.session.inspect(endpoint, Some(group)),
        )
        .await??;
        Ok(state.lag)
    }

    /// Ends the session.
    pub(crate) async fn close(self) -> Checked {
        Ok(within(self.patience, "the session to close", self.session.close()).await??)
    }
}

impl SourceEnd {
    /// Receives exactly this many, not yet settled.
    pub(crate) async fn take(&mut self, count: usize) -> Checked<Vec<Delivery>> {
        let mut batch = Vec::new();
        let end = Instant::now() + self.patience;
        while batch.len() < count {
            let room = Room {
                messages: count - batch.len(),
                bytes: ROOM.bytes,
            };
            self.receive_until(end, room, &mut batch).await.map_err(|fault| {
                Failure::new(format!(
                    "{fault}, waiting for {count} deliveries, {} came",
                    batch.len()
                ))
            })?;
        }
        ensure(batch.len() == count, || {
            format!(
                "expected no more deliveries than there was room for ({count}), found {}",
                batch.len()
            )
        })?;
        Ok(batch)
    }

    /// The same, in the order of issue: a log keeps its place by a prefix, so the first of these may be settled alone.
    pub(crate) async fn take_sorted(&mut self, oracle: &Oracle, count: usize) -> Checked<Vec<Delivery>> {
        let mut batch = self.take(count).await?;
        batch.sort_by_key(|delivery| oracle.number(delivery));
        Ok(batch)
    }

    /// Receives whatever comes until nothing came for the quiet time of the stand.
    pub(crate) async fn rest(&mut self) -> Checked<Vec<Delivery>> {
        let mut batch = Vec::new();
        loop {
            let before = batch.len();
            let quiet = Instant::now() + self.quiet;
            match timeout_at(quiet, self.receiver.receive(ROOM, &mut batch)).await {
                Err(_) if batch.len() == before => return Ok(batch),
                Ok(Err(error)) if error.class() == Class::Temporary => sleep(Duration::from_millis(10)).await,
                Ok(Err(error)) => return Err(error.into()),
                Ok(Ok(())) | Err(_) => {}
            }
        }
    }

    /// Receives and settles until nothing is owed and nothing comes any more.
    pub(crate) async fn drain(&mut self, oracle: &Oracle) -> Checked {
        let end = Instant::now() + self.patience;
        while oracle.missing() > 0 && Instant::now() < end {
            let mut batch = Vec::new();
            let waited = self.receive_until(end, ROOM, &mut batch).await;
            oracle.arrived(&batch);
            self.done(&batch).await?;
            if waited.is_err() {
                // What is missing then is for the judge to say.
                break;
            }
        }
        let rest = self.rest().await?;
        oracle.arrived(&rest);
        self.done(&rest).await
    }

    async fn receive_until(&mut self, end: Instant, room: Room, batch: &mut Vec<Delivery>) -> Checked {
        match timeout_at(end, self.receiver.receive(room, batch)).await {
            Err(_) => Err(Failure::new("the receiver waited too long")),
            Ok(Err(error)) if error.class() == Class::Temporary => {
                sleep(Duration::from_millis(10)).await;
                Ok(())
            }
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Settles these as done.
    pub(crate) async fn done(&mut self, batch: &[Delivery]) -> Checked {
        self.settle(batch, Verdict::Done).await
    }

    /// Settles these in one call.
    pub(crate) async fn settle(&mut self, batch: &[Delivery], verdict: Verdict) -> Checked {
        let verdicts: Vec<_> = batch.iter().map(|delivery| (delivery.token, verdict)).collect();
        self.settle_tokens(&verdicts).await
    }

    /// Settles these tokens. Verdicts that are lost in a fault are no fault of the contract: the deliveries come again.
    pub(crate) async fn settle_tokens(&mut self, verdicts: &[(Token, Verdict)]) -> Checked {
        if verdicts.is_empty() {
            return Ok(());
        }
        match within(self.patience, "settle", self.settler.settle(verdicts)).await? {
            Err(error) if error.class() != Class::Temporary => Err(error.into()),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// Closes both halves in the order of the contract.
    pub(crate) async fn close(self) -> Checked {
        within(self.patience, "the settler to close", self.settler.close()).await??;
        within(self.patience, "the receiver to close", self.receiver.close()).await??;
        Ok(())
    }
}

impl TargetEnd {
    /// One batch, and its answers.
    pub(crate) async fn send(&mut self, batch: &[Outgoing]) -> Checked<Vec<Result<Receipt>>> {
        let confirm = within(self.patience, "send", self.sender.send(batch)).await??;
        let answers = within(self.patience, "a confirm", confirm).await?;
        ensure(answers.len() == batch.len(), || {
            format!("expected {} answers, found {}", batch.len(), answers.len())
        })?;
        Ok(answers)
    }

    /// Sends until everything is confirmed: temporary errors are sent again, in order, as the router does it.
    pub(crate) async fn put(&mut self, oracle: &Oracle, batch: &[Outgoing]) -> Checked {
        for chunk in batch.chunks(self.batch) {
            self.put_chunk(oracle, chunk).await?;
        }
        Ok(())
    }

    async fn put_chunk(&mut self, oracle: &Oracle, batch: &[Outgoing]) -> Checked {
        let end = Instant::now() + self.patience;
        let mut left = batch.to_vec();
        while !left.is_empty() {
            ensure(Instant::now() < end, || {
                format!("{} messages could not be sent in time", left.len())
            })?;
            let confirm = match within(self.patience, "send", self.sender.send(&left)).await? {
                Ok(confirm) => confirm,
                Err(error) if error.class() == Class::Temporary => {
                    sleep(Duration::from_millis(10)).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let answers = within(self.patience, "a confirm", confirm).await?;
            ensure(answers.len() == left.len(), || {
                format!("expected {} answers, found {}", left.len(), answers.len())
            })?;
            let mut again = Vec::new();
            for (outgoing, answer) in left.into_iter().zip(answers) {
                oracle.answered(&outgoing, &answer);
                match answer {
                    Ok(_) => {}
                    Err(error) if error.class() == Class::Temporary => again.push(outgoing),
                    Err(error) => return Err(error.into()),
                }
            }
            left = again;
        }
        Ok(())
    }

    /// Closes it.
    pub(crate) async fn close(self) -> Checked {
        Ok(within(self.patience, "the sender to close", self.sender.close()).await??)
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
