//! Payloads copied out of the client, which keeps its own only as long as the record.
//!
//! Small ones lie side by side in one allocation: had and given back one by one, by two threads, they would cost more than
//! their copying. An allocation lives as long as the last payload in it, so it is small, too: a message that waits for long
//! holds at most [`CHUNK`] bytes beyond its own.

use bytes::{Bytes, BytesMut};

/// What payloads share, in bytes.
const CHUNK: usize = 16 << 10;
/// The largest payload that shares, in bytes.
const SMALL: usize = CHUNK / 8;

/// Copies payloads.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    room: BytesMut,
}

impl Copies {
    /// A copy of these bytes.
    pub(crate) fn of(&mut self, bytes: &[u8]) -> Bytes {
        if bytes.len() > SMALL {
            return Bytes::copy_from_slice(bytes);
        }
        if self.room.capacity() < bytes.len() {
            self.room = BytesMut::with_capacity(CHUNK);
        }
        self.room.extend_from_slice(bytes);
        self.room.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_what_was_copied_whatever_follows_and_goes() {
        let mut copies = Copies::default();
        let lengths = [0, 1, 700, SMALL, SMALL + 1, CHUNK, 3, 2_000, 2_000, 2_000, 2_000];
        let made: Vec<(Vec<u8>, Bytes)> = (lengths.iter().cycle().take(100))
            .enumerate()
            .map(|(place, length)| {
                let bytes = vec![u8::try_from(place).unwrap(); *length];
                let copy = copies.of(&bytes);
                (bytes, copy)
            })
            .collect();
        // In another order than they came.
        let (even, odd): (Vec<_>, Vec<_>) = made.into_iter().partition(|(bytes, _)| bytes.len() % 2 == 0);
        for (bytes, copy) in odd.into_iter().chain(even) {
            assert_eq!(copy, bytes);
        }
    }
}
