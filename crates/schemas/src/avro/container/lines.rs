//! A container file as lines of JSON, and lines of JSON as a container file.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::{Limits, Schema};

use super::header::Header;
use super::{Compression, ContainerError, Reader, Writer, broken};

/// The documents of a container file, each in a line, as if it were a file of JSON.
///
/// A datum that cannot be read ends the file with an error of the kind [`InvalidData`](io::ErrorKind::InvalidData): what
/// stands behind it has no known beginning.
pub struct Lines<R> {
    reader: Reader<R>,
    schema: Arc<dyn Schema>,
    limits: Limits,
    line: Vec<u8>,
    at: usize,
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lines")
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Lines<R> {
    /// The lines of a file, by its name for findings in its schema.
    ///
    /// # Errors
    /// As [`Reader::new`] says.
    pub fn new(name: &str, input: R) -> Result<Self, ContainerError> {
        let reader = Reader::new(name, input)?;
        Ok(Self {
            schema: Arc::clone(reader.schema()),
            reader,
            limits: Limits::default(),
            line: Vec::new(),
            at: 0,
        })
    }

    /// Reads the next datum; an empty line is the end.
    fn next_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.at = 0;
        let datum = match self.reader.next_datum(&self.limits) {
            Ok(Some(datum)) => datum,
            Ok(None) => return Ok(()),
            Err(ContainerError::Io(error)) => return Err(error),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        let Some(codec) = self.schema.codec() else {
            return Ok(());
        };
        let document = codec
            .decode(datum, &self.limits)
            .map_err(|failure| io::Error::new(io::ErrorKind::InvalidData, failure))?;
        self.line = document.to_json().into_bytes();
        self.line.push(b'\n');
        Ok(())
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            self.next_line()?;
        }
        let read = (&self.line[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Documents that become a container file, each given as its JSON text.
pub struct LineWriter<W> {
    writer: Writer<W>,
    schema: Arc<dyn Schema>,
    limits: Limits,
}

impl<W> fmt::Debug for LineWriter<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LineWriter").finish_non_exhaustive()
    }
}

impl<W: Write> LineWriter<W> {
    /// Begins a file of documents of this schema, which is given as its text.
    ///
    /// # Errors
    /// The schema cannot be read, or the system refuses to write.
    pub fn new(output: W, schema: &str, compression: Compression) -> Result<Self, ContainerError> {
        let header = Header::new("the schema", schema.as_bytes(), compression)?;
        Ok(Self {
            writer: Writer::new(output, schema, compression)?,
            schema: header.schema,
            limits: Limits::default(),
        })
    }

    /// Adds the document of a line.
    ///
    /// # Errors
    /// It is no JSON, the schema cannot hold it, or the system refuses to write. Nothing of it was added then.
    pub fn add(&mut self, line: &[u8]) -> Result<(), ContainerError> {
        let reading = Reading {
            depth: Limits::MOST_DEPTH,
            duplicate_names: DuplicateNames::Allow,
        };
        let document = parse(line, &reading).map_err(|error| broken(error.to_string()))?;
        let codec = self
            .schema
            .codec()
            .ok_or_else(|| broken("expected a schema of Avro"))?;
        let datum = codec
            .encode(&document, &self.limits)
            .map_err(|failure| broken(failure.to_string()))?;
        self.writer.add(&datum)
    }

    /// Writes what is left, and gives the output back.
    ///
    /// # Errors
    /// The system refuses to write.
    pub fn finish(self) -> Result<W, ContainerError> {
        self.writer.finish()
    }
}
