//! What is behind every session of one broker: its channels, its receivers, and who must be told what.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Instant, UNIX_EPOCH};

use event_listener::Event as Wake;

use super::channel::{Channel, Move};
use super::config::Config;
use super::confirm::{Held, Outcome};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::messaging::{Event, Events, Lane, Revoked, Verdict};

/// A broker. Everything it knows is behind one lock, which is never held over an await.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) name: String,
    pub(super) clock: Arc<dyn Clock>,
    /// Told whenever something may have become ready for somebody who waits.
    pub(super) changed: Wake,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) sessions: HashMap<u64, Events>,
    pub(super) receivers: HashMap<u64, Membership>,
    /// The broker cannot be reached.
    pub(super) down: bool,
    /// Confirms are held back.
    pub(super) holding: bool,
    pub(super) held: Vec<Arc<Held>>,
    last_id: u64,
}

/// A receiver as the broker knows it.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) session: u64,
    pub(super) channel: String,
    pub(super) birth: u64,
    pub(super) group: String,
    pub(super) lanes: Vec<Lane>,
    /// What is out, by token. A token that is not here means nothing.
    pub(super) tokens: HashMap<u64, (usize, u64)>,
}

/// What is to be told once the lock is released: a listener may call back into the broker.
#[must_use = "the listeners are told by `Broker::tell`"]
#[derive(Debug, Default)]
pub(super) struct News(Vec<(Events, Event)>);

impl Broker {
    pub(super) fn new(name: &str, clock: Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            clock,
            changed: Wake::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock is a defect that its own thread reports; the others find the state as it was left.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits, and tells the listeners. Call it without the lock.
    pub(super) fn tell(&self, news: News) {
        self.changed.notify(usize::MAX);
        for (events, event) in news.0 {
            events.tell(event);
        }
    }

    /// The channel of this name, made if it is not there and may be made.
    pub(super) fn ensure<'a>(
        &self,
        state: &'a mut State,
        name: &str,
        config: &Config,
        operation: &'static str,
    ) -> Result<&'a mut Channel> {
        if !state.channels.contains_key(name) {
            if config.must_exist {
                return Err(missing(name, operation));
            }
            self.make(state, name, config);
        }
        let channel = state
            .channels
            .get_mut(name)
            .ok_or_else(|| missing(name, operation))?;
        channel.config.agrees(config, name, operation)?;
        Ok(channel)
    }

    /// Makes a channel anew.
    pub(super) fn make(&self, state: &mut State, name: &str, config: &Config) {
        let birth = state.next_id();
        // The time of day sets apart the channels of two processes; the number those of this one.
        let since = self.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
        let identity = format!("{:x}.{birth}", since.as_nanos());
        let channel = Channel::new(name, birth, &identity, config.clone());
        state.channels.insert(name.to_owned(), channel);
    }

    /// Deals the lanes of a group out anew after something changed about it.
    pub(super) fn deal(
        self: &Arc<Self>,
        state: &mut State,
        channel: &str,
        group: &str,
        now: Instant,
    ) -> News {
        let mut news = News::default();
        let Some(there) = state.channels.get_mut(channel) else {
            return news;
        };
        let deadline = there.config.revoke_deadline;
        for change in there.deal(group, now) {
            match change {
                Move::Lost { receiver, lane } => state.lost(receiver, lane, &mut news),
                Move::Asked { receiver, lane } => {
                    let Some(membership) = state.receivers.get(&receiver) else {
                        continue;
                    };
                    let asked = Asked {
                        broker: Arc::downgrade(self),
                        channel: channel.to_owned(),
                        group: group.to_owned(),
                        receiver,
                        lane,
                    };
                    news.add(state.sessions.get(&membership.session), || Event::LanesRevoking {
                        lanes: vec![membership.lanes[lane]],
                        deadline,
                        done: Revoked::then(move || asked.answered()),
                    });
                }
            }
        }
        news
    }

    /// Takes a receiver out of its group; what it held comes again.
    pub(super) fn leave(self: &Arc<Self>, receiver: u64) {
        let now = self.clock.now();
        let mut state = self.state();
        let Some(membership) = state.receivers.remove(&receiver) else {
            return;
        };
        let held: Vec<_> = membership.tokens.into_values().collect();
        let mut news = News::default();
        if let Some(channel) = state.channels.get_mut(&membership.channel)
            && channel.birth == membership.birth
        {
            channel.leave(&membership.group, receiver, &held, now);
            news = self.deal(&mut state, &membership.channel, &membership.group, now);
        }
        drop(state);
        self.tell(news);
    }

    /// Settles what these tokens name; a token that names nothing has no effect.
    pub(super) fn settle(self: &Arc<Self>, receiver: u64, verdicts: &[(u64, Verdict)]) -> Result<()> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut guard = self.state();
        let state = &mut *guard;
        state.reachable("settle")?;
        let Some(membership) = state.receivers.get_mut(&receiver) else {
            return Ok(());
        };
        let (name, group) = (membership.channel.clone(), membership.group.clone());
        let Some(channel) = state
            .channels
            .get_mut(&name)
            .filter(|channel| channel.birth == membership.birth)
        else {
            return Err(missing(&name, "settle"));
        };
        let capabilities = channel.config.capabilities;
        if !capabilities.broker_reject && verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Reject) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "expected `done` or `retry` from a channel without broker_reject, found `reject`",
            )
            .with("channel", name));
        }
        let mut rejected = Vec::new();
        for (token, verdict) in verdicts {
            let Some((lane, offset)) = membership.tokens.remove(token) else {
                continue;
            };
            match verdict {
                Verdict::Done => channel.settle(&group, lane, offset),
                Verdict::Retry { after } => {
                    let delayed = capabilities.delayed_retry;
                    let due = if delayed { now + *after } else { now };
                    channel.give_back(&group, lane, offset, due);
                }
                Verdict::Reject => {
                    rejected.extend(channel.lanes[lane].get(offset).cloned());
                    channel.settle(&group, lane, offset);
                }
            }
        }
        if !rejected.is_empty() {
            let mut config = channel.config.clone();
            let dead = config.reject_to.clone();
            config.must_exist = false;
            config.depth = None;
            if !state.channels.contains_key(&dead) {
                self.make(state, &dead, &config);
            }
            if let Some(dead) = state.channels.get_mut(&dead) {
                for stored in rejected {
                    dead.store(stored.message, stored.address, None, wall);
                }
            }
        }
        let news = self.deal(state, &name, &group, now);
        drop(guard);
        self.tell(news);
        Ok(())
    }

    /// Breaks every connection: what was out comes again, confirms that were held are in doubt.
    ///
    /// The receivers and senders stay and are connected again at once, unless the broker is `down`.
    pub(super) fn cut(self: &Arc<Self>, down: bool) {
        let now = self.clock.now();
        let mut guard = self.state();
        let state = &mut *guard;
        state.down = down;
        for (receiver, membership) in &mut state.receivers {
            let held: Vec<_> = membership.tokens.drain().map(|(_, place)| place).collect();
            let Some(channel) = state.channels.get_mut(&membership.channel) else {
                continue;
            };
            if channel.birth != membership.birth {
                continue;
            }
            channel.leave(&membership.group, *receiver, &held, now);
        }
        let mut news = News::default();
        let mut receivers: Vec<u64> = state.receivers.keys().copied().collect();
        receivers.sort_unstable();
        for receiver in receivers {
            let membership = &state.receivers[&receiver];
            let (name, group) = (membership.channel.clone(), membership.group.clone());
            if let Some(channel) = state.channels.get_mut(&name)
                && channel.birth == membership.birth
            {
                // A group that is there already keeps its place, so `Earliest` is never looked at.
                let joined = channel.join(&group, receiver, &crate::messaging::Start::Earliest);
                debug_assert!(joined.is_ok(), "{joined:?}");
                news.append(self.deal(state, &name, &group, now));
            }
        }
        for held in state.held.drain(..) {
            held.answer(Outcome::Lost);
        }
        for events in state.sessions.values() {
            let event = if down {
                Event::Unhealthy {
                    error: unreachable("connect"),
                }
            } else {
                Event::Reconnected
            };
            news.0.push((events.clone(), event));
        }
        drop(guard);
        self.tell(news);
    }

    /// Can be reached again.
    pub(super) fn start(&self) {
        let mut state = self.state();
        let mut news = News::default();
        if std::mem::replace(&mut state.down, false) {
            for events in state.sessions.values() {
                news.0.push((events.clone(), Event::Reconnected));
                news.0.push((events.clone(), Event::Healthy));
            }
        }
        drop(state);
        self.tell(news);
    }
}

impl State {
    /// A number that this broker never gives out again: for tokens, lanes, receivers, sessions and births alike.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn reachable(&self, operation: &'static str) -> Result<()> {
        if self.down {
            Err(unreachable(operation))
        } else {
            Ok(())
        }
    }

    fn lost(&mut self, receiver: u64, lane: usize, news: &mut News) {
        let Some(membership) = self.receivers.get_mut(&receiver) else {
            return;
        };
        membership.tokens.retain(|_, (out, _)| *out != lane);
        let lost = membership.lanes[lane];
        news.add(self.sessions.get(&membership.session), || Event::LanesLost {
            lanes: vec![lost],
        });
    }
}

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, events: Option<&Events>, event: impl FnOnce() -> Event) {
        if let Some(events) = events {
            self.0.push((events.clone(), event()));
        }
    }

    fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }
}

/// The question to a receiver whether it is done with a lane.
struct Asked {
    broker: Weak<Broker>,
    channel: String,
    group: String,
    receiver: u64,
    lane: usize,
}

impl Asked {
    fn answered(self) {
        let Some(broker) = self.broker.upgrade() else {
            return;
        };
        let now = broker.clock.now();
        let mut state = broker.state();
        let Some(channel) = state.channels.get_mut(&self.channel) else {
            return;
        };
        let mut news = News::default();
        if channel.take_away(&self.group, self.receiver, self.lane) {
            state.lost(self.receiver, self.lane, &mut news);
            news.append(broker.deal(&mut state, &self.channel, &self.group, now));
        }
        drop(state);
        broker.tell(news);
    }
}

pub(super) fn missing(channel: &str, operation: &'static str) -> Error {
    Error::new(
        ErrorKind::ChannelMissing,
        operation,
        "expected a channel that exists, found none of this name",
    )
    .with("channel", channel)
}

pub(super) fn unreachable(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Disconnected,
        operation,
        "expected the broker to answer, found it stopped",
    )
}
