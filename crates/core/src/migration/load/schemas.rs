//! Reads what a migration says of its schemas: the references, the places of the chain where they hold, and how the
//! version of a message is told.
//!
//! What stands in a schema is the compiler's business; here it is only told which text is meant.

use std::sync::Arc;

use super::draft::Check;
use super::fields::{Fields, Scope};
use super::name::{is_migration_name, resolve};
use crate::finding::{Finding, Place, did_you_mean};
use crate::migration::schema::{Framing, RegistryReference, RegistryVersion, SchemaFormat, SchemaReference};
use crate::migration::versions::VersionBy;
use crate::source::{Content, Node};

/// The schemas of a migration as its file states them, before the length of its chain is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct SchemasDraft {
    pub(crate) versions: Vec<VersionDraft>,
    pub(crate) by: Vec<VersionBy>,
}

/// A version as the file states it.
#[derive(Debug, Clone)]
pub(crate) struct VersionDraft {
    pub(crate) name: Arc<str>,
    /// The transformation that is the last one behind a message of this version.
    pub(crate) at: Option<(String, Place)>,
    pub(crate) reference: SchemaReference,
    pub(crate) place: Place,
}

impl SchemasDraft {
    /// The checks for which there is a schema.
    pub(super) fn checks(&self) -> Vec<Check> {
        let has = |name| self.versions.iter().any(|version| &*version.name == name);
        let is_named = !self.by.is_empty();
        let mut checks = Vec::new();
        if has("from") || is_named {
            checks.push(Check::From);
        }
        if has("to") || is_named {
            checks.push(Check::To);
        }
        checks
    }
}

/// Reads `schemas` and `version_by` of a migration file.
pub(super) fn schemas(fields: &mut Fields<'_, '_>, file: &str) -> SchemasDraft {
    let node = fields.node("schemas");
    fields.only_with("version_by", "schemas");
    let by_node = fields.node("version_by");
    let Some(node) = node else {
        return SchemasDraft::default();
    };
    let Some(members) = node.members() else {
        fields.expected::<()>(
            node,
            "an object with `from` and `to`, or with the versions of the messages",
        );
        return SchemasDraft::default();
    };
    let name_of = |member: &crate::source::Member| member.name.text().unwrap_or_default().to_owned();
    // One of the two words, and that is how the others are judged.
    let is_named = !members
        .iter()
        .any(|member| ["from", "to"].contains(&name_of(member).as_str()));
    let mut versions = Vec::new();
    for member in members {
        let name = name_of(member);
        if !is_named && !["from", "to"].contains(&name.as_str()) {
            let help =
                "the fields are from, to; or give all versions names of their own, such as `v1` and `v2`";
            let message = format!("unknown field `{name}` beside `from` and `to`");
            fields.report(Finding::error(&member.name.place, message).help(help));
            continue;
        }
        if !is_migration_name(&name) {
            let help =
                "a name has 1 to 64 of a-z, 0-9, `.`, `_` and `-`, and begins with a letter or a digit";
            let message = format!("`{name}` is not a name of a version");
            fields.report(Finding::error(&member.name.place, message).help(help));
            continue;
        }
        if let Some(file) = member.value.text() {
            let message = "expected a schema, an object with `format` and `file`, found a string";
            let help =
                format!("write `{name}: {{ format: json-schema, file: {file} }}`, or `avro` or `protobuf`");
            fields.report(Finding::error(&member.value.place, message).help(help));
            continue;
        }
        let read = Fields::read(
            &member.value,
            "a schema",
            Scope::File,
            fields.findings(),
            |schema| {
                let at = if is_named {
                    schema.optional_text("at").map(str::to_owned)
                } else {
                    None
                };
                let at = at.map(|id| (id, schema.place("at")));
                reference(schema, file).map(|reference| (at, reference))
            },
        );
        if let Some((at, reference)) = read {
            versions.push(VersionDraft {
                name: name.into(),
                at,
                reference,
                place: member.name.place.clone(),
            });
        }
    }
    if is_named && members.len() == 1 {
        let help = "name the version to which the chain leads as well, or use `from` and `to`";
        fields.report(Finding::error(&node.place, "expected at least two versions").help(help));
    }
    let by = match by_node {
        Some(by) if !is_named => {
            let help = "give the schemas names of their own, such as `v1` and `v2`, for messages of several versions";
            let message = "`version_by` has no meaning beside `from` and `to`";
            fields.report(Finding::error(&by.place, message).help(help));
            Vec::new()
        }
        Some(by) => {
            let all = version_by(fields, by, &versions);
            if all.contains(&VersionBy::Wire) && has_no_marks(&versions) {
                let message = "`wire` never tells a version here: no payload says by its first bytes which schema it has";
                let help = "remove it, or give the schemas the framing `confluent` or `single-object`";
                fields.report(Finding::warning(&by.place, message).help(help));
            }
            all
        }
        None if is_named => {
            if has_no_marks(&versions) {
                let message =
                    "messages without the header `dunlin-schema` fail: nothing else tells their version";
                let help = "say how it is told, such as `version_by: [header, fits]`; without it, it is [wire, header]";
                fields.report(Finding::warning(&node.place, message).help(help));
            }
            vec![VersionBy::Wire, VersionBy::Header]
        }
        None => Vec::new(),
    };
    SchemasDraft { versions, by }
}

/// Whether no payload of any version says by its first bytes which one it has.
fn has_no_marks(versions: &[VersionDraft]) -> bool {
    !versions.is_empty()
        && versions
            .iter()
            .all(|version| version.reference.framing == Framing::Plain)
}

/// Reads the fields by which a schema is named.
pub(super) fn reference(fields: &mut Fields<'_, '_>, file: &str) -> Option<SchemaReference> {
    let format = fields.required_choice("format", &SchemaFormat::ALL);
    let path = resolved(fields, "file", file);
    let imports = imports(fields, file);
    let message = fields.optional_text("message").map(str::to_owned);
    let has_registry = fields.has("registry");
    let default = if has_registry {
        Framing::Confluent
    } else {
        Framing::Plain
    };
    let framing = fields.choice("framing", &Framing::ALL, default);
    let registry = registry(fields);
    if path.is_none() && !fields.has("file") && !has_registry {
        // One of the two is needed, and the file is the common one.
        fields.required("file");
        return None;
    }
    if framing == Framing::SingleObject && format.is_some_and(|format| format != SchemaFormat::Avro) {
        fields.error("framing", "the framing `single-object` is Avro's own");
    }
    if format == Some(SchemaFormat::JsonSchema) && message.is_some() {
        fields.error("message", "`message` has no meaning for a JSON Schema");
    }
    if framing == Framing::Confluent && !has_registry {
        let help = "name the registry and the subject beside it";
        let place = fields.place("framing");
        fields.report(
            Finding::error(
                &place,
                "the framing `confluent` holds the id that a registry gave to the schema",
            )
            .help(help),
        );
    }
    Some(SchemaReference {
        format: format?,
        file: path,
        imports,
        message,
        framing,
        registry,
        place: fields.node_of_all().place.clone(),
    })
}

fn registry(fields: &mut Fields<'_, '_>) -> Option<RegistryReference> {
    for field in ["subject", "version", "register"] {
        fields.only_with(field, "registry");
    }
    let registry = fields.optional_text("registry").map(str::to_owned);
    let register = fields.flag("register", false);
    let version = match fields.node("version").map(|node| (node, &node.content)) {
        None => None,
        Some((_, Content::String(word))) if word == "latest" => Some(RegistryVersion::Latest),
        Some((node, Content::Number(number))) => match number.as_str().parse::<u32>() {
            Ok(version) if version > 0 => Some(RegistryVersion::Number(version)),
            Ok(_) | Err(_) => fields.expected(node, "a version, counted from 1, or `latest`"),
        },
        Some((node, _)) => fields.expected(node, "a version, counted from 1, or `latest`"),
    };
    let registry = registry?;
    let subject = fields.text("subject").map(str::to_owned);
    let has_file = fields.has("file");
    if !has_file && !fields.has("version") {
        let place = fields.place("registry");
        let help = "say `version: 3`, or `version: latest` if whatever is the latest at the start is meant";
        fields.report(
            Finding::error(&place, "expected the version of the subject beside its registry").help(help),
        );
    }
    if register && !has_file {
        fields.error(
            "register",
            "`register` needs a `file`: what a registry has is registered already",
        );
    }
    if register && version.is_some() {
        fields.error("version", "`version` has no meaning beside `register: true`");
    }
    Some(RegistryReference {
        registry,
        subject: subject?,
        version,
        register,
    })
}

/// The name below the root that a field means.
fn resolved(fields: &mut Fields<'_, '_>, field: &'static str, file: &str) -> Option<String> {
    let text = fields.optional_text(field)?;
    match resolve(file, text) {
        Ok(name) => Some(name),
        Err(unresolved) => {
            let place = fields.place(field);
            fields.report(unresolved.at(&place));
            None
        }
    }
}

fn imports(fields: &mut Fields<'_, '_>, file: &str) -> Vec<String> {
    if !fields.has("imports") {
        return Vec::new();
    }
    let mut all = Vec::new();
    for node in fields.list("imports").unwrap_or_default() {
        let Some(text) = fields.text_of(node) else {
            continue;
        };
        match resolve(file, text) {
            Ok(name) => all.push(name),
            Err(unresolved) => fields.findings().push(unresolved.at(&node.place)),
        }
    }
    all
}

/// Reads the list of ways to tell a version.
fn version_by(fields: &mut Fields<'_, '_>, node: &Node, versions: &[VersionDraft]) -> Vec<VersionBy> {
    let nodes = match node.elements() {
        Some([]) => {
            fields.error(
                "version_by",
                "`version_by` is an empty list; expected at least one entry",
            );
            return Vec::new();
        }
        Some(nodes) => nodes,
        None => std::slice::from_ref(node),
    };
    let words = [
        ("wire", VersionByWord::Wire),
        ("header", VersionByWord::Header),
        ("fits", VersionByWord::Fits),
    ];
    let mut all = Vec::new();
    for node in nodes {
        let read = if node.members().is_some() {
            Fields::read(
                node,
                "a way to tell the version",
                Scope::File,
                fields.findings(),
                |fields| by_member(fields, versions),
            )
        } else {
            fields.choice_of(node, &words).map(|word| match word {
                VersionByWord::Wire => VersionBy::Wire,
                VersionByWord::Header => VersionBy::Header,
                VersionByWord::Fits => VersionBy::Fits,
            })
        };
        all.extend(read);
    }
    all
}

#[derive(Clone, Copy)]
enum VersionByWord {
    Wire,
    Header,
    Fits,
}

/// Reads `{member: schema.version, values: {"1": v1}}`.
fn by_member(fields: &mut Fields<'_, '_>, versions: &[VersionDraft]) -> Option<VersionBy> {
    let path: Option<Vec<String>> = fields
        .text("member")
        .map(|text| text.split('.').map(str::to_owned).collect());
    if path
        .as_ref()
        .is_some_and(|path| path.iter().any(String::is_empty))
    {
        fields.error("member", "expected the names of members with a dot between them");
    }
    let mut values = Vec::new();
    if let Some(node) = fields.node("values") {
        let Some(members) = node.members() else {
            return fields.expected(
                node,
                "an object of values of the member, each with the version that it means",
            );
        };
        for member in members {
            let Some(name) = fields.text_of(&member.value) else {
                continue;
            };
            if !versions.iter().any(|version| &*version.name == name) {
                let meant = did_you_mean(name, versions.iter().map(|version| &*version.name));
                let message = format!("`{name}` is no version of this migration{meant}");
                fields.findings().error(&member.value.place, message);
            }
            values.push((member.name.text().unwrap_or_default().to_owned(), name.into()));
        }
    }
    Some(VersionBy::Member { path: path?, values })
}
