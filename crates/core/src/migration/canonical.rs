//! Canonical JSON: what a digest is made of.
//!
//! Reformatting a file changes no digest and changing what it does always does, so the print is made from the parsed
//! transformation and never from its source. What has its default value is left out; a later version can then add
//! operands without changing old digests, and may never change a default.

use std::collections::BTreeMap;
use std::fmt;

use crate::migration::document::{Text, Value, write_quoted};

/// One object of canonical JSON while it is written: members sorted by their UTF-8 bytes, no white space.
#[derive(Debug, Default)]
pub(crate) struct Canonical {
    members: BTreeMap<String, String>,
}

impl Canonical {
    /// An object without members.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A member that is JSON already.
    pub(crate) fn json(&mut self, name: &str, json: String) {
        self.members.insert(name.to_owned(), json);
    }

    /// A string: a path, a NAME, a word, a text.
    pub(crate) fn text(&mut self, name: &str, text: impl fmt::Display) {
        self.json(name, quoted(text));
    }

    /// A list of strings.
    pub(crate) fn texts(&mut self, name: &str, texts: impl IntoIterator<Item = impl fmt::Display>) {
        let texts: Vec<_> = texts.into_iter().map(quoted).collect();
        self.json(name, list(&texts));
    }

    /// A value, with its own order of members.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        let mut json = String::new();
        write_value(value, &mut json);
        self.json(name, json);
    }

    /// A word for a choice, unless it is the default.
    pub(crate) fn choice<T: Copy + PartialEq>(
        &mut self,
        name: &str,
        choices: &[(&'static str, T)],
        chosen: T,
        default: T,
    ) {
        if chosen == default {
            return;
        }
        if let Some((word, _)) = choices.iter().find(|(_, choice)| *choice == chosen) {
            self.text(name, word);
        }
    }

    /// `true`, unless it is false, which is the default of every flag.
    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        if flag {
            self.json(name, "true".to_owned());
        }
    }

    /// The object.
    pub(crate) fn finish(self) -> String {
        let mut json = String::from("{");
        for (index, (name, value)) in self.members.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            write_quoted(name, &mut json);
            json.push(':');
            json.push_str(value);
        }
        json.push('}');
        json
    }
}

/// A string of canonical JSON.
pub(crate) fn quoted(text: impl fmt::Display) -> String {
    let mut json = String::new();
    write_quoted(&text.to_string(), &mut json);
    json
}

/// A list of what is canonical JSON already.
pub(crate) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

/// A value as canonical JSON.
pub(crate) fn value(value: &Value) -> String {
    let mut json = String::new();
    write_value(value, &mut json);
    json
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.write(out),
        Value::String(text) => write_text(text, out),
        Value::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(element, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(&member.name, out);
                out.push(':');
                write_value(&member.value, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &Text, out: &mut String) {
    text.canonical().write(out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::document::{Reading, parse};

    #[test]
    fn members_are_sorted_and_defaults_left_out() {
        let choices = [("keep", 1), ("replace", 2)];
        let mut canonical = Canonical::new();
        canonical.text("value", "é\n");
        canonical.text("add", "a.b");
        canonical.choice("if_present", &choices, 1, 1);
        canonical.choice("parents", &choices, 2, 1);
        canonical.flag("strict", false);
        canonical.texts("members", ["b", "a"]);
        assert_eq!(
            canonical.finish(),
            r#"{"add":"a.b","members":["b","a"],"parents":"replace","value":"é\n"}"#
        );
    }

    #[test]
    fn a_value_keeps_its_members_in_order_and_its_numbers_and_loses_its_spelling_of_strings() {
        let json = br#"{"b":1.10,"a":"\u00e9\/\u0001\uD800"}"#;
        let written = value(&parse(json, &Reading::default()).unwrap());
        assert_eq!(written, r#"{"b":1.10,"a":"é/\u0001\ud800"}"#);
    }
}
