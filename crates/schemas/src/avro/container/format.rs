//! Container files for an adapter that keeps files: each message is a single object, so that its schema is never in doubt.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::container::{Block, Container, ContainerError as Refused, ContainerFormat};
use dunlin_core::migration::Limits;

use super::super::framed::{Header as Framed, write_fingerprint};
use super::data::{Data, length};
use super::header::{Header, MOST_HEADER, lengths, write_header};
use super::input::long;
use super::{Compression, ContainerError, SYNC, broken};

/// Object container files of Avro.
///
/// A message of a file is its datum behind the bytes `C3 01` and the fingerprint of the schema in the header (Avro's
/// single-object encoding), and is written from the same. So a migration with the framing `single-object` takes the messages
/// of its own schemas, tells the versions apart, and refuses every other.
#[derive(Debug, Clone, Copy)]
pub struct Containers;

/// The most bytes of a variable-length integer.
const MOST_LONG: usize = 10;
/// The name in findings of a schema in a header.
const NAME: &str = "avro.schema";

#[derive(Debug)]
struct File {
    header: Header,
    bytes: Vec<u8>,
}

impl ContainerFormat for Containers {
    fn word(&self) -> &'static str {
        "avro"
    }

    fn open(&self, head: &[u8]) -> Result<Option<Arc<dyn Container>>, Refused> {
        let mut input = Counted {
            rest: head,
            has_ended: false,
        };
        match Header::read(NAME, &mut input) {
            Ok(header) => {
                let bytes = head[..head.len() - input.rest.len()].to_vec();
                Ok(Some(Arc::new(File { header, bytes })))
            }
            Err(_) if input.has_ended && head.len() <= MOST_HEADER && is_begun(head) => Ok(None),
            Err(error) => Err(refused(&error)),
        }
    }

    fn create(&self, schema: &[u8], compression: &str) -> Result<Arc<dyn Container>, Refused> {
        let compression = match compression {
            "" => Ok(Compression::default()),
            word => Compression::known(word),
        };
        let made = compression.and_then(|compression| {
            Ok(File {
                header: Header::new("the schema", schema, compression)?,
                bytes: write_header(schema, compression),
            })
        });
        match made {
            Ok(file) => Ok(Arc::new(file)),
            Err(error) => Err(refused(&error)),
        }
    }
}

impl Container for File {
    fn header(&self) -> &[u8] {
        &self.bytes
    }

    fn schema(&self) -> &str {
        &self.header.ready.full_form
    }

    fn marker(&self) -> &[u8] {
        &self.header.sync
    }

    fn extent(&self, head: &[u8]) -> Result<Option<u64>, Refused> {
        let read = self.lengths(head).map_err(|error| refused(&error))?;
        Ok(read.map(|(_, size, before)| (before + size + SYNC) as u64))
    }

    fn block(&self, bytes: &[u8]) -> Result<Option<Block>, Refused> {
        let Some((_, size, before)) = self.lengths(bytes).map_err(|error| refused(&error))? else {
            return Ok(None);
        };
        let length = before + size + SYNC;
        let Some(mut whole) = bytes.get(..length) else {
            return Ok(None);
        };
        let read = self.header.block(&mut whole).map_err(|error| refused(&error))?;
        let (count, content) = read.unwrap_or_default();
        let data = Data::new(&self.header.ready, count, content);
        Ok(Some(Block {
            length,
            payloads: Box::new(Payloads {
                fingerprint: self.header.ready.fingerprint,
                data: Some(data),
            }),
        }))
    }

    fn admits(&self, payload: &[u8]) -> Result<(), Refused> {
        self.datum(payload).map(drop).map_err(|error| refused(&error))
    }

    fn write(&self, payloads: &[&[u8]], block: &mut Vec<u8>) -> Result<(), Refused> {
        if payloads.is_empty() {
            return Ok(());
        }
        let mut content = Vec::new();
        let mut count = 0;
        for payload in payloads {
            let datum = self.datum(payload).map_err(|error| refused(&error))?;
            content.extend_from_slice(datum);
            count += 1;
        }
        let written = self.header.write_block(count, &content, block);
        written.map_err(|error| refused(&error))
    }
}

impl File {
    /// The number of data of a block, of its bytes, and of the bytes before those. `None`: there is too little to tell.
    fn lengths(&self, head: &[u8]) -> Result<Option<(u64, usize, usize)>, ContainerError> {
        let mut rest = head;
        let mut read = || {
            let is_whole = rest.iter().take(MOST_LONG).any(|byte| *byte < 0x80) || rest.len() >= MOST_LONG;
            is_whole.then(|| long(&mut rest)).transpose()
        };
        let (Some(count), Some(size)) = (read()?, read()?) else {
            return Ok(None);
        };
        let (count, size) = lengths(count, size)?;
        Ok(Some((count, size, head.len() - rest.len())))
    }

    /// The datum of a payload that is of this file's schema.
    fn datum<'a>(&self, payload: &'a [u8]) -> Result<&'a [u8], ContainerError> {
        let ready = &self.header.ready;
        let datum = match Framed::of(payload) {
            Framed::Fingerprint(found, datum) if found == ready.fingerprint => datum,
            Framed::Fingerprint(..) => {
                return Err(broken(
                    "expected the fingerprint of the file's schema, found another",
                ));
            }
            Framed::Id(..) | Framed::None => {
                return Err(broken(
                    "expected the bytes C3 01 and the fingerprint of the file's schema",
                ));
            }
        };
        if length(ready, datum, &Limits::default())? < datum.len() {
            return Err(broken("expected the end of the payload behind the datum"));
        }
        Ok(datum)
    }
}

/// The messages of a block.
struct Payloads {
    fingerprint: u64,
    /// Gone once there was an error.
    data: Option<Data>,
}

impl Iterator for Payloads {
    type Item = Result<Bytes, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        let payload = match self.data.as_mut()?.next(&Limits::default()) {
            Ok(datum) => {
                let datum = datum?;
                let mut payload = Vec::with_capacity(MOST_LONG + datum.len());
                write_fingerprint(self.fingerprint, &mut payload);
                payload.extend_from_slice(datum);
                Ok(payload.into())
            }
            Err(error) => Err(refused(&error)),
        };
        if payload.is_err() {
            self.data = None;
        }
        Some(payload)
    }
}

/// Bytes of which it is known whether more were asked for than there are.
struct Counted<'a> {
    rest: &'a [u8],
    has_ended: bool,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.has_ended |= self.rest.is_empty() && !buffer.is_empty();
        self.rest.read(buffer)
    }
}

/// Whether a header may begin with these bytes.
fn is_begun(head: &[u8]) -> bool {
    let common = head.len().min(super::MAGIC.len());
    head[..common] == super::MAGIC[..common]
}

fn refused(error: &ContainerError) -> Refused {
    Refused(error.to_string())
}
