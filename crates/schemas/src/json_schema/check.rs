//! Judges documents: whether one fits, and else which rules it does not meet, where, in our own words.
//!
//! The messages of the validator hold values of the document; nothing of them is used.

mod sentence;

use std::cmp::Ordering;

use dunlin_core::migration::Unmet;
use dunlin_core::migration::document::Value;
use dunlin_core::migration::path::Name;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{ValidationError, Validator};

use super::instance::{Document, Judging};
use super::once::once;
pub(super) use sentence::sentence;

/// The most rules that are told of one document. Someone who reads a failure reads the first ones.
pub(super) const MOST_UNMET: usize = 20;

/// Said of a document that cannot be judged within the limits.
const TOO_MUCH: &str = "expected a document that can be judged within 50000000 steps and 640 KiB of stack";

/// Checks a document.
///
/// # Errors
/// At most [`MOST_UNMET`] rules, in document order.
pub(super) fn check(validator: &Validator<Document>, document: &Value) -> Result<(), Vec<Unmet>> {
    let document = &*once(document);
    let judging = Judging::default();
    let fits = validator.is_valid(judging.of(document));
    if judging.is_spent() {
        return Err(vec![whole(TOO_MUCH)]);
    }
    if fits {
        Ok(())
    } else {
        Err(list(validator, document))
    }
}

/// Whether a document fits, for those who do not ask why.
pub(super) fn fits(validator: &Validator<Document>, document: &Value) -> bool {
    let judging = Judging::default();
    validator.is_valid(judging.of(&once(document))) && !judging.is_spent()
}

fn list(validator: &Validator<Document>, document: &Value) -> Vec<Unmet> {
    let judging = Judging::new(Judging::MOST_STEPS / 10);
    let one = Judging::default();
    let mut errors: Vec<_> = validator.iter_errors(judging.of(document)).collect();
    if judging.is_spent() {
        // There are too many to list; the first is found by itself.
        errors = validator.validate(one.of(document)).err().into_iter().collect();
        if one.is_spent() {
            errors.clear();
        }
    }
    errors.sort_by(|left, right| in_document(document, left.instance_path(), right.instance_path()));
    let mut unmet: Vec<Unmet> = Vec::new();
    for error in &errors {
        let next = told(error);
        if !unmet.contains(&next) {
            unmet.push(next);
        }
        if unmet.len() == MOST_UNMET {
            break;
        }
    }
    if unmet.is_empty() {
        unmet.push(whole("expected a document that fits the schema"));
    }
    unmet
}

fn whole(rule: &str) -> Unmet {
    Unmet {
        path: String::new(),
        rule: rule.to_owned(),
    }
}

fn told(error: &ValidationError<'_>) -> Unmet {
    Unmet {
        path: path(error.instance_path()),
        rule: sentence(error),
    }
}

/// A place in a document as failures print it: `lines[0].sku`.
pub(super) fn path(location: &Location) -> String {
    let mut path = String::new();
    for segment in location {
        match segment {
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
            LocationSegment::Property(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&Name::new(name).to_string());
            }
        }
    }
    path
}

/// Which of two places comes first in a document; a value comes before what is in it.
fn in_document(document: &Value, left: &Location, right: &Location) -> Ordering {
    let mut here = Some(document);
    let (mut left, mut right) = (left.segments(), right.segments());
    loop {
        let (one, other) = match (left.next(), right.next()) {
            (Some(one), Some(other)) => (one, other),
            (one, other) => return one.is_some().cmp(&other.is_some()),
        };
        if one != other {
            return index(here, &one).cmp(&index(here, &other));
        }
        here = here.and_then(|value| child(value, &one));
    }
}

fn index(value: Option<&Value>, segment: &LocationSegment<'_>) -> Option<usize> {
    match (value?, segment) {
        (Value::Object(members), LocationSegment::Property(name)) => {
            members.iter().position(|member| member.name.is(name))
        }
        (_, LocationSegment::Index(index)) => Some(*index),
        _ => None,
    }
}

fn child<'a>(value: &'a Value, segment: &LocationSegment<'_>) -> Option<&'a Value> {
    let at = index(Some(value), segment)?;
    match value {
        Value::Object(members) => members.get(at).map(|member| &member.value),
        Value::Array(elements) => elements.get(at),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
