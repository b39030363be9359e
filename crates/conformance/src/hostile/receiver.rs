//! Receiving and settling, with everything that may happen on the way.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dunlin_core::messaging::{Delivery, Event, Events, Receiver, Revoked, Room, Settler, Token, Verdict};
use dunlin_core::{Error, ErrorKind, Result};
use futures_util::future::select;

use super::{Broker, Happened, State};

/// How long a receiver has to finish a lane.
const REVOKE_DEADLINE: Duration = Duration::from_secs(1);

pub(super) struct HostileReceiver {
    broker: Arc<Broker>,
    channel: String,
    id: u64,
}

pub(super) struct HostileSettler {
    broker: Arc<Broker>,
    channel: String,
    id: u64,
}

enum Look {
    Taken,
    Nothing(Option<Instant>),
}

impl HostileReceiver {
    pub(super) fn new(broker: &Arc<Broker>, channel: &str, id: u64) -> Self {
        Self {
            broker: Arc::clone(broker),
            channel: channel.to_owned(),
            id,
        }
    }

    /// The faults of one call, before it looks for messages.
    fn before(&self) -> Result<()> {
        let now = self.broker.clock.now();
        let mut guard = self.broker.state();
        let state = &mut *guard;
        let session = state.reading(&self.channel, self.id)?;
        state.open(session, "receive")?;
        let mut told = Vec::new();
        let behaviour = state.behaviour.clone();
        let deletes = behaviour.capabilities.settling_deletes;
        let mut late = Vec::new();
        if let Some(reader) = state.channel(&self.channel).reader.as_mut() {
            let interval = behaviour.poll_interval;
            if interval.is_some_and(|interval| now.duration_since(reader.last_poll) > interval) {
                late = reader.lanes.clone();
            }
            reader.last_poll = now;
        }
        if !late.is_empty() {
            state.channel(&self.channel).rewind(None, deletes);
            told.extend(state.telling(session, Event::LanesLost { lanes: late }));
        }
        if state.chance(behaviour.reconnects) {
            told.extend(state.reconnect());
        }
        if state.chance(behaviour.revokes) {
            let lanes = state.channel(&self.channel).lanes();
            let lane = state.random.below(lanes);
            told.extend(self.broker.revoke(state, &self.channel, lane));
        }
        told.extend(state.end_lanes(&self.channel, now));
        let fails = state.chance(behaviour.receive_errors);
        drop(guard);
        if !told.is_empty() {
            self.broker.tell(told);
        }
        if fails {
            return Err(Error::new(
                ErrorKind::Disconnected,
                "receive",
                "expected an answer, found the connection broken",
            ));
        }
        Ok(())
    }

    fn look(&self, room: Room, batch: &mut Vec<Delivery>) -> Result<Look> {
        let now = self.broker.clock.now();
        let mut guard = self.broker.state();
        let state = &mut *guard;
        let session = state.reading(&self.channel, self.id)?;
        state.open(session, "receive")?;
        let behaviour = state.behaviour.clone();
        let mut told = state.end_lanes(&self.channel, now);
        let (mut numbers, mut bytes) = (Vec::new(), 0);
        if state.chance(behaviour.duplicates) {
            let seen = state.channel(&self.channel).seen();
            let which = state.random.below(seen.len());
            if let Some(number) = seen.get(which) {
                bytes += state.hand_out(&self.channel, *number, batch);
                numbers.push(*number);
            }
        }
        // Rarely all that fits: a broker gives what it has at hand.
        let most = 1 + state.random.below(room.messages);
        while numbers.len() < most.min(room.messages) && (bytes < room.bytes || numbers.is_empty()) {
            let channel = state.channel(&self.channel);
            let Some(number) = channel.next_ready(now) else {
                break;
            };
            if channel.unseen(number) && state.chance(behaviour.gaps) {
                state.channel(&self.channel).vanish(number);
                let channel = self.channel.clone();
                state.history.push(Happened::Gone {
                    channel: channel.clone(),
                    number,
                });
                let messages = Some(1);
                told.extend(state.telling(session, Event::Gap { channel, messages }));
                continue;
            }
            bytes += state.hand_out(&self.channel, number, batch);
            numbers.push(number);
        }
        let wake = state.channel(&self.channel).next_wake();
        drop(guard);
        if !told.is_empty() {
            self.broker.tell(told);
        }
        Ok(if numbers.is_empty() {
            Look::Nothing(wake)
        } else {
            Look::Taken
        })
    }
}

#[async_trait]
impl Receiver for HostileReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        self.broker.linger().await;
        self.before()?;
        self.broker.linger().await;
        loop {
            let changed = self.broker.changed.listen();
            let wake = match self.look(room, batch)? {
                Look::Taken => return Ok(()),
                Look::Nothing(wake) => wake,
            };
            match wake {
                Some(wake) => {
                    let now = self.broker.clock.now();
                    let due = self.broker.clock.sleep(wake.saturating_duration_since(now));
                    select(changed, due).await;
                }
                None => changed.await,
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.broker.state().leave(&self.channel, self.id);
        Ok(())
    }
}

impl Drop for HostileReceiver {
    fn drop(&mut self) {
        self.broker.state().leave(&self.channel, self.id);
    }
}

impl HostileSettler {
    pub(super) fn new(broker: &Arc<Broker>, channel: &str, id: u64) -> Self {
        Self {
            broker: Arc::clone(broker),
            channel: channel.to_owned(),
            id,
        }
    }
}

#[async_trait]
impl Settler for HostileSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        self.broker.linger().await;
        let now = self.broker.clock.now();
        let mut guard = self.broker.state();
        let state = &mut *guard;
        if state.reading(&self.channel, self.id).is_err() {
            // Fenced, or closed: its tokens mean nothing any more.
            return Ok(());
        }
        let capabilities = state.behaviour.capabilities;
        let rejects = verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Reject);
        if rejects && !capabilities.broker_reject {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "expected `done` or `retry` from a channel without broker_reject, found `reject`",
            ));
        }
        let percent = state.behaviour.settle_errors;
        let fails = state.chance(percent);
        let most = if fails {
            state.random.below(verdicts.len())
        } else {
            verdicts.len()
        };
        for (token, verdict) in &verdicts[..most] {
            let channel = state.channel(&self.channel);
            let number = channel
                .reader
                .as_mut()
                .and_then(|reader| reader.tokens.remove(&token.0));
            let Some(number) = number else { continue };
            match verdict {
                Verdict::Done | Verdict::Reject => channel.settle(number),
                Verdict::Retry { after } => {
                    let due = if capabilities.delayed_retry {
                        now + *after
                    } else {
                        now
                    };
                    channel.give_back(number, due);
                }
            }
            state.history.push(Happened::Settled {
                channel: self.channel.clone(),
                number,
                verdict: *verdict,
            });
        }
        if fails {
            // The connection is gone with the verdicts, else what they were about would be out for ever.
            let told = state.reconnect();
            drop(guard);
            self.broker.tell(told);
            return Err(Error::new(
                ErrorKind::Disconnected,
                "settle",
                "expected an answer, found the connection broken",
            ));
        }
        let told = state.end_lanes(&self.channel, now);
        drop(guard);
        self.broker.tell(told);
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

impl Broker {
    /// Is pending once, or not, as chance has it: whoever waits must not rely on an answer in one go.
    pub(super) async fn linger(&self) {
        let lingers = {
            let mut state = self.state();
            let percent = state.behaviour.pending;
            state.chance(percent)
        };
        if lingers {
            let mut pending = true;
            std::future::poll_fn(|context| {
                if std::mem::take(&mut pending) {
                    context.waker().wake_by_ref();
                    return std::task::Poll::Pending;
                }
                std::task::Poll::Ready(())
            })
            .await;
        }
    }

    /// Asks the reader of a channel for one of its lanes.
    pub(super) fn revoke(
        self: &Arc<Self>,
        state: &mut State,
        channel: &str,
        lane: usize,
    ) -> Vec<(Events, Event)> {
        let now = self.clock.now();
        let Some(reader) = state
            .channels
            .get_mut(channel)
            .and_then(|channel| channel.reader.as_mut())
        else {
            return Vec::new();
        };
        let Some(name) = reader.lanes.get(lane).copied() else {
            return Vec::new();
        };
        if reader.leaving.insert(lane, now + REVOKE_DEADLINE).is_some() {
            return Vec::new();
        }
        let (session, id) = (reader.session, reader.id);
        let (broker, channel): (Weak<Self>, String) = (Arc::downgrade(self), channel.to_owned());
        let done = Revoked::then(move || {
            let Some(broker) = broker.upgrade() else { return };
            let mut state = broker.state();
            let told = match state.reading(&channel, id) {
                Ok(_) => state.end_lane(&channel, lane),
                Err(_) => Vec::new(),
            };
            drop(state);
            broker.tell(told);
        });
        let (lanes, deadline) = (vec![name], REVOKE_DEADLINE);
        state.telling(
            session,
            Event::LanesRevoking {
                lanes,
                deadline,
                done,
            },
        )
    }
}

impl State {
    /// The session of the reader of a channel, if that is this one.
    fn reading(&self, channel: &str, id: u64) -> Result<u64> {
        let reader = self
            .channels
            .get(channel)
            .and_then(|channel| channel.reader.as_ref());
        match reader {
            Some(reader) if reader.id == id => Ok(reader.session),
            Some(_) | None => Err(Error::closed(
                "receive",
                "expected to have the channel, found that another receiver took it over",
            )),
        }
    }

    fn leave(&mut self, channel: &str, id: u64) {
        let deletes = self.behaviour.capabilities.settling_deletes;
        if self.reading(channel, id).is_ok() {
            let channel = self.channel(channel);
            channel.rewind(None, deletes);
            channel.reader = None;
        }
    }

    /// Takes a lane away that was asked for; it is dealt to the same receiver again, for there is no other.
    fn end_lane(&mut self, channel: &str, lane: usize) -> Vec<(Events, Event)> {
        let deletes = self.behaviour.capabilities.settling_deletes;
        let fresh = self.next_id();
        let there = self.channel(channel);
        let Some(reader) = there.reader.as_mut() else {
            return Vec::new();
        };
        if reader.leaving.remove(&lane).is_none() {
            return Vec::new();
        }
        let session = reader.session;
        let lost = std::mem::replace(&mut reader.lanes[lane], dunlin_core::messaging::Lane(fresh));
        there.rewind(Some(lane), deletes);
        self.telling(session, Event::LanesLost { lanes: vec![lost] })
    }

    /// Takes away the lanes that were asked for and are settled, or whose time is over.
    fn end_lanes(&mut self, channel: &str, now: Instant) -> Vec<(Events, Event)> {
        let there = self.channel(channel);
        let Some(reader) = &there.reader else {
            return Vec::new();
        };
        let mut over: Vec<usize> = (reader.leaving.iter())
            .filter(|(lane, deadline)| **deadline <= now || there.idle(**lane))
            .map(|(lane, _)| *lane)
            .collect();
        over.sort_unstable();
        over.into_iter()
            .flat_map(|lane| self.end_lane(channel, lane))
            .collect()
    }

    /// Hands out one message, and says how large it is.
    fn hand_out(&mut self, name: &str, number: usize, batch: &mut Vec<Delivery>) -> usize {
        let token = self.next_id();
        let stable = self.behaviour.capabilities.stable_position;
        let channel = self.channel(name);
        let (lane, attempt, message, address) = channel.hand_out(number, token);
        let Some(reader) = &channel.reader else { return 0 };
        let size = message.size();
        let mut delivery = Delivery::new(Token(token), reader.lanes[lane], message).attempted(attempt);
        if stable {
            delivery = delivery.at(channel.position(number));
        }
        delivery.address = address;
        batch.push(delivery);
        self.history.push(Happened::Handed {
            channel: name.to_owned(),
            number,
        });
        size
    }
}
