//! Object container files: data with the schema of their writer in front, in blocks that may be compressed.
//!
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/#object-container-files>. A file is believed in
//! nothing: blocks and the header have a greatest size, compressed or not, and a block that tells of more data than it
//! has is refused.

mod compression;
mod data;
mod format;
mod header;
mod input;
mod lines;
mod read;
mod write;

pub use compression::Compression;
pub use format::Containers;
pub use lines::{LineWriter, Lines};
pub use read::Reader;
pub use write::Writer;

use super::encode::write_long;

/// How a file begins.
const MAGIC: [u8; 4] = *b"Obj\x01";
/// The members of the header.
const SCHEMA: &str = "avro.schema";
const CODEC: &str = "avro.codec";
/// The length of the marker between blocks.
const SYNC: usize = 16;
/// The greatest block that is read, in bytes, compressed or not.
const MOST_BLOCK: usize = 64 << 20;

/// Why a container file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// The system refused.
    #[error("the container file cannot be read or written")]
    Io(#[from] std::io::Error),
    /// It is no container file, or it is damaged.
    #[error("{0}")]
    Broken(String),
    /// The schema in its header cannot be read.
    #[error("the schema in the header: {0}")]
    Schema(String),
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // No slice is longer than an `i64` can tell.
    write_long(i64::try_from(bytes.len()).unwrap_or(i64::MAX), out);
    out.extend_from_slice(bytes);
}

fn broken(expected: impl Into<String>) -> ContainerError {
    ContainerError::Broken(expected.into())
}

#[cfg(test)]
mod tests;
