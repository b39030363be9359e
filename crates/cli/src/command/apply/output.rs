//! Where the documents go: standard output, a file of lines, or a container file of Avro.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use clap::ValueEnum;
use dunlin_core::migration::Migration;
use dunlin_schemas::avro::container::{self, LineWriter};

use crate::ending::Trouble;
use crate::shell::Shell;

/// How the blocks of a container file are compressed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum Compression {
    /// Not at all
    #[default]
    Null,
    /// RFC 1951
    Deflate,
    /// Snappy
    Snappy,
    /// Zstandard
    Zstandard,
}

/// Takes lines, each a document with its line end.
pub(super) struct Output {
    name: String,
    kind: Kind,
}

enum Kind {
    Standard,
    Lines(BufWriter<File>),
    Container(LineWriter<BufWriter<File>>),
}

impl Output {
    /// Opens the output. Of a file `.avro` the documents are of the schema in which messages of the migration leave.
    pub(super) fn open(
        file: Option<&Path>,
        compression: Compression,
        migration: &Migration,
    ) -> Result<Self, Trouble> {
        let Some(path) = file else {
            return Ok(Self {
                name: "standard output".to_owned(),
                kind: Kind::Standard,
            });
        };
        let name = path.display().to_string();
        let unwritable =
            |error: &dyn std::fmt::Display| Trouble::Usage(format!("{name} cannot be written: {error}"));
        let schema = match path.extension() {
            Some(extension) if extension == "avro" => Some(schema_of(migration).ok_or_else(|| {
                unwritable(
                    &"a container file needs a migration in which messages leave as Avro, with a schema `to`",
                )
            })?),
            _ => None,
        };
        let file = BufWriter::new(File::create(path).map_err(|error| unwritable(&error))?);
        let kind = match schema {
            None => Kind::Lines(file),
            Some(schema) => {
                let writer = LineWriter::new(file, &schema, compression.into());
                Kind::Container(writer.map_err(|error| unwritable(&error))?)
            }
        };
        Ok(Self { name, kind })
    }

    /// Writes lines behind those that are there.
    pub(super) fn write(&mut self, lines: &[u8], shell: &mut Shell) -> Result<(), Trouble> {
        let written = match &mut self.kind {
            Kind::Standard => return Ok(shell.out.write_all(lines)?),
            Kind::Lines(file) => file.write_all(lines).map_err(Into::into),
            Kind::Container(writer) => {
                let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                lines.try_for_each(|line| writer.add(line))
            }
        };
        written.map_err(|error| self.unwritable(&error))
    }

    /// Writes out what is held back.
    pub(super) fn close(self) -> Result<(), Trouble> {
        let Self { name, kind } = self;
        let closed = match kind {
            Kind::Standard => Ok(()),
            Kind::Lines(mut file) => file.flush().map_err(Into::into),
            Kind::Container(writer) => writer.finish().map(drop),
        };
        closed.map_err(|error: container::ContainerError| {
            Trouble::Failed(format!("{name} cannot be written: {error}"))
        })
    }

    fn unwritable(&self, error: &container::ContainerError) -> Trouble {
        Trouble::Failed(format!("{} cannot be written: {error}", self.name))
    }
}

/// The schema of Avro in which messages leave.
fn schema_of(migration: &Migration) -> Option<String> {
    let schema = &migration.leaving()?.schema;
    let is_avro = schema.codec()?.content_type() == "application/avro";
    is_avro.then(|| schema.definition()).flatten()
}

impl From<Compression> for container::Compression {
    fn from(word: Compression) -> Self {
        match word {
            Compression::Null => Self::Null,
            Compression::Deflate => Self::Deflate,
            Compression::Snappy => Self::Snappy,
            Compression::Zstandard => Self::Zstandard,
        }
    }
}
