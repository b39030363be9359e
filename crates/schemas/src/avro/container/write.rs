//! Writes container files.

use std::io::Write;

use super::super::encode::write_long;
use super::{CODEC, Compression, ContainerError, MAGIC, SCHEMA, SYNC};

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
        let mut sync = [0; SYNC];
        sync.copy_from_slice(&blake3::hash(schema.as_bytes()).as_bytes()[..SYNC]);
        let mut header = MAGIC.to_vec();
        let members = [(SCHEMA, schema), (CODEC, compression.word())];
        write_long(2, &mut header);
        for (name, value) in members {
            write_bytes(name.as_bytes(), &mut header);
            write_bytes(value.as_bytes(), &mut header);
        }
        header.push(0);
        header.extend_from_slice(&sync);
        output.write_all(&header)?;
        Ok(Self {
            output,
            compression,
            sync,
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
        let compressed = self.compression.compress(&self.block)?;
        let mut head = Vec::new();
        write_long(self.count, &mut head);
        write_bytes(&compressed, &mut head);
        head.extend_from_slice(&self.sync);
        self.output.write_all(&head)?;
        self.block.clear();
        self.count = 0;
        Ok(())
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // No slice is longer than an `i64` can tell.
    write_long(i64::try_from(bytes.len()).unwrap_or(i64::MAX), out);
    out.extend_from_slice(bytes);
}
