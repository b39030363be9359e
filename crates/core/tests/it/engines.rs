//! The fused engine and the reference interpreter come to the same: bytes (white space aside), outcomes, failures.
//!
//! Pairs of a document and a chain are made by the generator of the laws, which is hostile, and by one that lets chains go well;
//! and each chain gets further documents that are damaged. `DUNLIN_PAIRS` tries another number, `DUNLIN_MINUTES` goes on for so long, `DUNLIN_FIRST` begins elsewhere, and
//! `DUNLIN_SEED=<seed>` tries the pairs of one seed again.

#![allow(
    clippy::print_stdout,
    reason = "the counts are what a reader of the log wants to see"
)]

mod agreement;
mod damage;
mod mild;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dunlin_core::message::Headers;
use dunlin_core::migration::Input;
use proptest::prelude::*;

use crate::laws::chance::Chance;
use crate::laws::pair::{Entry, Pair, load};
use crate::laws::{generate, shrink};
use agreement::{Both, Path, shown};

/// Pairs that every run of the tests tries: a million, since some chains are refused.
const PAIRS: u64 = 1_013_000;
/// The first seed of a run; those of a run follow each other.
const FIRST: u64 = 61_122_000_000;
/// Pairs of one hostile seed: the message twice, since something is learned from it, and damaged ones.
const OF_A_SEED: u64 = 8;
/// So many of ten seeds are mild, with twice as many pairs.
const MILD: u64 = 7;
const OF_A_MILD_SEED: u64 = 16;
const THREADS: u64 = 2;
/// At least so many in a hundred pairs must have been fused, or nothing was tried.
const LEAST_FUSED: u64 = 15;

/// How many pairs went which way.
#[derive(Debug, Default)]
struct Ways {
    fused: u64,
    restarted: u64,
    interpreted: u64,
    /// Chains that do not load.
    refused: u64,
}

impl Ways {
    fn count(&mut self, path: Path) {
        *match path {
            Path::Fused => &mut self.fused,
            Path::Restarted => &mut self.restarted,
            Path::Interpreted => &mut self.interpreted,
        } += 1;
    }

    fn add(&mut self, other: &Self) {
        self.fused += other.fused;
        self.restarted += other.restarted;
        self.interpreted += other.interpreted;
        self.refused += other.refused;
    }

    fn all(&self) -> u64 {
        self.fused + self.restarted + self.interpreted
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn both_engines_come_to_the_same_for_every_pair_of_a_document_and_a_chain() {
    if let Some(seed) = number("DUNLIN_SEED") {
        attempt(seed, &mut Ways::default()).unwrap_or_else(|report| panic!("{report}"));
        return;
    }
    let started = Instant::now();
    let first = number("DUNLIN_FIRST").unwrap_or(FIRST);
    let minutes = number("DUNLIN_MINUTES").map(|minutes| Duration::from_secs(60 * minutes));
    let of_ten = MILD * OF_A_MILD_SEED + (10 - MILD) * OF_A_SEED;
    let seeds = (number("DUNLIN_PAIRS").unwrap_or(PAIRS) * 10).div_ceil(of_ten);
    println!("seeds from {first}");
    let work = |worker: u64| {
        let mut ways = Ways::default();
        for index in (worker..).step_by(usize::try_from(THREADS).expect("a few threads")) {
            let over = match minutes {
                Some(minutes) => started.elapsed() >= minutes,
                None => index >= seeds,
            };
            if over {
                break;
            }
            attempt(first + index, &mut ways)?;
        }
        Ok(ways)
    };
    let results: Vec<Result<Ways, String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| scope.spawn(move || work(worker)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("nothing panics"))
            .collect()
    });
    let mut all = Ways::default();
    for result in results {
        all.add(&result.unwrap_or_else(|report| panic!("{report}")));
    }
    println!(
        "{} pairs in {:.1} s: {} fused to the end, {} handed on the way, {} interpreted from the start; {} chains refused",
        all.all(),
        started.elapsed().as_secs_f64(),
        all.fused,
        all.restarted,
        all.interpreted,
        all.refused
    );
    assert!(
        all.fused * 100 >= all.all() * LEAST_FUSED,
        "too few were fused: {all:?}"
    );
    assert!(
        all.refused * 200 <= all.all(),
        "too many chains were refused: {all:?}"
    );
}

/// The pairs of a seed.
fn attempt(seed: u64, ways: &mut Ways) -> Result<(), String> {
    if seed % 10 < MILD {
        mild_pairs(seed, ways)
    } else {
        hostile_pairs(seed, ways)
    }
}

/// A chain with several documents, some of them damaged or with white space.
fn mild_pairs(seed: u64, ways: &mut Ways) -> Result<(), String> {
    let chance = &mut Chance::new(seed);
    let chain = mild::chain(chance);
    // A few are refused: they would put a value into itself.
    let Ok(mut both) = Both::load(&chain) else {
        ways.refused += 1;
        return Ok(());
    };
    for number in 0..OF_A_MILD_SEED {
        let mut document = mild::document(chance).into_bytes();
        if number % 4 == 3 {
            document = damage::damaged(&document, chance);
        }
        let mut headers = Headers::new();
        if chance.percent(50) {
            headers.append("kind", chance.pick(&["x", "z"]).as_bytes().to_vec());
        }
        let input = Input {
            payload: Some(Bytes::from(document.clone())),
            headers,
            ..Input::default()
        };
        match both.agree(&input) {
            Ok(path) => ways.count(path),
            Err(difference) => {
                let document = shown(&document);
                return Err(format!("seed {seed}: {difference}\n{chain}\n{document}"));
            }
        }
    }
    Ok(())
}

fn hostile_pairs(seed: u64, ways: &mut Ways) -> Result<(), String> {
    let pair = generate(seed).map_err(|findings| format!("seed {seed}: {findings}"))?;
    let mut both = both(&pair).map_err(|findings| format!("seed {seed}: {findings}"))?;
    let input = pair.message.input(pair.spaced);
    for _ in 0..2 {
        match both.agree(&input) {
            Ok(path) => ways.count(path),
            Err(difference) => return Err(report(seed, pair, &difference)),
        }
    }
    let mut chance = Chance::new(seed ^ 0x0dab_a6ed);
    let document = input.payload.clone().unwrap_or_default();
    for _ in 2..OF_A_SEED {
        let damaged = damage::damaged(&document, &mut chance);
        let input = Input {
            payload: Some(Bytes::from(damaged.clone())),
            ..input.clone()
        };
        match both.agree(&input) {
            Ok(path) => ways.count(path),
            Err(difference) => {
                let damaged = shown(&damaged);
                return Err(format!("seed {seed}: {difference}\n{pair}\ndamaged: {damaged}"));
            }
        }
    }
    Ok(())
}

fn both(pair: &Pair) -> Result<Both, String> {
    let texts: Vec<String> = pair.chain.iter().map(Entry::to_json).collect();
    load(&texts).map(Both::of)
}

/// The smallest pair about which the engines differ, if it is smaller at all.
fn report(seed: u64, pair: Pair, difference: &str) -> String {
    let differs = |pair: &Pair| -> Option<String> {
        let mut both = both(pair).ok()?;
        let input = pair.message.input(pair.spaced);
        (0..2).find_map(|_| both.agree(&input).err())
    };
    let smallest = shrink::smallest(pair, &|pair| differs(pair).is_some());
    let difference = differs(&smallest).unwrap_or_else(|| difference.to_owned());
    format!("seed {seed}: {difference}\n{smallest}")
}

/// A file or folder of the data that others wrote, or none where it is not there.
fn data(name: &str) -> Option<PathBuf> {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::var_os("DUNLIN_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        println!("skipped: {name} is not in the folder of test data");
        return None;
    }
    Some(path)
}

/// The documents through all chains, as they are and damaged.
fn through_all_chains<'a>(documents: impl Iterator<Item = (String, &'a [u8])>, damaged: usize) -> Ways {
    let mut chains = agreement::chains();
    let mut ways = Ways::default();
    let mut chance = Chance::new(17);
    for (name, document) in documents {
        for (number, both) in chains.iter_mut().enumerate() {
            // Twice as they are, so that the damaged ones are met with the shapes of those that are whole.
            both.forget();
            let damaged = (0..damaged).map(|_| damage::damaged(document, &mut chance));
            for document in std::iter::repeat_n(document.to_vec(), 2).chain(damaged) {
                let input = Input {
                    payload: Some(Bytes::from(document.clone())),
                    ..Input::default()
                };
                match both.agree(&input) {
                    Ok(path) => ways.count(path),
                    Err(difference) => {
                        panic!("{name}, chain {number}: {difference}\n{}", shown(&document))
                    }
                }
            }
        }
    }
    println!("{ways:?}");
    ways
}

#[test]
fn both_engines_read_every_file_of_the_test_suite_alike() {
    let Some(folder) = data("json-test-suite/test_parsing") else {
        return;
    };
    let files: BTreeMap<String, Vec<u8>> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), fs::read(&path).unwrap())
        })
        .collect();
    assert!(files.len() >= 300, "{}", files.len());
    // As they are, and as a member that no operation names: then the pass goes on behind them.
    let wrapped: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(name, document)| {
            let wrapped = [b"{\"a\":\"x\",\"untouched\":", document.as_slice(), b",\"id\":1}"].concat();
            (format!("{name} as a member"), wrapped)
        })
        .collect();
    let documents = files
        .iter()
        .map(|(name, document)| (name.clone(), document.as_slice()));
    let wrapped = wrapped
        .iter()
        .map(|(name, document)| (name.clone(), document.as_slice()));
    let ways = through_all_chains(documents.chain(wrapped), 1);
    assert!(ways.fused > 500, "{ways:?}");
}

#[test]
fn both_engines_come_to_the_same_for_documents_out_of_life() {
    let mut lines = Vec::new();
    for (name, every) in [("github-webhooks.ndjson", 5), ("twitter-statuses.ndjson", 10)] {
        let Some(path) = data(name) else { return };
        let text = fs::read_to_string(path).unwrap();
        for (number, line) in text.lines().enumerate().step_by(every) {
            lines.push((format!("{name}:{}", number + 1), line.to_owned()));
        }
    }
    let documents = lines.iter().map(|(name, line)| (name.clone(), line.as_bytes()));
    let ways = through_all_chains(documents, 1);
    assert!(ways.fused > 500, "{ways:?}");
}

/// What the fuzz targets have found to take ways of their own.
#[test]
fn both_engines_come_to_the_same_for_the_corpus_of_the_fuzz_targets() {
    let corpus = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files = |target: &str| -> Vec<Vec<u8>> {
        let folder = fs::read_dir(corpus.join(target)).unwrap();
        folder
            .map(|entry| fs::read(entry.unwrap().path()).unwrap())
            .collect()
    };
    let (documents, with_chains, pairs) = (files("document"), files("chain"), files("shape"));
    assert!(!documents.is_empty() && !with_chains.is_empty() && !pairs.is_empty());
    for bytes in &documents {
        agreement::document(bytes);
    }
    for bytes in &with_chains {
        agreement::chain(bytes);
    }
    for bytes in &pairs {
        agreement::taught(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The twin of the fuzz target `document`, where there is no fuzzer.
    #[test]
    fn both_engines_come_to_the_same_for_any_bytes(
        chain in any::<u8>(),
        pieces in proptest::collection::vec(
            prop_oneof![
                4 => "[{}\\[\\]:,]",
                3 => "\"(a|b|c|id|lines|x_y|\\\\u0061|é)?\"",
                2 => "-?[0-9]{1,3}(\\.[0-9]{1,2})?([eE][+-]?[0-9])?",
                2 => "true|false|null",
                1 => "[ \\n\\t\\r]{1,3}",
                1 => ".{0,3}",
            ],
            0..40,
        ),
    ) {
        let mut bytes = vec![chain];
        bytes.extend(pieces.concat().into_bytes());
        agreement::document(&bytes);
    }

    /// The twin of the fuzz target `shape`: documents in turns, whole and with a few bytes changed.
    #[test]
    fn both_engines_come_to_the_same_with_what_another_document_has_taught(
        chain in any::<u8>(),
        seed in any::<u64>(),
        is_damaged in any::<bool>(),
    ) {
        let chance = &mut Chance::new(seed);
        let known = mild::document(chance).replace('\n', " ").into_bytes();
        let other = if is_damaged {
            damage::damaged(&known, chance)
        } else {
            mild::document(chance).into_bytes()
        };
        let bytes = [&[chain], known.as_slice(), b"\n", other.as_slice()].concat();
        agreement::taught(&bytes);
    }

    /// The twin of the fuzz target `chain`.
    #[test]
    fn both_engines_come_to_the_same_for_any_chain(
        operations in proptest::collection::vec(operation(), 1..6),
        document in object(),
    ) {
        let bytes = format!("{{\"transformations\":[{}]}}\n{document}", operations.join(","));
        agreement::chain(bytes.as_bytes());
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")]
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec((name(), any::<bool>()), 1..4).prop_map(|parts| {
        let last = parts.len() - 1;
        let parts = parts.iter().enumerate().map(|(index, (name, elements))| {
            let elements = if *elements && index < last { "[*]" } else { "" };
            format!("{name}{elements}")
        });
        parts.collect::<Vec<_>>().join(".")
    })
}

/// Few names and short paths, so that operations meet each other's members again and again.
fn operation() -> impl Strategy<Value = String> {
    prop_oneof![
        (path(), name()).prop_map(|(path, to)| format!(r#"{{"rename":"{path}","to":"{to}"}}"#)),
        path().prop_map(|path| format!(r#"{{"remove":"{path}"}}"#)),
        (path(), any::<bool>()).prop_map(|(path, replace)| {
            let rule = if replace { r#","if_present":"replace""# } else { "" };
            format!(r#"{{"add":"{path}","value":{{"b":1}}{rule}}}"#)
        }),
        (path(), path()).prop_map(|(from, to)| format!(r#"{{"move":"{from}","to":"{to}"}}"#)),
        (path(), path()).prop_map(|(from, to)| format!(r#"{{"copy":"{from}","to":"{to}"}}"#)),
        path().prop_map(|path| format!(r#"{{"cast":"{path}","to":"string","on_mismatch":"skip"}}"#)),
        path().prop_map(|path| {
            format!(r#"{{"translate":"{path}","values":[[1,"one"],["x",2]],"on_mismatch":"skip"}}"#)
        }),
        (path(), name()).prop_map(|(path, name)| format!(
            r#"{{"remove":"{path}","where":{{"{name}":{{"exists":true}}}}}}"#
        )),
    ]
}

/// An object of few names, so that chains hit.
fn object() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("null".to_owned()),
        Just("\"x\"".to_owned()),
        Just("-0.50".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |value| {
        prop_oneof![
            proptest::collection::vec((name(), value.clone()), 0..4).prop_map(|members| written(&members)),
            proptest::collection::vec(value, 0..3).prop_map(|elements| format!("[{}]", elements.join(" ,"))),
        ]
    });
    proptest::collection::vec((name(), value), 0..5).prop_map(|members| written(&members))
}

fn written(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}
