//! A chain on its way to a course: where the message must be asked, and where one pass must end and another begin.
//!
//! A draft goes on until something must be known that only the message can tell. A pass ends where the next operation needs
//! more than names tell about what the pass makes: behind it that is a document like any other.

use std::sync::Arc;

use super::super::ask::{self, Evaluated, Question};
use super::super::plan::{Plan, Told};
use super::super::wanted::Wanted;
use super::places::{Way, ways};
use super::shape::Shape;
use super::{Reason, beside};
use crate::migration::chain::Transformation;
use crate::migration::condition::Where;
use crate::migration::context::Rules;
use crate::migration::op::{Compute, Op, Step};
use crate::migration::outcome::{Outcome, SkipReason};
use crate::migration::path::{Path, Segment};

/// How far the conditions of a transformation have been asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    When,
    Both,
    /// And whether there is a place for the operation at all.
    Place,
}

/// A chain, compiled up to some transformation.
#[derive(Debug, Clone)]
pub(in super::super) struct Draft {
    shape: Shape,
    next: usize,
    asked: Asked,
    /// What was asked last is whether there is a place.
    asks_place: bool,
    told: Vec<Told>,
    /// How many passes, changes beside the document and values there have been; the values are those of this pass alone.
    passes: usize,
    besides: usize,
    values: usize,
}

/// What comes next.
#[derive(Debug)]
pub(in super::super) enum Next {
    /// The answer must be given to the draft.
    Ask(Question, Wanted),
    /// An operation on headers or the key.
    Beside(Arc<Step>, Wanted),
    /// A value that the next pass is given.
    Value(Evaluated, Wanted),
    /// An operation that the interpreter performs on the whole document.
    Whole(Arc<Step>),
    /// A pass, behind which the chain goes on.
    Pass(Plan),
    /// The last pass, and what is known of each transformation. The message may be dropped with a reason.
    Last(Plan, Vec<Told>, Option<String>),
}

impl Draft {
    pub(in super::super) fn new() -> Self {
        Self {
            shape: Shape::new(),
            next: 0,
            asked: Asked::Nothing,
            asks_place: false,
            told: Vec::new(),
            passes: 0,
            besides: 0,
            values: 0,
        }
    }

    /// Answers what was asked last.
    pub(in super::super) fn answer(&mut self, holds: bool) {
        if !holds {
            let skipped = Outcome::Skipped(SkipReason::Condition);
            self.tell(Told::Known(if self.asks_place {
                Outcome::Absent
            } else {
                skipped
            }));
            return;
        }
        self.asked = match self.asked {
            Asked::Nothing => Asked::When,
            Asked::When | Asked::Both | Asked::Place if self.asks_place => Asked::Place,
            Asked::When | Asked::Both | Asked::Place => Asked::Both,
        };
    }

    /// Goes on behind a pass: behind its end, or behind a `drop` for the messages that stay.
    pub(super) fn go_on(&mut self) {
        self.passes += 1;
        self.values = 0;
    }

    /// Leaves out a transformation that cannot be compiled, to see what else there is.
    pub(super) fn leave_out(&mut self) {
        self.tell(Told::Known(Outcome::Absent));
    }

    fn tell(&mut self, told: Told) {
        self.told.push(told);
        self.next += 1;
        self.asked = Asked::Nothing;
        self.asks_place = false;
    }

    /// Goes on to what must be done before the rest can be compiled.
    ///
    /// # Errors
    /// A transformation that cannot be compiled, by its index, and why.
    pub(in super::super) fn advance(
        &mut self,
        transformations: &[Transformation],
        from: usize,
    ) -> Result<Next, (usize, Reason)> {
        while let Some(transformation) = transformations.get(self.next) {
            if self.next < from {
                self.tell(Told::Known(Outcome::Skipped(SkipReason::AlreadyApplied)));
                continue;
            }
            if transformation.flagged() {
                self.tell(Told::Known(Outcome::Skipped(SkipReason::Flagged)));
                continue;
            }
            match self.transformation(transformation) {
                Ok(None) => {}
                Ok(Some(next)) => return Ok(next),
                // Behind a pass of its own everything is as it came.
                Err(_) if !self.shape.is_blank() => {
                    self.go_on();
                    let shape = std::mem::replace(&mut self.shape, Shape::new());
                    return Ok(Next::Pass(shape.into_plan()));
                }
                Err(reason) => return Err((self.next, reason)),
            }
        }
        Ok(self.last(None))
    }

    fn last(&mut self, dropped: Option<String>) -> Next {
        let shape = std::mem::replace(&mut self.shape, Shape::new());
        Next::Last(shape.into_plan(), std::mem::take(&mut self.told), dropped)
    }

    fn transformation(&mut self, transformation: &Transformation) -> Result<Option<Next>, Reason> {
        let action = &transformation.action;
        if self.asked == Asked::Nothing {
            if let Some(when) = &action.when {
                return self.ask(Question::When(when.clone())).map(Some);
            }
            self.asked = Asked::When;
        }
        let mut step = action.step.clone();
        if let Some(filter) = message_wide(&step)? {
            if self.asked == Asked::When {
                return self.ask(Question::Where(filter)).map(Some);
            }
            step.rules = Arc::new(Rules {
                filter: None,
                ..(*step.rules).clone()
            });
        }
        match &step.op {
            Op::Drop(_) if step.rules.filter.is_some() => Err(own_condition()),
            Op::Drop(drop) => {
                self.tell(Told::Known(Outcome::Dropped));
                Ok(Some(self.last(Some(drop.reason().to_owned()))))
            }
            op if is_beside(op)? => {
                let wanted = ask::read_by(&step);
                let refused = "it changes what an earlier transformation looks at";
                if self.shape.sees_message {
                    return Err(Reason::new(refused));
                }
                self.expect_as_it_came(&wanted, refused)?;
                let told = Told::Beside(self.besides);
                self.besides += 1;
                self.tell(told);
                Ok(Some(Next::Beside(Arc::new(step), wanted)))
            }
            Op::Compute(compute) if compute.path().last_wildcard().is_none() => {
                if step.rules.filter.is_some() {
                    return Err(own_condition());
                }
                self.compute(&step, compute).map(Some)
            }
            op if is_rare(op, &step) => self.whole(step).map(Some),
            _ => {
                let marks = self.attempt(|shape| shape.step(&step))?;
                self.tell(Told::By {
                    pass: self.passes,
                    marks,
                });
                Ok(None)
            }
        }
    }

    fn ask(&mut self, question: Question) -> Result<Next, Reason> {
        let wanted = question.wanted();
        self.expect_as_it_came(&wanted, "its condition asks about a value that has changed")?;
        Ok(Next::Ask(question, wanted))
    }

    /// Refuses what looks at values that are no longer as they came.
    fn expect_as_it_came(&mut self, wanted: &Wanted, otherwise: &'static str) -> Result<(), Reason> {
        self.attempt(|shape| {
            if shape.is_as_it_came(0, wanted)? {
                Ok(())
            } else {
                Err(Reason::new(otherwise))
            }
        })
    }

    /// Does something to the shape. What is refused half-way has left names and marks there, and they are forgotten again.
    fn attempt<T>(&mut self, change: impl FnOnce(&mut Shape) -> Result<T, Reason>) -> Result<T, Reason> {
        let before = self.shape.clone();
        let done = change(&mut self.shape);
        if done.is_err() {
            self.shape = before;
        }
        done
    }

    /// An operation that needs to know all names of the document, in the few messages that have a place for it.
    fn whole(&mut self, step: Step) -> Result<Next, Reason> {
        if self.asked != Asked::Place {
            let places = paths(&step.op).iter().map(names_of).collect();
            self.asks_place = true;
            let asked = self.ask(Question::There(places));
            self.asks_place = asked.is_ok();
            return asked;
        }
        if !self.shape.is_blank() {
            return Err(Reason::new("it needs to know all names of the document"));
        }
        self.tell(Told::Beside(self.besides));
        self.besides += 1;
        Ok(Next::Whole(Arc::new(step)))
    }

    /// A value that is the same wherever the pass puts it, and known before.
    fn compute(&mut self, step: &Step, compute: &Compute) -> Result<Next, Reason> {
        let segments = compute.path().segments().ok_or_else(beside)?;
        let (ways, is_plain) = ways(segments)?;
        let names: Option<Vec<String>> = ways
            .iter()
            .map(|way| match way {
                Way::Name(name) => Some(name.clone()),
                Way::Elements => None,
            })
            .collect();
        let (true, Some(names)) = (is_plain && !ways.is_empty(), names) else {
            return Err(Reason::new("it computes at a place that depends on the document"));
        };
        let value = Evaluated::of(compute, &names);
        let wanted = value.wanted();
        self.expect_as_it_came(&wanted, "it computes with a value that has changed")?;
        let place = self.values;
        let marks = self.attempt(|shape| {
            let mark = shape.next_mark()?;
            if step.rules.strict {
                shape.strict |= mark;
            }
            shape.compute(mark, &ways, compute, place)?;
            Ok(mark)
        })?;
        self.values += 1;
        self.tell(Told::By {
            pass: self.passes,
            marks,
        });
        Ok(Next::Value(value, wanted))
    }
}

/// The condition of an operation that has one answer for the whole message.
fn message_wide(step: &Step) -> Result<Option<Where>, Reason> {
    let Some(filter) = &step.rules.filter else {
        return Ok(None);
    };
    let (here, document, message) = ask::subjects(filter);
    let paths = paths(&step.op);
    let is_beside = !paths.is_empty() && !paths.iter().any(Path::is_document);
    if paths.iter().any(|path| path.last_wildcard().is_some()) || !(document || message) {
        return Ok(None);
    }
    if here && (document || !is_beside) {
        return Err(Reason::new(
            "its `where` asks about the place itself and about what is around it",
        ));
    }
    Ok((!here).then(|| filter.clone()))
}

fn own_condition() -> Reason {
    Reason::new("its `where` asks about the place itself")
}

/// Whether an operation works on headers and the key alone.
fn is_beside(op: &Op) -> Result<bool, Reason> {
    let paths = paths(op);
    let outside = paths.iter().filter(|path| !path.is_document()).count();
    if outside == 0 {
        Ok(false)
    } else if outside == paths.len() {
        Ok(true)
    } else {
        Err(Reason::new(
            "it takes a value between the document and what is beside it",
        ))
    }
}

/// Whether an operation cannot be fused even with nothing before it, and does nothing where none of its paths, which are of
/// names alone, leads to a value.
fn is_rare(op: &Op, step: &Step) -> bool {
    let is_absent_then = match op {
        Op::Unnest(_) | Op::Split(_) => true,
        Op::Join(join) => join.is_of_siblings(),
        _ => false,
    };
    let is_plain = |path: &Path| {
        let segments = path.segments().unwrap_or_default();
        !segments.is_empty() && segments.iter().all(|segment| matches!(segment, Segment::Name(_)))
    };
    is_absent_then
        && !step.rules.strict
        && step.rules.filter.is_none()
        && paths(op).iter().all(is_plain)
        && Shape::new().step(step).is_err()
}

/// The names of a path that has nothing else.
fn names_of(path: &Path) -> Vec<String> {
    let segments = path.segments().unwrap_or_default();
    let names = segments.iter().filter_map(|segment| match segment {
        Segment::Name(name) => Some(name.as_str().to_owned()),
        _ => None,
    });
    names.collect()
}

/// All paths of an operation.
fn paths(op: &Op) -> Vec<Path> {
    let all = std::cell::RefCell::new(Vec::new());
    let _ = op.elsewhere(&|path| {
        all.borrow_mut().push(path.clone());
        path.clone()
    });
    all.into_inner()
}
