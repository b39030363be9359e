//! Measures the engine beside others that do the same, in one run. See `bench/README.md` for how and why.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::print_stderr, reason = "it talks to the person who started it")]

mod chains;
mod documents;
mod measure;
mod rival;

use std::alloc::System;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use cpu_time::ThreadTime;
use dunlin_core::message::Headers;
use dunlin_core::migration::document::{Reading, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Input, LoadOptions, Migration, Options, RecordMode};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use documents::Kind;
use measure::Engine;
use rival::Rival;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many runs the medians are taken of.
const RUNS: usize = 3;
const CHAINS: [usize; 3] = [1, 5, 20];

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("compare") => {
            let program = arguments.next().context("expected the path of the rival")?;
            compare(&PathBuf::from(program))
        }
        // Nothing but messages, for a tool that counts instructions.
        Some("spin") => {
            let (kind, operations, messages) = (arguments.next(), arguments.next(), arguments.next());
            let kind = kind.and_then(|name| Kind::ALL.into_iter().find(|kind| kind.name() == name));
            spin(
                kind.context("expected the name of a document")?,
                operations.context("expected a number of operations")?.parse()?,
                messages.context("expected a number of messages")?.parse()?,
            )
        }
        _ => bail!("expected `compare RIVAL` or `spin DOCUMENT OPERATIONS MESSAGES`"),
    }
}

/// The engine with one chain over the documents of one kind.
struct Subject {
    migration: Migration,
    documents: Vec<Bytes>,
}

impl Subject {
    fn new(kind: Kind, operations: usize) -> Result<Self> {
        let file = chains::file(chains::chain(kind.is_order(), operations));
        let resolver = MemoryResolver::new().with("chain.json", file);
        let loaded = Migration::load("chain.json", &resolver, &LoadOptions::default());
        let migration = match loaded {
            Ok(loaded) => loaded.migration,
            Err(findings) => bail!("the chain does not load:\n{}", findings.render()),
        };
        let documents = kind.documents().into_iter().map(Bytes::from).collect();
        Ok(Self { migration, documents })
    }

    /// One message. The record is left out, since the rival writes none.
    fn migrate(&self, number: usize) -> Result<Option<Bytes>> {
        let payload = self.documents[number % self.documents.len()].clone();
        let input = Input {
            payload: Some(payload),
            key: None,
            headers: Headers::new(),
        };
        let options = Options {
            record: RecordMode::Ignore,
            ..Options::default()
        };
        match self.migration.migrate(black_box(input), &options) {
            Ok(migrated) => Ok(migrated.payload),
            Err(failure) => bail!("{failure}"),
        }
    }

    fn run(&self, messages: usize) -> Result<Duration> {
        let start = ThreadTime::now();
        for number in 0..messages {
            black_box(self.migrate(number)?);
        }
        Ok(start.elapsed())
    }

    /// Reading alone: what a document costs before any operation.
    fn read(&self, messages: usize) -> Result<Duration> {
        let start = ThreadTime::now();
        for number in 0..messages {
            let document = &self.documents[number % self.documents.len()];
            black_box(parse(black_box(document), &Reading::default())?);
        }
        Ok(start.elapsed())
    }
}

fn spin(kind: Kind, operations: usize, messages: usize) -> Result<()> {
    let subject = Subject::new(kind, operations)?;
    subject.run(messages)?;
    let total: usize = (0..messages)
        .map(|number| subject.documents[number % subject.documents.len()].len())
        .sum();
    println!("{total}");
    Ok(())
}

fn compare(program: &std::path::Path) -> Result<()> {
    let mut rival = Rival::start(program)?;
    println!("engine: reference interpreter · rival: {}", rival.describe()?);
    println!(
        "thread CPU time per message, median of {RUNS} runs of {} interleaved rounds",
        measure::ROUNDS
    );
    println!(
        "{:<9} {:>6} {:>4}  {:>12} {:>7}  {:>12} {:>7}  {:>11} {:>11}  {:>8} {:>9}",
        "document",
        "bytes",
        "ops",
        "engine ns",
        "spread",
        "Value ns",
        "spread",
        "Value ÷ us",
        "us ÷ read",
        "allocs",
        "MB/s"
    );
    for kind in Kind::ALL {
        for operations in CHAINS {
            row(kind, operations, &mut rival)?;
        }
    }
    Ok(())
}

fn row(kind: Kind, operations: usize, rival: &mut Rival) -> Result<()> {
    let subject = Subject::new(kind, operations)?;
    let texts = kind.documents();
    let expected = (0..texts.len())
        .map(|number| {
            subject
                .migrate(number)
                .and_then(|payload| payload.map(|bytes| bytes.to_vec()).context("no payload"))
        })
        .collect::<Result<Vec<_>>>()?;
    let chain = chains::file(chains::chain(kind.is_order(), operations));
    rival.prepare(&chain, &texts, &expected)?;

    let region = Region::new(ALLOCATOR);
    black_box(subject.migrate(0)?);
    let allocations = region.change().allocations;

    let mut runs: [Vec<f64>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    let mut spreads = [0.0_f64; 3];
    for _ in 0..RUNS {
        let mut engines: [Engine<'_>; 3] = [
            Box::new(|messages| subject.run(messages)),
            Box::new(|messages| rival.run(messages)),
            Box::new(|messages| subject.read(messages)),
        ];
        for (engine, time) in measure::interleave(&mut engines)?.into_iter().enumerate() {
            runs[engine].push(time.median);
            spreads[engine] = spreads[engine].max(time.spread);
        }
    }
    let [ours, theirs, reading] = runs.map(|figures| measure::summary(&figures).median);
    let bytes = texts.iter().map(String::len).sum::<usize>() / texts.len();
    #[expect(clippy::cast_precision_loss, reason = "a document is far below 2^53 bytes")]
    let rate = bytes as f64 / ours * 1e3;
    println!(
        "{:<9} {bytes:>6} {operations:>4}  {ours:>12.0} {:>6.1}%  {theirs:>12.0} {:>6.1}%  {:>11.2} {:>11.2}  {allocations:>8} {rate:>9.1}",
        kind.name(),
        spreads[0] * 100.0,
        spreads[1] * 100.0,
        theirs / ours,
        ours / reading,
    );
    Ok(())
}
