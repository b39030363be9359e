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
    /// No message is lost; one may come twice.
    AtLeastOnce,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtLeastOnce => "at-least-once",
        })
    }
}

impl Guarantee {
    /// The guarantee between these two ends.
    ///
    /// Every pair is at-least-once: more is claimed only of a pair that was shown to leave no duplicate on real brokers,
    /// and none has been so far. The reason names what the pair lacks to begin with, if it lacks something.
    pub(crate) fn between(source: &Resolved, target: &Resolved) -> Self {
        let reason = if !source.capabilities.stable_position {
            "the source has no stable position (capability `stable_position`), so a message that comes again cannot be \
             recognised"
        } else if !target.capabilities.dedup_by_id {
            "the target does not recognise a message that is sent again (capability `dedup_by_id`)"
        } else {
            "source and target could do better, but no run on this pair has shown it yet"
        };
        Self {
            level: Level::AtLeastOnce,
            reason: reason.to_owned(),
        }
    }
}
