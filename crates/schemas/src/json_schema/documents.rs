//! The texts of which one schema consists: the one that is named, and those to which it refers.
//!
//! A reference leads to a text under the project's root, relative to the text that holds it, or to the `$id` of a text
//! that `imports` names. Nothing is ever fetched from a network.

mod tree;

use std::collections::{HashMap, HashSet};

use dunlin_core::finding::{Finding, Findings, Place, SourceText};
use dunlin_core::migration::SchemaReference;
use dunlin_core::migration::load::{ResolveError, Resolver};
use dunlin_core::source::{self, Format, Node};
use referencing::{Uri, uri};
use serde_json::Value;

use crate::registry::Registered;

/// The most texts of one schema.
const MOST_DOCUMENTS: usize = 1000;
/// The most bytes of all texts together: 16 MiB.
const MOST_BYTES: usize = 16 << 20;
/// What the URI of a file under the project's root begins with.
const FILE: &str = "file:///";

/// One text.
#[derive(Debug)]
pub(super) struct Document {
    /// Its URI; its own `$id` may give it another one.
    pub(super) uri: String,
    /// What was read, with places.
    pub(super) node: Node,
    /// The same for the validator.
    pub(super) value: Value,
    /// Whether a number in it is more exact than the validator's.
    pub(super) has_notes: bool,
}

/// All texts of one schema. The first is the one that is named.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) all: Vec<Document>,
    /// Why a URI leads nowhere, where there is a reason that a person can do something about.
    pub(super) reasons: HashMap<String, String>,
    known: HashSet<String>,
    bytes: usize,
}

impl Documents {
    /// Reads the text that a reference names, and all to which it leads.
    pub(super) fn of_file(
        reference: &SchemaReference,
        name: &str,
        files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut documents = Self::default();
        let mut reading = Reading { files, findings };
        if let Err(reason) = documents.read_file(&uri_of(name), name, &mut reading) {
            let message = format!("{}: {reason}", files.shown(name));
            reading.findings.error(&reference.place, message);
        }
        documents.all.first()?;
        for import in &reference.imports {
            documents.import(import, reference, &mut reading);
        }
        documents.follow(Some(&mut reading));
        Some(documents)
    }

    /// Reads a text that a registry keeps, and those that came with it.
    pub(super) fn of_registered(
        name: &str,
        registered: &Registered,
        findings: &mut Findings,
    ) -> Option<Self> {
        let mut documents = Self::default();
        // A subject is one segment, however many slashes it has.
        let base = format!("registry:///{}", encoded(name, false));
        documents.read_text(
            &base,
            &SourceText::new(name, &registered.text),
            Format::Json,
            findings,
        );
        documents.all.first()?;
        for other in &registered.references {
            let Some(uri) = resolved(&base, &other.name) else {
                continue;
            };
            let source = SourceText::new(&other.name, &other.text);
            documents.read_text(&uri, &source, Format::Json, findings);
        }
        documents.follow(None);
        Some(documents)
    }

    /// The URI against which references of the first text are resolved.
    pub(super) fn base(&self) -> String {
        self.all.first().map(Document::base).unwrap_or_default()
    }

    /// Reports the references that are none.
    pub(super) fn judge_references(&self, findings: &mut Findings) {
        for document in &self.all {
            for value in tree::faulty_references(&document.value, &document.uri) {
                findings.error(&self.place_of(value), "expected a URI reference (RFC 3986)");
            }
        }
    }

    /// Where a value of one of the texts stands; the first text as a whole where it is in none.
    ///
    /// It walks through all texts, and is meant for findings.
    pub(super) fn place_of(&self, value: &Value) -> Place {
        let found = self
            .all
            .iter()
            .find_map(|document| tree::place_of(&document.node, &document.value, value));
        found
            .or_else(|| self.all.first().map(|document| document.node.place.clone()))
            .unwrap_or_else(|| Place::whole("schema"))
    }

    fn import(&mut self, name: &str, reference: &SchemaReference, reading: &mut Reading<'_>) {
        let names = match reading.files.list(name) {
            Ok(names) => {
                let prefix = if name.is_empty() {
                    String::new()
                } else {
                    format!("{name}/")
                };
                let mut names: Vec<_> = names.iter().map(|file| format!("{prefix}{file}")).collect();
                names.retain(|name| is_schema_text(name));
                names.sort();
                names
            }
            Err(ResolveError::NotFound) => {
                let message = format!("{}: there is no such file or folder", reading.files.shown(name));
                let help = "`imports` names files and folders relative to the migration";
                let finding = Finding::error(&reference.place, message).help(help);
                reading.findings.push(finding);
                return;
            }
            Err(_) => vec![name.to_owned()],
        };
        for name in names {
            let uri = uri_of(&name);
            if self.known.contains(&uri) {
                continue;
            }
            if let Err(reason) = self.read_file(&uri, &name, reading) {
                let message = format!("{}: {reason}", reading.files.shown(&name));
                reading.findings.error(&reference.place, message);
            }
        }
    }

    /// Reads the texts to which those that were read lead, until there are no more.
    fn follow(&mut self, mut reading: Option<&mut Reading<'_>>) {
        let mut next = 0;
        while next < self.all.len() {
            let document = &self.all[next];
            next += 1;
            let (file, base) = (document.uri.clone(), document.base());
            for reference in tree::references(&document.value, &base) {
                if self.known.contains(&reference.uri) {
                    continue;
                }
                let Some(reading) = reading.as_deref_mut() else {
                    continue;
                };
                // A schema whose `$id` is an address on a network usually has its neighbours beside it all the same.
                let Some(name) = name_of(&reference.uri)
                    .or_else(|| resolved(&file, &reference.text).and_then(|uri| name_of(&uri)))
                else {
                    continue;
                };
                if let Err(reason) = self.read_file(&reference.uri, &name, reading) {
                    self.known.insert(reference.uri.clone());
                    if name_of(&reference.uri).is_some() {
                        let reason = format!("{}: {reason}", reading.files.shown(&name));
                        self.reasons.insert(reference.uri, reason);
                    }
                }
            }
        }
    }

    fn read_file(&mut self, uri: &str, name: &str, reading: &mut Reading<'_>) -> Result<(), String> {
        let format = match Format::of_name(name) {
            Some(format @ (Format::Json | Format::Yaml)) => format,
            Some(Format::Toml) | None => {
                return Err("expected a file whose name ends in .json, .yaml or .yml".to_owned());
            }
        };
        let bytes = reading.files.read(name).map_err(|error| error.to_string())?;
        let shown = reading.files.shown(name);
        if let Some(text) = source::decode(&shown, &bytes, reading.findings) {
            self.read_text(uri, &SourceText::new(shown, text), format, reading.findings);
        }
        Ok(())
    }

    fn read_text(&mut self, uri: &str, source: &SourceText, format: Format, findings: &mut Findings) {
        self.known.insert(uri.to_owned());
        self.bytes += source.text().len();
        if self.all.len() >= MOST_DOCUMENTS || self.bytes > MOST_BYTES {
            let message = format!(
                "the schema consists of too many texts: at most {MOST_DOCUMENTS}, and {MOST_BYTES} bytes, are read"
            );
            findings.error(&Place::whole(source.name()), message);
            return;
        }
        let Some(node) = source::read_text(source, format, findings) else {
            return;
        };
        let Some((value, has_notes)) = tree::value_of(&node, findings) else {
            return;
        };
        for id in tree::ids(&value, uri) {
            self.known.insert(id);
        }
        self.all.push(Document {
            uri: uri.to_owned(),
            node,
            value,
            has_notes,
        });
    }
}

impl Document {
    fn base(&self) -> String {
        let id = ["$id", "id"]
            .iter()
            .find_map(|name| self.value.get(name))
            .and_then(Value::as_str);
        id.and_then(|id| resolved(&self.uri, id))
            .unwrap_or_else(|| self.uri.clone())
    }
}

struct Reading<'a> {
    files: &'a dyn Resolver,
    findings: &'a mut Findings,
}

fn is_schema_text(name: &str) -> bool {
    matches!(Format::of_name(name), Some(Format::Json | Format::Yaml))
}

/// The URI of a file under the project's root.
fn uri_of(name: &str) -> String {
    format!("{FILE}{}", encoded(name, true))
}

/// The file under the project's root that a URI means.
fn name_of(uri: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = uri.strip_prefix(FILE)?.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    let name = String::from_utf8(bytes).ok()?;
    let is_plain = !name.is_empty()
        && !name.contains('\\')
        && name.split('/').all(|part| !["", ".", ".."].contains(&part));
    is_plain.then_some(name)
}

fn encoded(text: &str, keeps_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if is_plain || (keeps_slashes && byte == b'/') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A reference without its fragment, resolved against a base (RFC 3986, section 5).
pub(super) fn resolved(base: &str, reference: &str) -> Option<String> {
    let base: Uri<String> = uri::from_str(base).ok()?;
    let reference = reference.split_once('#').map_or(reference, |(uri, _)| uri);
    let resolved = uri::resolve_against(&base.borrow(), reference).ok()?;
    Some(resolved.as_str().trim_end_matches('#').to_owned())
}

/// A finding about a reference that leads nowhere.
pub(super) fn dangling(place: &Place, reference: &str, reason: Option<&String>, is_local: bool) -> Finding {
    match reason {
        Some(reason) => Finding::error(place, reason.clone()),
        None if is_local => Finding::error(place, format!("nothing stands at `{reference}`")),
        None => Finding::error(
            place,
            format!("no schema here is called `{reference}`, and none is fetched from a network"),
        )
        .help("put its text into a file, and name the file under `imports`"),
    }
}
