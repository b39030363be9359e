//! Documents that nobody on this project wrote, through the command.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use dunlin_core::envelope;
use dunlin_core::message::Message;
use dunlin_core::migration::document::{DuplicateNames, Reading, Value, parse};
use serde_json::Value as Json;

use crate::machine::{copy, data, dunlin, root, run, text, write};

/// A chain that reads every document, whatever it is, and changes none.
const READS: &str = "migration: reads
transformations:
  - remove: never
    when: \"false\"
";

/// A chain that matches nothing in an object, so that documents are read and leave as they came.
const MISSES: &str = "migration: misses
transformations:
  - remove: there.is.no.such.member
  - rename: nor[*].this
    to: neither
  - modify: \"/absent/0/x\"
    value: 1
";

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Json> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// The files of the suite by their names, in order.
fn suite() -> Option<BTreeMap<String, Vec<u8>>> {
    let folder = data("json-test-suite/test_parsing")?;
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read(path).unwrap())
    };
    let files: BTreeMap<_, _> = std::fs::read_dir(folder).unwrap().map(file).collect();
    assert!(files.len() >= 300, "{}", files.len());
    Some(files)
}

/// Each file of the suite as an envelope with its name for an id.
fn envelopes(files: &BTreeMap<String, Vec<u8>>) -> String {
    files
        .iter()
        .map(|(name, bytes)| {
            format!(
                "{{\"id\":\"{name}\",\"payload_base64\":\"{}\"}}\n",
                BASE64.encode(bytes)
            )
        })
        .collect()
}

/// The messages of envelopes by their ids, each payload byte for byte.
fn messages(lines: &[u8]) -> BTreeMap<String, Message> {
    lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| {
            let message = envelope::read(&line.to_vec().into()).unwrap().message;
            let id = String::from_utf8(message.id.as_ref().unwrap().to_vec()).unwrap();
            (id, message)
        })
        .collect()
}

/// Whether a file of the suite is taken, as it must be or as the committed table decides.
fn decided() -> BTreeMap<String, bool> {
    let table = include_str!("json-test-suite.txt");
    let rows = table
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| {
        let (verdict, name) = row.split_once(' ').unwrap();
        let accepted = match verdict {
            "accepted" => true,
            "refused" => false,
            other => panic!("{other}"),
        };
        (name.to_owned(), accepted)
    })
    .collect()
}

fn is_accepted(name: &str, decided: &BTreeMap<String, bool>) -> bool {
    match &name[..2] {
        "y_" => true,
        _ => *decided.get(name).unwrap_or(&false),
    }
}

#[test]
fn the_suite_is_taken_and_refused_as_it_says_with_the_place_of_each_fault() {
    let Some(files) = suite() else { return };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "reads.yaml", READS);
    let arguments = ["apply", "reads.yaml", "--headers", "--format", "json"];
    let output = run(folder.path(), arguments, envelopes(&files).as_bytes());
    assert_eq!(output.status.code(), Some(1));
    let decided = decided();
    let mut undecided: BTreeSet<&str> = decided.keys().map(String::as_str).collect();
    let passed = messages(&output.stdout);
    let failed: BTreeMap<usize, Json> = lines(&output.stderr)
        .into_iter()
        .map(|failure| {
            (
                usize::try_from(failure["line"].as_u64().unwrap()).unwrap(),
                failure,
            )
        })
        .collect();
    for (line, name) in (1..).zip(files.keys()) {
        undecided.remove(name.as_str());
        assert!(
            !name.starts_with("i_") || decided.contains_key(name),
            "`{name}` is not decided"
        );
        assert_eq!(passed.contains_key(name), is_accepted(name, &decided), "{name}");
        match failed.get(&line) {
            Some(failure) => {
                assert!(
                    matches!(failure["kind"].as_str(), Some("syntax" | "limit")),
                    "{failure}"
                );
                let offset = usize::try_from(failure["offset"].as_u64().unwrap()).unwrap();
                assert!(offset <= files[name].len(), "{failure}");
            }
            None => assert!(passed.contains_key(name), "{name}"),
        }
    }
    assert!(
        undecided.is_empty(),
        "decided, and not in the suite: {undecided:?}"
    );
    // What nothing was applied to leaves byte for byte.
    for (name, message) in &passed {
        assert_eq!(
            message.payload.as_deref().unwrap_or_default(),
            files[name],
            "{name}"
        );
    }
    println!("{} accepted, {} refused", passed.len(), failed.len());
}

#[test]
fn what_the_suite_refuses_lies_in_the_dead_letter_byte_for_byte() {
    let Some(files) = suite() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "in.ndjson", envelopes(&files));
    write(
        folder,
        "checked.yaml",
        "migration: checked\nvalidate: [syntax]\ntransformations: []\n",
    );
    write(
        folder,
        "dunlin.yaml",
        "systems:\n  here: { url: 'file:.', settings: { envelope: true } }\nroutes:\n  suite:\n    from: here/in\n    migrate: checked.yaml\n    to: here/out\n    dead_letter: here/dead\n    breaker: off\n",
    );
    let output = run(folder, ["run", "--format", "json"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let decided = decided();
    let dead = messages(&std::fs::read(folder.join("dead.ndjson")).unwrap());
    for (name, message) in &dead {
        assert!(!is_accepted(name, &decided), "{name}");
        assert_eq!(
            message.payload.as_deref().unwrap_or_default(),
            files[name],
            "{name}"
        );
        let kind = message.headers.get("dunlin-error-kind").map(|kind| &kind[..]);
        assert!(matches!(kind, Some(b"syntax" | b"limit")), "{name}: {kind:?}");
    }
    let out = messages(&std::fs::read(folder.join("out.ndjson")).unwrap());
    let accepted = files.keys().filter(|name| is_accepted(name, &decided)).count();
    assert_eq!((out.len(), dead.len()), (accepted, files.len() - accepted));
}

/// All numbers and strings of a document with the last name on their way, as they are spelled.
fn spelled(value: &Value, name: &str, all: &mut Vec<(String, String)>) {
    match value {
        Value::Number(number) => all.push((name.to_owned(), number.as_str().to_owned())),
        Value::String(text) => all.push((name.to_owned(), text.source().to_owned())),
        Value::Array(elements) => elements.iter().for_each(|one| spelled(one, name, all)),
        Value::Object(members) => {
            for member in members {
                spelled(&member.value, member.name.source(), all);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[test]
fn ids_and_text_of_statuses_survive_a_chain_that_touches_their_neighbours() {
    let Some(path) = data("twitter-statuses.ndjson") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "statuses.yaml",
        "migration: statuses
transformations:
  - rename: user.screen_name
    to: handle
  - cast: retweet_count
    to: string
  - remove: metadata
  - add: user.checked
    value: true
  - move: lang
    to: meta.language
  - nest: [created_at, source]
    into: origin
",
    );
    let input = std::fs::read(path).unwrap();
    let output = run(folder.path(), ["apply", "statuses.yaml"], &input);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let reading = Reading {
        depth: 128,
        duplicate_names: DuplicateNames::Allow,
    };
    let documents = |bytes: &[u8]| -> Vec<Value> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| parse(line, &reading).unwrap()).collect()
    };
    let (before, after) = (documents(&input), documents(&output.stdout));
    assert_eq!((before.len(), after.len()), (100, 100));
    let mut long = 0;
    for (before, after) in before.iter().zip(&after) {
        let kept = |value: &Value| {
            let mut all = Vec::new();
            spelled(value, "", &mut all);
            all.retain(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "screen_name"
                        | "handle"
                        | "retweet_count"
                        | "result_type"
                        | "iso_language_code"
                        | "lang"
                        | "language"
                )
            });
            all.sort();
            all
        };
        let (before, after) = (kept(before), kept(after));
        long += before
            .iter()
            .filter(|(name, text)| name == "id" && text.len() >= 17)
            .count();
        assert_eq!(before, after);
    }
    assert!(long >= 100, "ids beyond 2^53: {long}");
}

#[test]
fn every_webhook_is_migrated_and_every_transformation_does_its_work() {
    let Some(path) = data("github-webhooks.ndjson") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("config"), folder.path());
    let output = dunlin()
        .args(["run", "webhooks.yaml", "--format", "json"])
        .current_dir(folder.path())
        .env("DUNLIN_DATA", path.parent().unwrap().canonicalize().unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary: Json = serde_json::from_slice(&output.stdout).unwrap();
    let route = &summary["routes"][0];
    assert_eq!(route["counts"]["received"], 329);
    assert_eq!(route["counts"]["failed"], 0, "{}", route["failures"]);
    assert_eq!(route["fates"]["forwarded"], 329);
    let written = read(folder.path(), "webhooks/out/events.ndjson");
    assert_eq!(written.lines().count(), 329);
    let transformations = route["migrations"][0]["transformations"].as_array().unwrap();
    assert!(transformations.len() >= 30);
    for one in transformations {
        let outcomes = one["outcomes"].as_object().unwrap();
        let all: u64 = outcomes.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(all, 329, "{one}");
        assert!(outcomes.contains_key("applied"), "{one}");
        println!("{}: {}", one["id"].as_str().unwrap(), one["outcomes"]);
    }
}

#[test]
fn a_chain_that_only_misses_leaves_every_webhook_byte_for_byte() {
    let Some(path) = data("github-webhooks.ndjson") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "misses.yaml", MISSES);
    let input = std::fs::read_to_string(path).unwrap();
    let payloads: String = input
        .lines()
        .map(|line| {
            let (_, rest) = line.split_once("\"payload\":").unwrap();
            format!("{}\n", &rest[..rest.len() - 1])
        })
        .collect();
    let output = run(folder.path(), ["apply", "misses.yaml"], payloads.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(payloads.lines().count(), 329);
    assert!(text(&output.stdout) == payloads);
}
