//! What an adapter brings: its system, its channels, and what can be done to its broker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::Result;
use dunlin_core::messaging::{Endpoint, MessagingSystem};

/// A test stand: one broker, or whatever stands for it, that lives as long as this does.
///
/// All methods are called inside a tokio runtime of several threads, a new one for each scenario. Nothing made in one
/// scenario is used in another.
#[async_trait]
pub trait Stand: Send + Sync {
    /// What is tested, for the report: system, version, mode.
    fn name(&self) -> String;

    /// Opens the system as a new process would: two of them share nothing but the broker.
    fn open(&self) -> Result<Arc<dyn MessagingSystem>>;

    /// A channel that nobody has used before, made and ready, with the settings to receive from it and to send to it. A
    /// receiver of it waits for more at its end.
    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint>;

    /// An address that the channels of this stand do not route; none where every address is routed.
    fn unroutable(&self) -> Option<Bytes>;

    /// The hooks that this stand offers. Only those are asked of [`Stand::act`].
    fn hooks(&self) -> &[Hook];

    /// Does this to the broker, and returns when it is done.
    async fn act(&self, act: Act<'_>) -> Result<()>;

    /// How long nothing must come before it is believed that nothing will: more than the longest way of a message that is
    /// stored, and more than the longest time between two looks of a receiver that polls.
    fn quiet(&self) -> Duration;
}

/// What a scenario wants of a fresh channel. What the system cannot give, the stand leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// A name that no other channel of this run has: lower-case letters, digits and `-`.
    pub name: String,
    /// At least so many lanes, chosen by key.
    pub lanes: usize,
    /// The largest payload is this many bytes, if the stand offers [`Hook::Limit`].
    pub payload_limit: Option<usize>,
}

impl Wanted {
    /// A channel with one lane and the system's own limits.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            lanes: 1,
            payload_limit: None,
        }
    }
}

/// An ability of a test stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// The broker can be stopped hard and started again; what it confirmed is there again.
    Restart,
    /// The connections can be broken for a moment.
    Cut,
    /// An established flow can be dropped so that neither side is told.
    DropFlow,
    /// The broker's confirms can be held back, and let go later.
    HoldConfirms,
    /// The oldest messages of a channel can be deleted, read or not.
    Trim,
    /// A channel can be deleted.
    Delete,
    /// Several receivers of one group share a channel.
    Group,
    /// The broker can be reached by TLS with certificates of the stand's choice.
    Tls,
    /// Passwords can be changed.
    Credentials,
    /// A channel can be made with a payload limit of the suite's choice.
    Limit,
    /// Dropping a session with all its receivers and senders is to the broker what the end of a killed process is.
    Process,
    /// The time of day, as the system sees it, can be moved.
    Clock,
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Cut => "cut",
            Self::DropFlow => "drop_flow",
            Self::HoldConfirms => "hold_confirms",
            Self::Trim => "trim",
            Self::Delete => "delete",
            Self::Group => "group",
            Self::Tls => "tls",
            Self::Credentials => "credentials",
            Self::Limit => "limit",
            Self::Process => "process",
            Self::Clock => "clock",
        })
    }
}

/// Something to do to the broker. Each belongs to the hook of its name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Act<'a> {
    /// [`Hook::Restart`]: stop it hard, start it again, and wait until it takes connections.
    Restart,
    /// [`Hook::Cut`]: break every connection once.
    Cut,
    /// [`Hook::HoldConfirms`]: messages are stored from now on, and nobody is told so.
    HoldConfirms,
    /// [`Hook::HoldConfirms`]: let go what was held, and hold no more.
    ReleaseConfirms,
    /// [`Hook::Trim`]: delete the oldest messages until at most `keep` are there.
    Trim {
        /// The channel.
        endpoint: &'a Endpoint,
        /// How many stay.
        keep: usize,
    },
    /// [`Hook::Delete`]: delete the channel.
    Delete(&'a Endpoint),
    /// [`Hook::Clock`]: move the time of day this many seconds, forward or back.
    JumpClock(i64),
}
