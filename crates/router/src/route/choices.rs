//! The migrations of a route, and the atomic pointer behind which they can be replaced while it runs.
//!
//! A message keeps the migrations that stood here when it was first received, through all its attempts; a swap touches only
//! messages that are received later. Replacing never waits for a message, and no message waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use dunlin_core::message::Message;
use dunlin_core::migration::fused::{Program, Worker};
use dunlin_core::migration::{Awaited, Failure, Input, Migrated, Migration, Options, Outcome, SkipReason};

use crate::plan::{MigrationChoice, RoutePlan};
use crate::progress::{Progress, TransformationCounts};

/// The migrations of a running route, to be replaced by whoever holds this.
#[derive(Clone, Debug)]
pub struct Migrations {
    current: Arc<ArcSwap<Choices>>,
    progress: Arc<Progress>,
}

/// What a message is judged by, whole: it is replaced as one.
#[derive(Debug)]
pub(super) struct Choices(Vec<Choice>);

/// One migration, with what is said and counted of it.
#[derive(Debug)]
pub(super) struct Choice {
    plan: MigrationChoice,
    /// `name@length:hash`, as dead letters say it.
    pub(super) chain: Arc<str>,
    /// The first 16 digits of the hash, as reports say it.
    pub(super) hash: String,
    counts: Arc<TransformationCounts>,
    /// A route judges one message at a time, so that nobody waits here.
    worker: Mutex<Worker>,
}

/// Which migration a message takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chosen<'a> {
    /// This one.
    One(&'a Choice),
    /// None of them fits.
    Unmatched,
    /// There are none.
    Bridge,
}

impl Migrations {
    pub(crate) fn of(plan: &RoutePlan, progress: &Arc<Progress>) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(Choices::new(&plan.migrations, progress))),
            progress: Arc::clone(progress),
        }
    }

    /// Takes these migrations for every message that is received from now on.
    ///
    /// Not promised: that they were checked against what the route allows. Who replaces them has planned them.
    pub fn replace(&self, migrations: &[MigrationChoice]) {
        self.current
            .store(Arc::new(Choices::new(migrations, &self.progress)));
    }

    /// What stands there now; read once for each message.
    pub(super) fn now(&self) -> Arc<Choices> {
        self.current.load_full()
    }
}

impl Choices {
    fn new(migrations: &[MigrationChoice], progress: &Progress) -> Self {
        Self(
            migrations
                .iter()
                .map(|plan| Choice::new(plan.clone(), progress))
                .collect(),
        )
    }

    /// What a registry must be asked for before a message with this payload can be migrated, whichever it takes.
    pub(super) fn awaits(&self, payload: &Bytes) -> Option<Awaited> {
        self.0
            .iter()
            .find_map(|choice| choice.migration().awaits(Some(payload)))
    }

    /// The first whose condition holds.
    ///
    /// # Errors
    /// A condition that fails, or what is wrong with the payload that it had to read.
    pub(super) fn choose(&self, message: &Message, plan: &RoutePlan) -> Result<Chosen<'_>, Failure> {
        for choice in &self.0 {
            let holds = match &choice.plan.when {
                Some(condition) => condition.holds(message, &plan.limits)?,
                None => true,
            };
            if holds {
                return Ok(Chosen::One(choice));
            }
        }
        Ok(if self.0.is_empty() {
            Chosen::Bridge
        } else {
            Chosen::Unmatched
        })
    }
}

impl Choice {
    fn new(plan: MigrationChoice, progress: &Progress) -> Self {
        let migration = &plan.migration;
        let ids = migration.transformations().iter().map(|one| one.id().to_owned());
        let chain = migration.chain_id();
        let counts = TransformationCounts::new(migration.name(), chain.as_str(), ids);
        Self {
            counts: progress.counting(counts),
            chain: chain.into(),
            worker: Mutex::new(Worker::new(
                Arc::new(Program::compile(Arc::clone(migration))),
                plan.engine,
            )),
            hash: migration
                .chain_hash(migration.length())
                .map(|hash| hash.short())
                .unwrap_or_default(),
            plan,
        }
    }

    pub(super) fn migration(&self) -> &Migration {
        &self.plan.migration
    }

    /// Takes a message through the migration.
    ///
    /// # Errors
    /// As the migration itself.
    pub(super) fn migrate(&self, input: Input, options: &Options<'_>) -> Result<Migrated, Failure> {
        // A worker begins every message anew, also after one at which it panicked.
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        worker.migrate(input, options)
    }

    /// Counts what a transformation did.
    pub(super) fn count(&self, index: usize, outcome: Outcome) {
        let matched = match outcome {
            Outcome::Applied | Outcome::Unchanged | Outcome::Dropped => Some(true),
            Outcome::Absent | Outcome::Skipped(SkipReason::Condition) => Some(false),
            Outcome::Skipped(SkipReason::AlreadyApplied | SkipReason::Flagged | SkipReason::Restored) => None,
        };
        self.counts.add(index, outcome.name(), matched);
    }

    /// Counts the transformation that failed, if it was one.
    pub(super) fn count_failure(&self, failure: &Failure) {
        if let Some(blamed) = &failure.transformation {
            self.counts.add(blamed.index, "failed", None);
        }
    }
}
