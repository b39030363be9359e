//! What became of one transformation, for one message.

use std::fmt;

/// What became of one transformation. A message that fails has no outcome: it has a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It changed at least one place.
    Applied,
    /// Places matched, and the document already was as wanted.
    Unchanged,
    /// No place matched.
    Absent,
    /// It was not performed.
    Skipped(SkipReason),
    /// The message ends here.
    Dropped,
}

/// Why a transformation was not performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// The applied record says that it is behind the message.
    AlreadyApplied,
    /// The migration file says `status: applied`.
    Flagged,
    /// Its `when` was false, or its `where` left every place alone.
    Condition,
    /// The message was taken back by its complement instead.
    Restored,
}

impl Outcome {
    /// The word for it: `applied`, `unchanged`, `absent`, `skipped`, `dropped`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Absent => "absent",
            Self::Skipped(_) => "skipped",
            Self::Dropped => "dropped",
        }
    }

    /// Why it was skipped, if it was.
    #[must_use]
    pub const fn reason(self) -> Option<SkipReason> {
        match self {
            Self::Skipped(reason) => Some(reason),
            Self::Applied | Self::Unchanged | Self::Absent | Self::Dropped => None,
        }
    }
}

impl SkipReason {
    /// The word for it: `already_applied`, `flagged`, `condition`, `restored`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AlreadyApplied => "already_applied",
            Self::Flagged => "flagged",
            Self::Condition => "condition",
            Self::Restored => "restored",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What one operation did to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// What became of it.
    pub outcome: Outcome,
    /// How many values stayed as they were because of `on_error: keep`.
    pub kept_errors: u64,
    /// How many sources were given up because of `on_conflict: keep_target`.
    pub kept_targets: u64,
}

impl Change {
    /// An outcome that kept nothing back.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            kept_errors: 0,
            kept_targets: 0,
        }
    }
}
