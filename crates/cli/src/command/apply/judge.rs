//! One document after the other through the migration, and what is to be written of it. Nothing is written here: several
//! threads judge at the same time, and one writes.

use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::envelope::{self, Envelope};
use dunlin_core::message::Message;
use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::fused::{Engine, Program, Worker};
use dunlin_core::migration::{
    Disposition, Failure, FailureKind, Input, Limits, Migrated, Migration, Options,
};
use dunlin_router::secrets::EnvironmentSecrets;
use dunlin_schemas::registry::Registries;
use serde_json::{Map, Value};

use super::sides::{Lines, Telling};
use crate::blocks::Block;
use crate::desk::fetch;
use crate::ending::Trouble;
use crate::pretty::pretty;
use crate::shell::Format;

/// How a document is written.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Line,
    Envelope,
    Pretty,
}

/// What is to be written of some documents, and in which order: it stops behind the one that there is trouble with.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// For standard output.
    pub(super) out: Vec<u8>,
    /// For standard error.
    pub(super) err: Vec<u8>,
    /// For the files beside it.
    pub(super) sides: Lines,
    /// Whether a document failed.
    pub(super) failed: bool,
    /// Why the command cannot go on.
    pub(super) trouble: Option<Trouble>,
}

/// Judges documents. It is the same for all threads.
#[derive(Clone)]
pub(super) struct Judge {
    program: Arc<Program>,
    engine: Engine,
    registries: Registries,
    secrets: Arc<EnvironmentSecrets>,
    place: String,
    telling: Telling,
    shape: Shape,
    format: Format,
}

/// A message as it arrived, or what is left of a line that is none, and why.
type Arrived = Result<Envelope, Box<(Envelope, Failure)>>;

impl Judge {
    pub(super) fn new(
        migration: Migration,
        engine: Engine,
        registries: Registries,
        secrets: EnvironmentSecrets,
        shape: Shape,
        format: Format,
    ) -> Self {
        Self {
            telling: Telling::of(&migration),
            program: Arc::new(Program::compile(Arc::new(migration))),
            engine,
            registries,
            secrets: Arc::new(secrets),
            place: String::new(),
            shape,
            format,
        }
    }

    /// Names where the documents come from, and asks for lines of the files beside the output.
    pub(super) fn telling(mut self, place: &str, report: bool, dead_letter: bool) -> Self {
        place.clone_into(&mut self.place);
        self.telling.report = report;
        self.telling.dead_letter = dead_letter;
        self
    }

    /// What takes documents through the migration, for one thread.
    pub(super) fn worker(&self) -> Worker {
        Worker::new(Arc::clone(&self.program), self.engine)
    }

    fn migration(&self) -> &Migration {
        self.program.migration()
    }

    /// The documents of a block.
    pub(super) fn block(&self, block: &Block, worker: &mut Worker) -> Judged {
        let mut judged = Judged::default();
        judged.out.reserve(block.len());
        for (number, line) in block.lines() {
            self.document(number, line, worker, &mut judged);
            if judged.trouble.is_some() {
                break;
            }
        }
        judged
    }

    /// One document, which stands in this line.
    pub(super) fn document(&self, line: u64, text: Bytes, worker: &mut Worker, judged: &mut Judged) {
        let done = match self.arrived(text) {
            // A registry that says nothing is no fault of the document's.
            Ok(original) => match fetch(
                self.program.migration(),
                original.message.payload.as_ref(),
                &self.registries,
            ) {
                Err(trouble) => Err(trouble),
                Ok(()) => match self.migrate(&original.message, worker) {
                    Ok(migrated) => self.pass(line, &original, &migrated, judged),
                    Err(failure) => self.fail(line, &original, &failure, judged),
                },
            },
            Err(refused) => self.fail(line, &refused.0, &refused.1, judged),
        };
        judged.trouble = done.err();
    }

    fn arrived(&self, text: Bytes) -> Arrived {
        match self.shape {
            Shape::Envelope => envelope::read(&text).map_err(|error| {
                let failure = Failure::new(FailureKind::Syntax, error.to_string());
                Box::new((bare(text), failure))
            }),
            Shape::Line | Shape::Pretty => {
                let headers = self.migration().presumed_headers();
                let written = self
                    .migration()
                    .written_to_arrive(&text, &headers, &Limits::default());
                match written {
                    Ok(payload) => Ok(bare(payload)),
                    Err(failure) => Err(Box::new((bare(text), failure))),
                }
            }
        }
    }

    fn migrate(&self, message: &Message, worker: &mut Worker) -> Result<Migrated, Failure> {
        let input = Input {
            payload: message.payload.clone(),
            key: message.key.clone(),
            headers: match self.shape {
                Shape::Envelope => message.headers.clone(),
                Shape::Line | Shape::Pretty => self.migration().presumed_headers(),
            },
        };
        let options = Options {
            secrets: &*self.secrets,
            ..Options::default()
        };
        worker.migrate(input, &options)
    }

    fn pass(
        &self,
        line: u64,
        original: &Envelope,
        migrated: &Migrated,
        judged: &mut Judged,
    ) -> Result<(), Trouble> {
        let before = judged.out.len();
        match &migrated.disposition {
            Disposition::Dropped { .. } => {}
            Disposition::Forward | Disposition::Behind | Disposition::Ahead => {
                if let Err(failure) = self.write(original, migrated, &mut judged.out) {
                    judged.out.truncate(before);
                    return self.fail(line, original, &failure, judged);
                }
                judged.out.push(b'\n');
            }
        }
        let place = &self.place;
        let told = self
            .telling
            .report(&original.message, migrated, place, line, &mut judged.sides);
        if told.is_err() {
            judged.out.truncate(before);
        }
        told
    }

    fn fail(
        &self,
        line: u64,
        original: &Envelope,
        failure: &Failure,
        judged: &mut Judged,
    ) -> Result<(), Trouble> {
        judged.failed = true;
        self.telling
            .dead_letter(original, failure, &self.place, line, &mut judged.sides)?;
        let told = match self.format {
            Format::Text => format!("line {line}: {failure}\n"),
            Format::Json => format!("{}\n", to_json(line, failure)),
        };
        judged.err.extend_from_slice(told.as_bytes());
        Ok(())
    }

    /// A message that leaves, without its line end.
    fn write(&self, original: &Envelope, migrated: &Migrated, out: &mut Vec<u8>) -> Result<(), Failure> {
        let payload = || {
            let payload = migrated.payload.clone().unwrap_or_default();
            self.migration().read_on_leaving(&payload, &Limits::default())
        };
        match self.shape {
            Shape::Line => out.extend_from_slice(&payload()?),
            Shape::Pretty => {
                let reading = Reading {
                    depth: Limits::MOST_DEPTH,
                    duplicate_names: DuplicateNames::Allow,
                };
                let document = parse(payload()?.trim_ascii(), &reading)?;
                out.extend_from_slice(pretty(&document).as_bytes());
                document.dismantle();
            }
            Shape::Envelope => {
                let mut message = original.message.clone();
                message.payload.clone_from(&migrated.payload);
                message.key.clone_from(&migrated.key);
                message.headers = migrated.headers.clone();
                envelope::write(&message, original.address.as_ref(), out)
                    .map_err(|error| Failure::new(FailureKind::Encode, error.to_string()))?;
            }
        }
        Ok(())
    }
}

/// A line that is a payload.
fn bare(payload: Bytes) -> Envelope {
    Envelope {
        message: Message::new(payload),
        address: None,
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
