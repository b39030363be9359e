//! The operations: a closed language, one file per operation.
//!
//! Each file holds what there is to know about its operation: how it is read, how it prints for its digest, what it
//! does to a message, and what undoes it. This one holds the list of all, and the fields that all of them take.
//!
//! To add an operation: write its file, and let the compiler name the matches here that must know it.

mod add;
mod carry;
mod cast;
mod compute;
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
mod join;
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
pub(crate) use join::Join;
pub(crate) use modify::Modify;
pub(crate) use move_::Move;
pub(crate) use multiply::Multiply;
pub(crate) use nest::Nest;
pub(crate) use pick::Pick;
pub(crate) use redact::Redact;
pub(crate) use remove::Remove;
pub(crate) use rename::Rename;
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
use crate::migration::context::{Context, Rules};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::outcome::Change;
use crate::migration::path::Path;

/// One operation with its operands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// `add`.
    Add(Add),
    /// `remove`.
    Remove(Remove),
    /// `modify`.
    Modify(Modify),
    /// `rename`.
    Rename(Rename),
    /// `move`.
    Move(Move),
    /// `copy`.
    Copy(Copy),
    /// `pick`.
    Pick(Pick),
    /// `drop`.
    Drop(Drop),
    /// `nest`.
    Nest(Nest),
    /// `unnest`.
    Unnest(Unnest),
    /// `flatten`.
    Flatten(Flatten),
    /// `expand`.
    Expand(Expand),
    /// `wrap`.
    Wrap(Wrap),
    /// `unwrap`.
    Unwrap(Unwrap),
    /// `to_entries`.
    ToEntries(ToEntries),
    /// `from_entries`.
    FromEntries(FromEntries),
    /// `each`.
    Each(Each),
    /// `cast`.
    Cast(Cast),
    /// `translate`.
    Translate(Translate),
    /// `split`.
    Split(Split),
    /// `join`.
    Join(Join),
    /// `multiply`.
    Multiply(Multiply),
    /// `time`.
    Time(Time),
    /// `text`.
    Text(Text),
    /// `hash`.
    Hash(Hash),
    /// `redact`.
    Redact(Redact),
    /// `encode`.
    Encode(Encode),
    /// `decode`.
    Decode(Decode),
    /// `compute`.
    Compute(Compute),
}

type Parse = fn(&mut Fields<'_, '_>) -> Option<Op>;

/// Every operation by its word, in the order of the reference.
const OPERATIONS: &[(&str, Parse)] = &[
    ("add", |fields| Add::parse(fields).map(Op::Add)),
    ("remove", |fields| Remove::parse(fields).map(Op::Remove)),
    ("modify", |fields| Modify::parse(fields).map(Op::Modify)),
    ("rename", |fields| Rename::parse(fields).map(Op::Rename)),
    ("move", |fields| Move::parse(fields).map(Op::Move)),
    ("copy", |fields| Copy::parse(fields).map(Op::Copy)),
    ("pick", |fields| Pick::parse(fields).map(Op::Pick)),
    ("drop", |fields| Drop::parse(fields).map(Op::Drop)),
    ("nest", |fields| Nest::parse(fields).map(Op::Nest)),
    ("unnest", |fields| Unnest::parse(fields).map(Op::Unnest)),
    ("flatten", |fields| Flatten::parse(fields).map(Op::Flatten)),
    ("expand", |fields| Expand::parse(fields).map(Op::Expand)),
    ("wrap", |fields| Wrap::parse(fields).map(Op::Wrap)),
    ("unwrap", |fields| Unwrap::parse(fields).map(Op::Unwrap)),
    ("to_entries", |fields| ToEntries::parse(fields).map(Op::ToEntries)),
    ("from_entries", |fields| {
        FromEntries::parse(fields).map(Op::FromEntries)
    }),
    ("each", |fields| Each::parse(fields).map(Op::Each)),
    ("cast", |fields| Cast::parse(fields).map(Op::Cast)),
    ("translate", |fields| Translate::parse(fields).map(Op::Translate)),
    ("split", |fields| Split::parse(fields).map(Op::Split)),
    ("join", |fields| Join::parse(fields).map(Op::Join)),
    ("multiply", |fields| Multiply::parse(fields).map(Op::Multiply)),
    ("time", |fields| Time::parse(fields).map(Op::Time)),
    ("text", |fields| Text::parse(fields).map(Op::Text)),
    ("hash", |fields| Hash::parse(fields).map(Op::Hash)),
    ("redact", |fields| Redact::parse(fields).map(Op::Redact)),
    ("encode", |fields| Encode::parse(fields).map(Op::Encode)),
    ("decode", |fields| Decode::parse(fields).map(Op::Decode)),
    ("compute", |fields| Compute::parse(fields).map(Op::Compute)),
];

/// The words of all operations, in the order of the reference.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|(word, _)| *word)
}

/// Whether this is the word of an operation.
pub(crate) fn is_operation(word: &str) -> bool {
    OPERATIONS.iter().any(|(operation, _)| *operation == word)
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
        let parse = fields.operation(OPERATIONS, COMMON)?;
        parse(fields)
    }

    /// The word for it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Remove(_) => "remove",
            Self::Modify(_) => "modify",
            Self::Rename(_) => "rename",
            Self::Move(_) => "move",
            Self::Copy(_) => "copy",
            Self::Pick(_) => "pick",
            Self::Drop(_) => "drop",
            Self::Nest(_) => "nest",
            Self::Unnest(_) => "unnest",
            Self::Flatten(_) => "flatten",
            Self::Expand(_) => "expand",
            Self::Wrap(_) => "wrap",
            Self::Unwrap(_) => "unwrap",
            Self::ToEntries(_) => "to_entries",
            Self::FromEntries(_) => "from_entries",
            Self::Each(_) => "each",
            Self::Cast(_) => "cast",
            Self::Translate(_) => "translate",
            Self::Split(_) => "split",
            Self::Join(_) => "join",
            Self::Multiply(_) => "multiply",
            Self::Time(_) => "time",
            Self::Text(_) => "text",
            Self::Hash(_) => "hash",
            Self::Redact(_) => "redact",
            Self::Encode(_) => "encode",
            Self::Decode(_) => "decode",
            Self::Compute(_) => "compute",
        }
    }

    /// Writes the operation and its operands.
    fn canonical(&self, out: &mut Canonical) {
        match self {
            Self::Add(op) => op.canonical(out),
            Self::Remove(op) => op.canonical(out),
            Self::Modify(op) => op.canonical(out),
            Self::Rename(op) => op.canonical(out),
            Self::Move(op) => op.canonical(out),
            Self::Copy(op) => op.canonical(out),
            Self::Pick(op) => op.canonical(out),
            Self::Drop(op) => op.canonical(out),
            Self::Nest(op) => op.canonical(out),
            Self::Unnest(op) => op.canonical(out),
            Self::Flatten(op) => op.canonical(out),
            Self::Expand(op) => op.canonical(out),
            Self::Wrap(op) => op.canonical(out),
            Self::Unwrap(op) => op.canonical(out),
            Self::ToEntries(op) => op.canonical(out),
            Self::FromEntries(op) => op.canonical(out),
            Self::Each(op) => op.canonical(out),
            Self::Cast(op) => op.canonical(out),
            Self::Translate(op) => op.canonical(out),
            Self::Split(op) => op.canonical(out),
            Self::Join(op) => op.canonical(out),
            Self::Multiply(op) => op.canonical(out),
            Self::Time(op) => op.canonical(out),
            Self::Text(op) => op.canonical(out),
            Self::Hash(op) => op.canonical(out),
            Self::Redact(op) => op.canonical(out),
            Self::Encode(op) => op.canonical(out),
            Self::Decode(op) => op.canonical(out),
            Self::Compute(op) => op.canonical(out),
        }
    }

    fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        match self {
            Self::Add(op) => op.apply(context),
            Self::Remove(op) => op.apply(context),
            Self::Modify(op) => op.apply(context),
            Self::Rename(op) => op.apply(context),
            Self::Move(op) => op.apply(context),
            Self::Copy(op) => op.apply(context),
            Self::Pick(op) => op.apply(context),
            Self::Drop(op) => op.apply(context),
            Self::Nest(op) => op.apply(context),
            Self::Unnest(op) => op.apply(context),
            Self::Flatten(op) => op.apply(context),
            Self::Expand(op) => op.apply(context),
            Self::Wrap(op) => op.apply(context),
            Self::Unwrap(op) => op.apply(context),
            Self::ToEntries(op) => op.apply(context),
            Self::FromEntries(op) => op.apply(context),
            Self::Each(op) => op.apply(context),
            Self::Cast(op) => op.apply(context),
            Self::Translate(op) => op.apply(context),
            Self::Split(op) => op.apply(context),
            Self::Join(op) => op.apply(context),
            Self::Multiply(op) => op.apply(context),
            Self::Time(op) => op.apply(context),
            Self::Text(op) => op.apply(context),
            Self::Hash(op) => op.apply(context),
            Self::Redact(op) => op.apply(context),
            Self::Encode(op) => op.apply(context),
            Self::Decode(op) => op.apply(context),
            Self::Compute(op) => op.apply(context),
        }
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
    pub(crate) fn beside_payload(&self) -> Option<&Path> {
        let written = match self {
            Self::Add(op) => &op.path,
            Self::Modify(op) => &op.path,
            Self::Rename(op) => &op.path,
            Self::Move(op) => op.target(),
            Self::Copy(op) => op.target(),
            Self::Translate(op) => op.path(),
            Self::Text(op) => op.path(),
            Self::Hash(op) => op.path(),
            Self::Redact(op) => op.path(),
            Self::Compute(op) => op.path(),
            Self::Remove(_)
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
            | Self::Each(_)
            | Self::Cast(_)
            | Self::Split(_)
            | Self::Join(_)
            | Self::Multiply(_)
            | Self::Time(_)
            | Self::Encode(_)
            | Self::Decode(_) => return None,
        };
        (!written.is_document()).then_some(written)
    }

    /// The same operation with other paths. Those in the entries of `each` begin at the element, and stay.
    pub(crate) fn elsewhere(&self, map: &dyn Fn(&Path) -> Path) -> Self {
        match self {
            Self::Add(op) => Self::Add(op.elsewhere(map)),
            Self::Remove(op) => Self::Remove(op.elsewhere(map)),
            Self::Modify(op) => Self::Modify(op.elsewhere(map)),
            Self::Rename(op) => Self::Rename(op.elsewhere(map)),
            Self::Move(op) => Self::Move(op.elsewhere(map)),
            Self::Copy(op) => Self::Copy(op.elsewhere(map)),
            Self::Pick(op) => Self::Pick(op.elsewhere(map)),
            Self::Nest(op) => Self::Nest(op.elsewhere(map)),
            Self::Unnest(op) => Self::Unnest(op.elsewhere(map)),
            Self::Flatten(op) => Self::Flatten(op.elsewhere(map)),
            Self::Expand(op) => Self::Expand(op.elsewhere(map)),
            Self::Wrap(op) => Self::Wrap(op.elsewhere(map)),
            Self::Unwrap(op) => Self::Unwrap(op.elsewhere(map)),
            Self::ToEntries(op) => Self::ToEntries(op.elsewhere(map)),
            Self::FromEntries(op) => Self::FromEntries(op.elsewhere(map)),
            Self::Each(op) => Self::Each(op.elsewhere(map)),
            Self::Cast(op) => Self::Cast(op.elsewhere(map)),
            Self::Translate(op) => Self::Translate(op.elsewhere(map)),
            Self::Split(op) => Self::Split(op.elsewhere(map)),
            Self::Join(op) => Self::Join(op.elsewhere(map)),
            Self::Multiply(op) => Self::Multiply(op.elsewhere(map)),
            Self::Time(op) => Self::Time(op.elsewhere(map)),
            Self::Text(op) => Self::Text(op.elsewhere(map)),
            Self::Hash(op) => Self::Hash(op.elsewhere(map)),
            Self::Redact(op) => Self::Redact(op.elsewhere(map)),
            Self::Encode(op) => Self::Encode(op.elsewhere(map)),
            Self::Decode(op) => Self::Decode(op.elsewhere(map)),
            Self::Compute(op) => Self::Compute(op.elsewhere(map)),
            Self::Drop(op) => Self::Drop(op.clone()),
        }
    }

    /// The path that it works on; the first one where it works on several.
    pub(crate) fn first_path(&self) -> Option<Path> {
        let first = std::cell::OnceCell::new();
        let _ = self.elsewhere(&|path| {
            first.get_or_init(|| path.clone());
            path.clone()
        });
        first.into_inner()
    }

    /// What undoes it, where it is judged for itself, without the fields that all operations take.
    pub(crate) fn inverse(&self) -> Inverse {
        match self {
            Self::Add(op) => op.inverse(),
            Self::Remove(op) => op.inverse(),
            Self::Modify(op) => op.inverse(),
            Self::Rename(op) => op.inverse(),
            Self::Move(op) => op.inverse(),
            Self::Copy(op) => op.inverse(),
            Self::Pick(op) => op.inverse(),
            Self::Drop(op) => op.inverse(),
            Self::Nest(op) => op.inverse(),
            Self::Unnest(op) => op.inverse(),
            Self::Flatten(op) => op.inverse(),
            Self::Expand(op) => op.inverse(),
            Self::Wrap(op) => op.inverse(),
            Self::Unwrap(op) => op.inverse(),
            Self::ToEntries(op) => op.inverse(),
            Self::FromEntries(op) => op.inverse(),
            Self::Each(op) => op.inverse(),
            Self::Cast(op) => op.inverse(),
            Self::Translate(op) => op.inverse(),
            Self::Split(op) => op.inverse(),
            Self::Join(op) => op.inverse(),
            Self::Multiply(op) => op.inverse(),
            Self::Time(op) => op.inverse(),
            Self::Text(op) => op.inverse(),
            Self::Hash(op) => op.inverse(),
            Self::Redact(op) => op.inverse(),
            Self::Encode(op) => op.inverse(),
            Self::Decode(op) => op.inverse(),
            Self::Compute(op) => op.inverse(),
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

/// What undoes an operation, and how well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inverse {
    /// The operations that undo it, in the order in which they run. Empty where it cannot be undone.
    pub(crate) ops: Vec<Op>,
    /// What is lost.
    pub(crate) loss: Loss,
    /// Without loss only because the path leads to one place. Inside of `each` it does not.
    one_place: bool,
}

/// What is lost when an operation is performed and then undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: where the operation was applied, its inverse gives back an equal document.
    Lossless,
    /// A document of the old shape comes back, but not every value or place in it. Why.
    Restorable(&'static str),
    /// It cannot be undone. Why.
    Lossy(&'static str),
}

impl Loss {
    /// Why an operation with a condition is not lossless.
    pub(crate) const CONDITIONAL: &str =
        "its condition is judged anew, on the document as it is on the way back";

    /// How bad it is: the higher, the worse.
    pub(crate) const fn rank(&self) -> u8 {
        match self {
            Self::Lossless => 0,
            Self::Restorable(_) => 1,
            Self::Lossy(_) => 2,
        }
    }

    /// The word for it: `lossless`, `restorable`, `lossy`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lossless => "lossless",
            Self::Restorable(_) => "restorable",
            Self::Lossy(_) => "lossy",
        }
    }
}

impl Inverse {
    const MANY_PLACES: &str = "of several places, one that was left alone may look like a result, and is changed on the way back, too";

    /// Undone by one operation, without loss.
    pub(crate) fn lossless(op: Op) -> Self {
        Self {
            ops: vec![op],
            loss: Loss::Lossless,
            one_place: false,
        }
    }

    /// Undone by one operation, without loss where this path leads to one place.
    ///
    /// What was applied at one place was applied there. Of several, the inverse cannot tell one that was changed from one
    /// that was left alone and looks the same.
    pub(crate) fn lossless_at_one_place(op: Op, path: &Path) -> Self {
        if path.last_wildcard().is_some() {
            return Self::restorable(op, Self::MANY_PLACES);
        }
        Self {
            one_place: true,
            ..Self::lossless(op)
        }
    }

    /// What is lost where the operation is performed at several places, each under this condition.
    fn loss_at_many_places(&self, conditional: bool) -> Loss {
        match &self.loss {
            Loss::Lossless if self.one_place => Loss::Restorable(Self::MANY_PLACES),
            Loss::Lossless if conditional => Loss::Restorable(Loss::CONDITIONAL),
            loss => loss.clone(),
        }
    }

    /// Undone by one operation, with something lost.
    pub(crate) fn restorable(op: Op, why: &'static str) -> Self {
        Self {
            ops: vec![op],
            loss: Loss::Restorable(why),
            one_place: false,
        }
    }

    /// Not undone.
    pub(crate) const fn lossy(why: &'static str) -> Self {
        Self {
            ops: Vec::new(),
            loss: Loss::Lossy(why),
            one_place: false,
        }
    }
}

/// Refuses a constant that a header or the key cannot hold. Gives the value as it is written there.
pub(crate) fn constant_for(
    fields: &mut Fields<'_, '_>,
    field: &'static str,
    path: &Path,
    value: Value,
) -> Option<Value> {
    if path.is_document() {
        return Some(value);
    }
    let Ok(Some(text)) = value.scalar_text() else {
        let message = "expected a string, a number or a boolean, which a header or the key can hold as text";
        fields.error(field, message);
        return None;
    };
    if path.header().is_some() && text.contains(['\r', '\n', '\0']) {
        let message =
            "expected one line: a header with a line end or NUL in it cannot be carried by most systems";
        fields.error(field, message);
        return None;
    }
    Some(value)
}

#[cfg(test)]
pub(crate) mod testing;
