//! `dunlin explain`: one document through a migration, step by step, with what each transformation did to it.
//!
//! It shows values. It is for the author of a migration at a desk, not for logs.

use std::io::Write;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use dunlin_core::envelope;
use dunlin_core::message::{Headers, Message};
use dunlin_core::migration::document::{DuplicateNames, Reading, Value, parse};
use dunlin_core::migration::{
    Disposition, Failure, FailureKind, Input, Limits, Migrated, Migration, Options, Step, Steps,
};
use serde_json::json;
use serde_json::value::RawValue;

use crate::command::check::unfused;
use crate::desk::fetch;
use crate::difference::{Difference, MemberOrder, Numbers, differences};
use crate::ending::{Ending, Exit, Trouble};
use crate::lines::Lines;
use crate::project::{self, MigrationArgs};
use crate::shell::{Format, Shell, Tone};
use crate::wording::shortened;

/// Shows step by step what each transformation does to one document
///
/// It shows values, so mind who looks on.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  head -n 1 old.ndjson | dunlin explain orders.yaml
  dunlin explain orders.yaml old.ndjson --line 17
  dunlin explain orders.yaml messages.ndjson --line 3 --headers      the line is an envelope")]
pub(crate) struct Explain {
    #[command(flatten)]
    migration: MigrationArgs,
    /// The document [default: standard input]
    file: Option<PathBuf>,
    /// Takes this line of the input, counted from 1, instead of the whole input for the document
    #[arg(long, value_name = "NUMBER")]
    line: Option<u64>,
    /// The document is an envelope, with key and headers
    #[arg(long)]
    headers: bool,
    /// How results are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// One transformation, and what it did.
struct Explained {
    id: String,
    operation: &'static str,
    outcome: &'static str,
    reason: Option<&'static str>,
    differences: Vec<Difference>,
}

/// Compares each step with the one before.
struct Watch {
    document: Option<Value>,
    headers: Headers,
    key: Option<Bytes>,
    steps: Vec<Explained>,
}

impl Explain {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let loaded = self.migration.load()?;
        shell.tell(&loaded.warnings)?;
        let migration = &loaded.migration;
        fetch(migration, None, &loaded.registries)?;
        let mut message = self.message()?;
        if message.headers.is_empty() {
            message.headers = migration.presumed_headers();
        }
        if let (false, Some(text)) = (self.headers, &message.payload) {
            let written = migration.written_to_arrive(text, &message.headers, &Limits::default());
            message.payload = Some(written.map_err(|failure| Trouble::Failed(failure.to_string()))?);
        }
        fetch(migration, message.payload.as_ref(), &loaded.registries)?;
        let mut watch = Watch {
            document: message.payload.as_ref().and_then(|payload| {
                let limits = Limits::default();
                // What is wrong with it, the migration says.
                migration.read_on_arrival(payload, &message.headers, &limits).ok()
            }),
            headers: message.headers.clone(),
            key: message.key.clone(),
            steps: Vec::new(),
        };
        let secrets = project::secrets_for(migration)?;
        let options = Options {
            secrets: &secrets,
            ..Options::default()
        };
        let input = Input {
            payload: message.payload,
            key: message.key,
            headers: message.headers,
        };
        let result = migration.migrate_watched(input, &options, &mut watch);
        if shell.is_json() {
            json(migration, &watch.steps, &result, shell)?;
        } else {
            text(migration, &watch.steps, &result, shell)?;
        }
        Ok(Exit::failed_if(result.is_err()))
    }

    fn message(&self) -> Result<Message, Trouble> {
        let input = project::Input::open(self.file.as_deref())?;
        let bytes = match self.line {
            None => one_document(input)?,
            Some(wanted) => {
                let name = input.name.clone();
                let mut lines = Lines::of(input.bytes);
                loop {
                    match lines.next() {
                        Ok(Some((number, line))) if number == wanted => break line,
                        Ok(Some((number, _))) if number < wanted => {}
                        Ok(_) => {
                            return Err(Trouble::Usage(format!("{name} has no document in line {wanted}")));
                        }
                        Err(error) => {
                            return Err(Trouble::Failed(format!("{name} cannot be read: {error}")));
                        }
                    }
                }
            }
        };
        if !self.headers {
            return Ok(Message::new(bytes));
        }
        match envelope::read(&bytes) {
            Ok(envelope) => Ok(envelope.message),
            Err(error) => Err(Trouble::Failed(error.to_string())),
        }
    }
}

/// The whole input, if it is no more than one document.
fn one_document(input: project::Input) -> Result<Bytes, Trouble> {
    let name = input.name.clone();
    let bytes = Bytes::from(input.read_all()?);
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut filled = lines.by_ref().filter(|line| !line.is_empty());
    let Some(first) = filled.next() else {
        return Err(Trouble::Usage(format!(
            "expected a document, found nothing in {name}; name its file, or pipe it in"
        )));
    };
    let more = filled.count();
    let reading = Reading {
        depth: Limits::default().depth(),
        duplicate_names: DuplicateNames::Allow,
    };
    if more > 0 && parse(first, &reading).is_ok() {
        return Err(Trouble::Usage(format!(
            "expected one document, found {} lines in {name}; choose one with `--line`, such as `--line 1`",
            more + 1
        )));
    }
    Ok(bytes)
}

impl Steps for Watch {
    fn step(&mut self, step: &Step<'_>) {
        let mut found = differences(
            self.document.as_ref(),
            step.document,
            MemberOrder::Any,
            Numbers::AsSpelled,
        );
        let text = |bytes: &Bytes| quoted(&String::from_utf8_lossy(bytes));
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in self.headers.iter().chain(step.headers.iter()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            let (before, after) = (self.headers.get(name).map(text), step.headers.get(name).map(text));
            if before != after {
                found.push(Difference {
                    path: format!("@headers.{name}"),
                    before,
                    after,
                });
            }
        }
        let (before, after) = (self.key.as_ref().map(text), step.key.map(text));
        if before != after {
            found.push(Difference {
                path: "@key".to_owned(),
                before,
                after,
            });
        }
        self.document = step.document.cloned();
        self.headers = step.headers.clone();
        self.key = step.key.cloned();
        self.steps.push(Explained {
            id: step.transformation.id().to_owned(),
            operation: step.transformation.operation(),
            outcome: step.change.outcome.name(),
            reason: step.change.outcome.reason().map(|reason| reason.name()),
            differences: found,
        });
    }
}

/// A payload that leaves, as JSON text; one that cannot be read stays as it is.
fn shown(migration: &Migration, payload: &Bytes) -> Bytes {
    migration
        .read_on_leaving(payload, &Limits::default())
        .unwrap_or_else(|_| payload.clone())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    dunlin_core::migration::document::write_quoted(text, &mut quoted);
    quoted
}

fn text(
    migration: &Migration,
    steps: &[Explained],
    result: &Result<Migrated, Failure>,
    shell: &mut Shell,
) -> std::io::Result<()> {
    writeln!(shell.out, "{}", shell.paint(Tone::Strong, migration.chain_id()))?;
    for reason in unfused(migration) {
        let line = format!("interpreted, not fused: {reason}");
        writeln!(shell.out, "{}", shell.paint(Tone::Faint, line))?;
    }
    let width = migration.length().to_string().len();
    for (number, step) in (1..).zip(steps) {
        let outcome = match step.reason {
            Some(reason) => format!("{} ({reason})", step.outcome),
            None => step.outcome.to_owned(),
        };
        let tone = match step.outcome {
            "applied" | "dropped" => Tone::Strong,
            _ => Tone::Faint,
        };
        let outcome = shell.paint(tone, outcome);
        writeln!(
            shell.out,
            "{number:>width$} {} ({}): {outcome}",
            step.id, step.operation
        )?;
        let indent = width + 1;
        for difference in &step.differences {
            for (sign, tone, value) in [
                ('-', Tone::Bad, &difference.before),
                ('+', Tone::Good, &difference.after),
            ] {
                if let Some(value) = value {
                    let line = format!("{sign} {}: {}", difference.path, shortened(value));
                    let line = shell.paint(tone, line);
                    writeln!(shell.out, "{:indent$}{line}", "")?;
                }
            }
        }
    }
    match result {
        Ok(migrated) => {
            let end = match &migrated.disposition {
                Disposition::Forward => "forwarded".to_owned(),
                Disposition::Dropped { reason } => format!("dropped: {reason}"),
                Disposition::Behind => "forwarded as it is: the whole chain is behind it".to_owned(),
                Disposition::Ahead => "forwarded as it is: its record is longer than the chain".to_owned(),
            };
            writeln!(shell.out, "{end}")?;
            if !matches!(migrated.disposition, Disposition::Dropped { .. })
                && let Some(payload) = &migrated.payload
            {
                let payload = shown(migration, payload);
                shell.out.write_all(payload.trim_ascii())?;
                writeln!(shell.out)?;
            }
            Ok(())
        }
        Err(failure) => {
            writeln!(
                shell.out,
                "{}",
                shell.paint(Tone::Bad, format!("failed: {failure}"))
            )?;
            if failure.kind == FailureKind::Syntax {
                writeln!(shell.out, "the document is no JSON text")?;
            }
            Ok(())
        }
    }
}

fn json(
    migration: &Migration,
    steps: &[Explained],
    result: &Result<Migrated, Failure>,
    shell: &mut Shell,
) -> Result<(), Trouble> {
    // Values stand as they are spelled in the document.
    let raw = |text: &Option<String>| -> Result<Option<Box<RawValue>>, serde_json::Error> {
        text.clone().map(RawValue::from_string).transpose()
    };
    let written = || -> Result<String, serde_json::Error> {
        let mut out = format!(
            "{{\"migration\":{},\"interpreted\":{},\"steps\":[",
            json!(migration.chain_id()),
            json!(unfused(migration))
        );
        for (index, step) in steps.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            let mut changes = Vec::new();
            for difference in &step.differences {
                changes.push(format!(
                    "{{\"path\":{},\"before\":{},\"after\":{}}}",
                    json!(difference.path),
                    serde_json::to_string(&raw(&difference.before)?)?,
                    serde_json::to_string(&raw(&difference.after)?)?,
                ));
            }
            out.push_str(&format!(
                "{{\"id\":{},\"operation\":{},\"outcome\":{},\"reason\":{},\"changes\":[{}]}}",
                json!(step.id),
                json!(step.operation),
                json!(step.outcome),
                json!(step.reason),
                changes.join(",")
            ));
        }
        out.push_str("],");
        match result {
            Ok(migrated) => {
                let (end, payload) = match &migrated.disposition {
                    Disposition::Forward => ("forwarded", migrated.payload.as_ref()),
                    Disposition::Dropped { .. } => ("dropped", None),
                    Disposition::Behind => ("behind", migrated.payload.as_ref()),
                    Disposition::Ahead => ("ahead", migrated.payload.as_ref()),
                };
                let payload = payload.map(|bytes| {
                    let text = shown(migration, bytes);
                    String::from_utf8_lossy(text.trim_ascii()).into_owned()
                });
                // A payload that nothing looked at may be no JSON at all; then it is told as text.
                let payload = match raw(&payload) {
                    Ok(payload) => serde_json::to_string(&payload)?,
                    Err(_) => json!(payload).to_string(),
                };
                out.push_str(&format!("\"result\":{},\"payload\":{payload}}}", json!(end)));
            }
            Err(failure) => {
                let id = failure.transformation.as_ref().map(|blamed| &blamed.id);
                out.push_str(&format!(
                    "\"result\":\"failed\",\"failure\":{}}}",
                    json!({
                        "kind": failure.kind.name(),
                        "transformation": id,
                        "path": failure.path.as_deref(),
                        "message": failure.message(),
                    })
                ));
            }
        }
        Ok(out)
    };
    let line = written().map_err(|error| Trouble::Failed(format!("a step cannot be written: {error}")))?;
    writeln!(shell.out, "{line}")?;
    Ok(())
}
