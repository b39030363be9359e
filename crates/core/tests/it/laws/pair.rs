//! A message and a chain of transformations, and how both are written down.

use dunlin_core::message::Headers;
use dunlin_core::migration::document::{Reading, Text, Value, parse, write_quoted};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Input, LoadOptions, Migration};

use super::chance::Chance;

/// A transformation as its fields, each with its JSON text. The first one is the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry(pub(crate) Vec<(String, String)>);

impl Entry {
    pub(super) fn new(operation: &str, operand: impl Into<String>) -> Self {
        Self(vec![(operation.to_owned(), operand.into())])
    }

    /// The same with one more field; `value` is JSON text.
    pub(super) fn put(&mut self, field: &str, value: impl Into<String>) {
        self.0.push((field.to_owned(), value.into()));
    }

    /// The same with one more field that is a string.
    pub(super) fn put_text(&mut self, field: &str, value: &str) {
        self.put(field, quoted(value));
    }

    pub(super) fn operation(&self) -> &str {
        &self.0[0].0
    }

    /// The JSON text of a field.
    pub(super) fn get(&self, field: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == field)
            .map(|(_, value)| value.as_str())
    }

    /// The text of a field that is a string.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        match json(self.get(field)?) {
            Value::String(text) => text.read().ok().map(std::borrow::Cow::into_owned),
            _ => None,
        }
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    pub(super) fn without(&self, field: &str) -> Self {
        Self(self.0.iter().filter(|(name, _)| name != field).cloned().collect())
    }

    pub(crate) fn to_json(&self) -> String {
        let fields: Vec<_> = self
            .0
            .iter()
            .map(|(name, value)| format!("{}:{value}", quoted(name)))
            .collect();
        format!("{{{}}}", fields.join(","))
    }
}

/// A message without its payload's white space.
#[derive(Clone)]
pub(crate) struct Message {
    pub(super) document: Option<Value>,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) key: Option<Vec<u8>>,
}

impl Message {
    pub(super) fn of(document: Option<&Value>, headers: &Headers, key: Option<&bytes::Bytes>) -> Self {
        Self {
            document: document.cloned(),
            headers: headers
                .iter()
                .filter(|(name, _)| *name != dunlin_core::migration::RECORD_HEADER)
                .map(|(name, value)| (name.to_owned(), value.to_vec()))
                .collect(),
            key: key.map(|key| key.to_vec()),
        }
    }

    pub(crate) fn input(&self, spaced: bool) -> Input {
        let payload = self.document.as_ref().map(|document| {
            if spaced {
                spread(document)
            } else {
                document.to_json()
            }
            .into()
        });
        Input {
            payload,
            key: self.key.clone().map(Into::into),
            headers: self.headers(),
        }
    }

    pub(super) fn headers(&self) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in &self.headers {
            headers.append(name.as_str(), value.clone());
        }
        headers
    }

    /// Everything of it as text, spelling included.
    pub(super) fn spelled(&self) -> Spelled<'_> {
        (
            self.document.as_ref().map(Value::to_json),
            &self.headers,
            self.key.as_deref(),
        )
    }
}

/// The document's text, the headers and the key.
type Spelled<'a> = (Option<String>, &'a [(String, Vec<u8>)], Option<&'a [u8]>);

/// What the laws are about.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) message: Message,
    /// The payload has white space between its tokens.
    pub(crate) spaced: bool,
    pub(crate) chain: Vec<Entry>,
    /// Where the chain is cut in two.
    pub(super) cut: usize,
}

impl std::fmt::Display for Pair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.message.document {
            Some(document) => writeln!(formatter, "document: {}", document.to_json())?,
            None => writeln!(formatter, "no payload")?,
        }
        for (name, value) in &self.message.headers {
            writeln!(formatter, "header: {name}: {}", String::from_utf8_lossy(value))?;
        }
        if let Some(key) = &self.message.key {
            writeln!(formatter, "key: {}", String::from_utf8_lossy(key))?;
        }
        writeln!(formatter, "chain, cut at {}:", self.cut)?;
        self.chain
            .iter()
            .try_for_each(|entry| writeln!(formatter, "  {}", entry.to_json()))
    }
}

/// Loads a chain; the rendered findings where it is refused.
pub(crate) fn load(entries: &[String]) -> Result<Migration, String> {
    load_text(
        "laws.json",
        &format!(
            "{{\"migration\":\"laws\",\"transformations\":[{}]}}",
            entries.join(",")
        ),
    )
}

/// Loads a migration file.
pub(super) fn load_text(name: &str, text: &str) -> Result<Migration, String> {
    let resolver = MemoryResolver::new().with(name, text);
    Migration::load(name, &resolver, &LoadOptions::default())
        .map(|loaded| loaded.migration)
        .map_err(|findings| findings.render())
}

/// The value of a JSON text that is known to be one.
pub(super) fn json(text: &str) -> Value {
    let reading = Reading {
        depth: 256,
        ..Reading::default()
    };
    parse(text.as_bytes(), &reading).unwrap_or_else(|error| panic!("{error:?} in {text}"))
}

pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_quoted(text, &mut out);
    out
}

/// JSON with white space wherever it may stand.
fn spread(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(spread).collect();
            format!("[ {}\n]", elements.join(" ,\t"))
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|member| format!("\"{}\" : {}", member.name.source(), spread(&member.value)))
                .collect();
            format!(" {{ {}\r\n}} ", members.join(" , "))
        }
        scalar => scalar.to_json(),
    }
}

/// The same transformations in another formatting: in YAML where that can spell them, else in JSON.
pub(super) fn reformat(chain: &[Entry], chance: &mut Chance) -> (&'static str, String) {
    let entries: Vec<Value> = chain.iter().map(|entry| shuffled(entry, chance)).collect();
    if !entries.is_empty() && entries.iter().all(yaml_can_spell) && chance.percent(70) {
        let mut text = String::from("# the same\nmigration: laws\ntransformations:\n");
        for entry in &entries {
            text.push_str("  - ");
            yaml(entry, 4, chance, &mut text);
        }
        return ("laws.yaml", text);
    }
    let entries: Vec<_> = entries.iter().map(spread).collect();
    (
        "laws.json",
        format!(
            "{{ \"transformations\" : [{}], \"migration\":\"laws\" }}",
            entries.join(" ,\n")
        ),
    )
}

/// The fields in another order, and what counts as the same written in another way.
fn shuffled(entry: &Entry, chance: &mut Chance) -> Value {
    let mut fields = entry.0.clone();
    for last in (1..fields.len()).rev() {
        fields.swap(last, chance.below(last + 1));
    }
    if !entry.has("description") {
        fields.push(("description".to_owned(), "\"the same\"".to_owned()));
    }
    json(&Entry(fields).to_json())
}

/// YAML has its own spelling of numbers that are no integers, and no lone surrogates.
fn yaml_can_spell(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => {
            let text = number.as_str();
            text != "-0" && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        }
        Value::String(text) => text.read().is_ok(),
        Value::Array(elements) => elements.iter().all(yaml_can_spell),
        Value::Object(members) => members
            .iter()
            .all(|member| is_short_text(&member.name) && yaml_can_spell(&member.value)),
    }
}

/// A key of YAML ends within 1,024 characters.
fn is_short_text(name: &Text) -> bool {
    name.read().is_ok() && name.source().len() < 1000
}

/// Writes a value behind what has been written on the line; `indent` is where its own lines begin.
fn yaml(value: &Value, indent: usize, chance: &mut Chance, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(members) if !members.is_empty() && chance.percent(80) => {
            for (index, member) in members.iter().enumerate() {
                if index > 0 {
                    out.push_str(&pad);
                }
                out.push_str(&format!("\"{}\": ", member.name.canonical().source()));
                let block = matches!(&member.value, Value::Object(inner) if !inner.is_empty())
                    || matches!(&member.value, Value::Array(inner) if !inner.is_empty());
                if block && chance.percent(70) {
                    out.push_str(&format!("\n{pad}  "));
                    yaml(&member.value, indent + 2, chance, out);
                } else {
                    out.push_str(&flow(&member.value, chance));
                    out.push('\n');
                }
            }
        }
        Value::Array(elements) if !elements.is_empty() && chance.percent(80) => {
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push_str(&pad);
                }
                out.push_str("- ");
                yaml(element, indent + 2, chance, out);
            }
        }
        other => {
            out.push_str(&flow(other, chance));
            out.push('\n');
        }
    }
}

fn flow(value: &Value, chance: &mut Chance) -> String {
    match value {
        Value::String(text) => {
            let read = text.read().expect("what YAML can spell was asked before");
            let plain = |text: &str| {
                let mut bytes = text.bytes();
                bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
                    && bytes.all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                    && !["null", "true", "false"].contains(&text)
            };
            if plain(&read) && chance.percent(60) {
                read.into_owned()
            } else if read
                .chars()
                .all(|character| character >= ' ' && character != '\u{7f}')
                && chance.percent(30)
            {
                format!("'{}'", read.replace('\'', "''"))
            } else {
                format!("\"{}\"", text.canonical().source())
            }
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(|element| flow(element, chance)).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|member| {
                    format!(
                        "\"{}\": {}",
                        member.name.canonical().source(),
                        flow(&member.value, chance)
                    )
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        scalar => scalar.to_json(),
    }
}
