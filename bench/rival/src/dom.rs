//! The walk over a document that all contestants share; each brings the few functions of its own library.

use serde_json::Value;

use crate::chain::{Action, Segment, Step, Term, Type, When};

/// A document of a library.
pub trait Dom: Sized {
    /// A constant of a chain.
    type Constant: 'static;

    fn constant(of: &Self::Constant) -> Self;
    fn is(&self, constant: &Self::Constant) -> bool;
    fn is_object(&self) -> bool;
    fn member(&mut self, name: &str) -> Option<&mut Self>;
    fn elements(&mut self) -> Option<&mut [Self]>;
    fn take(&mut self, name: &str) -> Option<Self>;
    /// Of an object only.
    fn put(&mut self, name: &'static str, value: Self);
    fn as_text(&self) -> Option<&str>;
    fn number_as_text(&self) -> Option<String>;
    fn text(text: String) -> Self;
    fn number(number: f64) -> Self;
    fn integer(number: i64) -> Self;
}

/// Does what the chain says.
pub fn transform<D: Dom>(document: &mut D, chain: &'static [Step<D::Constant>]) {
    for step in chain {
        if step.when.as_ref().is_some_and(|when| !holds(document, when)) {
            continue;
        }
        match &step.action {
            Action::Rename { path, to } => at_parent(document, path, &mut |object, name| {
                if let Some(value) = object.take(name) {
                    object.put(to, value);
                }
            }),
            Action::Remove { path } => at_parent(document, path, &mut |object, name| {
                object.take(name);
            }),
            Action::Add { path, value } => at_parent(document, path, &mut |object, name| {
                if object.member(name).is_none() {
                    object.put(name, D::constant(value));
                }
            }),
            Action::Cast { path, to } => at_parent(document, path, &mut |object, name| {
                if let Some(value) = object.member(name) {
                    cast(value, *to);
                }
            }),
            Action::Translate { path, values } => at_parent(document, path, &mut |object, name| {
                if let Some(value) = object.member(name)
                    && let Some((_, image)) = values.iter().find(|(from, _)| value.is(from))
                {
                    *value = D::constant(image);
                }
            }),
            Action::Move { path, to } => relocate(document, path, to),
            Action::Compute { path, terms } => compute(document, path, terms),
        }
    }
}

fn follow<'a, D: Dom>(document: &'a mut D, path: &[String]) -> Option<&'a mut D> {
    path.iter().try_fold(document, |value, name| value.member(name))
}

fn holds<D: Dom>(document: &mut D, when: &When) -> bool {
    follow(document, &when.path).and_then(|value| value.as_text()) == Some(&when.text)
}

fn compute<D: Dom>(document: &mut D, path: &'static [Segment], terms: &[Term]) {
    let mut text = String::new();
    for term in terms {
        match term {
            Term::Text(part) => text.push_str(part),
            Term::Member(path) => match follow(document, path).and_then(|value| value.as_text()) {
                Some(part) => text.push_str(part),
                None => return,
            },
        }
    }
    let mut text = Some(text);
    at_parent(document, path, &mut |object, name| {
        if let Some(text) = text.take() {
            object.put(name, D::text(text));
        }
    });
}

/// Calls a function for every object that the path to a member leads to.
fn at_parent<D: Dom>(value: &mut D, path: &'static [Segment], change: &mut impl FnMut(&mut D, &'static str)) {
    match path {
        [Segment::Name(name)] => {
            if value.is_object() {
                change(value, name);
            }
        }
        [Segment::Name(name), rest @ ..] => {
            if let Some(next) = value.member(name) {
                at_parent(next, rest, change);
            }
        }
        [Segment::Elements, rest @ ..] => {
            if let Some(elements) = value.elements() {
                elements
                    .iter_mut()
                    .for_each(|element| at_parent(element, rest, change));
            }
        }
        [] => {}
    }
}

fn relocate<D: Dom>(value: &mut D, from: &'static [Segment], to: &'static [Segment]) {
    let shared = from
        .iter()
        .rposition(|segment| *segment == Segment::Elements)
        .map_or(0, |at| at + 1);
    let (prefix, from) = from.split_at(shared);
    at_elements(value, prefix, &mut |element| {
        let mut taken = None;
        at_parent(element, from, &mut |object, name| taken = object.take(name));
        if let Some(taken) = taken {
            let mut taken = Some(taken);
            at_parent(element, &to[shared..], &mut |object, name| {
                if let Some(taken) = taken.take() {
                    object.put(name, taken);
                }
            });
        }
    });
}

fn at_elements<D: Dom>(value: &mut D, prefix: &[Segment], change: &mut impl FnMut(&mut D)) {
    match prefix {
        [] => change(value),
        [Segment::Name(name), rest @ ..] => {
            if let Some(next) = value.member(name) {
                at_elements(next, rest, change);
            }
        }
        [Segment::Elements, rest @ ..] => {
            if let Some(elements) = value.elements() {
                elements
                    .iter_mut()
                    .for_each(|element| at_elements(element, rest, change));
            }
        }
    }
}

fn cast<D: Dom>(value: &mut D, to: Type) {
    let result = match to {
        Type::Number => value.as_text().and_then(|text| text.parse().ok()).map(D::number),
        Type::Integer => value.as_text().and_then(|text| text.parse().ok()).map(D::integer),
        Type::Text => value.number_as_text().map(D::text),
    };
    if let Some(result) = result {
        *value = result;
    }
}

/// Where two documents differ. Numbers may differ in the last digits, which no document object model keeps.
pub fn difference(one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            if let Some(name) = one.keys().find(|name| !other.contains_key(*name)) {
                return Some(format!("{name}, which is too much"));
            }
            other.iter().find_map(|(name, value)| match one.get(name) {
                Some(same) => difference(same, value).map(|place| format!("{name}.{place}")),
                None => Some(format!("{name}, which is missing")),
            })
        }
        (Value::Array(one), Value::Array(other)) => {
            if one.len() != other.len() {
                return Some("the number of elements".to_owned());
            }
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| {
                difference(one, other).map(|place| format!("{index}.{place}"))
            })
        }
        (Value::Number(one), Value::Number(other)) => {
            let (left, right) = (one.as_f64()?, other.as_f64()?);
            ((left - right).abs() > right.abs() * 1e-12).then(|| format!("a number, {one} for {other}"))
        }
        (one, other) => (one != other).then(|| "a value".to_owned()),
    }
}
