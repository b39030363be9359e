//! One case: what goes in, what is expected, and what differs.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use dunlin_core::message::Headers;
use dunlin_core::migration::document::{DuplicateNames, Kind, Reading, Value, parse};
use dunlin_core::migration::{
    Disposition, Failure, FailureKind, Input, Limits, Migrated, Migration, Options, Secrets,
};
use serde_json::json;

use super::coverage::Coverage;
use crate::difference::{Difference, MemberOrder, Numbers, differences};
use crate::wording::shortened;

/// One case.
pub(super) struct Case {
    pub(super) name: String,
    /// Where it begins in its file.
    pub(super) line: usize,
    /// The documents that go in.
    pub(super) input: Vec<Given>,
    /// The headers of each of them.
    pub(super) headers: Headers,
    pub(super) key: Option<Bytes>,
    pub(super) expected: Expected,
    /// The headers that leave, the applied record left out unless it is named.
    pub(super) out_headers: Option<Headers>,
    pub(super) out_key: Option<Bytes>,
    pub(super) order: MemberOrder,
}

/// Something that goes in.
pub(super) enum Given {
    /// The JSON text of a document; where messages arrive in another form, it is written by their schema.
    Document(Bytes),
    /// A payload, byte for byte.
    Payload(Bytes),
}

/// What is expected of a case.
pub(super) enum Expected {
    /// These documents leave.
    Documents(Vec<Value>, Numbers),
    /// This payload leaves, byte for byte.
    Payload(Bytes),
    /// It fails like this.
    Failure(ExpectedFailure),
    /// It is dropped, for this reason if one is given.
    Dropped(Option<String>),
}

/// The failure that is expected; what is not given may be anything.
pub(super) struct ExpectedFailure {
    pub(super) kind: FailureKind,
    pub(super) transformation: Option<String>,
    pub(super) path: Option<String>,
    pub(super) found: Option<Kind>,
}

/// Something that is not as expected.
#[derive(Debug)]
pub(super) enum Problem {
    /// The documents differ: `before` is what was expected, `after` is what was found.
    Difference(Difference),
    /// Something else, in words.
    Told(String),
}

impl Case {
    /// Runs the case; no problems means that it passed.
    pub(super) fn run(
        &self,
        migration: &Migration,
        secrets: &dyn Secrets,
        coverage: &mut Coverage<'_>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut documents = Vec::new();
        for (number, given) in (1..).zip(&self.input) {
            let headers = if self.headers.is_empty() {
                migration.presumed_headers()
            } else {
                self.headers.clone()
            };
            let options = Options {
                secrets,
                ..Options::default()
            };
            let payload = match given {
                Given::Payload(payload) => Ok(payload.clone()),
                Given::Document(text) => migration.written_to_arrive(text, &headers, &options.limits),
            };
            let result = payload.and_then(|payload| {
                let input = Input {
                    payload: Some(payload),
                    key: self.key.clone(),
                    headers,
                };
                migration.migrate_watched(input, &options, coverage)
            });
            if let Err(failure) = &result {
                coverage.failed(failure);
            }
            let place = if self.input.len() > 1 {
                format!("document {number}: ")
            } else {
                String::new()
            };
            match self.judge(result) {
                Ok(document) => documents.extend(document),
                Err(problem) => problems.push(Problem::Told(format!("{place}{problem}"))),
            }
        }
        match (&self.expected, problems.is_empty()) {
            (Expected::Documents(expected, numbers), true) => {
                self.compare(migration, expected, *numbers, &documents, &mut problems);
            }
            (Expected::Payload(expected), true) => {
                for migrated in &documents {
                    if migrated.payload.as_ref() != Some(expected) {
                        problems.push(payloads_differ(expected, migrated));
                    }
                    self.compare_rest(migrated, &mut problems);
                }
            }
            (Expected::Documents(..) | Expected::Payload(_), false)
            | (Expected::Failure(_) | Expected::Dropped(_), _) => {}
        }
        problems
    }

    /// The message that leaves, if one does; or what is wrong with how it ended.
    fn judge(&self, result: Result<Migrated, Failure>) -> Result<Option<Migrated>, String> {
        match (&self.expected, result) {
            (Expected::Failure(expected), Err(failure)) => expected.judge(&failure).map(|()| None),
            (_, Err(failure)) => Err(format!("expected {}, found a failure: {failure}", self.wanted())),
            (expected, Ok(migrated)) => match (&migrated.disposition, expected) {
                (Disposition::Dropped { reason }, Expected::Dropped(expected)) => {
                    match expected.as_ref().filter(|expected| *expected != reason) {
                        Some(expected) => Err(format!("expected the reason `{expected}`, found `{reason}`")),
                        None => Ok(None),
                    }
                }
                // In a file of documents some may be dropped: those that leave are compared.
                (Disposition::Dropped { .. }, Expected::Documents(..)) if self.input.len() > 1 => Ok(None),
                (Disposition::Dropped { reason }, _) => Err(format!(
                    "expected {}, found that it was dropped: {reason}",
                    self.wanted()
                )),
                (_, Expected::Documents(..) | Expected::Payload(_)) => Ok(Some(migrated)),
                (_, Expected::Failure(_) | Expected::Dropped(_)) => {
                    let payload = migrated.payload.unwrap_or_default();
                    let payload = String::from_utf8_lossy(&payload);
                    Err(format!(
                        "expected {}, found a document: {}",
                        self.wanted(),
                        shortened(&payload)
                    ))
                }
            },
        }
    }

    fn wanted(&self) -> String {
        match &self.expected {
            Expected::Documents(..) => "a document".to_owned(),
            Expected::Payload(_) => "a payload".to_owned(),
            Expected::Failure(expected) => format!("a failure of the kind `{}`", expected.kind),
            Expected::Dropped(_) => "that it is dropped".to_owned(),
        }
    }

    fn compare(
        &self,
        migration: &Migration,
        expected: &[Value],
        numbers: Numbers,
        found: &[Migrated],
        problems: &mut Vec<Problem>,
    ) {
        if expected.len() != found.len() {
            problems.push(Problem::Told(format!(
                "expected {} documents, found {}",
                expected.len(),
                found.len()
            )));
            return;
        }
        for (number, (expected, migrated)) in (1..).zip(expected.iter().zip(found)) {
            let place = |path: String| match found.len() {
                1 => path,
                _ => format!("document {number}: {path}"),
            };
            let payload = migrated.payload.clone().unwrap_or_default();
            let payload = match migration.read_on_leaving(&payload, &Limits::default()) {
                Ok(payload) => payload,
                Err(failure) => {
                    let message =
                        format!("expected a document, found what its schema cannot read: {failure}");
                    problems.push(Problem::Told(place(message)));
                    continue;
                }
            };
            let reading = Reading {
                depth: Limits::MOST_DEPTH,
                duplicate_names: DuplicateNames::Allow,
            };
            match parse(&payload, &reading) {
                Ok(document) => {
                    problems.extend(
                        differences(Some(expected), Some(&document), self.order, numbers)
                            .into_iter()
                            .map(|difference| {
                                Problem::Difference(Difference {
                                    path: place(difference.path),
                                    ..difference
                                })
                            }),
                    );
                    document.dismantle();
                }
                Err(error) => problems.push(Problem::Told(place(format!(
                    "expected a document, found what is none at byte {}: {}",
                    error.offset, error.expected
                )))),
            }
            self.compare_rest(migrated, problems);
        }
    }

    fn compare_rest(&self, migrated: &Migrated, problems: &mut Vec<Problem>) {
        if let Some(expected) = &self.out_headers {
            headers(expected, &migrated.headers, problems);
        }
        if let Some(expected) = &self.out_key
            && migrated.key.as_ref() != Some(expected)
        {
            problems.push(Problem::Difference(Difference {
                path: "@key".to_owned(),
                before: Some(quoted(expected)),
                after: migrated.key.as_ref().map(quoted),
            }));
        }
    }
}

fn payloads_differ(expected: &Bytes, migrated: &Migrated) -> Problem {
    let encoded = |bytes: &Bytes| json!(BASE64.encode(bytes)).to_string();
    Problem::Difference(Difference {
        path: "@payload".to_owned(),
        before: Some(encoded(expected)),
        after: migrated.payload.as_ref().map(encoded),
    })
}

/// Compares headers by name; those of this program count only where they are expected.
fn headers(expected: &Headers, found: &Headers, problems: &mut Vec<Problem>) {
    let mut names: Vec<&str> = Vec::new();
    let ours = |name: &str| name.starts_with("dunlin-") && !expected.contains(name);
    for (name, _) in expected.iter().chain(found.iter()) {
        if !names.contains(&name) && !ours(name) {
            names.push(name);
        }
    }
    for name in names {
        let values = |headers: &Headers| -> Vec<String> {
            let of_name = headers.iter().filter(|(other, _)| *other == name);
            of_name.map(|(_, value)| quoted(value)).collect()
        };
        let (before, after) = (values(expected), values(found));
        if before != after {
            let shown = |values: Vec<String>| (!values.is_empty()).then(|| values.join(", "));
            problems.push(Problem::Difference(Difference {
                path: format!("@headers.{name}"),
                before: shown(before),
                after: shown(after),
            }));
        }
    }
}

fn quoted(bytes: &Bytes) -> String {
    json!(String::from_utf8_lossy(bytes)).to_string()
}

impl ExpectedFailure {
    fn judge(&self, failure: &Failure) -> Result<(), String> {
        let transformation = failure.transformation.as_ref().map(|blamed| blamed.id.as_str());
        let fits = |expected: &Option<String>, found: Option<&str>| {
            expected.as_deref().is_none_or(|expected| found == Some(expected))
        };
        if failure.kind == self.kind
            && fits(&self.transformation, transformation)
            && fits(&self.path, failure.path.as_deref())
            && self.found.is_none_or(|found| failure.found == Some(found))
        {
            return Ok(());
        }
        let mut wanted = self.kind.to_string();
        if let Some(id) = &self.transformation {
            wanted.push_str(&format!(" in {id}"));
        }
        if let Some(path) = &self.path {
            wanted.push_str(&format!(" at {path}"));
        }
        if let Some(found) = self.found {
            wanted.push_str(&format!(", found {}", found.noun()));
        }
        Err(format!("expected the failure {wanted}; found {failure}"))
    }
}

impl Problem {
    /// The problem for a program.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Difference(Difference { path, before, after }) => {
                json!({"path": path, "expected": before, "found": after})
            }
            Self::Told(message) => json!({"message": message}),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Difference(Difference { path, before, after }) => {
                let shown = |value: &Option<String>| match value {
                    Some(value) => shortened(value),
                    None => "nothing".to_owned(),
                };
                write!(f, "{path}: expected {}, found {}", shown(before), shown(after))
            }
            Self::Told(message) => f.write_str(message),
        }
    }
}
