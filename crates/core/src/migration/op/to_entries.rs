//! `to_entries`: an object as an array of its members. Its way back is `from_entries`.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::{Member, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::wrong_kind;
use crate::migration::op::entries::Entry;
use crate::migration::op::from_entries::FromEntries;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};

/// Turns objects into arrays of entries, in member order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToEntries {
    path: Path,
    entry: Entry,
}

impl ToEntries {
    /// What undoes a `from_entries`.
    pub(super) fn new(path: Path, entry: Entry) -> Self {
        Self { path, entry }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("to_entries", Takes::PLACES.whole());
        let entry = Entry::parse(fields);
        Some(Self {
            path: path?,
            entry: entry?,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("to_entries", &self.path);
        self.entry.canonical(out);
    }

    /// Converts at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |value| {
            match value {
                Value::Null => return Ok(Effect::Absent),
                Value::Object(members) => self.check(members)?,
                _ => return Err(wrong_kind("expected an object")),
            }
            if let Value::Object(members) = std::mem::replace(value, Value::Null) {
                *value = Value::Array(members.into_iter().map(|member| self.entry_of(member)).collect());
            }
            Ok(Effect::Changed)
        })
    }

    /// The value must not be touched where the operation fails, so everything is checked first.
    fn check(&self, members: &[Member]) -> Result<(), Failure> {
        if self.entry.value.is_some() {
            return Ok(());
        }
        let conflict = |expected| Err(Failure::new(FailureKind::Conflict, expected));
        for member in members {
            match &member.value {
                Value::Object(inner) if !inner.iter().any(|inner| self.entry.key.matches(&inner.name)) => {}
                Value::Object(_) => return conflict("expected members without the name that `key` gives"),
                _ => return conflict("expected members that are objects"),
            }
        }
        Ok(())
    }

    fn entry_of(&self, member: Member) -> Value {
        let key = Member {
            name: self.entry.key.to_text(),
            value: Value::String(member.name),
        };
        match (&self.entry.value, member.value) {
            (Some(name), value) => Value::Object(vec![
                key,
                Member {
                    name: name.to_text(),
                    value,
                },
            ]),
            (None, Value::Object(mut inner)) => {
                inner.insert(0, key);
                Value::Object(inner)
            }
            (None, other) => other,
        }
    }

    /// The same operation elsewhere.
    pub(super) fn elsewhere(&self, map: &dyn Fn(&Path) -> Path) -> Self {
        Self {
            path: map(&self.path),
            ..self.clone()
        }
    }

    /// The object comes back with its members in their order.
    pub(super) fn inverse(&self) -> Inverse {
        Inverse::lossless(Op::FromEntries(FromEntries::new(
            self.path.clone(),
            self.entry.clone(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn members_become_entries() {
        applies(
            r#"{"to_entries":"a"}"#,
            r#"{"a":{"y":1.0,"\u00e9":[]}}"#,
            r#"{"a":[{"key":"y","value":1.0},{"key":"\u00e9","value":[]}]}"#,
        );
        applies(
            r#"{"to_entries":"a","key":"sku","value":null}"#,
            r#"{"a":{"x":{"n":1},"y":{}}}"#,
            r#"{"a":[{"sku":"x","n":1},{"sku":"y"}]}"#,
        );
        unchanged(r#"{"to_entries":"a"}"#, r#"{"a":null}"#, "absent");
    }

    #[test]
    fn what_cannot_be_an_entry_by_itself_is_a_conflict() {
        let operation = r#"{"to_entries":"a","key":"k","value":null}"#;
        fails(operation, r#"{"a":{"x":1}}"#, "conflict at a");
        fails(operation, r#"{"a":{"x":{"k":1}}}"#, "conflict at a");
        fails(operation, r#"{"a":[]}"#, "type at a");
        refuses(r#"{"to_entries":"a","key":"x","value":"x"}"#, "both");
    }
}
