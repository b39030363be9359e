//! The public suite of JSON texts through a route: what is JSON passes byte for byte, what is not goes to the dead letter.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dunlin_integration_tests::lines::{self, Envelope};
use dunlin_integration_tests::data;
use serde_json::value::RawValue;

use super::*;

/// The bytes of a payload, whichever form it has in the envelope.
fn bytes(envelope: &Envelope<Box<RawValue>>) -> Vec<u8> {
    match (&envelope.payload, &envelope.payload_base64) {
        (Some(text), None) => text.get().as_bytes().to_vec(),
        (None, Some(base64)) => BASE64_STANDARD.decode(base64).expect("it is base64"),
        (None, None) => Vec::new(),
        (Some(_), Some(_)) => panic!("two payloads in one envelope"),
    }
}

#[test]
fn what_is_no_json_goes_to_the_dead_letter_untouched_and_what_is_passes_untouched() {
    let Some(folder) = data("json-test-suite/test_parsing") else {
        return;
    };
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().expect("the names are text").to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    let project = Project::with(
        "systems: {disk: {url: 'file:data', settings: {envelope: true}}}\n\
         routes: {suite: {from: disk/suite, migrate: syntax.yaml, to: disk/taken, dead_letter: disk/refused, \
         empty_payload: fail, breaker: off}}\n",
    );
    project.write(
        "syntax.yaml",
        "migration: suite\nvalidate: [syntax]\ntransformations:\n  - remove: a-name-that-no-file-has\n",
    );
    let source: String = files
        .iter()
        .map(|(name, bytes)| json!({"id": name, "payload_base64": BASE64_STANDARD.encode(bytes)}))
        .map(|line| format!("{line}\n"))
        .collect();
    project.write("data/suite.ndjson", source);

    let ran = project.run(&["run", "--format", "json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let mut counts = std::collections::BTreeMap::new();
    let mut seen = Vec::new();
    for channel in ["taken", "refused"] {
        let text = project.text(&format!("data/{channel}.ndjson"));
        for envelope in lines::read::<Envelope<Box<RawValue>>>(&text) {
            let name = envelope.id.clone().expect("the id is kept");
            let (_, original) = files.iter().find(|(file, _)| *file == name).expect("it was sent");
            assert!(bytes(&envelope) == *original, "{name} was changed on its way to {channel}");
            assert!(
                !(name.starts_with("y_") && channel == "refused" || name.starts_with("n_") && channel == "taken"),
                "{name} was {channel}"
            );
            if channel == "refused" && !original.is_empty() {
                assert_eq!(envelope.header("dunlin-error-kind"), "syntax", "{name}");
            }
            *counts.entry((name[..2].to_owned(), channel)).or_insert(0) += 1;
            seen.push(name);
        }
    }
    seen.sort();
    assert!(seen.iter().eq(files.iter().map(|(name, _)| name)), "each is in one of them, once");
    println!("{} files: {counts:?}", files.len());
    assert!(counts[&("n_".to_owned(), "refused")] > 180 && counts[&("y_".to_owned(), "taken")] > 90);
}
