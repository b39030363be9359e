//! Schemas that a registry has.

use std::sync::Arc;

use dunlin_core::finding::Findings;
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{
    Awaited, FailureKind, Framing, Limits, Recognised, RegistryReference, RegistryVersion, SchemaFormat,
    SchemaReference,
};

use super::{JsonSchema, compile, document, fits, reference};
use crate::registry::{Cache, Referenced, Registered};

#[test]
fn a_schema_in_a_registry_is_awaited_and_then_judges() {
    let cache = Arc::new(Cache::new("main"));
    let named = SchemaReference {
        file: None,
        framing: Framing::Confluent,
        registry: Some(RegistryReference {
            registry: "main".to_owned(),
            subject: "orders-value".to_owned(),
            version: Some(RegistryVersion::Number(3)),
            register: false,
        }),
        ..reference("s.json")
    };
    let mut findings = Findings::new();
    let files = MemoryResolver::new();
    let schema = compile(&named, Some(Arc::clone(&cache)), &files, &mut findings).unwrap();
    let awaited = Awaited {
        registry: "main".into(),
        id: None,
    };
    assert_eq!(schema.awaits(None), Some(awaited));
    assert_eq!(schema.shape(), None);
    assert!(schema.check(&document("{}"), None).is_err());
    let codec = schema.codec().unwrap();
    let limits = Limits::default();
    assert_eq!(
        codec.encode(&document("{}"), &limits).unwrap_err().kind,
        FailureKind::Schema
    );

    let registered = Registered {
        id: 7,
        format: SchemaFormat::JsonSchema,
        text: r#"{"type": "object", "properties": {"a": {"$ref": "a.json"}}}"#.to_owned(),
        references: vec![Referenced {
            name: "a.json".to_owned(),
            text: r#"{"type": "string"}"#.to_owned(),
        }],
    };
    cache.learn_own(&named, Arc::new(registered));
    assert_eq!(schema.awaits(None), None);
    assert!(fits(&schema, r#"{"a": "x"}"#) && !fits(&schema, r#"{"a": 1}"#));
    let payload = codec.encode(&document(r#"{"a": 1.10}"#), &limits).unwrap();
    assert_eq!(payload, b"\0\0\0\0\x07{\"a\":1.10}");
    assert_eq!(schema.recognises(&payload), Recognised::Yes);
    assert_eq!(schema.recognises(b"\0\0\0\0\x08{}"), Recognised::No);
    assert_eq!(schema.recognises(b"{}"), Recognised::Unmarked);
    assert_eq!(
        codec.decode(&payload, &limits).unwrap().to_json(),
        r#"{"a":1.10}"#
    );
    assert!(codec.decode(b"{}", &limits).is_err());
    assert!(!codec.proves_fit());
}

#[test]
fn a_broken_schema_in_a_registry_is_told_with_its_place() {
    let cache = Arc::new(Cache::new("main"));
    let registered = |text: &str| Registered {
        id: 7,
        format: SchemaFormat::JsonSchema,
        text: text.to_owned(),
        references: Vec::new(),
    };
    let findings = JsonSchema::of_registered("orders", &registered("{\"type\": 1}")).unwrap_err();
    assert!(
        findings.to_string().starts_with("orders:1:10: error: "),
        "{findings}"
    );
    let named = SchemaReference {
        file: None,
        registry: Some(RegistryReference {
            registry: "main".to_owned(),
            subject: "orders".to_owned(),
            version: Some(RegistryVersion::Latest),
            register: false,
        }),
        ..reference("s.json")
    };
    let mut findings = Findings::new();
    let schema = compile(
        &named,
        Some(Arc::clone(&cache)),
        &MemoryResolver::new(),
        &mut findings,
    )
    .unwrap();
    cache.learn_own(&named, Arc::new(registered("{\"$ref\": \"file:///etc/passwd\"}")));
    let unmet = schema.check(&document("{}"), None).unwrap_err();
    assert!(unmet[0].rule.contains("main/orders:1:10"), "{unmet:?}");
}
