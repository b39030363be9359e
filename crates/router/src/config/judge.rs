//! Judges one layer by the list of keys, and gives back what can be used of it.
//!
//! Everything that is wrong is reported in one go, each at its place; a value that was refused is left out, so that the rest
//! can be judged on. What comes out has one shape for each key, whichever way it was written.

use std::collections::BTreeMap;

use dunlin_core::finding::{Finding, Findings, Place, did_you_mean};
use dunlin_core::source::{Content, Member, Node};
use figment::value::{Dict, Value};

use super::interpolate::Text;
use super::keys::{self, Key, Kind};
use super::sources::Layer;
use super::values::{CountOrOff, Pause, ShareOrOff, Size, Start};

/// What this layer says, as far as it is right.
pub(super) fn judge(layer: &Layer, environment: &BTreeMap<String, String>, findings: &mut Findings) -> Dict {
    let mut judge = Judge {
        layer,
        environment,
        findings,
    };
    match &layer.tree.content {
        Content::Object(members) => judge.members(members, "", "the configuration"),
        // An empty file says nothing, which is found out by what is missing.
        Content::Null | Content::Faulty => Dict::new(),
        _ => {
            let message = format!(
                "expected an object with `systems` and `routes`, found {}",
                layer.tree.kind()
            );
            judge.error(&layer.tree.place, message);
            Dict::new()
        }
    }
}

struct Judge<'a> {
    layer: &'a Layer,
    environment: &'a BTreeMap<String, String>,
    findings: &'a mut Findings,
}

impl Judge<'_> {
    fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.findings.error(&self.layer.shown(place), message);
    }

    /// The members of an object whose keys stand below a pattern of the list.
    fn members(&mut self, members: &[Member], pattern: &str, whole: &str) -> Dict {
        let mut said = Dict::new();
        for Member { name, value } in members {
            let Some(text) = name.text() else {
                if !name.is_faulty() {
                    self.error(
                        &name.place,
                        "expected a name that is text, found a lone surrogate",
                    );
                }
                continue;
            };
            let key = keys::below(pattern).find(|(known, _)| *known == text || *known == "*");
            let Some((known, key)) = key else {
                self.unknown(&name.place, text, pattern, whole);
                continue;
            };
            if known == "*" && !self.is_name(&name.place, text, key) {
                continue;
            }
            if let Some(value) = self.value(value, key, text) {
                said.insert(text.to_owned(), value);
            }
        }
        said
    }

    fn unknown(&mut self, place: &Place, name: &str, pattern: &str, whole: &str) {
        let known: Vec<_> = keys::below(pattern).map(|(name, _)| name).collect();
        let meant = did_you_mean(name, known.iter().copied());
        let place = self.layer.shown(place);
        let finding = Finding::error(&place, format!("unknown key `{name}` in {whole}{meant}"));
        let all = known
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ");
        self.findings.push(match meant.is_empty() {
            true => finding.help(format!("the keys here are {all}")),
            false => finding,
        });
    }

    /// Whether a name that people choose can be one. Names of settings are the adapter's business.
    fn is_name(&mut self, place: &Place, name: &str, key: &Key) -> bool {
        if key.path.ends_with(".settings.*") {
            return true;
        }
        let legal =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
        let good = (1..=63).contains(&name.len()) && name.chars().all(legal);
        if !good {
            self.error(
                place,
                "expected a name of 1 to 63 letters, digits, `-`, `_` and `.`",
            );
        }
        good
    }

    fn value(&mut self, node: &Node, key: &'static Key, name: &str) -> Option<Value> {
        match (key.kind, &node.content) {
            (_, Content::Faulty) => None,
            (Kind::Table | Kind::End | Kind::Switches, Content::Object(members)) => {
                Some(Value::from(self.members(members, key.path, &format!("`{name}`"))))
            }
            (Kind::Migrations, Content::Array(elements)) => self.migrations(elements, node, key),
            (Kind::Texts, Content::Array(elements)) => Some(Value::from(self.texts(elements)?)),
            (_, Content::String(text)) => self.text(node, text, key),
            (_, Content::Number(number)) if takes_scalars(key.kind) => {
                // Text keeps the spelling: a password `0123` is not the number 123.
                let written = node.place.span().map(|span| node.place.source().slice(span));
                let spelling = match key.kind {
                    Kind::Text | Kind::Readable | Kind::Secret => written.filter(|text| !text.is_empty()),
                    _ => None,
                };
                self.text(node, spelling.unwrap_or(number.as_str()), key)
            }
            (_, Content::Bool(flag)) if takes_scalars(key.kind) => self.text(node, &flag.to_string(), key),
            (kind, Content::Null) => {
                self.error(&node.place, format!("expected {}, found nothing", expected(kind)));
                None
            }
            (kind, _) => {
                self.error(
                    &node.place,
                    format!("expected {}, found {}", expected(kind), node.kind()),
                );
                None
            }
        }
    }

    fn migrations(&mut self, elements: &[Node], node: &Node, key: &'static Key) -> Option<Value> {
        if elements.is_empty() {
            self.error(
                &node.place,
                "expected at least one migration, found an empty list; a plain bridge has no `migrate`",
            );
            return None;
        }
        let (_, element_key) = keys::below(key.path).next()?;
        let mut choices = Vec::new();
        for element in elements {
            let before = self.findings.errors();
            let Some(choice) = self.value(element, element_key, "migrate") else {
                continue;
            };
            if choice.find_ref("file").is_none() && self.findings.errors() == before {
                self.error(&element.place, "expected a `file` in each entry of `migrate`");
            } else {
                choices.push(choice);
            }
        }
        Some(Value::from(choices))
    }

    fn texts(&mut self, elements: &[Node]) -> Option<Vec<Value>> {
        let mut texts = Vec::new();
        for element in elements {
            match element.text() {
                Some(text) => texts.push(Value::from(self.plain(element, text)?)),
                None => self.error(
                    &element.place,
                    format!("expected a text, found {}", element.kind()),
                ),
            }
        }
        Some(texts)
    }

    /// A value that was written as text, with its variables filled in.
    fn text(&mut self, node: &Node, written: &str, key: &'static Key) -> Option<Value> {
        if matches!(key.kind, Kind::Readable | Kind::Secret) {
            return Some(Value::from(self.fill(node, written)?.parts()));
        }
        let text = self.plain(node, written)?;
        let as_text = |parsed: Result<String, String>| parsed.map(Value::from);
        let value = match key.kind {
            Kind::Text => Ok(Value::from(text)),
            Kind::End => Ok(end(&text)),
            Kind::Migrations => Ok(Value::from(vec![Value::from(Dict::from([(
                "file".to_owned(),
                Value::from(text),
            )]))])),
            Kind::Switches if text == "off" => {
                let off = |(name, _): (&str, _)| (name.to_owned(), Value::from("off"));
                Ok(Value::from(keys::below(key.path).map(off).collect::<Dict>()))
            }
            Kind::Choice(words) if words.contains(&text.as_str()) => Ok(Value::from(text)),
            Kind::Choice(words) => {
                let meant = did_you_mean(&text, words.iter().copied());
                let expected = one_of(words);
                self.error(
                    &node.place,
                    format!("expected {expected}, found `{written}`{meant}"),
                );
                return None;
            }
            Kind::Count { least, most } => match text.parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(Value::from(number)),
                _ => Err(format!("expected a whole number from {least} to {most}")),
            },
            Kind::CountOrOff => as_text(text.parse::<CountOrOff>().map(|value| value.to_string())),
            Kind::ShareOrOff => as_text(text.parse::<ShareOrOff>().map(|value| value.to_string())),
            Kind::Size => as_text(text.parse::<Size>().map(|value| value.to_string())),
            Kind::Pause => as_text(text.parse::<Pause>().map(|value| value.to_string())),
            Kind::Start => as_text(text.parse::<Start>().map(|value| value.to_string())),
            Kind::Table | Kind::Switches | Kind::Texts | Kind::Readable | Kind::Secret => {
                Err(format!("expected {}", expected(key.kind)))
            }
        };
        match value {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(&node.place, format!("{message}, found `{written}`"));
                None
            }
        }
    }

    /// A text that cannot be read again later, so that it may not name a file.
    fn plain(&mut self, node: &Node, written: &str) -> Option<String> {
        let text = self.fill(node, written)?;
        let plain = text.plain().map(str::to_owned);
        if plain.is_none() {
            let message = "a file cannot be used here: its content is a secret, and can stand in `user`, `password`, \
                           `token`, `settings` and `secrets` only";
            self.error(&node.place, message);
        }
        plain
    }

    fn fill(&mut self, node: &Node, written: &str) -> Option<Text> {
        match Text::fill(written, self.environment) {
            Ok(text) => Some(text),
            Err(faults) => {
                for fault in faults {
                    self.error(&node.place_within(fault.part), fault.message);
                }
                None
            }
        }
    }
}

/// `system/channel`, split at the first `/`; without one, a system that has but one channel.
fn end(text: &str) -> Value {
    let (system, channel) = text.split_once('/').unwrap_or((text, ""));
    Value::from(Dict::from([
        ("system".to_owned(), Value::from(system)),
        ("channel".to_owned(), Value::from(channel)),
    ]))
}

/// `a`, `b` or `c`.
fn one_of(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => quoted.concat(),
    }
}

fn takes_scalars(kind: Kind) -> bool {
    match kind {
        Kind::Text
        | Kind::Readable
        | Kind::Secret
        | Kind::Choice(_)
        | Kind::Count { .. }
        | Kind::CountOrOff => true,
        Kind::ShareOrOff | Kind::Size | Kind::Pause | Kind::Start => true,
        Kind::Table | Kind::End | Kind::Migrations | Kind::Switches | Kind::Texts => false,
    }
}

/// What may stand at a key of this kind, for `expected …`.
fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Table => "an object",
        Kind::End => "a channel such as `system/channel`, or an object",
        Kind::Migrations => "a file, or a list of `{when, file}`",
        Kind::Switches => "an object, or `off`",
        Kind::Text | Kind::Readable | Kind::Secret => "a text",
        Kind::Texts => "a list of texts",
        Kind::Choice(_) => "one of its words",
        Kind::Count { .. } => "a whole number",
        Kind::CountOrOff => "a whole number, or `off`",
        Kind::ShareOrOff => "a share such as `0.5`, or `off`",
        Kind::Size => "a size such as `64MiB`",
        Kind::Pause => "a length of time such as `5s`",
        Kind::Start => "`earliest`, `latest`, a time or a position",
    }
}
