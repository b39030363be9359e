//! `unnest`: an object's members in its place. Its way back is `nest`, where the names are known.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnConflict, Tally};
use crate::migration::document::Kind;
use crate::migration::document::{Member, Text, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::crowd::{Arrival, settle};
use crate::migration::op::{Inverse, Nest, Op, Rename};
use crate::migration::outcome::Change;
use crate::migration::path::{Ends, Name, Path, Segment, Takes};
use crate::migration::place::{Location, Occurrences};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Kinds, Node, ObjectShape, ShapePath};

/// Replaces object members by their own members.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unnest {
    path: Path,
    prefix: String,
    on_conflict: OnConflict,
}

impl Unnest {
    /// What undoes a `nest`.
    pub(super) fn new(path: Path) -> Self {
        Self {
            path,
            prefix: String::new(),
            on_conflict: OnConflict::Fail,
        }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("unnest", Takes::PLACES.ends(Ends::Members));
        let prefix = fields.optional_text("prefix").unwrap_or_default().to_owned();
        let on_conflict = fields.choice("on_conflict", &OnConflict::CHOICES, OnConflict::Fail);
        Some(Self {
            path: path?,
            prefix,
            on_conflict,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("unnest", &self.path);
        if !self.prefix.is_empty() {
            out.text("prefix", &self.prefix);
        }
        out.choice(
            "on_conflict",
            &OnConflict::CHOICES,
            self.on_conflict,
            OnConflict::Fail,
        );
    }

    /// Unnests, object by object: the places of one object are settled together, because each moves the ones behind it.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        let mut batches: Vec<(Location, Vec<usize>)> = Vec::new();
        for turn in context.branches(&self.path, Occurrences::Every) {
            let place = match context.admit(turn, &mut tally) {
                Ok(Some(place)) => place,
                Ok(None) => continue,
                Err(failure) => {
                    // A conflict in an object before it comes first in the document.
                    self.perform(context, &batches, &mut tally)?;
                    return Err(failure);
                }
            };
            match context.get(&place.location) {
                Some(Value::Null) | None => {
                    tally.count(Effect::Absent);
                    continue;
                }
                Some(Value::Object(_)) => {}
                Some(other) => {
                    let failure = Failure::new(FailureKind::Mismatch, "expected an object")
                        .at(context.show(&place.location))
                        .found(other.kind());
                    context.mismatched(failure, &mut tally)?;
                    continue;
                }
            }
            let Some((index, parent)) = place.location.split_last() else {
                continue;
            };
            match batches.last_mut() {
                Some((last, indexes)) if last == parent => indexes.push(*index),
                _ => batches.push((parent.to_vec(), vec![*index])),
            }
        }
        self.perform(context, &batches, &mut tally)?;
        context.finish(&self.path, &tally)
    }

    fn perform(
        &self,
        context: &mut Context<'_>,
        batches: &[(Location, Vec<usize>)],
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        for (parent, indexes) in batches {
            let shown = context.show(parent);
            match context.get_mut(parent) {
                Some(Value::Object(members)) => {
                    let (settled, kept) = self
                        .spread(members, indexes)
                        .map_err(|failure| failure.at(shown.as_str()))?;
                    *members = settled;
                    tally.kept_targets += kept;
                    indexes.iter().for_each(|_| tally.count(Effect::Changed));
                }
                Some(other) => {
                    let found = other.kind();
                    let failure = Failure::new(FailureKind::Mismatch, "expected a member of an object")
                        .at(shown)
                        .found(found);
                    context.mismatched(failure, tally)?;
                }
                None => tally.count(Effect::Absent),
            }
        }
        Ok(())
    }

    fn spread(&self, members: &[Member], indexes: &[usize]) -> Result<(Vec<Member>, u64), Failure> {
        let prefix = Text::from_str(&self.prefix);
        let mut arrivals = Vec::with_capacity(members.len());
        for (index, member) in members.iter().enumerate() {
            match &member.value {
                Value::Object(inner) if indexes.contains(&index) => {
                    arrivals.extend(inner.iter().map(|inner| Arrival {
                        member: Member {
                            name: Text::concat(&[&prefix, &inner.name]),
                            value: inner.value.clone(),
                        },
                        origin: Some(index),
                    }));
                }
                _ => arrivals.push(Arrival {
                    member: member.clone(),
                    origin: None,
                }),
            }
        }
        settle(arrivals, self.on_conflict)
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.objects(&self.path, node, &mut |prover, object, last, at| {
            let (Segment::Name(name) | Segment::Token(name)) = last else {
                prover.met.push(at.others());
                prover.undecide(
                    at,
                    "which members are unnested is known only when a message is there",
                );
                return Some(ObjectShape::open());
            };
            let name = name.as_str();
            let Some((required, value)) = object.look(name) else {
                return Some(object);
            };
            let place = at.member(name);
            prover.met.push(place.clone());
            let seen = prover.see(&value);
            let left = prover.mismatch(&place, &seen, &[Kind::Object], "an object");
            let mut all = Vec::new();
            let mut without = object.clone();
            without.erase(name);
            let is_always_object = required && left.is_empty() && !seen.open && is_only_object(&seen.kinds);
            self.tell_way_back(prover, &without, seen.kinds.object.as_ref(), is_always_object);
            if !required {
                all.push(without.clone());
            }
            if !left.is_empty() {
                let mut kept = object;
                kept.put(name, true, left.into());
                all.push(kept);
            }
            if let Some(inner) = seen.kinds.object {
                all.extend(self.spread_shape(prover, without, inner, at));
            }
            prover.one_of(all)
        })
    }

    /// The members of an object among their new siblings. `None`: the message fails.
    fn spread_shape(
        &self,
        prover: &mut Prover,
        mut outer: ObjectShape,
        inner: ObjectShape,
        at: &ShapePath,
    ) -> Option<ObjectShape> {
        for member in inner
            .members
            .iter()
            .filter(|member| !member.value.is_impossible())
        {
            let name = format!("{}{}", self.prefix, member.name);
            prover.met.push(at.member(&name));
            let arriving = (member.required, member.value.clone());
            if !prover.meet(&mut outer, &name, arriving, self.on_conflict, at) {
                return None;
            }
        }
        if let Some(others) = inner.others {
            prover.undecide(at, "which members come out is known only when a message is there");
            // A member that comes out may have any name.
            for member in &mut outer.members {
                member.value = prover.unite(&member.value, &others);
            }
            outer.others = Some(match &outer.others {
                Some(own) => prover.unite(own, &others),
                None => others,
            });
        }
        Some(outer)
    }

    /// With all names of the members known, they can be nested again. Nothing is lost where the object was always there, one
    /// of its members was, and no sibling can be taken for one of them.
    fn tell_way_back(
        &self,
        prover: &mut Prover,
        siblings: &ObjectShape,
        inner: Option<&ObjectShape>,
        is_always_object: bool,
    ) {
        const KNOWN: &str = "nested again, by the names that the schema knows";
        let inner = inner.filter(|inner| inner.others.is_none());
        let names: Vec<&str> = inner
            .iter()
            .flat_map(|inner| &inner.members)
            .filter(|member| !member.value.is_impossible())
            .map(|member| member.name.as_str())
            .collect();
        let new_name = |name: &str| format!("{}{name}", self.prefix);
        let is_lossless = is_always_object
            && self.on_conflict == OnConflict::Fail
            && inner.is_some_and(|inner| inner.members.iter().any(|member| member.required))
            && names.iter().all(|name| siblings.look(&new_name(name)).is_none());
        let ops = inner
            .filter(|_| !names.is_empty())
            .and_then(|_| self.nested_again(&names));
        prover.undone_by(ops, is_lossless, KNOWN);
    }

    fn nested_again(&self, names: &[&str]) -> Option<Vec<Op>> {
        let parent = self.path.parent()?;
        let (Segment::Name(into) | Segment::Token(into)) = self.path.last()? else {
            return None;
        };
        let new_name = |name: &str| Name::new(format!("{}{name}", self.prefix));
        let paths: Option<Vec<Path>> = names.iter().map(|name| parent.member(new_name(name))).collect();
        let mut ops = vec![Op::Nest(Nest {
            paths: paths?,
            into: into.clone(),
            merge: false,
        })];
        if !self.prefix.is_empty() {
            for name in names {
                let path = self.path.member(new_name(name))?;
                ops.push(Op::Rename(Rename::to_name(path, Name::new(*name))));
            }
        }
        Some(ops)
    }

    /// Which members came out, only a schema could tell.
    pub(super) fn inverse(&self) -> Inverse {
        Inverse::none("without a schema nobody knows which members came out of the object")
    }
}

fn is_only_object(kinds: &Kinds) -> bool {
    kinds.kinds().all(|kind| kind == Kind::Object)
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn an_object_is_replaced_by_its_members_in_its_place() {
        applies(
            r#"{"unnest":"a","prefix":"a_"}"#,
            r#"{"x":0,"a":{"b":1.0,"c":2},"y":3}"#,
            r#"{"x":0,"a_b":1.0,"a_c":2,"y":3}"#,
        );
        applies(r#"{"unnest":"a"}"#, r#"{"a":{"a":1}}"#, r#"{"a":1}"#);
        applies(r#"{"unnest":"a"}"#, r#"{"a":{},"b":1}"#, r#"{"b":1}"#);
        applies(
            r#"{"unnest":"p[*].o"}"#,
            r#"{"p":[{"o":{"a":1}},{"o":{"b":2},"c":3}]}"#,
            r#"{"p":[{"a":1},{"b":2,"c":3}]}"#,
        );
        applies(
            r#"{"unnest":"x_*"}"#,
            r#"{"x_1":{"a":1},"x_2":{"b":2}}"#,
            r#"{"a":1,"b":2}"#,
        );
        unchanged(r#"{"unnest":"a"}"#, r#"{"a":null}"#, "absent");
    }

    #[test]
    fn siblings_are_minded_and_other_kinds_are_a_mismatch() {
        let document = r#"{"a":{"b":1},"b":2}"#;
        fails(r#"{"unnest":"a"}"#, document, "conflict");
        applies(
            r#"{"unnest":"a","on_conflict":"replace"}"#,
            document,
            r#"{"b":1}"#,
        );
        applies(
            r#"{"unnest":"a","on_conflict":"keep_target"}"#,
            document,
            r#"{"b":2}"#,
        );
        fails(
            r#"{"unnest":"a"}"#,
            r#"{"a":[1]}"#,
            "mismatch at a: expected an object, found an array",
        );
        unchanged(r#"{"unnest":"a","on_mismatch":"skip"}"#, r#"{"a":[1]}"#, "absent");
        refuses(r#"{"unnest":"a[*]"}"#, "expected");
    }
}
