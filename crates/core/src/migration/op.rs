//! The operations: a closed language, one file per operation.
//!
//! Each file holds what there is to know about its operation: how it is read, how it prints for its digest, what it
//! does to a message, and what undoes it. This one holds the list of all, and the fields that all of them take.
//!
//! To add an operation: write its file and its line in `list.rs`, and let the compiler name the matches that must know it.

mod add;
mod carry;
mod cast;
mod compute;
mod constant;
mod convert;
mod copy;
mod crowd;
mod decode;
mod drop;
mod each;
mod encode;
mod entries;
mod expand;
mod flatten;
mod from_entries;
mod hash;
mod inverse;
mod join;
mod list;
mod modify;
mod move_;
mod multiply;
mod nest;
mod pick;
mod prove;
pub(crate) mod raw;
mod redact;
mod remove;
mod rename;
mod split;
mod text;
mod time;
mod to_entries;
mod translate;
mod unnest;
mod unwrap;
mod wrap;

use std::sync::Arc;

pub(crate) use add::{Add, IfPresent};
pub(crate) use cast::Cast;
pub(crate) use compute::Compute;
pub(crate) use copy::Copy;
pub(crate) use decode::Decode;
pub(crate) use drop::Drop;
pub(crate) use each::Each;
pub(crate) use encode::Encode;
pub(crate) use expand::Expand;
pub(crate) use flatten::Flatten;
pub(crate) use from_entries::FromEntries;
pub(crate) use hash::Hash;
pub(crate) use inverse::Inverse;
pub use inverse::Loss;
pub(crate) use join::Join;
pub(crate) use list::Op;
pub(crate) use modify::Modify;
pub(crate) use move_::Move;
pub(crate) use multiply::Multiply;
pub(crate) use nest::Nest;
pub(crate) use pick::Pick;
pub(crate) use redact::Redact;
pub(crate) use remove::Remove;
pub(crate) use rename::{NewName, Rename};
pub(crate) use split::Split;
pub(crate) use text::Text;
pub(crate) use time::Time;
pub(crate) use to_entries::ToEntries;
pub(crate) use translate::Translate;
pub(crate) use unnest::Unnest;
pub(crate) use unwrap::Unwrap;
pub(crate) use wrap::Wrap;

use crate::migration::canonical::Canonical;
use crate::migration::condition::Where;
use crate::migration::context::{Context, Effect, Rules};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::outcome::Change;
use crate::migration::path::Path;

/// The words of all operations, in the order of the reference.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    list::OPERATIONS.iter().map(|(word, _)| *word)
}

/// Whether this is the word of an operation.
pub(crate) fn is_operation(word: &str) -> bool {
    list::OPERATIONS.iter().any(|(operation, _)| *operation == word)
}

/// The fields that every operation takes. Not all of them are allowed inside of `each`.
const COMMON: &[&str] = &[
    "id",
    "description",
    "when",
    "where",
    "strict",
    "on_mismatch",
    "inverse",
    "status",
];

impl Op {
    /// Reads the operation that stands among these fields, with its operands.
    fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let parse = fields.operation(list::OPERATIONS, COMMON)?;
        parse(fields)
    }

    /// Whether what it takes out of a message is meant to be unknown from then on.
    pub(crate) fn hides(&self) -> bool {
        // A message that was dropped has nobody it could be hidden from.
        matches!(self.inverse().loss, Loss::Lossy(_)) && !matches!(self, Self::Drop(_))
    }

    /// The names of the secrets that it needs.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Hash(op) => op.secret().into_iter().collect(),
            Self::Each(op) => op.steps().iter().flat_map(|step| step.op.secrets()).collect(),
            Self::Add(_)
            | Self::Remove(_)
            | Self::Modify(_)
            | Self::Rename(_)
            | Self::Move(_)
            | Self::Copy(_)
            | Self::Pick(_)
            | Self::Drop(_)
            | Self::Nest(_)
            | Self::Unnest(_)
            | Self::Flatten(_)
            | Self::Expand(_)
            | Self::Wrap(_)
            | Self::Unwrap(_)
            | Self::ToEntries(_)
            | Self::FromEntries(_)
            | Self::Cast(_)
            | Self::Translate(_)
            | Self::Split(_)
            | Self::Join(_)
            | Self::Multiply(_)
            | Self::Time(_)
            | Self::Text(_)
            | Self::Redact(_)
            | Self::Encode(_)
            | Self::Decode(_)
            | Self::Compute(_) => Vec::new(),
        }
    }

    /// The header or the key that it writes to: where a result is lost with a target that has neither.
    ///
    /// What is removed is no result, and the steps of an `each` cannot name a header.
    pub(crate) fn beside_payload(&self) -> Option<Path> {
        let written = match self {
            Self::Remove(_) => return None,
            Self::Move(op) => op.carried().1.clone(),
            Self::Copy(op) => op.carried().1.clone(),
            op => op.first_path()?,
        };
        (!written.is_document()).then_some(written)
    }

    /// The same operation with other paths. Those in the entries of `each` begin at the element, and stay.
    pub(crate) fn elsewhere(&self, map: &dyn Fn(&Path) -> Path) -> Self {
        let mut there = self.clone();
        for path in there.paths() {
            *path = map(path);
        }
        there
    }

    /// The path that it works on; the first one where it works on several.
    pub(crate) fn first_path(&self) -> Option<Path> {
        self.clone().paths().into_iter().next().cloned()
    }

    /// What a conversion makes of one scalar to which its path leads, without a message around it; `most` bytes may be
    /// made. `None`: the operation is no such conversion. Where it fails, or more than the value itself is concerned, it is
    /// for [`apply`](Self::apply) to say what follows.
    pub(crate) fn convert(&self, value: &mut Value, most: usize) -> Option<Result<Effect, Failure>> {
        match self {
            Self::Cast(op) => Some(op.convert(value)),
            Self::Translate(op) => Some(op.convert(value)),
            Self::Multiply(op) => Some(op.convert(value)),
            Self::Time(op) => Some(op.convert_alone(value)),
            Self::Text(op) => Some(op.convert(value, most)),
            Self::Redact(op) => Some(op.convert(value)),
            _ => None,
        }
    }
}

/// An operation with the fields that decide about its places: an entry of `do`, or the core of a transformation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// The operation.
    pub(crate) op: Op,
    /// `where`, `strict` and `on_mismatch`.
    pub(crate) rules: Arc<Rules>,
}

impl Step {
    /// Reads an operation and the fields that decide about its places. The caller asks for the other common fields.
    pub(crate) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let op = Op::parse(fields);
        let filter = Where::parse(fields);
        let strict = fields.flag("strict", false);
        let skip_mismatch = fields.choice("on_mismatch", &[("fail", false), ("skip", true)], false);
        Some(Self {
            op: op?,
            rules: Arc::new(Rules {
                filter,
                strict,
                skip_mismatch,
            }),
        })
    }

    /// Performs the operation.
    ///
    /// # Errors
    /// The first place that fails. The message is then not to be used any more.
    pub(crate) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.under(&self.rules, |context| self.op.apply(context))
    }

    /// Writes the operation, its operands and the fields that decide about its places.
    pub(crate) fn canonical(&self, out: &mut Canonical) {
        self.op.canonical(out);
        if let Some(filter) = &self.rules.filter {
            out.json("where", filter.canonical());
        }
        out.flag("strict", self.rules.strict);
        if self.rules.skip_mismatch {
            out.text("on_mismatch", "skip");
        }
    }
}

#[cfg(test)]
pub(crate) mod testing;
