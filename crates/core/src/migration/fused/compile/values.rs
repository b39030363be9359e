//! Operations on one value, or inside of it.

use std::sync::Arc;

use super::super::buffer::Padded;
use super::super::plan::{Action, Apply, Marks, Quick};
use super::Reason;
use super::shape::{CellKind, Shape};
use crate::message::Headers;
use crate::migration::context::{Context, NoSecrets, Rules};
use crate::migration::document::Value;
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
            CellKind::Made => Err(Reason::new(
                "it works on an object that an earlier transformation makes",
            )),
            CellKind::Document | CellKind::Slot(_) => {
                let quick = quick(&local);
                let step = Arc::new(local);
                self.cells[cell]
                    .actions
                    .push(Action::Apply(Box::new(Apply { mark, quick, step })));
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

/// The operation for a document `[value]`, where the value is that to which the first `depth` segments lead.
fn local(step: &Step, depth: usize) -> Step {
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
    let is_own = step
        .op
        .first_path()
        .is_some_and(|path| path.segments().map_or(0, <[_]>::len) == 1);
    if !is_own || step.rules.filter.is_some() {
        return Quick::No;
    }
    match &step.op {
        Op::Cast(cast) => Quick::Cast(cast.clone()),
        Op::Translate(translate) => Quick::Table(translate.raw()),
        Op::Modify(modify) => constant(&modify.value),
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
