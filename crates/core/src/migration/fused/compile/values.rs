//! Operations on one value, or inside of it.

use std::sync::Arc;

use super::super::ask::subjects;
use super::super::buffer::Padded;
use super::super::plan::{Action, Apply, Kinds, Marks, Quick};
use super::Reason;
use super::shape::{CellKind, Shape};
use crate::message::Headers;
use crate::migration::condition::{Subject, Test, Where};
use crate::migration::context::{Context, NoSecrets, Rules};
use crate::migration::document::{Kind, Value};
use crate::migration::limits::Limits;
use crate::migration::op::{Op, Step};
use crate::migration::outcome::Outcome;
use crate::migration::path::{Path, Segment};

impl Shape {
    /// Lets an operation work on a value, to which the first `depth` segments of its paths lead.
    pub(super) fn act(&mut self, cell: usize, mark: Marks, step: &Step, depth: usize) -> Result<(), Reason> {
        let local = local(step, depth);
        match &self.cells[cell].kind {
            CellKind::Constant(_) if step.rules.filter.is_some() => Err(Reason::new(
                "its `where` is about a value that an earlier transformation adds",
            )),
            CellKind::Constant(value) => {
                let value = value.clone();
                self.fold(cell, mark, &local, value)
            }
            CellKind::Made | CellKind::Value(_) => Err(Reason::new(
                "it works on a value that an earlier transformation makes",
            )),
            CellKind::Document | CellKind::Slot(_) => {
                let apply = apply_of(mark, local);
                self.sees_message |= apply.sees_message;
                let level = self.rules.len();
                let cell = &mut self.cells[cell];
                cell.rules.get_or_insert(level);
                cell.actions.push(Action::Apply(Box::new(apply)));
                Ok(())
            }
        }
    }

    /// Performs an operation on a constant, once and for all.
    fn fold(&mut self, cell: usize, mark: Marks, step: &Step, value: Value) -> Result<(), Reason> {
        let document = Some(Value::Array(vec![value]));
        let mut context = Context::new(document, Headers::new(), None, &NoSecrets, Limits::default());
        let refused = || Reason::new("it fails on a value that an earlier transformation adds");
        let change = step.apply(&mut context).map_err(|_| refused())?;
        let Some(Value::Array(mut result)) = context.document else {
            return Err(refused());
        };
        let (Some(value), true) = (result.pop(), result.is_empty()) else {
            return Err(Reason::new(
                "it removes a value that an earlier transformation adds",
            ));
        };
        if change.kept_errors + change.kept_targets > 0 {
            return Err(refused());
        }
        self.added_depth += value.depth();
        self.cells[cell].kind = CellKind::Constant(value);
        let holder = self
            .objects
            .iter_mut()
            .flat_map(|object| &mut object.members)
            .find(|member| member.cell == cell);
        let Some(member) = holder else {
            return Err(refused());
        };
        match change.outcome {
            Outcome::Applied => member.changed |= mark,
            Outcome::Unchanged => member.unchanged |= mark,
            Outcome::Absent => {}
            Outcome::Skipped(_) | Outcome::Dropped => return Err(refused()),
        }
        Ok(())
    }
}

/// Whether an operation, or one inside of it, looks at headers or the key.
fn sees_message(step: &Step) -> bool {
    let filter = step.rules.filter.as_ref();
    let asks = filter.is_some_and(|filter| subjects(filter).2);
    asks || match &step.op {
        Op::Compute(compute) => ["headers", "key"]
            .iter()
            .any(|name| compute.expression().reads(name).is_some()),
        Op::Each(each) => each.steps.iter().any(sees_message),
        _ => false,
    }
}

/// An operation as the pass performs it on a value.
pub(super) fn apply_of(mark: Marks, mut step: Step) -> Apply {
    let sees_message = sees_message(&step);
    let spares = step.rules.filter.as_ref().and_then(spared);
    if spares.is_some() && is_own(&step) {
        // The pass has asked it.
        step.rules = Arc::new(Rules {
            filter: None,
            ..(*step.rules).clone()
        });
    }
    Apply {
        mark,
        quick: quick(&step),
        sees_message,
        only_inside: false,
        spares: spares.filter(|_| step.rules.filter.is_none()),
        step: Arc::new(step),
    }
}

/// The kinds that a `where` leaves alone, if it asks for nothing but the kind of the value itself.
fn spared(filter: &Where) -> Option<Kinds> {
    let mut spared = Kinds::default();
    for (subject, test) in &filter.tests {
        if *subject != Subject::Here {
            return None;
        }
        let holding = match test {
            Test::Is(kind) => bit(*kind).0,
            Test::Not(test) => match &**test {
                Test::Is(kind) => !bit(*kind).0,
                _ => return None,
            },
            Test::OneOf(_) | Test::Exists(_) => return None,
        };
        spared.0 |= !holding;
    }
    Some(spared)
}

const fn bit(kind: Kind) -> Kinds {
    Kinds::of_byte(match kind {
        Kind::String => b'"',
        Kind::Object => b'{',
        Kind::Array => b'[',
        Kind::Boolean => b't',
        Kind::Null => b'n',
        Kind::Number => b'0',
    })
}

/// Whether an operation works on the value itself, not on something inside of it.
fn is_own(step: &Step) -> bool {
    let path = step.op.first_path();
    path.is_some_and(|path| path.segments().map_or(0, <[_]>::len) == 1)
}

/// The operation for a document `[value]`, where the value is that to which the first `depth` segments lead.
pub(super) fn local(step: &Step, depth: usize) -> Step {
    let inside = |path: &Path| {
        let segments = path.segments().unwrap_or_default();
        let rest = segments.get(depth..).unwrap_or_default();
        let all = [Segment::Index(0)].into_iter().chain(rest.iter().cloned());
        Path::of_segments(all.collect())
    };
    Step {
        op: step.op.elsewhere(&inside),
        // Whether a place was found is judged for the message as a whole.
        rules: Arc::new(Rules {
            strict: false,
            ..(*step.rules).clone()
        }),
    }
}

/// The short way of an operation that works on the value itself.
fn quick(step: &Step) -> Quick {
    if !is_own(step) || step.rules.filter.is_some() {
        return Quick::No;
    }
    match &step.op {
        Op::Cast(cast) => Quick::Cast(cast.clone()),
        Op::Translate(translate) => Quick::Table(translate.raw()),
        Op::Modify(modify) => constant(&modify.value),
        Op::Multiply(_) | Op::Time(_) | Op::Text(_) | Op::Redact(_) => Quick::Scalar,
        _ => Quick::No,
    }
}

/// A constant whose text tells whether a value equals it, where that is written without an escape.
fn constant(value: &Value) -> Quick {
    match value {
        Value::Array(_) | Value::Object(_) => Quick::No,
        Value::String(text) if text.source().contains('\\') => Quick::No,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Quick::Constant(Padded::new(&value.to_json()))
        }
    }
}
