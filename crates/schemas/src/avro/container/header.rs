//! The header of a container file, and how the blocks behind it are found.

use std::io::Read;
use std::sync::Arc;

use dunlin_core::finding::Place;
use dunlin_core::migration::{Framing, Schema, SchemaFormat, SchemaReference};

use super::super::encode::write_long;
use super::super::framed::compile_text;
use super::super::{Avro, Ready};
use super::input::{bytes, long, read_full, take};
use super::{CODEC, Compression, ContainerError, MAGIC, MOST_BLOCK, SCHEMA, SYNC, broken, write_bytes};

/// The largest header that is read: a schema may have a mebibyte, and there may be metadata beside it.
pub(super) const MOST_HEADER: usize = 4 << 20;

/// What a file says of itself before its first block.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) schema: Arc<dyn Schema>,
    pub(super) ready: Arc<Ready>,
    pub(super) compression: Compression,
    /// The marker between blocks.
    pub(super) sync: [u8; SYNC],
}

impl Header {
    /// Reads the header of a file. `name` is the file's, for the places of findings in its schema.
    ///
    /// # Errors
    /// It is no container file, its schema cannot be read, or its codec is not known.
    pub(super) fn read(name: &str, input: &mut impl Read) -> Result<Self, ContainerError> {
        let mut magic = [0; MAGIC.len()];
        if read_full(input, &mut magic)? < magic.len() || magic != MAGIC {
            return Err(broken(
                "expected a container file of Avro, which begins with `Obj` and 1",
            ));
        }
        let (mut schema, mut codec) = (None, None);
        let mut room = MOST_HEADER;
        loop {
            let mut count = long(input)?;
            if count < 0 {
                // The size of the block is not needed: its members are read one by one.
                long(input)?;
                count = count.checked_neg().ok_or_else(super::input::ended)?;
            }
            if count == 0 {
                break;
            }
            for _ in 0..count {
                let key = bytes(input, &mut room)?;
                let value = bytes(input, &mut room)?;
                match std::str::from_utf8(&key) {
                    Ok(SCHEMA) => schema = Some(value),
                    Ok(CODEC) => codec = Some(value),
                    Ok(_) | Err(_) => {}
                }
            }
        }
        let mut sync = [0; SYNC];
        if read_full(input, &mut sync)? < SYNC {
            return Err(super::input::ended());
        }
        let codec = codec.map_or_else(|| Ok("null".to_owned()), String::from_utf8);
        let codec = codec.map_err(|_| broken("expected the name of a codec in the header"))?;
        let compression = Compression::known(&codec)?;
        let schema = schema.ok_or_else(|| broken(format!("expected `{SCHEMA}` in the header")))?;
        Self::of(name, &schema, compression, sync)
    }

    /// The header of a new file. The marker is made of the schema, so that the same data always make the same file.
    pub(super) fn new(name: &str, schema: &[u8], compression: Compression) -> Result<Self, ContainerError> {
        Self::of(name, schema, compression, marker(schema))
    }

    fn of(
        name: &str,
        schema: &[u8],
        compression: Compression,
        sync: [u8; SYNC],
    ) -> Result<Self, ContainerError> {
        let model = compile_text(name, schema).map_err(ContainerError::Schema)?;
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
            schema: Arc::new(Avro::new(&reference, None, Some(Arc::clone(&ready)))),
            ready,
            compression,
            sync,
        })
    }

    /// The content of the block that follows, and how many data it says to hold; `None` at the end of the file.
    pub(super) fn block(&self, input: &mut impl Read) -> Result<Option<(u64, Vec<u8>)>, ContainerError> {
        let Some(first) = super::input::byte(input)? else {
            return Ok(None);
        };
        let (count, size) = lengths(super::input::long_from(first, input)?, long(input)?)?;
        let compressed = take(input, size)?;
        let mut sync = [0; SYNC];
        if read_full(input, &mut sync)? < SYNC || sync != self.sync {
            return Err(broken("expected the marker of the file behind each block"));
        }
        Ok(Some((count, self.compression.decompress(compressed)?)))
    }

    /// Appends a block.
    pub(super) fn write_block(
        &self,
        count: i64,
        content: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), ContainerError> {
        write_block(self.compression, &self.sync, count, content, out)
    }
}

/// The marker of files of a schema.
pub(super) fn marker(schema: &[u8]) -> [u8; SYNC] {
    let mut sync = [0; SYNC];
    sync.copy_from_slice(&blake3::hash(schema).as_bytes()[..SYNC]);
    sync
}

/// The bytes of a header.
pub(super) fn write_header(schema: &[u8], compression: Compression) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    let members = [(SCHEMA, schema), (CODEC, compression.word().as_bytes())];
    write_long(2, &mut header);
    for (name, value) in members {
        write_bytes(name.as_bytes(), &mut header);
        write_bytes(value, &mut header);
    }
    header.push(0);
    header.extend_from_slice(&marker(schema));
    header
}

/// Appends a block; nothing on an error.
pub(super) fn write_block(
    compression: Compression,
    sync: &[u8; SYNC],
    count: i64,
    content: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), ContainerError> {
    let compressed = compression.compress(content)?;
    write_long(count, out);
    write_bytes(&compressed, out);
    out.extend_from_slice(sync);
    Ok(())
}

/// The number of data and of bytes of a block, if they can be true.
pub(super) fn lengths(count: i64, size: i64) -> Result<(u64, usize), ContainerError> {
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size <= MOST_BLOCK)
        .ok_or_else(|| broken(format!("expected blocks of at most {MOST_BLOCK} bytes")))?;
    let count = u64::try_from(count).map_err(|_| broken("expected the number of data of a block"))?;
    Ok((count, size))
}
