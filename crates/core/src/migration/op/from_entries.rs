//! `from_entries`: an array of entries as an object. Its way back is `to_entries`.

use crate::migration::proof::{After, Prover, object_node};
use crate::migration::shape::{ArrayShape, Kinds, Node, ObjectShape, ShapePath};
use std::collections::HashMap;

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::{Member, Text, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::wrong_kind;
use crate::migration::op::entries::Entry;
use crate::migration::op::to_entries::ToEntries;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Name, Path, Takes};

/// Turns arrays of entries into objects, in the order of the elements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FromEntries {
    path: Path,
    entry: Entry,
    on_conflict: OnRepeat,
}

/// Which of two entries with the same name wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnRepeat {
    Fail,
    First,
    Last,
}

const ON_CONFLICT: [(&str, OnRepeat); 3] = [
    ("fail", OnRepeat::Fail),
    ("first", OnRepeat::First),
    ("last", OnRepeat::Last),
];

impl FromEntries {
    /// What undoes a `to_entries`.
    pub(super) fn new(path: Path, entry: Entry) -> Self {
        Self {
            path,
            entry,
            on_conflict: OnRepeat::Fail,
        }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("from_entries", Takes::PLACES.whole());
        let entry = Entry::parse(fields);
        let on_conflict = fields.choice("on_conflict", &ON_CONFLICT, OnRepeat::Fail);
        Some(Self {
            path: path?,
            entry: entry?,
            on_conflict,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("from_entries", &self.path);
        self.entry.canonical(out);
        out.choice("on_conflict", &ON_CONFLICT, self.on_conflict, OnRepeat::Fail);
    }

    /// Converts at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |value| {
            let elements = match value {
                Value::Null => return Ok(Effect::Absent),
                Value::Array(elements) => elements,
                _ => return Err(wrong_kind("expected an array")),
            };
            let members = elements
                .iter()
                .map(|element| self.member_of(element))
                .collect::<Result<Vec<_>, _>>()?;
            *value = Value::Object(self.settle(members)?);
            Ok(Effect::Changed)
        })
    }

    fn member_of(&self, element: &Value) -> Result<Member, Failure> {
        let Value::Object(members) = element else {
            return Err(wrong_kind("expected elements that are objects").found(element.kind()));
        };
        let name = match last(members, &self.entry.key) {
            Some(Value::String(name)) => name,
            other => {
                let found = other.map_or(element.kind(), Value::kind);
                return Err(wrong_kind("expected elements with a string for the name").found(found));
            }
        };
        let value = match &self.entry.value {
            None => {
                let rest = members
                    .iter()
                    .filter(|member| !self.entry.key.matches(&member.name));
                Value::Object(rest.cloned().collect())
            }
            Some(value_name) => {
                let known = |member: &Member| {
                    self.entry.key.matches(&member.name) || value_name.matches(&member.name)
                };
                let Some(value) = last(members, value_name) else {
                    return Err(wrong_kind("expected elements with a value").found(element.kind()));
                };
                if !members.iter().all(known) {
                    return Err(Failure::new(
                        FailureKind::Conflict,
                        "expected elements without other members",
                    ));
                }
                value.clone()
            }
        };
        Ok(Member {
            name: name.clone(),
            value,
        })
    }

    /// Of entries with one name, one stays, where its own element stood.
    fn settle(&self, members: Vec<Member>) -> Result<Vec<Member>, Failure> {
        let mut winners: HashMap<Vec<u32>, usize> = HashMap::new();
        for (place, Member { name, .. }) in members.iter().enumerate() {
            match (winners.insert(Text::sort_key(name), place), self.on_conflict) {
                (None, _) | (Some(_), OnRepeat::Last) => {}
                (Some(first), OnRepeat::First) => {
                    winners.insert(Text::sort_key(name), first);
                }
                (Some(_), OnRepeat::Fail) => {
                    return Err(Failure::new(FailureKind::Conflict, "expected each name once"));
                }
            }
        }
        let wins = |(place, member): &(usize, Member)| winners.get(&member.name.sort_key()) == Some(place);
        Ok(members
            .into_iter()
            .enumerate()
            .filter(wins)
            .map(|(_, member)| member)
            .collect())
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.convert(
            &self.path,
            node,
            "an array",
            OnError::Fail,
            |prover, kinds, at| {
                kinds.made.object = kinds
                    .unfit
                    .array
                    .take()
                    .and_then(|array| self.object(prover, &array, at));
            },
        )
    }

    /// `None`: every array fails.
    fn object(&self, prover: &mut Prover, array: &ArrayShape, at: &ShapePath) -> Option<ObjectShape> {
        let empty = ObjectShape {
            members: Vec::new(),
            others: None,
        };
        if array.most == Some(0) || array.element.is_impossible() {
            return Some(empty);
        }
        let element = prover.see(&array.element);
        let place = at.elements();
        let fit = Kinds {
            object: element.kinds.object.clone(),
            ..Kinds::default()
        };
        prover.refuse(&place, &element, &element.kinds.without(&fit), "an object");
        let value = element.kinds.object.and_then(|mut entry| {
            let (_, key) = entry.look(self.entry.key.as_str())?;
            prover.see(&key).kinds.string?;
            match &self.entry.value {
                Some(name) => entry.look(name.as_str()).map(|(_, value)| value),
                None => {
                    entry.erase(self.entry.key.as_str());
                    Some(object_node(entry))
                }
            }
        });
        match value {
            Some(_) if array.least > 0 || array.most != Some(0) => Some(ObjectShape {
                others: value,
                ..empty
            }),
            Some(_) | None => {
                let sentence = format!(
                    "fails at {place}: no element is an entry with `{}`",
                    self.entry.key
                );
                prover.remark(&place, true, sentence);
                (array.least == 0).then_some(empty)
            }
        }
    }

    /// The array comes back, with each entry written in the one form.
    pub(super) fn inverse(&self) -> Inverse {
        let back = Op::ToEntries(ToEntries::new(self.path.clone(), self.entry.clone()));
        match self.on_conflict {
            OnRepeat::Fail => Inverse::lossless(back),
            OnRepeat::First | OnRepeat::Last => {
                Inverse::restorable(back, "entries whose name stood twice do not come back")
            }
        }
    }
}

fn last<'a>(members: &'a [Member], name: &Name) -> Option<&'a Value> {
    members
        .iter()
        .rev()
        .find(|member| name.matches(&member.name))
        .map(|member| &member.value)
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails};

    #[test]
    fn entries_become_members() {
        applies(
            r#"{"from_entries":"a"}"#,
            r#"{"a":[{"key":"y","value":1.0},{"value":[],"key":"\u0078"}]}"#,
            r#"{"a":{"y":1.0,"\u0078":[]}}"#,
        );
        applies(
            r#"{"from_entries":"$","key":"sku","value":null}"#,
            r#"[{"sku":"x","n":1},{"sku":"y"}]"#,
            r#"{"x":{"n":1},"y":{}}"#,
        );
    }

    #[test]
    fn the_winner_stands_where_its_own_element_stood() {
        let entries = r#"[{"key":"a","value":1},{"key":"b","value":2},{"key":"a","value":3}]"#;
        applies(
            r#"{"from_entries":"$","on_conflict":"first"}"#,
            entries,
            r#"{"a":1,"b":2}"#,
        );
        applies(
            r#"{"from_entries":"$","on_conflict":"last"}"#,
            entries,
            r#"{"b":2,"a":3}"#,
        );
        fails(r#"{"from_entries":"$"}"#, entries, "conflict");
    }

    #[test]
    fn what_is_no_entry_fails() {
        for element in [
            r#"1"#,
            r#"{"value":1}"#,
            r#"{"key":1,"value":1}"#,
            r#"{"key":"a"}"#,
        ] {
            fails(
                r#"{"from_entries":"a"}"#,
                &format!(r#"{{"a":[{element}]}}"#),
                "type at a",
            );
        }
        fails(
            r#"{"from_entries":"a"}"#,
            r#"{"a":[{"key":"a","value":1,"x":2}]}"#,
            "conflict at a",
        );
    }
}
