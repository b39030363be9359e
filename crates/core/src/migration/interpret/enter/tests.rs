use super::*;
use crate::migration::interpret::{Disposition, Input, Migrated};
use crate::migration::load::MemoryResolver;
use crate::migration::record::RECORD_HEADER;
use crate::migration::schema::testing::Fakes;
use crate::migration::{LoadOptions, SkipReason};

const CHAIN: &str = "
transformations:
  - {id: one, rename: a, to: b}
  - {id: two, rename: b, to: c}
";

/// A migration with these schemas: the lines of the file before the chain, and the texts of the schemas.
fn migration(head: &str, schemas: &[(&str, &str)]) -> Migration {
    let text = format!("migration: orders\n{head}{CHAIN}");
    let files = schemas.iter().fold(
        MemoryResolver::new().with("orders.yaml", text),
        |files, (name, text)| files.with(name, *text),
    );
    let options = LoadOptions {
        schemas: &Fakes,
        ..LoadOptions::default()
    };
    match Migration::load("orders.yaml", &files, &options) {
        Ok(loaded) => loaded.migration,
        Err(findings) => panic!("{}", findings.render()),
    }
}

/// Three versions, of which the second holds behind the first transformation.
fn three(format: &str, by: &str) -> String {
    format!(
        "schemas:\n  v1: {{format: {format}, file: v1}}\n  v2: {{format: {format}, file: v2, at: one}}\n  \
         v3: {{format: {format}, file: v3}}\n{by}"
    )
}

const MARKED: &[(&str, &str)] = &[("v1", "mark=A"), ("v2", "mark=B"), ("v3", "mark=C")];
const NEEDING: &[(&str, &str)] = &[("v1", "needs=a"), ("v2", "needs=b"), ("v3", "needs=c")];

fn send(migration: &Migration, payload: &str, headers: &[(&str, &str)]) -> Result<Migrated, Failure> {
    let input = Input {
        payload: Some(Bytes::from(payload.to_owned())),
        key: None,
        headers: headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
    };
    migration.migrate(input, &Options::default())
}

fn payload(migrated: &Migrated) -> &str {
    std::str::from_utf8(migrated.payload.as_deref().unwrap()).unwrap()
}

fn failure(migrated: Result<Migrated, Failure>) -> (FailureKind, Option<String>) {
    let failure = migrated
        .map(|migrated| payload(&migrated).to_owned())
        .unwrap_err();
    (failure.kind, failure.path.map(String::from))
}

#[test]
fn a_version_is_told_by_the_first_bytes_and_enters_the_chain_at_its_place() {
    let migration = migration(&three("avro", ""), MARKED);
    for (text, from, expected) in [
        (r#"A{"a":1}"#, 0, r#"C{"c":1}"#),
        (r#"B{"b":1}"#, 1, r#"C{"c":1}"#),
    ] {
        let migrated = send(&migration, text, &[]).unwrap();
        assert_eq!((payload(&migrated), migrated.from), (expected, from));
        assert_eq!(migrated.headers.get(SCHEMA_HEADER).unwrap(), &b"v3"[..]);
        assert_eq!(migrated.content_type, Some("application/marked"));
    }
    let behind = send(&migration, r#"C{ "c" : 1 }"#, &[]).unwrap();
    assert_eq!(
        (payload(&behind), &behind.disposition),
        (r#"C{ "c" : 1 }"#, &Disposition::Behind)
    );
}

#[test]
fn a_message_of_an_unknown_version_fails_with_the_kind_schema() {
    let marked = migration(&three("avro", ""), MARKED);
    assert_eq!(failure(send(&marked, "D{}", &[])).0, FailureKind::Schema);
    assert_eq!(failure(send(&marked, "{}", &[])).0, FailureKind::Schema);
    let fitting = migration(&three("json-schema", "version_by: fits\n"), NEEDING);
    assert_eq!(failure(send(&fitting, r#"{"d":1}"#, &[])).0, FailureKind::Schema);
}

#[test]
fn a_version_is_told_by_its_header() {
    let migration = migration(&three("json-schema", "version_by: header\n"), NEEDING);
    let migrated = send(&migration, r#"{"b":1}"#, &[(SCHEMA_HEADER, "v2")]).unwrap();
    assert_eq!((payload(&migrated), migrated.from), (r#"{"c":1}"#, 1));
    assert_eq!(migrated.headers.get(SCHEMA_HEADER).unwrap(), &b"v3"[..]);
    assert_eq!(
        failure(send(&migration, r#"{"b":1}"#, &[(SCHEMA_HEADER, "v9")])),
        (FailureKind::Schema, Some("@headers.dunlin-schema".to_owned()))
    );
    assert_eq!(
        failure(send(&migration, r#"{"b":1}"#, &[])).0,
        FailureKind::Schema
    );
}

#[test]
fn a_version_is_told_by_a_member() {
    let by = "version_by: {member: meta.v, values: {\"1\": v1, \"2\": v2}}\n";
    let migration = migration(&three("json-schema", by), NEEDING);
    for (text, from) in [
        (r#"{"a":1,"meta":{"v":1}}"#, 0),
        (r#"{"b":1,"meta":{"v":"2"}}"#, 1),
        (r#"{"c":1,"meta":{"v":"v3"}}"#, 2),
    ] {
        assert_eq!(send(&migration, text, &[]).unwrap().from, from, "{text}");
    }
    assert_eq!(
        failure(send(&migration, r#"{"meta":{"v":7}}"#, &[])),
        (FailureKind::Schema, Some("meta.v".to_owned()))
    );
    assert_eq!(
        failure(send(&migration, r#"{"meta":7}"#, &[])).0,
        FailureKind::Schema
    );
}

#[test]
fn a_version_is_the_first_one_that_fits() {
    let migration = migration(&three("json-schema", "version_by: [header, fits]\n"), NEEDING);
    for (text, from) in [(r#"{"a":1}"#, 0), (r#"{"b":1}"#, 1), (r#"{"c":1}"#, 2)] {
        assert_eq!(send(&migration, text, &[]).unwrap().from, from, "{text}");
    }
    // It fits the second and the third; entering at the second, it has a member in the way.
    assert_eq!(
        failure(send(&migration, r#"{"c":1,"b":2}"#, &[])).0,
        FailureKind::Conflict
    );
    let header = send(&migration, r#"{"a":1,"c":1}"#, &[(SCHEMA_HEADER, "v3")]).unwrap();
    assert_eq!(header.from, 2);
}

#[test]
fn a_half_migrated_message_is_read_with_the_schema_of_its_place() {
    let migration = migration(&three("avro", ""), MARKED);
    let record = format!("orders@1:{}", migration.chain_hash(1).unwrap().short());
    let migrated = send(&migration, r#"B{"b":1}"#, &[(RECORD_HEADER, &record)]).unwrap();
    assert_eq!((payload(&migrated), migrated.from), (r#"C{"c":1}"#, 1));
    // Its record counts, and not what its bytes look like.
    assert_eq!(
        failure(send(&migration, r#"A{"a":1}"#, &[(RECORD_HEADER, &record)])).0,
        FailureKind::Decode
    );
}

#[test]
fn a_half_migrated_message_at_a_place_without_a_schema_fails() {
    let head = "schemas:\n  from: {format: avro, file: v1}\n  to: {format: avro, file: v3}\n";
    let migration = migration(head, MARKED);
    let record = format!("orders@1:{}", migration.chain_hash(1).unwrap().short());
    assert_eq!(
        failure(send(&migration, r#"B{"b":1}"#, &[(RECORD_HEADER, &record)])).0,
        FailureKind::Schema
    );
}

#[test]
fn a_change_of_form_writes_the_message_even_where_nothing_was_applied() {
    let head = "schemas:\n  from: {format: json-schema, file: v1}\n  to: {format: avro, file: v3}\n";
    let to_marked = migration(head, &[("v1", ""), ("v3", "mark=C")]);
    let migrated = send(&to_marked, r#"{ "x" : 1.10 }"#, &[]).unwrap();
    assert_eq!(
        (payload(&migrated), migrated.content_type),
        (r#"C{"x":1.10}"#, Some("application/marked"))
    );
    assert!(migrated.headers.get(SCHEMA_HEADER).is_none());

    let head = "schemas:\n  from: {format: avro, file: v1}\n  to: {format: json-schema, file: v3}\n";
    let from_marked = migration(head, &[("v1", "mark=A"), ("v3", "")]);
    let migrated = send(&from_marked, r#"A{ "x" : 1.10 }"#, &[]).unwrap();
    assert_eq!(
        (payload(&migrated), migrated.content_type),
        (r#"{"x":1.10}"#, Some("application/json"))
    );
}

#[test]
fn a_message_that_stays_in_its_form_keeps_its_bytes() {
    let head = "schemas:\n  from: {format: avro, file: v1}\n  to: {format: avro, file: v3}\n";
    let migration = migration(head, &[("v1", "mark=A"), ("v3", "mark=A")]);
    let migrated = send(&migration, r#"A{ "x" : 1 }"#, &[]).unwrap();
    assert_eq!(
        (payload(&migrated), migrated.content_type),
        (r#"A{ "x" : 1 }"#, None)
    );
}

const CHECKED: &str =
    "schemas:\n  from: {format: json-schema, file: v1}\n  to: {format: json-schema, file: v3}\n";

#[test]
fn from_judges_what_arrives_and_to_what_leaves() {
    let judged = migration(CHECKED, NEEDING);
    let migrated = send(&judged, r#"{"a":1}"#, &[]).unwrap();
    let outcomes: Vec<_> = migrated
        .validations
        .iter()
        .map(|(check, outcome)| (check.word(), *outcome))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("syntax", Validated::Passed),
            ("from", Validated::Passed),
            ("to", Validated::Passed)
        ]
    );
    assert_eq!(
        failure(send(&judged, r#"{"b":1}"#, &[])),
        (FailureKind::Validation, Some("a".to_owned()))
    );
    let unmet = migration(CHECKED, &[("v1", ""), ("v3", "needs=d")]);
    assert_eq!(
        failure(send(&unmet, r#"{"a":1}"#, &[])),
        (FailureKind::Validation, Some("d".to_owned()))
    );
}

#[test]
fn a_message_that_is_part_way_is_not_judged_as_if_it_arrived() {
    let migration = migration(CHECKED, NEEDING);
    let record = format!("orders@1:{}", migration.chain_hash(1).unwrap().short());
    let migrated = send(&migration, r#"{"b":1}"#, &[(RECORD_HEADER, &record)]).unwrap();
    assert_eq!(migrated.validations[1].1, Validated::AlreadyApplied);
    assert_eq!(migrated.validations[2].1, Validated::Passed);
    assert_eq!(
        migrated.changes[0].outcome.reason(),
        Some(SkipReason::AlreadyApplied)
    );
}

#[test]
fn a_check_that_is_declared_as_done_is_not_performed() {
    let head = format!("{CHECKED}validate: [syntax, {{check: from, status: applied}}, to]\n");
    let migration = migration(&head, NEEDING);
    let migrated = send(&migration, r#"{"c":1}"#, &[]).unwrap();
    assert_eq!(migrated.validations[1].1, Validated::Flagged);
}

#[test]
fn what_cannot_be_written_is_told_as_the_check_says_it_where_there_is_one() {
    let head = "schemas:\n  from: {format: json-schema, file: v1}\n  to: {format: avro, file: v3}\n";
    let schemas = &[("v1", ""), ("v3", "mark=C needs=d")];
    let checked = migration(head, schemas);
    assert_eq!(
        failure(send(&checked, "{}", &[])),
        (FailureKind::Validation, Some("d".to_owned()))
    );
    let unchecked = migration(&format!("{head}validate: [syntax, from]\n"), schemas);
    assert_eq!(failure(send(&unchecked, "{}", &[])).0, FailureKind::Encode);
}
