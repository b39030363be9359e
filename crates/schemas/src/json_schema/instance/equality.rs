//! Equality as JSON Schema means it: numbers by their value, objects without regard to order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dunlin_core::migration::document::Value;

use super::super::number::Decimal;
use super::read;

/// Whether a value of a document equals one of a schema (JSON Schema Core 2020-12, section 4.2.2).
pub(crate) fn equals(value: &Value, expected: &serde_json::Value) -> bool {
    match (value, expected) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(left), serde_json::Value::Bool(right)) => left == right,
        (Value::Number(left), serde_json::Value::Number(right)) => {
            let right = right.to_string();
            left.as_str() == right || Decimal::read(left.as_str()) == Decimal::read(&right)
        }
        (Value::String(left), serde_json::Value::String(right)) => left.is(right),
        (Value::Array(left), serde_json::Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equals(left, right))
        }
        (Value::Object(left), serde_json::Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|member| {
                    let name = member.name.read().ok();
                    name.and_then(|name| right.get(&*name))
                        .is_some_and(|right| equals(&member.value, right))
                })
        }
        _ => false,
    }
}

/// A text that is the same for two values of documents only if they are equal.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        // Writing to a string cannot fail.
        Value::Number(number) => {
            let _ = write!(out, "{:?}", Decimal::read(number.as_str()));
        }
        Value::String(text) => text.canonical().write(out),
        Value::Array(elements) => {
            out.push('[');
            for element in elements {
                write(element, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let sorted: BTreeMap<_, _> = members
                .iter()
                .map(|member| (read(&member.name), &member.value))
                .collect();
            out.push('{');
            for (name, value) in sorted {
                let _ = write!(out, "{name:?}:");
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}
