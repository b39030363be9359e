//! What the texts of a migration said, once nothing is wrong with them.

use super::schemas::SchemasDraft;
use crate::finding::Place;
use crate::migration::complement::Complements;
use crate::migration::document::DuplicateNames;
use crate::migration::expression::Expression;
use crate::migration::op::Step;
use crate::migration::record;

/// A migration as its files state it, before its hashes are made.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Its name.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) description: Option<String>,
    /// Whether messages in which a name stands twice are taken.
    pub(crate) duplicate_names: DuplicateNames,
    /// The schemas that it names.
    pub(crate) schemas: SchemasDraft,
    /// What is checked, in order.
    pub(crate) validations: Vec<Validation>,
    /// Whether `validate:` is written down. What is written down is performed even where nothing is left to do.
    pub(crate) validate_is_written: bool,
    /// Older records that count as ours: after a transformation was corrected, say.
    pub(crate) accepts: Vec<record::Entry>,
    /// Whether complements are kept, or required.
    pub(crate) complements: Complements,
    /// Which chain's records it checks and writes.
    pub(crate) direction: Direction,
    /// The transformations in the order of application.
    pub(crate) transformations: Vec<Entry>,
}

/// One transformation of the chain.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its id, unique in the migration.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) description: Option<String>,
    /// What a person declares about it.
    pub(crate) status: Status,
    /// What it does.
    pub(crate) transformation: Transformation,
    /// Where it is written.
    pub(crate) place: Place,
}

/// What a transformation does.
#[derive(Clone, Debug)]
pub(crate) struct Transformation {
    /// The operation, with the fields that decide about its places.
    pub(crate) step: Step,
    /// The condition under which it is performed.
    pub(crate) when: Option<Expression>,
    /// What undoes it, where that is written down. It has no `inverse` of its own.
    pub(crate) inverse: Option<Box<Transformation>>,
}

/// What a person declares about a transformation or a validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// It is to be done.
    #[default]
    Pending,
    /// It has been done to all incoming messages already, and is skipped.
    Applied,
}

/// One entry of `validate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// What is checked.
    pub check: Check,
    /// What a person declares about it.
    pub status: Status,
}

/// What a validation checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// The payload is a well-formed document.
    Syntax,
    /// The payload fits the schema `from` as it arrives.
    From,
    /// The result fits the schema `to`.
    To,
}

impl Check {
    /// All checks with their words, in the order in which they are performed.
    pub const ALL: [(&'static str, Self); 3] =
        [("syntax", Self::Syntax), ("from", Self::From), ("to", Self::To)];

    /// The word for it, in migrations and in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::From => "from",
            Self::To => "to",
        }
    }
}

/// Which way a migration leads.
#[derive(Clone, Debug)]
pub(crate) enum Direction {
    /// Forward: its records are its own.
    Up,
    /// Back: it checks and writes the records of the chain that it inverts.
    Down {
        /// The migration that it inverts.
        of: Box<Draft>,
        /// The count on arrival.
        from: usize,
        /// The count on leaving; less than `from`.
        to: usize,
    },
}
