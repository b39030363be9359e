//! Takes messages through a program, with the interpreter behind it.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::pass::{self, Done, Scratch, Surroundings};
use super::plan::{Plan, Told};
use super::shapes::{ShapeCounts, Shapes};
use super::{Engine, Handed, Program, compile};
use crate::migration::interpret::{Input, Migrated, Options, Passage};
use crate::migration::outcome::{Change, Outcome};
use crate::migration::{Failure, Migration};

/// Takes messages through a program, one after the other. It keeps buffers, and what it has learned about the order of names:
/// one per route and shard, never shared.
#[derive(Debug)]
pub struct Worker {
    program: Arc<Program>,
    engine: Engine,
    scratch: Scratch,
    shapes: Shapes,
    /// Plans for messages that have something behind them; `None` where the rest of the chain cannot be fused.
    rest: HashMap<usize, Option<Arc<Plan>>>,
    /// For how many transformations behind a message the scratch was used last.
    last: usize,
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
    plan: &'a Plan,
    scratch: &'a Scratch,
    done: Done,
    original: &'a [u8],
}

impl<'a> Fused<'a> {
    /// The bytes that leave: those that came where no transformation was applied.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        if self.is_applied() {
            self.scratch.result(&self.done)
        } else {
            self.original
        }
    }

    /// Whether a transformation was applied.
    #[must_use]
    pub fn is_applied(&self) -> bool {
        self.done.changed != 0
    }

    /// What each transformation did, in order.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.plan.outcomes.iter().map(|told| self.change(*told))
    }

    fn change(&self, told: Told) -> Change {
        let done = &self.done;
        let (kept_errors, kept_targets) = match told {
            Told::By(marks) => self.scratch.kept(marks),
            Told::Skipped(_) => (0, 0),
        };
        Change {
            outcome: told.outcome(done.changed, done.unchanged, done.left_alone),
            kept_errors,
            kept_targets,
        }
    }
}

impl Worker {
    /// As many entry points as are compiled; messages at others go to the interpreter.
    const MOST_PLANS: usize = 16;
    /// The least room that is asked for at once for results.
    const ARENA: usize = 64 * 1024;

    /// A worker with empty buffers.
    #[must_use]
    pub fn new(program: Arc<Program>, engine: Engine) -> Self {
        Self {
            program,
            engine,
            scratch: Scratch::default(),
            shapes: Shapes::default(),
            rest: HashMap::new(),
            last: 0,
            arena: BytesMut::new(),
            handoffs: Handoffs::default(),
        }
    }

    /// The same, without comparing objects with those that came before: the generic tier alone. The results are the same.
    #[must_use]
    pub fn without_shapes(mut self) -> Self {
        self.shapes.switch_off();
        self
    }

    /// How often objects had the shape of those that came before, so far.
    #[must_use]
    pub fn shape_counts(&self) -> ShapeCounts {
        self.shapes.counts()
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

    /// Takes a message through the migration, as [`Migration::migrate`] does.
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
            .migrate_by(input, options, &mut |payload, from| {
                self.pass_through(payload, from, options)
            });
        if self.handoffs == before {
            // There was nothing for the pass to do: no payload, or nothing left of the chain.
            self.handoffs.interpreted += 1;
        }
        migrated
    }

    /// Takes the document of a message that has nothing behind it through the chain, and nothing else: no record, no headers.
    /// `None`: the interpreter must take it. Once the buffers have grown, this allocates nothing.
    pub fn transform<'a>(&'a mut self, payload: &'a [u8], options: &Options<'_>) -> Option<Fused<'a>> {
        let done = self.run(payload, 0, options)?;
        let plan = self.program.plan.as_deref()?;
        Some(Fused {
            plan,
            scratch: &self.scratch,
            done,
            original: payload,
        })
    }

    fn pass_through(&mut self, payload: &Bytes, from: usize, options: &Options<'_>) -> Option<Passage> {
        let done = self.run(payload, from, options)?;
        let plan = self.plan(from)?;
        let fused = Fused {
            plan: &plan,
            scratch: &self.scratch,
            done,
            original: payload,
        };
        let changes: Vec<Change> = fused.changes().collect();
        let applied = changes.iter().any(|change| change.outcome == Outcome::Applied);
        let payload = applied.then(|| {
            let bytes = fused.bytes();
            if self.arena.capacity() < bytes.len() {
                self.arena = BytesMut::with_capacity(Self::ARENA.max(bytes.len()));
            }
            self.arena.extend_from_slice(bytes);
            self.arena.split().freeze()
        });
        Some(Passage { payload, changes })
    }

    fn run(&mut self, payload: &[u8], from: usize, options: &Options<'_>) -> Option<Done> {
        let plan = self.plan(from);
        let Some(plan) = plan.filter(|_| self.has_secrets(options)) else {
            self.handoffs.interpreted += 1;
            return None;
        };
        if self.last != from {
            self.scratch.forget();
            self.shapes.forget();
            self.last = from;
        }
        let done = attempt(&plan, payload, options, &mut self.scratch, &self.shapes);
        match done {
            Ok(done) => {
                self.shapes
                    .accept(&plan, payload, done.tally, &self.scratch.strange);
                self.handoffs.fused += 1;
                Some(done)
            }
            Err(Handed) => {
                self.handoffs.restarted += 1;
                None
            }
        }
    }

    fn plan(&mut self, from: usize) -> Option<Arc<Plan>> {
        if from == 0 {
            return self.program.plan.clone();
        }
        if !self.rest.contains_key(&from) && self.rest.len() >= Self::MOST_PLANS {
            return None;
        }
        let migration: &Migration = &self.program.migration;
        let compile = || {
            compile::compile(migration.transformations(), from)
                .ok()
                .map(Arc::new)
        };
        self.rest.entry(from).or_insert_with(compile).clone()
    }

    /// A secret that is missing is a failure even where no value is hashed.
    fn has_secrets(&self, options: &Options<'_>) -> bool {
        let mut all = self.program.secrets.iter();
        all.all(|name| options.secrets.secret(name).is_some())
    }
}

fn attempt(
    plan: &Plan,
    payload: &[u8],
    options: &Options<'_>,
    scratch: &mut Scratch,
    shapes: &Shapes,
) -> Result<Done, Handed> {
    if payload.len() > options.limits.size || simdutf8::basic::from_utf8(payload).is_err() {
        return Err(Handed);
    }
    let around = Surroundings {
        secrets: options.secrets,
        limits: options.limits,
    };
    pass::run(plan, payload, around, scratch, shapes)
}
