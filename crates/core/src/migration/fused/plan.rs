//! A chain as the pass needs it: what happens at each name of the document, and nothing about operations' order any more.

use std::sync::Arc;

use super::buffer::Padded;
use super::names::Names;
use super::rules::Rules;
use crate::migration::op::raw::RawTable;
use crate::migration::op::{Cast, Step};
use crate::migration::outcome::Outcome;
use crate::migration::path::Pattern;

/// One bit for each operation that is performed: what became of it.
pub(super) type Marks = u128;

/// One bit for each member of one object that some operation names.
pub(super) type Bits = u64;

/// One bit for each slot: a value that is taken elsewhere.
pub(super) type Slots = u64;

/// A chain, compiled for messages that have the same number of transformations behind them.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) nodes: Vec<Node>,
    pub(super) values: Vec<ValuePlan>,
    /// What happens to a value when it is put into a slot.
    pub(super) slots: Vec<Vec<Action>>,
    /// Operations that find their names at any depth, in order.
    pub(super) rules: Rules,
    /// Operations that must find a place.
    pub(super) strict: Marks,
    /// Operations whose `where` leaves alone what is not there.
    pub(super) left_alone_unless_asked: Marks,
    /// Containers that the chain may put around a value, at most.
    pub(super) added_depth: usize,
    /// How often a value may be copied.
    pub(super) copies: usize,
}

/// How the outcome of a transformation is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Told {
    /// It is known ahead.
    Known(Outcome),
    /// By these marks of a pass: one for each of its operations.
    By { pass: usize, marks: Marks },
    /// By what became of an operation on headers or the key.
    Beside(usize),
}

/// What happens to the value at one place of the document.
#[derive(Debug, Default)]
pub(super) struct ValuePlan {
    pub(super) inside: Inside,
    /// What happens to the value as a whole, behind what happens inside of it.
    pub(super) actions: Vec<Action>,
    /// The pass must not go on where the value is `null`.
    pub(super) refuses_null: bool,
    /// Slots that begin empty here and must have been used at the end: values never leave the element they stand in.
    pub(super) scope: Slots,
}

/// Which parts of a value are named by operations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Inside {
    /// None.
    #[default]
    Nothing,
    /// Members of an object: the node.
    Members(usize),
    /// All elements of an array: the plan of each.
    Elements(usize),
    /// No part by its place, but so many of the rules hold everywhere in it.
    Anywhere(usize),
}

/// What happens to a value as a whole.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// An operation changes it, or what is in it.
    Apply(Box<Apply>),
    /// It is put into a slot.
    Capture(usize),
    /// A value that was computed before the pass takes its place.
    Replace { mark: Marks, value: usize },
}

/// An operation on one value.
#[derive(Debug, Clone)]
pub(super) struct Apply {
    pub(super) mark: Marks,
    pub(super) quick: Quick,
    /// The operation, for a document `[value]`.
    pub(super) step: Arc<Step>,
    /// It looks at headers or the key.
    pub(super) sees_message: bool,
    /// It looks for names in a value, and has nothing to do with one that is no container.
    pub(super) only_inside: bool,
    /// Its `where` asks only of which kind a value is: these are left alone.
    pub(super) spares: Option<Kinds>,
}

/// Kinds of values, as they can be told by their first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds(pub(super) u8);

impl Kinds {
    /// The kind of a value that begins with this byte.
    #[inline(always)]
    pub(super) const fn of_byte(first: u8) -> Self {
        Self(match first {
            b'"' => 1,
            b'{' => 2,
            b'[' => 4,
            b't' | b'f' => 8,
            b'n' => 16,
            _ => 32,
        })
    }

    #[inline(always)]
    pub(super) const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

/// What happens to the members of a name wherever they stand.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) mark: Marks,
    pub(super) pattern: Pattern,
    pub(super) effect: Effect,
}

/// What an operation at any depth does to a member that it means.
#[derive(Debug, Clone)]
pub(super) enum Effect {
    Remove,
    /// `written` is the new name in quotes, with the colon.
    Rename {
        to: String,
        written: Padded,
    },
    Apply(Box<Apply>),
}

/// How an operation is performed on the text of a value.
#[derive(Debug, Clone)]
pub(super) enum Quick {
    /// Not at all.
    No,
    Cast(Cast),
    Table(RawTable),
    /// A scalar that replaces every value whose text is another.
    Constant(Padded),
    /// By reading a scalar, but with no message around it.
    Scalar,
}

/// An object of the document, or one that the chain makes.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) names: Names,
    /// One for each name.
    pub(super) members: Vec<MemberPlan>,
    /// Members that nobody names go, and this is who makes them go.
    pub(super) others_go: Option<Marks>,
    /// How many of the rules hold for members that nobody names, and in them.
    pub(super) rules: usize,
    /// Operations that are content with an object that is there.
    pub(super) content: Marks,
    /// Members that must not be there together: one would stand where the other goes.
    pub(super) rivals: Vec<(Bits, Bits)>,
    pub(super) appends: Vec<Append>,
    /// Slots that are filled from inside of this object, or not at all.
    pub(super) sources: Slots,
    /// How many of the first members of an object that the chain makes stand in the order of the places from which they
    /// were taken.
    pub(super) nested: usize,
}

/// What happens to a member of the document.
#[derive(Debug)]
pub(super) struct MemberPlan {
    pub(super) bit: Bits,
    pub(super) fate: Fate,
    pub(super) changed: Marks,
    pub(super) unchanged: Marks,
    /// `None`: nothing happens to its value.
    pub(super) value: Option<usize>,
}

/// What becomes of the name of a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// The new name in quotes, with the colon.
    Renamed(Padded),
    /// The member is removed or taken elsewhere.
    Gone,
}

/// A member that goes to the end of an object.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) bit: Bits,
    /// Members that keep it away.
    pub(super) blockers: Bits,
    /// A blocker is more than the pass can deal with.
    pub(super) conflicts: bool,
    /// It is made only if one of these slots is filled. None: it is made always.
    pub(super) slots: Slots,
    pub(super) changed: Marks,
    pub(super) unchanged: Marks,
    /// The name in quotes, with the colon. `None`: it is removed again.
    pub(super) name: Option<Padded>,
    pub(super) content: Content,
}

/// The value of a member that goes to the end of an object.
#[derive(Debug)]
pub(super) enum Content {
    Constant(Padded),
    Slot(usize),
    /// A value that was computed before the pass.
    Value(usize),
    /// An object that has only appended members.
    Object(usize),
}
