//! What has been read of a container file: its header, and the block whose messages are being handed out.
//!
//! A block is taken out of the bytes as a whole and its messages one by one, so that what is in memory is one block and
//! some messages, however many a block promises.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use dunlin_core::container::{Block, Container, ContainerError, ContainerFormat};
use dunlin_core::{Error, ErrorKind, Result};

use crate::mend::read_exactly;
use crate::spot::Spot;
use crate::storage::Handle;

/// How many messages are taken out at once.
const MOST_MESSAGES: usize = 1024;
/// How much is read of a file to find its header. A format has a smaller bound of its own.
const MOST_HEADER: usize = 16 << 20;
/// More bytes than the lengths need that stand before a block.
const HEAD: usize = 32;

/// A reader of blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    format: &'static dyn ContainerFormat,
    container: Option<Arc<dyn Container>>,
    open: Option<Open>,
    /// How many messages of the next block are passed over.
    passed: u64,
}

/// The block whose messages are being handed out.
#[derive(Debug)]
struct Open {
    block: Block,
    start: u64,
    /// How many messages of it were handed out or passed over.
    taken: u64,
    /// The next message, which was looked at to know whether there is one.
    next: Option<std::result::Result<Bytes, ContainerError>>,
}

/// A message in a block.
#[derive(Debug)]
pub(crate) struct Datum {
    pub(crate) start: Spot,
    pub(crate) end: Spot,
    pub(crate) payload: Bytes,
}

impl Blocks {
    pub(crate) fn new(format: &'static dyn ContainerFormat) -> Self {
        Self {
            format,
            container: None,
            open: None,
            passed: 0,
        }
    }

    /// Goes to a place of a file, whose header is read if the place is behind it. Without a file it is the beginning.
    pub(crate) fn go_to(&mut self, file: Option<&dyn Handle>, spot: Spot) -> Result<()> {
        *self = Self::new(self.format);
        if let Some(file) = file
            && spot.offset > 0
        {
            let container = read_header(self.format, file)?;
            self.container = Some(container.ok_or_else(|| damaged("expected a whole header", 0))?);
            self.passed = spot.within.unwrap_or_default();
        }
        Ok(())
    }

    /// Whether some bytes end as the header and each block of this file do.
    pub(crate) fn ends_block(&self, before: &[u8]) -> bool {
        let marker = self.container.as_ref().map(|container| container.marker());
        marker.is_some_and(|marker| before.ends_with(marker))
    }

    /// Takes messages out of the bytes that were read, which begin at this offset. Fewer than there are: ask again.
    ///
    /// Behind an error nothing is to be had. Messages before it are in `data`.
    pub(crate) fn take(
        &mut self,
        offset: &mut u64,
        bytes: &mut BytesMut,
        data: &mut Vec<Datum>,
    ) -> Result<()> {
        let container = match &self.container {
            Some(container) => Arc::clone(container),
            None => {
                let opened = self.format.open(bytes);
                let opened =
                    opened.map_err(|cause| damaged("expected a container file", 0).caused_by(cause))?;
                let Some(container) = opened else { return Ok(()) };
                advance(bytes, container.header().len(), offset);
                self.container = Some(Arc::clone(&container));
                container
            }
        };
        while data.len() < MOST_MESSAGES {
            if let Some(open) = &mut self.open {
                match open.take(*offset) {
                    Some(Ok(datum)) => data.push(datum),
                    Some(Err(cause)) => {
                        return Err(
                            damaged("expected whole messages in the block", open.start).caused_by(cause)
                        );
                    }
                    None => self.open = None,
                }
                continue;
            }
            let block = container.block(bytes);
            let block = block.map_err(|cause| damaged("expected a whole block", *offset).caused_by(cause))?;
            let Some(block) = block else { break };
            let start = *offset;
            advance(bytes, block.length, offset);
            self.open = Some(Open::new(block, start, std::mem::take(&mut self.passed)));
        }
        Ok(())
    }
}

impl Open {
    fn new(mut block: Block, start: u64, passed: u64) -> Self {
        let mut taken = 0;
        let mut next = block.payloads.next();
        while taken < passed && matches!(next, Some(Ok(_))) {
            next = block.payloads.next();
            taken += 1;
        }
        Self {
            block,
            start,
            taken,
            next,
        }
    }

    /// The next message; `end` is where the block behind this one begins.
    fn take(&mut self, end: u64) -> Option<std::result::Result<Datum, ContainerError>> {
        let payload = match self.next.take()? {
            Ok(payload) => payload,
            Err(error) => return Some(Err(error)),
        };
        let start = Spot::block(self.start, self.taken);
        self.taken += 1;
        self.next = self.block.payloads.next();
        let end = match &self.next {
            // The place behind the last message of a block is the beginning of the next one.
            None => Spot::block(end, 0),
            Some(_) => Spot::block(self.start, self.taken),
        };
        Some(Ok(Datum { start, end, payload }))
    }
}

fn advance(bytes: &mut BytesMut, length: usize, offset: &mut u64) {
    bytes.advance(length);
    *offset += length as u64;
}

/// The header of a file; none where the file ends before it does.
pub(crate) fn read_header(
    format: &'static dyn ContainerFormat,
    file: &dyn Handle,
) -> Result<Option<Arc<dyn Container>>> {
    let length = file.length().map_err(unreadable)?;
    let mut read = 64 << 10;
    loop {
        let wanted = usize::try_from(length).map_or(read, |length| length.min(read));
        let mut head = vec![0; wanted];
        read_exactly(file, &mut head, 0).map_err(unreadable)?;
        let opened = format
            .open(&head)
            .map_err(|cause| damaged("expected a container file", 0).caused_by(cause))?;
        if opened.is_some() || wanted < read {
            return Ok(opened);
        }
        if read >= MOST_HEADER {
            return Err(damaged("expected a shorter header", 0));
        }
        read *= 2;
    }
}

/// Where the last whole block of a file ends that has this header. Each must end in the marker of the file.
pub(crate) fn end_of_blocks(container: &dyn Container, file: &dyn Handle) -> Result<u64> {
    let length = file.length().map_err(unreadable)?;
    let mut offset = container.header().len() as u64;
    let mut found = vec![0; container.marker().len()];
    loop {
        let there = usize::try_from(length.saturating_sub(offset)).map_or(HEAD, |rest| rest.min(HEAD));
        let mut head = vec![0; there];
        read_exactly(file, &mut head, offset).map_err(unreadable)?;
        let extent = container
            .extent(&head)
            .map_err(|cause| damaged("expected a block", offset).caused_by(cause))?;
        let Some(end) = extent.and_then(|extent| offset.checked_add(extent)) else {
            return Ok(offset);
        };
        if end > length {
            return Ok(offset);
        }
        let behind = end - found.len() as u64;
        read_exactly(file, &mut found, behind).map_err(unreadable)?;
        if found != container.marker() {
            return Err(damaged(
                "expected the marker of the file behind the block",
                offset,
            ));
        }
        offset = end;
    }
}

fn unreadable(cause: std::io::Error) -> Error {
    Error::new(crate::error::kind(&cause), "receive", "the file cannot be read").caused_by(cause)
}

/// An error about bytes that are not what a container has at this offset.
pub(crate) fn damaged(expected: &str, offset: u64) -> Error {
    Error::new(
        ErrorKind::Damaged,
        "receive",
        format!("{expected}; the file is damaged, or no container of this format"),
    )
    .with("offset", offset)
}
