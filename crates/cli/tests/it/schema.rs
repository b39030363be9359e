//! The schemas for editors, held against the files under `config/` and the golden cases of the engine.

use std::path::{Path, PathBuf};

use dunlin_core::finding::Findings;
use dunlin_core::source::{self, Format};
use serde_json::Value;

use crate::machine::{package, root, run, text};

fn schema(of: &str) -> Value {
    let output = run(package(), ["schema", of], b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn tree(name: &str, bytes: &[u8]) -> Option<Value> {
    let node = source::read(name, bytes, Format::of_name(name)?, &mut Findings::new())?;
    serde_json::from_str(&node.to_value()?.to_json()).ok()
}

/// What is wrong with a value, by the part of JSON Schema that these schemas use. Another keyword fails the test.
fn fault(value: &Value, schema: &Value, whole: &Value) -> Option<String> {
    let Value::Object(keywords) = schema else {
        return (schema == &Value::Bool(false)).then(|| format!("{value} may not be there"));
    };
    for (keyword, said) in keywords {
        let fault = match keyword.as_str() {
            "$schema" | "title" | "description" | "default" | "$defs" => None,
            "$ref" => {
                let pointer = said.as_str().unwrap().strip_prefix('#').unwrap();
                fault(value, whole.pointer(pointer).unwrap(), whole)
            }
            "type" => {
                let types: Vec<&str> = match said {
                    Value::Array(types) => types.iter().map(|one| one.as_str().unwrap()).collect(),
                    one => vec![one.as_str().unwrap()],
                };
                let found = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(number) if number.is_u64() => "integer",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let fits = types.contains(&found) || (found == "integer" && types.contains(&"number"));
                (!fits).then(|| format!("expected {types:?}, found {found}"))
            }
            "enum" => {
                (!said.as_array().unwrap().contains(value)).then(|| format!("{value} is none of {said}"))
            }
            "const" => (said != value).then(|| format!("{value} is not {said}")),
            "minimum" => value
                .as_f64()
                .filter(|number| *number < said.as_f64().unwrap())
                .map(|number| format!("{number} is below {said}")),
            "maximum" => value
                .as_f64()
                .filter(|number| *number > said.as_f64().unwrap())
                .map(|number| format!("{number} is above {said}")),
            "exclusiveMinimum" => value
                .as_f64()
                .filter(|number| *number <= said.as_f64().unwrap())
                .map(|number| format!("{number} is not above {said}")),
            "minItems" => value
                .as_array()
                .filter(|list| (list.len() as u64) < said.as_u64().unwrap())
                .map(|_| "too few".to_owned()),
            "items" => value
                .as_array()
                .and_then(|list| list.iter().find_map(|element| fault(element, said, whole))),
            "required" => value.as_object().and_then(|members| {
                let needed = said.as_array().unwrap().iter();
                needed
                    .map(|name| name.as_str().unwrap())
                    .find(|name| !members.contains_key(*name))
                    .map(|name| format!("`{name}` is missing"))
            }),
            "properties" | "additionalProperties" => None,
            "anyOf" => {
                let faults: Vec<String> = said
                    .as_array()
                    .unwrap()
                    .iter()
                    .map_while(|one| fault(value, one, whole))
                    .collect();
                (faults.len() == said.as_array().unwrap().len()).then(|| format!("none of {faults:?}"))
            }
            other => panic!("the test knows no `{other}`"),
        };
        if fault.is_some() {
            return fault;
        }
    }
    let members = value.as_object()?;
    let others = keywords.get("additionalProperties").unwrap_or(&Value::Bool(true));
    members.iter().find_map(|(name, value)| {
        let known = keywords.get("properties").and_then(|known| known.get(name));
        fault(value, known.unwrap_or(others), whole).map(|fault| format!("{name}: {fault}"))
    })
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

#[test]
fn the_files_under_config_fit_their_schemas() {
    let (of_config, of_migration) = (schema("config"), schema("migration"));
    let mut all = Vec::new();
    files(&root().join("config"), &mut all);
    let (mut configurations, mut migrations) = (0, 0);
    for path in all {
        let name = path.display().to_string();
        let Some(tree) = tree(&name, &std::fs::read(&path).unwrap()) else {
            continue;
        };
        let schema = if tree.get("routes").is_some() {
            configurations += 1;
            &of_config
        } else if tree.get("transformations").is_some() {
            migrations += 1;
            &of_migration
        } else {
            continue;
        };
        assert_eq!(fault(&tree, schema, schema), None, "{name}");
    }
    assert!(
        configurations >= 2 && migrations >= 8,
        "{configurations} and {migrations}"
    );
}

/// Every form of every operation stands in a golden case.
#[test]
fn the_transformations_of_the_golden_cases_fit_the_schema() {
    let schema = schema("migration");
    let mut fitting = 0;
    for entry in std::fs::read_dir(root().join("crates/core/tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let Some(tree) = tree(&name, &std::fs::read(&path).unwrap()) else {
            continue;
        };
        let cases = tree.get("cases").unwrap_or(&tree).as_array().unwrap();
        for case in cases {
            let text = case.get("transformations").and_then(Value::as_str);
            let Some(text) = text.filter(|_| case.get("load_errors").is_none()) else {
                continue;
            };
            let file = format!("transformations:\n{text}");
            let tree = self::tree("golden.yaml", file.as_bytes()).unwrap();
            assert_eq!(fault(&tree, &schema, &schema), None, "{name}: {}", case["name"]);
            fitting += 1;
        }
    }
    assert!(fitting >= 300, "{fitting}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let schema = schema("migration");
    let refused = |text: &str| {
        let tree = tree("a.yaml", text.as_bytes()).unwrap();
        assert!(fault(&tree, &schema, &schema).is_some(), "{text}");
    };
    refused("transformations: [{ rename: a, too: b }]");
    refused("transformations: [{ ad: a, value: 1 }]");
    refused("transformations: [{ add: a }]");
    refused("transformations: [{ cast: a, to: float }]");
    refused("transformations: [{ each: a, do: [{ rename: b, to: 1 }] }]");
    refused("transformations: [{ rename: a, to: b, strict: maybe }]");
    refused("migration: a\ntransformations: [{ file: a.yaml, status: done }]");
    refused("migration: a\nvalidat: [syntax]\ntransformations: []");
    refused("id: a");
}
