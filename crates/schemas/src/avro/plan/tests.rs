use dunlin_core::migration::{Failure, FailureKind, Limits};

use super::super::decode::decode;
use super::super::tests::{encoded, model, schema};
use super::*;

/// What a reader makes of what a writer wrote.
fn resolved(writer: &str, json: &str, reader: &str) -> Result<String, Failure> {
    let bytes = encoded(&*schema(writer), json).expect("the writer's document fits its schema");
    let plan = Plan::new(&model(writer), &model(reader)).expect("the schemas are small");
    decode(&plan, &bytes, 0, &Limits::default()).map(|value| value.to_json())
}

fn record(name: &str, fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "{name}", "fields": [{fields}]}}"#)
}

#[test]
fn what_resolution_allows_is_read() {
    let colours = r#"{"type": "enum", "name": "C", "symbols": ["RED", "BLUE"]}"#;
    let red = r#"{"type": "enum", "name": "C", "symbols": ["OTHER", "RED"], "default": "OTHER"}"#;
    let cases: [(&str, &str, &str, &str); 21] = [
        (r#""int""#, "1", r#""long""#, "1"),
        (r#""int""#, "1", r#""float""#, "1.0"),
        (r#""long""#, "1", r#""double""#, "1.0"),
        (r#""float""#, "0.5", r#""double""#, "0.5"),
        (r#""string""#, r#""é""#, r#""bytes""#, "\"Ã©\""),
        (r#""bytes""#, r#""abc""#, r#""string""#, r#""abc""#),
        (r#""int""#, "1", r#"["null", "int"]"#, "1"),
        (r#"["null", "int"]"#, "1", r#""int""#, "1"),
        (r#"["null", "int"]"#, "1", r#"["string", "long", "null"]"#, "1"),
        // The same type is preferred to an earlier one that it is promoted to.
        (r#""int""#, "1", r#"["double", "int"]"#, r#"{"int":1}"#),
        (r#""int""#, "1", r#"["double", "long"]"#, r#"{"double":1.0}"#),
        (
            r#"{"type": "array", "items": "int"}"#,
            "[1]",
            r#"{"type": "array", "items": "long"}"#,
            "[1]",
        ),
        (
            r#"{"type": "map", "values": "int"}"#,
            r#"{"a":1}"#,
            r#"{"type": "map", "values": "double"}"#,
            r#"{"a":1.0}"#,
        ),
        (colours, r#""BLUE""#, red, r#""OTHER""#),
        (colours, r#""RED""#, red, r#""RED""#),
        (
            r#"{"type": "long"}"#,
            "1",
            r#"{"type": "long", "logicalType": "timestamp-millis"}"#,
            r#""1970-01-01T00:00:00.001Z""#,
        ),
        (
            r#"{"type": "int", "logicalType": "date"}"#,
            r#""1970-01-02""#,
            r#""int""#,
            "1",
        ),
        (
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#,
            "1.25",
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#,
            "1.25",
        ),
        (
            r#"{"type": "fixed", "name": "a.F", "size": 1}"#,
            r#""x""#,
            r#"{"type": "fixed", "name": "b.F", "size": 1}"#,
            r#""x""#,
        ),
        (
            r#"{"type": "fixed", "name": "F", "size": 1}"#,
            r#""x""#,
            r#"{"type": "fixed", "name": "G", "aliases": ["F"], "size": 1}"#,
            r#""x""#,
        ),
        (
            r#"["int", "string"]"#,
            r#""x""#,
            r#"["bytes", "string", "long"]"#,
            r#"{"string":"x"}"#,
        ),
    ];
    for (writer, json, reader, expected) in cases {
        assert_eq!(
            resolved(writer, json, reader).as_deref(),
            Ok(expected),
            "{writer} as {reader}"
        );
        let plan = Plan::new(&model(writer), &model(reader)).expect("the schemas are small");
        assert!(plan.refusals.iter().all(|refusal| refusal.path.is_empty()));
    }
}

#[test]
fn fields_are_found_by_name_and_alias_and_stand_in_the_order_of_the_reader() {
    let writer = record(
        "R",
        r#"{"name": "gone", "type": {"type": "map", "values": "string"}}, {"name": "b", "type": "int"}, {"name": "a", "type": "int"}"#,
    );
    let reader = record(
        "n.R",
        r#"{"name": "a", "type": "long"}, {"name": "new", "type": {"type": "bytes", "logicalType": "decimal", "precision": 3, "scale": 1}, "default": "\u000f"},
           {"name": "renamed", "aliases": ["x", "b"], "type": "int"}"#,
    );
    let json = r#"{"gone": {"k": "v"}, "b": 2, "a": 1}"#;
    assert_eq!(
        resolved(&writer, json, &reader).as_deref(),
        Ok(r#"{"a":1,"new":1.5,"renamed":2}"#)
    );
}

#[test]
fn recursive_schemas_are_resolved() {
    let list = |kind: &str| {
        record(
            "L",
            &format!(r#"{{"name": "head", "type": "{kind}"}}, {{"name": "tail", "type": ["null", "L"]}}"#),
        )
    };
    let json = r#"{"head":1,"tail":{"head":2,"tail":null}}"#;
    assert_eq!(resolved(&list("int"), json, &list("long")).as_deref(), Ok(json));
}

#[test]
fn what_resolution_refuses_is_told_with_its_place() {
    let writer = record(
        "R",
        r#"{"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [{"name": "sku", "type": "string"}]}}}"#,
    );
    let reader = record(
        "R",
        r#"{"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [{"name": "sku", "type": "int"}]}}}"#,
    );
    let failure =
        resolved(&writer, r#"{"lines": [{"sku": "a"}]}"#, &reader).expect_err("no string is an int");
    assert_eq!(failure.kind, FailureKind::Decode);
    assert_eq!(failure.path.as_deref(), Some("lines[0].sku"));
    let plan = Plan::new(&model(&writer), &model(&reader)).expect("the schemas are small");
    assert_eq!(
        plan.refusals,
        [Refusal {
            path: "lines[*].sku".to_owned(),
            reason: "the writer's `string` cannot be read as `int`".into(),
        }]
    );
}

#[test]
fn a_meaning_is_never_changed_in_silence() {
    let millis = r#"{"type": "long", "logicalType": "timestamp-millis"}"#;
    let micros = r#"{"type": "long", "logicalType": "timestamp-micros"}"#;
    assert!(resolved(millis, r#""1970-01-01T00:00:01Z""#, micros).is_err());
    let decimal = |precision: usize, scale: usize| {
        format!(
            r#"{{"type": "bytes", "logicalType": "decimal", "precision": {precision}, "scale": {scale}}}"#
        )
    };
    assert!(resolved(&decimal(4, 2), "1.00", &decimal(4, 1)).is_err());
    assert!(resolved(&decimal(4, 2), "1.00", &decimal(3, 2)).is_err());
}

#[test]
fn a_field_without_a_default_that_the_writer_does_not_have_is_refused() {
    let failure = resolved(
        &record("R", ""),
        "{}",
        &record("R", r#"{"name": "a", "type": "int"}"#),
    )
    .expect_err("nobody says what a is");
    assert!(failure.message().contains("no field `a`"), "{failure}");
}
