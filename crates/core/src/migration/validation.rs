//! Checks of a document against a syntax or a schema, before the first transformation and after the last.
//!
//! Which checks there are is said by the files of a migration, and read by the loader. What a schema says is not
//! known here: see [`Schema`](super::Schema).

/// What became of one check. One that is not met fails the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validated {
    /// It was performed, and is met.
    Passed,
    /// It was not performed: the migration declares it as done.
    Flagged,
    /// It was not performed: the message is part-way already.
    AlreadyApplied,
    /// It was not performed: there is no payload.
    NoPayload,
    /// It was not performed: nothing was left to do, and nobody asked for it.
    NothingToDo,
}

impl Validated {
    /// The outcome, as it stands in reports: `passed` or `skipped`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Flagged | Self::AlreadyApplied | Self::NoPayload | Self::NothingToDo => "skipped",
        }
    }

    /// Why it was skipped, if it was.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Passed => None,
            Self::Flagged => Some("flagged"),
            Self::AlreadyApplied => Some("already_applied"),
            Self::NoPayload => Some("no_payload"),
            Self::NothingToDo => Some("nothing_to_do"),
        }
    }
}
