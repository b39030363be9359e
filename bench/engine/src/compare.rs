//! All contestants over all cases, in one run, taking turns.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use dunlin_core::migration::document::{Reading, parse};
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::cases::Case;
use crate::contestant::Contestant;
use crate::measure::{self, Engine, Time};
use crate::ours::{self, Ours};
use crate::rival::Rival;

/// How many runs the medians are taken of.
pub(crate) const RUNS: usize = 3;

/// What was measured of one case.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) operations: usize,
    pub(crate) bytes: usize,
    pub(crate) times: BTreeMap<Contestant, Time>,
    /// Allocations of all messages of the case, once each, after warm-up.
    pub(crate) allocations: BTreeMap<Contestant, usize>,
    /// How many of those messages the fused engine handed to the interpreter, and why not all were fused.
    pub(crate) handed: usize,
    pub(crate) messages: usize,
    pub(crate) unfused: Vec<String>,
    pub(crate) counters: BTreeMap<Contestant, String>,
}

impl Row {
    /// Nanoseconds of one message.
    pub(crate) fn time(&self, contestant: Contestant) -> Option<f64> {
        self.times.get(&contestant).map(|time| time.median)
    }

    /// How many times as long one takes as another.
    pub(crate) fn ratio(&self, one: Contestant, other: Contestant) -> Option<f64> {
        Some(self.time(one)? / self.time(other)?)
    }
}

/// Measures a case, after everybody has shown to do the same.
pub(crate) fn measure(case: &Case, rival: &mut Rival, rivals: &[Contestant]) -> Result<Row> {
    let expected = ours::expected(case)?;
    if !rivals.is_empty() {
        let documents = case.messages.iter().map(|(document, _)| document.as_ref());
        rival.prepare(&case.chain, documents, &expected)?;
    }

    let mut ours = Ours::of(case)?;
    let own: Vec<Contestant> = ours.contestants();
    let mut allocations = BTreeMap::new();
    for &contestant in &own {
        for (number, expected) in expected.iter().enumerate() {
            if let Some(output) = ours.output(contestant, number)? {
                ensure!(
                    meaning(&output)? == meaning(expected)?,
                    "{}, {} operations, message {number}: {} does something else than the reference interpreter",
                    case.name,
                    case.operations,
                    contestant.title()
                );
            }
        }
        // Twice, so that everything that is learned has been learned.
        for number in 0..2 * expected.len() {
            ours.migrate(contestant, number)?;
        }
        let region = Region::new(ALLOCATOR);
        for number in 0..expected.len() {
            ours.migrate(contestant, number)?;
        }
        let change = region.change();
        allocations.insert(contestant, change.allocations + change.reallocations);
    }

    let all: Vec<Contestant> = own.into_iter().chain(rivals.iter().copied()).collect();
    let (ours, rival) = (RefCell::new(ours), RefCell::new(rival));
    let mut figures: BTreeMap<Contestant, (Vec<f64>, f64)> = BTreeMap::new();
    for _ in 0..RUNS {
        let mut engines: Vec<Engine<'_>> = Vec::new();
        for &contestant in &all {
            let (ours, rival) = (&ours, &rival);
            engines.push(if contestant.is_rival() {
                Box::new(move |messages| rival.borrow_mut().run(contestant.name(), messages))
            } else {
                Box::new(move |messages| ours.borrow_mut().run(contestant, messages))
            });
        }
        for (contestant, time) in all.iter().zip(measure::interleave(&mut engines)?) {
            let (medians, spread) = figures.entry(*contestant).or_default();
            medians.push(time.median);
            *spread = spread.max(time.spread);
        }
    }
    let times = figures.into_iter().map(|(contestant, (medians, spread))| {
        let median = measure::summary(&medians).median;
        (contestant, Time { median, spread })
    });
    let mut ours = ours.into_inner();
    Ok(Row {
        name: case.name,
        operations: case.operations,
        bytes: case.bytes(),
        times: times.collect(),
        allocations,
        handed: ours.handed()?,
        messages: case.messages.len(),
        unfused: ours.unfused(),
        counters: ours.counters(),
    })
}

/// The document without white space, and every token as it is spelled.
fn meaning(document: &[u8]) -> Result<String> {
    let value = parse(document, &Reading::default()).context("what leaves cannot be read")?;
    Ok(value.to_json())
}
