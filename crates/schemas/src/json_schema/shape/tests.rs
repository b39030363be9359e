use crate::json_schema::tests::schema;
use dunlin_core::migration::shape::Shape;

/// The shape of a schema, as a schema.
fn described(text: &str) -> String {
    let schema = schema(text);
    let described = schema.describe(&schema.shape().unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&described).unwrap();
    assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut members = value.as_object().unwrap().clone();
    members.shift_remove("$schema");
    serde_json::Value::Object(members).to_string()
}

/// What a schema is understood to say, in the same language.
const UNDERSTOOD: &[(&str, &str)] = &[
    ("{}", "{}"),
    ("false", r#"{"allOf":[false]}"#),
    (r#"{"type": "string"}"#, r#"{"type":"string"}"#),
    (
        r#"{"type": ["integer", "null"]}"#,
        r#"{"type":["integer","null"]}"#,
    ),
    (r#"{"type": ["integer", "number"]}"#, r#"{"type":"number"}"#),
    (
        r#"{"type": "integer", "minimum": 1, "exclusiveMaximum": 10.5}"#,
        r#"{"type":"integer","minimum":1,"maximum":11}"#,
    ),
    (
        r#"{"type": "integer", "minimum": -9223372036854775809, "maximum": 18446744073709551616}"#,
        r#"{"type":"integer","minimum":-9.223372036854775809e18,"maximum":1.8446744073709552e19}"#,
    ),
    (r#"{"type": "number", "minimum": 1}"#, r#"{"type":"number"}"#),
    (
        r#"{"enum": ["a", "b", null]}"#,
        r#"{"anyOf":[{"type":"string","enum":["a","b"]},{"type":"null"}]}"#,
    ),
    (r#"{"const": 3}"#, r#"{"type":"integer","minimum":3,"maximum":3}"#),
    (
        r#"{"type": "string", "enum": ["a", 1]}"#,
        r#"{"type":"string","enum":["a"]}"#,
    ),
    (
        r#"{"type": "object", "required": ["b", "c"], "properties": {"a": {"type": "null"}, "b": true}, "additionalProperties": false}"#,
        r#"{"type":"object","properties":{"a":{"type":"null"},"b":true,"c":false},"required":["b","c"],"additionalProperties":false}"#,
    ),
    (
        r#"{"type": "object", "additionalProperties": false, "patternProperties": {"^x": {"type": "string"}}}"#,
        r#"{"type":"object","additionalProperties":{"type":"string"}}"#,
    ),
    (
        r#"{"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "null"}, "minItems": 1}"#,
        r#"{"type":"array","items":{"type":["string","null"]},"minItems":1}"#,
    ),
    (
        r#"{"type": "array", "prefixItems": [{"type": "string"}], "items": false}"#,
        r#"{"type":"array","items":{"type":"string"},"maxItems":1}"#,
    ),
    (
        r#"{"allOf": [{"type": ["string", "null"]}, {"type": ["string", "integer"]}]}"#,
        r#"{"type":"string"}"#,
    ),
    (
        r#"{"type": "object", "properties": {"a": {"type": "string"}}, "allOf": [{"required": ["a"]}, {"additionalProperties": {"type": "string"}}]}"#,
        r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":{"type":"string"}}"#,
    ),
    (
        r#"{"oneOf": [{"type": "object", "properties": {"a": {"const": "x"}}, "required": ["a"]},
                     {"type": "object", "properties": {"a": {"const": "y"}, "b": {}}, "required": ["a"]}]}"#,
        r#"{"type":"object","properties":{"a":{"type":"string","enum":["x","y"]},"b":true},"required":["a"]}"#,
    ),
    (
        r##"{"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}}}}"##,
        r##"{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"next":{"$ref":"#/$defs/tree"}}}}}"##,
    ),
    // What is not understood widens.
    (r#"{"not": {"type": "string"}}"#, "{}"),
    (
        r#"{"type": "string", "format": "date", "pattern": "x", "maxLength": 3}"#,
        r#"{"type":"string"}"#,
    ),
    (r#"{"if": {"type": "string"}, "then": false}"#, "{}"),
    (r#"{"const": 12345678901234567890123}"#, "{}"),
];

#[test]
fn a_schema_is_understood_as_its_shape_says() {
    for (text, expected) in UNDERSTOOD {
        let (described, expected): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(&described(text)).unwrap(),
            serde_json::from_str(expected).unwrap(),
        );
        assert_eq!(described.to_string(), expected.to_string(), "{text}");
    }
}

#[test]
fn what_was_described_has_the_shape_that_was_described() {
    for (text, _) in UNDERSTOOD {
        let first = schema(text);
        let shape = first.shape().unwrap();
        let second = schema(&first.describe(&shape).unwrap());
        assert_eq!(second.shape().unwrap(), shape, "{text}");
    }
}

#[test]
fn an_integer_beyond_64_bits_is_described_with_all_its_digits() {
    let first = schema(r#"{"type": "integer", "minimum": -99999999999999999999999999, "maximum": 5}"#);
    let text = first.describe(&first.shape().unwrap()).unwrap();
    assert!(
        text.contains("\"minimum\": -99999999999999999999999999"),
        "{text}"
    );
}

#[test]
fn a_description_is_text_for_people() {
    let first =
        schema(r#"{"type": "object", "properties": {"a": {"enum": ["x", "y"]}, "n": {"type": "object"}}}"#);
    assert_eq!(
        first.describe(&first.shape().unwrap()).unwrap(),
        "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \"type\": \"object\",\n  \"properties\": {\n    \
         \"a\": {\n      \"type\": \"string\",\n      \"enum\": [\"x\", \"y\"]\n    },\n    \"n\": {\n      \"type\": \"object\"\n    \
         }\n  }\n}\n"
    );
}

#[test]
fn definitions_that_multiply_each_other_have_a_shape_in_no_time() {
    let text = r##"{"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {
        "a": {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}, "y": {"$ref": "#/$defs/a"}}},
        "b": {"type": "object", "properties": {"x": {"$ref": "#/$defs/b"}, "y": {"$ref": "#/$defs/b"}, "z": {}}}
    }}"##;
    let shape = schema(text).shape().unwrap();
    assert_ne!(shape, Shape::anything());
}
