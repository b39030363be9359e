//! A document printed with a line for each value, for people. Numbers, strings and names keep the spelling they have.

use dunlin_core::migration::document::Value;

/// The document, indented by two spaces per level, without a line feed at its end.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, level: usize, out: &mut String) {
    match value {
        Value::Array(elements) if !elements.is_empty() => {
            block(('[', ']'), level, out, elements, |element, out| {
                write(element, level + 1, out);
            });
        }
        Value::Object(members) if !members.is_empty() => {
            block(('{', '}'), level, out, members, |member, out| {
                Value::String(member.name.clone()).write(out);
                out.push_str(": ");
                write(&member.value, level + 1, out);
            });
        }
        scalar_or_empty => scalar_or_empty.write(out),
    }
}

fn block<T>(
    (open, close): (char, char),
    level: usize,
    out: &mut String,
    entries: &[T],
    one: impl Fn(&T, &mut String),
) {
    let line = |level: usize, out: &mut String| {
        out.push('\n');
        out.push_str(&"  ".repeat(level));
    };
    out.push(open);
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(level + 1, out);
        one(entry, out);
    }
    line(level, out);
    out.push(close);
}

#[cfg(test)]
mod tests {
    use dunlin_core::migration::document::{DuplicateNames, Reading, parse};

    use super::*;

    #[test]
    fn what_is_printed_keeps_its_spelling() {
        let reading = Reading {
            depth: 8,
            duplicate_names: DuplicateNames::Allow,
        };
        let document = br#"{"a":[1.10,{}, []],"\u00e9":"\/","b":{"c":null}}"#;
        let printed = pretty(&parse(document, &reading).unwrap());
        let expected = "{\n  \"a\": [\n    1.10,\n    {},\n    []\n  ],\n  \"\\u00e9\": \"\\/\",\n  \"b\": {\n    \"c\": null\n  }\n}";
        assert_eq!(printed, expected);
    }
}
