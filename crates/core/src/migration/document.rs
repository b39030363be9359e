//! A JSON value that remembers how it was written.
//!
//! A router must not damage what nobody asked it to change: `1.10`, `-0`, forty digits, `\u00e9` beside `é` and a
//! name that stands twice all have to leave as they came. So a number is its text, a string is the text between
//! its quotes, and an object is a list of members. Nothing here goes through a float.
//!
//! This module refuses to know about paths and operations, and does no I/O.

mod equality;
mod number;
mod parse;
mod print;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

pub use number::{NotANumber, Number};
pub use parse::{DuplicateNames, ParseError, ParseErrorKind, Reading, parse};
pub use text::{LoneSurrogate, Text, write_quoted};

/// One JSON value, as it was written.
///
/// `==` is the equality of the formats page, not that of the source text: see [`Value::eq`].
///
/// Not promised: a bound on depth. The parser bounds what it reads; whoever builds values must bound what they
/// build, because cloning, comparing, printing and dropping walk down one stack frame per level.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as its source text.
    Number(Number),
    /// A string, as the source text between its quotes.
    String(Text),
    /// An array, in order.
    Array(Vec<Value>),
    /// An object: its members in document order, names that repeat included.
    Object(Vec<Member>),
}

/// One member of an object.
#[derive(Debug, Clone)]
pub struct Member {
    /// The name, as it was written.
    pub name: Text,
    /// The value.
    pub value: Value,
}

impl Member {
    /// A member with a name that is written in canonical escapes.
    #[must_use]
    pub fn new(name: &str, value: Value) -> Self {
        Self {
            name: Text::from_str(name),
            value,
        }
    }
}

/// The six kinds of JSON value.
///
/// Failures speak of the kind that was found and never of the value: payloads are private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// All kinds, in the order in which they are documented.
    pub const ALL: [Self; 6] = [
        Self::Null,
        Self::Boolean,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    /// The word used in migrations and in reports: `null`, `boolean`, `number`, `string`, `array`, `object`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// The word with its article, for sentences: `a string`, `an object`, `null`.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    /// The kind with this word, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Value {
    /// A string, written in canonical escapes.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self::String(Text::from_str(text))
    }

    /// Which of the six kinds this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Boolean,
            Self::Number(_) => Kind::Number,
            Self::String(_) => Kind::String,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }

    /// Whether this is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this is an array or an object.
    #[must_use]
    pub const fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// The text of a scalar, as it is written into a header or joined to others: a string's content, a number's
    /// source, `true` or `false`. `None` for `null` and for containers.
    ///
    /// # Errors
    /// A string with a lone surrogate has no text.
    pub fn scalar_text(&self) -> Result<Option<std::borrow::Cow<'_, str>>, LoneSurrogate> {
        Ok(match self {
            Self::Bool(true) => Some("true".into()),
            Self::Bool(false) => Some("false".into()),
            Self::Number(number) => Some(number.as_str().into()),
            Self::String(text) => Some(text.read()?),
            Self::Null | Self::Array(_) | Self::Object(_) => None,
        })
    }

    /// The number of containers that are open at the deepest point: 0 for a scalar, 1 for `[]`.
    ///
    /// Walks with a list of its own, so that it can measure what is too deep for recursion.
    #[must_use]
    pub fn depth(&self) -> usize {
        let mut deepest = 0;
        let mut pending = vec![(self, 1)];
        while let Some((value, depth)) = pending.pop() {
            match value {
                Self::Array(elements) => {
                    deepest = deepest.max(depth);
                    pending.extend(elements.iter().map(|element| (element, depth + 1)));
                }
                Self::Object(members) => {
                    deepest = deepest.max(depth);
                    pending.extend(members.iter().map(|member| (&member.value, depth + 1)));
                }
                Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
            }
        }
        deepest
    }

    /// The length of the value as compact JSON, in bytes.
    ///
    /// Walks with a list of its own, as [`depth`](Self::depth) does.
    #[must_use]
    pub(crate) fn size(&self) -> usize {
        const QUOTES: usize = 2;
        let mut size = 0;
        let mut pending = vec![self];
        while let Some(value) = pending.pop() {
            size += match value {
                Self::Null | Self::Bool(true) => 4,
                Self::Bool(false) => 5,
                Self::Number(number) => number.as_str().len(),
                Self::String(text) => QUOTES + text.source().len(),
                Self::Array(elements) => {
                    pending.extend(elements);
                    2 + elements.len().saturating_sub(1)
                }
                Self::Object(members) => {
                    pending.extend(members.iter().map(|member| &member.value));
                    let names: usize = members
                        .iter()
                        .map(|member| QUOTES + member.name.source().len() + 1)
                        .sum();
                    2 + names + members.len().saturating_sub(1)
                }
            };
        }
        size
    }

    /// Takes a value apart without recursion.
    ///
    /// An ordinary drop uses the stack once per level. A value that was found to be too deep is given here.
    pub fn dismantle(self) {
        let mut pending = vec![self];
        while let Some(value) = pending.pop() {
            match value {
                Self::Array(elements) => pending.extend(elements),
                Self::Object(members) => pending.extend(members.into_iter().map(|member| member.value)),
                Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
            }
        }
    }

    /// Takes the value out and leaves a vacancy, so that the locations of its neighbours stay valid.
    ///
    /// A vacancy is a number without digits, which no parser can produce; a seventh kind would burden every
    /// `match` in the engine. Whoever makes vacancies must [`sweep`](Self::sweep) the container before anything
    /// else can see it.
    #[must_use]
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Number(Number::vacancy()))
    }

    /// Whether the value was taken out of here.
    #[must_use]
    pub(crate) fn is_vacant(&self) -> bool {
        matches!(self, Self::Number(number) if number.is_vacancy())
    }

    /// Removes the vacancies that are direct children of this value.
    pub(crate) fn sweep(&mut self) {
        match self {
            Self::Array(elements) => elements.retain(|element| !element.is_vacant()),
            Self::Object(members) => members.retain(|member| !member.value.is_vacant()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {}
        }
    }
}
