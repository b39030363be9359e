//! `unwrap`: takes a value out of an array or an object that holds nothing else. Its way back is `wrap`.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::wrap::Wrap;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Name, Path, Takes};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::{ArrayShape, Node};

/// Unwraps values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unwrap {
    path: Path,
    out_of: OutOf,
}

/// What the value is taken out of.
#[derive(Debug, Clone, PartialEq)]
enum OutOf {
    /// An array.
    Array(Take),
    /// An object: this member, and what becomes of others.
    Object { name: Name, drop_rest: bool },
}

/// Which element is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Take {
    Only,
    First,
    Last,
}

const TAKE: [(&str, Take); 3] = [("only", Take::Only), ("first", Take::First), ("last", Take::Last)];
const REST: [(&str, bool); 2] = [("fail", false), ("drop", true)];

impl Unwrap {
    /// What undoes a `wrap`.
    pub(super) fn new(path: Path, of: Option<Name>) -> Self {
        let out_of = match of {
            None => OutOf::Array(Take::Only),
            Some(name) => OutOf::Object {
                name,
                drop_rest: false,
            },
        };
        Self { path, out_of }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("unwrap", Takes::PLACES.whole());
        let take = fields.choice("take", &TAKE, Take::Only);
        let name = fields.optional_name("of");
        let drop_rest = fields.choice("rest", &REST, false);
        fields.excludes("take", "of");
        fields.only_with("rest", "of");
        let out_of = match name {
            None => OutOf::Array(take),
            Some(name) => OutOf::Object { name, drop_rest },
        };
        Some(Self { path: path?, out_of })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("unwrap", &self.path);
        match &self.out_of {
            OutOf::Array(take) => out.choice("take", &TAKE, *take, Take::Only),
            OutOf::Object { name, drop_rest } => {
                out.text("of", name);
                out.choice("rest", &REST, *drop_rest, false);
            }
        }
    }

    /// Unwraps at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        // The document itself can be replaced and not removed.
        let whole = self.path.segments().is_some_and(<[_]>::is_empty);
        context.change_values(&self.path, OnError::Fail, |value| match &self.out_of {
            OutOf::Array(take) => match take_element(value, *take)? {
                Effect::Removed if whole => Ok(Effect::Absent),
                effect => Ok(effect),
            },
            OutOf::Object { name, drop_rest } => take_member(value, name, *drop_rest),
        })
    }

    fn wrapped(&self, within: Option<Name>) -> Inverse {
        let back = Op::Wrap(Wrap::new(self.path.clone(), within));
        if self.path.is_whole() {
            return Inverse::restorable(
                back,
                "a top-level `null` is absent to every path, and is not wrapped again",
            );
        }
        Inverse::lossless_at_one_place(back, &self.path)
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let whole = self.path.is_whole() && !prover.inside;
        prover.places(&self.path, node, &mut |prover, node, at| {
            let seen = prover.see(&node);
            let mut rest = seen.kinds;
            match &self.out_of {
                OutOf::Array(take) => {
                    let Some(array) = rest.array.take() else {
                        return After::stays(node);
                    };
                    let only = *take == Take::Only;
                    if only && (array.least != 1 || array.most != Some(1)) && !seen.open {
                        let sentence = format!("fails at {at} where an array has not exactly one element");
                        prover.remark(at, true, sentence);
                    }
                    let none = array.most == Some(0) || array.element.is_impossible();
                    let element = match (only, array.least) {
                        _ if none => Node::default(),
                        (true, 2..) => Node::default(),
                        _ => array.element.clone(),
                    };
                    let empty = !only && array.least == 0;
                    if empty && whole {
                        rest.array = Some(ArrayShape {
                            least: 0,
                            most: Some(0),
                            ..array
                        });
                    }
                    After {
                        value: prover.unite(&rest.into(), &element),
                        gone: empty && !whole,
                    }
                }
                OutOf::Object { name, drop_rest } => {
                    let Some(mut object) = rest.object.take() else {
                        return After::stays(node);
                    };
                    let Some((required, value)) = object.look(name.as_str()) else {
                        return After::stays(node);
                    };
                    let others =
                        (object.members.iter()).any(|member| member.required && member.name != name.as_str());
                    if !required {
                        object.erase(name.as_str());
                        rest.object = Some(object);
                    }
                    if others && !drop_rest {
                        let sentence = format!("fails at {at}: there are members beside `{name}`");
                        prover.remark(at, true, sentence);
                        return After::of(rest);
                    }
                    After::stays(prover.unite(&rest.into(), &value))
                }
            }
        })
    }

    /// Wrapping again.
    pub(super) fn inverse(&self) -> Inverse {
        match &self.out_of {
            OutOf::Array(Take::Only) => self.wrapped(None),
            OutOf::Array(Take::First | Take::Last) => Inverse::none("the other elements are gone"),
            OutOf::Object {
                name,
                drop_rest: false,
            } => self.wrapped(Some(name.clone())),
            OutOf::Object { drop_rest: true, .. } => Inverse::none("the other members are gone"),
        }
    }
}

fn take_element(value: &mut Value, take: Take) -> Result<Effect, Failure> {
    let elements = match value {
        Value::Null => return Ok(Effect::Absent),
        Value::Array(elements) => elements,
        _ => return Ok(Effect::Unchanged),
    };
    if take == Take::Only && elements.len() != 1 {
        return Err(Failure::new(
            FailureKind::Conflict,
            "expected exactly one element",
        ));
    }
    let last = elements.len().saturating_sub(1);
    let index = if take == Take::Last { last } else { 0 };
    if elements.is_empty() {
        return Ok(Effect::Removed);
    }
    *value = elements.swap_remove(index);
    Ok(Effect::Changed)
}

fn take_member(value: &mut Value, name: &Name, drop_rest: bool) -> Result<Effect, Failure> {
    let members = match value {
        Value::Null => return Ok(Effect::Absent),
        Value::Object(members) => members,
        _ => return Ok(Effect::Unchanged),
    };
    let Some(last) = members.iter().rposition(|member| name.matches(&member.name)) else {
        return Ok(Effect::Absent);
    };
    if !drop_rest && members.iter().any(|member| !name.matches(&member.name)) {
        return Err(Failure::new(FailureKind::Conflict, "expected no other members"));
    }
    *value = members.swap_remove(last).value;
    Ok(Effect::Changed)
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn one_element_or_one_member_comes_out() {
        applies(r#"{"unwrap":"a"}"#, r#"{"a":[1.0]}"#, r#"{"a":1.0}"#);
        applies(
            r#"{"unwrap":"a","take":"last"}"#,
            r#"{"a":[1,2,3]}"#,
            r#"{"a":3}"#,
        );
        applies(
            r#"{"unwrap":"a","take":"first"}"#,
            r#"{"a":[],"b":1}"#,
            r#"{"b":1}"#,
        );
        applies(
            r#"{"unwrap":"a","of":"v"}"#,
            r#"{"a":{"v":1,"v":2}}"#,
            r#"{"a":2}"#,
        );
        applies(
            r#"{"unwrap":"a","of":"v","rest":"drop"}"#,
            r#"{"a":{"w":0,"v":1}}"#,
            r#"{"a":1}"#,
        );
    }

    #[test]
    fn what_cannot_come_out_alone_is_a_conflict() {
        fails(
            r#"{"unwrap":"a"}"#,
            r#"{"a":[]}"#,
            "conflict at a: expected exactly one element, found an array",
        );
        fails(
            r#"{"unwrap":"a","of":"v"}"#,
            r#"{"a":{"v":1,"w":2}}"#,
            "conflict at a",
        );
        unchanged(r#"{"unwrap":"$","take":"first"}"#, "[]", "absent");
        unchanged(r#"{"unwrap":"a","of":"v"}"#, r#"{"a":{"w":2}}"#, "absent");
        unchanged(r#"{"unwrap":"a"}"#, r#"{"a":{}}"#, "unchanged");
    }

    #[test]
    fn operands_of_arrays_and_of_objects_do_not_mix() {
        refuses(r#"{"unwrap":"a","take":"first","of":"v"}"#, "take");
        refuses(r#"{"unwrap":"a","rest":"drop"}"#, "rest");
    }
}
