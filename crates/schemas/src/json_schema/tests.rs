mod limits;
mod registered;

use super::*;
use dunlin_core::finding::Place;
use dunlin_core::migration::SchemaFormat;
use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::load::MemoryResolver;

pub(super) fn reference(file: &str) -> SchemaReference {
    SchemaReference {
        format: SchemaFormat::JsonSchema,
        file: Some(file.to_owned()),
        imports: Vec::new(),
        message: None,
        framing: Framing::Plain,
        registry: None,
        place: Place::whole("m.yaml"),
    }
}

fn compile_all(reference: &SchemaReference, files: &MemoryResolver) -> Result<Arc<dyn Schema>, String> {
    let mut findings = Findings::new();
    let schema = compile(reference, None, files, &mut findings);
    assert_eq!(schema.is_none(), findings.has_errors(), "{findings}");
    schema.ok_or_else(|| {
        let lines: Vec<String> = findings.sorted().into_iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

/// The schema of a text.
pub(super) fn schema(text: &str) -> Arc<dyn Schema> {
    compile_all(&reference("s.json"), &MemoryResolver::new().with("s.json", text)).unwrap()
}

/// The findings of a text, one in a line.
fn findings(text: &str) -> String {
    compile_all(&reference("s.json"), &MemoryResolver::new().with("s.json", text)).unwrap_err()
}

fn document(text: &str) -> Value {
    let reading = Reading {
        depth: 256,
        duplicate_names: DuplicateNames::Allow,
    };
    parse(text.as_bytes(), &reading).unwrap()
}

fn fits(schema: &Arc<dyn Schema>, text: &str) -> bool {
    schema.check(&document(text), None).is_ok()
}

/// What is not met, one in a line.
fn unmet(schema_text: &str, text: &str) -> Vec<String> {
    let unmet = schema(schema_text).check(&document(text), None).unwrap_err();
    unmet
        .into_iter()
        .map(|unmet| format!("{}: {}", unmet.path, unmet.rule))
        .collect()
}

#[test]
fn every_rule_is_told_with_its_place_and_keyword_and_never_a_value() {
    let schema = r#"{
        "type": "object",
        "required": ["id", "odd name"],
        "additionalProperties": false,
        "properties": {
            "id": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
            "lines": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": true,
                      "items": {"properties": {"sku": {"type": ["string", "null"], "pattern": "^[A-Z]+$", "maxLength": 3}}}},
            "state": {"enum": ["open", "closed"]},
            "kind": {"const": "order"},
            "price": {"multipleOf": 0.01},
            "any": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "one": {"oneOf": [{"type": "integer"}, {"minimum": 5}]},
            "not": {"not": {"type": "string"}},
            "no": false,
            "map": {"propertyNames": {"maxLength": 2}, "minProperties": 2},
            "has": {"contains": {"const": 1}}
        }
    }"#;
    let secret = r#"{
        "id": 4711, "lines": [{"sku": "secret"}, {"sku": 4711}, {"sku": 4711}], "state": "secret", "kind": "secret",
        "price": 47.111, "any": 4711, "one": 4711, "not": "secret", "no": 4711, "map": {"secret": 1}, "has": [4711], "x.y": 1
    }"#;
    let told = unmet(schema, secret);
    assert_eq!(
        told,
        [
            ": expected the member `\"odd name\"` (required)",
            ": expected no member `\"x.y\"` (additionalProperties)",
            "id: expected a number of less than 10 (exclusiveMaximum)",
            "lines: expected at most 2 elements (maxItems)",
            "lines: expected elements that are all different (uniqueItems)",
            "lines[0].sku: expected a string of at most 3 characters (maxLength)",
            "lines[0].sku: expected a string that matches `^[A-Z]+$` (pattern)",
            "lines[1].sku: expected null or a string (type)",
            "lines[2].sku: expected null or a string (type)",
            "state: expected one of \"open\" or \"closed\" (enum)",
            "kind: expected \"order\" (const)",
            "price: expected a multiple of 0.01 (multipleOf)",
            "any: expected a value that fits at least one of the schemas (anyOf)",
            "one: expected a value that fits one of the schemas, and not several (oneOf)",
            "not: expected a value that does not fit the schema (not)",
            "no: expected no value, since the schema here is `false`",
            "map: expected at least 2 members (minProperties)",
            "map: names of members: expected a string of at most 2 characters (maxLength) (propertyNames)",
            "has: expected elements that fit the schema, in the number that is asked for (contains)",
        ]
    );
    for line in told {
        assert!(!line.contains("4711") && !line.contains("secret"), "{line}");
    }
}

#[test]
fn no_more_than_twenty_rules_are_told_and_the_first_ones_are() {
    let all = unmet(
        r#"{"items": {"type": "string"}}"#,
        &format!("[{}0]", "1,".repeat(500)),
    );
    assert_eq!(all.len(), 20);
    assert_eq!(all[0], "[0]: expected a string (type)");
    assert_eq!(all[19], "[19]: expected a string (type)");
    // Beyond ten thousand they are not even collected.
    let all = unmet(
        r#"{"items": {"type": "string"}}"#,
        &format!("[{}0]", "1,".repeat(50_000)),
    );
    assert_eq!(all, ["[0]: expected a string (type)"]);
}

#[test]
fn numbers_are_judged_as_they_are_written() {
    let cases = [
        (
            r#"{"maximum": 18446744073709551615}"#,
            "18446744073709551615",
            true,
        ),
        (
            r#"{"maximum": 18446744073709551615}"#,
            "18446744073709551616",
            false,
        ),
        (r#"{"maximum": 9007199254740992}"#, "9007199254740993.0", false),
        (
            r#"{"exclusiveMinimum": 0.3}"#,
            "0.30000000000000000000000000000000000001",
            true,
        ),
        (r#"{"exclusiveMinimum": 0.3}"#, "0.3", false),
        (
            r#"{"minimum": 1234567890123456789012345678901234567890}"#,
            "1234567890123456789012345678901234567889",
            false,
        ),
        (
            r#"{"minimum": 1234567890123456789012345678901234567890}"#,
            "1234567890123456789012345678901234567890",
            true,
        ),
        (
            r#"{"multipleOf": 0.01}"#,
            "1234567890123456789012345678901234567890.55",
            true,
        ),
        (
            r#"{"multipleOf": 0.01}"#,
            "1234567890123456789012345678901234567890.555",
            false,
        ),
        (r#"{"multipleOf": 0.1}"#, "0.3", true),
        (r#"{"multipleOf": 3}"#, "1e1000000000", false),
        (r#"{"type": "integer"}"#, "1e400", true),
        (r#"{"type": "integer"}"#, "1.0", true),
        (r#"{"type": "integer"}"#, "1.50", false),
        (
            r#"{"type": "integer"}"#,
            "100000000000000000000000000000000000000001.5",
            false,
        ),
        (
            r#"{"const": 12345678901234567890123}"#,
            "12345678901234567890123",
            true,
        ),
        (
            r#"{"const": 12345678901234567890123}"#,
            "12345678901234567890124",
            false,
        ),
        (
            r#"{"enum": [{"a": [0.12345678901234567890123]}, 1]}"#,
            r#"{"a": [0.12345678901234567890123]}"#,
            true,
        ),
        (
            r#"{"enum": [{"a": [0.12345678901234567890123]}, 1]}"#,
            r#"{"a": [0.12345678901234567890124]}"#,
            false,
        ),
        (
            r#"{"enum": [{"a": [0.12345678901234567890123]}, 1]}"#,
            "1.0",
            true,
        ),
        (r#"{"const": 1}"#, "1.0", true),
        (r#"{"const": {"a": 1e2}}"#, r#"{"a": 100}"#, true),
        (r#"{"uniqueItems": true}"#, "[1, 1.0]", false),
        (
            r#"{"uniqueItems": true}"#,
            "[9007199254740992, 9007199254740993]",
            true,
        ),
        (
            r#"{"properties": {"minimum": {"const": 12345678901234567890123}}}"#,
            r#"{"minimum": 1}"#,
            false,
        ),
        (
            r#"{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 5, "exclusiveMinimum": true}"#,
            "5",
            false,
        ),
        (
            r#"{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 5, "exclusiveMinimum": true}"#,
            "5.1",
            true,
        ),
        (
            r#"{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 5, "exclusiveMinimum": false}"#,
            "5",
            true,
        ),
    ];
    for (schema_text, text, expected) in cases {
        assert_eq!(fits(&schema(schema_text), text), expected, "{schema_text} {text}");
    }
    assert_eq!(
        unmet(r#"{"minimum": 1234567890123456789012345678901234567890}"#, "1"),
        [": expected a number of at least 1234567890123456789012345678901234567890 (minimum)"]
    );
}

#[test]
fn of_members_with_one_name_the_last_is_judged() {
    let schema = schema(
        r#"{"properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "null"}, "maxProperties": 2}"#,
    );
    assert!(fits(&schema, r#"{"a": 1, "a": "x", "b": 1, "b": null}"#));
    assert!(!fits(&schema, r#"{"a": "x", "\u0061": 1}"#));
    assert!(!fits(&schema, r#"{"b": null, "b": 1}"#));
}

#[test]
fn texts_are_judged_as_they_are_meant_and_not_as_they_are_escaped() {
    let schema = schema(r#"{"properties": {"é": {"maxLength": 1, "pattern": "^é$"}}, "required": ["é"]}"#);
    assert!(fits(&schema, r#"{"\u00e9": "\u00e9"}"#));
    assert!(!fits(&schema, r#"{"\u00e9": "\u00e8"}"#));
    // Half of a surrogate pair is one character.
    assert!(fits(
        &self::schema(r#"{"minLength": 3, "maxLength": 3}"#),
        r#""a\ud800b""#
    ));
}

#[test]
fn formats_are_annotations_unless_the_dialect_asserts_them() {
    for dialect in [
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        let text = format!(r#"{{"$schema": "{dialect}", "format": "date-time"}}"#);
        assert!(fits(&schema(&text), r#""tomorrow""#), "{dialect}");
    }
}

#[test]
fn a_text_without_a_dialect_is_read_as_2020_12() {
    let prefix = schema(r#"{"prefixItems": [{"type": "string"}]}"#);
    assert!(!fits(&prefix, "[1]"));
    let older = schema(
        r#"{"$schema": "http://json-schema.org/draft-07/schema#", "prefixItems": [{"type": "string"}]}"#,
    );
    assert!(fits(&older, "[1]"));
    assert_eq!(
        findings("{\n  \"$schema\": \"https://example.com/of-my-own\"\n}"),
        "s.json:2:14: error: expected a dialect of JSON Schema that is known"
    );
}

#[test]
fn what_is_wrong_with_a_schema_is_told_at_its_line_and_column() {
    let text = "{\n  \"type\": \"strnig\",\n  \"properties\": {\"a\": {\"minLength\": -1}},\n  \"required\": \"a\"\n}";
    assert_eq!(
        findings(text),
        "s.json:2:11: error: expected one of `array`, `boolean`, `integer`, `null`, `number`, `object` and `string`, or a list of them\n\
         s.json:3:37: error: expected a number of at least 0 (minimum)\n\
         s.json:4:15: error: expected an array (type)"
    );
    assert_eq!(
        findings("{\"properties\": {\"a\": {\"pattern\": \"(\"}}}"),
        "s.json:1:34: error: expected a regular expression of ECMA 262 that takes at most 512 KiB of memory"
    );
    assert_eq!(
        findings("{\"$ref\": \"#/$defs/nowhere\"}"),
        "s.json:1:10: error: nothing stands at `#/$defs/nowhere`"
    );
    assert_eq!(
        findings("[1]"),
        "s.json:1:1: error: expected a boolean or an object (type)"
    );
    let yaml = MemoryResolver::new().with("s.yaml", "type: object\nproperties:\n  a:\n    type: 7\n");
    assert_eq!(
        compile_all(&reference("s.yaml"), &yaml).unwrap_err(),
        "s.yaml:4:11: error: expected one of `array`, `boolean`, `integer`, `null`, `number`, `object` and `string`, or a list of them"
    );
}

#[test]
fn references_lead_to_files_and_imports_and_never_to_a_network() {
    let files = MemoryResolver::new()
        .with(
            "schemas/order.json",
            r##"{"properties": {
                "address": {"$ref": "parts/address.yaml#/$defs/address"},
                "sku": {"$ref": "https://example.com/sku"},
                "parent": {"$ref": "#"}
            }}"##,
        )
        .with(
            "schemas/parts/address.yaml",
            "$defs:\n  address:\n    properties:\n      zip: {$ref: \"../zip code.json\"}\n",
        )
        .with("schemas/zip code.json", r#"{"type": "string"}"#)
        .with(
            "schemas/shared/sku.json",
            r#"{"$id": "https://example.com/sku", "type": "integer"}"#,
        );
    let mut named = reference("schemas/order.json");
    assert_eq!(
        compile_all(&named, &files).unwrap_err(),
        "schemas/parts/address.yaml:4:19: error: expected a URI reference (RFC 3986)"
    );
    let files = files.with(
        "schemas/parts/address.yaml",
        "$defs:\n  address:\n    properties:\n      zip: {$ref: \"../zip%20code.json\"}\n",
    );
    assert_eq!(
        compile_all(&named, &files).unwrap_err(),
        "schemas/order.json:3:33: error: no schema here is called `https://example.com/sku`, and none is fetched from a network"
    );
    named.imports = vec!["schemas/shared".to_owned()];
    let schema = compile_all(&named, &files).unwrap();
    assert!(fits(
        &schema,
        r#"{"address": {"zip": "1010"}, "sku": 1, "parent": {"sku": 2}}"#
    ));
    assert!(!fits(&schema, r#"{"address": {"zip": 1010}}"#));
    assert!(!fits(&schema, r#"{"parent": {"parent": {"sku": "x"}}}"#));
}

#[test]
fn a_schema_with_an_address_of_its_own_finds_its_neighbours_beside_it() {
    let files = MemoryResolver::new()
        .with(
            "a.json",
            r#"{"$id": "https://example.com/schemas/a.json", "$ref": "b.json"}"#,
        )
        .with(
            "b.json",
            r#"{"$id": "https://example.com/schemas/b.json", "type": "string"}"#,
        );
    let schema = compile_all(&reference("a.json"), &files).unwrap();
    assert!(fits(&schema, "\"x\"") && !fits(&schema, "1"));
}

#[test]
fn a_reference_to_a_file_that_is_missing_or_faulty_is_told() {
    let files = MemoryResolver::new().with("a.json", "{\n  \"$ref\": \"b.json\"\n}");
    assert_eq!(
        compile_all(&reference("a.json"), &files).unwrap_err(),
        "a.json:2:11: error: b.json: there is no such file or folder"
    );
    let files = files.with("b.json", "{\"type\": 1}");
    assert_eq!(
        compile_all(&reference("a.json"), &files).unwrap_err(),
        "b.json:1:10: error: expected one of `array`, `boolean`, `integer`, `null`, `number`, `object` and `string`, or a list of them"
    );
    assert_eq!(
        compile_all(&reference("c.json"), &files).unwrap_err(),
        "m.yaml: error: c.json: there is no such file or folder"
    );
}

#[test]
fn a_schema_that_leads_back_to_itself_at_one_value_is_refused() {
    let text = "{\n  \"$ref\": \"#/$defs/a\",\n  \"$defs\": {\n    \"a\": {\"$ref\": \"#/$defs/b\"},\n    \"b\": {\"$ref\": \"#/$defs/a\"}\n  }\n}";
    let told = findings(text);
    assert!(told.contains("leads back to itself"), "{told}");
    // Through a member it is how lists and trees are described.
    let tree = schema(r##"{"type": "object", "properties": {"next": {"$ref": "#"}}}"##);
    assert!(fits(&tree, r#"{"next": {"next": {}}}"#));
    assert!(!fits(&tree, r#"{"next": {"next": 1}}"#));
}
