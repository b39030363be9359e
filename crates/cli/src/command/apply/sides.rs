//! What `apply` writes beside its output: a report of what was done, and the documents that failed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

use dunlin_core::capability::HeaderValues;
use dunlin_core::envelope::{self, Envelope};
use dunlin_core::message::Message;
use dunlin_core::migration::{Complemented, Digest, Disposition, Failure, Migrated, Migration};
use dunlin_router::dead_letter::{Circumstances, Fault, dead_letter};
use dunlin_router::plan::ReportDetail;
use dunlin_router::report::{CheckEntry, Payloads, Report, StepEntry};

use crate::ending::Trouble;

/// The two files, if they are asked for.
pub(super) struct Sides {
    report: Option<Side>,
    dead_letter: Option<Side>,
}

struct Side {
    name: String,
    file: BufWriter<File>,
}

/// Lines for the two files.
#[derive(Debug, Default)]
pub(super) struct Lines {
    report: Vec<u8>,
    dead_letter: Vec<u8>,
}

/// Words lines for the files that are asked for.
#[derive(Clone)]
pub(super) struct Telling {
    pub(super) report: bool,
    pub(super) dead_letter: bool,
    migration: Migration,
    /// The whole migration as `name@length:hash`.
    chain: String,
    /// The hash of it alone.
    hash: String,
}

impl Sides {
    /// Makes the files, empty.
    pub(super) fn open(report: Option<&Path>, dead_letter: Option<&Path>) -> Result<Self, Trouble> {
        Ok(Self {
            report: report.map(Side::open).transpose()?,
            dead_letter: dead_letter.map(Side::open).transpose()?,
        })
    }

    /// Writes lines behind those that are there.
    pub(super) fn write(&mut self, lines: &Lines) -> Result<(), Trouble> {
        let sides = [
            (&mut self.report, &lines.report),
            (&mut self.dead_letter, &lines.dead_letter),
        ];
        for (side, lines) in sides {
            if let Some(side) = side {
                let written = side.file.write_all(lines);
                written.map_err(|error| side.unwritable(&error))?;
            }
        }
        Ok(())
    }

    /// Writes out what is held back.
    pub(super) fn close(&mut self) -> Result<(), Trouble> {
        for side in [&mut self.report, &mut self.dead_letter].into_iter().flatten() {
            let flushed = side.file.flush();
            flushed.map_err(|error| side.unwritable(&error))?;
        }
        Ok(())
    }
}

impl Telling {
    /// Lines about documents that are taken through this migration; none is asked for yet.
    pub(super) fn of(migration: &Migration) -> Self {
        Self {
            report: false,
            dead_letter: false,
            migration: migration.clone(),
            hash: migration
                .chain_hash(migration.length())
                .map(|hash| hash.short())
                .unwrap_or_default(),
            chain: migration.chain_id(),
        }
    }

    /// Reports a document that was migrated or dropped. One that was behind its migration already was neither.
    pub(super) fn report(
        &self,
        original: &Message,
        migrated: &Migrated,
        place: &str,
        line: u64,
        lines: &mut Lines,
    ) -> Result<(), Trouble> {
        if !self.report {
            return Ok(());
        }
        let (drop_reason, outgoing) = match &migrated.disposition {
            Disposition::Behind | Disposition::Ahead => return Ok(()),
            Disposition::Forward => (None, Some(migrated.payload.as_ref())),
            Disposition::Dropped { reason } => (Some(reason.as_str()), None),
        };
        let payloads = Payloads {
            incoming: original.payload.as_ref(),
            outgoing,
        };
        let message = name_of(original);
        let steps = self
            .migration
            .transformations()
            .iter()
            .zip(&migrated.changes)
            .map(|(transformation, change)| StepEntry {
                id: transformation.id(),
                outcome: change.outcome.name(),
                reason: match change.outcome.reason() {
                    Some(reason) => Some(reason.name()),
                    None => drop_reason.filter(|_| change.outcome.name() == "dropped"),
                },
            });
        let mut report = Report::new(
            self.migration.name(),
            &self.hash,
            self.migration.length(),
            &message,
            payloads,
            SystemTime::now(),
        )
        .listing(steps, ReportDetail::All);
        report.from = migrated.from;
        report.complement = migrated.complement.map(Complemented::name);
        report.validations = migrated
            .validations
            .iter()
            .map(|(check, validated)| CheckEntry {
                check: check.word(),
                outcome: validated.name(),
                reason: validated.reason(),
            })
            .collect();
        let told = report
            .to_message()
            .map_err(|error| Trouble::Failed(format!("the report of {place}:{line} is no JSON: {error}")))?;
        lines.report.extend_from_slice(&told.payload.unwrap_or_default());
        lines.report.push(b'\n');
        Ok(())
    }

    /// Keeps a document that failed, with the reason.
    pub(super) fn dead_letter(
        &self,
        original: &Envelope,
        failure: &Failure,
        place: &str,
        line: u64,
        lines: &mut Lines,
    ) -> Result<(), Trouble> {
        if !self.dead_letter {
            return Ok(());
        }
        let source = format!("{place}:{line}");
        let mut circumstances = Circumstances::new(&source, SystemTime::now());
        circumstances.migration = Some(&self.chain);
        let fault = Fault::from(failure);
        let dead = dead_letter(&original.message, &fault, &circumstances, HeaderValues::Binary);
        let mut text = Vec::new();
        envelope::write(&dead, original.address.as_ref(), &mut text)
            .map_err(|error| Trouble::Failed(format!("{source} cannot be kept: {error}")))?;
        lines.dead_letter.append(&mut text);
        lines.dead_letter.push(b'\n');
        Ok(())
    }
}

impl Side {
    fn open(path: &Path) -> Result<Self, Trouble> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self {
                name,
                file: BufWriter::new(file),
            }),
            Err(error) => Err(Trouble::Usage(format!("{name} cannot be written: {error}"))),
        }
    }

    fn unwritable(&self, error: &std::io::Error) -> Trouble {
        Trouble::Failed(format!("{} cannot be written: {error}", self.name))
    }
}

/// What a report calls a message: its id, or the beginning of the digest of its payload.
fn name_of(message: &Message) -> String {
    match &message.id {
        Some(id) => match std::str::from_utf8(id) {
            Ok(text) => text.to_owned(),
            Err(_) => id.iter().map(|byte| format!("{byte:02x}")).collect(),
        },
        None => {
            let digest = Digest::of(message.payload.as_deref().unwrap_or_default()).to_string();
            digest.chars().take(32).collect()
        }
    }
}
