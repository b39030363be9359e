//! JSON-Schema-Test-Suite: the same verdicts as the crate `jsonschema` alone gives.

use std::collections::BTreeSet;
use std::path::Path;

use dunlin_core::migration::load::MemoryResolver;
use jsonschema::{Draft, Registry, Resource};
use serde_json::{Value, json};

use super::{compile, document};

/// Where the suite says its other texts are. Here they are files.
const REMOTES: &str = "http://localhost:1234/";

const DRAFTS: [(&str, Draft, &str); 5] = [
    ("draft4", Draft::Draft4, "http://json-schema.org/draft-04/schema#"),
    ("draft6", Draft::Draft6, "http://json-schema.org/draft-06/schema#"),
    ("draft7", Draft::Draft7, "http://json-schema.org/draft-07/schema#"),
    (
        "draft2019-09",
        Draft::Draft201909,
        "https://json-schema.org/draft/2019-09/schema",
    ),
    (
        "draft2020-12",
        Draft::Draft202012,
        "https://json-schema.org/draft/2020-12/schema",
    ),
];

fn texts(folder: &Path, prefix: &str, out: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            texts(&path, &format!("{name}/"), out);
        } else if name.ends_with(".json") {
            out.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_verdict_is_that_of_the_crate_alone_or_explained() {
    let suite = dunlin_servers::json_schema_suite().unwrap();
    let mut remotes = Vec::new();
    texts(&suite.join("remotes"), "", &mut remotes);
    let files = remotes.iter().fold(MemoryResolver::new(), |files, (name, text)| {
        files.with(name, text.replace(REMOTES, "file:///"))
    });
    let explained: BTreeSet<&str> = include_str!("../../data/json-schema-suite.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let mut found = BTreeSet::new();
    for (folder, draft, dialect) in DRAFTS {
        // Texts of other dialects are in the same folder of remotes; the crate reads them by their own `$schema`.
        let mut registry = Registry::new().draft(draft);
        for (name, text) in &remotes {
            let contents: Value = serde_json::from_str(text).unwrap();
            let is_of_another = name.starts_with("draft") && !name.starts_with(&format!("{folder}/"));
            if !is_of_another {
                registry = registry
                    .add(format!("{REMOTES}{name}"), Resource::from_contents(contents))
                    .unwrap();
            }
        }
        let registry = registry.prepare().unwrap();
        let mut groups = Vec::new();
        texts(&suite.join("tests").join(folder), "", &mut groups);
        groups.retain(|(name, _)| !name.starts_with("optional/format"));
        let (mut ours, mut theirs, mut all) = (0, 0, 0);
        for (file, text) in &groups {
            let cases: Value = serde_json::from_str(text).unwrap();
            for group in cases.as_array().unwrap() {
                let mut schema = group["schema"].clone();
                if let Some(members) = schema.as_object_mut()
                    && !members.contains_key("$schema")
                {
                    members.insert("$schema".to_owned(), json!(dialect));
                }
                let crate_alone = jsonschema::options()
                    .with_draft(draft)
                    .with_registry(&registry)
                    .should_validate_formats(false)
                    .build(&schema);
                let text = schema.to_string().replace(REMOTES, "file:///");
                let own = compile("suite.json", &files.clone().with("suite.json", text));
                for test in group["tests"].as_array().unwrap() {
                    let expected = test["valid"].as_bool().unwrap();
                    let data = test["data"].to_string();
                    let own = own
                        .as_ref()
                        .ok()
                        .map(|schema| schema.check(&document(&data), None).is_ok());
                    let alone = crate_alone
                        .as_ref()
                        .ok()
                        .map(|schema| schema.is_valid(&test["data"]));
                    all += 1;
                    ours += usize::from(own == Some(expected));
                    theirs += usize::from(alone == Some(expected));
                    if own != alone {
                        let name =
                            [&group["description"], &test["description"]].map(|text| text.as_str().unwrap());
                        found.insert(format!("{folder}/{file}: {}: {}", name[0], name[1]));
                    }
                }
            }
        }
        println!("{folder}: {ours} of {all} as the suite says; the crate alone: {theirs}");
        assert!(all > 500, "{folder} has only {all} cases");
    }
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let unexplained: Vec<_> = found.difference(&explained).collect();
    let gone: Vec<_> = explained.difference(&found).collect();
    assert!(
        unexplained.is_empty() && gone.is_empty(),
        "unexplained: {unexplained:#?}\nno longer so: {gone:#?}"
    );
}
