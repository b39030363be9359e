//! Why a message could not be migrated.
//!
//! A failure is read by someone at night who does not have the payload: it names the transformation, the path with
//! its concrete indexes, what was expected and the kind of value that was found. It never holds a value or a secret.

use std::fmt;
use std::sync::Arc;

use crate::migration::document::{Kind, ParseError, ParseErrorKind};

/// Why a message could not be migrated. Nothing of the message is forwarded to the target then.
///
/// Prints as `mismatch in 0002-lines#1 at lines[0]: expected an object, found a string`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class, by which people and programs tell failures apart.
    pub kind: FailureKind,
    /// The name of the migration.
    pub migration: Option<Arc<str>>,
    /// The transformation; `None` where the message as a whole was refused.
    pub transformation: Option<Arc<Blamed>>,
    /// The place in the document, with concrete indexes, or `@headers.…`, `@key`.
    pub path: Option<Box<str>>,
    /// The kind of value that was found there.
    pub found: Option<Kind>,
    /// The offset in bytes, from 0, into the payload.
    pub offset: Option<usize>,
    expected: Box<str>,
}

/// The transformation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blamed {
    /// Its id.
    pub id: String,
    /// Its position in the chain, from 0.
    pub index: usize,
}

/// The classes of [`Failure`]. They are public: their words stand in headers, reports and fixtures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// Malformed JSON, a byte order mark, bad UTF-8, or duplicate names where they are rejected.
    Syntax,
    /// A schema is not met.
    Validation,
    /// The bytes do not fit the writer's schema.
    Decode,
    /// The result cannot be written in the target's format.
    Encode,
    /// An unknown schema or version.
    Schema,
    /// Depth, size, or the cost of an expression.
    Limit,
    /// Nothing matched under `strict`.
    Absent,
    /// The document has another shape than the path needs.
    Mismatch,
    /// Something stands where the result should go.
    Conflict,
    /// A kind of value that the operation does not handle.
    Type,
    /// Text that does not parse.
    Format,
    /// A value that the result cannot hold.
    Range,
    /// A lone surrogate where text must be read.
    InvalidText,
    /// An expression failed.
    Expression,
    /// The applied record cannot be read, or is missing where it is required.
    Record,
    /// The applied record is that of another chain.
    Diverged,
    /// The message was forwarded too often.
    Loop,
    /// The complement of the message does not belong to it, is missing where it is required, or is too large.
    Complement,
}

impl FailureKind {
    /// All kinds, in the order in which they are documented.
    pub const ALL: [Self; 18] = [
        Self::Syntax,
        Self::Validation,
        Self::Decode,
        Self::Encode,
        Self::Schema,
        Self::Limit,
        Self::Absent,
        Self::Mismatch,
        Self::Conflict,
        Self::Type,
        Self::Format,
        Self::Range,
        Self::InvalidText,
        Self::Expression,
        Self::Record,
        Self::Diverged,
        Self::Loop,
        Self::Complement,
    ];

    /// The word for it, as it stands in headers, reports and fixtures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Validation => "validation",
            Self::Decode => "decode",
            Self::Encode => "encode",
            Self::Schema => "schema",
            Self::Limit => "limit",
            Self::Absent => "absent",
            Self::Mismatch => "mismatch",
            Self::Conflict => "conflict",
            Self::Type => "type",
            Self::Format => "format",
            Self::Range => "range",
            Self::InvalidText => "invalid_text",
            Self::Expression => "expression",
            Self::Record => "record",
            Self::Diverged => "diverged",
            Self::Loop => "loop",
            Self::Complement => "complement",
        }
    }

    /// The kind with this word, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Failure {
    /// A failure of this kind. `expected` says what was expected, in lower case and without a full stop, and never
    /// holds a value of the message; what was found goes into [`found`](Self::found).
    pub fn new(kind: FailureKind, expected: impl Into<Box<str>>) -> Self {
        Self {
            kind,
            migration: None,
            transformation: None,
            path: None,
            found: None,
            offset: None,
            expected: expected.into(),
        }
    }

    /// The same failure, at this place unless it names one already.
    #[must_use]
    pub fn at(mut self, path: impl Into<Box<str>>) -> Self {
        self.path.get_or_insert_with(|| cut(path.into()));
        self
    }

    /// The same failure, with the kind of value that was found unless it names one already.
    #[must_use]
    pub fn found(mut self, kind: Kind) -> Self {
        self.found.get_or_insert(kind);
        self
    }

    /// The same failure, with more of what was expected: `expected a member`, and `to arrive as `from` has it`.
    #[must_use]
    pub(crate) fn and(mut self, more: &str) -> Self {
        self.expected = format!("{}, {more}", self.expected).into();
        self
    }

    /// The same failure, blamed on a transformation.
    #[must_use]
    pub(crate) fn blame(mut self, id: &str, index: usize) -> Self {
        self.transformation.get_or_insert_with(|| {
            Arc::new(Blamed {
                id: id.to_owned(),
                index,
            })
        });
        self
    }

    /// The same failure, in this migration.
    #[must_use]
    pub(crate) fn of(mut self, migration: &Arc<str>) -> Self {
        self.migration.get_or_insert_with(|| Arc::clone(migration));
        self
    }

    /// What was expected, and the kind that was found: the sentence without kind, transformation and path.
    #[must_use]
    pub fn message(&self) -> String {
        match self.found {
            Some(kind) => format!("{}, found {}", self.expected, kind.noun()),
            None => self.expected.to_string(),
        }
    }
}

/// The longest path that a failure tells, in bytes. A name in a document may have megabytes, and the path goes to logs
/// and headers.
const MOST_PATH: usize = 1000;

fn cut(path: Box<str>) -> Box<str> {
    if path.len() <= MOST_PATH {
        return path;
    }
    let end = path.floor_char_boundary(MOST_PATH);
    format!("{}…", &path[..end]).into()
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.name())?;
        if let Some(transformation) = &self.transformation {
            write!(formatter, " in {}", transformation.id)?;
        }
        if let Some(path) = &self.path {
            write!(formatter, " at {path}")?;
        }
        if let Some(offset) = self.offset {
            write!(formatter, " at byte {offset}")?;
        }
        write!(formatter, ": {}", self.message())
    }
}

impl std::error::Error for Failure {}

impl From<ParseError> for Failure {
    fn from(error: ParseError) -> Self {
        let kind = match error.kind {
            ParseErrorKind::Syntax => FailureKind::Syntax,
            ParseErrorKind::Depth => FailureKind::Limit,
        };
        Self {
            offset: Some(error.offset),
            ..Self::new(kind, error.expected)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_transformation_path_and_kind() {
        let failure = Failure::new(FailureKind::Mismatch, "expected an object")
            .at("lines[0]")
            .found(Kind::String)
            .blame("0002-lines#1", 3);
        assert_eq!(
            failure.to_string(),
            "mismatch in 0002-lines#1 at lines[0]: expected an object, found a string"
        );
        assert_eq!(failure.message(), "expected an object, found a string");
    }

    #[test]
    fn what_is_nearer_to_the_value_is_not_overwritten() {
        let failure = Failure::new(FailureKind::Type, "expected text")
            .at("a[0].b")
            .found(Kind::Array)
            .at("a[0]")
            .found(Kind::Object);
        assert_eq!(
            (failure.path.as_deref(), failure.found),
            (Some("a[0].b"), Some(Kind::Array))
        );
    }

    #[test]
    fn a_very_long_path_is_cut_between_characters() {
        let path = |length: usize| "é".repeat(length);
        let of = |path: String| Failure::new(FailureKind::Type, "expected text").at(path).path;
        assert_eq!(of(path(500)).as_deref(), Some(&*path(500)));
        assert_eq!(
            of(format!("a{}", path(500))).as_deref(),
            Some(&*format!("a{}…", path(499)))
        );
    }

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in FailureKind::ALL {
            assert_eq!(FailureKind::from_name(kind.name()), Some(kind));
        }
    }
}
