//! `compute`: sets a member to the value of an expression.

use crate::finding::Finding;
use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, Tally};
use crate::migration::document::Value;
use crate::migration::expression::{Expression, Scope};
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::Inverse;
use crate::migration::op::convert::put;
use crate::migration::op::join::last_name;
use crate::migration::outcome::Change;
use crate::migration::path::Name;
use crate::migration::path::{Path, Segment, Takes};
use crate::migration::place::{Occurrences, Parents};
use crate::migration::proof::{After, Prover, Way};
use crate::migration::shape::Node;

/// Sets members, or replaces elements, by the value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compute {
    path: Path,
    expression: Expression,
    replace: bool,
    parents: Parents,
}

const IF_PRESENT: [(&str, bool); 2] = [("replace", true), ("keep", false)];

impl Compute {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("compute", Takes::PLACES.message());
        let expression = fields.expression("as");
        let replace = fields.choice("if_present", &IF_PRESENT, true);
        let parents = fields.choice("parents", &Parents::CHOICES, Parents::Missing);
        if expression.as_ref().is_some_and(Expression::may_make_container) {
            let place = fields.place("as");
            fields.report(Finding::warning(
                &place,
                "the result may be an array or an object; the spelling of numbers inside of it is not kept",
            ));
        }
        Some(Self {
            path: path?,
            expression: expression?,
            replace,
            parents,
        })
    }

    /// Where it works.
    pub(crate) const fn path(&self) -> &Path {
        &self.path
    }

    /// What it computes.
    pub(crate) const fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Whether it computes where a member is there already.
    pub(crate) const fn replaces(&self) -> bool {
        self.replace
    }

    /// What becomes of parents that are not there.
    pub(crate) const fn parents(&self) -> Parents {
        self.parents
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("compute", &self.path);
        out.text("as", self.expression.text());
        out.choice("if_present", &IF_PRESENT, self.replace, true);
        out.choice("parents", &Parents::CHOICES, self.parents, Parents::Missing);
    }

    /// Computes at every place, one after the other, each seeing what the ones before it have made.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        if !self.path.is_document() {
            return self.apply_to_message(context);
        }
        match self.path.last() {
            Some(Segment::Name(_) | Segment::Token(_)) => self.set_members(context),
            _ => self.replace_places(context),
        }
    }

    fn set_members(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        for turn in context.aims(&self.path, self.parents) {
            let Some(target) = context.admit_target(turn, self.parents, &mut tally)? else {
                continue;
            };
            let there = match target.make.as_slice() {
                [] => context.occurrences(&target.base.location, &target.name),
                _ => Vec::new(),
            };
            let element = target.base.scope_of();
            for location in &there {
                let effect = self.replace_at(context, location, element)?;
                tally.count(effect);
            }
            if there.is_empty() {
                let result = self.evaluate(context, None, element);
                let result = result.map_err(|failure| failure.at(context.show_target(&target)))?;
                context
                    .grow(result.size())
                    .map_err(|failure| failure.at(context.show_target(&target)))?;
                let parent = context.make_parents(&target);
                context.append(&parent, &target.name, result);
                tally.count(Effect::Changed);
            }
        }
        context.finish(&self.path, &tally)
    }

    fn replace_places(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        for turn in context.branches(&self.path, Occurrences::Every) {
            let Some(place) = context.admit(turn, &mut tally)? else {
                continue;
            };
            let effect = self.replace_at(context, &place.location, place.scope_of())?;
            tally.count(effect);
        }
        context.finish(&self.path, &tally)
    }

    fn replace_at(
        &self,
        context: &mut Context<'_>,
        location: &[usize],
        element: &[usize],
    ) -> Result<Effect, Failure> {
        if !self.replace {
            return Ok(Effect::Unchanged);
        }
        let result = self.evaluate(context, context.get(location), element);
        let result = result.map_err(|failure| failure.at(context.show(location)))?;
        context
            .grow(result.size())
            .map_err(|failure| failure.at(context.show(location)))?;
        Ok(context
            .get_mut(location)
            .map_or(Effect::Absent, |value| put(value, result)))
    }

    fn apply_to_message(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let mut tally = Tally::default();
        let there = context.message_text(&self.path);
        if !context.judge_text(&self.path, there.as_ref())? {
            tally.leave_alone();
        } else if there.is_some() && !self.replace {
            tally.count(Effect::Unchanged);
        } else {
            let result = self.evaluate(context, there.as_ref(), &[]);
            let result = result.map_err(|failure| failure.at(self.path.to_string()))?;
            if there.is_some_and(|there| there.scalar_text().ok() == result.scalar_text().ok()) {
                tally.count(Effect::Unchanged);
            } else {
                context.write_message_text(&self.path, &result)?;
                tally.count(Effect::Changed);
            }
        }
        context.finish(&self.path, &tally)
    }

    fn evaluate(
        &self,
        context: &Context<'_>,
        this: Option<&Value>,
        element: &[usize],
    ) -> Result<Value, Failure> {
        // Without a wildcard there is no enclosing element, and the document is none.
        let index = element.last().copied();
        let item = index.and_then(|_| context.get(element));
        let scope = Scope {
            payload: context.document.as_ref(),
            this,
            item,
            index,
            headers: &context.headers,
            key: context.key.as_deref(),
            reads: &context.reads,
        };
        self.expression.evaluate(&scope).map_err(Failure::from)
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let base = prover.base().clone();
        if self.path.is_document() {
            prover.undecide(
                &base,
                "the result of an expression is known only when a message is there",
            );
        }
        let way = (self.path.segments()).and_then(|segments| Way::of(segments, self.parents, !prover.inside));
        let (Some(way), Some(name)) = (way, last_name(&self.path).map(Name::as_str)) else {
            return prover.places(&self.path, node, &mut |_, _, _| After::stays(Node::Anything));
        };
        After::stays(prover.aim(node, way, &base, &mut |prover, mut object, at| {
            prover.met.push(at.member(name));
            let there = object.look(name);
            let value = match there {
                Some((true, there)) if !self.replace => there,
                Some(_) | None => Node::Anything,
            };
            object.put(name, true, value);
            Some(object)
        }))
    }

    /// What stood there before is not kept.
    pub(super) fn inverse(&self) -> Inverse {
        Inverse::none("an expression cannot be undone; give the transformation an `inverse`")
    }
}
