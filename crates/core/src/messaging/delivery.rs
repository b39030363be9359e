//! One message on its way: as it is handed to a receiver, as it is answered, as it is given to a sender, as it was stored.

use std::time::Duration;

use bytes::Bytes;

use crate::message::Message;
use crate::position::{DedupId, Position};

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
    #[inline]
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
    #[inline]
    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// The same delivery with its address.
    #[must_use]
    #[inline]
    pub fn addressed(mut self, address: impl Into<Bytes>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The same delivery with the system's count of attempts, this one included.
    #[must_use]
    #[inline]
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
/// so a system that tells of lanes in its [`Event`](super::Event)s gives the receivers of one session different ones.
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
    /// A header that the channel cannot hold travels in [`ESCAPED_HEADERS`](crate::carried::ESCAPED_HEADERS) instead of being
    /// refused, whatever the end's settings say: a dead letter is never refused for its headers.
    pub escape: bool,
}

impl Outgoing {
    /// This message to the target's own address.
    #[inline]
    pub fn new(message: Message) -> Self {
        Self {
            message,
            address: None,
            origin: None,
            dedup: None,
            escape: false,
        }
    }

    /// The same with another address.
    #[must_use]
    #[inline]
    pub fn addressed(mut self, address: impl Into<Bytes>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// The same with the place it came from.
    #[must_use]
    #[inline]
    pub fn from_origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The same, whose headers may be escaped.
    #[must_use]
    #[inline]
    pub fn escaping(mut self) -> Self {
        self.escape = true;
        self
    }

    /// The same with its deduplication id.
    #[must_use]
    #[inline]
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
    #[inline]
    pub fn known(mut self) -> Self {
        self.duplicate = true;
        self
    }
}
