//! A container file as lines of JSON.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use dunlin_core::migration::{Limits, Schema};

use super::{ContainerError, Reader};

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
