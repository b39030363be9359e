//! The migration of `config/webhooks` over webhooks that nobody on this project wrote.

use std::collections::BTreeMap;

use bytes::Bytes;
use dunlin_core::envelope;
use dunlin_core::migration::{Input, LoadOptions, Migration, Options, Outcome};
use dunlin_integration_tests::{data, root};
use dunlin_router::files::ProjectFiles;

/// Every webhook as it would arrive; none where the folder of real documents is missing.
fn webhooks() -> Option<Vec<Input>> {
    let path = data("github-webhooks.ndjson")?;
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let inputs: Vec<Input> = text
        .lines()
        .map(|line| {
            let message = envelope::read(&Bytes::from(line.to_owned()))
                .expect("a line is an envelope")
                .message;
            Input {
                payload: message.payload,
                key: message.key,
                headers: message.headers,
            }
        })
        .collect();
    assert_eq!(inputs.len(), 329);
    Some(inputs)
}

fn load(name: &str, files: &ProjectFiles) -> Migration {
    match Migration::load(name, files, &LoadOptions::default()) {
        Ok(loaded) => loaded.migration,
        Err(findings) => panic!("{findings}"),
    }
}

#[test]
fn every_transformation_is_applied_to_a_real_webhook_and_no_webhook_fails() {
    let Some(webhooks) = webhooks() else { return };
    let files = ProjectFiles::below(&root().join("config/webhooks")).expect("the folder is there");
    let migration = load("webhooks.yaml", &files);

    let mut outcomes: Vec<BTreeMap<&str, usize>> = vec![BTreeMap::new(); migration.length()];
    let mut failures = Vec::new();
    for (number, input) in (1..).zip(webhooks) {
        match migration.migrate(input, &Options::default()) {
            Ok(migrated) => {
                for (counts, change) in outcomes.iter_mut().zip(&migrated.changes) {
                    *counts.entry(change.outcome.name()).or_default() += 1;
                }
            }
            Err(failure) => failures.push(format!("line {number}: {failure}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    let mut applied_operations: BTreeMap<&str, usize> = BTreeMap::new();
    for (transformation, counts) in migration.transformations().iter().zip(&outcomes) {
        println!(
            "{:28} {:13} {counts:?}",
            transformation.id(),
            transformation.operation()
        );
        let applied = counts.get(Outcome::Applied.name()).copied().unwrap_or(0);
        assert!(applied > 0, "`{}` is applied to no webhook", transformation.id());
        assert_eq!(
            counts.values().sum::<usize>(),
            329,
            "each webhook has one outcome"
        );
        *applied_operations.entry(transformation.operation()).or_default() += applied;
    }
    println!(
        "{} kinds of operation: {applied_operations:?}",
        applied_operations.len()
    );
    assert!(applied_operations.len() >= 15);
}

#[test]
fn a_chain_that_only_misses_leaves_every_webhook_byte_for_byte() {
    let Some(webhooks) = webhooks() else { return };
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(
        folder.path().join("misses.yaml"),
        "transformations:\n\
         - remove: '**.no_such_member'\n\
         - rename: nowhere.at.all\n  to: somewhere\n\
         - cast: no_list[*].id\n  to: string\n\
         - remove: repository\n  where: { repository.id: { is: object } }\n",
    )
    .expect("a file in the scratch folder");
    let files = ProjectFiles::below(folder.path()).expect("the folder is there");
    let migration = load("misses.yaml", &files);
    for input in webhooks {
        let before = input.payload.clone();
        let migrated = migration
            .migrate(input, &Options::default())
            .expect("nothing can fail");
        assert!(
            migrated
                .changes
                .iter()
                .all(|change| change.outcome != Outcome::Applied)
        );
        assert_eq!(migrated.payload, before);
    }
}
