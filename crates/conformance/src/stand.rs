//! What an adapter brings: its system, its channels, and what can be done to its broker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::messaging::{Endpoint, MessagingSystem};
use dunlin_core::settings::Setting;
use dunlin_core::{Error, ErrorKind, Result};

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

    /// Whether a channel has as many lanes as [`Wanted::lanes`] says, chosen by key, so that receivers of a group have different
    /// ones. With one lane, the receivers of a group compete for it, and only what each of them gets is in order.
    fn lanes_by_key(&self) -> bool {
        true
    }

    /// The hooks that this stand offers. Only those are asked of [`Stand::act`].
    fn hooks(&self) -> &[Hook];

    /// Does this to the broker, and returns when it is done.
    async fn act(&self, act: Act<'_>) -> Result<()>;

    /// How long nothing must come before it is believed that nothing will: more than the longest way of a message that is
    /// stored, and more than the longest time between two looks of a receiver that polls.
    fn quiet(&self) -> Duration;

    /// The longest that any one thing is waited for: a confirm, a delivery, the first message after a restart or a cut. More
    /// than the longest redelivery time of the broker, since what a broken connection left behind comes only then. A scenario
    /// may take ten times as long.
    fn patience(&self) -> Duration {
        Duration::from_secs(12)
    }

    /// The longest that a connection may be dead before the system notices ([`Hook::DropFlow`]).
    fn liveness(&self) -> Duration {
        Duration::from_secs(15)
    }

    /// How far back a broker that is stopped hard may forget settlements that it had taken, because it writes them down later
    /// than it takes them. What was settled in that time comes again, and is allowed to.
    fn forgets(&self) -> Duration {
        Duration::ZERO
    }

    /// Opens the system in this way, with a fresh channel behind it; [`Hook::Credentials`] and [`Hook::Tls`] ask for it. The
    /// broker may be another one than that of [`Stand::open`]. What is wrong with the way must not fail here: opening touches no
    /// network, and refusing is what the system is to do when it connects.
    async fn open_by(
        &self,
        access: &Access,
        wanted: &Wanted,
    ) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "open",
            format!("expected a stand that offers credentials or tls, found one without ({access:?})"),
        )
        .with("channel", &wanted.name))
    }
}

/// A way to the broker that is not the ordinary one.
#[derive(Clone, Debug)]
pub enum Access {
    /// [`Hook::Credentials`]: as the stand's user, with this secret as the setting `password`. The suite says with
    /// [`Act::Password`] which one is right.
    Password(Setting),
    /// [`Hook::Tls`]: the server's certificate is of the stand's own authority and for its host, and `tls_ca` names that
    /// authority. This one is to be accepted.
    Trusted,
    /// [`Hook::Tls`]: `tls_ca` names another authority than the one that made the server's certificate.
    UnknownAuthority,
    /// [`Hook::Tls`]: the server's certificate is for another host.
    OtherHost,
    /// [`Hook::Tls`]: the server's certificate has expired.
    Expired,
    /// [`Hook::Tls`]: the server demands a certificate of its clients, and gets one of the right authority. To be accepted.
    ClientCertificate,
    /// [`Hook::Tls`]: the server demands a certificate of its clients, and gets none.
    NoClientCertificate,
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
    /// The broker can be reached by TLS, with certificates that are right and wrong in each way of [`Access`].
    Tls,
    /// The system can be opened with a password, and the broker's own can be changed.
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
    /// [`Hook::DropFlow`]: from now on nothing passes on the connections that there are, in either direction, and nobody is told.
    /// New connections pass.
    DropFlow,
    /// [`Hook::Credentials`]: this is the password of the stand's user from now on, and connections that were made with another
    /// one are ended. It comes after a first [`Stand::open_by`].
    Password(&'a str),
    /// [`Hook::HoldConfirms`]: messages are stored from now on, and nobody is told so. A stand that cannot tell confirms from
    /// other answers holds everything that the broker says: meanwhile nothing is received, and what is asked may wait.
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
