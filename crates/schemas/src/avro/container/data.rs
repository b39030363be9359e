//! The data of one block, one after the other.

use std::sync::Arc;

use dunlin_core::migration::Limits;

use super::super::Ready;
use super::super::decode::datum_length;
use super::{ContainerError, broken};

/// The most data of one block that take no bytes, such as `null`.
const MOST_EMPTY: u64 = 100_000;

/// A block that was taken out of its file.
#[derive(Debug)]
pub(super) struct Data {
    ready: Arc<Ready>,
    content: Vec<u8>,
    at: usize,
    left: u64,
}

impl Data {
    pub(super) fn new(ready: &Arc<Ready>, count: u64, content: Vec<u8>) -> Self {
        Self {
            ready: Arc::clone(ready),
            content,
            at: 0,
            left: count,
        }
    }

    /// Whether nothing is left.
    pub(super) const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The bytes of the next datum; `None` at the end of the block.
    pub(super) fn next(&mut self, limits: &Limits) -> Result<Option<&[u8]>, ContainerError> {
        if self.left == 0 {
            return Ok(None);
        }
        let rest = &self.content[self.at..];
        let length = length(&self.ready, rest, limits)?;
        if length == 0 && self.left > MOST_EMPTY {
            return Err(broken(format!(
                "expected at most {MOST_EMPTY} data without bytes in one block"
            )));
        }
        self.at += length;
        self.left -= 1;
        if self.left == 0 && self.at < self.content.len() {
            return Err(broken("expected the end of the block behind its last datum"));
        }
        Ok(Some(&rest[..length]))
    }
}

/// The length of the datum at the beginning of some bytes.
pub(super) fn length(ready: &Ready, bytes: &[u8], limits: &Limits) -> Result<usize, ContainerError> {
    datum_length(&ready.plan, bytes, limits).map_err(|failure| {
        broken(format!(
            "a datum that does not fit the schema: {}",
            failure.message()
        ))
    })
}
