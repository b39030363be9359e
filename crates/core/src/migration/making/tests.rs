use super::super::Migration;
use super::*;
use crate::migration::load::MemoryResolver;
use crate::migration::schema::testing::Fakes;

/// The findings of a migration with these schemas, without their places.
fn findings(schemas: &str) -> Vec<String> {
    let chain =
        "transformations:\n  - {id: one, remove: a}\n  - {id: two, remove: b}\n  - {id: three, remove: c}\n";
    let files = MemoryResolver::new()
        .with("m.yaml", format!("migration: m\nschemas:\n{schemas}{chain}"))
        .with("binary", "mark=A")
        .with("text", "");
    let options = LoadOptions {
        schemas: &Fakes,
        ..LoadOptions::default()
    };
    match Migration::load("m.yaml", &files, &options) {
        Ok(_) => Vec::new(),
        Err(findings) => findings
            .sorted()
            .iter()
            .map(|finding| finding.message.clone())
            .collect(),
    }
}

#[test]
fn versions_stand_in_the_order_of_the_chain() {
    let versions = |second: &str, third: &str| {
        findings(&format!(
            "  v1: {{format: avro, file: binary}}\n  v2: {{format: avro, file: binary{second}}}\n  \
             v3: {{format: avro, file: binary{third}}}\n  v4: {{format: avro, file: binary}}\nversion_by: header\n"
        ))
    };
    assert_eq!(versions(", at: one", ", at: two"), [""; 0]);
    assert_eq!(versions(", at: one", ", at: one"), [""; 0]);
    assert_eq!(
        versions(", at: two", ", at: one"),
        ["the version `v3` stands behind `v2`, and holds at an earlier place of the chain"]
    );
    assert_eq!(
        versions("", ", at: two"),
        ["expected `at` for the version `v2`, which stands within the chain"]
    );
    assert_eq!(
        versions(", at: on", ", at: two"),
        ["no transformation of this chain has the id `on`, did you mean `one`?"]
    );
}

#[test]
fn a_migration_of_binary_messages_needs_a_schema_in_which_they_leave() {
    assert_eq!(
        findings("  from: {format: avro, file: binary}\n"),
        ["expected a schema in which messages leave: they come in another form than JSON text"]
    );
    assert_eq!(findings("  from: {format: json-schema, file: text}\n"), [""; 0]);
    assert_eq!(
        findings("  from: {format: avro, file: binary}\n  to: {format: json-schema, file: text}\n"),
        [""; 0]
    );
}

#[test]
fn a_schema_that_cannot_be_made_is_a_finding() {
    assert_eq!(
        findings("  to: {format: avro, file: missing}\n"),
        ["there is no such file or folder"]
    );
}

#[test]
fn a_schema_that_cannot_be_made_is_told_beside_a_transformation_that_cannot() {
    let files = MemoryResolver::new().with(
        "m.yaml",
        "migration: m\nschemas:\n  to: {format: avro, file: missing}\ntransformations:\n  - file: none.yaml\n",
    );
    let options = LoadOptions {
        schemas: &Fakes,
        ..LoadOptions::default()
    };
    let findings = Migration::load("m.yaml", &files, &options).expect_err("both are missing");
    assert_eq!(findings.errors(), 2, "{findings}");
}
