//! `where`: tests that decide, place by place, whether an operation acts.
//!
//! A `where` asks and never fails for a missing or unexpected shape: a path that is absent or meets another kind
//! fails its test, and that is an answer. The one thing that it refuses is to compare with a string that is no text.

mod load;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::message::Headers;
use crate::migration::document::{Kind, Number, Text, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::path::{Path, Segment};
use crate::migration::place::{self, Branch, Occurrences};

/// The tests of one operation. All of them must hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Where {
    /// The tests, sorted by their canonical path.
    pub(crate) tests: BTreeMap<Subject, Test>,
}

/// What is tested. Sorts by its canonical print, as digests need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// `.`: the value at the place itself.
    Here,
    /// A path without wildcards, from where the place begins; or a header, or the key.
    Path(Path),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here => formatter.write_str("."),
            Self::Path(path) => path.fmt(formatter),
        }
    }
}

impl Ord for Subject {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl PartialOrd for Subject {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// Equal to one of these.
    OneOf(Vec<Scalar>),
    /// There, or not there. `null` is there.
    Exists(bool),
    /// Of this kind.
    Is(Kind),
    /// The test fails.
    Not(Box<Test>),
}

/// A value that is no container, as it stands in a migration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, equal by its text.
    Number(Number),
    /// A string.
    String(Text),
}

impl Scalar {
    /// Whether a value equals this one. An array or an object equals nothing.
    ///
    /// # Errors
    /// `invalid_text` where both are strings and one of them is no text.
    pub(crate) fn equals(&self, value: &Value) -> Result<bool, Failure> {
        Ok(match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(own), Value::Bool(other)) => own == other,
            (Self::Number(own), Value::Number(other)) => own == other,
            (Self::String(own), Value::String(other)) => {
                let text = other.read().map_err(|error| {
                    Failure::new(FailureKind::InvalidText, format!("expected text, {error}"))
                })?;
                own.is(&text)
            }
            (Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_), _) => false,
        })
    }

    /// Something to hash by: the same for equal scalars, and for no others.
    pub(crate) fn key(&self) -> (Kind, Vec<u32>) {
        match self {
            Self::Null => (Kind::Null, Vec::new()),
            Self::Bool(value) => (Kind::Boolean, vec![u32::from(*value)]),
            Self::Number(number) => (Kind::Number, number.as_str().bytes().map(u32::from).collect()),
            Self::String(text) => (Kind::String, text.sort_key()),
        }
    }

    /// The scalar as a value of a document.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.clone()),
        }
    }

    /// The scalar that a value is; `None` for a container.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(number) => Some(Self::Number(number.clone())),
            Value::String(text) => Some(Self::String(text.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Test {
    fn holds(&self, found: Option<&Value>) -> Result<bool, Failure> {
        match self {
            Self::OneOf(scalars) => {
                let Some(value) = found else { return Ok(false) };
                for scalar in scalars {
                    if scalar.equals(value)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Exists(wanted) => Ok(found.is_some() == *wanted),
            Self::Is(kind) => Ok(found.is_some_and(|value| value.kind() == *kind)),
            Self::Not(test) => Ok(!test.holds(found)?),
        }
    }
}

/// The message that tests are judged against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged<'a> {
    /// The document; `None` for a message without a payload.
    pub(crate) document: Option<&'a Value>,
    /// The headers.
    pub(crate) headers: &'a Headers,
    /// The key.
    pub(crate) key: Option<&'a Bytes>,
    /// Where paths begin.
    pub(crate) scope: &'a [usize],
    /// The value at the place itself.
    pub(crate) here: Here<'a>,
}

/// What `.` means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Here<'a> {
    /// The value at this location of the document.
    Location(&'a [usize]),
    /// The value of a header or of the key, if it is there.
    Value(Option<&'a Value>),
    /// Something in the document that is not there.
    Missing,
}

impl Where {
    /// Whether all tests hold.
    ///
    /// # Errors
    /// `invalid_text`. It names the test, and leaves it to the caller to say which place was judged.
    pub(crate) fn holds(&self, judged: &Judged<'_>) -> Result<bool, Failure> {
        for (subject, test) in &self.tests {
            if !subject
                .passes(test, judged)
                .map_err(|failure| subject.unreadable(failure.kind))?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Subject {
    fn unreadable(&self, kind: FailureKind) -> Failure {
        let expected = format!(
            "expected text at `{self}`, which `where` compares, found a string with a lone surrogate escape"
        );
        Failure::new(kind, expected)
    }

    fn passes(&self, test: &Test, judged: &Judged<'_>) -> Result<bool, Failure> {
        match self {
            Self::Here => match judged.here {
                Here::Value(found) => test.holds(found),
                Here::Location(location) => match judged.document {
                    Some(document) => test.holds(place::get(document, location)),
                    None => Ok(false),
                },
                Here::Missing => Ok(judged.document.is_some() && test.holds(None)?),
            },
            Self::Path(path) => {
                if let Some(name) = path.header() {
                    let value = judged.headers.get(name.as_str()).map(|bytes| text_of(bytes));
                    return test.holds(value.as_ref());
                }
                if path.is_key() {
                    return test.holds(judged.key.map(|bytes| text_of(bytes)).as_ref());
                }
                // Without a payload there is nothing to say about the document, not even that something is missing.
                let Some(document) = judged.document else {
                    return Ok(false);
                };
                test.holds(last_at(
                    document,
                    judged.scope,
                    path.segments().unwrap_or_default(),
                ))
            }
        }
    }
}

/// The value that a path without wildcards leads to. Another kind on the way counts as absent.
fn last_at<'a>(document: &'a Value, scope: &[usize], segments: &[Segment]) -> Option<&'a Value> {
    match place::resolve(document, scope, segments, Occurrences::Last)
        .into_iter()
        .next()?
    {
        Branch::Place(found) => place::get(document, &found.location),
        Branch::Absent(_) | Branch::Mismatch(_) => None,
    }
}

/// The bytes of a header or of the key as a string.
///
/// Bytes that are no UTF-8 become lone surrogates: they stay a string, and whoever reads it as text is told that it
/// is none.
pub(crate) fn text_of(bytes: &[u8]) -> Value {
    let mut escaped = String::new();
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(Text::from_str(chunk.valid()).source());
        for byte in chunk.invalid() {
            escaped.push_str(&format!("\\udc{byte:02x}"));
        }
    }
    Value::String(Text::from_scanned(&escaped))
}
