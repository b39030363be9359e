//! Holds one case against the engine.

use std::collections::BTreeMap;
use std::fmt::Debug;

use base64::Engine as _;
use bytes::Bytes;
use dunlin_core::Headers;
use dunlin_core::finding::{Finding, Findings, Severity};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{
    Change, Disposition, Failure, Input, Limits, LoadOptions, Migrated, Migration, Options, RECORD_HEADER,
    RecordMode, Secrets, Transformation,
};

use super::case::{Case, ExpectedFailure, ExpectedFinding};

/// The line that is put above a list of transformations, so that it is a file.
const HEAD: &str = "transformations:\n";

/// Everything that is wrong with a case.
pub(super) fn faults(case: &Case) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    let (resolver, entry) = texts(case);
    let loaded = Migration::load(&entry, &resolver, &LoadOptions::default());
    match (&case.load_errors, loaded) {
        (Some(expected), Ok(_)) => faults.0.push(format!("was loaded; expected {expected:?}")),
        (Some(expected), Err(findings)) => faults.findings(case, expected, &findings),
        (None, Err(findings)) => faults.0.push(format!("was not loaded:\n{}", findings.render())),
        (None, Ok(loaded)) => {
            faults.of_loading(case, &loaded.migration);
            if let Some(input) = input(case) {
                faults.of_migrating(case, &loaded.migration, &input);
            }
        }
    }
    faults.0
}

fn texts(case: &Case) -> (MemoryResolver, String) {
    let resolver = MemoryResolver::new();
    match (&case.transformations, &case.json, &case.files) {
        (Some(list), None, None) => (
            resolver.with("golden.yaml", format!("{HEAD}{list}")),
            "golden.yaml".to_owned(),
        ),
        (None, Some(text), None) => (
            resolver.with("golden.json", text.as_str()),
            "golden.json".to_owned(),
        ),
        (None, None, Some(files)) => {
            let all = files
                .iter()
                .fold(resolver, |all, (name, text)| all.with(name, text.as_str()));
            (
                all,
                case.entry.clone().expect("a case with `files` names its `entry`"),
            )
        }
        _ => panic!(
            "`{}` must have one of `transformations`, `json` and `files`",
            case.name
        ),
    }
}

/// The message that goes in; `None` for a case that is about loading only.
fn input(case: &Case) -> Option<Input> {
    let payload = match (&case.input, &case.in_base64, case.no_payload) {
        (Some(text), None, false) => Some(Bytes::from(text.clone())),
        (None, Some(encoded), false) => Some(
            base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .expect("base64")
                .into(),
        ),
        (None, None, true) => None,
        (None, None, false) => return None,
        _ => panic!(
            "`{}` must have one of `in`, `in_base64` and `no_payload`",
            case.name
        ),
    };
    let key = case.key.clone().map(Bytes::from);
    Some(Input {
        payload,
        key,
        headers: headers(&case.headers),
    })
}

fn headers(pairs: &[(String, String)]) -> Headers {
    pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect()
}

#[derive(Debug)]
struct CaseSecrets<'a>(&'a BTreeMap<String, String>);

impl Secrets for CaseSecrets<'_> {
    fn secret(&self, name: &str) -> Option<Bytes> {
        self.0.get(name).map(|secret| Bytes::from(secret.clone()))
    }
}

struct Faults(Vec<String>);

impl Faults {
    fn same<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T) {
        if found != expected {
            self.0
                .push(format!("{what}:\nexpected {expected:?}\nfound    {found:?}"));
        }
    }

    fn findings(&mut self, case: &Case, expected: &[ExpectedFinding], findings: &Findings) {
        for one in expected {
            if !findings
                .sorted()
                .into_iter()
                .any(|finding| fits(case, one, finding))
            {
                self.0
                    .push(format!("expected {one:?}, found:\n{}", findings.render()));
            }
        }
    }

    fn of_loading(&mut self, case: &Case, migration: &Migration) {
        let each = |what: fn(&Transformation) -> String| -> Vec<String> {
            migration.transformations().iter().map(what).collect()
        };
        if let Some(expected) = &case.canonical {
            self.same("canonical", &each(|one| one.canonical().to_owned()), expected);
        }
        if let Some(expected) = &case.digests {
            self.same("digests", &each(|one| one.digest().short()), expected);
        }
        if let Some(expected) = &case.ids {
            self.same("ids", &each(|one| one.id().to_owned()), expected);
        }
        if let Some(expected) = &case.chain {
            self.same("chain", &migration.chain_id(), expected);
        }
        if let Some(expected) = &case.loss {
            self.same("loss", &migration.loss().name(), &expected.as_str());
        }
        if let Some(expected) = &case.inverse {
            let back = migration.transformations().iter().rev();
            let inverse = back.flat_map(|one| one.undoing().transformations).collect();
            self.same("inverse", &inverse, expected);
        }
    }

    fn of_migrating(&mut self, case: &Case, migration: &Migration, input: &Input) {
        let secrets = CaseSecrets(&case.options.secrets);
        let depth = case.options.max_depth.unwrap_or(Limits::default().depth());
        let size = case.options.max_size.unwrap_or(Limits::default().size);
        let record = match case.options.record.as_deref() {
            None | Some("trust") => RecordMode::Trust,
            Some("ignore") => RecordMode::Ignore,
            Some("required") => RecordMode::Required,
            Some(other) => panic!("`{}` has the unknown record mode {other}", case.name),
        };
        let limits = Limits::new(depth, size).expect("a depth within the limit");
        let options = Options {
            record,
            limits,
            secrets: &secrets,
        };
        match (&case.error, migration.migrate(input.clone(), &options)) {
            (Some(expected), Err(failure)) => self.failure(expected, &failure),
            (Some(expected), Ok(migrated)) => {
                self.0
                    .push(format!("expected {expected:?}, found {}", shown(&migrated)));
            }
            (None, Err(failure)) => self.0.push(format!("failed: {failure}")),
            (None, Ok(migrated)) => {
                self.message(case, input, &migrated);
                if case.twice.as_deref() == Some("same") {
                    let again = Options {
                        record: RecordMode::Ignore,
                        ..options
                    };
                    self.twice(migration, migrated, &again);
                }
            }
        }
    }

    fn failure(&mut self, expected: &ExpectedFailure, failure: &Failure) {
        self.same("kind", &failure.kind.name(), &expected.kind.as_str());
        if let Some(id) = &expected.transformation {
            let found = failure.transformation.as_ref().map(|blamed| blamed.id.as_str());
            self.same("transformation", &found, &Some(id.as_str()));
        }
        if let Some(path) = &expected.path {
            self.same("path", &failure.path.as_deref(), &Some(path.as_str()));
        }
        if let Some(found) = &expected.found {
            self.same(
                "found",
                &failure.found.map(|kind| kind.name()),
                &Some(found.as_str()),
            );
        }
        if let Some(offset) = expected.offset {
            self.same("offset", &failure.offset, &Some(offset));
        }
    }

    fn message(&mut self, case: &Case, input: &Input, migrated: &Migrated) {
        if let Some(expected) = &case.outcomes {
            self.same(
                "outcomes",
                &migrated.changes.iter().map(outcome).collect(),
                expected,
            );
        }
        let disposition = match &migrated.disposition {
            Disposition::Forward => "forward",
            Disposition::Dropped { .. } => "dropped",
            Disposition::Behind => "behind",
            Disposition::Ahead => "ahead",
        };
        self.same(
            "disposition",
            &disposition,
            &case.disposition.as_deref().unwrap_or("forward"),
        );
        if disposition == "dropped" {
            return;
        }
        self.payload(case, migrated.payload.as_deref());
        let expected = match &case.out_headers {
            Some(pairs) => headers(pairs),
            None => input.headers.clone(),
        };
        let listed = case
            .out_headers
            .as_ref()
            .is_some_and(|pairs| pairs.iter().any(|(name, _)| name == RECORD_HEADER));
        self.same(
            "headers",
            &pairs(&migrated.headers, listed),
            &pairs(&expected, listed),
        );
        let expected = match &case.out_key {
            Some(key) => key.clone().map(Bytes::from),
            None => input.key.clone(),
        };
        self.same("key", &migrated.key, &expected);
        if let Some(expected) = &case.record {
            let found = migrated
                .headers
                .get(RECORD_HEADER)
                .map(|bytes| String::from_utf8_lossy(bytes));
            self.same("record", &found.as_deref(), &expected.as_deref());
        }
    }

    fn payload(&mut self, case: &Case, found: Option<&[u8]>) {
        let found = found.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        if case.out_no_payload {
            return self.same("payload", &found.filter(|text| !text.is_empty()), &None);
        }
        let Some(expected) = &case.out else { return };
        if case.exact {
            self.same("payload", &found.as_ref(), &Some(expected));
        } else {
            let found = found.map(|text| without_white_space(&text));
            self.same("payload", &found, &Some(without_white_space(expected)));
        }
    }

    fn twice(&mut self, migration: &Migration, first: Migrated, options: &Options<'_>) {
        let once = first.payload.clone();
        let input = Input {
            payload: first.payload,
            key: first.key,
            headers: first.headers,
        };
        match migration.migrate(input, options) {
            Ok(second) if second.payload == once => {}
            Ok(second) => self.0.push(format!("twice is not once: {}", shown(&second))),
            Err(failure) => self.0.push(format!("twice fails: {failure}")),
        }
    }
}

fn fits(case: &Case, expected: &ExpectedFinding, finding: &Finding) -> bool {
    // Lines of a list are counted without the line that was put above it.
    let above = usize::from(case.transformations.is_some());
    let (line, column) = finding.place.start().unzip();
    let text = format!(
        "{} {}",
        finding.message,
        finding.help.as_deref().unwrap_or_default()
    )
    .to_lowercase();
    finding.severity == Severity::Error
        && expected
            .line
            .is_none_or(|expected| line == Some(expected + above))
        && expected.column.is_none_or(|expected| column == Some(expected))
        && expected
            .contains
            .as_ref()
            .is_none_or(|expected| text.contains(&expected.to_lowercase()))
        && expected
            .file
            .as_ref()
            .is_none_or(|expected| finding.place.file() == expected)
}

fn outcome(change: &Change) -> String {
    match change.outcome.reason() {
        Some(reason) => format!("{}/{reason}", change.outcome),
        None => change.outcome.to_string(),
    }
}

fn pairs(headers: &Headers, with_record: bool) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| with_record || *name != RECORD_HEADER)
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect()
}

fn shown(migrated: &Migrated) -> String {
    let payload = migrated.payload.as_deref().map(String::from_utf8_lossy);
    let outcomes: Vec<_> = migrated.changes.iter().map(outcome).collect();
    format!("{payload:?} with {outcomes:?}")
}

/// The text without the white space between tokens.
fn without_white_space(text: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    text.chars()
        .filter(|&character| {
            if in_string {
                in_string = escaped || character != '"';
                escaped = !escaped && character == '\\';
                return true;
            }
            in_string = character == '"';
            !matches!(character, ' ' | '\t' | '\n' | '\r')
        })
        .collect()
}
