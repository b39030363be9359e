//! Which forms of path an operand takes.
//!
//! Every operation states this as data, so that all of them refuse in the same words.

use super::{Path, Segment};

/// Which forms of path an operand takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// `$`.
    pub whole: bool,
    /// `**`.
    pub deep: bool,
    /// `@headers.…`.
    pub headers: bool,
    /// `@key`.
    pub key: bool,
    /// What the last segment may be.
    pub ends: Ends,
}

/// What the last segment of a path may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// A member or an element.
    Anything,
    /// One or several members. A pointer may still turn out to end in an element.
    Members,
    /// Exactly one member, because it may have to be made. A pointer may still turn out to end in an element.
    Name,
}

impl Takes {
    /// A path into the document that may end in anything.
    pub const PLACES: Self = Self {
        whole: false,
        deep: false,
        headers: false,
        key: false,
        ends: Ends::Anything,
    };

    /// The same, and `$`.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// The same, and `**`.
    #[must_use]
    pub const fn deep(self) -> Self {
        Self { deep: true, ..self }
    }

    /// The same, and `@headers.…` and `@key`.
    #[must_use]
    pub const fn message(self) -> Self {
        Self {
            headers: true,
            key: true,
            ..self
        }
    }

    /// The same, and `@headers.…`.
    #[must_use]
    pub const fn headers(self) -> Self {
        Self {
            headers: true,
            ..self
        }
    }

    /// The same, with this end.
    #[must_use]
    pub const fn ends(self, ends: Ends) -> Self {
        Self { ends, ..self }
    }
}

impl Path {
    /// Whether an operand takes this path.
    ///
    /// # Errors
    /// What was expected and what was found, for a finding at the path.
    pub fn check(&self, takes: Takes) -> Result<(), String> {
        if self.header().is_some() && !takes.headers {
            return Err("expected a path into the document, found a header".to_owned());
        }
        if self.is_key() && !takes.key {
            return Err("expected a path into the document, found the key".to_owned());
        }
        if self.is_whole() && !takes.whole {
            return Err("expected a path to a member or an element, found `$`".to_owned());
        }
        if self.is_deep() && !takes.deep {
            let message = "expected a path without `**`, which only operations that work in place take";
            return Err(message.to_owned());
        }
        let Some(last) = self.last() else { return Ok(()) };
        let fits = match takes.ends {
            Ends::Anything => true,
            Ends::Members => matches!(last, Segment::Name(_) | Segment::Glob(_) | Segment::Token(_)),
            Ends::Name => matches!(last, Segment::Name(_) | Segment::Token(_)),
        };
        if fits {
            return Ok(());
        }
        let wanted = if takes.ends == Ends::Name {
            "one member"
        } else {
            "a member"
        };
        let found = match last {
            Segment::Elements | Segment::Index(_) => "an element",
            Segment::Glob(_) | Segment::Anywhere => "a wildcard",
            Segment::Name(_) | Segment::Token(_) => "a name",
        };
        Err(format!(
            "expected a path that ends in {wanted}, found {found} at its end"
        ))
    }
}
