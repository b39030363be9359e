//! Files that hold messages in blocks, and say in their header how these are read.
//!
//! An adapter for files knows bytes and places, and no schema; a format knows what a header and a block mean, and no file.
//! They meet here: a format is handed to the adapter when a system is opened. A format does no input or output, and
//! believes nothing of what it is given: damaged bytes are an error, never more memory than a small multiple of a block.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

/// A format of container files.
pub trait ContainerFormat: Debug + Send + Sync {
    /// The word for it in settings, which is also how the names of its files end: `avro`.
    fn word(&self) -> &'static str;

    /// Reads the header at the beginning of a file. `None`: these bytes are only the first part of a header.
    ///
    /// # Errors
    /// They are no header of this format, or one that cannot be read.
    fn open(&self, head: &[u8]) -> Result<Option<Arc<dyn Container>>, ContainerError>;

    /// A new file for messages of one schema, from the text of the schema. `compression` is a word of the format; an empty
    /// one is its default.
    ///
    /// # Errors
    /// The schema cannot be read, or the compression is not known.
    fn create(&self, schema: &[u8], compression: &str) -> Result<Arc<dyn Container>, ContainerError>;
}

/// One file by its header: how its blocks are read, and how further ones are made.
pub trait Container: Debug + Send + Sync {
    /// The header, as it stands at the beginning of the file.
    fn header(&self) -> &[u8];

    /// The schema of the messages, in a form that is equal for two files only if one's messages fit the other.
    fn schema(&self) -> &str;

    /// What stands behind the header and behind each block.
    fn marker(&self) -> &[u8];

    /// How long the block is that begins with these bytes, content not looked at. `None`: they are too few to tell.
    ///
    /// # Errors
    /// They are not the beginning of a block, or of one that is larger than is read.
    fn extent(&self, head: &[u8]) -> Result<Option<u64>, ContainerError>;

    /// The block at the beginning of these bytes. `None`: it is not there as a whole.
    ///
    /// # Errors
    /// It is damaged.
    fn block(&self, bytes: &[u8]) -> Result<Option<Block>, ContainerError>;

    /// Whether a payload is one that this file takes.
    ///
    /// # Errors
    /// It is not; the sentence says what was expected, and nothing of what the payload holds.
    fn admits(&self, payload: &[u8]) -> Result<(), ContainerError>;

    /// Appends one block of payloads, in their order. Nothing is appended for none.
    ///
    /// # Errors
    /// One of them is not admitted; `block` is as it was then.
    fn write(&self, payloads: &[&[u8]], block: &mut Vec<u8>) -> Result<(), ContainerError>;
}

/// A block that is there as a whole.
pub struct Block {
    /// How many bytes it has in the file.
    pub length: usize,
    /// Its payloads, taken out one by one. Behind an error there is nothing.
    pub payloads: Box<dyn Iterator<Item = Result<Bytes, ContainerError>> + Send>,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Block")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Why a container cannot be read or written: what was expected, in lower case and without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ContainerError(pub String);
