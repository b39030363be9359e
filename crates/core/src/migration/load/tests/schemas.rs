use super::*;
use crate::migration::schema::{Framing, RegistryVersion};
use crate::migration::versions::VersionBy;

fn text(schemas: &str) -> String {
    format!("migration: m\n{schemas}transformations: [{{id: one, remove: a}}]\n")
}

fn read(schemas: &str) -> SchemasDraft {
    good(&MemoryResolver::new().with("m.yaml", text(schemas)), "m.yaml").schemas
}

fn messages(schemas: &str) -> Vec<String> {
    let (_, findings) = load(&MemoryResolver::new().with("m.yaml", text(schemas)), "m.yaml");
    findings
        .sorted()
        .iter()
        .map(|finding| finding.message.clone())
        .collect()
}

#[test]
fn a_schema_is_named_with_all_that_it_may_have() {
    let read = read(
        "schemas:\n  to: {format: protobuf, file: schemas/order.proto, imports: [schemas, common.proto], message: shop.Order, \
         registry: main, subject: orders-value, register: true, framing: plain}\n",
    );
    let reference = &read.versions[0].reference;
    assert_eq!(reference.file.as_deref(), Some("schemas/order.proto"));
    assert_eq!(reference.imports, ["schemas", "common.proto"]);
    assert_eq!(reference.message.as_deref(), Some("shop.Order"));
    assert_eq!(reference.framing, Framing::Plain);
    let registry = reference.registry.as_ref().unwrap();
    assert_eq!(
        (registry.registry.as_str(), registry.subject.as_str()),
        ("main", "orders-value")
    );
    assert_eq!((registry.version, registry.register), (None, true));
    assert_eq!(read.by, []);
}

#[test]
fn beside_a_registry_payloads_are_framed_unless_it_is_said_otherwise() {
    let read = read(
        "schemas:\n  from: {format: avro, registry: main, subject: orders, version: 3}\n  \
         to: {format: avro, registry: main, subject: orders, version: latest}\n",
    );
    let versions: Vec<_> = read
        .versions
        .iter()
        .map(|version| {
            (
                version.reference.framing,
                version.reference.registry.as_ref().unwrap().version,
            )
        })
        .collect();
    assert_eq!(
        versions,
        [
            (Framing::Confluent, Some(RegistryVersion::Number(3))),
            (Framing::Confluent, Some(RegistryVersion::Latest)),
        ]
    );
}

#[test]
fn versions_have_names_places_and_ways_to_be_told() {
    let versions = "schemas:\n  v1: {format: avro, file: a}\n  v2: {format: avro, file: b, at: one}\n";
    let read_default = read(versions);
    assert_eq!(read_default.by, [VersionBy::Wire, VersionBy::Header]);
    assert_eq!(
        read_default.versions[1].at.as_ref().map(|(id, _)| id.as_str()),
        Some("one")
    );
    let read_all = read(&format!(
        "{versions}version_by: [wire, header, fits, {{member: meta.v, values: {{\"1\": v1}}}}]\n"
    ));
    let member = VersionBy::Member {
        path: vec!["meta".to_owned(), "v".to_owned()],
        values: vec![("1".to_owned(), "v1".into())],
    };
    assert_eq!(
        read_all.by,
        [VersionBy::Wire, VersionBy::Header, VersionBy::Fits, member]
    );
    assert_eq!(
        read(&format!("{versions}version_by: fits\n")).by,
        [VersionBy::Fits]
    );
}

#[test]
fn what_is_wrong_with_a_reference_is_told() {
    for (schemas, expected) in [
        ("schemas:\n  from: {format: avro}\n", "a schema needs `file`"),
        (
            "schemas:\n  from: {format: protobuf, file: a, framing: single-object}\n",
            "the framing `single-object` is Avro's own",
        ),
        (
            "schemas:\n  from: {format: json-schema, file: a, message: b}\n",
            "`message` has no meaning for a JSON Schema",
        ),
        (
            "schemas:\n  from: {format: avro, file: a, framing: confluent}\n",
            "the framing `confluent` holds the id that a registry gave to the schema",
        ),
        ("schemas:\n  from: {format: avro, file: ../../a}\n", "root"),
        (
            "schemas:\n  from: a.json\n",
            "expected a schema, an object with `format` and `file`, found a string",
        ),
        (
            "schemas:\n  from: {format: avro, file: a, subject: b}\n",
            "registry",
        ),
        (
            "schemas:\n  from: {format: avro, registry: r, subject: s}\n",
            "expected the version of the subject beside its registry",
        ),
        (
            "schemas:\n  from: {format: avro, registry: r, subject: s, version: 0}\n",
            "a version, counted from 1, or `latest`",
        ),
        (
            "schemas:\n  from: {format: avro, registry: r, subject: s, version: 1, register: true}\n",
            "`register` needs a `file`",
        ),
        (
            "schemas:\n  from: {format: avro, file: f, registry: r, subject: s, version: 1, register: true}\n",
            "`version` has no meaning beside `register: true`",
        ),
        (
            "schemas:\n  from: {format: avro, file: f, imports: [../../x]}\n",
            "root",
        ),
    ] {
        let found = messages(schemas);
        assert!(
            found.iter().any(|message| message.contains(expected)),
            "{schemas}{found:?}"
        );
    }
}

#[test]
fn what_is_wrong_with_versions_is_told() {
    let two = "schemas:\n  v1: {format: avro, file: a}\n  v2: {format: avro, file: b}\n";
    for (schemas, expected) in [
        ("schemas: 3\n", "an object with `from` and `to`"),
        (
            "schemas:\n  from: {format: avro, file: a}\n  v2: {format: avro, file: b}\n",
            "unknown field `v2` beside `from` and `to`",
        ),
        (
            "schemas:\n  V 1: {format: avro, file: a}\n  v2: {format: avro, file: b}\n",
            "`V 1` is not a name of a version",
        ),
        (
            "schemas:\n  v1: {format: avro, file: a}\n",
            "expected at least two versions",
        ),
        (
            "schemas:\n  from: {format: avro, file: a}\nversion_by: wire\n",
            "`version_by` has no meaning beside `from` and `to`",
        ),
        ("version_by: wire\n", "schemas"),
        (&format!("{two}version_by: []\n"), "`version_by` is an empty list"),
        (&format!("{two}version_by: bytes\n"), "expected"),
        (
            &format!("{two}version_by: {{member: a..b}}\n"),
            "expected the names of members with a dot between them",
        ),
        (
            &format!("{two}version_by: {{member: a, values: {{\"1\": v3}}}}\n"),
            "`v3` is no version of this migration",
        ),
        (
            &format!("{two}version_by: {{member: a, values: 1}}\n"),
            "an object of values of the member",
        ),
    ] {
        let found = messages(schemas);
        assert!(
            found.iter().any(|message| message.contains(expected)),
            "{schemas}{found:?}"
        );
    }
}

#[test]
fn signs_that_no_message_can_have_are_warned_of() {
    let two = "schemas:\n  v1: {format: avro, file: a}\n  v2: {format: avro, file: b}\n";
    let marked = two.replace("file: a", "file: a, framing: single-object");
    let never = "`wire` never tells a version here: no payload says by its first bytes which schema it has";
    assert_eq!(
        messages(two),
        ["messages without the header `dunlin-schema` fail: nothing else tells their version"]
    );
    assert_eq!(messages(&format!("{two}version_by: [wire, fits]\n")), [never]);
    assert_eq!(messages(&format!("{two}version_by: [header, fits]\n")), [""; 0]);
    assert_eq!(messages(&marked), [""; 0]);
}
