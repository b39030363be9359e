//! Files of fixtures: what may stand in them, and everything that is wrong with one, at its place.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use dunlin_core::finding::{Finding, Findings};
use dunlin_core::message::Headers;
use dunlin_core::migration::FailureKind;
use dunlin_core::migration::Limits;
use dunlin_core::migration::document::{DuplicateNames, Kind, Reading, Value, parse};
use dunlin_core::migration::load::fields::{Fields, Scope};
use dunlin_core::source::{Content, Node};

use super::case::{Case, Expected, ExpectedFailure, Given};
use super::shown;
use crate::difference::{MemberOrder, Numbers};
use crate::lines::Lines;

/// One file of fixtures.
pub(super) struct Fixture {
    /// Its name for people.
    pub(super) file: String,
    /// The migration's file.
    pub(super) migration: PathBuf,
    /// The cases, in their order.
    pub(super) cases: Vec<Case>,
}

impl Fixture {
    /// Reads a file; none if anything is wrong with it, which is found then.
    pub(super) fn read(file: &Path, node: &Node, findings: &mut Findings) -> Option<Self> {
        let folder = file.parent().unwrap_or(Path::new(""));
        Fields::read(node, "a file of fixtures", Scope::File, findings, |fields| {
            fields.has("$schema");
            let migration = migration(file, folder, fields);
            let cases = fields.objects("cases", "a case", Scope::File, |fields| case(folder, fields));
            Some(Self {
                file: shown(file),
                migration: migration?,
                cases: cases?,
            })
        })
    }
}

/// The file of the migration, which is named relative to the file of fixtures.
fn migration(file: &Path, folder: &Path, fields: &mut Fields<'_, '_>) -> Option<PathBuf> {
    let name = fields.text("migration")?;
    let path = tidy(&folder.join(name));
    let message = if path == tidy(file) {
        "expected the file of a migration, found this file of fixtures itself".to_owned()
    } else if !path.is_file() {
        format!("expected the file of a migration, found none at {}", shown(&path))
    } else {
        return Some(path);
    };
    let place = fields.place("migration");
    let help = "the name is relative to this file: `../m.yaml` lies beside the folder `tests`";
    fields.report(Finding::error(&place, message).help(help));
    None
}

fn case(folder: &Path, fields: &mut Fields<'_, '_>) -> Option<Case> {
    let name = fields.text("name").map(str::to_owned);
    let line = fields.head().line().unwrap_or(0);
    let input = input(folder, fields);
    let headers = headers(fields, "headers");
    let key = fields.optional_text("key").map(|key| Bytes::from(key.to_owned()));
    let expected = expected(folder, fields);
    let out_headers = fields
        .has("out_headers")
        .then(|| self::headers(fields, "out_headers"));
    let out_key = fields
        .optional_text("out_key")
        .map(|key| Bytes::from(key.to_owned()));
    let exact = fields.flag("exact", false);
    Some(Case {
        name: name?,
        line,
        input: input?,
        headers: headers?,
        key,
        expected: expected?,
        out_headers: match out_headers {
            None => None,
            Some(headers) => Some(headers?),
        },
        out_key,
        order: if exact {
            MemberOrder::Exact
        } else {
            MemberOrder::Any
        },
    })
}

/// Exactly one of these fields must be there.
fn only<'name>(
    fields: &mut Fields<'_, '_>,
    names: &[&'name str],
    known: &[&'static str],
) -> Option<&'name str> {
    let there: Vec<&str> = known.iter().copied().filter(|name| fields.has(name)).collect();
    let listed = names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let place = fields.head().clone();
    match there.as_slice() {
        [one] => names.iter().copied().find(|name| name == one),
        [] => {
            fields.findings().error(
                &place,
                format!("expected one of {listed} in this case, found none"),
            );
            None
        }
        several => {
            let message = format!(
                "expected one of {listed} in this case, found {}",
                several.join(" and ")
            );
            fields.findings().error(&place, message);
            None
        }
    }
}

/// The documents that go in.
fn input(folder: &Path, fields: &mut Fields<'_, '_>) -> Option<Vec<Given>> {
    const NAMES: [&str; 4] = ["in", "in_json", "in_file", "in_base64"];
    match only(fields, &NAMES, &NAMES)? {
        "in" => {
            let value = fields.value("in")?;
            Some(vec![Given::Document(value.to_json().into())])
        }
        "in_json" => {
            let text = fields.text("in_json")?;
            Some(vec![Given::Document(Bytes::from(text.to_owned()))])
        }
        "in_base64" => Some(vec![Given::Payload(bytes(fields, "in_base64")?)]),
        _ => {
            let lines = lines(folder, fields, "in_file")?;
            Some(lines.into_iter().map(Given::Document).collect())
        }
    }
}

/// The bytes that a text in base64 stands for.
fn bytes(fields: &mut Fields<'_, '_>, field: &'static str) -> Option<Bytes> {
    match BASE64.decode(fields.text(field)?) {
        Ok(bytes) => Some(Bytes::from(bytes)),
        Err(error) => {
            fields.error(field, format!("expected base64 (RFC 4648), found none: {error}"));
            None
        }
    }
}

fn expected(folder: &Path, fields: &mut Fields<'_, '_>) -> Option<Expected> {
    const NAMES: [&str; 6] = ["out", "out_json", "out_file", "out_base64", "error", "dropped"];
    match only(fields, &NAMES, &NAMES)? {
        "out" => fields
            .value("out")
            .map(|value| Expected::Documents(vec![value], Numbers::ByValue)),
        "out_json" => {
            let text = fields.text("out_json")?;
            let value = document(fields, "out_json", text.as_bytes())?;
            Some(Expected::Documents(vec![value], Numbers::AsSpelled))
        }
        "out_base64" => bytes(fields, "out_base64").map(Expected::Payload),
        "out_file" => {
            let lines = lines(folder, fields, "out_file")?;
            let documents: Option<Vec<Value>> = lines
                .iter()
                .map(|line| document(fields, "out_file", line))
                .collect();
            documents.map(|documents| Expected::Documents(documents, Numbers::AsSpelled))
        }
        "dropped" => {
            let reason = match fields.node("dropped").map(|node| &node.content) {
                Some(Content::Bool(true)) => None,
                _ => Some(fields.text("dropped")?.to_owned()),
            };
            Some(Expected::Dropped(reason))
        }
        _ => fields
            .object("error", "an expected failure", failure)
            .map(Expected::Failure),
    }
}

fn failure(fields: &mut Fields<'_, '_>) -> Option<ExpectedFailure> {
    let kinds = FailureKind::ALL.map(|kind| (kind.name(), kind));
    let kind = fields.required_choice("kind", &kinds);
    let transformation = fields.optional_text("transformation").map(str::to_owned);
    let path = fields.optional_text("path").map(str::to_owned);
    let found = if fields.has("found") {
        let kinds = Kind::ALL.map(|kind| (kind.name(), kind));
        Some(fields.required_choice("found", &kinds)?)
    } else {
        None
    };
    Some(ExpectedFailure {
        kind: kind?,
        transformation,
        path,
        found,
    })
}

/// A document as it is written.
fn document(fields: &mut Fields<'_, '_>, field: &'static str, bytes: &[u8]) -> Option<Value> {
    let reading = Reading {
        depth: Limits::MOST_DEPTH,
        duplicate_names: DuplicateNames::Allow,
    };
    match parse(bytes, &reading) {
        Ok(value) => Some(value),
        Err(error) => {
            fields.error(
                field,
                format!("not a document: byte {}: {}", error.offset, error.expected),
            );
            None
        }
    }
}

/// The lines of a file that is named relative to the fixture.
fn lines(folder: &Path, fields: &mut Fields<'_, '_>, field: &'static str) -> Option<Vec<Bytes>> {
    let path = folder.join(fields.text(field)?);
    let read = || -> std::io::Result<Vec<Bytes>> {
        let mut lines = Lines::of(File::open(&path)?);
        let mut all = Vec::new();
        while let Some((_, line)) = lines.next()? {
            all.push(line);
        }
        Ok(all)
    };
    match read() {
        Ok(lines) => Some(lines),
        Err(error) => {
            fields.error(field, format!("{} cannot be read: {error}", path.display()));
            None
        }
    }
}

/// Headers as an object; a number or a boolean stands for its text.
fn headers(fields: &mut Fields<'_, '_>, field: &'static str) -> Option<Headers> {
    let Some(node) = fields.node(field) else {
        return Some(Headers::new());
    };
    let Some(members) = node.members() else {
        return fields.expected(node, "an object of names and texts");
    };
    let mut headers = Headers::new();
    for member in members {
        let name = fields.text_of(&member.name)?;
        let value = match &member.value.content {
            Content::Number(number) => number.as_str().to_owned(),
            Content::Bool(flag) => flag.to_string(),
            _ => fields.text_of(&member.value)?.to_owned(),
        };
        headers.append(Arc::<str>::from(name), value);
    }
    Some(headers)
}

/// The path without `tests/..`, so that one migration is one, however its fixtures name it.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            part => tidy.push(part),
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_through_a_folder_and_back_is_the_short_one() {
        assert_eq!(tidy(Path::new("a/tests/../b.yaml")), Path::new("a/b.yaml"));
        assert_eq!(tidy(Path::new("./../tests/../b.yaml")), Path::new("../b.yaml"));
        assert_eq!(tidy(Path::new("tests/../../b.yaml")), Path::new("../b.yaml"));
    }
}
