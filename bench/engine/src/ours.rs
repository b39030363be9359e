//! The engine as it is measured: each way to do the work of one message, and how often it had to do it another way.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use cpu_time::ThreadTime;
use dunlin_core::message::Headers;
use dunlin_core::migration::fused::{self, Engine, Handoffs, Program, ShapeCounts, Worker};
use dunlin_core::migration::{Input, Limits, Migrated, Migration, Options, Outcome, RecordMode};

use crate::cases::Case;
use crate::contestant::Contestant;

/// A case, and what our contestants keep from message to message.
pub(crate) struct Ours {
    migration: Arc<Migration>,
    messages: Vec<(Bytes, Headers)>,
    generic: Worker,
    shape: Worker,
    whole: Worker,
    program: Arc<Program>,
}

/// The code path that is taken for long strings here.
pub(crate) fn vectors() -> &'static str {
    fused::instructions()
}

/// The record is left out, since the rivals write none.
fn options() -> Options<'static> {
    Options {
        record: RecordMode::Ignore,
        ..Options::default()
    }
}

/// What leaves, by the reference interpreter.
pub(crate) fn expected(case: &Case) -> Result<Vec<Bytes>> {
    case.messages
        .iter()
        .map(|(document, headers)| {
            let migrated = interpret(&case.migration, document, headers)?;
            Ok(migrated.payload.unwrap_or_default())
        })
        .collect()
}

fn input(document: &Bytes, headers: &Headers) -> Input {
    Input {
        payload: Some(document.clone()),
        key: None,
        headers: headers.clone(),
    }
}

fn interpret(migration: &Migration, document: &Bytes, headers: &Headers) -> Result<Migrated> {
    match migration.migrate(black_box(input(document, headers)), &options()) {
        Ok(migrated) => Ok(migrated),
        Err(failure) => bail!("{failure}"),
    }
}

impl Ours {
    pub(crate) fn of(case: &Case) -> Result<Self> {
        ensure!(!case.messages.is_empty(), "{} has no messages", case.name);
        let migration = Arc::new(case.migration.clone());
        let program = Arc::new(Program::compile(Arc::clone(&migration)));
        Ok(Self {
            migration,
            messages: case.messages.clone(),
            generic: Worker::new(Arc::clone(&program), Engine::Fused).without_shapes(),
            shape: Worker::new(Arc::clone(&program), Engine::Fused),
            whole: Worker::new(Arc::clone(&program), Engine::Fused),
            program,
        })
    }

    /// Those of ours that take part.
    pub(crate) fn contestants(&self) -> Vec<Contestant> {
        let mut all = Contestant::OURS.to_vec();
        if !self.program.is_fused() {
            // They would be the interpreter under other names.
            all.retain(|one| {
                matches!(
                    one,
                    Contestant::Whole | Contestant::Validate | Contestant::Interpreter
                )
            });
        }
        all
    }

    /// What a contestant makes of a message; none where it makes nothing.
    pub(crate) fn output(&mut self, contestant: Contestant, number: usize) -> Result<Option<Bytes>> {
        let (document, headers) = &self.messages[number % self.messages.len()];
        let payload = match contestant {
            Contestant::Generic | Contestant::Shape | Contestant::Outcomes => {
                let worker = if contestant == Contestant::Shape {
                    &mut self.shape
                } else {
                    &mut self.generic
                };
                match worker.transform(document, headers, None, &options()) {
                    Some(done) => Some(Bytes::copy_from_slice(done.bytes())),
                    None => interpret(&self.migration, document, headers)?.payload,
                }
            }
            Contestant::Whole => match self.whole.migrate(input(document, headers), &options()) {
                Ok(migrated) => migrated.payload,
                Err(failure) => bail!("{failure}"),
            },
            Contestant::Interpreter => interpret(&self.migration, document, headers)?.payload,
            Contestant::Validate => return Ok(None),
            Contestant::Ignored | Contestant::Value | Contestant::Simd | Contestant::Sonic => {
                bail!("{} is not ours", contestant.name())
            }
        };
        Ok(Some(payload.unwrap_or_default()))
    }

    /// The work of one message.
    pub(crate) fn migrate(&mut self, contestant: Contestant, number: usize) -> Result<()> {
        let (document, headers) = &self.messages[number % self.messages.len()];
        match contestant {
            Contestant::Generic | Contestant::Shape | Contestant::Outcomes => {
                let worker = if contestant == Contestant::Shape {
                    &mut self.shape
                } else {
                    &mut self.generic
                };
                let Some(done) = worker.transform(black_box(document), headers, None, &options()) else {
                    black_box(interpret(&self.migration, document, headers)?);
                    return Ok(());
                };
                if contestant == Contestant::Outcomes {
                    let applied = done.changes().filter(|change| change.outcome == Outcome::Applied);
                    black_box(applied.count());
                }
                black_box(done.bytes());
            }
            Contestant::Whole => {
                match self
                    .whole
                    .migrate(black_box(input(document, headers)), &options())
                {
                    Ok(migrated) => drop(black_box(migrated)),
                    Err(failure) => bail!("{failure}"),
                }
            }
            Contestant::Validate => {
                let is_document = fused::is_document(black_box(document), &Limits::default());
                ensure!(black_box(is_document), "message {number} is no document");
            }
            Contestant::Interpreter => drop(black_box(interpret(&self.migration, document, headers)?)),
            Contestant::Ignored | Contestant::Value | Contestant::Simd | Contestant::Sonic => {
                bail!("{} is not ours", contestant.name())
            }
        }
        Ok(())
    }

    /// The processor time of this many messages, one after the other.
    pub(crate) fn run(&mut self, contestant: Contestant, messages: usize) -> Result<Duration> {
        let start = ThreadTime::now();
        for number in 0..messages {
            self.migrate(contestant, number)?;
        }
        Ok(start.elapsed())
    }

    /// How many messages the fused pass could not take to the end.
    pub(crate) fn handed(&mut self) -> Result<usize> {
        let before = self.whole.handoffs();
        for number in 0..self.messages.len() {
            self.migrate(Contestant::Whole, number)?;
        }
        let Handoffs {
            restarted,
            interpreted,
            ..
        } = self.whole.handoffs();
        let handed = restarted - before.restarted + interpreted - before.interpreted;
        Ok(usize::try_from(handed)?)
    }

    /// Why the chain is not fused as a whole.
    pub(crate) fn unfused(&self) -> Vec<String> {
        let own = self.program.unfused().iter().map(ToString::to_string);
        own.chain(self.program.unfused_as_a_whole().map(str::to_owned))
            .collect()
    }

    /// What tiers tell of themselves.
    pub(crate) fn counters(&self) -> BTreeMap<Contestant, String> {
        let mut counters = BTreeMap::new();
        let Handoffs {
            fused,
            restarted,
            interpreted,
        } = self.whole.handoffs();
        if restarted + interpreted > 0 {
            counters.insert(
                Contestant::Whole,
                format!("fused {fused}, restarted {restarted}, interpreted {interpreted}"),
            );
        }
        let ShapeCounts {
            met,
            missed,
            learned,
            switched_off,
        } = self.shape.shape_counts();
        if met + missed > 0 {
            counters.insert(
                Contestant::Shape,
                format!(
                    "members met {met}, missed {missed}; messages learned from {learned}; switched off {switched_off} times"
                ),
            );
        }
        counters
    }
}
