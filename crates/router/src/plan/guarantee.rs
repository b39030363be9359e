//! What may be said of a route about loss and duplicates, and why not more.

use std::fmt;

use dunlin_core::messaging::Resolved;

/// What is promised of a route, with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guarantee {
    /// What is promised.
    pub level: Level,
    /// Why it is not more, in one sentence.
    pub reason: String,
}

/// What is promised about loss and duplicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// A message may be lost: an end does not confirm what it stores.
    MayLose,
    /// No message is lost; one may come twice.
    AtLeastOnce,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MayLose => "none",
            Self::AtLeastOnce => "at-least-once",
        })
    }
}

impl Guarantee {
    /// The guarantee between these two ends.
    ///
    /// Where the target confirms, every pair is at-least-once: more is claimed only of a pair that was shown to leave no
    /// duplicate on real brokers, and none has been so far. The reason names what the pair lacks to begin with, if it lacks
    /// something.
    pub(crate) fn between(source: &Resolved, target: &Resolved) -> Self {
        let (level, reason) = if !target.capabilities.confirms {
            (
                Level::MayLose,
                "the target does not confirm what it stores (capability `confirms`), so a message may be lost",
            )
        } else if !source.capabilities.stable_position {
            (
                Level::AtLeastOnce,
                "the source has no stable position (capability `stable_position`), so a message that comes again cannot be \
                 recognised",
            )
        } else if !target.capabilities.dedup_by_id {
            (
                Level::AtLeastOnce,
                "the target does not recognise a message that is sent again (capability `dedup_by_id`)",
            )
        } else {
            (
                Level::AtLeastOnce,
                "source and target could do better, but no run on this pair has shown it yet",
            )
        };
        Self {
            level,
            reason: reason.to_owned(),
        }
    }
}
