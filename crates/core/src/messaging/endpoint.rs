//! The ends of a route: which channel, for whom, from where on, and how it stands.

use std::time::SystemTime;

use crate::capability::{Capabilities, Limits};
use crate::carried;
use crate::error::{Error, ErrorKind, Result};
use crate::position::Position;
use crate::settings::Settings;

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
    /// What it carries of a message beside the payload, and where.
    pub carries: &'static carried::Table,
    /// The channel is not there yet, and comes to be when it is sent to, as a file does. Only what was asked knows; what a
    /// plan is made with says `false`.
    pub is_made_by_sending: bool,
}

impl Resolved {
    /// An end with these capabilities and limits.
    pub fn new(
        capabilities: Capabilities,
        limits: Limits,
        identity: impl Into<String>,
        canonical: impl Into<String>,
        carries: &'static carried::Table,
    ) -> Self {
        Self {
            capabilities,
            limits,
            identity: identity.into(),
            canonical: canonical.into(),
            default_start: None,
            is_made_by_sending: false,
            carries,
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
    /// Bytes as [`Message::size`](crate::message::Message::size) counts them; a soft bound.
    pub bytes: usize,
}

impl Room {
    /// Refuses room for no message, with which nothing could ever be received.
    ///
    /// # Errors
    /// Such room, as a fault of the caller.
    pub fn for_any(self) -> Result<()> {
        if self.messages == 0 {
            return Err(Error::new(
                ErrorKind::Internal,
                "receive",
                "expected room for at least one message, found none",
            ));
        }
        Ok(())
    }
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
