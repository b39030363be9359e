//! What is known of a document before there is one.
//!
//! A schema is turned into a shape, a chain is run over the shape, and the result is held against the shape of another
//! schema. A shape never says less than is possible: every document that fits the schema fits its shape. It may say more
//! (rules that the three schema languages do not have in common are left out), and then what is decided with it is
//! decided with care on that side.

mod fit;
#[cfg(test)]
mod tests;
mod unite;
mod value;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use fit::{Certainty, Misfit};

use crate::migration::document::Kind;
use crate::migration::path::Name;

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

    /// What a node is behind its references: `None` where nothing is known of it, be it since a reference leads nowhere.
    #[must_use]
    pub fn kinds<'a>(&'a self, node: &'a Node) -> Option<&'a Kinds> {
        let mut node = node;
        // A reference that leads to itself by way of others alone says nothing.
        for _ in 0..=self.definitions.len() {
            match node {
                Node::Anything => return None,
                Node::Kinds(kinds) => return Some(kinds),
                Node::Reference(name) => node = self.definitions.get(name)?,
            }
        }
        None
    }

    /// The same shape without members that are never there, which are known beside others only. It is for people: it
    /// may admit more.
    #[must_use]
    pub fn without_impossible(&self) -> Self {
        Self {
            root: self.root.without_impossible(),
            definitions: Arc::clone(&self.definitions),
        }
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

/// How many nodes a shape may have, and how many of them one step may look at: two definitions that refer to themselves twice
/// have 2^128 of them, and so has a tree of that depth when each of its members may be renamed or not.
pub(crate) const MOST_NODES: usize = 50_000;

impl Node {
    /// Whether it has at most [`MOST_NODES`] nodes, itself included. References are not followed.
    pub(crate) fn is_handy(&self) -> bool {
        self.counted_down(&mut { MOST_NODES })
    }

    fn counted_down(&self, left: &mut usize) -> bool {
        let Some(fewer) = left.checked_sub(1) else {
            return false;
        };
        *left = fewer;
        let Self::Kinds(kinds) = self else { return true };
        let array = kinds.array.iter().map(|array| &array.element);
        let objects = kinds.object.iter();
        let members = objects.flat_map(|object| {
            object
                .members
                .iter()
                .map(|member| &member.value)
                .chain(&object.others)
        });
        array.chain(members).all(|node| node.counted_down(left))
    }
}

impl From<Kinds> for Node {
    fn from(kinds: Kinds) -> Self {
        Self::Kinds(Box::new(kinds))
    }
}

impl Kinds {
    /// Every kind of value, and nothing known of any.
    #[must_use]
    pub fn all() -> Self {
        Self {
            null: true,
            boolean: true,
            number: Some(NumberShape::default()),
            string: Some(StringShape::default()),
            array: Some(ArrayShape {
                element: Node::Anything,
                least: 0,
                most: None,
            }),
            object: Some(ObjectShape::open()),
        }
    }

    /// The kinds that are possible, in the order in which kinds are documented.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(|kind| self.has(*kind))
    }

    /// Whether values of this kind are possible.
    #[must_use]
    pub const fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Null => self.null,
            Kind::Boolean => self.boolean,
            Kind::Number => self.number.is_some(),
            Kind::String => self.string.is_some(),
            Kind::Array => self.array.is_some(),
            Kind::Object => self.object.is_some(),
        }
    }

    /// Takes a kind away.
    pub fn forget(&mut self, kind: Kind) {
        match kind {
            Kind::Null => self.null = false,
            Kind::Boolean => self.boolean = false,
            Kind::Number => self.number = None,
            Kind::String => self.string = None,
            Kind::Array => self.array = None,
            Kind::Object => self.object = None,
        }
    }

    /// Whether there can be no such value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds().next().is_none()
    }

    /// The kinds without those of `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.null &= !other.null;
        rest.boolean &= !other.boolean;
        rest.number.take_if(|_| other.number.is_some());
        rest.string.take_if(|_| other.string.is_some());
        rest.array.take_if(|_| other.array.is_some());
        rest.object.take_if(|_| other.object.is_some());
        rest
    }
}

impl ObjectShape {
    /// An object of which nothing is known.
    #[must_use]
    pub const fn open() -> Self {
        Self {
            members: Vec::new(),
            others: Some(Node::Anything),
        }
    }

    /// The member of this name, where the shape knows it.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&MemberShape> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Whether a member of this name is always there, and its value; `None` where it never is.
    #[must_use]
    pub fn look(&self, name: &str) -> Option<(bool, Node)> {
        let found = match self.member(name) {
            Some(member) => (member.required, member.value.clone()),
            None => (false, self.others.clone()?),
        };
        (!found.1.is_impossible()).then_some(found)
    }

    /// Says of a member whether it is always there, and its value. A new one stands at the end.
    pub fn put(&mut self, name: &str, required: bool, value: Node) {
        match self.members.iter_mut().find(|member| member.name == name) {
            Some(member) => {
                member.required = required;
                member.value = value;
            }
            None => self.members.push(MemberShape {
                name: name.to_owned(),
                required,
                value,
            }),
        }
    }

    /// Says that there is no member of this name.
    pub fn erase(&mut self, name: &str) {
        self.members.retain(|member| member.name != name);
        if self.others.is_some() {
            // A member that can have no value is never there, though others are.
            self.put(name, false, Node::default());
        }
    }
}

impl Node {
    fn without_impossible(&self) -> Self {
        let Self::Kinds(kinds) = self else {
            return self.clone();
        };
        let mut kinds = kinds.clone();
        if let Some(array) = &mut kinds.array {
            array.element = array.element.without_impossible();
        }
        if let Some(object) = &mut kinds.object {
            object.members.retain(|member| !member.value.is_impossible());
            for member in &mut object.members {
                member.value = member.value.without_impossible();
            }
            object.others = object.others.as_ref().map(Self::without_impossible);
        }
        Self::Kinds(kinds)
    }

    /// Whether there can be no such value, as far as is seen without following references.
    #[must_use]
    pub fn is_impossible(&self) -> bool {
        matches!(self, Self::Kinds(kinds) if kinds.is_empty())
    }
}

impl Default for Node {
    /// A value that there cannot be.
    fn default() -> Self {
        Kinds::default().into()
    }
}

/// The kinds as a sentence names them: `a string or null`, `an integer`, `nothing`.
impl fmt::Display for Kinds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |kind| match kind {
            Kind::Number if self.number.as_ref().is_some_and(|number| number.integer) => "an integer",
            kind => kind.noun(),
        };
        // `null` reads best as the last one.
        let mut words: Vec<&str> = self
            .kinds()
            .filter(|kind| *kind != Kind::Null)
            .map(word)
            .collect();
        words.extend(self.null.then_some("null"));
        match words.split_last() {
            None => formatter.write_str("nothing"),
            Some((last, [])) => formatter.write_str(last),
            Some((last, rest)) => write!(formatter, "{} or {last}", rest.join(", ")),
        }
    }
}

/// The path of a place in a shape, as failures print places of documents: `lines[*].sku`, `labels.*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ShapePath(String);

impl ShapePath {
    /// The path to a member.
    #[must_use]
    pub fn member(&self, name: &str) -> Self {
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}{}", self.0, Name::new(name)))
    }

    /// The path to the members that have no name in the shape.
    #[must_use]
    pub fn others(&self) -> Self {
        let dot = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{dot}*", self.0))
    }

    /// The path to the elements.
    #[must_use]
    pub fn elements(&self) -> Self {
        Self(format!("{}[*]", self.0))
    }

    /// How many places lead to it, at the most.
    pub(crate) fn depth(&self) -> usize {
        self.0.matches(['.', '[']).count()
    }

    /// Whether one of the two places is the other, or lies inside of it.
    pub(crate) fn touches(&self, other: &Self) -> bool {
        let (outer, inner) = if self.0.len() <= other.0.len() {
            (&self.0, &other.0)
        } else {
            (&other.0, &self.0)
        };
        inner
            .strip_prefix(outer.as_str())
            .is_some_and(|rest| outer.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// The text; empty for the whole document.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In a sentence: the path in quotes, or the words for the whole document.
impl fmt::Display for ShapePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("the document");
        }
        write!(formatter, "`{}`", self.0)
    }
}
