//! The JSON Schema of migration files and transformation files, for editors.
//!
//! It is made by asking the parsers for their fields, so it knows every field and word that they know. It is looser than they
//! are: what a path looks like, and which fields go together, it does not say.

use serde_json::{Map, Value, json};

use super::complements::complement;
use super::fields::{Asked, Asking, Fields, Scope, ask_with};
use super::migration_file::{header, target};
use super::transformations::{STATUSES, entry, frame};
use super::validations::validation;
use super::{Check, Status};
use crate::finding::Place;
use crate::migration::op::{self, Step};
use crate::source::{Content, Member, Node};

/// The JSON Schema (draft 2020-12) of a migration file or a transformation file.
pub fn json_schema() -> Value {
    let of_file = |parse: &dyn Fn(&mut Fields<'_, '_>)| object(&about(None, Scope::File, parse), None);
    let of_operations = |scope, parse: &dyn Fn(&mut Fields<'_, '_>)| -> Value {
        op::words()
            .map(|word| object(&about(Some(word), scope, parse), Some(word)))
            .collect()
    };
    let pointer = json!({"$ref": "#/$defs/pointer"});
    let transformation = json!({"$ref": "#/$defs/transformation"});

    let validation = of_file(&|fields| {
        validation(fields);
    });
    let checks = Check::ALL.map(|(word, _)| word);
    let mut migration = of_file(&|fields| {
        header(fields, "", &mut None, &mut None);
    });
    migration["properties"]["transformations"] = list_of(&json!({"anyOf": [pointer, transformation]}));
    migration["properties"]["validate"] = list_of(&json!({"anyOf": [{"enum": checks}, validation]}));
    migration["properties"]["complement"] = of_file(&|fields| {
        complement(fields, false);
    });
    let mut file = of_file(&|fields| {
        frame(fields);
    });
    file["properties"]["transformations"] = list_of(&transformation);
    let mut pointer = of_file(&|fields| {
        target(fields, "");
    });
    // With nothing there one of the two is asked for.
    if let Some(members) = pointer.as_object_mut() {
        members.remove("required");
    }
    pointer["anyOf"] = json!([{"required": ["file"]}, {"required": ["directory"]}]);

    let transformations = of_operations(Scope::Transformation, &|fields| {
        fields.choice("status", &STATUSES, Status::Pending);
        entry(fields, "", Status::Pending);
    });
    let operations = of_operations(Scope::Each, &|fields| {
        Step::parse(fields);
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dunlin migration, or file of transformations",
        "anyOf": [migration, file],
        "$defs": {
            "pointer": pointer,
            "transformation": {"anyOf": transformations},
            "operation": {"anyOf": operations},
        },
    })
}

fn list_of(entry: &Value) -> Value {
    json!({"type": "array", "items": entry})
}

/// Everything that a parser asks for.
///
/// It is asked three times: with nothing there, which tells what it needs; with every field there, so that it reads those that
/// it reads only if they are there; and with a list at the operation, where some operations read something else.
fn about(word: Option<&'static str>, scope: Scope, parse: &dyn Fn(&mut Fields<'_, '_>)) -> Asking {
    let faulty = || Content::Faulty;
    let node = |fields: &[&'static str], first: Content| {
        let mut contents = std::iter::once(first).chain(std::iter::repeat_with(faulty));
        let members = fields
            .iter()
            .map(|name| Member {
                name: nowhere(Content::String((*name).to_owned())),
                value: nowhere(contents.next().unwrap_or_else(faulty)),
            })
            .collect();
        nowhere(Content::Object(members))
    };
    let bare: Vec<&'static str> = word.into_iter().collect();
    let mut all = ask_with(&node(&bare, faulty()), scope, parse);
    for first in [faulty(), Content::Array(vec![nowhere(faulty())])] {
        let mut fields = bare.clone();
        fields.extend(all.known.iter().filter(|field| !bare.contains(field)));
        let more = ask_with(&node(&fields, first), scope, parse);
        for field in more.known {
            if !all.known.contains(&field) {
                all.known.push(field);
            }
        }
        for asked in more.read_as {
            if !all.read_as.contains(&asked) {
                all.read_as.push(asked);
            }
        }
    }
    all
}

fn nowhere(content: Content) -> Node {
    Node::new(Place::whole(""), content)
}

/// The schema of an object with these fields.
fn object(asking: &Asking, word: Option<&str>) -> Value {
    let mut properties = Map::new();
    for field in &asking.known {
        let read_as = || asking.read_as.iter().filter(|(name, _)| name == field);
        // A list of objects is read as a list first.
        let is_known_better = read_as().any(|(_, asked)| *asked == Asked::Objects);
        let kinds: Vec<Value> = read_as()
            .filter(|(_, asked)| !(is_known_better && *asked == Asked::List))
            .map(|(name, asked)| kind(name, asked))
            .collect();
        let schema = match kinds.as_slice() {
            [] => json!({}),
            [one] => one.clone(),
            several => json!({"anyOf": several}),
        };
        properties.insert((*field).to_owned(), schema);
    }
    let mut required: Vec<&str> = word.into_iter().collect();
    required.extend(asking.missing.iter().filter(|field| Some(**field) != word));
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if let Some(word) = word {
        schema["title"] = json!(word);
    }
    schema
}

fn kind(field: &str, asked: &Asked) -> Value {
    match asked {
        Asked::Text => json!({"type": "string"}),
        Asked::Texts => {
            json!({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]})
        }
        Asked::Words(words) => {
            let mut choices: Vec<Value> = words.iter().map(|word| json!(word)).collect();
            // The word may be written as the literal, too.
            if words.iter().any(|word| word == "null") {
                choices.push(Value::Null);
            }
            json!({"enum": choices})
        }
        Asked::Flag => json!({"type": "boolean"}),
        Asked::Null => json!({"type": "null"}),
        Asked::Count => json!({"type": "integer", "minimum": 0}),
        Asked::Value => json!({}),
        Asked::List => json!({"type": "array"}),
        Asked::Object if field == "inverse" => json!({"$ref": "#/$defs/transformation"}),
        Asked::Object => json!({"type": "object"}),
        Asked::Objects => json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/operation"}}),
    }
}
