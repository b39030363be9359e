//! The smallest pair that still breaks a law: a person has to read it.

use dunlin_core::migration::document::Value;

use super::pair::{Entry, Pair};

/// Takes away what can be taken away, one thing at a time, as long as the law stays broken.
pub(crate) fn smallest(mut pair: Pair, breaks: &dyn Fn(&Pair) -> bool) -> Pair {
    for _ in 0..60 {
        let Some(smaller) = smaller(&pair).into_iter().find(|pair| breaks(pair)) else {
            break;
        };
        pair = smaller;
    }
    pair
}

fn smaller(pair: &Pair) -> Vec<Pair> {
    let mut all = Vec::new();
    for index in 0..pair.chain.len() {
        let mut less = pair.clone();
        less.chain.remove(index);
        less.cut = less.cut.min(less.chain.len());
        all.push(less);
    }
    for (index, entry) in pair.chain.iter().enumerate() {
        for field in 1..entry.0.len() {
            let mut less = pair.clone();
            less.chain[index] = entry.without(&entry.0[field].0);
            all.push(less);
        }
        for entry in fewer_steps(entry) {
            let mut less = pair.clone();
            less.chain[index] = entry;
            all.push(less);
        }
    }
    for index in 0..pair.message.headers.len() {
        let mut less = pair.clone();
        less.message.headers.remove(index);
        all.push(less);
    }
    if pair.message.key.is_some() {
        let mut less = pair.clone();
        less.message.key = None;
        all.push(less);
    }
    if pair.spaced {
        all.push(Pair {
            spaced: false,
            ..pair.clone()
        });
    }
    if let Some(document) = &pair.message.document {
        for document in less_of(document) {
            let mut less = pair.clone();
            less.message.document = Some(document);
            all.push(less);
        }
    }
    all
}

/// An `each` with fewer entries.
fn fewer_steps(entry: &Entry) -> Vec<Entry> {
    let Some(steps) = entry.get("do").filter(|_| entry.operation() == "each") else {
        return Vec::new();
    };
    let steps = super::pair::json(steps);
    let mut all = Vec::new();
    for less in less_of(&steps) {
        let mut entry = entry.clone();
        if let Some(field) = entry.0.iter_mut().find(|(name, _)| name == "do") {
            field.1 = less.to_json();
        }
        all.push(entry);
    }
    all
}

/// The value without one of its children, or with a smaller child.
fn less_of(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Object(members) => {
            for index in 0..members.len() {
                let mut less = members.clone();
                less.remove(index);
                all.push(Value::Object(less));
            }
            for (index, member) in members.iter().enumerate() {
                for smaller in less_of(&member.value) {
                    let mut less = members.clone();
                    less[index].value = smaller;
                    all.push(Value::Object(less));
                }
            }
        }
        Value::Array(elements) => {
            for index in 0..elements.len() {
                let mut less = elements.clone();
                less.remove(index);
                all.push(Value::Array(less));
            }
            for (index, element) in elements.iter().enumerate() {
                for smaller in less_of(element) {
                    let mut less = elements.clone();
                    less[index] = smaller;
                    all.push(Value::Array(less));
                }
            }
        }
        _ => {}
    }
    all
}
