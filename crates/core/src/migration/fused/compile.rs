//! Runs a chain over a document of which only the names are known that operations name.
//!
//! Each operation finds its places by the names that members have at that moment, as it would in a document, and notes at
//! the places of the *source* what is to happen there. A name may have several candidates of which at most one is there (a
//! member of the document, and one that was renamed to it or added); what the pass must check so that this holds, is noted,
//! too. What comes out is a [`Plan`], in which no order of operations is left.
//!
//! What cannot be told from names alone is either left to the interpreter's operation on one value of the document, or
//! keeps the chain from being fused, with a reason.

mod anywhere;
mod carry;
pub(super) mod draft;
mod emit;
mod members;
mod places;
mod shape;
mod values;

use std::sync::Arc;

use super::plan::Marks;
use crate::message::Headers;
use crate::migration::chain::Transformation;
use crate::migration::condition::{Here, Judged, Subject};
use crate::migration::document::Value;
use crate::migration::op::{Op, Step};
use crate::migration::path::{Path, Segment};
use draft::{Draft, Next};
use places::ways;
use shape::Shape;

/// Why an operation cannot be fused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason(pub(super) String);

impl Reason {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// The transformations that keep a chain from being fused, by their index, with the reasons.
pub(super) fn unfused(transformations: &[Transformation]) -> Vec<(usize, Reason)> {
    let mut draft = Draft::new();
    let mut reasons = Vec::new();
    loop {
        match draft.advance(transformations, 0) {
            // Where a condition holds there is more to be done.
            Ok(Next::Ask(..)) => draft.answer(true),
            Ok(Next::Beside(..) | Next::Value(..) | Next::Whole(_) | Next::Pass(_)) => {}
            Ok(Next::Last(_, _, dropped)) => {
                if dropped.is_none() {
                    return reasons;
                }
                // Behind a drop the chain goes on for those that stay.
                draft.go_on();
            }
            Err((index, reason)) => {
                reasons.push((index, reason));
                draft.leave_out();
            }
        }
    }
}

impl Shape {
    fn step(&mut self, step: &Step) -> Result<Marks, Reason> {
        if let Op::Each(each) = &step.op
            && step.rules.filter.is_none()
            && !step.rules.strict
            && !step.rules.skip_mismatch
            && let Ok(marks) = self.every_element(&each.path, &each.steps)
        {
            return Ok(marks);
        }
        let mark = self.next_mark()?;
        if step.rules.strict {
            self.strict |= mark;
        }
        if let Some(pattern) = step.op.first_path().as_ref().and_then(Self::anywhere_pattern) {
            self.anywhere(mark, step, pattern)?;
        } else if step.rules.filter.is_some() {
            self.filtered(mark, step)?;
        } else {
            self.operation(mark, step)?;
        }
        Ok(mark)
    }

    /// The entries of `each`, as if the path of each element were in front of theirs.
    fn every_element(&mut self, container: &Path, steps: &[Step]) -> Result<Marks, Reason> {
        let segments = container.segments().unwrap_or_default();
        let (_, is_plain) = ways(segments)?;
        // Both fields of an entry are about what it finds in one container, not about the way to it.
        let asks = steps
            .iter()
            .any(|step| step.rules.strict || step.rules.skip_mismatch);
        if !is_plain || asks {
            return Err(Reason::new("its entries are about each container by itself"));
        }
        let before = self.clone();
        let mut marks = 0;
        for step in steps {
            let in_front = |path: &Path| {
                let inner = path.segments().unwrap_or_default();
                let all = segments.iter().chain(&[Segment::Elements]).chain(inner);
                Path::of_segments(all.cloned().collect())
            };
            let step = Step {
                op: step.op.elsewhere(&in_front),
                rules: Arc::clone(&step.rules),
            };
            match self.step(&step) {
                Ok(mark) => marks |= mark,
                Err(reason) => {
                    *self = before;
                    return Err(reason);
                }
            }
        }
        Ok(marks)
    }

    /// An operation under `where`: left to the interpreter, on the smallest value that holds all it asks about.
    fn filtered(&mut self, mark: Marks, step: &Step) -> Result<(), Reason> {
        let path = only_path(&step.op)?;
        let segments = path.segments().ok_or_else(beside)?;
        let filter = step.rules.filter.as_ref();
        let subjects = filter.into_iter().flat_map(|filter| filter.tests.keys());
        let mut asks_elsewhere = false;
        for subject in subjects {
            match subject {
                Subject::Here => {}
                Subject::Path(path) if path.is_document() => asks_elsewhere = true,
                // Headers and the key are told to the interpreter's operation.
                Subject::Path(_) => {}
            }
        }
        let depth = match path.last_wildcard() {
            Some(wildcard) => wildcard,
            None if asks_elsewhere => {
                return Err(Reason::new(
                    "its `where` asks about other members of the document",
                ));
            }
            None => {
                self.without_place(mark, step)?;
                container_depth(&step.op, segments.len())
            }
        };
        // What became of an `each` is told by its entries, unless all its containers were left alone.
        let first = segments.iter().position(Segment::is_wildcard);
        let depth = match (&step.op, first) {
            (Op::Each(_), Some(first)) => depth.min(first),
            (_, Some(_) | None) => depth,
        };
        self.island(mark, step, &path, depth)
    }

    /// `where` is asked about a place that is not there, too, and then has one answer for all documents.
    fn without_place(&mut self, mark: Marks, step: &Step) -> Result<(), Reason> {
        let filter = step.rules.filter.as_ref();
        let nothing = Judged {
            document: Some(&Value::Null),
            headers: &Headers::new(),
            key: None,
            scope: &[],
            here: Here::Missing,
        };
        let holds = filter.is_none_or(|filter| filter.holds(&nothing).unwrap_or(false));
        if !holds {
            self.left_alone_unless_asked |= mark;
        } else if matches!(step.op, Op::Add(_)) {
            return Err(Reason::new(
                "its `where` may hold for an object that is not there yet",
            ));
        }
        Ok(())
    }

    fn operation(&mut self, mark: Marks, step: &Step) -> Result<(), Reason> {
        match &step.op {
            Op::Rename(op) => self.rename(mark, step, op),
            Op::Remove(op) => self.remove(mark, step, &op.path),
            Op::Add(op) => self.add(mark, step, op),
            Op::Move(op) => {
                let (from, to, parents) = op.carried();
                self.carry(mark, step, from, to, parents, true)
            }
            Op::Copy(op) => {
                let (from, to, parents) = op.carried();
                self.carry(mark, step, from, to, parents, false)
            }
            Op::Pick(op) => self.pick(mark, step, op),
            Op::Nest(op) => self.nest(mark, step, op),
            Op::Drop(_) => Err(Reason::new("inside of a value nothing can be dropped")),
            // With the array around its element, so that both the element and its index can be looked at.
            Op::Compute(op) => match op.path().last_wildcard() {
                Some(wildcard) => self.island(mark, step, op.path(), wildcard),
                None => Err(Reason::new("it computes where there is no element")),
            },
            // The others work on values; `container_depth` must say of each how far what it does reaches.
            op => {
                let path = only_path(&step.op)?;
                let length = path.segments().ok_or_else(beside)?.len();
                self.island(mark, step, &path, container_depth(op, length))
            }
        }
    }

    /// Leaves an operation to the interpreter, on each value that the first `depth` segments of its path lead to; or on a
    /// larger one, where the path is not one of plain names before.
    fn island(&mut self, mark: Marks, step: &Step, path: &Path, depth: usize) -> Result<(), Reason> {
        // An island knows nothing of the document around it.
        if reads_document(&step.op) {
            return Err(Reason::new(
                "its expression looks at the document from inside of an element",
            ));
        }
        let segments = path.segments().ok_or_else(beside)?;
        let (ways, whole) = ways(segments)?;
        let depth = if whole { depth } else { depth.min(ways.len()) };
        if depth == 0 {
            return Err(Reason::new("it works on the names of the whole document"));
        }
        let root = self.root();
        for (cell, depth) in self.reach(root, &ways[..depth], 0)? {
            self.act(cell, mark, step, depth)?;
        }
        Ok(())
    }

    /// The value that is the document.
    const fn root(&self) -> usize {
        0
    }
}

/// Whether an operation, or one inside of it, has an expression that looks at the document.
fn reads_document(op: &Op) -> bool {
    match op {
        Op::Compute(compute) => compute.expression().reads("payload").is_some(),
        Op::Each(each) => each.steps.iter().any(|step| reads_document(&step.op)),
        _ => false,
    }
}

/// How many segments lead to the smallest value inside of which an operation does all that it does.
fn container_depth(op: &Op, length: usize) -> usize {
    let is_about_siblings = match op {
        Op::Unnest(_) | Op::Rename(_) | Op::Remove(_) | Op::Add(_) | Op::Nest(_) => true,
        Op::Split(split) => !split.into.is_empty(),
        Op::Join(join) => join.is_of_siblings(),
        Op::Move(_)
        | Op::Copy(_)
        | Op::Drop(_)
        | Op::Compute(_)
        | Op::Pick(_)
        | Op::Modify(_)
        | Op::Flatten(_)
        | Op::Expand(_)
        | Op::Wrap(_)
        | Op::Unwrap(_)
        | Op::ToEntries(_)
        | Op::FromEntries(_)
        | Op::Each(_)
        | Op::Cast(_)
        | Op::Translate(_)
        | Op::Multiply(_)
        | Op::Time(_)
        | Op::Text(_)
        | Op::Hash(_)
        | Op::Redact(_)
        | Op::Encode(_)
        | Op::Decode(_) => false,
    };
    if is_about_siblings {
        length.saturating_sub(1)
    } else {
        length
    }
}

/// The path of an operation that has one, or the first of several siblings.
fn only_path(op: &Op) -> Result<Path, Reason> {
    match op {
        Op::Move(_) | Op::Copy(_) | Op::Drop(_) => {
            return Err(Reason::new("its `where` is judged by the interpreter"));
        }
        _ => {}
    }
    op.first_path().ok_or_else(beside)
}

fn beside() -> Reason {
    Reason::new("it works on a header or the key, beside the document")
}
