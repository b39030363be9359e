//! A messaging system that does everything a broker may do within the contract, as often as it is told to.
//!
//! Calls fail before anything was taken, confirms come late, out of order, with doubt, or with an error for one message in
//! the middle; connections break and tokens of before mean nothing; lanes are taken away; messages come twice, or are gone
//! before anyone saw them. What happens is drawn from a seed, call by call, so the same seed against the same calls gives
//! the same faults. It never breaks the contract itself: what it confirmed is stored, what it was not told is settled comes
//! again.
//!
//! ```
//! use dunlin_conformance::{Behaviour, Hostile};
//! use dunlin_core::Message;
//!
//! let hostile = Hostile::new(7, Behaviour::hostile());
//! hostile.issue("in", [Message::new("a"), Message::new("b")]);
//! let system = hostile.system(); // an Arc<dyn MessagingSystem>, for a route from `in` to `out`
//! // … run the route, then let the faults end and run it until nothing is unsettled:
//! hostile.calm();
//! assert_eq!(hostile.unsettled("in"), 2); // no route ran here
//! assert!(hostile.stored("out").is_empty());
//! # drop(system);
//! ```
//!
//! One receiver has a channel at a time: a second one takes it over, and the first finds itself closed, as a consumer that
//! was fenced does.

mod channel;
mod receiver;
mod sender;
mod session;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::message::Message;
use dunlin_core::messaging::{Event, Events, MessagingSystem, Verdict};
use dunlin_core::{Capabilities, HeaderValues, Limits};
use event_listener::Event as Wake;

use crate::clock::RuntimeClock;
use crate::random::Random;
use channel::Channel;
use session::HostileSystem;

/// How hostile a system is. Chances are in percent, of each call or of each message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// What its channels can do.
    pub capabilities: Capabilities,
    /// What its channels take.
    pub limits: Limits,
    /// The lanes of each channel.
    pub lanes: usize,
    /// A message whose address begins so is not routed.
    pub unroutable: Option<&'static str>,
    /// Of each `receive` and `send`: it is pending once more, without a reason, before and after it does its work.
    pub pending: u8,
    /// A `receive` that is not called for so long costs the receiver its lanes.
    pub poll_interval: Option<Duration>,
    /// Of each `receive`: a temporary error.
    pub receive_errors: u8,
    /// Of each `receive`: the connection breaks and is back; everything unsettled comes again with new tokens.
    pub reconnects: u8,
    /// Of each `receive`: one lane is asked for, and lost when the answer comes or its deadline has passed.
    pub revokes: u8,
    /// Of each `receive`: a message that was handed out before is handed out once more.
    pub duplicates: u8,
    /// Of each message not yet handed out: it is gone, and told as a gap.
    pub gaps: u8,
    /// Of each `settle`: a temporary error; some of the verdicts counted, some did not.
    pub settle_errors: u8,
    /// Of each `send`: a temporary error, with nothing taken.
    pub send_errors: u8,
    /// Of each `send`: it is blocked for a while, and says so.
    pub blocks: u8,
    /// Of each message sent: refused for now.
    pub message_errors: u8,
    /// Of each message sent: no answer comes; half of those are stored.
    pub doubts: u8,
    /// A confirm takes up to so long, each its own time, so that later ones overtake.
    pub confirm_delay: Duration,
}

impl Behaviour {
    /// A system of two lanes that does nothing unexpected and can do everything.
    pub fn calm() -> Self {
        Self {
            capabilities: Capabilities {
                header_values: HeaderValues::Binary,
                ordered_lanes: true,
                ordered_redelivery: true,
                ordered_batches: false,
                delayed_retry: true,
                broker_reject: false,
                confirms: true,
                dedup_by_id: false,
                stable_position: true,
                settling_deletes: false,
            },
            limits: Limits::default(),
            lanes: 2,
            unroutable: None,
            pending: 0,
            poll_interval: None,
            receive_errors: 0,
            reconnects: 0,
            revokes: 0,
            duplicates: 0,
            gaps: 0,
            settle_errors: 0,
            send_errors: 0,
            blocks: 0,
            message_errors: 0,
            doubts: 0,
            confirm_delay: Duration::ZERO,
        }
    }

    /// Everything at once, often enough to meet each of it within some hundred calls.
    pub fn hostile() -> Self {
        Self {
            pending: 40,
            poll_interval: Some(Duration::from_secs(30)),
            receive_errors: 5,
            reconnects: 3,
            revokes: 3,
            duplicates: 3,
            gaps: 1,
            settle_errors: 5,
            send_errors: 10,
            blocks: 5,
            message_errors: 5,
            doubts: 5,
            confirm_delay: Duration::from_millis(200),
            ..Self::calm()
        }
    }

    /// The same abilities without any fault.
    fn calmed(&self) -> Self {
        Self {
            capabilities: self.capabilities,
            limits: self.limits,
            lanes: self.lanes,
            unroutable: self.unroutable,
            ..Self::calm()
        }
    }
}

/// Something that happened, in the order in which it did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happened {
    /// The message of this number, counted from 0 in the order of issuing or sending, was handed out.
    Handed {
        /// The channel.
        channel: String,
        /// The message.
        number: usize,
    },
    /// It was settled.
    Settled {
        /// The channel.
        channel: String,
        /// The message.
        number: usize,
        /// How.
        verdict: Verdict,
    },
    /// A message was stored by a sender.
    Stored {
        /// The channel.
        channel: String,
        /// The message.
        message: Message,
    },
    /// The answer for this message was, or will be, in doubt.
    Doubted {
        /// The channel.
        channel: String,
        /// The message.
        message: Message,
    },
    /// A message was gone before it was handed out.
    Gone {
        /// The channel.
        channel: String,
        /// The message.
        number: usize,
    },
}

/// A hostile system. A clone is the same one.
#[derive(Clone)]
pub struct Hostile(Arc<Broker>);

/// What is behind all sessions.
struct Broker {
    seed: u64,
    clock: Arc<dyn Clock>,
    changed: Wake,
    state: Mutex<State>,
}

struct State {
    behaviour: Behaviour,
    random: Random,
    channels: BTreeMap<String, Channel>,
    sessions: BTreeMap<u64, Events>,
    history: Vec<Happened>,
    /// Raised by each reconnect: what was begun before it is in doubt.
    incarnation: u64,
    last_id: u64,
}

impl Hostile {
    /// A system that draws its faults from this seed, on tokio's clock (which tests pause).
    pub fn new(seed: u64, behaviour: Behaviour) -> Self {
        Self::with_clock(seed, behaviour, Arc::new(RuntimeClock::new()))
    }

    /// The same on another clock.
    pub fn with_clock(seed: u64, behaviour: Behaviour, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Broker {
            seed,
            clock,
            changed: Wake::new(),
            state: Mutex::new(State {
                behaviour,
                random: Random::new(seed),
                channels: BTreeMap::new(),
                sessions: BTreeMap::new(),
                history: Vec::new(),
                incarnation: 0,
                last_id: 0,
            }),
        }))
    }

    /// The system itself.
    pub fn system(&self) -> Arc<dyn MessagingSystem> {
        Arc::new(HostileSystem(Arc::clone(&self.0)))
    }

    /// Writes these messages into a channel, past every fault.
    pub fn issue(&self, channel: &str, messages: impl IntoIterator<Item = Message>) {
        let mut state = self.0.state();
        for message in messages {
            state.channel(channel).push(message, None);
        }
        drop(state);
        self.0.changed.notify(usize::MAX);
    }

    /// What is stored in a channel, in its order: what was issued, and what senders stored.
    pub fn stored(&self, channel: &str) -> Vec<Message> {
        let state = self.0.state();
        let found = state.channels.get(channel);
        found.map(Channel::messages).unwrap_or_default()
    }

    /// The numbers of a channel's messages that were settled as done, once each, in the order of their numbers.
    pub fn settled(&self, channel: &str) -> Vec<usize> {
        let state = self.0.state();
        state.channels.get(channel).map(Channel::done).unwrap_or_default()
    }

    /// How many messages of a channel are neither settled nor gone.
    pub fn unsettled(&self, channel: &str) -> usize {
        self.0.state().channels.get(channel).map_or(0, Channel::unsettled)
    }

    /// The numbers of the messages that were gone before anyone saw them: nobody can be blamed for those.
    pub fn gone(&self, channel: &str) -> Vec<usize> {
        let state = self.0.state();
        state.channels.get(channel).map(Channel::gone).unwrap_or_default()
    }

    /// Everything that happened, in its order.
    pub fn history(&self) -> Vec<Happened> {
        self.0.state().history.clone()
    }

    /// Behaves like this from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.0.state().behaviour = behaviour;
        self.0.changed.notify(usize::MAX);
    }

    /// No more faults from now on: the quiet phase in which everything owed must arrive.
    pub fn calm(&self) {
        let mut state = self.0.state();
        state.behaviour = state.behaviour.calmed();
        drop(state);
        self.0.changed.notify(usize::MAX);
    }

    /// Breaks the connection now, whatever the chances say.
    pub fn reconnect(&self) {
        let told = self.0.state().reconnect();
        self.0.tell(told);
    }

    /// Asks for this lane of a channel now, by its number from 0. Nothing happens where nobody has the channel.
    pub fn revoke(&self, channel: &str, lane: usize) {
        let told = self.0.revoke(&mut self.0.state(), channel, lane);
        self.0.tell(told);
    }
}

impl Broker {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits, and tells the listeners; without the lock, for they may call back.
    fn tell(&self, told: Vec<(Events, Event)>) {
        self.changed.notify(usize::MAX);
        for (events, event) in told {
            events.tell(event);
        }
    }
}

impl State {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn channel(&mut self, name: &str) -> &mut Channel {
        let lanes = self.behaviour.lanes;
        let made = || Channel::new(name, lanes);
        self.channels.entry(name.to_owned()).or_insert_with(made)
    }

    fn chance(&mut self, percent: u8) -> bool {
        percent > 0 && self.random.percent(percent)
    }

    fn reconnect(&mut self) -> Vec<(Events, Event)> {
        self.incarnation += 1;
        let deletes = self.behaviour.capabilities.settling_deletes;
        for channel in self.channels.values_mut() {
            channel.rewind(None, deletes);
        }
        (self.sessions.values())
            .map(|events| (events.clone(), Event::Reconnected))
            .collect()
    }
}

impl fmt::Debug for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hostile(seed {})", self.0.seed)
    }
}
