//! What is said of schemas that cannot be used, and how files find each other.

use dunlin_core::finding::Findings;
use dunlin_core::migration::Schema;
use dunlin_core::migration::load::MemoryResolver;

use super::{compiled, document, reference};
use crate::protobuf::Protobuf;

fn with_files(files: &[(&str, &str)], imports: &[&str]) -> Result<Protobuf, String> {
    let files = files.iter().fold(MemoryResolver::new(), |files, (name, text)| {
        files.with(name, *text)
    });
    let mut reference = reference(Some("shop.Order"));
    reference.imports = imports.iter().map(|name| (*name).to_owned()).collect();
    let mut findings = Findings::new();
    Protobuf::new(&reference, None, &files, &mut findings).ok_or_else(|| findings.render())
}

#[test]
fn faults_of_a_schema_are_told_with_file_line_and_column() {
    for (text, place, message) in [
        (
            "syntax = \"proto3\";\nmessage Order { int32 a = 1 }",
            "schemas/shop.proto:2:29",
            "but found `}`",
        ),
        (
            "syntax = \"proto3\";\nmessage Order {\n  Lost a = 1;\n}",
            "schemas/shop.proto:3:3",
            "`Lost` is not defined",
        ),
        (
            "syntax = \"proto3\";\nmessage Order { int32 a = 1;\n int32 b = 1; }",
            "schemas/shop.proto:3:",
            "already used",
        ),
        ("syntax = \"proto4\";", "schemas/shop.proto:1:", "unknown syntax"),
        (
            "edition = \"2023\";\nmessage Order {}",
            "schemas/shop.proto:1:1",
            "editions are not read",
        ),
        (
            "syntax = \"proto3\";\nimport \"lost.proto\";\nmessage Order {}",
            "schemas/shop.proto:2:1",
            "the file `lost.proto` is not found",
        ),
    ] {
        let findings = compiled(text, None).unwrap_err();
        assert!(findings.contains(place), "{text}: {findings}");
        assert!(findings.contains(message), "{text}: {findings}");
    }
}

#[test]
fn a_file_of_several_messages_needs_the_name_of_one() {
    let text = "syntax = \"proto3\"; package shop; message Order {} message Line {}";
    let findings = compiled(text, None).unwrap_err();
    assert!(
        findings.contains("expected `message`") && findings.contains("`shop.Order`, `shop.Line`"),
        "{findings}"
    );
    let findings = compiled(text, Some("shop.Oder")).unwrap_err();
    assert!(
        findings.contains("no message of schemas/shop.proto has the full name `shop.Oder`"),
        "{findings}"
    );
    assert!(findings.contains("`shop.Order`"), "{findings}");
    assert!(compiled("syntax = \"proto3\"; message Order {}", None).is_ok());
}

#[test]
fn imports_are_found_below_the_folders_that_are_named_and_beside_the_file() {
    let own = "syntax = \"proto3\"; package shop; import \"common/money.proto\"; import \"line.proto\";
        message Order { common.Money price = 1; Line line = 2; }";
    let money = "syntax = \"proto3\"; package common; message Money { int64 units = 1; }";
    let line = "syntax = \"proto3\"; package shop; message Line {}";
    let files = [
        ("schemas/shop.proto", own),
        ("vendor/common/money.proto", money),
        ("schemas/line.proto", line),
    ];
    for import in ["vendor", "vendor/common/money.proto"] {
        let schema = with_files(&files, &[import]).unwrap();
        assert_eq!(
            schema.check(&document(r#"{"price":{"units":"1"}}"#), None),
            Ok(())
        );
    }
    let findings = with_files(&files, &[]).unwrap_err();
    assert!(
        findings.contains("`common/money.proto` is not found") && findings.contains("`imports`"),
        "{findings}"
    );
}

#[test]
fn imports_in_a_circle_are_refused_at_the_import_that_closes_it() {
    let files = [
        (
            "schemas/shop.proto",
            "syntax = \"proto3\"; package shop;\nimport \"a.proto\";\nmessage Order {}",
        ),
        ("schemas/a.proto", "syntax = \"proto3\";\nimport \"b.proto\";"),
        (
            "schemas/b.proto",
            "syntax = \"proto3\";\n\n  import \"shop.proto\";",
        ),
    ];
    let findings = with_files(&files, &[]).unwrap_err();
    assert!(findings.contains("schemas/b.proto:3:3"), "{findings}");
    assert!(
        findings.contains("schemas/shop.proto -> schemas/a.proto -> schemas/b.proto -> schemas/shop.proto"),
        "{findings}"
    );
    let own = [(
        "schemas/shop.proto",
        "syntax = \"proto3\"; package shop;\nimport \"shop.proto\";\nmessage Order {}",
    )];
    assert!(
        with_files(&own, &[])
            .unwrap_err()
            .contains("the imports lead in a circle")
    );
}

#[test]
fn a_set_of_descriptors_is_as_good_as_its_text() {
    use prost::Message as _;
    let text = compiled(
        "syntax = \"proto3\"; package shop; message Order { repeated int32 a = 1 [packed = false]; }",
        None,
    )
    .unwrap();
    let types = text.types().unwrap();
    let set = prost_types::FileDescriptorSet {
        file: types.pool.file_descriptor_protos().cloned().collect(),
    };
    let mut reference = reference(None);
    reference.file = Some("schemas/shop.binpb".to_owned());
    let files = MemoryResolver::new().with("schemas/shop.binpb", set.encode_to_vec());
    let mut findings = Findings::new();
    let read = Protobuf::new(&reference, None, &files, &mut findings).unwrap();
    assert_eq!(read.identity(), text.identity());
    assert_eq!(super::encode(&read, r#"{"a":[1]}"#).unwrap(), [8, 1]);
}
