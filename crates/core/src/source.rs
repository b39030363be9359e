//! Texts that people write, JSON, YAML or TOML, as one kind of tree in which everything knows its place.
//!
//! The readers of serde end at the first fault and forget where things stood. People who wrote eight mistakes want to
//! hear of eight, each with its line, so the texts are read into [`Node`]s here, and judged by the loader and by the
//! router, which report at the place of the node.
//!
//! - JSON is read strictly (RFC 8259); numbers keep their spelling.
//! - YAML is read by the 1.2 core schema: `no` is a string, integers of any length stay exact, other numbers become
//!   their shortest decimal. Anchors work within a limit; merge keys, tags of other schemas, names that are no
//!   strings, infinities and a second document are refused with a finding.
//! - TOML is read for configurations; its dates become strings.
//! - A member that stands twice is a finding, in every format.
//!
//! Limits, so that no text can take the process down: [`MOST_BYTES`], [`MOST_DEPTH`], [`MOST_COPIED_BYTES`]. Payloads
//! are not read here: they are the business of the document, which keeps every byte.

mod core_schema;
mod escape;
mod json;
mod lookup;
mod toml;
mod yaml;

use std::collections::HashMap;
use std::ops::Range;

use crate::finding::{Finding, Findings, Place, SourceText, Span};
use crate::migration::document::{self, Number, Text, Value};

/// The size of a text that is read at all, in bytes: 1 MiB. Chains of thousands of operations are far smaller.
pub const MOST_BYTES: usize = 1 << 20;

/// How deep arrays and objects may be nested: 128 open containers, as in a payload by default.
pub const MOST_DEPTH: usize = 128;

/// What the aliases of one YAML text may copy, in bytes of memory roughly: 8 MiB.
///
/// Ten lines of aliases to aliases can stand for more nodes than any memory holds.
pub const MOST_COPIED_BYTES: usize = 8 << 20;

/// How a text is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON, RFC 8259.
    Json,
    /// YAML 1.2, core schema, one document.
    Yaml,
    /// TOML 1.
    Toml,
}

impl Format {
    /// The format that a file's name tells by its extension: `.json`, `.yaml`, `.yml`, `.toml`, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// One value of a text, with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands, quotes and brackets included.
    pub place: Place,
    /// What it is.
    pub content: Content,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
pub enum Content {
    /// `null`, or nothing where YAML expects a value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as JSON text: as written in JSON, canonical as the module describes it in YAML and TOML.
    Number(Number),
    /// A string, unescaped.
    String(String),
    /// A JSON string with a lone surrogate escape, which is no text: in canonical escapes.
    Surrogates(Text),
    /// The elements in order.
    Array(Vec<Node>),
    /// The members in order. A name that stands twice has been reported; all its occurrences are here.
    Object(Vec<Member>),
    /// Something that has been reported already; readers pass over it without a second finding.
    Faulty,
}

/// One member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name: [`Content::String`], [`Content::Surrogates`], or [`Content::Faulty`].
    pub name: Node,
    /// The value.
    pub value: Node,
}

/// Reads a text whose lines findings may show. See [`read_text`].
///
/// `bytes` is what the file holds. A file that is too large or not UTF-8 is one finding, and no tree.
pub fn read(name: &str, bytes: &[u8], format: Format, findings: &mut Findings) -> Option<Node> {
    let text = decode(name, bytes, findings)?;
    read_text(&SourceText::new(name, text), format, findings)
}

/// Checks the size and the encoding of a file before it is read: UTF-8, without a byte order mark.
pub fn decode<'bytes>(name: &str, bytes: &'bytes [u8], findings: &mut Findings) -> Option<&'bytes str> {
    if bytes.len() > MOST_BYTES {
        let message = format!(
            "the file is too large: {} bytes, at most {MOST_BYTES} are read",
            bytes.len()
        );
        findings.error(&Place::whole(name), message);
        return None;
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        findings.error(
            &Place::whole(name),
            "expected UTF-8 text, found UTF-16; save the file as UTF-8",
        );
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with('\u{feff}') => {
            let message = "the file begins with a byte order mark; save it as UTF-8 without one";
            findings.error(&SourceText::new(name, text).place(Span::new(0, 3)), message);
            None
        }
        Ok(text) => Some(text),
        Err(error) => {
            let valid = error.valid_up_to();
            let readable = String::from_utf8_lossy(&bytes[..valid]).into_owned();
            let place = SourceText::new(name, readable).place(Span::new(valid, valid));
            let message = format!(
                "expected UTF-8 text, found the byte 0x{:02x}, which is none",
                bytes[valid]
            );
            findings.error(&place, message);
            None
        }
    }
}

/// Reads a text into a tree, and reports everything that is wrong with it.
///
/// A tree comes back wherever the structure could be read; it is complete only if no error was added to `findings`.
/// Faulty parts of it are [`Content::Faulty`], so that a judge can go on with the rest.
pub fn read_text(source: &SourceText, format: Format, findings: &mut Findings) -> Option<Node> {
    if source.text().len() > MOST_BYTES {
        let message = format!(
            "the text is too large: {} bytes, at most {MOST_BYTES} are read",
            source.text().len()
        );
        findings.error(&Place::whole(source.name()), message);
        return None;
    }
    match format {
        Format::Json => json::read(source, findings),
        Format::Yaml => yaml::read(source, findings),
        Format::Toml => toml::read(source, findings),
    }
}

impl Node {
    /// A node at a place.
    pub fn new(place: Place, content: Content) -> Self {
        Self { place, content }
    }

    /// The text of a string; none for everything else.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::String(text) => Some(text),
            Content::Null
            | Content::Bool(_)
            | Content::Number(_)
            | Content::Surrogates(_)
            | Content::Array(_)
            | Content::Object(_)
            | Content::Faulty => None,
        }
    }

    /// The members, if it is an object.
    pub fn members(&self) -> Option<&[Member]> {
        match &self.content {
            Content::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn elements(&self) -> Option<&[Self]> {
        match &self.content {
            Content::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value of a member by its name, if it is an object that has it. Of two with that name, the first.
    pub fn member(&self, name: &str) -> Option<&Self> {
        self.members()?
            .iter()
            .find(|member| member.name.text() == Some(name))
            .map(|member| &member.value)
    }

    /// Whether it was reported already.
    pub fn is_faulty(&self) -> bool {
        matches!(self.content, Content::Faulty)
    }

    /// The node as a value of a document: strings in canonical escapes, numbers as they are here.
    ///
    /// None where a part of it is [`Content::Faulty`], which has been reported.
    pub fn to_value(&self) -> Option<Value> {
        Some(match &self.content {
            Content::Null => Value::Null,
            Content::Bool(truth) => Value::Bool(*truth),
            Content::Number(number) => Value::Number(number.clone()),
            Content::String(text) => Value::string(text),
            Content::Surrogates(text) => Value::String(text.clone()),
            Content::Array(elements) => {
                Value::Array(elements.iter().map(Self::to_value).collect::<Option<_>>()?)
            }
            Content::Object(members) => {
                let member = |member: &Member| {
                    let name = match &member.name.content {
                        Content::String(text) => Text::from_str(text),
                        Content::Surrogates(text) => text.clone(),
                        _ => return None,
                    };
                    Some(document::Member {
                        name,
                        value: member.value.to_value()?,
                    })
                };
                Value::Object(members.iter().map(member).collect::<Option<_>>()?)
            }
            Content::Faulty => return None,
        })
    }

    /// What it is, with its article, for `expected …, found …`: `a string`, `an object`. Never the value.
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "null",
            Content::Bool(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::String(_) | Content::Surrogates(_) => "a string",
            Content::Array(_) => "a list",
            Content::Object(_) => "an object",
            Content::Faulty => "something that cannot be read",
        }
    }

    /// The place of a part of its string, given as bytes of the unescaped text.
    ///
    /// The exact place where the string stands in one line, escapes included; the whole string where its lines were
    /// folded or it is no string.
    pub fn place_within(&self, part: Range<usize>) -> Place {
        let Some(span) = self.place.span() else {
            return self.place.clone();
        };
        let written = self.place.source().slice(span);
        match (
            escape::written_offset(written, part.start),
            escape::written_offset(written, part.end),
        ) {
            (Some(start), Some(end)) => self.place.at(Span::new(span.start + start, span.start + end)),
            _ => self.place.clone(),
        }
    }
}

/// Reports each member whose name stood before in the same object.
fn report_duplicates(members: &[Member], findings: &mut Findings) {
    let mut seen: HashMap<(bool, &str), &Place> = HashMap::new();
    for Member { name, .. } in members {
        let key = match &name.content {
            Content::String(text) => (true, text.as_str()),
            Content::Surrogates(text) => (false, text.source()),
            _ => continue,
        };
        match seen.get(&key) {
            Some(first) => {
                let line = first.line().unwrap_or(0);
                let message = format!("the member `{}` stands twice, first in line {line}", key.1);
                findings.push(Finding::error(&name.place, message));
            }
            None => {
                seen.insert(key, &name.place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
