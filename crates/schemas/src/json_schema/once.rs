//! Documents in which no name of a member stands twice.
//!
//! JSON Schema speaks of objects whose names are different (Core 2020-12, section 4.2.1), and the engine keeps what came
//! in. Of members with one name the last one is judged, as most readers of JSON see it; the others are left out of a copy.
//! Almost no document needs one, and finding that out has to be cheap.

use std::borrow::Cow;
use std::collections::HashSet;

use dunlin_core::migration::document::{Member, Value};

/// The document without members whose name stands again behind them.
pub(super) fn once(document: &Value) -> Cow<'_, Value> {
    if repeats(document) {
        Cow::Owned(without_repeats(document))
    } else {
        Cow::Borrowed(document)
    }
}

/// Whether a name stands twice in any object.
fn repeats(document: &Value) -> bool {
    let mut slots = Slots::default();
    let mut pending = vec![document];
    while let Some(value) = pending.pop() {
        match value {
            Value::Array(elements) => {
                pending.extend(elements.iter().filter(|element| element.is_container()));
            }
            Value::Object(members) => {
                if slots.may_repeat(members) && surely_repeats(members) {
                    return true;
                }
                let values = members.iter().map(|member| &member.value);
                pending.extend(values.filter(|value| value.is_container()));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}

/// Fingerprints of the names of one object.
#[derive(Default)]
struct Slots {
    table: Vec<u64>,
}

impl Slots {
    /// False only if all names are different.
    fn may_repeat(&mut self, members: &[Member]) -> bool {
        if members.len() < 2 {
            return false;
        }
        let size = (members.len() * 2).next_power_of_two();
        self.table.clear();
        self.table.resize(size, 0);
        for member in members {
            let name = member.name.source();
            // Two ways to write one name have different fingerprints.
            if name.as_bytes().contains(&b'\\') {
                return true;
            }
            let print = fingerprint(name);
            // The upper bits are the better mixed ones.
            let mut slot = usize::try_from(print >> 32).unwrap_or(0) & (size - 1);
            while self.table[slot] != 0 {
                if self.table[slot] == print {
                    return true;
                }
                slot = (slot + 1) & (size - 1);
            }
            self.table[slot] = print;
        }
        false
    }
}

/// Never zero. Names may share one: then they are looked at in full.
fn fingerprint(name: &str) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let bytes = name.as_bytes();
    let word = |at: usize| {
        let mut word = [0; 8];
        let part = &bytes[at..bytes.len().min(at + 8)];
        word[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(word)
    };
    let first = word(0);
    let last = word(bytes.len().saturating_sub(8));
    let middle = word((bytes.len() / 2).saturating_sub(4));
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mixed = (first ^ last.rotate_left(23) ^ middle.rotate_left(41) ^ length).wrapping_mul(MIX);
    (mixed ^ (mixed >> 29)).wrapping_mul(MIX) | 1
}

fn surely_repeats(members: &[Member]) -> bool {
    let mut seen = HashSet::with_capacity(members.len());
    members.iter().any(|member| !seen.insert(name_of(member)))
}

/// Recursion is bounded by the depth of documents.
fn without_repeats(value: &Value) -> Value {
    match value {
        Value::Array(elements) => Value::Array(elements.iter().map(without_repeats).collect()),
        Value::Object(members) => {
            let mut seen = HashSet::with_capacity(members.len());
            let mut kept: Vec<Member> = members
                .iter()
                .rev()
                .filter(|member| seen.insert(name_of(member)))
                .map(|member| Member {
                    name: member.name.clone(),
                    value: without_repeats(&member.value),
                })
                .collect();
            kept.reverse();
            Value::Object(kept)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// A name by which members are the same: what it stands for, or how it is written where it stands for no text.
fn name_of(member: &Member) -> (bool, Cow<'_, str>) {
    match member.name.read() {
        Ok(name) => (true, name),
        Err(_) => (false, Cow::Owned(member.name.canonical().source().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_core::migration::document::{DuplicateNames, Reading, parse};

    fn read(text: &str) -> Value {
        let reading = Reading {
            depth: 128,
            duplicate_names: DuplicateNames::Allow,
        };
        parse(text.as_bytes(), &reading).unwrap()
    }

    #[test]
    fn of_members_with_one_name_the_last_is_left() {
        for (text, expected) in [
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"b":2,"a":3}"#),
            (r#"[{"a":{"x":1,"\u0078":2}}]"#, r#"[{"a":{"\u0078":2}}]"#),
            (r#"{"\ud800":1,"\uD800":2}"#, r#"{"\uD800":2}"#),
        ] {
            let document = read(text);
            let judged = once(&document);
            assert!(matches!(judged, Cow::Owned(_)), "{text}");
            assert_eq!(judged.to_json(), expected);
        }
    }

    #[test]
    fn a_document_without_repetition_is_not_copied() {
        let many: String = (0..2000)
            .map(|index| format!("\"name-{index}\":{index},"))
            .collect();
        for text in [
            r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#,
            r#"{"a\"":1,"b":2}"#,
            &format!("{{{many}\"last\":0}}"),
        ] {
            assert!(matches!(once(&read(text)), Cow::Borrowed(_)));
        }
    }
}
