//! Writes container files.

use std::io::Write;

use super::header::{marker, write_block, write_header};
use super::{Compression, ContainerError, SYNC};

/// The size at which a block is written, in bytes, before it is compressed.
const BLOCK: usize = 64 << 10;

/// Data that become a container file.
///
/// The marker between blocks is made of the schema, so that the same data always make the same file.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    compression: Compression,
    sync: [u8; SYNC],
    block: Vec<u8>,
    count: i64,
}

impl<W: Write> Writer<W> {
    /// Begins a file of data of one schema, whose text goes into the header.
    ///
    /// # Errors
    /// The system refuses to write.
    pub fn new(mut output: W, schema: &str, compression: Compression) -> Result<Self, ContainerError> {
        output.write_all(&write_header(schema.as_bytes(), compression))?;
        Ok(Self {
            output,
            compression,
            sync: marker(schema.as_bytes()),
            block: Vec::new(),
            count: 0,
        })
    }

    /// Adds a datum of the schema. It is not looked at.
    ///
    /// # Errors
    /// The system refuses to write.
    pub fn add(&mut self, datum: &[u8]) -> Result<(), ContainerError> {
        self.block.extend_from_slice(datum);
        self.count += 1;
        if self.block.len() >= BLOCK {
            self.write_block()?;
        }
        Ok(())
    }

    /// Writes what is left, and gives the output back.
    ///
    /// # Errors
    /// The system refuses to write.
    pub fn finish(mut self) -> Result<W, ContainerError> {
        if self.count > 0 {
            self.write_block()?;
        }
        self.output.flush()?;
        Ok(self.output)
    }

    fn write_block(&mut self) -> Result<(), ContainerError> {
        let mut whole = Vec::new();
        write_block(self.compression, &self.sync, self.count, &self.block, &mut whole)?;
        self.output.write_all(&whole)?;
        self.block.clear();
        self.count = 0;
        Ok(())
    }
}
