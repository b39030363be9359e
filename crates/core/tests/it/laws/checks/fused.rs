//! The fused engine gives what the interpreter gives: the same document, outcomes, headers, key and failures.

use std::sync::Arc;

use dunlin_core::migration::document::{Reading, parse};
use dunlin_core::migration::fused::{Engine, Program, Worker};
use dunlin_core::migration::{Failure, Limits, Migrated, Migration, Options, RecordMode};

use super::{Broken, Law, OneSecret, hold};
use crate::laws::pair::{Entry, Pair, load};

const LAW: &str = "the fused engine gives what the interpreter gives";

/// Judges the chain, and what is left of it without the transformations that keep it from being fused.
pub(super) fn same(pair: &Pair, migration: &Migration) -> Law {
    let program = Program::compile(Arc::new(migration.clone()));
    let unfused: Vec<_> = program.unfused().iter().map(|one| one.index).collect();
    through(pair, &Arc::new(program))?;
    if unfused.is_empty() {
        return Ok(());
    }
    let rest: Vec<_> = pair
        .chain
        .iter()
        .enumerate()
        .filter(|(index, _)| !unfused.contains(index))
        .map(|(_, entry)| Entry::to_json(entry))
        .collect();
    if rest.is_empty() {
        return Ok(());
    }
    let rest = load(&rest).map_err(|findings| Broken {
        law: LAW,
        how: findings,
    })?;
    let program = Program::compile(Arc::new(rest));
    hold(LAW, program.unfused().is_empty(), || {
        format!(
            "a part of the chain is not fused, for other reasons: {:?}",
            program.unfused()
        )
    })?;
    through(pair, &Arc::new(program))
}

fn through(pair: &Pair, program: &Arc<Program>) -> Law {
    let mut worker = Worker::new(Arc::clone(program), Engine::Fused);
    let options = Options {
        record: RecordMode::Trust,
        limits: Limits::default(),
        secrets: &OneSecret,
    };
    // The second time with what was learned from the first.
    for spaced in [pair.spaced, false, false] {
        let input = pair.message.input(spaced);
        let expected = shown(program.migration().migrate(input.clone(), &options));
        let fused = shown(worker.migrate(input, &options));
        hold(LAW, fused == expected, || {
            let chain: Vec<_> = program
                .migration()
                .transformations()
                .iter()
                .map(|one| one.canonical())
                .collect();
            format!(
                "of the chain\n{}\nthe interpreter made\n{expected}\nand the fused engine\n{fused}",
                chain.join("\n")
            )
        })?;
    }
    Ok(())
}

/// Everything about a message that leaves, white space in its document aside.
fn shown(result: Result<Migrated, Failure>) -> String {
    let migrated = match result {
        Ok(migrated) => migrated,
        Err(failure) => return format!("{failure:?}"),
    };
    let payload = migrated
        .payload
        .map(|bytes| match parse(&bytes, &Reading::default()) {
            Ok(document) => document.to_json(),
            Err(error) => format!("no document: {error}"),
        });
    let headers: Vec<_> = migrated.headers.iter().collect();
    format!(
        "{payload:?}\n{:?} {headers:?}\n{:?} {} {:?} {:?}",
        migrated.key, migrated.disposition, migrated.from, migrated.changes, migrated.validations
    )
}
