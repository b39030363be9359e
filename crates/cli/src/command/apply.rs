//! `dunlin apply`: a filter that migrates documents, one per line in, one per line out, in order.
//!
//! It is the engine without routes: no group, no acknowledgement, no retry. What fails is told by its line and left out of the
//! output, and the others go on.

mod sides;

use std::io::Write;
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use dunlin_core::envelope::{self, Envelope};
use dunlin_core::message::Message;
use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::{
    Disposition, Failure, FailureKind, Input, Limits, LoadOptions, Migrated, Migration, Options,
};
use serde_json::{Map, Value};

use crate::ending::{Ending, Exit, Trouble};
use crate::lines::Lines;
use crate::pretty::pretty;
use crate::project::{self, MigrationArgs};
use crate::shell::{Format, Shell};
use sides::Sides;

/// Migrates documents: one per line in, one per line out, in order
///
/// Empty lines are passed over. A document that fails is told on standard error and left out; the exit status is 1 then.
/// A secret that a transformation names is read from DUNLIN_SECRET_ and its name in capitals, with underscores.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin apply orders.yaml < old.ndjson > new.ndjson
  dunlin apply orders.yaml old.ndjson --dead-letter failed.ndjson --report done.ndjson
  dunlin apply orders.yaml one.json --pretty
  dunlin apply orders.yaml messages.ndjson --headers      lines are envelopes, with key and headers")]
pub(crate) struct Apply {
    #[command(flatten)]
    migration: MigrationArgs,
    /// The documents [default: standard input]
    file: Option<PathBuf>,
    /// Lines are envelopes, in and out: payload, key, headers and the rest of a message
    #[arg(long)]
    headers: bool,
    /// Writes what was done to each document, one line of JSON for each
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Writes the documents that fail as envelopes, with the reason in their headers
    #[arg(long, value_name = "FILE")]
    dead_letter: Option<PathBuf>,
    /// Takes the whole input for one document, and prints it indented
    #[arg(long, conflicts_with = "headers")]
    pretty: bool,
    /// How failures are told on standard error
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl Apply {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let loaded = self.migration.load(&LoadOptions::default())?;
        shell.tell(&loaded.warnings)?;
        let secrets = project::secrets_for(&loaded.migration)?;
        let input = project::Input::open(self.file.as_deref())?;
        let sides = Sides::open(
            &loaded.migration,
            self.report.as_deref(),
            self.dead_letter.as_deref(),
        )?;
        let mut filter = Filter {
            migration: &loaded.migration,
            secrets,
            place: input.name.clone(),
            sides,
            failed: false,
            shell,
        };
        if self.pretty {
            let payload = Bytes::from(input.read_all()?);
            filter.document(1, Ok(bare(payload)), Shape::Pretty)?;
            return filter.end();
        }
        let shape = if self.headers {
            Shape::Envelope
        } else {
            Shape::Line
        };
        let mut lines = Lines::of(input.bytes);
        loop {
            if lines.must_wait() {
                filter.shell.flush()?;
            }
            match lines.next() {
                Ok(Some((number, line))) => {
                    let arrived = match shape {
                        Shape::Envelope => envelope::read(&line).map_err(|error| {
                            let failure = Failure::new(FailureKind::Syntax, error.to_string());
                            Box::new((bare(line), failure))
                        }),
                        Shape::Line | Shape::Pretty => Ok(bare(line)),
                    };
                    filter.document(number, arrived, shape)?;
                }
                Ok(None) => return filter.end(),
                Err(error) => {
                    let place = &filter.place;
                    return Err(Trouble::Failed(format!("{place} cannot be read: {error}")));
                }
            }
        }
    }
}

/// How a document is written.
#[derive(Clone, Copy)]
enum Shape {
    Line,
    Envelope,
    Pretty,
}

/// A line that is a payload.
fn bare(payload: Bytes) -> Envelope {
    Envelope {
        message: Message::new(payload),
        address: None,
    }
}

/// A message as it arrived, or what is left of a line that is none, and why.
type Arrived = Result<Envelope, Box<(Envelope, Failure)>>;

struct Filter<'a> {
    migration: &'a Migration,
    secrets: dunlin_router::secrets::EnvironmentSecrets,
    place: String,
    sides: Sides,
    failed: bool,
    shell: &'a mut Shell,
}

impl Filter<'_> {
    fn document(&mut self, line: u64, arrived: Arrived, shape: Shape) -> Result<(), Trouble> {
        let original = match arrived {
            Ok(original) => original,
            Err(refused) => return self.fail(line, &refused.0, &refused.1),
        };
        match self.migrate(&original.message, shape) {
            Ok(migrated) => self.pass(line, &original, &migrated, shape),
            Err(failure) => self.fail(line, &original, &failure),
        }
    }

    fn migrate(&self, message: &Message, shape: Shape) -> Result<Migrated, Failure> {
        let input = Input {
            payload: message.payload.clone(),
            key: message.key.clone(),
            headers: match shape {
                Shape::Envelope => message.headers.clone(),
                Shape::Line | Shape::Pretty => self.migration.presumed_headers(),
            },
        };
        let options = Options {
            secrets: &self.secrets,
            ..Options::default()
        };
        self.migration.migrate(input, &options)
    }

    fn pass(
        &mut self,
        line: u64,
        original: &Envelope,
        migrated: &Migrated,
        shape: Shape,
    ) -> Result<(), Trouble> {
        let written = match &migrated.disposition {
            Disposition::Dropped { .. } => Ok(None),
            Disposition::Forward | Disposition::Behind | Disposition::Ahead => {
                written(original, migrated, shape).map(Some)
            }
        };
        let written = match written {
            Ok(written) => written,
            Err(failure) => return self.fail(line, original, &failure),
        };
        self.sides
            .report(&original.message, migrated, &self.place, line)?;
        if let Some(mut written) = written {
            written.push(b'\n');
            self.shell.out.write_all(&written)?;
        }
        Ok(())
    }

    fn fail(&mut self, line: u64, original: &Envelope, failure: &Failure) -> Result<(), Trouble> {
        self.failed = true;
        self.sides.dead_letter(original, failure, &self.place, line)?;
        let err = &mut self.shell.err;
        match self.shell.format {
            Format::Text => writeln!(err, "line {line}: {failure}")?,
            Format::Json => writeln!(err, "{}", to_json(line, failure))?,
        }
        Ok(())
    }

    fn end(mut self) -> Ending {
        self.sides.close()?;
        Ok(Exit::failed_if(self.failed))
    }
}

/// A message that leaves, without its line end.
fn written(original: &Envelope, migrated: &Migrated, shape: Shape) -> Result<Vec<u8>, Failure> {
    let payload = migrated.payload.clone().unwrap_or_default();
    match shape {
        Shape::Line => Ok(payload.to_vec()),
        Shape::Pretty => {
            let reading = Reading {
                depth: Limits::MOST_DEPTH,
                duplicate_names: DuplicateNames::Allow,
            };
            let document = parse(payload.trim_ascii(), &reading)?;
            let printed = pretty(&document);
            document.dismantle();
            Ok(printed.into_bytes())
        }
        Shape::Envelope => {
            let mut message = original.message.clone();
            message.payload.clone_from(&migrated.payload);
            message.key.clone_from(&migrated.key);
            message.headers = migrated.headers.clone();
            let mut line = Vec::new();
            envelope::write(&message, original.address.as_ref(), &mut line)
                .map_err(|error| Failure::new(FailureKind::Encode, error.to_string()))?;
            Ok(line)
        }
    }
}

/// A failure for a program; what it does not name is left out.
fn to_json(line: u64, failure: &Failure) -> Value {
    let mut members = Map::new();
    members.insert("line".to_owned(), line.into());
    members.insert("kind".to_owned(), failure.kind.name().into());
    if let Some(blamed) = &failure.transformation {
        members.insert("transformation".to_owned(), blamed.id.clone().into());
    }
    if let Some(path) = &failure.path {
        members.insert("path".to_owned(), path.to_string().into());
    }
    if let Some(found) = failure.found {
        members.insert("found".to_owned(), found.name().into());
    }
    if let Some(offset) = failure.offset {
        members.insert("offset".to_owned(), offset.into());
    }
    members.insert("message".to_owned(), failure.message().into());
    Value::Object(members)
}
