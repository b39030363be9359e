//! What is known of a document before there is one.
//!
//! A schema is turned into a shape, a chain is run over the shape, and the result is held against the shape of another
//! schema. A shape never says less than is possible: every document that fits the schema fits its shape. It may say more
//! (rules that the three schema languages do not have in common are left out), and then what is decided with it is
//! decided with care on that side.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The shape of a document: a root, and the definitions to which references lead.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// The shape of the whole document.
    pub root: Node,
    /// Shapes with a name, since schemas may refer to themselves.
    pub definitions: Arc<BTreeMap<Arc<str>, Node>>,
}

/// The shape of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing is known.
    Anything,
    /// The shape of this name among the definitions.
    Reference(Arc<str>),
    /// One of these kinds of value.
    Kinds(Box<Kinds>),
}

/// The kinds of value that are possible. None of them: there can be no such value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kinds {
    /// `null`.
    pub null: bool,
    /// `true` and `false`.
    pub boolean: bool,
    /// Numbers.
    pub number: Option<NumberShape>,
    /// Strings.
    pub string: Option<StringShape>,
    /// Arrays.
    pub array: Option<ArrayShape>,
    /// Objects.
    pub object: Option<ObjectShape>,
}

/// What is known of a number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NumberShape {
    /// Whether it has no fraction.
    pub integer: bool,
    /// The least and the greatest, both possible.
    pub range: Option<(i128, i128)>,
}

/// What is known of a string.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StringShape {
    /// The only texts that are possible.
    pub values: Option<Vec<String>>,
    /// The rule for its text.
    pub format: Option<TextFormat>,
}

/// Rules for the text of a string that are known by name in more than one schema language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// A UUID (RFC 9562).
    Uuid,
    /// A date, `2026-11-22`.
    Date,
    /// A time of day.
    Time,
    /// A point in time (RFC 3339).
    DateTime,
    /// A number, as its text.
    Decimal,
    /// Bytes, in one of the ways in which the schema's language writes them.
    Bytes,
}

/// What is known of an array.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayShape {
    /// Each of its elements.
    pub element: Node,
    /// How many there are at least.
    pub least: usize,
    /// How many there are at most.
    pub most: Option<usize>,
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectShape {
    /// Members with a name, in the order of the schema.
    pub members: Vec<MemberShape>,
    /// The value of every other member; `None` where there is no other.
    pub others: Option<Node>,
}

/// What is known of a member.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberShape {
    /// Its name.
    pub name: String,
    /// Whether it is always there.
    pub required: bool,
    /// Its value.
    pub value: Node,
}

impl Shape {
    /// The shape of which nothing is known.
    #[must_use]
    pub fn anything() -> Self {
        Self::of(Node::Anything)
    }

    /// A shape that needs no definitions.
    #[must_use]
    pub fn of(root: Node) -> Self {
        Self {
            root,
            definitions: Arc::default(),
        }
    }
}

impl From<Kinds> for Node {
    fn from(kinds: Kinds) -> Self {
        Self::Kinds(Box::new(kinds))
    }
}
