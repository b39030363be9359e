//! What every part of the codec has to do with the others.

mod hostile;
mod mapping;
mod schemas;
mod versions;
mod wire_format;

use std::sync::Arc;

use dunlin_core::finding::{Findings, Place};
use dunlin_core::migration::document::{DuplicateNames, Reading, Value, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Codec, Failure, Framing, Limits, SchemaFormat, SchemaReference};

use super::Protobuf;

/// A reference to `schemas/shop.proto`.
pub(super) fn reference(message: Option<&str>) -> SchemaReference {
    SchemaReference {
        format: SchemaFormat::Protobuf,
        file: Some("schemas/shop.proto".to_owned()),
        imports: Vec::new(),
        message: message.map(str::to_owned),
        framing: Framing::Plain,
        registry: None,
        place: Place::whole("migration.yaml"),
    }
}

/// Compiles a text; findings are the error.
pub(super) fn compiled(text: &str, message: Option<&str>) -> Result<Arc<Protobuf>, String> {
    let files = MemoryResolver::new().with("schemas/shop.proto", text);
    let mut findings = Findings::new();
    match Protobuf::new(&reference(message), None, &files, &mut findings) {
        Some(schema) => Ok(Arc::new(schema)),
        None => Err(findings.render()),
    }
}

pub(super) fn schema(text: &str) -> Arc<Protobuf> {
    compiled(text, Some("shop.Order")).unwrap()
}

pub(super) fn document(json: &str) -> Value {
    let reading = Reading {
        depth: 256,
        duplicate_names: DuplicateNames::Allow,
    };
    parse(json.as_bytes(), &reading).unwrap()
}

pub(super) fn encode(schema: &Protobuf, json: &str) -> Result<Vec<u8>, Failure> {
    schema.encode(&document(json), &Limits::default())
}

pub(super) fn decode(schema: &Protobuf, payload: &[u8]) -> Result<String, Failure> {
    schema
        .decode(payload, &Limits::default())
        .map(|document| document.to_json())
}
