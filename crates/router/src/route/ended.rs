//! How a route ends.

use std::fmt;

use dunlin_core::error::Error;

use dunlin_schemas::registry::RegistryError;

use crate::breaker::Tripped;
use crate::dead_letter::Fault;

/// A route that ended as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Why.
    pub reason: EndReason,
    /// Messages that were received and are the source's still: they come again.
    pub left: usize,
}

/// Why a route ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The source has no more messages, and all of them are settled.
    SourceEnded,
    /// It was asked to, and has finished what was in flight, or what could be finished within the drain limit.
    Stopped,
    /// It was asked twice, and has dropped what was in flight.
    Aborted,
}

/// One end of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum End {
    /// Where messages come from.
    Source,
    /// Where they go.
    Target,
    /// Where it is told what was done to them.
    Report,
    /// Where failed messages go.
    DeadLetter,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
            Self::Report => "report",
            Self::DeadLetter => "dead letter",
        })
    }
}

/// Why a route ended that should have gone on. What was in flight and unsettled comes again when it is started anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A system cannot be connected to.
    #[error("system `{system}` cannot be connected to: {error}")]
    Connect {
        /// The system's name in the configuration.
        system: String,
        /// What it said.
        #[source]
        error: Error,
    },
    /// A schema registry does not say what the migrations need.
    #[error("the schemas of the migrations are not there: {0}")]
    Registry(#[source] RegistryError),
    /// An end cannot be used as planned.
    #[error("the {end} `{channel}` cannot be used: {error}")]
    Unusable {
        /// Which end.
        end: End,
        /// `system/channel`.
        channel: String,
        /// What the system said.
        #[source]
        error: Error,
    },
    /// An end can do less than the plan was made with.
    #[error("the {end} `{channel}` was planned with {}, and the system itself has not got that", list(.missing))]
    Downgrade {
        /// Which end.
        end: End,
        /// `system/channel`.
        channel: String,
        /// The capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// Only the system knew that an output is the channel that the route reads.
    #[error(
        "the {end} turned out to be the channel that the route reads (`{channel}`), which the configuration does not tell; name it so that it can be seen, or send elsewhere"
    )]
    OwnChannel {
        /// Which end.
        end: End,
        /// The channel in the system's words.
        channel: String,
    },
    /// The source failed for good.
    #[error("the source failed: {0}")]
    Source(#[source] Error),
    /// An end that is sent to was closed.
    #[error("the {end} was closed: {reason}")]
    Closed {
        /// Which end.
        end: End,
        /// What the system said.
        reason: String,
    },
    /// Verdicts can no longer be handed to the source.
    #[error("the source takes no more verdicts: {0}")]
    Settle(#[source] Error),
    /// A message failed, and the route says `on_error: stop`.
    #[error("a message from {source_place} failed ({}): {}", fault.kind, fault.message)]
    Message {
        /// Why it failed.
        fault: Fault,
        /// `system/channel/position`.
        source_place: String,
    },
    /// Too many messages failed.
    #[error("{0}, so the route was stopped before the chain drains its source into the dead letter")]
    Breaker(Tripped),
    /// An end could not be closed as it should, so that what it held back may come again.
    #[error("the {end} was not closed as it should: {error}")]
    Close {
        /// Which end.
        end: End,
        /// What the system said.
        #[source]
        error: Error,
    },
    /// The thread that it was to run on could not be started.
    #[error("the thread of the route could not be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The route's task panicked: a defect of this program.
    #[error(
        "the route's task panicked, which is a defect of this program; nothing that was in flight is settled"
    )]
    Panicked,
}

fn list(missing: &[&'static str]) -> String {
    missing
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
