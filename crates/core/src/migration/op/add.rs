//! `add`: puts a member with a constant value into an object.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError, Tally};
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::constant::constant_for;
use crate::migration::op::join::last_name;
use crate::migration::op::{Inverse, Op, Remove};
use crate::migration::outcome::Change;
use crate::migration::path::Name;
use crate::migration::path::{Ends, Path, Takes};
use crate::migration::place::Parents;
use crate::migration::proof::{After, Prover, Way};
use crate::migration::shape::Node;

/// Adds a member with a constant value, and the objects that lead to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Add {
    pub(crate) path: Path,
    pub(crate) value: Value,
    pub(crate) if_present: IfPresent,
    pub(crate) parents: Parents,
}

/// What becomes of a member that is there already. `null` is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum IfPresent {
    /// It stays.
    #[default]
    Keep,
    /// It gets the value.
    Replace,
    /// It gets the value if it is `null`.
    ReplaceNull,
    /// The message fails.
    Fail,
}

impl IfPresent {
    const CHOICES: [(&'static str, Self); 4] = [
        ("keep", Self::Keep),
        ("replace", Self::Replace),
        ("replace_null", Self::ReplaceNull),
        ("fail", Self::Fail),
    ];
}

impl Add {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("add", Takes::PLACES.message().ends(Ends::Name));
        let value = fields.value("value");
        let if_present = fields.choice("if_present", &IfPresent::CHOICES, IfPresent::Keep);
        let parents = fields.choice("parents", &Parents::CHOICES, Parents::Missing);
        let path = path?;
        let value = constant_for(fields, "value", &path, value?)?;
        Some(Self {
            path,
            value,
            if_present,
            parents,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("add", &self.path);
        out.value("value", &self.value);
        out.choice(
            "if_present",
            &IfPresent::CHOICES,
            self.if_present,
            IfPresent::Keep,
        );
        out.choice("parents", &Parents::CHOICES, self.parents, Parents::Missing);
    }

    /// Adds the member at every place that the path gives it.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        if !self.path.is_document() {
            return self.apply_to_message(context);
        }
        let mut tally = Tally::default();
        let size = self.value.size();
        for turn in context.aims(&self.path, self.parents) {
            let Some(target) = context.admit_target(turn, self.parents, &mut tally)? else {
                continue;
            };
            // With something to make, nothing of that name can be there.
            let there = match target.make.as_slice() {
                [] => context.occurrences(&target.base.location, &target.name),
                _ => Vec::new(),
            };
            for location in &there {
                let Some(present) = context.get_mut(location) else {
                    continue;
                };
                let found = present.kind();
                let effect = self.meet(present);
                let effect = effect.map_err(|failure| failure.at(context.show(location)).found(found))?;
                if effect == Effect::Changed {
                    context
                        .grow(size)
                        .map_err(|failure| failure.at(context.show(location)))?;
                }
                tally.count(effect);
            }
            if there.is_empty() {
                context
                    .grow(size)
                    .map_err(|failure| failure.at(context.show_target(&target)))?;
                let parent = context.make_parents(&target);
                context.append(&parent, &target.name, self.value.clone());
                tally.count(Effect::Changed);
            }
        }
        context.finish(&self.path, &tally)
    }

    /// A header or the key needs no parent: it is there, or it is written.
    fn apply_to_message(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        if context.message_text(&self.path).is_some() {
            return context.change_values(&self.path, OnError::Fail, |present| self.meet(present));
        }
        let mut tally = Tally::default();
        if context.judge_text(&self.path, None)? {
            context.write_message_text(&self.path, &self.value)?;
            tally.count(Effect::Changed);
        } else {
            tally.leave_alone();
        }
        context.finish(&self.path, &tally)
    }

    /// What becomes of a value that is there already.
    fn meet(&self, present: &mut Value) -> Result<Effect, Failure> {
        let replace = match self.if_present {
            IfPresent::Keep => false,
            IfPresent::Replace => *present != self.value,
            IfPresent::ReplaceNull => present.is_null() && !self.value.is_null(),
            IfPresent::Fail => {
                return Err(Failure::new(
                    FailureKind::Conflict,
                    "expected no member of this name",
                ));
            }
        };
        if !replace {
            return Ok(Effect::Unchanged);
        }
        *present = self.value.clone();
        Ok(Effect::Changed)
    }

    /// Whether objects may be made that nothing removes again.
    fn may_make_parents(&self) -> bool {
        let elements = self.path.last_wildcard().map_or(0, |wildcard| wildcard + 1);
        let behind = self.path.segments().map_or(0, <[_]>::len) - elements;
        match self.parents {
            Parents::No => false,
            Parents::Missing => behind > 1,
            Parents::MissingOrNull => behind > 0,
        }
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let Some(way) =
            (self.path.segments()).and_then(|segments| Way::of(segments, self.parents, !prover.inside))
        else {
            return prover.places(&self.path, node, &mut |_, node, _| After::stays(node));
        };
        let Some(name) = last_name(&self.path).map(Name::as_str) else {
            return After::stays(node);
        };
        let base = prover.base().clone();
        let made = Node::of(&self.value);
        After::stays(prover.aim(node, way, &base, &mut |prover, mut object, at| {
            let place = at.member(name);
            prover.met.push(place.clone());
            let Some((required, there)) = object.look(name) else {
                object.put(name, true, made.clone());
                return Some(object);
            };
            let kept = match self.if_present {
                IfPresent::Keep => there,
                IfPresent::Replace => Node::default(),
                IfPresent::ReplaceNull => {
                    let mut kinds = prover.see(&there).kinds;
                    let null = std::mem::take(&mut kinds.null);
                    if null {
                        prover.unite(&kinds.into(), &made)
                    } else {
                        kinds.into()
                    }
                }
                IfPresent::Fail if required => {
                    prover.remark(
                        &place,
                        true,
                        format!("fails at {place}: a member of this name is there"),
                    );
                    return None;
                }
                IfPresent::Fail => {
                    let sentence = format!("fails where there is a {place} already");
                    prover.remark(&place, true, sentence);
                    Node::default()
                }
            };
            let value = match (self.if_present, required) {
                (IfPresent::Keep | IfPresent::ReplaceNull, true) => kept,
                _ => prover.unite(&kept, &made),
            };
            object.put(name, true, value);
            Some(object)
        }))
    }

    /// Removing the member undoes it. Objects that were made on the way stay.
    pub(super) fn inverse(&self) -> Inverse {
        let remove = Op::Remove(Remove {
            path: self.path.clone(),
            restore: None,
        });
        match self.if_present {
            IfPresent::Fail if self.may_make_parents() => {
                Inverse::restorable(remove, "objects that were made on the way stay")
            }
            IfPresent::Fail => Inverse::lossless(remove),
            IfPresent::Keep => Inverse::restorable(remove, "a member that was there already is removed, too"),
            IfPresent::Replace | IfPresent::ReplaceNull => {
                Inverse::restorable(remove, "what stood there before does not come back")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn missing_parents_are_made_and_the_member_goes_to_the_end() {
        applies(
            r#"{"add":"a.b.c","value":1}"#,
            r#"{"x":0}"#,
            r#"{"x":0,"a":{"b":{"c":1}}}"#,
        );
        applies(
            r#"{"add":"a.c","value":1}"#,
            r#"{"a":{"z":0},"x":0}"#,
            r#"{"a":{"z":0,"c":1},"x":0}"#,
        );
    }

    #[test]
    fn nothing_is_made_where_an_element_would_have_to_be() {
        for path in ["a[0].b", "a[*].b", "a.*.b", "/a/0", "/a/0/b"] {
            unchanged(&format!(r#"{{"add":"{path}","value":1}}"#), "{}", "absent");
        }
        applies(r#"{"add":"/0","value":1}"#, "{}", r#"{"0":1}"#);
    }

    #[test]
    fn every_occurrence_of_a_repeated_parent_gets_the_member() {
        applies(
            r#"{"add":"a.b","value":1}"#,
            r#"{"a":{},"a":{"c":2}}"#,
            r#"{"a":{"b":1},"a":{"c":2,"b":1}}"#,
        );
    }

    #[test]
    fn a_null_parent_stays_unless_it_may_be_replaced() {
        unchanged(r#"{"add":"a.b","value":1}"#, r#"{"a":null}"#, "absent");
        applies(
            r#"{"add":"a[*].b","value":1,"parents":"missing_or_null"}"#,
            r#"{"a":[null,{}]}"#,
            r#"{"a":[{"b":1},{"b":1}]}"#,
        );
        unchanged(
            r#"{"add":"b","value":1,"parents":"missing_or_null"}"#,
            "null",
            "absent",
        );
        unchanged(r#"{"add":"a.b","value":1,"parents":"no"}"#, "{}", "absent");
    }

    #[test]
    fn a_member_that_is_there_is_treated_as_asked() {
        let add = |if_present: &str| format!(r#"{{"add":"a","value":1,"if_present":"{if_present}"}}"#);
        unchanged(&add("keep"), r#"{"a":null}"#, "unchanged");
        applies(&add("replace"), r#"{"a":[],"b":0}"#, r#"{"a":1,"b":0}"#);
        unchanged(&add("replace"), r#"{"a":1}"#, "unchanged");
        applies(&add("replace_null"), r#"{"a":null,"a":2}"#, r#"{"a":1,"a":2}"#);
        fails(
            &add("fail"),
            r#"{"a":"x"}"#,
            "conflict at a: expected no member of this name, found a string",
        );
    }

    #[test]
    fn a_parent_of_another_kind_is_a_mismatch_unless_where_leaves_it_alone() {
        fails(
            r#"{"add":"a.b","value":1}"#,
            r#"{"a":[1]}"#,
            "mismatch at a: expected an object, found an array",
        );
        fails(
            r#"{"add":"/a/0","value":1}"#,
            r#"{"a":[1]}"#,
            "mismatch at a: expected an object, found an array",
        );
        fails(
            r#"{"add":"a","value":1}"#,
            "3",
            "mismatch at $: expected an object, found a number",
        );
        unchanged(
            r#"{"add":"a.b","value":1,"where":{".":{"is":"object"}}}"#,
            r#"{"a":[1]}"#,
            "skipped",
        );
        unchanged(
            r#"{"add":"a.b","value":1,"on_mismatch":"skip"}"#,
            r#"{"a":[1]}"#,
            "absent",
        );
    }

    #[test]
    fn a_path_that_does_not_end_in_one_name_is_refused() {
        for path in ["a[0]", "a.*", "a.x_*", "**.a", "$"] {
            refuses(&format!(r#"{{"add":"{path}","value":1}}"#), "expected");
        }
        refuses(r#"{"add":"@key","value":null}"#, "text");
    }
}
