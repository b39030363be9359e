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
use crate::migration::proof::{After, Prover, object_node};
use crate::migration::shape::{ArrayShape, Kinds, Node, ObjectShape, ShapePath, StringShape};

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

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.convert(
            &self.path,
            node,
            "an object",
            OnError::Fail,
            |prover, kinds, at| {
                kinds.made.array = kinds
                    .unfit
                    .object
                    .take()
                    .and_then(|object| self.entries(prover, &object, at));
            },
        )
    }

    /// `None`: every object fails.
    fn entries(&self, prover: &mut Prover, object: &ObjectShape, at: &ShapePath) -> Option<ArrayShape> {
        let there = object
            .members
            .iter()
            .filter(|member| !member.value.is_impossible());
        let least = there.clone().filter(|member| member.required).count();
        let names: Vec<String> = there.clone().map(|member| member.name.clone()).collect();
        let values = there
            .map(|member| member.value.clone())
            .chain(object.others.clone());
        let value = values.fold(Node::default(), |all, value| prover.unite(&all, &value));
        let closed = object.others.is_none();
        let most = closed.then_some(names.len());
        let key = Kinds {
            string: Some(StringShape {
                values: closed.then_some(names),
                format: None,
            }),
            ..Kinds::default()
        };
        let mut entry = ObjectShape {
            members: Vec::new(),
            others: None,
        };
        match &self.entry.value {
            Some(name) => {
                entry.put(self.entry.key.as_str(), true, key.into());
                entry.put(name.as_str(), true, value);
            }
            None => {
                let seen = prover.see(&value);
                let fit = Kinds {
                    object: seen.kinds.object.clone(),
                    ..Kinds::default()
                };
                prover.refuse(at, &seen, &seen.kinds.without(&fit), "members that are objects");
                if let Some(inner) = seen.kinds.object {
                    entry = inner;
                    entry.put(self.entry.key.as_str(), true, key.into());
                } else if least > 0 {
                    return None;
                }
            }
        }
        Some(ArrayShape {
            element: object_node(entry),
            least,
            most,
        })
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
