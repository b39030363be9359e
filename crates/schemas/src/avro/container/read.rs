//! Reads container files.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use dunlin_core::finding::Place;
use dunlin_core::migration::{Framing, Limits, Schema, SchemaFormat, SchemaReference};

use super::super::decode::datum_length;
use super::super::framed::compile_text;
use super::super::{Avro, Ready};
use super::{CODEC, Compression, ContainerError, MAGIC, MOST_BLOCK, SCHEMA, SYNC, broken};

/// The largest header that is read: a schema may have a mebibyte, and there may be metadata beside it.
const MOST_HEADER: usize = 4 << 20;
/// The most data of one block that take no bytes, such as `null`.
const MOST_EMPTY: u64 = 100_000;

/// The data of a container file, one after the other.
pub struct Reader<R> {
    input: R,
    schema: Arc<dyn Schema>,
    ready: Arc<Ready>,
    compression: Compression,
    sync: [u8; SYNC],
    block: Vec<u8>,
    at: usize,
    left: u64,
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Reader")
            .field("compression", &self.compression)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header of a file. `name` is the file's, for the places of findings in its schema.
    ///
    /// # Errors
    /// It is no container file, its schema cannot be read, or its codec is not known.
    pub fn new(name: &str, mut input: R) -> Result<Self, ContainerError> {
        let mut magic = [0; MAGIC.len()];
        if read_full(&mut input, &mut magic)? < magic.len() || magic != MAGIC {
            return Err(broken(
                "expected a container file of Avro, which begins with `Obj` and 1",
            ));
        }
        let (mut schema, mut codec) = (None, None);
        let mut room = MOST_HEADER;
        loop {
            let mut count = long(&mut input)?;
            if count < 0 {
                // The size of the block is not needed: its members are read one by one.
                long(&mut input)?;
                count = count.checked_neg().ok_or_else(header)?;
            }
            if count == 0 {
                break;
            }
            for _ in 0..count {
                let key = bytes(&mut input, &mut room)?;
                let value = bytes(&mut input, &mut room)?;
                match std::str::from_utf8(&key) {
                    Ok(SCHEMA) => schema = Some(value),
                    Ok(CODEC) => codec = Some(value),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        let mut sync = [0; SYNC];
        if read_full(&mut input, &mut sync)? < SYNC {
            return Err(header());
        }
        let codec = codec.map_or_else(|| Ok("null".to_owned()), String::from_utf8);
        let codec = codec.map_err(|_| broken("expected the name of a codec in the header"))?;
        let compression = Compression::from_word(&codec).ok_or_else(|| {
            let known: Vec<&str> = Compression::ALL.iter().map(|(word, _)| *word).collect();
            broken(format!(
                "expected one of the codecs {}, found another",
                known.join(", ")
            ))
        })?;
        let schema = schema.ok_or_else(|| broken(format!("expected `{SCHEMA}` in the header")))?;
        let model = compile_text(name, &schema).map_err(ContainerError::Schema)?;
        let ready = Ready::new(model).map_err(|message| ContainerError::Schema(message.to_owned()))?;
        let reference = SchemaReference {
            format: SchemaFormat::Avro,
            file: None,
            imports: Vec::new(),
            message: None,
            framing: Framing::Plain,
            registry: None,
            place: Place::whole(name),
        };
        Ok(Self {
            input,
            schema: Arc::new(Avro::new(&reference, None, Some(Arc::clone(&ready)))),
            ready,
            compression,
            sync,
            block: Vec::new(),
            at: 0,
            left: 0,
        })
    }

    /// The schema of the writer; its codec reads and writes single data.
    #[must_use]
    pub const fn schema(&self) -> &Arc<dyn Schema> {
        &self.schema
    }

    /// How the blocks are compressed.
    #[must_use]
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// The bytes of the next datum; `None` at the end of the file.
    ///
    /// # Errors
    /// The file is damaged, or larger in one of its parts than is read.
    pub fn next_datum(&mut self, limits: &Limits) -> Result<Option<&[u8]>, ContainerError> {
        while self.left == 0 {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        let rest = &self.block[self.at..];
        let length = datum_length(&self.ready.plan, rest, limits).map_err(|failure| {
            broken(format!(
                "a datum that does not fit the schema: {}",
                failure.message()
            ))
        })?;
        if length == 0 && self.left > MOST_EMPTY {
            return Err(broken(format!(
                "expected at most {MOST_EMPTY} data without bytes in one block"
            )));
        }
        self.at += length;
        self.left -= 1;
        if self.left == 0 && self.at < self.block.len() {
            return Err(broken("expected the end of the block behind its last datum"));
        }
        Ok(Some(&rest[..length]))
    }

    fn next_block(&mut self) -> Result<bool, ContainerError> {
        let Some(first) = byte(&mut self.input)? else {
            return Ok(false);
        };
        let count = long_from(first, &mut self.input)?;
        let size = usize::try_from(long(&mut self.input)?)
            .ok()
            .filter(|size| *size <= MOST_BLOCK)
            .ok_or_else(|| broken(format!("expected blocks of at most {MOST_BLOCK} bytes")))?;
        self.left = u64::try_from(count).map_err(|_| broken("expected the number of data of a block"))?;
        let compressed = take(&mut self.input, size)?;
        let mut sync = [0; SYNC];
        if read_full(&mut self.input, &mut sync)? < SYNC || sync != self.sync {
            return Err(broken("expected the marker of the file behind each block"));
        }
        self.block = self.compression.decompress(compressed)?;
        self.at = 0;
        Ok(true)
    }
}

fn header() -> ContainerError {
    broken("expected the header of a container file, found its end or something else")
}

/// Fills the buffer as far as there are bytes.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ContainerError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Exactly so many bytes. Room is made as they come, not as they are promised.
fn take(input: &mut impl Read, size: usize) -> Result<Vec<u8>, ContainerError> {
    let mut taken = Vec::new();
    let limit = u64::try_from(size).unwrap_or(u64::MAX);
    input.by_ref().take(limit).read_to_end(&mut taken)?;
    if taken.len() < size {
        return Err(broken("expected more bytes, found the end of the file"));
    }
    Ok(taken)
}

fn byte(input: &mut impl Read) -> Result<Option<u8>, ContainerError> {
    let mut one = [0];
    Ok((read_full(input, &mut one)? == 1).then_some(one[0]))
}

fn bytes(input: &mut impl Read, room: &mut usize) -> Result<Vec<u8>, ContainerError> {
    let length = usize::try_from(long(input)?).map_err(|_| header())?;
    *room = room
        .checked_sub(length.saturating_add(1))
        .ok_or_else(|| broken(format!("expected a header of at most {MOST_HEADER} bytes")))?;
    take(input, length)
}

fn long(input: &mut impl Read) -> Result<i64, ContainerError> {
    let first = byte(input)?.ok_or_else(header)?;
    long_from(first, input)
}

/// A variable-length zigzag integer of which the first byte was read.
fn long_from(first: u8, input: &mut impl Read) -> Result<i64, ContainerError> {
    const MOST_SHIFT: u32 = 63;
    let mut number = u64::from(first & 0x7f);
    let (mut last, mut shift) = (first, 7);
    while last >= 0x80 {
        last = byte(input)?.ok_or_else(header)?;
        if shift > MOST_SHIFT || (shift == MOST_SHIFT && last > 1) {
            return Err(broken("expected an integer of at most 64 bits"));
        }
        number |= u64::from(last & 0x7f) << shift;
        shift += 7;
    }
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}
