//! What a text holds: its values, its names for itself, and where it refers to others.

use dunlin_core::finding::{Findings, Place};
use dunlin_core::source::{Content, Node};
use serde_json::{Map, Number, Value};

use super::super::keywords::{NOTED, note};
use super::super::number::{Decimal, MOST_DIGITS};
use super::resolved;

/// Members whose names are anyone's, and not keywords.
const MAPS: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];
/// Keywords that hold values, and no schemas.
const VALUES: [&str; 4] = ["const", "enum", "default", "examples"];

/// The value for the validator, and whether notes were added. `None` where there is an error in it.
///
/// Recursion is bounded by the depth of texts.
pub(super) fn value_of(node: &Node, findings: &mut Findings) -> Option<(Value, bool)> {
    let errors = findings.errors();
    let mut reading = Reading {
        findings,
        is_exact: true,
        has_notes: false,
    };
    let value = reading.value(node, false)?;
    let has_notes = reading.has_notes;
    (findings.errors() == errors).then_some((value, has_notes))
}

struct Reading<'a> {
    findings: &'a mut Findings,
    /// Whether all numbers since this was set are held by the value as they are written.
    is_exact: bool,
    has_notes: bool,
}

impl Reading<'_> {
    fn value(&mut self, node: &Node, is_map: bool) -> Option<Value> {
        Some(match &node.content {
            Content::Null => Value::Null,
            Content::Bool(truth) => Value::Bool(*truth),
            Content::Number(number) => Value::Number(self.number(node, number.as_str())?),
            Content::String(text) => Value::String(text.clone()),
            Content::Surrogates(_) => {
                let message = "expected text, found half of a surrogate pair, which no text holds";
                self.findings.error(&node.place, message);
                return None;
            }
            Content::Array(elements) => Value::Array(
                elements
                    .iter()
                    .map(|element| self.value(element, false))
                    .collect::<Option<_>>()?,
            ),
            Content::Object(members) => {
                let mut map = Map::with_capacity(members.len());
                for member in members {
                    let Some(name) = member.name.text() else {
                        let message = "expected a name that is text";
                        self.findings.error(&member.name.place, message);
                        return None;
                    };
                    let was_exact = std::mem::replace(&mut self.is_exact, true);
                    let value = self.value(&member.value, !is_map && MAPS.contains(&name))?;
                    if !self.is_exact && !is_map && NOTED.contains(&name) {
                        let (note, exact) = note(name, &member.value.to_value()?);
                        map.insert(note, exact);
                        self.has_notes = true;
                        self.is_exact = was_exact;
                    } else {
                        self.is_exact &= was_exact;
                    }
                    map.insert(name.to_owned(), value);
                }
                Value::Object(map)
            }
            Content::Faulty => return None,
        })
    }

    fn number(&mut self, node: &Node, text: &str) -> Option<Number> {
        let exact = Decimal::read(text);
        if exact.digits() > MOST_DIGITS {
            let message = format!("expected a number of at most {MOST_DIGITS} significant digits");
            self.findings.error(&node.place, message);
            return None;
        }
        let number = match (text.parse::<u64>(), text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(number), _, _) => Number::from(number),
            (_, Ok(number), _) => Number::from(number),
            (_, _, Ok(number)) => {
                Number::from_f64(number.clamp(f64::MIN, f64::MAX)).unwrap_or_else(|| Number::from(0))
            }
            (Err(_), Err(_), Err(_)) => return None,
        };
        if Decimal::read(&number.to_string()) != exact {
            self.is_exact = false;
        }
        Some(number)
    }
}

/// Where the value stands that is at this very address.
pub(super) fn place_of(node: &Node, value: &Value, wanted: &Value) -> Option<Place> {
    let mut pending = vec![(node, value)];
    while let Some((node, value)) = pending.pop() {
        if std::ptr::eq(value, wanted) {
            return Some(node.place.clone());
        }
        match (&node.content, value) {
            (Content::Array(nodes), Value::Array(values)) => pending.extend(nodes.iter().zip(values)),
            (Content::Object(members), Value::Object(values)) => {
                pending.extend(members.iter().filter_map(|member| {
                    let value = values.get(member.name.text()?)?;
                    Some((&member.value, value))
                }));
            }
            _ => {}
        }
    }
    None
}

/// A reference to somewhere else.
pub(super) struct Reference {
    /// As it is written, without its fragment.
    pub(super) text: String,
    /// What it means.
    pub(super) uri: String,
}

/// The URIs by which a text calls itself and its parts.
pub(super) fn ids(value: &Value, base: &str) -> Vec<String> {
    let mut ids = Vec::new();
    walk(value, base, &mut |_, base| ids.push(base.to_owned()));
    ids.sort();
    ids.dedup();
    ids
}

/// The references of a text that lead out of the part that holds them.
///
/// Parts of a text that no keyword of the dialect reaches are looked at, too, since references may lead into them.
pub(super) fn references(value: &Value, base: &str) -> Vec<Reference> {
    let mut references = Vec::new();
    walk(value, base, &mut |schema, base| {
        for keyword in ["$ref", "$dynamicRef", "$schema"] {
            let Some(text) = schema.get(keyword).and_then(Value::as_str) else {
                continue;
            };
            let text = text.split_once('#').map_or(text, |(text, _)| text);
            if text.is_empty() {
                continue;
            }
            if let Some(uri) = resolved(base, text) {
                let text = text.to_owned();
                references.push(Reference { text, uri });
            }
        }
    });
    references
}

/// The references, and the names of parts for themselves, that are no URI references.
pub(super) fn faulty_references<'a>(value: &'a Value, base: &str) -> Vec<&'a Value> {
    let mut faulty = Vec::new();
    walk(value, base, &mut |schema, base| {
        let values = ["$ref", "$dynamicRef", "$id", "id"]
            .iter()
            .filter_map(|keyword| schema.get(*keyword));
        faulty
            .extend(values.filter(|value| value.as_str().is_some_and(|text| resolved(base, text).is_none())));
    });
    faulty
}

/// Calls `see` with every object that may be a schema, and with the URI of the part in which it stands.
fn walk<'a>(value: &'a Value, base: &str, see: &mut impl FnMut(&'a Map<String, Value>, &str)) {
    let mut pending = vec![(value, base.to_owned(), false)];
    while let Some((value, base, is_map)) = pending.pop() {
        match value {
            Value::Array(elements) => {
                pending.extend(elements.iter().map(|element| (element, base.clone(), false)));
            }
            Value::Object(map) if is_map => {
                pending.extend(map.values().map(|value| (value, base.clone(), false)));
            }
            Value::Object(map) => {
                let id = ["$id", "id"].iter().find_map(|name| map.get(*name));
                let own = id.and_then(Value::as_str).and_then(|id| resolved(&base, id));
                let base = own.unwrap_or(base);
                see(map, &base);
                for (name, value) in map {
                    if !VALUES.contains(&name.as_str()) {
                        pending.push((value, base.clone(), MAPS.contains(&name.as_str())));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
