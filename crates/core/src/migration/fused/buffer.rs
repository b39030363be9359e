//! Where the result is written: bytes that are reused from message to message.

/// A buffer that keeps its memory.
///
/// It is as long as it ever was, and knows itself how far it is filled, so that short texts are copied in one piece of
/// fixed length instead of by a call.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
}

/// Texts of at most this length are copied in one piece.
const PIECE: usize = 32;

/// A text of the chain, with room behind it so that it can be copied in one piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Padded {
    bytes: Box<[u8]>,
    length: usize,
}

impl Padded {
    pub(crate) fn new(text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        let length = bytes.len();
        bytes.resize(length.max(PIECE), 0);
        Self {
            bytes: bytes.into_boxed_slice(),
            length,
        }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Buffer {
    /// Empties the buffer, and makes sure of some room.
    pub(super) fn clear(&mut self, room: usize) {
        self.filled = 0;
        self.reserve(room);
    }

    pub(super) const fn len(&self) -> usize {
        self.filled
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Forgets what stands behind a position.
    pub(super) fn truncate(&mut self, length: usize) {
        self.filled = self.filled.min(length);
    }

    /// Appends a part of a text.
    #[inline(always)]
    pub(super) fn put_part(&mut self, text: &[u8], from: usize, to: usize) {
        let length = to - from;
        if length <= PIECE
            && let Some(piece) = text.get(from..).and_then(<[u8]>::first_chunk::<PIECE>)
            && let Some(place) = self
                .bytes
                .get_mut(self.filled..)
                .and_then(<[u8]>::first_chunk_mut::<PIECE>)
        {
            *place = *piece;
            self.filled += length;
            return;
        }
        self.put(&text[from..to]);
    }

    /// Appends a text of the chain.
    #[inline(always)]
    pub(super) fn put_padded(&mut self, text: &Padded) {
        self.put_part(&text.bytes, 0, text.length);
    }

    /// Appends what stands in another buffer.
    #[inline(always)]
    pub(super) fn put_from(&mut self, other: &Self, from: usize, to: usize) {
        self.put_part(&other.bytes, from, to);
    }

    /// Appends a text.
    #[inline(never)]
    pub(super) fn put(&mut self, text: &[u8]) {
        self.reserve(text.len());
        self.bytes[self.filled..self.filled + text.len()].copy_from_slice(text);
        self.filled += text.len();
    }

    /// Appends a part of what stands here already.
    pub(super) fn repeat(&mut self, from: usize, to: usize) {
        self.reserve(to - from);
        self.bytes.copy_within(from..to, self.filled);
        self.filled += to - from;
    }

    #[inline(always)]
    pub(super) fn put_byte(&mut self, byte: u8) {
        self.reserve(1);
        self.bytes[self.filled] = byte;
        self.filled += 1;
    }

    #[inline(always)]
    fn reserve(&mut self, room: usize) {
        if self.bytes.len() - self.filled < room + PIECE {
            self.grow(room);
        }
    }

    #[cold]
    fn grow(&mut self, room: usize) {
        let least = self.filled + room + PIECE;
        self.bytes.resize(least.max(self.bytes.len() * 2), 0);
    }
}
