//! `dunlin apply`: a filter that migrates documents, one per line in, one per line out, in order.
//!
//! It is the engine without routes: no group, no acknowledgement, no retry. What fails is told by its line and left out of the
//! output, and the others go on. Reading, migrating and writing go on at the same time; what is written is the same, and in the
//! same order, as if they did not.

mod apart;
mod judge;
mod output;
mod pipeline;
mod sides;

use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use dunlin_core::migration::Complements;

use crate::desk::fetch;
use crate::ending::{Ending, Exit, Trouble};
use crate::engine::Engine;
use crate::project::{self, MigrationArgs};
use crate::shell::{Format, Shell};
use apart::Apart;
use judge::{Judge, Judged, Shape};
use output::{Compression, Output};
use sides::Sides;

/// Migrates documents: one per line in, one per line out, in order
///
/// Empty lines are passed over. A document that fails is told on standard error and left out; the exit status is 1 then.
/// A line is a document, also where the migration's schemas say that messages are none: it is written by the schema in which
/// messages arrive, and shown as it is read back. With `--headers` the payloads themselves go in and out.
/// A secret that a transformation names is read from DUNLIN_SECRET_ and its name in capitals, with underscores.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin apply orders.yaml < old.ndjson > new.ndjson
  dunlin apply orders.yaml old.ndjson --dead-letter failed.ndjson --report done.ndjson
  dunlin apply orders.yaml one.json --pretty
  dunlin apply orders.yaml old.ndjson -o new.avro        into a container file, where messages leave as Avro
  dunlin apply orders.yaml messages.ndjson --headers      lines are envelopes, with key and headers")]
pub(crate) struct Apply {
    #[command(flatten)]
    migration: MigrationArgs,
    /// The documents; of a file `.avro` its data [default: standard input]
    file: Option<PathBuf>,
    /// Writes the documents there; a file `.avro` becomes a container file of the schema in which messages leave [default:
    /// standard output]
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["pretty", "headers"])]
    output: Option<PathBuf>,
    /// How the blocks of a container file are compressed
    #[arg(long, value_enum, default_value_t, requires = "output")]
    compression: Compression,
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
    /// What takes documents through the migration; both give the same results
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// How failures are told on standard error
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl Apply {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        self.keep_apart()?;
        let loaded = self.migration.load()?;
        shell.tell(&loaded.warnings)?;
        fetch(&loaded.migration, None, &loaded.registries)?;
        let secrets = project::secrets_for(&loaded.migration)?;
        let input = project::Input::open(self.file.as_deref())?;
        let sides = Sides::open(self.report.as_deref(), self.dead_letter.as_deref())?;
        let output = Output::open(self.output.as_deref(), self.compression, &loaded.migration)?;
        let shape = match (self.pretty, self.headers) {
            (true, _) => Shape::Pretty,
            (false, true) => Shape::Envelope,
            (false, false) => Shape::Line,
        };
        if !self.headers && matches!(loaded.migration.complements(), Complements::Kept { .. }) {
            writeln!(
                shell.err,
                "complements are kept in a header, for which lines have no place; `--headers` writes envelopes"
            )?;
        }
        let judge = Judge::new(
            loaded.migration,
            self.engine.into(),
            loaded.registries,
            secrets,
            shape,
            self.format,
        )
        .telling(&input.name, self.report.is_some(), self.dead_letter.is_some());
        let mut writing = Writing {
            sides,
            output,
            failed: false,
            shell,
        };
        match shape {
            Shape::Pretty => {
                let mut judged = Judged::default();
                let mut worker = judge.worker();
                judge.document(1, Bytes::from(input.read_all()?), &mut worker, &mut judged);
                writing.write(judged)?;
            }
            Shape::Line | Shape::Envelope => pipeline::run(input, &judge, &mut writing)?,
        }
        writing.end()
    }

    /// Looks whether a file would be written that is in use otherwise.
    fn keep_apart(&self) -> Result<(), Trouble> {
        let mut files = Apart::default();
        files.reads("the migration", &self.migration.migration);
        if let Some(config) = &self.migration.config {
            files.reads("the configuration", config);
        }
        match &self.file {
            Some(file) if file != Path::new("-") => files.reads("the input", file),
            Some(_) | None => files.reads_standard_input(),
        }
        files.writes_standard_output();
        if let Some(report) = &self.report {
            files.writes("the report", report)?;
        }
        if let Some(dead_letter) = &self.dead_letter {
            files.writes("the dead letters", dead_letter)?;
        }
        Ok(())
    }
}

/// Where everything goes that was judged, in order.
struct Writing<'a> {
    sides: Sides,
    output: Output,
    failed: bool,
    shell: &'a mut Shell,
}

impl Writing<'_> {
    fn write(&mut self, judged: Judged) -> Result<(), Trouble> {
        self.failed |= judged.failed;
        self.sides.write(&judged.sides)?;
        self.shell.err.write_all(&judged.err)?;
        self.output.write(&judged.out, self.shell)?;
        // Nothing is known of when more will come, and whoever reads along should get what there is.
        self.shell.flush()?;
        judged.trouble.map_or(Ok(()), Err)
    }

    fn end(mut self) -> Ending {
        self.sides.close()?;
        self.output.close()?;
        Ok(Exit::failed_if(self.failed))
    }
}
