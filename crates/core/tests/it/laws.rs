//! Laws that hold for every message and every chain, tried on a hundred thousand pairs.
//!
//! A pair is made from its seed alone: a document with everything in it that a chain may stumble over, and a chain whose
//! paths are sampled from the document as it is by then, so that they hit. When a law does not hold, the smallest pair that
//! still breaks it is printed, with the seed: `DUNLIN_SEED=<seed>` tries that one pair again. `DUNLIN_FIRST` and
//! `DUNLIN_PAIRS` try others and more.
//! What can happen to each operation stands in a table, and each of its cells must have happened often enough.

pub(crate) mod chance;
mod checks;
mod documents;
mod operations;
pub(crate) mod pair;
mod places;
pub(crate) mod shrink;
mod table;
mod touched;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use chance::Chance;
use checks::Broken;
use pair::Pair;
use table::Hits;

const PAIRS: u64 = 100_000;

/// The first seed of a run; the pairs of a run have seeds that follow each other.
const FIRST: u64 = 20_261_122_000_000;

/// Threads that try pairs at the same time.
const THREADS: u64 = 2;

/// The name of those threads.
const WORKER: &str = "laws";

#[test]
fn the_laws_hold_for_a_hundred_thousand_pairs_of_a_message_and_a_chain() {
    if let Ok(seed) = std::env::var("DUNLIN_SEED") {
        let seed = seed
            .parse()
            .expect("DUNLIN_SEED is the number that a failed run has printed");
        println!("{}", generate(seed).unwrap());
        assert!(attempt(seed, &mut Hits::default()).is_none_or(|report| panic!("{report}")));
        return;
    }
    let pairs =
        std::env::var("DUNLIN_PAIRS").map_or(PAIRS, |pairs| pairs.parse().expect("DUNLIN_PAIRS is a count"));
    report_own_panics();
    let started = Instant::now();
    let (hits, reports) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                let thread = std::thread::Builder::new().name(WORKER.to_owned());
                thread
                    .spawn_scoped(scope, move || work(worker, pairs))
                    .expect("a thread can be started")
            })
            .collect();
        let mut all = Hits::default();
        let mut reports = Vec::new();
        for worker in workers {
            let (hits, found) = worker.join().expect("panics of pairs are caught");
            all.add(hits);
            reports.extend(found);
        }
        (all, reports)
    });
    let (table, missing) = hits.table();
    println!(
        "{table}{pairs} pairs from seed {} in {:.1} s",
        first(),
        started.elapsed().as_secs_f64()
    );
    assert!(reports.is_empty(), "{}", reports.join("\n"));
    let unexpected = hits.unexpected();
    assert!(unexpected.is_empty(), "not in the table: {unexpected:?}");
    assert!(
        missing.is_empty() || pairs < PAIRS,
        "hit too seldom:\n{}",
        missing.join("\n")
    );
}

fn first() -> u64 {
    std::env::var("DUNLIN_FIRST").map_or(FIRST, |first| first.parse().expect("DUNLIN_FIRST is a number"))
}

/// Tries every second pair, until enough are broken to look at.
fn work(worker: u64, pairs: u64) -> (Hits, Vec<String>) {
    const ENOUGH: usize = 12;
    let mut hits = Hits::default();
    let mut reports: Vec<String> = Vec::new();
    let mut laws: Vec<&'static str> = Vec::new();
    for index in (worker..pairs).step_by(usize::try_from(THREADS).expect("a few threads")) {
        if let Some((law, report)) = attempt_law(first() + index, &mut hits) {
            // One report tells more than fifty of the same law.
            if laws.iter().filter(|known| **known == law).count() < 3 {
                reports.push(report);
            }
            laws.push(law);
        }
        if reports.len() >= ENOUGH {
            break;
        }
    }
    (hits, reports)
}

fn attempt(seed: u64, hits: &mut Hits) -> Option<String> {
    attempt_law(seed, hits).map(|(_, report)| report)
}

fn attempt_law(seed: u64, hits: &mut Hits) -> Option<(&'static str, String)> {
    let pair = match quietly(|| generate(seed)) {
        Ok(Ok(pair)) => pair,
        Ok(Err(refused)) => {
            return Some((
                "what is written is loaded",
                format!("seed {seed}: refused\n{refused}"),
            ));
        }
        Err(panic) => {
            return Some((
                "nothing panics",
                format!("seed {seed}: panicked while it was made: {panic}"),
            ));
        }
    };
    let broken = judge(&pair, seed, hits)?;
    let law = broken.law;
    let breaks =
        |pair: &Pair| judge(pair, seed, &mut Hits::default()).is_some_and(|broken| broken.law == law);
    let smallest = shrink::smallest(pair, &breaks);
    let how = judge(&smallest, seed, &mut Hits::default()).map_or(broken.how, |broken| broken.how);
    Some((law, format!("seed {seed}: broken: {law}\n{how}\n{smallest}")))
}

fn judge(pair: &Pair, seed: u64, hits: &mut Hits) -> Option<Broken> {
    match quietly(|| checks::check(pair, seed, hits)) {
        Ok(law) => law.err(),
        Err(panic) => Some(Broken {
            law: "nothing panics",
            how: panic,
        }),
    }
}

thread_local! {
    /// Where the panic that was caught last came from.
    static PANICKED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics of the threads that try pairs are caught and reported once; all others are printed as ever.
fn report_own_panics() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() == Some(WORKER) {
            PANICKED.with(|panicked| *panicked.borrow_mut() = info.to_string());
        } else {
            others(info);
        }
    }));
}

fn quietly<T>(judge: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(judge)).map_err(|_| PANICKED.with(|panicked| panicked.take()))
}

/// The pair of a seed. Each transformation is sampled from the message as those before it have left it.
pub(crate) fn generate(seed: u64) -> Result<Pair, String> {
    let chance = &mut Chance::new(seed);
    let message = documents::message(chance);
    let spaced = chance.percent(30);
    let mut chain = Vec::new();
    let mut now = message.clone();
    for _ in 0..1 + chance.below(4) {
        // What happens inside of `each` counts for it alone.
        let operation = if chance.percent(4) {
            "each"
        } else {
            chance.pick(&operations::OPERATIONS)
        };
        let mut entry = operations::transformation(operation, &now, chance);
        let after =
            checks::after(&entry, &now).map_err(|findings| format!("{}\n{findings}", entry.to_json()))?;
        let flagged = chance.percent(4);
        if flagged {
            entry.put_text("status", "applied");
        }
        chain.push(entry);
        match after {
            Some(after) if !flagged => now = after,
            Some(_) => {}
            None => break,
        }
    }
    let cut = chance.below(chain.len() + 1);
    Ok(Pair {
        message,
        spaced,
        chain,
        cut,
    })
}
