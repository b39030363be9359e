//! Confluent's wire format: ids, indexes, and schemas of writers that are not ours.

use std::sync::Arc;

use dunlin_core::finding::Findings;
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{
    Awaited, Codec, FailureKind, Framing, Limits, Recognised, RegistryReference, RegistryVersion, Schema,
    SchemaFormat, SchemaReference,
};

use super::document;
use crate::protobuf::Protobuf;
use crate::registry::{Cache, Known, Referenced, Registered};

const OWN: &str = "syntax = \"proto3\"; package shop; import \"money.proto\";
message Other { message Inner { int32 x = 1; } }
message Order { int32 number = 1; Money price = 2; }";
const MONEY: &str = "syntax = \"proto3\"; package shop; message Money { int64 units = 1; }";

fn registered(id: u32, text: &str) -> Arc<Registered> {
    Arc::new(Registered {
        id,
        format: SchemaFormat::Protobuf,
        text: text.to_owned(),
        references: vec![Referenced {
            name: "money.proto".to_owned(),
            text: MONEY.to_owned(),
        }],
    })
}

fn reference(message: &str) -> SchemaReference {
    SchemaReference {
        file: None,
        framing: Framing::Confluent,
        registry: Some(RegistryReference {
            registry: "main".to_owned(),
            subject: "orders-value".to_owned(),
            version: Some(RegistryVersion::Number(3)),
            register: false,
        }),
        ..super::reference(Some(message))
    }
}

/// A schema that the registry has under the id 7.
fn known(message: &str) -> (Arc<Cache>, Protobuf) {
    let cache = Arc::new(Cache::new("main"));
    let reference = reference(message);
    cache.learn_own(&reference, registered(7, OWN));
    let mut findings = Findings::new();
    let schema = Protobuf::new(
        &reference,
        Some(Arc::clone(&cache)),
        &MemoryResolver::new(),
        &mut findings,
    )
    .unwrap();
    (cache, schema)
}

#[test]
fn ids_and_indexes_stand_before_the_message() {
    let json = r#"{"x":1}"#;
    for (message, json, before) in [
        ("shop.Other", "{}", &[0, 0, 0, 0, 7, 0][..]),
        ("shop.Order", r#"{"number":1}"#, &[0, 0, 0, 0, 7, 2, 2, 8, 1]),
        ("shop.Other.Inner", json, &[0, 0, 0, 0, 7, 4, 0, 0, 8, 1]),
    ] {
        let (_, schema) = known(message);
        let payload = schema.encode(&document(json), &Limits::default()).unwrap();
        assert_eq!(payload, before, "{message}");
        assert_eq!(
            schema.decode(&payload, &Limits::default()).unwrap().to_json(),
            json
        );
        assert_eq!(schema.recognises(&payload), Recognised::Yes);
    }
}

#[test]
fn the_first_message_may_be_named_at_length() {
    let (_, schema) = known("shop.Other");
    assert_eq!(
        schema
            .decode(&[0, 0, 0, 0, 7, 2, 0], &Limits::default())
            .unwrap()
            .to_json(),
        "{}"
    );
}

#[test]
fn what_the_registry_has_not_been_asked_for_is_awaited() {
    let cache = Arc::new(Cache::new("main"));
    let reference = reference("shop.Order");
    let mut findings = Findings::new();
    let schema = Protobuf::new(
        &reference,
        Some(Arc::clone(&cache)),
        &MemoryResolver::new(),
        &mut findings,
    )
    .unwrap();
    let awaited = |id| {
        Some(Awaited {
            registry: "main".into(),
            id,
        })
    };
    assert_eq!(schema.awaits(None), awaited(None));
    assert!(schema.shape().is_none());
    let failure = schema
        .decode(&[0, 0, 0, 0, 7, 0], &Limits::default())
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Schema);
    cache.learn_own(&reference, registered(7, OWN));
    assert_eq!(schema.awaits(None), None);
    assert_eq!(schema.awaits(Some(&[0, 0, 0, 0, 7, 0])), None);
    assert_eq!(schema.awaits(Some(&[0, 0, 0, 0, 8, 0])), awaited(Some(8)));
    assert!(schema.shape().is_some());
}

#[test]
fn payloads_of_another_writer_are_read_by_the_numbers_of_their_fields() {
    let (cache, schema) = known("shop.Order");
    let older = "syntax = \"proto3\"; package shop; message Order { int32 old_number = 1; string note = 9; }";
    cache.learn(5, Known::Schema(registered(5, older)));
    let read = |payload: &[u8]| schema.decode(payload, &Limits::default());
    assert_eq!(
        read(&[0, 0, 0, 0, 5, 0, 8, 3]).unwrap().to_json(),
        r#"{"number":3}"#
    );
    assert_eq!(schema.recognises(&[0, 0, 0, 0, 5, 0, 8, 3]), Recognised::No);
    let failure = read(&[0, 0, 0, 0, 5, 0, 0x4a, 0]).unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("found field 9, which the schema does not have"),
        "{failure}"
    );
    assert!(
        read(&[0, 0, 0, 0, 5, 2, 2, 8, 3])
            .unwrap_err()
            .to_string()
            .contains("found the indexes of another one")
    );
}

#[test]
fn a_writer_whose_bytes_mean_something_else_is_refused() {
    let (cache, schema) = known("shop.Order");
    let other = "syntax = \"proto3\"; package shop; message Order { sint32 number = 1; }";
    cache.learn(6, Known::Schema(registered(6, other)));
    cache.learn(8, Known::Missing);
    cache.learn(9, Known::Schema(registered(9, "message {")));
    for (id, message) in [
        (
            6,
            "number: the type is `int32`, and was `sint32`, which is encoded otherwise",
        ),
        (
            8,
            "expected the id of a schema of the registry, found 8, which is none's",
        ),
        (9, "expected a writer's schema with the message `shop.Order`"),
    ] {
        for _ in 0..2 {
            let failure = schema
                .decode(&[0, 0, 0, 0, id, 0, 8, 3], &Limits::default())
                .unwrap_err();
            assert_eq!(failure.kind, FailureKind::Schema);
            assert!(failure.to_string().contains(message), "{failure}");
        }
    }
}

#[test]
fn payloads_that_are_not_framed_are_refused() {
    let (_, schema) = known("shop.Order");
    for payload in [
        &b""[..],
        b"{}",
        &[0, 0, 0, 0],
        &[0, 0, 0, 0, 7],
        &[0, 0, 0, 0, 7, 1],
        &[0, 0, 0, 0, 7, 0xfe, 0xff, 0xff, 0xff, 0x0f],
    ] {
        let failure = schema.decode(payload, &Limits::default()).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Decode, "{payload:?}: {failure}");
    }
    assert_eq!(schema.recognises(b"{\"a\":1}"), Recognised::Unmarked);
}
