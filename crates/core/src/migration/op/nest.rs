//! `nest`: sibling members as an object of their own. Its way back is `unnest`.

use crate::migration::canonical::Canonical;
use crate::migration::context::OnConflict;
use crate::migration::context::{Context, Effect, Tally};
use crate::migration::document::{Member, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::join::{are_siblings, last_name};
use crate::migration::op::unnest::Unnest;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Ends, Name, Path, Takes};
use crate::migration::place::{Location, Occurrences};
use crate::migration::proof::{After, Prover, object_node};
use crate::migration::shape::{Node, ObjectShape, ShapePath};

/// Moves sibling members into a new object at the end of their object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Nest {
    pub(crate) paths: Vec<Path>,
    pub(crate) into: Name,
    pub(crate) merge: bool,
}

const ON_CONFLICT: [(&str, bool); 2] = [("fail", false), ("merge", true)];

impl Nest {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let paths = fields.paths("nest", Takes::PLACES.ends(Ends::Name));
        let into = fields.name("into");
        let merge = fields.choice("on_conflict", &ON_CONFLICT, false);
        let paths = paths.filter(|paths| are_siblings(fields, "nest", paths));
        Some(Self {
            paths: paths?,
            into: into?,
            merge,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.texts("nest", &self.paths);
        out.text("into", &self.into);
        out.choice("on_conflict", &ON_CONFLICT, self.merge, false);
    }

    /// Nests in every object that the common parent path leads to.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        let names: Vec<&Name> = self.paths.iter().filter_map(last_name).collect();
        let Some(parent) = self.paths.first().and_then(Path::parent) else {
            return Ok(tally.change());
        };
        for turn in context.branches(&parent, Occurrences::Last) {
            let Some(place) = context.admit(turn, &mut tally)? else {
                continue;
            };
            match self.nest_in(context, &place.location, &names) {
                Ok(effect) => tally.count(effect),
                Err(failure) => context.mismatched(failure, &mut tally)?,
            }
        }
        context.finish(
            &self
                .paths
                .iter()
                .map(Path::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            &tally,
        )
    }

    fn nest_in(
        &self,
        context: &mut Context<'_>,
        parent: &Location,
        names: &[&Name],
    ) -> Result<Effect, Failure> {
        match context.get(parent) {
            Some(Value::Object(_)) => {}
            Some(Value::Null) | None => return Ok(Effect::Absent),
            Some(other) => {
                return Err(Failure::new(FailureKind::Mismatch, "expected an object")
                    .at(context.show(parent))
                    .found(other.kind()));
            }
        }
        let mut sources: Vec<Location> = names
            .iter()
            .filter_map(|name| context.occurrences(parent, name).pop())
            .collect();
        sources.sort();
        if sources.is_empty() {
            return Ok(Effect::Absent);
        }
        let nested: Vec<Member> = sources
            .iter()
            .filter_map(|source| context.member_at(source).cloned())
            .collect();
        let target = if names.contains(&&self.into) {
            None
        } else {
            context.occurrences(parent, &self.into).pop()
        };
        if let Some(target) = &target {
            self.check_target(context, target, &nested)?;
        }
        for name in names {
            context.take_all(parent, name);
        }
        match target {
            None => {
                context.append(parent, &self.into, Value::Object(nested));
            }
            Some(target) => match context.get_mut(&target) {
                Some(Value::Object(members)) => members.extend(nested),
                Some(there) => *there = Value::Object(nested),
                None => {}
            },
        }
        Ok(Effect::Changed)
    }

    /// Whether the members can go into what stands under the name already.
    fn check_target(
        &self,
        context: &Context<'_>,
        target: &Location,
        nested: &[Member],
    ) -> Result<(), Failure> {
        if !self.merge {
            return Err(context.conflict_at(target));
        }
        match context.get(target) {
            Some(Value::Null) | None => Ok(()),
            Some(Value::Object(members)) => {
                let twice = |member: &Member| members.iter().any(|there| there.name == member.name);
                match nested.iter().find(|member| twice(member)) {
                    None => Ok(()),
                    Some(member) => Err(Failure::new(
                        FailureKind::Conflict,
                        "expected no member of this name",
                    )
                    .at(context.show(target))
                    .found(member.value.kind())),
                }
            }
            Some(other) => Err(
                Failure::new(FailureKind::Mismatch, "expected an object to merge into")
                    .at(context.show(target))
                    .found(other.kind()),
            ),
        }
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        self.paths.iter_mut().collect()
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let Some(first) = self.paths.first() else {
            return After::stays(node);
        };
        let names: Vec<&str> = self
            .paths
            .iter()
            .filter_map(last_name)
            .map(Name::as_str)
            .collect();
        prover.objects(first, node, &mut |prover, object, _, at| {
            self.nest_shape(prover, object, &names, at)
        })
    }

    fn nest_shape(
        &self,
        prover: &mut Prover,
        object: ObjectShape,
        names: &[&str],
        at: &ShapePath,
    ) -> Option<ObjectShape> {
        let into = self.into.as_str();
        let mut nested = ObjectShape {
            members: Vec::new(),
            others: None,
        };
        let mut outer = object.clone();
        for name in names {
            if let Some((required, value)) = object.look(name) {
                nested.put(name, required, value);
                prover.met.push(at.member(name));
            }
            outer.erase(name);
        }
        if nested.members.is_empty() {
            return Some(object);
        }
        prover.met.push(at.member(into));
        let always = nested.members.iter().any(|member| member.required);
        let mut all = Vec::new();
        if !always {
            all.push(outer.clone());
        }
        let place = at.member(into);
        if self.merge
            && let Some((required, there)) = outer.look(into)
        {
            let merged = prover.merged(&there, &object_node(nested.clone()), &place);
            let value = if required {
                merged
            } else {
                prover.unite(&merged, &object_node(nested))
            };
            if !value.is_impossible() {
                outer.put(into, true, value);
                all.push(outer);
            }
        } else if prover.meet(
            &mut outer,
            into,
            (true, object_node(nested.clone())),
            OnConflict::Fail,
            at,
        ) {
            outer.put(into, true, object_node(nested));
            all.push(outer);
        }
        prover.one_of(all)
    }

    /// Unnesting the object gives the members back.
    pub(super) fn inverse(&self) -> Inverse {
        let Some(path) = self
            .paths
            .first()
            .and_then(Path::parent)
            .and_then(|parent| parent.member(self.into.clone()))
        else {
            return Inverse::none("the new object cannot be named by a path");
        };
        let back = Op::Unnest(Unnest::new(path));
        if self.merge {
            return Inverse::restorable(back, "members that the object had before come out, too");
        }
        Inverse::lossless_at_one_place(back, &self.paths[0])
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, refuses, unchanged};

    #[test]
    fn members_move_into_an_object_in_document_order() {
        applies(
            r#"{"nest":["b","a"],"into":"o"}"#,
            r#"{"a":1.0,"x":0,"b":2}"#,
            r#"{"x":0,"o":{"a":1.0,"b":2}}"#,
        );
        applies(
            r#"{"nest":"p[*].a","into":"a"}"#,
            r#"{"p":[{"a":1},{},{"b":1}]}"#,
            r#"{"p":[{"a":{"a":1}},{},{"b":1}]}"#,
        );
        applies(
            r#"{"nest":"a","into":"o"}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"o":{"a":2}}"#,
        );
        unchanged(r#"{"nest":["a","b"],"into":"o"}"#, r#"{"o":1}"#, "absent");
    }

    #[test]
    fn an_object_that_is_there_is_merged_into_only_when_asked() {
        let merge = r#"{"nest":"a","into":"o","on_conflict":"merge"}"#;
        fails(r#"{"nest":"a","into":"o"}"#, r#"{"a":1,"o":{}}"#, "conflict at o");
        applies(
            merge,
            r#"{"a":1,"o":{"b":2},"x":0}"#,
            r#"{"o":{"b":2,"a":1},"x":0}"#,
        );
        applies(merge, r#"{"a":1,"o":null,"x":0}"#, r#"{"o":{"a":1},"x":0}"#);
        fails(merge, r#"{"a":1,"o":{"a":2}}"#, "conflict at o");
        fails(
            merge,
            r#"{"a":1,"o":[]}"#,
            "mismatch at o: expected an object to merge into, found an array",
        );
        applies(
            r#"{"nest":["a","o"],"into":"o","on_conflict":"merge"}"#,
            r#"{"a":1,"o":{"b":2}}"#,
            r#"{"o":{"a":1,"o":{"b":2}}}"#,
        );
    }

    #[test]
    fn only_siblings_can_be_nested() {
        refuses(r#"{"nest":["a.x","b.y"],"into":"o"}"#, "siblings");
        refuses(r#"{"nest":["a","a"],"into":"o"}"#, "twice");
    }
}
