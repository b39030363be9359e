//! JSON-Schema-Test-Suite: the same verdicts as the crate `jsonschema` alone gives.

use std::path::Path;

use dunlin_core::migration::document::Value as Written;
use dunlin_core::migration::load::MemoryResolver;
use jsonschema::{Draft, Registry, Retrieve, Uri};
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

/// How many cases were judged as the suite says: by us, by the crate alone, and of how many.
#[derive(Default)]
struct Score {
    ours: usize,
    theirs: usize,
    all: usize,
}

impl Score {
    fn add(&mut self, ours: bool, theirs: bool) {
        self.ours += usize::from(ours);
        self.theirs += usize::from(theirs);
        self.all += 1;
    }
}

/// Has nothing, and lets everything through: texts name others in places that nothing leads to.
struct Nothing;

impl Retrieve for Nothing {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Value::Bool(true))
    }
}

/// All texts of the suite that schemas of one draft may refer to, for the crate alone.
fn registry(remotes: &[(String, String)], folder: &str, draft: Draft) -> Registry<'static> {
    let mut registry = Registry::new().draft(draft).retriever(Nothing);
    for (name, text) in remotes {
        let contents: Value = serde_json::from_str(text).unwrap();
        // A text of another draft says so, or is none for schemas of this one.
        let is_of_another = name.starts_with("draft") && !name.starts_with(&format!("{folder}/"));
        let dialect = contents.get("$schema").and_then(Value::as_str);
        let is_known = DRAFTS.iter().any(|(_, _, known)| dialect == Some(known));
        if !is_of_another || is_known {
            registry = registry
                .add(
                    format!("{REMOTES}{name}"),
                    draft.detect(&contents).create_resource(contents),
                )
                .unwrap();
        }
    }
    registry.prepare().unwrap()
}

/// The members of this name, of an array of objects.
fn members<'a>(values: &'a Written, name: &str) -> Vec<&'a Written> {
    let Written::Array(values) = values else {
        panic!("a file of the suite has arrays");
    };
    let member = |value: &'a Written| match value {
        Written::Object(members) => {
            let found = members.iter().find(|member| member.name.is(name));
            &found.expect("it has this member").value
        }
        _ => panic!("a file of the suite has objects in its arrays"),
    };
    values.iter().map(member).collect()
}

/// Whether each document of a group of cases is valid; none where the schema was refused.
fn verdicts(tests: &Written, files: &MemoryResolver, schema: &Value) -> Vec<Option<bool>> {
    let text = schema.to_string().replace(REMOTES, "file:///");
    let own = compile("suite.json", &files.clone().with("suite.json", text)).ok();
    let judge = |data| own.as_ref().map(|schema| schema.check(data, None).is_ok());
    members(tests, "data").into_iter().map(judge).collect()
}

#[test]
fn every_verdict_is_that_of_the_crate_alone() {
    let suite = dunlin_servers::json_schema_suite().unwrap();
    let mut remotes = Vec::new();
    texts(&suite.join("remotes"), "", &mut remotes);
    let files = remotes.iter().fold(MemoryResolver::new(), |files, (name, text)| {
        files.with(name, text.replace(REMOTES, "file:///"))
    });
    let mut told = Vec::new();
    for (folder, draft, dialect) in DRAFTS {
        let registry = registry(&remotes, folder, draft);
        let mut groups = Vec::new();
        texts(&suite.join("tests").join(folder), "", &mut groups);
        groups.retain(|(name, _)| !name.starts_with("optional/format"));
        let (mut required, mut optional) = (Score::default(), Score::default());
        for (file, text) in &groups {
            let score = match file.starts_with("optional/") {
                true => &mut optional,
                false => &mut required,
            };
            let cases: Value = serde_json::from_str(text).unwrap();
            // With the numbers as they are written, which the crate alone does not see.
            let written = document(text);
            for (group, written) in cases.as_array().unwrap().iter().zip(members(&written, "tests")) {
                let mut schema = group["schema"].clone();
                let members = schema.as_object_mut();
                let is_own = members.as_ref().is_some_and(|all| {
                    all.get("$schema")
                        .and_then(Value::as_str)
                        .is_some_and(|uri| uri.starts_with(REMOTES))
                });
                if let Some(members) = members {
                    members.entry("$schema").or_insert_with(|| json!(dialect));
                }
                let options = jsonschema::options().with_registry(&registry);
                let options = match is_own {
                    // A dialect of its own is found by the crate itself, and so is whether it asserts formats.
                    true => options,
                    false => options.with_draft(draft).should_validate_formats(false),
                };
                let crate_alone = options.build(&schema).ok();
                let tests = group["tests"].as_array().unwrap();
                for (test, own) in tests.iter().zip(verdicts(written, &files, &schema)) {
                    let expected = test["valid"].as_bool();
                    let alone = crate_alone.as_ref().map(|schema| schema.is_valid(&test["data"]));
                    score.add(own == expected, alone == expected);
                    if own != alone {
                        let [group, test] =
                            [&group["description"], &test["description"]].map(|text| text.as_str().unwrap());
                        let case = format!("{folder}/{file}: {group}: {test}");
                        told.push(format!(
                            "{case}: {own:?}, the crate alone {alone:?}, the suite {expected:?}"
                        ));
                    }
                }
            }
        }
        for (name, score) in [("required", &required), ("optional", &optional)] {
            let Score { ours, theirs, all } = score;
            println!("{folder}, {name}: {ours} of {all} as the suite says; the crate alone: {theirs}");
        }
        assert!(required.all > 500, "{folder} has only {} cases", required.all);
    }
    assert!(
        told.is_empty(),
        "other verdicts than those of the crate alone: {told:#?}"
    );
}
