//! The way of messages through a chain: what they are asked, and the passes they take.
//!
//! Which operations a chain comes to may depend on the message. So a course is a tree that grows with the messages: behind
//! each question stands what has to be done if it holds and if it does not, compiled when the first message gets there.

use std::sync::Arc;

use super::ask::{Evaluated, Question};
use super::compile::draft::{Draft, Next};
use super::names::Order;
use super::plan::{Plan, Told};
use super::shapes::Shapes;
use super::wanted::Wanted;
use crate::migration::chain::Transformation;
use crate::migration::op::Step;

/// What has to be done next.
#[derive(Debug)]
pub(super) enum Stage {
    /// Goes on with one of two stages.
    Ask {
        question: Question,
        wanted: Wanted,
        /// Where the answer is no, and where it is yes; `None` before the first message has come there.
        answers: [Option<usize>; 2],
        draft: Box<Draft>,
    },
    /// Headers or the key.
    Beside {
        step: Arc<Step>,
        wanted: Wanted,
        next: usize,
    },
    /// A value that the next pass is given.
    Value {
        value: Evaluated,
        wanted: Wanted,
        next: usize,
    },
    /// An operation that the interpreter performs on the whole document.
    Whole {
        step: Arc<Step>,
        next: usize,
    },
    Pass {
        plan: Box<Known>,
        next: usize,
    },
    /// The end, and how the outcomes are told. The message may be dropped with a reason.
    End {
        told: Vec<Told>,
        dropped: Option<String>,
    },
    /// The interpreter takes such messages.
    Interpreted,
}

/// A plan, and the order in which names came on it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) plan: Plan,
    /// One for each node.
    pub(super) orders: Vec<Order>,
    /// What is known of the objects that came. It never decides.
    pub(super) shapes: Shapes,
}

/// The stages for messages that have the same number of transformations behind them.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) stages: Vec<Stage>,
    /// Where messages begin.
    pub(super) start: usize,
    from: usize,
    has_shapes: bool,
}

impl Course {
    /// As many stages are compiled; messages that would need more go to the interpreter.
    const MOST_STAGES: usize = 1024;

    pub(super) fn new(transformations: &[Transformation], from: usize, has_shapes: bool) -> Self {
        let mut course = Self {
            stages: Vec::new(),
            start: 0,
            from,
            has_shapes,
        };
        course.start = course.grow(Draft::new(), transformations);
        course
    }

    /// The stage behind an answer, which is compiled if nobody has come there before.
    pub(super) fn behind(&mut self, stage: usize, holds: bool, transformations: &[Transformation]) -> usize {
        let Some(Stage::Ask { answers, draft, .. }) = self.stages.get(stage) else {
            return self.interpreted();
        };
        if let Some(next) = answers[usize::from(holds)] {
            return next;
        }
        let mut draft = (**draft).clone();
        draft.answer(holds);
        let next = self.grow(draft, transformations);
        if let Some(Stage::Ask { answers, .. }) = self.stages.get_mut(stage) {
            answers[usize::from(holds)] = Some(next);
        }
        next
    }

    fn interpreted(&mut self) -> usize {
        self.put(Stage::Interpreted)
    }

    fn put(&mut self, stage: Stage) -> usize {
        self.stages.push(stage);
        self.stages.len() - 1
    }

    /// Compiles up to the next question, and gives the first of the stages.
    fn grow(&mut self, mut draft: Draft, transformations: &[Transformation]) -> usize {
        if self.stages.len() >= Self::MOST_STAGES {
            // The last of them is one of these, or becomes one.
            return match self.stages.last() {
                Some(Stage::Interpreted) => self.stages.len() - 1,
                _ => self.interpreted(),
            };
        }
        let Ok(next) = draft.advance(transformations, self.from) else {
            return self.interpreted();
        };
        let stage = match next {
            Next::Ask(question, wanted) => Stage::Ask {
                question,
                wanted,
                answers: [None; 2],
                draft: Box::new(draft),
            },
            Next::Beside(step, wanted) => Stage::Beside {
                step,
                wanted,
                next: self.grow(draft, transformations),
            },
            Next::Value(value, wanted) => Stage::Value {
                value,
                wanted,
                next: self.grow(draft, transformations),
            },
            Next::Whole(step) => Stage::Whole {
                step,
                next: self.grow(draft, transformations),
            },
            Next::Pass(plan) => Stage::Pass {
                plan: Known::new(plan, self.has_shapes),
                next: self.grow(draft, transformations),
            },
            Next::Last(plan, told, dropped) => Stage::Pass {
                plan: Known::new(plan, self.has_shapes),
                next: self.put(Stage::End { told, dropped }),
            },
        };
        self.put(stage)
    }
}

impl Known {
    fn new(plan: Plan, has_shapes: bool) -> Box<Self> {
        let mut orders = Vec::new();
        orders.resize_with(plan.nodes.len(), Order::default);
        let mut shapes = Shapes::default();
        // A shape passes over what nobody names by its place, but rules hold there.
        if !has_shapes || !plan.rules.all.is_empty() {
            shapes.switch_off();
        }
        Box::new(Self { plan, orders, shapes })
    }
}
