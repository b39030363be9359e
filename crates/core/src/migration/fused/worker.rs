//! Takes messages through a program, with the interpreter behind it.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::ask::{self, Message};
use super::course::{Course, Stage};
use super::pass::{Scratch, Surroundings};
use super::plan::Told;
use super::shapes::ShapeCounts;
use super::{Engine, Handed, Program};
use crate::message::Headers;
use crate::migration::Failure;
use crate::migration::interpret::{Beside, Input, Migrated, Options, Passage};
use crate::migration::outcome::{Change, Outcome};

/// Takes messages through a program, one after the other. It keeps buffers, and what it has learned about the order of names:
/// one per route and shard, never shared.
#[derive(Debug)]
pub struct Worker {
    program: Arc<Program>,
    engine: Engine,
    scratch: Scratch,
    /// By how many transformations are behind a message.
    courses: Vec<(usize, Course)>,
    has_shapes: bool,
    arena: BytesMut,
    handoffs: Handoffs,
}

/// How many messages were taken by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handoffs {
    /// By the fused pass, to the end.
    pub fused: u64,
    /// By the interpreter after the fused pass had begun and had no exact answer.
    pub restarted: u64,
    /// By the interpreter from the start.
    pub interpreted: u64,
}

/// A document as the fused pass leaves it. It borrows the buffers of its worker.
#[derive(Debug)]
pub struct Fused<'a> {
    told: &'a [Told],
    scratch: &'a Scratch,
    original: &'a [u8],
    is_dropped: bool,
}

impl<'a> Fused<'a> {
    /// The bytes that leave: those that came where no transformation has touched the document, or one has dropped it.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        let made = self.scratch.document().filter(|_| !self.is_dropped);
        made.unwrap_or(self.original)
    }

    /// What each transformation did, in order; nothing of those behind one that drops the message.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.told.iter().map(|told| self.scratch.change(*told))
    }
}

impl Worker {
    /// As many entry points as are compiled; messages at others go to the interpreter.
    const MOST_COURSES: usize = 16;
    /// The least room that is asked for at once for results.
    const ARENA: usize = 64 * 1024;

    /// A worker with empty buffers.
    #[must_use]
    pub fn new(program: Arc<Program>, engine: Engine) -> Self {
        Self {
            program,
            engine,
            scratch: Scratch::default(),
            courses: Vec::new(),
            has_shapes: true,
            arena: BytesMut::new(),
            handoffs: Handoffs::default(),
        }
    }

    /// The same, without comparing objects with those that came before: the generic tier alone. The results are the same.
    #[must_use]
    pub fn without_shapes(mut self) -> Self {
        self.has_shapes = false;
        self
    }

    /// How often objects had the shape of those that came before, so far.
    #[must_use]
    pub fn shape_counts(&self) -> ShapeCounts {
        let mut all = ShapeCounts::default();
        for (_, course) in &self.courses {
            for stage in &course.stages {
                if let Stage::Pass { plan, .. } = stage {
                    all.add(plan.shapes.counts());
                }
            }
        }
        all
    }

    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// How many messages were taken by whom, so far.
    #[must_use]
    pub const fn handoffs(&self) -> Handoffs {
        self.handoffs
    }

    /// Takes a message through the migration, as [`Migration::migrate`](crate::migration::Migration::migrate) does.
    ///
    /// # Errors
    /// The same.
    pub fn migrate(&mut self, input: Input, options: &Options<'_>) -> Result<Migrated, Failure> {
        if self.engine == Engine::Interpreter || self.program.whole.is_some() {
            self.handoffs.interpreted += 1;
            return self.program.migration.migrate(input, options);
        }
        let before = self.handoffs;
        let program = Arc::clone(&self.program);
        let migrated = program
            .migration
            .migrate_by(input, options, &mut |input, payload, from| {
                self.pass_through(input, payload, from, options)
            });
        if self.handoffs == before {
            // There was nothing for the pass to do: no payload, or nothing left of the chain.
            self.handoffs.interpreted += 1;
        }
        migrated
    }

    /// Takes the document of a message that has nothing behind it through the chain: no record is read or written, and what
    /// becomes of headers and key is not told. `None`: the interpreter must take it. Once the buffers have grown, this
    /// allocates nothing, unless operations ask for headers, the key or the value of an expression.
    pub fn transform<'a>(
        &'a mut self,
        payload: &'a [u8],
        headers: &Headers,
        key: Option<&Bytes>,
        options: &Options<'_>,
    ) -> Option<Fused<'a>> {
        let message = Message {
            bytes: payload,
            headers,
            key,
        };
        let (course, end, _) = self.run(message, 0, options)?;
        let Stage::End { told, dropped } = self.courses[course].1.stages.get(end)? else {
            return None;
        };
        Some(Fused {
            is_dropped: dropped.is_some(),
            told,
            scratch: &self.scratch,
            original: payload,
        })
    }

    fn pass_through(
        &mut self,
        input: &Input,
        payload: &Bytes,
        from: usize,
        options: &Options<'_>,
    ) -> Option<Passage> {
        let message = Message {
            bytes: payload,
            headers: &input.headers,
            key: input.key.as_ref(),
        };
        let (course, end, beside) = self.run(message, from, options)?;
        let Stage::End { told, dropped } = self.courses[course].1.stages.get(end)? else {
            return None;
        };
        let scratch = &self.scratch;
        let changes: Vec<Change> = told.iter().map(|told| scratch.change(*told)).collect();
        let payload = scratch
            .document()
            .filter(|_| changes.iter().any(|change| change.outcome == Outcome::Applied))
            .map(|bytes| {
                if self.arena.capacity() < bytes.len() {
                    self.arena = BytesMut::with_capacity(Self::ARENA.max(bytes.len()));
                }
                self.arena.extend_from_slice(bytes);
                self.arena.split().freeze()
            });
        Some(Passage {
            payload,
            changes,
            beside,
            dropped: dropped.clone(),
        })
    }

    /// Takes a message to the end of its course, and counts by whom it was taken. Gives the course, the stage at which the
    /// message has ended, and headers and key if an operation has worked on them.
    fn run(
        &mut self,
        message: Message<'_>,
        from: usize,
        options: &Options<'_>,
    ) -> Option<(usize, usize, Option<Beside>)> {
        let is_fused = self.program.is_fused() && self.has_secrets(options);
        let Some(number) = self.course(from).filter(|_| is_fused) else {
            self.handoffs.interpreted += 1;
            return None;
        };
        let course = &mut self.courses[number].1;
        match attempt(course, &mut self.scratch, &self.program, message, options) {
            Ok(Some((end, beside))) => {
                self.handoffs.fused += 1;
                Some((number, end, beside))
            }
            Ok(None) => {
                self.handoffs.interpreted += 1;
                None
            }
            Err(Handed) => {
                self.handoffs.restarted += 1;
                None
            }
        }
    }

    /// The course of messages that have this much behind them, which is compiled if there is none yet and room for it.
    fn course(&mut self, from: usize) -> Option<usize> {
        if let Some(number) = self.courses.iter().position(|(own, _)| *own == from) {
            return Some(number);
        }
        if self.courses.len() >= Self::MOST_COURSES {
            return None;
        }
        let course = Course::new(self.program.migration.transformations(), from, self.has_shapes);
        self.courses.push((from, course));
        Some(self.courses.len() - 1)
    }

    /// A secret that is missing is a failure even where no value is hashed.
    fn has_secrets(&self, options: &Options<'_>) -> bool {
        let mut all = self.program.secrets.iter();
        all.all(|name| options.secrets.secret(name).is_some())
    }
}

/// Takes a message from stage to stage. `None`: such messages are the interpreter's.
fn attempt(
    course: &mut Course,
    scratch: &mut Scratch,
    program: &Program,
    message: Message<'_>,
    options: &Options<'_>,
) -> Result<Option<(usize, Option<Beside>)>, Handed> {
    let transformations = program.migration.transformations();
    let original = message.bytes;
    if original.len() > options.limits.size || simdutf8::basic::from_utf8(original).is_err() {
        return Err(Handed);
    }
    scratch.clear();
    let mut beside: Option<Beside> = None;
    let mut at = course.start;
    loop {
        let (headers, key) = match &beside {
            Some(beside) => (&beside.headers, beside.key.as_ref()),
            None => (message.headers, message.key),
        };
        let now = Message {
            bytes: scratch.document().unwrap_or(original),
            headers,
            key,
        };
        let Some(stage) = course.stages.get_mut(at) else {
            return Ok(None);
        };
        match stage {
            Stage::Ask {
                question,
                wanted,
                answers,
                ..
            } => {
                let holds = question.holds(wanted, &now)?;
                at = match answers[usize::from(holds)] {
                    Some(next) => next,
                    None => course.behind(at, holds, transformations),
                };
            }
            Stage::Beside { step, wanted, next } => {
                let (change, headers, key) =
                    ask::beside(step, wanted, &now, (options.secrets, options.limits))?;
                scratch.besides.push(change);
                beside = Some(Beside { headers, key });
                at = *next;
            }
            Stage::Value { value, wanted, next } => {
                let value = value.value(wanted, &now)?;
                scratch.values.push(value);
                at = *next;
            }
            Stage::Whole { step, next } => {
                let (change, made) = ask::whole(step, &now, (options.secrets, options.limits))?;
                scratch.besides.push(change);
                if let Some(made) = made {
                    scratch.put_document(&made);
                }
                at = *next;
            }
            Stage::Pass { plan, next } => {
                let around = Surroundings {
                    secrets: options.secrets,
                    limits: options.limits,
                    headers,
                    key,
                };
                scratch.pass(plan, original, around)?;
                at = *next;
            }
            Stage::End { .. } => return Ok(Some((at, beside))),
            Stage::Interpreted => return Ok(None),
        }
    }
}
