//! JSON Schema beside the official suite, the crate that does the judging, and Python's validator.

mod suite;
mod webhooks;

use std::sync::Arc;

use dunlin_core::finding::{Findings, Place};
use dunlin_core::migration::document::{DuplicateNames, Reading, Value, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Framing, Schema, SchemaCompiler as _, SchemaFormat, SchemaReference};
use dunlin_schemas::Schemas;

/// The schema in a file of this name.
fn compile(name: &str, files: &MemoryResolver) -> Result<Arc<dyn Schema>, Findings> {
    let reference = SchemaReference {
        format: SchemaFormat::JsonSchema,
        file: Some(name.to_owned()),
        imports: Vec::new(),
        message: None,
        framing: Framing::Plain,
        registry: None,
        place: Place::whole("migration.yaml"),
    };
    let mut findings = Findings::new();
    Schemas::default()
        .compile(&reference, files, &mut findings)
        .ok_or(findings)
}

#[test]
fn files_that_refer_to_each_other_are_read_once_each() {
    let files = MemoryResolver::new()
        .with(
            "a.json",
            r#"{"type":"object","properties":{"b":{"$ref":"b.json"}}}"#,
        )
        .with(
            "b.json",
            r#"{"type":"object","properties":{"a":{"$ref":"a.json"},"n":{"type":"integer"}}}"#,
        );
    let schema = compile("a.json", &files).unwrap();
    assert!(
        schema
            .check(&document(r#"{"b":{"a":{"b":{"n":1}}}}"#), None)
            .is_ok()
    );
    let unmet = schema
        .check(&document(r#"{"b":{"a":{"b":{"n":"1"}}}}"#), None)
        .unwrap_err();
    assert_eq!(unmet[0].path, "b.a.b.n");
}

fn document(text: &str) -> Value {
    let reading = Reading {
        depth: 128,
        duplicate_names: DuplicateNames::Allow,
    };
    parse(text.as_bytes(), &reading).expect("the document is JSON")
}
