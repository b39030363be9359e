//! Real payloads and their real schema, beside Python's validator.

use std::path::PathBuf;
use std::process::Stdio;

use dunlin_core::migration::load::MemoryResolver;

use super::{compile, document};

const PYTHON: &str = "
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1], encoding='utf-8'))
validator = jsonschema.validators.validator_for(schema)(schema)
for line in open(sys.argv[2], encoding='utf-8'):
    print(validator.is_valid(json.loads(line)['payload']))
";

#[test]
fn the_webhooks_fit_their_schema_where_pythons_validator_says_so() {
    let folder = std::env::var_os("DUNLIN_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let (schema, payloads) = (
        folder.join("github-webhooks.schema.json"),
        folder.join("github-webhooks.ndjson"),
    );
    if !schema.is_file() {
        println!("skipped: the folder named by DUNLIN_DATA holds no webhooks");
        return;
    }
    let python = dunlin_servers::python_jsonschema()
        .unwrap()
        .args(["-c", PYTHON])
        .args([&schema, &payloads])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(python.status.success());
    let theirs: Vec<bool> = String::from_utf8(python.stdout)
        .unwrap()
        .lines()
        .map(|line| line == "True")
        .collect();

    let text = std::fs::read(&schema).unwrap();
    let schema = compile(
        "webhooks.json",
        &MemoryResolver::new().with("webhooks.json", text),
    )
    .unwrap();
    let lines = std::fs::read_to_string(&payloads).unwrap();
    let ours: Vec<bool> = lines
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            schema
                .check(&document(&line["payload"].to_string()), None)
                .is_ok()
        })
        .collect();
    let fit = ours.iter().filter(|fits| **fits).count();
    println!("{fit} of {} webhooks fit their schema", ours.len());
    let different: Vec<usize> = (0..ours.len())
        .filter(|&index| theirs.get(index) != ours.get(index))
        .collect();
    assert!(
        different.is_empty() && ours.len() == theirs.len(),
        "other verdicts in lines {different:?}"
    );
    assert!(fit > 0);
}
