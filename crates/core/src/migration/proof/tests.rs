use std::sync::Arc;

use crate::finding::{Findings, Place};
use crate::migration::document::{Reading, Value, parse};
use crate::migration::load::{MemoryResolver, Resolver};
use crate::migration::shape::{ArrayShape, Kinds, Node, NumberShape, ObjectShape, Shape, StringShape};
use crate::migration::{
    Awaited, Codec, LoadOptions, Migration, Proof, Recognised, Schema, SchemaCompiler, SchemaReference, Unmet,
};

/// A schema that is its shape, and checks nothing.
#[derive(Debug)]
struct Sketch(Shape);

impl Schema for Sketch {
    fn codec(&self) -> Option<&dyn Codec> {
        None
    }

    fn identity(&self) -> String {
        format!("{:?}", self.0)
    }

    fn check(&self, document: &Value, _text: Option<&[u8]>) -> Result<(), Vec<Unmet>> {
        if self.0.admits(document) {
            return Ok(());
        }
        Err(vec![Unmet {
            path: String::new(),
            rule: "expected the shape".to_owned(),
        }])
    }

    fn recognises(&self, _payload: &[u8]) -> Recognised {
        Recognised::Unmarked
    }

    fn awaits(&self, _payload: Option<&[u8]>) -> Option<Awaited> {
        None
    }

    fn shape(&self) -> Option<Shape> {
        Some(self.0.clone())
    }

    fn describe(&self, shape: &Shape) -> Result<String, String> {
        Ok(format!("{shape:?}"))
    }
}

/// Reads sketches: `{"a": "string", "b?": ["integer|null"], "*": "any"}`.
#[derive(Debug)]
struct Sketches;

impl SchemaCompiler for Sketches {
    fn compile(
        &self,
        reference: &SchemaReference,
        files: &dyn Resolver,
        _findings: &mut Findings,
    ) -> Option<Arc<dyn Schema>> {
        let text = files.read(reference.file.as_deref()?).ok()?;
        Some(Arc::new(Sketch(Shape::of(sketch(
            &parse(&text, &Reading::default()).ok()?,
        )))))
    }
}

fn sketch(value: &Value) -> Node {
    let mut kinds = Kinds::default();
    match value {
        Value::String(text) => {
            let text = text.read().unwrap();
            for word in text.split('|') {
                match word {
                    "any" => return Node::Anything,
                    "null" => kinds.null = true,
                    "boolean" => kinds.boolean = true,
                    "string" => kinds.string = Some(StringShape::default()),
                    "number" => kinds.number = Some(NumberShape::default()),
                    "integer" => {
                        kinds.number = Some(NumberShape {
                            integer: true,
                            range: None,
                        });
                    }
                    other => panic!("no sketch: {other}"),
                }
            }
        }
        Value::Array(elements) => {
            kinds.array = Some(ArrayShape {
                element: sketch(&elements[0]),
                least: 0,
                most: None,
            });
        }
        Value::Object(members) => {
            let mut object = ObjectShape {
                members: Vec::new(),
                others: None,
            };
            for member in members {
                let name = member.name.read().unwrap();
                let value = sketch(&member.value);
                match name.strip_suffix('?') {
                    _ if name == "*" => object.others = Some(value),
                    Some(optional) => object.put(optional, false, value),
                    None => object.put(&name, true, value),
                }
            }
            kinds.object = Some(object);
        }
        other => panic!("no sketch: {other:?}"),
    }
    kinds.into()
}

fn proof(from: &str, transformations: &str, to: &str) -> Proof {
    let text = format!(
        "migration: m\nschemas:\n  from: {{ format: json-schema, file: from.json }}\n  to: {{ format: json-schema, file: to.json }}\ntransformations:\n{transformations}"
    );
    let files = MemoryResolver::new()
        .with("m.yaml", text)
        .with("from.json", from)
        .with("to.json", to);
    let options = LoadOptions {
        lock: false,
        schemas: &Sketches,
    };
    let loaded = Migration::load("m.yaml", &files, &options).unwrap_or_else(|findings| panic!("{findings}"));
    loaded.migration.prove().unwrap()
}

/// Each finding as `line:column: severity: message`.
fn told(proof: &Proof) -> Vec<String> {
    let line = |finding: &crate::finding::Finding| {
        let (line, column) = Place::start(&finding.place).unwrap();
        format!(
            "{line}:{column}: {}: {}",
            finding.severity.word(),
            finding.message
        )
    };
    proof.findings.sorted().into_iter().map(line).collect()
}

const ORDER: &str =
    r#"{"id":"integer","zip":"string","note?":"string|null","lines":[{"sku":"string","qty":"integer"}]}"#;

#[test]
fn a_chain_that_fits_its_schemas_is_proved_without_a_finding() {
    let proof = proof(
        ORDER,
        "  - { rename: zip, to: postcode }\n  - { cast: id, to: string }\n  - each: lines\n    do: [ { rename: qty, to: quantity } ]\n",
        r#"{"id":"string","postcode":"string","note?":"string|null","lines":[{"sku":"string","quantity":"integer"}]}"#,
    );
    assert_eq!(told(&proof), [""; 0]);
    assert!(proof.segments[0].undecided.is_empty());
}

#[test]
fn what_never_matches_and_what_always_fails_is_told_where_it_stands() {
    let proof = proof(
        ORDER,
        "  - { remove: zpi }\n  - { cast: lines, to: integer }\n  - { remove: note }\n",
        r#"{"*":"any"}"#,
    );
    assert_eq!(
        told(&proof),
        [
            "6:7: warning: the path can never match: no message that fits `from` has a place there",
            "7:7: error: no message that fits `from` passes this transformation: fails at `lines`: expected a value that can be cast, and it is an array there",
        ]
    );
    assert_eq!(proof.steps().count(), 2, "behind it there is nothing to follow");
}

#[test]
fn a_conflict_that_must_happen_is_an_error_and_one_that_may_is_a_warning() {
    let must = proof(ORDER, "  - { rename: zip, to: id }\n", r#"{"*":"any"}"#);
    assert!(told(&must)[0].starts_with("6:7: error: "), "{:?}", told(&must));
    let may = proof(ORDER, "  - { rename: zip, to: note }\n", r#"{"*":"any"}"#);
    assert!(
        told(&may)[0].starts_with("6:7: warning: fails where there is a `note` already"),
        "{:?}",
        told(&may)
    );
}

#[test]
fn what_the_last_schema_requires_and_nobody_makes_is_told_and_what_it_forbids_and_somebody_leaves() {
    let proof = proof(
        ORDER,
        "  - { rename: zip, to: postcode }\n",
        r#"{"id":"integer","total":"number","note?":"string","lines":[{"sku":"string","qty":"integer"}]}"#,
    );
    assert_eq!(
        told(&proof),
        [
            "4:3: error: no message fits `to` at the end: expected a member of this name at `total`, no document has it",
            "4:3: warning: not every message fits `to` behind the chain: expected a string at `note`, null",
            "6:7: error: no message fits `to` at the end: expected no member of this name at `postcode`, it is always there",
        ]
    );
}

#[test]
fn what_an_expression_makes_is_undecided_and_no_finding() {
    let proof = proof(
        ORDER,
        "  - { compute: total, as: 'payload.id * 2' }\n",
        r#"{"id":"integer","zip":"string","note?":"string|null","total":"number","lines":[{"sku":"string","qty":"integer"}]}"#,
    );
    assert_eq!(told(&proof), [""; 0]);
    assert_eq!(
        proof.segments[0].undecided,
        ["expected a number at `total`, anything; `to` decides"]
    );
    assert_eq!(proof.steps().next().unwrap().step.undecided.len(), 1);
}

#[test]
fn a_loss_is_told_where_there_is_something_to_lose_and_by_what_the_schema_knows() {
    let open = r#"{"*":"any"}"#;
    let from = r#"{"HTTPServer":"string","a":{"b":"string"}}"#;
    let proof = proof(
        from,
        "  - { remove: gone }\n  - { rename: '*', case: snake }\n  - { unnest: a }\n",
        open,
    );
    let losses: Vec<&str> = proof.steps().map(|step| step.step.loss.name()).collect();
    assert_eq!(losses, ["lossless", "restorable", "restorable"]);
    assert_eq!(proof.loss().name(), "restorable");
}

#[test]
fn each_part_between_two_versions_is_proved_for_itself() {
    let text = "migration: m\nschemas:\n  v1: { format: json-schema, file: v1.json }\n  v2: { format: json-schema, file: v2.json, at: first }\n  v3: { format: json-schema, file: v3.json }\ntransformations:\n  - { rename: a, to: b, id: first }\n  - { rename: b, to: c }\n";
    let files = MemoryResolver::new()
        .with("m.yaml", text)
        .with("v1.json", r#"{"a":"string"}"#)
        .with("v2.json", r#"{"b":"string|null"}"#)
        .with("v3.json", r#"{"c":"string"}"#);
    let options = LoadOptions {
        lock: false,
        schemas: &Sketches,
    };
    let loaded = Migration::load("m.yaml", &files, &options).unwrap_or_else(|findings| panic!("{findings}"));
    let proof = loaded.migration.prove().unwrap();
    let parts: Vec<_> = proof
        .segments
        .iter()
        .map(|part| {
            (
                part.from.as_deref().unwrap(),
                part.to.as_deref().unwrap(),
                part.steps.len(),
            )
        })
        .collect();
    assert_eq!(parts, [("v1", "v2", 1), ("v2", "v3", 1)]);
    assert_eq!(
        told(&proof),
        ["8:7: warning: not every message fits `v3` behind the chain: expected a string at `c`, null"]
    );
}
