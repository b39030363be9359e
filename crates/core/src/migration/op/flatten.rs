//! `flatten`: nested objects as members with joined names. Its way back is `expand`.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnConflict, OnError, too_large};
use crate::migration::document::{Member, Text, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::wrong_kind;
use crate::migration::op::crowd::{Arrival, joined, settle};
use crate::migration::op::expand::{self, Expand};
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Node, ObjectShape, ShapePath};

/// Flattens objects, at all levels. Arrays and empty objects stay values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flatten {
    path: Path,
    delimiter: String,
    on_conflict: OnConflict,
}

impl Flatten {
    /// What undoes an `expand`.
    pub(super) fn new(path: Path, delimiter: String) -> Self {
        Self {
            path,
            delimiter,
            on_conflict: OnConflict::Fail,
        }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("flatten", Takes::PLACES.whole());
        let delimiter = expand::delimiter(fields);
        let on_conflict = fields.choice("on_conflict", &OnConflict::CHOICES, OnConflict::Fail);
        Some(Self {
            path: path?,
            delimiter,
            on_conflict,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("flatten", &self.path);
        if self.delimiter != expand::DEFAULT_DELIMITER {
            out.text("delimiter", &self.delimiter);
        }
        out.choice(
            "on_conflict",
            &OnConflict::CHOICES,
            self.on_conflict,
            OnConflict::Fail,
        );
    }

    /// Flattens at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let delimiter = Text::from_str(&self.delimiter);
        let most = context.limits.working_size();
        let mut kept_targets = 0;
        let mut change = context.change_values(&self.path, OnError::Fail, |value| {
            let members = match value {
                Value::Null => return Ok(Effect::Absent),
                Value::Object(members) => members,
                _ => return Err(wrong_kind("expected an object")),
            };
            if !members.iter().any(|member| is_nested(&member.value)) {
                return Ok(Effect::Unchanged);
            }
            if joined_names(members, &delimiter) > most {
                return Err(Failure::new(FailureKind::Limit, too_large(most)));
            }
            let mut arrivals = Vec::with_capacity(members.len());
            let mut origin = 0;
            for Member { name, value } in members.iter().cloned() {
                if is_nested(&value) {
                    unroll(&name, value, &delimiter, &mut origin, &mut arrivals);
                } else {
                    arrivals.push(Arrival {
                        member: Member { name, value },
                        origin: None,
                    });
                }
            }
            let (settled, kept) = settle(arrivals, self.on_conflict)?;
            kept_targets += kept;
            *members = settled;
            Ok(Effect::Changed)
        })?;
        change.kept_targets += kept_targets;
        Ok(change)
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
                kinds.made.object = kinds
                    .unfit
                    .object
                    .take()
                    .and_then(|object| self.flat(prover, &object, at));
            },
        )
    }

    /// `None`: every object fails.
    fn flat(&self, prover: &mut Prover, object: &ObjectShape, at: &ShapePath) -> Option<ObjectShape> {
        let mut flat = ObjectShape {
            members: Vec::new(),
            others: None,
        };
        let mut moved = Vec::new();
        let mut closed = object.others.is_none();
        for member in &object.members {
            closed &= self.unroll_shape(
                prover,
                &member.name,
                member.required,
                &member.value,
                0,
                &mut moved,
            );
        }
        if !closed {
            prover.undecide(
                at,
                "which members are flattened is known only when a message is there",
            );
            return Some(ObjectShape::open());
        }
        // What is not moved is there before anything that is.
        moved.sort_by_key(|(_, _, _, depth)| *depth > 0);
        for (name, required, value, _) in moved {
            if !prover.meet(&mut flat, &name, (required, value), self.on_conflict, at) {
                return None;
            }
        }
        Some(flat)
    }

    /// Takes note of what a member becomes; `false` where it cannot be known.
    fn unroll_shape(
        &self,
        prover: &Prover,
        name: &str,
        required: bool,
        value: &Node,
        depth: usize,
        moved: &mut Vec<(String, bool, Node, usize)>,
    ) -> bool {
        const DEEPEST: usize = 32;
        const MOST: usize = 10_000;
        if value.is_impossible() {
            return true;
        }
        let seen = prover.see(value);
        if seen.open || depth > DEEPEST || moved.len() > MOST {
            return false;
        }
        let mut rest = seen.kinds;
        let Some(inner) = rest.object.take() else {
            moved.push((name.to_owned(), required, value.clone(), depth));
            return true;
        };
        if inner.others.is_some() {
            return false;
        }
        let only = rest.is_empty();
        let empty = !inner.members.iter().any(|member| member.required);
        if empty {
            rest.object = Some(ObjectShape {
                members: Vec::new(),
                others: None,
            });
        }
        if !rest.is_empty() {
            let always = required && only && inner.members.is_empty();
            moved.push((name.to_owned(), always, rest.into(), depth));
        }
        inner.members.iter().all(|member| {
            let joined = format!("{name}{}{}", self.delimiter, member.name);
            let required = required && only && member.required;
            self.unroll_shape(prover, &joined, required, &member.value, depth + 1, moved)
        })
    }

    /// Expanding gives the objects back where no name held the delimiter.
    pub(super) fn inverse(&self) -> Inverse {
        let back = Op::Expand(Expand::new(self.path.clone(), self.delimiter.clone()));
        Inverse::restorable(back, "a name that held the delimiter before becomes an object")
    }
}

fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Object(members) if !members.is_empty())
}

/// The length of all names together once they are joined: a few long names above many members are repeated for each.
fn joined_names(members: &[Member], delimiter: &Text) -> usize {
    let mut length: usize = 0;
    let mut pending: Vec<_> = members.iter().map(|member| (member, 0)).collect();
    while let Some((member, prefix)) = pending.pop() {
        let name = prefix + member.name.source().len();
        match &member.value {
            Value::Object(inner) if !inner.is_empty() => {
                let prefix = name + delimiter.source().len();
                pending.extend(inner.iter().map(|member| (member, prefix)));
            }
            _ => length = length.saturating_add(name),
        }
    }
    length
}

/// Each joined name has an origin of its own, so that two equal ones conflict. The recursion is as deep as the document.
fn unroll(prefix: &Text, value: Value, delimiter: &Text, origin: &mut usize, arrivals: &mut Vec<Arrival>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for member in members {
                let name = joined(prefix, delimiter, &member.name);
                unroll(&name, member.value, delimiter, origin, arrivals);
            }
        }
        leaf => {
            *origin += 1;
            arrivals.push(Arrival {
                member: Member {
                    name: prefix.clone(),
                    value: leaf,
                },
                origin: Some(*origin),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn nested_members_get_joined_names_in_document_order() {
        applies(
            r#"{"flatten":"$"}"#,
            r#"{"x":1.0,"a":{"b":1,"c":{"d":[{}],"e":{}}},"":{"":2}}"#,
            r#"{"x":1.0,"a.b":1,"a.c.d":[{}],"a.c.e":{},".":2}"#,
        );
        unchanged(r#"{"flatten":"$"}"#, r#"{"a":{},"b":[{"c":1}]}"#, "unchanged");
    }

    #[test]
    fn what_has_not_moved_is_there_and_of_two_that_moved_the_earlier() {
        let document = r#"{"a":{"b":1},"a.b":2}"#;
        fails(
            r#"{"flatten":"$"}"#,
            document,
            "conflict at $: expected no two members of one name, found a number",
        );
        applies(
            r#"{"flatten":"$","on_conflict":"replace"}"#,
            document,
            r#"{"a.b":1}"#,
        );
        applies(
            r#"{"flatten":"$","on_conflict":"keep_target"}"#,
            document,
            r#"{"a.b":2}"#,
        );
        fails(r#"{"flatten":"$"}"#, r#"{"a":{"b":1,"b":2}}"#, "conflict");
        applies(
            r#"{"flatten":"$","on_conflict":"replace"}"#,
            r#"{"a":{"b":1,"b":2}}"#,
            r#"{"a.b":2}"#,
        );
        refuses(r#"{"flatten":"$","delimiter":""}"#, "delimiter");
    }

    #[test]
    fn long_names_above_many_members_are_a_limit() {
        let members: Vec<_> = (0..5_000).map(|index| format!(r#""{index}":1"#)).collect();
        let name = "x".repeat(20_000);
        fails(
            r#"{"flatten":"$"}"#,
            &format!(r#"{{"{name}":{{{}}}}}"#, members.join(",")),
            "limit at $: expected at most",
        );
    }
}
