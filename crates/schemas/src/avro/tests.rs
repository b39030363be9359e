use dunlin_core::finding::{Place, SourceText, Span};
use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{RegistryReference, RegistryVersion, SchemaFormat};

use super::*;
use crate::registry::{Known, Referenced, Registered};

pub(super) fn reference(framing: Framing) -> SchemaReference {
    SchemaReference {
        format: SchemaFormat::Avro,
        file: Some("a.avsc".to_owned()),
        imports: Vec::new(),
        message: None,
        framing,
        registry: None,
        place: SourceText::new("m.yaml", "to: {}").place(Span::new(4, 6)),
    }
}

/// A schema of one file.
pub(super) fn schema(text: &str) -> Arc<dyn Schema> {
    framed(Framing::Plain, text)
}

fn framed(framing: Framing, text: &str) -> Arc<dyn Schema> {
    let mut findings = Findings::new();
    let files = MemoryResolver::new().with("a.avsc", text);
    let schema = compile(&reference(framing), None, &files, &mut findings);
    schema.unwrap_or_else(|| panic!("{}", findings.render()))
}

pub(super) fn model(text: &str) -> Arc<Model> {
    let mut findings = Findings::new();
    let files = MemoryResolver::new().with("a.avsc", text);
    let sources = Sources::of_files(&reference(Framing::Plain), "a.avsc", &files, &mut findings);
    sources
        .and_then(|sources| super::compile::compile(&sources, None, &mut findings))
        .unwrap_or_else(|| panic!("{}", findings.render()))
}

pub(super) fn document(json: &str) -> Value {
    let reading = Reading {
        depth: 256,
        duplicate_names: DuplicateNames::default(),
    };
    parse(json.as_bytes(), &reading).unwrap_or_else(|error| panic!("{json}: {error}"))
}

pub(super) fn encoded(schema: &dyn Schema, json: &str) -> Result<Vec<u8>, Failure> {
    let codec = schema.codec().expect("a schema of Avro has a codec");
    codec.encode(&document(json), &Limits::default())
}

pub(super) fn decoded(schema: &dyn Schema, payload: &[u8]) -> Result<String, Failure> {
    let codec = schema.codec().expect("a schema of Avro has a codec");
    let value = codec.decode(payload, &Limits::default())?;
    Ok(value.to_json())
}

fn registered(id: u32, text: &str) -> Arc<Registered> {
    Arc::new(Registered {
        id,
        format: SchemaFormat::Avro,
        text: text.to_owned(),
        references: Vec::new(),
    })
}

fn confluent_reference(file: Option<&str>) -> SchemaReference {
    SchemaReference {
        file: file.map(str::to_owned),
        registry: Some(RegistryReference {
            registry: "main".to_owned(),
            subject: "orders-value".to_owned(),
            version: Some(RegistryVersion::Number(1)),
            register: false,
        }),
        ..reference(Framing::Confluent)
    }
}

const OLD: &str = r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "int"}]}"#;
const NEW: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"], "default": null}]}"#;

#[test]
fn a_payload_in_confluents_framing_is_read_with_the_schema_of_its_writer() {
    let cache = Arc::new(Cache::new("main"));
    let reference = confluent_reference(Some("a.avsc"));
    let files = MemoryResolver::new().with("a.avsc", NEW);
    let mut findings = Findings::new();
    let schema =
        compile(&reference, Some(Arc::clone(&cache)), &files, &mut findings).expect("the schema is right");
    let awaited = |id| {
        Some(Awaited {
            registry: "main".into(),
            id,
        })
    };
    let payload = [0, 0, 0, 0, 7, 84];

    assert_eq!(schema.awaits(None), awaited(None));
    cache.learn_own(&reference, registered(9, NEW));
    assert_eq!(schema.awaits(None), None);
    assert_eq!(schema.awaits(Some(&payload)), awaited(Some(7)));
    assert_eq!(
        decoded(&*schema, &payload)
            .expect_err("the registry was not asked")
            .kind,
        FailureKind::Schema
    );
    cache.learn(7, Known::Schema(registered(7, OLD)));
    assert_eq!(schema.awaits(Some(&payload)), None);
    assert_eq!(
        decoded(&*schema, &payload).expect("it is read"),
        r#"{"id":42,"note":null}"#
    );
    assert_eq!(schema.recognises(&payload), Recognised::No);

    let written = encoded(&*schema, r#"{"id": 42}"#).expect("it is written");
    assert_eq!(written, [0, 0, 0, 0, 9, 84, 0]);
    assert_eq!(schema.recognises(&written), Recognised::Yes);
    assert_eq!(
        decoded(&*schema, &written).expect("it is read"),
        r#"{"id":42,"note":null}"#
    );
}

#[test]
fn the_same_schema_under_another_id_is_recognised_as_the_own_one() {
    let cache = Arc::new(Cache::new("main"));
    let reference = confluent_reference(Some("a.avsc"));
    let files = MemoryResolver::new().with("a.avsc", NEW);
    let schema = compile(&reference, Some(Arc::clone(&cache)), &files, &mut Findings::new())
        .expect("the schema is right");
    cache.learn_own(&reference, registered(9, NEW));
    cache.learn(3, Known::Schema(registered(3, NEW)));
    assert_eq!(schema.recognises(&[0, 0, 0, 0, 3, 84, 0]), Recognised::Yes);
}

#[test]
fn an_id_that_the_registry_does_not_know_or_that_is_no_avro_is_a_failure_of_the_schema() {
    let cache = Arc::new(Cache::new("main"));
    let reference = confluent_reference(Some("a.avsc"));
    let files = MemoryResolver::new().with("a.avsc", NEW);
    let schema = compile(&reference, Some(Arc::clone(&cache)), &files, &mut Findings::new())
        .expect("the schema is right");
    cache.learn_own(&reference, registered(9, NEW));
    cache.learn(7, Known::Missing);
    cache.learn(8, Known::Schema(registered(8, "{\"type\": \"recrd\"}")));
    for id in [7, 8] {
        let failure = decoded(&*schema, &[0, 0, 0, 0, id, 84]).expect_err("nobody can read it");
        assert_eq!(failure.kind, FailureKind::Schema);
        assert!(failure.message().contains(&id.to_string()), "{failure}");
    }
}

#[test]
fn a_schema_that_only_a_registry_has_is_compiled_when_it_is_told_with_all_that_it_refers_to() {
    let cache = Arc::new(Cache::new("main"));
    let reference = confluent_reference(None);
    let schema = compile(
        &reference,
        Some(Arc::clone(&cache)),
        &MemoryResolver::new(),
        &mut Findings::new(),
    )
    .expect("nothing is wrong with the reference");
    assert_eq!(schema.shape(), None);
    cache.learn_own(
        &reference,
        Arc::new(Registered {
            id: 5,
            format: SchemaFormat::Avro,
            text: r#"{"type": "record", "name": "a.Order", "fields": [{"name": "at", "type": "b.Place"}]}"#
                .to_owned(),
            references: vec![Referenced {
                name: "b.Place".to_owned(),
                text: r#"{"type": "record", "name": "b.Place", "fields": [{"name": "x", "type": "int"}]}"#
                    .to_owned(),
            }],
        }),
    );
    assert!(schema.shape().is_some());
    let written = encoded(&*schema, r#"{"at":{"x":1}}"#).expect("it is written");
    assert_eq!(written, [0, 0, 0, 0, 5, 2]);
    assert_eq!(
        decoded(&*schema, &written).expect("it is read"),
        r#"{"at":{"x":1}}"#
    );
}

#[test]
fn a_single_object_says_its_schema_by_its_fingerprint() {
    let schema = framed(Framing::SingleObject, "\"int\"");
    let written = encoded(&*schema, "1").expect("it is written");
    assert_eq!(
        written,
        [0xc3, 1, 0x8f, 0x5c, 0x39, 0x3f, 0x1a, 0xd5, 0x75, 0x72, 2]
    );
    assert_eq!(schema.recognises(&written), Recognised::Yes);
    assert_eq!(decoded(&*schema, &written).expect("it is read"), "1");
    let mut other = written;
    other[4] ^= 1;
    assert_eq!(schema.recognises(&other), Recognised::No);
    assert_eq!(
        decoded(&*schema, &other)
            .expect_err("another schema is named")
            .kind,
        FailureKind::Schema
    );
    assert_eq!(schema.recognises(&[2]), Recognised::Unmarked);
    assert_eq!(
        decoded(&*schema, &[2]).expect_err("there is no header").kind,
        FailureKind::Decode
    );
}

#[test]
fn offsets_of_failures_count_from_the_beginning_of_the_payload() {
    let schema = framed(Framing::SingleObject, "\"boolean\"");
    let mut payload = encoded(&*schema, "true").expect("it is written");
    payload[10] = 9;
    let failure = decoded(&*schema, &payload).expect_err("9 is no boolean");
    assert_eq!(failure.offset, Some(11));
}

#[test]
fn schemas_are_identical_only_if_they_read_and_write_alike() {
    let plain = schema(r#"{"type": "long"}"#).identity();
    assert_eq!(schema("\"long\"").identity(), plain);
    assert_ne!(
        schema(r#"{"type": "long", "logicalType": "timestamp-millis"}"#).identity(),
        plain
    );
    let place = Place::whole("elsewhere.yaml");
    let elsewhere = SchemaReference {
        place,
        ..reference(Framing::Plain)
    };
    let files = MemoryResolver::new().with("a.avsc", "\"long\"");
    let same = compile(&elsewhere, None, &files, &mut Findings::new()).expect("the schema is right");
    assert_eq!(same.identity(), plain);
}
