//! The contract of a messaging system, in one file.
//!
//! A system is opened by its [`Plugin`], answers offline what a channel can do ([`MessagingSystem::resolve`]), and
//! connects to a [`Session`]. A session makes receivers, with a settler each, and senders. Calls work on batches, so
//! that a virtual call costs nothing beside the messages. Nothing has a default body: an implementer sees every method,
//! and a wrapper that forgets one does not compile (`#[deny(clippy::missing_trait_methods)]`).
//!
//! What no system promises, whatever it can do: that a delivery is new (the same message may come again at any time),
//! any order across lanes, and that an unanswered send was not stored.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::capability::{Capabilities, Limits};
use crate::error::{Error, Result};
use crate::message::Message;
use crate::position::{DedupId, Position};
use crate::settings::Settings;

/// A messaging system with its settings, not yet connected.
///
/// Opening and resolving touch no network and no disk, so that a configuration can be checked anywhere.
#[async_trait]
pub trait MessagingSystem: fmt::Debug + Send + Sync {
    /// What this channel can do with these settings, and what it takes, told offline.
    ///
    /// # Errors
    /// A setting or a channel's name that this system cannot have. That the channel exists is not promised: [`Session::verify`] asks.
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved>;

    /// Connects. The events go out beside the data for as long as the session lives, also while nobody calls `receive`.
    ///
    /// A session reconnects by itself; a connection that cannot be made at first is an error of its class.
    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>>;
}

/// A connected system, shared by the routes that use it.
#[async_trait]
pub trait Session: fmt::Debug + Send + Sync {
    /// Asks the system itself: the channel exists, may be used as `purpose` says, and can do what is returned.
    ///
    /// Nothing is created, changed or consumed.
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved>;

    /// Begins to receive. Deliveries that were unsettled when an earlier receiver of the same group went away come
    /// again, here or at another receiver of the group.
    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)>;

    /// Opens a channel for sending.
    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>>;

    /// How the channel stands. Figures that the system does not tell are `None`, never guessed.
    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState>;

    /// Looks at messages without taking them from anyone, if this system can.
    fn browse(&self) -> Option<&dyn Browse>;

    /// Ends the session after its receivers and senders were closed. What they still hold is not settled.
    async fn close(&self) -> Result<()>;
}

/// Takes deliveries from a channel.
#[async_trait]
pub trait Receiver: Send {
    /// Waits for one delivery, then appends whatever else is ready, within `room`.
    ///
    /// - Room: at most `room.messages`; bytes are a soft bound, and one message always passes. A room without messages is an error.
    /// - Order: kept inside a lane where the channel has `ordered_lanes`; across lanes nothing is promised.
    /// - Cancellation: dropping the future loses nothing. What was taken is in `batch`, the rest comes with the next call.
    /// - Failure: `Temporary`: ask again after a pause; `Unhealthy`: the route is down; `Closed`: the source has ended, and
    ///   every delivery was handed out. After an error `batch` may hold deliveries that were taken before it.
    /// - Not promised: that a delivery is new.
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()>;

    /// Stops fetching and gives back what was fetched and not handed out. Comes after [`Settler::close`].
    async fn close(self: Box<Self>) -> Result<()>;
}

/// Answers deliveries. It is apart from the [`Receiver`], so that settling never cancels a pending read.
#[async_trait]
pub trait Settler: Send {
    /// Settles these deliveries, in any order.
    ///
    /// A token that is unknown, settled already, or of an incarnation before a reconnect has no effect and is no error: the
    /// broker delivers that message again. No other delivery is ever settled by it.
    /// An error means that these verdicts may be lost; their deliveries come again.
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()>;

    /// Writes out every settlement that is still held back. An error means that some may be lost; those deliveries come again.
    async fn close(self: Box<Self>) -> Result<()>;
}

/// Puts messages into a channel.
#[async_trait]
pub trait Sender: Send {
    /// Takes the whole batch, in its order, and resolves when the client has it: this is the back-pressure.
    ///
    /// - `Err`: no message of the batch was handed over. Everything else is answered in the [`Confirm`], message by message.
    /// - A message that can never pass (too large, a header that cannot be carried) is refused in its own place of the
    ///   confirm, before the wire; its neighbours go on, unless the channel has `ordered_batches`.
    /// - The future is polled beside confirms and a stop. Dropping it is an abort: the batch is in doubt.
    /// - Not promised: that messages of two unanswered batches keep their order when one of them fails.
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm>;

    /// Ends after the outstanding confirms were answered or their deadline has passed.
    async fn close(self: Box<Self>) -> Result<()>;
}

/// Looks at a channel without consuming from it.
#[async_trait]
pub trait Browse: Send + Sync {
    /// A receiver over what is there, from this place on; it belongs to no group, moves nobody's place, and its tokens
    /// cannot be settled. With `follow` it waits for more, else it ends with `Closed` behind the last message.
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>>;
}

/// One message, handed to a receiver.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// Names this delivery to the receiver that made it.
    pub token: Token,
    /// Deliveries of one lane are in order.
    pub lane: Lane,
    /// The stable place in the source, where it has one.
    pub position: Option<Position>,
    /// What the system calls this message's way: routing key, subject, topic.
    pub address: Option<Bytes>,
    /// How often the system says that it has handed out this message, this time included. A hint: systems count differently.
    pub attempt: Option<u32>,
    /// The message.
    pub message: Message,
}

impl Delivery {
    /// A delivery without position, address and attempt.
    pub fn new(token: Token, lane: Lane, message: Message) -> Self {
        Self {
            token,
            lane,
            position: None,
            address: None,
            attempt: None,
            message,
        }
    }

    /// The same delivery with its stable place.
    #[must_use]
    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// The same delivery with its address.
    #[must_use]
    pub fn addressed(mut self, address: impl Into<Bytes>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The same delivery with the system's count of attempts, this one included.
    #[must_use]
    pub fn attempted(mut self, attempt: u32) -> Self {
        self.attempt = Some(attempt);
        self
    }
}

/// Names a delivery to the receiver that made it, and means nothing to anyone else. A receiver, over all its reconnects, never
/// gives out a token twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Names what keeps order inside a receiver: a partition, a queue, a stream. Two receivers' lanes have nothing in common,
/// so a system that tells of lanes in its [`Event`]s gives the receivers of one session different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(pub u64);

/// What is to become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that was to be done is confirmed: acknowledge it.
    Done,
    /// Give it back, to come again after this time. A system without `delayed_retry` may hold it in memory, or bring it earlier.
    Retry {
        /// The time to wait.
        after: Duration,
    },
    /// Hand it to the broker's own dead-lettering; only where the channel has `broker_reject`, else it is an error.
    Reject,
}

/// One message to send.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// The message.
    pub message: Message,
    /// The way it goes (routing key, subject); `None`: the target's own.
    pub address: Option<Bytes>,
    /// Where it came from, for systems that store the source's position beside it.
    pub origin: Option<Origin>,
    /// The deterministic id by which a system with `dedup_by_id` knows it again. It is not the publisher's own id.
    pub dedup: Option<DedupId>,
}

impl Outgoing {
    /// This message to the target's own address.
    pub fn new(message: Message) -> Self {
        Self {
            message,
            address: None,
            origin: None,
            dedup: None,
        }
    }

    /// The same with another address.
    #[must_use]
    pub fn addressed(mut self, address: impl Into<Bytes>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The same with the place it came from.
    #[must_use]
    pub fn from_origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The same with its deduplication id.
    #[must_use]
    pub fn with_dedup(mut self, id: DedupId) -> Self {
        self.dedup = Some(id);
        self
    }
}

/// The place in the source that an outgoing message was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The lane of the delivery.
    pub lane: Lane,
    /// Its position.
    pub position: Position,
    /// Which of the messages made from that delivery this is, from 0.
    pub output: u32,
}

/// The broker's word that a message is stored as durably as the system promises.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Where it was stored.
    pub position: Option<Position>,
    /// It was there already, known by its [`DedupId`]. For a message that was not being retried this is an alarm.
    pub duplicate: bool,
}

impl Receipt {
    /// Stored, place unknown.
    pub fn stored() -> Self {
        Self::default()
    }

    /// Stored at this place.
    pub fn at(position: Position) -> Self {
        Self {
            position: Some(position),
            duplicate: false,
        }
    }

    /// Known already.
    #[must_use]
    pub fn known(mut self) -> Self {
        self.duplicate = true;
        self
    }
}

/// The answers to one batch, one for each message, in the batch's order.
///
/// The work goes on without being polled, has a deadline set by the adapter, and resolves when every message was answered for
/// good. An answer that did not come in time is a temporary error, in doubt. Unroutable is an error, never a silent success.
///
/// Dropping it unanswered is a mistake that costs duplicates or worse; it is logged. [`Confirm::abandon`] says that it is meant.
#[must_use = "a message is not safe before its confirm has answered"]
pub struct Confirm {
    answers: Option<BoxFuture<'static, Vec<Result<Receipt>>>>,
    messages: usize,
}

impl Confirm {
    /// A confirm for this many messages. The future must go on without being polled, and give exactly one answer for each.
    pub fn new(
        messages: usize,
        answers: impl Future<Output = Vec<Result<Receipt>>> + Send + 'static,
    ) -> Self {
        Self {
            answers: Some(Box::pin(answers)),
            messages,
        }
    }

    /// A confirm whose answers are known already.
    pub fn ready(answers: Vec<Result<Receipt>>) -> Self {
        Self::new(answers.len(), std::future::ready(answers))
    }

    /// The number of messages it answers for.
    pub fn messages(&self) -> usize {
        self.messages
    }

    /// Gives up waiting on purpose, as an abort does: the messages are in doubt.
    pub fn abandon(mut self) {
        self.answers = None;
    }
}

impl Future for Confirm {
    type Output = Vec<Result<Receipt>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let messages = self.messages;
        let Some(answers) = self.answers.as_mut() else {
            // Polled again after its answer: pending for ever would hang the route without a word.
            return Poll::Ready(Vec::new());
        };
        let mut answered = std::task::ready!(answers.as_mut().poll(context));
        self.answers = None;
        if answered.len() != messages {
            // An adapter that answers for more or fewer messages cannot be trusted about any of them.
            let found = answered.len();
            answered = (0..messages)
                .map(|_| {
                    Err(Error::new(
                        crate::error::ErrorKind::Internal,
                        "send",
                        format!("expected {messages} answers from the adapter, found {found}"),
                    )
                    .doubtful())
                })
                .collect();
        }
        Poll::Ready(answered)
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        if self.answers.is_some() && self.messages > 0 {
            tracing::warn!(
                messages = self.messages,
                "a confirm was dropped before it was answered; its messages are in doubt"
            );
        }
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Confirm({} messages{})",
            self.messages,
            if self.answers.is_some() { "" } else { ", answered" }
        )
    }
}

/// A channel of a system, with the settings of this one end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The channel's name as people write it: queue, stream, topic, file; empty where a system has but one.
    pub channel: String,
    /// Settings of this end; they win over the system's own.
    pub settings: Settings,
}

impl Endpoint {
    /// This channel without settings of its own.
    pub fn new(channel: impl Into<String>) -> Self {
        Self {
            channel: channel.into(),
            settings: Settings::default(),
        }
    }

    /// The same end with these settings.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }
}

/// What an end is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Receiving from it.
    Receive,
    /// Sending to it.
    Send,
}

/// Where and how to receive.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Source {
    /// The channel.
    pub endpoint: Endpoint,
    /// Receivers of one group share the messages; the group's place is remembered where the system keeps places.
    pub group: String,
    /// Where a group that has no place yet begins.
    pub start: Start,
    /// The most that will be unsettled at one time: what a prefetch is sized by.
    pub window: Room,
}

impl Source {
    /// This channel for this group, from the earliest message on, with a window of 4,096 messages and 64 MiB.
    pub fn new(endpoint: Endpoint, group: impl Into<String>) -> Self {
        Self {
            endpoint,
            group: group.into(),
            start: Start::Earliest,
            window: Room {
                messages: 4096,
                bytes: 64 << 20,
            },
        }
    }

    /// The same source with another place to begin.
    #[must_use]
    pub fn starting(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// The same source with another window.
    #[must_use]
    pub fn with_window(mut self, window: Room) -> Self {
        self.window = window;
        self
    }
}

/// Where a group begins that has no place yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest message that is there.
    Earliest,
    /// Behind the newest.
    Latest,
    /// At the first message of this time or later.
    Time(SystemTime),
    /// At this position, itself included.
    Position(Position),
}

/// Where to send.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Target {
    /// The channel.
    pub endpoint: Endpoint,
    /// Names the one who sends, the same after every restart: a route's id.
    pub producer: String,
}

impl Target {
    /// This channel for this producer.
    pub fn new(endpoint: Endpoint, producer: impl Into<String>) -> Self {
        Self {
            endpoint,
            producer: producer.into(),
        }
    }
}

/// What an end can do and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// What it can do.
    pub capabilities: Capabilities,
    /// What it takes.
    pub limits: Limits,
    /// What the system calls itself for ever, as part of a deduplication id; the same from every host.
    pub identity: String,
    /// Names the channel itself: two ends with the same text are the same channel, however they were written.
    pub canonical: String,
    /// Where a new group begins if nobody says so. `None` for a channel that keeps history: there a person has to say, since
    /// both all of the past and none of it can be a costly mistake.
    pub default_start: Option<Start>,
}

impl Resolved {
    /// An end with these capabilities and limits.
    pub fn new(
        capabilities: Capabilities,
        limits: Limits,
        identity: impl Into<String>,
        canonical: impl Into<String>,
    ) -> Self {
        Self {
            capabilities,
            limits,
            identity: identity.into(),
            canonical: canonical.into(),
            default_start: None,
        }
    }

    /// The same end, where a new group begins here if nobody says so.
    #[must_use]
    pub fn starting(mut self, start: Start) -> Self {
        self.default_start = Some(start);
        self
    }
}

/// How much may be taken at once, or be unsettled at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Messages.
    pub messages: usize,
    /// Bytes as [`Message::size`] counts them; a soft bound.
    pub bytes: usize,
}

/// How a channel stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelState {
    /// Messages in the channel.
    pub depth: Option<u64>,
    /// Messages that the group has not settled.
    pub lag: Option<u64>,
    /// The oldest position that is there.
    pub first: Option<Position>,
    /// The newest position that is there.
    pub last: Option<Position>,
    /// Settings of the channel as the system tells them, for people to read.
    pub settings: Vec<(String, String)>,
}

/// Where a session tells what happens beside the data. A clone tells the same listener.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Hands every event to this function, on whatever task it happens; the function must not block.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Nobody listens. Lanes that are about to be lost are answered at once.
    pub fn ignored() -> Self {
        Self::to(drop)
    }

    /// Tells the listener.
    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// What happened beside the data.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Messages that the group never saw are gone from the source. They cannot be had back.
    Gap {
        /// The channel.
        channel: String,
        /// How many, where it is known.
        messages: Option<u64>,
    },
    /// These lanes go to another receiver of the group. What is in flight on them should be settled now.
    LanesRevoking {
        /// The lanes.
        lanes: Vec<Lane>,
        /// The time left.
        deadline: Duration,
        /// Dropped when what was in flight is settled.
        done: Revoked,
    },
    /// These lanes are gone; their tokens mean nothing any more.
    LanesLost {
        /// The lanes.
        lanes: Vec<Lane>,
    },
    /// The connection was lost and is back; tokens from before mean nothing any more.
    Reconnected,
    /// The system asks to wait before more is sent.
    Blocked {
        /// Why, in the system's words.
        reason: String,
    },
    /// The system takes messages again.
    Unblocked,
    /// The connection or a channel does not work, for this reason.
    Unhealthy {
        /// The reason.
        error: Error,
    },
    /// It works again.
    Healthy,
}

/// The answer to [`Event::LanesRevoking`]: dropping it says that nothing is in flight on those lanes any more.
// The lock is never waited for: it makes the answer shareable between threads, so that several routes can hold one event.
pub struct Revoked(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Revoked {
    /// Calls this function when the answer is given.
    pub fn then(answer: impl FnOnce() + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(answer))))
    }
}

impl Drop for Revoked {
    fn drop(&mut self) {
        let answer = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = answer {
            answer();
        }
    }
}

impl fmt::Debug for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revoked")
    }
}
