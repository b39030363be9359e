//! Reads container files.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use dunlin_core::migration::{Limits, Schema};

use super::data::Data;
use super::header::Header;
use super::{Compression, ContainerError};

/// The data of a container file, one after the other.
pub struct Reader<R> {
    input: R,
    header: Header,
    data: Data,
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("compression", &self.header.compression)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header of a file. `name` is the file's, for the places of findings in its schema.
    ///
    /// # Errors
    /// It is no container file, its schema cannot be read, or its codec is not known.
    pub fn new(name: &str, mut input: R) -> Result<Self, ContainerError> {
        let header = Header::read(name, &mut input)?;
        Ok(Self {
            data: Data::new(&header.ready, 0, Vec::new()),
            input,
            header,
        })
    }

    /// The schema of the writer; its codec reads and writes single data.
    #[must_use]
    pub const fn schema(&self) -> &Arc<dyn Schema> {
        &self.header.schema
    }

    /// How the blocks are compressed.
    #[must_use]
    pub const fn compression(&self) -> Compression {
        self.header.compression
    }

    /// The bytes of the next datum; `None` at the end of the file.
    ///
    /// # Errors
    /// The file is damaged, or larger in one of its parts than is read.
    pub fn next_datum(&mut self, limits: &Limits) -> Result<Option<&[u8]>, ContainerError> {
        while self.data.is_done() {
            match self.header.block(&mut self.input)? {
                Some((count, content)) => self.data = Data::new(&self.header.ready, count, content),
                None => return Ok(None),
            }
        }
        self.data.next(limits)
    }
}
