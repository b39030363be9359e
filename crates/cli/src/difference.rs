//! What differs between two documents: by meaning of structure, not of spelling.
//!
//! The order of members and white space between tokens do not count; everything else does, the spelling of numbers, strings
//! and names included, because a router must not change what nobody asked it to change. What was read from YAML has no
//! spelling of its own: there numbers are compared by their values.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dunlin_core::migration::document::{Member, Value};

/// One difference, at a path as migrations write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where; `$` for the whole document.
    pub(crate) path: String,
    /// What stands there before, as JSON; none where there is nothing.
    pub(crate) before: Option<String>,
    /// What stands there after, as JSON; none where there is nothing.
    pub(crate) after: Option<String>,
}

/// Whether the order of members counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberOrder {
    /// It does not.
    Any,
    /// It does.
    Exact,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Digit by digit.
    AsSpelled,
    /// By their values: `12.5` is `12.50`.
    ByValue,
}

/// What differs, in the order of the documents. `None` is a message without payload.
pub(crate) fn differences(
    before: Option<&Value>,
    after: Option<&Value>,
    order: MemberOrder,
    numbers: Numbers,
) -> Vec<Difference> {
    let mut found = Found {
        order,
        numbers,
        differences: Vec::new(),
    };
    found.value("$", before, after);
    found.differences
}

struct Found {
    order: MemberOrder,
    numbers: Numbers,
    differences: Vec<Difference>,
}

impl Found {
    fn push(&mut self, path: &str, before: Option<String>, after: Option<String>) {
        self.differences.push(Difference {
            path: path.to_owned(),
            before,
            after,
        });
    }

    fn value(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (None, None) => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => self.object(path, before, after),
            (Some(Value::Array(before)), Some(Value::Array(after))) => self.array(path, before, after),
            (Some(Value::Number(before)), Some(Value::Number(after)))
                if self.numbers == Numbers::ByValue && before.has_value_of(after) => {}
            (before, after) => {
                let (before, after) = (before.map(Value::to_json), after.map(Value::to_json));
                if before != after {
                    self.push(path, before, after);
                }
            }
        }
    }

    fn object(&mut self, path: &str, before: &[Member], after: &[Member]) {
        let mut left = by_name(after);
        for member in before {
            let name = member.name.source();
            let there = left.get_mut(name).and_then(|values| {
                // Of names that repeat, the first belongs to the first.
                (!values.is_empty()).then(|| values.remove(0))
            });
            self.value(&member_path(path, member), Some(&member.value), there);
        }
        for member in after {
            let rest = left.get_mut(member.name.source());
            if let Some(values) = rest
                && values
                    .first()
                    .is_some_and(|value| std::ptr::eq(*value, &member.value))
            {
                values.remove(0);
                self.value(&member_path(path, member), None, Some(&member.value));
            }
        }
        if self.order == MemberOrder::Exact {
            let names = |members: &[Member]| -> Vec<String> {
                members
                    .iter()
                    .map(|member| member.name.source().to_owned())
                    .collect()
            };
            let (before, after) = (names(before), names(after));
            let sorted = |names: &[String]| {
                let mut names = names.to_vec();
                names.sort();
                names
            };
            if before != after && sorted(&before) == sorted(&after) {
                let shown = |names: &[String]| Some(format!("members in the order {}", names.join(", ")));
                self.push(path, shown(&before), shown(&after));
            }
        }
    }

    fn array(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let same = |(one, other): &(&Value, &Value)| self.is_same(one, other);
        let front = before.iter().zip(after).take_while(same).count();
        let room = before.len().min(after.len()) - front;
        let back = before
            .iter()
            .rev()
            .zip(after.iter().rev())
            .take(room)
            .take_while(same)
            .count();
        let (before, after) = (
            &before[front..before.len() - back],
            &after[front..after.len() - back],
        );
        for index in 0..before.len().max(after.len()) {
            let path = format!("{}[{}]", if path == "$" { "" } else { path }, front + index);
            self.value(&path, before.get(index), after.get(index));
        }
    }

    fn is_same(&self, one: &Value, other: &Value) -> bool {
        differences(Some(one), Some(other), self.order, self.numbers).is_empty()
    }
}

fn by_name(members: &[Member]) -> BTreeMap<&str, Vec<&Value>> {
    let mut names: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for member in members {
        names.entry(member.name.source()).or_default().push(&member.value);
    }
    names
}

/// The path of a member, with its name quoted where it is no bare one.
fn member_path(path: &str, member: &Member) -> String {
    let name = member
        .name
        .read()
        .map_or_else(|_| member.name.source().to_owned(), std::borrow::Cow::into_owned);
    let mut whole = if path == "$" {
        String::new()
    } else {
        format!("{path}.")
    };
    let is_bare = name
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-'));
    if is_bare {
        whole.push_str(&name);
    } else {
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        // Writing into a string cannot fail.
        let _ = write!(whole, "\"{escaped}\"");
    }
    whole
}

#[cfg(test)]
mod tests {
    use dunlin_core::migration::document::{DuplicateNames, Reading, parse};

    use super::*;

    fn document(text: &str) -> Value {
        let reading = Reading {
            depth: 16,
            duplicate_names: DuplicateNames::Allow,
        };
        parse(text.as_bytes(), &reading).unwrap()
    }

    fn found(before: &str, after: &str, order: MemberOrder) -> Vec<String> {
        differences(
            Some(&document(before)),
            Some(&document(after)),
            order,
            Numbers::AsSpelled,
        )
        .into_iter()
        .map(|one| {
            let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            format!("{} {} {}", one.path, text(one.before), text(one.after))
        })
        .collect()
    }

    #[test]
    fn order_of_members_and_white_space_do_not_count() {
        assert!(
            found(
                r#"{"a":1,"b":[{"c":1,"d":2}]}"#,
                r#"{ "b" : [{"d":2,"c":1}], "a":1 }"#,
                MemberOrder::Any
            )
            .is_empty()
        );
    }

    #[test]
    fn order_of_members_counts_where_it_is_asked_for() {
        assert_eq!(
            found(
                r#"{"a":{"x":1,"y":2}}"#,
                r#"{"a":{"y":2,"x":1}}"#,
                MemberOrder::Exact
            ),
            ["a members in the order x, y members in the order y, x"]
        );
    }

    #[test]
    fn spelling_counts() {
        assert_eq!(
            found(r#"{"n":1.0}"#, r#"{"n":1.00}"#, MemberOrder::Any),
            ["n 1.0 1.00"]
        );
        assert_eq!(
            found(r#"["\u00e9"]"#, r#"["é"]"#, MemberOrder::Any),
            [r#"[0] "\u00e9" "é""#]
        );
    }

    #[test]
    fn what_is_gone_and_what_is_new_is_told_with_its_path() {
        assert_eq!(
            found(
                r#"{"a b":1,"c":[1,2,3]}"#,
                r#"{"c":[2,3,4],"d":{"e":null}}"#,
                MemberOrder::Any
            ),
            [
                r#""a b" 1 -"#,
                "c[0] 1 2",
                "c[1] 2 3",
                "c[2] 3 4",
                r#"d - {"e":null}"#
            ]
        );
        assert_eq!(found("[1,2,3]", "[2,3]", MemberOrder::Any), ["[0] 1 -"]);
        assert_eq!(found("1", "2", MemberOrder::Any), ["$ 1 2"]);
    }

    #[test]
    fn names_that_repeat_are_compared_in_their_order() {
        assert!(found(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#, MemberOrder::Any).is_empty());
        assert_eq!(
            found(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#, MemberOrder::Any),
            ["a 1 2", "a 2 1"]
        );
        assert_eq!(
            found(r#"{"a":1}"#, r#"{"a":1,"a":2}"#, MemberOrder::Any),
            ["a - 2"]
        );
    }

    #[test]
    fn numbers_are_compared_by_their_values_where_they_are_to_be() {
        let found = |before: &str, after: &str| {
            let (before, after) = (document(before), document(after));
            differences(Some(&before), Some(&after), MemberOrder::Any, Numbers::ByValue).len()
        };
        assert_eq!(found(r#"{"a":12.5,"b":[100]}"#, r#"{"a":12.50,"b":[1e2]}"#), 0);
        assert_eq!(found(r#"{"a":12.5,"b":[100]}"#, r#"{"a":12.51,"b":["100"]}"#), 2);
    }
}
