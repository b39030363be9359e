//! From what the engine knows of documents to a JSON Schema of them (2020-12), for people and for files.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunlin_core::migration::document::{Member, Number, Value};
use dunlin_core::migration::shape::{
    ArrayShape, Kinds, Node, NumberShape, ObjectShape, Shape, StringShape, TextFormat,
};

/// The text of a schema, in lines, always the same for the same shape. Ends with a line feed.
pub(super) fn describe(shape: &Shape) -> String {
    let mut members = vec![Member::new(
        "$schema",
        Value::string("https://json-schema.org/draft/2020-12/schema"),
    )];
    match schema(&shape.root) {
        Value::Object(own) => members.extend(own),
        // A whole schema that says nothing, or that nothing fits, has to have a place for its dialect.
        Value::Bool(false) => members.push(Member::new("allOf", Value::Array(vec![Value::Bool(false)]))),
        _ => {}
    }
    if !shape.definitions.is_empty() {
        members.push(Member::new("$defs", definitions(&shape.definitions)));
    }
    let mut text = String::new();
    write(&Value::Object(members), 0, &mut text);
    text.push('\n');
    text
}

fn definitions(definitions: &BTreeMap<Arc<str>, Node>) -> Value {
    let members = definitions
        .iter()
        .map(|(name, node)| Member::new(name, schema(node)));
    Value::Object(members.collect())
}

fn schema(node: &Node) -> Value {
    match node {
        Node::Anything => Value::Bool(true),
        Node::Reference(name) => {
            let to = format!("#/$defs/{}", pointer_segment(name));
            Value::Object(vec![Member::new("$ref", Value::string(&to))])
        }
        Node::Kinds(kinds) if kinds.is_empty() => Value::Bool(false),
        Node::Kinds(kinds) => of_kinds(kinds),
    }
}

/// Keywords for one kind of value say nothing of the others, so that all can stand side by side. `enum` does not: it
/// speaks of all values.
fn of_kinds(kinds: &Kinds) -> Value {
    let texts = kinds.string.as_ref().and_then(|string| string.values.as_ref());
    if let Some(texts) = texts
        && kinds.kinds().count() > 1
    {
        let rest = Kinds {
            string: None,
            ..kinds.clone()
        };
        let one_of = vec![texts_alone(texts), of_kinds(&rest)];
        return Value::Object(vec![Member::new("anyOf", Value::Array(one_of))]);
    }
    let mut words: Vec<&str> = Vec::new();
    let mut members = Vec::new();
    if let Some(object) = &kinds.object {
        words.push("object");
        of_object(object, &mut members);
    }
    if let Some(array) = &kinds.array {
        words.push("array");
        of_array(array, &mut members);
    }
    if let Some(string) = &kinds.string {
        words.push("string");
        of_string(string, &mut members);
    }
    if let Some(number) = &kinds.number {
        words.push(if number.integer { "integer" } else { "number" });
        of_number(number, &mut members);
    }
    if kinds.boolean {
        words.push("boolean");
    }
    if kinds.null {
        words.push("null");
    }
    let types = match words.as_slice() {
        [word] => Value::string(word),
        words => Value::Array(words.iter().map(|word| Value::string(word)).collect()),
    };
    members.insert(0, Member::new("type", types));
    Value::Object(members)
}

fn texts_alone(texts: &[String]) -> Value {
    let texts = Value::Array(texts.iter().map(|text| Value::string(text)).collect());
    Value::Object(vec![
        Member::new("type", Value::string("string")),
        Member::new("enum", texts),
    ])
}

fn of_object(object: &ObjectShape, out: &mut Vec<Member>) {
    if !object.members.is_empty() {
        let properties = object
            .members
            .iter()
            .map(|member| Member::new(&member.name, schema(&member.value)));
        out.push(Member::new("properties", Value::Object(properties.collect())));
    }
    let required = object.members.iter().filter(|member| member.required);
    let required: Vec<Value> = required.map(|member| Value::string(&member.name)).collect();
    if !required.is_empty() {
        out.push(Member::new("required", Value::Array(required)));
    }
    match &object.others {
        Some(Node::Anything) => {}
        Some(others) => out.push(Member::new("additionalProperties", schema(others))),
        None => out.push(Member::new("additionalProperties", Value::Bool(false))),
    }
}

fn of_array(array: &ArrayShape, out: &mut Vec<Member>) {
    if array.element != Node::Anything {
        out.push(Member::new("items", schema(&array.element)));
    }
    if array.least > 0 {
        out.push(Member::new("minItems", number(&array.least.to_string())));
    }
    if let Some(most) = array.most {
        out.push(Member::new("maxItems", number(&most.to_string())));
    }
}

fn of_string(string: &StringShape, out: &mut Vec<Member>) {
    if let Some(texts) = &string.values {
        let texts = texts.iter().map(|text| Value::string(text)).collect();
        out.push(Member::new("enum", Value::Array(texts)));
    }
    // The other two have no name in JSON Schema.
    let format = match string.format {
        Some(TextFormat::Uuid) => "uuid",
        Some(TextFormat::Date) => "date",
        Some(TextFormat::Time) => "time",
        Some(TextFormat::DateTime) => "date-time",
        Some(TextFormat::Decimal | TextFormat::Bytes) | None => return,
    };
    out.push(Member::new("format", Value::string(format)));
}

fn of_number(shape: &NumberShape, out: &mut Vec<Member>) {
    if let Some((least, most)) = shape.range {
        out.push(Member::new("minimum", number(&least.to_string())));
        out.push(Member::new("maximum", number(&most.to_string())));
    }
}

/// A number of its digits.
fn number(digits: &str) -> Value {
    Number::from_text(digits).map_or(Value::Null, Value::Number)
}

/// A name as a segment of a JSON pointer in the fragment of a URI (RFC 6901, section 6).
fn pointer_segment(name: &str) -> String {
    let mut segment = String::new();
    for byte in name.replace('~', "~0").replace('/', "~1").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    segment
}

/// Writes a value with one member or element in each line. Recursion is bounded by the depth of shapes.
fn write(value: &Value, depth: usize, out: &mut String) {
    let line = |depth: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    match value {
        Value::Array(elements) if elements.iter().any(Value::is_container) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                write(element, depth + 1, out);
            }
            line(depth, out);
            out.push(']');
        }
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                element.write(out);
            }
            out.push(']');
        }
        Value::Object(members) if !members.is_empty() => {
            out.push('{');
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(depth + 1, out);
                member.name.write(out);
                out.push_str(": ");
                write(&member.value, depth + 1, out);
            }
            line(depth, out);
            out.push('}');
        }
        scalar => scalar.write(out),
    }
}
