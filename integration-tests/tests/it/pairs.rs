//! Every pair of systems, on real servers: what is written at one end by its own client is read at the other end by that
//! end's own client, with a migration, a report and a dead letter in between.
//!
//! Each pair also carries messages of every shape there and back over two plain bridges, after which they must be equal.
//! `DUNLIN_PAIR_MESSAGES` says how many messages each pair carries.

pub(crate) mod amqp;
pub(crate) mod broker;
pub(crate) mod corpus;
pub(crate) mod file;
pub(crate) mod item;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
pub(crate) mod nats;
pub(crate) mod redis;
mod run;
pub(crate) mod running;

use std::sync::Mutex;
use std::time::Instant;

use broker::systems;
use run::{Counted, Pair, carry};
use running::block_on;

/// How many pairs run at a time: each has a process of its own, and the servers are shared.
const AT_A_TIME: usize = 4;

fn messages() -> usize {
    let text = std::env::var("DUNLIN_PAIR_MESSAGES");
    text.map_or(5_000, |text| {
        text.parse().expect("DUNLIN_PAIR_MESSAGES is a number")
    })
}

/// All pairs, and for each system its own channel, but where settling would delete what was just sent there.
fn pairs() -> Vec<Pair> {
    let systems = systems();
    let mut pairs = Vec::new();
    for from in &systems {
        for to in &systems {
            pairs.push(Pair {
                from,
                to,
                same_channel: false,
            });
        }
        if *from != "amqp" {
            pairs.push(Pair {
                from,
                to: from,
                same_channel: true,
            });
        }
    }
    let only = std::env::var("DUNLIN_PAIRS").unwrap_or_default();
    pairs.retain(|pair| only.is_empty() || only.split(',').any(|name| name == pair.name()));
    pairs
}

impl Pair {
    fn name(self) -> String {
        let Self { from, to, .. } = self;
        if self.same_channel {
            format!("{from}={to}")
        } else {
            format!("{from}-{to}")
        }
    }
}

#[test]
fn every_pair_of_systems_carries_every_message_and_loses_none() {
    let messages = messages();
    let waiting = Mutex::new(pairs().into_iter());
    let results: Mutex<Vec<(Pair, Result<Counted, String>)>> = Mutex::new(Vec::new());
    let next = || waiting.lock().expect("no thread panics with it").next();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(pair) = next() {
                    let carried = block_on(carry(pair, messages)).map_err(|error| format!("{error:#}"));
                    results
                        .lock()
                        .expect("no thread panics with it")
                        .push((pair, carried));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panicked");
    results.sort_by_key(|(pair, _)| pair.name());
    println!(
        "| pair | sent | target | of them untouched | dead letter | dropped | reports | copies | there and back | s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (pair, counted) in &results {
        let Ok(it) = counted else { continue };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.1} |",
            pair.name(),
            it.sent,
            it.target,
            it.untouched,
            it.dead,
            it.dropped,
            it.reports,
            it.copies,
            it.round,
            it.took.as_secs_f64()
        );
    }
    println!(
        "{} pairs in {:.0} s",
        results.len(),
        begun.elapsed().as_secs_f64()
    );
    let failed: Vec<String> = results
        .iter()
        .filter_map(|(pair, counted)| Some(format!("{}: {}", pair.name(), counted.as_ref().err()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    for (pair, counted) in &results {
        let copies = counted.as_ref().map_or(0, |counted| counted.copies);
        assert_eq!(
            copies,
            0,
            "{}: nothing failed, so nothing may come twice",
            pair.name()
        );
    }
}
