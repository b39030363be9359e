use std::sync::Arc;

use crate::finding::{Findings, Place};
use crate::migration::document::{Reading, Value, parse};
use crate::migration::load::{MemoryResolver, Resolver};
use crate::migration::shape::{ArrayShape, Kinds, Node, NumberShape, ObjectShape, Shape, StringShape};
use crate::migration::{
    Awaited, Codec, Input, LoadOptions, Migration, Options, Proof, Recognised, Schema, SchemaCompiler,
    SchemaReference, Unmet,
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
            "6:7: warning: the path can never match: no message that fits `from` has a place there, did you mean `zip`?",
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
            "4:3: error: no message fits `to` at the end: expected a member of this name at `total`, found documents without it",
            "4:3: warning: not every message fits `to` behind the chain: expected a string at `note`, found null",
            "6:7: error: no message fits `to` at the end: expected no member of this name at `postcode`, found documents with it",
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
        ["expected a number at `total`, found anything; `to` decides"]
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
    assert_eq!(losses, ["lossless", "lossless", "lossless"]);
    let undone: Vec<String> = proof
        .steps()
        .flat_map(|step| step.step.undone_by.clone())
        .collect();
    assert_eq!(
        undone,
        [
            r#"{"rename":"http_server","to":"HTTPServer"}"#,
            r#"{"into":"a","nest":["b"]}"#,
        ]
    );
}

#[test]
fn what_may_be_taken_for_something_else_on_the_way_back_is_not_called_lossless() {
    let loss = |from: &str, step: &str| {
        let proof = proof(from, &format!("  - {step}\n"), r#"{"*":"any"}"#);
        let step = proof.steps().next().unwrap().step.clone();
        (step.loss.name(), step.undone_by)
    };
    let unnest = "{ unnest: a, prefix: a_ }";
    let back = vec![
        r#"{"into":"a","nest":["a_b","a_c"]}"#.to_owned(),
        r#"{"rename":"a.a_b","to":"b"}"#.to_owned(),
        r#"{"rename":"a.a_c","to":"c"}"#.to_owned(),
    ];
    assert_eq!(
        loss(r#"{"a":{"b":"string","c?":"string"}}"#, unnest),
        ("lossless", back.clone())
    );
    for from in [
        r#"{"a?":{"b":"string","c?":"string"}}"#,
        r#"{"a":{"b?":"string","c?":"string"}}"#,
        r#"{"a":{"b":"string","c?":"string"},"a_c?":"string"}"#,
        r#"{"a":{"b":"string","c?":"string"},"*":"any"}"#,
    ] {
        assert_eq!(loss(from, unnest), ("restorable", back.clone()), "{from}");
    }
    assert_eq!(
        loss(r#"{"a":{"b":"string","*":"any"}}"#, unnest),
        ("restorable", Vec::new())
    );
    let case = "{ rename: '*', case: snake }";
    assert_eq!(loss(r#"{"aB?":"string","a_b?":"string"}"#, case).0, "restorable");
    assert_eq!(loss(r#"{"aB?":"string"}"#, case).0, "lossless");
    assert_eq!(
        loss(r#"{"aB?":"string","*":"any"}"#, case),
        ("restorable", Vec::new())
    );
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
        ["8:7: warning: not every message fits `v3` behind the chain: expected a string at `c`, found null"]
    );
}

fn loaded(entry: &str, files: &MemoryResolver) -> Migration {
    let options = LoadOptions {
        lock: false,
        schemas: &Sketches,
    };
    let loaded = Migration::load(entry, files, &options);
    loaded.unwrap_or_else(|findings| panic!("{findings}")).migration
}

/// The migration `name` of these texts, what it says for its way back, and that as a migration.
fn inverted(entry: &str, files: &MemoryResolver, of: &str, down: &str) -> (Migration, String, Migration) {
    let up = loaded(entry, files);
    let text = up.invert(of, up.length(), 0).unwrap();
    let files = files.clone().with(down, text.as_str());
    let down = loaded(down, &files);
    (up, text, down)
}

#[test]
fn a_lossless_chain_is_inverted_with_its_schemas_and_the_inverse_is_proved() {
    let text = "migration: m\nschemas:\n  from: { format: json-schema, file: ../schemas/old.json }\n  to: { format: json-schema, file: new.json }\nvalidate: [syntax, { check: from, status: applied }, to]\ntransformations:\n  - { unnest: address, prefix: a_ }\n  - { rename: '*', case: snake }\n  - { rename: id, to: key }\n  - { nest: [a_zip, key], into: head }\n";
    let files = MemoryResolver::new()
        .with("up/m.yaml", text)
        .with(
            "schemas/old.json",
            r#"{"id":"integer","shopId":"string","address":{"zip":"string","street?":"string"}}"#,
        )
        .with(
            "up/new.json",
            r#"{"shop_id":"string","a_street?":"string","head":{"a_zip":"string","key":"integer"}}"#,
        );
    let (up, text, down) = inverted("up/m.yaml", &files, "../up/m.yaml", "down/m.yaml");
    assert_eq!(told(&up.prove().unwrap()), [""; 0]);
    assert_eq!(up.prove().unwrap().loss().name(), "lossless");
    let schemas = "schemas:\n  \"from\": { format: json-schema, file: \"../up/new.json\" }\n  \"to\": { format: json-schema, file: \"../up/../schemas/old.json\" }\nvalidate: [syntax, { check: to, status: applied }, from]\n";
    assert!(text.contains(schemas), "{text}");
    let proof = down.prove().unwrap();
    assert_eq!(told(&proof), [""; 0], "{text}");
    assert!(proof.segments.iter().all(|segment| segment.undecided.is_empty()));

    let before = r#"{"id":1.0,"shopId":"s","address":{"zip":"1"}}"#;
    let input = Input {
        payload: Some(before.into()),
        ..Input::default()
    };
    let there = up.migrate(input, &Options::default());
    // `1.0` is no integer, and the check of it is declared as done.
    let there = there.unwrap();
    let input = Input {
        payload: there.payload,
        key: None,
        headers: there.headers,
    };
    let back = down.migrate(input, &Options::default()).unwrap().payload.unwrap();
    assert_eq!(
        std::str::from_utf8(&back).unwrap(),
        r#"{"shopId":"s","id":1.0,"address":{"zip":"1"}}"#
    );
}

#[test]
fn versions_are_inverted_with_the_places_where_they_hold() {
    let text = "migration: m\nschemas:\n  v1: { format: json-schema, file: v1.json }\n  v2: { format: json-schema, file: v2.json, at: second }\n  v3: { format: json-schema, file: v3.json }\nversion_by: [header, { member: v, values: { \"1\": v1 } }]\ntransformations:\n  - { unnest: a }\n  - { rename: b, to: c, id: second }\n  - { rename: c, to: d }\n";
    let files = MemoryResolver::new()
        .with("m.yaml", text)
        .with("v1.json", r#"{"a":{"b":"string"}}"#)
        .with("v2.json", r#"{"c":"string"}"#)
        .with("v3.json", r#"{"d":"string"}"#);
    let (up, text, down) = inverted("m.yaml", &files, "m.yaml", "down.yaml");
    let schemas = "schemas:\n  \"v3\": { format: json-schema, file: \"v3.json\" }\n  \"v2\": { format: json-schema, file: \"v2.json\", at: \"m-down#1\" }\n  \"v1\": { format: json-schema, file: \"v1.json\" }\nversion_by: [header, { member: \"v\", values: { \"1\": \"v1\" } }]\n";
    assert!(text.contains(schemas), "{text}");
    let places: Vec<_> = down
        .versions()
        .iter()
        .map(|version| (&*version.name, version.at))
        .collect();
    assert_eq!(places, [("v3", 0), ("v2", 1), ("v1", 3)]);
    assert_eq!(told(&down.prove().unwrap()), [""; 0]);

    let part = up.invert("m.yaml", 3, 2).unwrap();
    assert!(
        part.contains("# the schema `v1` is left out: it is outside of the part that is taken back\n"),
        "{part}"
    );
    assert!(
        part.contains("  \"v3\": {")
            && part.contains("  \"v2\": { format: json-schema, file: \"v2.json\" }\n")
    );
    let one = up.invert("m.yaml", 1, 0).unwrap();
    assert!(!one.contains("schemas:"), "{one}");
}

#[test]
fn forms_that_double_with_every_level_are_forgotten_and_not_kept() {
    let nested = |depth: usize| format!("{}\"string\"{}", r#"{"b":"#.repeat(depth), "}".repeat(depth));
    let transformations = "  - { rename: '**.b', to: c, on_conflict: replace, on_mismatch: skip }\n";
    let proof = proof(&nested(60), transformations, r#"{"*":"any"}"#);
    let undecided = &proof.steps().next().unwrap().step.undecided;
    assert!(
        undecided
            .iter()
            .any(|text| text.ends_with("too many forms are possible here for all of them to be followed")),
        "{undecided:?}"
    );
}

#[test]
fn definitions_that_double_with_every_level_are_not_all_entered() {
    let name = |level: usize| Arc::<str>::from(format!("level {level}"));
    let level = |below: Node| {
        let mut object = ObjectShape {
            members: Vec::new(),
            others: None,
        };
        for member in ["a", "b"] {
            object.put(member, true, below.clone());
        }
        Node::from(Kinds {
            object: Some(object),
            ..Kinds::default()
        })
    };
    let definitions = (0..40).map(|depth| (name(depth), level(Node::Reference(name(depth + 1)))));
    let end = [(name(40), level(Kinds::all().into()))];
    let shape = Shape {
        root: Node::Reference(name(0)),
        definitions: Arc::new(definitions.chain(end).collect()),
    };
    for operation in [
        "{ remove: '**.c' }",
        "{ rename: '**.a', to: d }",
        "{ rename: '**.*', case: snake }",
    ] {
        let text = format!("migration: m\ntransformations:\n  - {operation}\n");
        let files = MemoryResolver::new().with("m.yaml", text);
        let loaded = Migration::load("m.yaml", &files, &LoadOptions::default()).unwrap();
        let followed = loaded.migration.follow(&shape, 0, 1);
        assert!(
            followed.steps[0]
                .undecided
                .iter()
                .any(|text| text.contains("too large for `**`")),
            "{operation}: {:?}",
            followed.steps[0].undecided.len()
        );
    }
}
