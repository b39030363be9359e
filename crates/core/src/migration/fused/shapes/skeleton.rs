//! The bytes that stand before a value: white space, its name in quotes, the colon, and the first quote of a string.

use super::super::simd::{self, WINDOW};

/// Bytes to be compared in one or two pieces of fixed length, or as a whole where they are longer.
#[derive(Debug)]
pub(in super::super) struct Skeleton {
    head: [u8; WINDOW],
    tail: [u8; WINDOW],
    head_mask: u32,
    tail_mask: u32,
    length: u32,
    /// Where the name begins.
    name: u16,
    /// Whether the last byte is the first one of the value, a quote.
    is_text: bool,
    /// All bytes.
    whole: Box<[u8]>,
}

impl Skeleton {
    /// As many bytes as are compared at most.
    const MOST: usize = 256;

    /// None where there are too many bytes. `name` is where the name begins.
    pub(super) fn new(bytes: &[u8], name: usize, is_text: bool) -> Option<Self> {
        if bytes.len() > Self::MOST {
            return None;
        }
        let piece = |from: usize| -> ([u8; WINDOW], u32) {
            let part = bytes
                .get(from..bytes.len().min(from + WINDOW))
                .unwrap_or_default();
            let mut piece = [0; WINDOW];
            piece[..part.len()].copy_from_slice(part);
            (piece, (1 << part.len()) - 1)
        };
        let ((head, head_mask), (tail, tail_mask)) = (piece(0), piece(WINDOW));
        Some(Self {
            head,
            tail,
            head_mask,
            tail_mask,
            length: u32::try_from(bytes.len()).ok()?,
            name: u16::try_from(name).ok()?,
            is_text,
            whole: bytes.into(),
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.whole
    }

    /// Where the name begins.
    #[inline(always)]
    pub(in super::super) fn name(&self) -> usize {
        usize::from(self.name)
    }

    /// Where the value begins, or the content of the value if it is a string.
    #[inline(always)]
    pub(in super::super) fn len(&self) -> usize {
        self.length as usize
    }

    /// Whether the last byte is the first quote of a string.
    #[inline(always)]
    pub(in super::super) fn is_text(&self) -> bool {
        self.is_text
    }

    /// Whether the input goes on with these bytes.
    #[inline(always)]
    pub(super) fn stands_at(&self, bytes: &[u8], at: usize) -> bool {
        match bytes.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>) {
            Some(chunk) => {
                simd::matches(chunk, &self.head, self.head_mask)
                    && (self.tail_mask == 0 || self.tail_stands_at(bytes, at + WINDOW))
            }
            None => self.stands_near_end(bytes, at),
        }
    }

    #[inline(always)]
    fn tail_stands_at(&self, bytes: &[u8], at: usize) -> bool {
        match bytes.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>) {
            Some(chunk) if self.length as usize <= 2 * WINDOW => {
                simd::matches(chunk, &self.tail, self.tail_mask)
            }
            Some(_) | None => self.stands_near_end(bytes, at - WINDOW),
        }
    }

    /// As [`Self::stands_at`], where there are too few bytes to be compared in pieces, or too many.
    #[inline(never)]
    fn stands_near_end(&self, bytes: &[u8], at: usize) -> bool {
        bytes.get(at..).is_some_and(|rest| rest.starts_with(&self.whole))
    }
}
