//! The primitive encodings, read from the front of some bytes.

/// Bytes, and how many of them were read.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The most bytes of a variable-length integer of 64 bits.
const MOST_BYTES: u32 = 10;

const ENDED: &str = "expected more bytes, found the end of the payload";

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    pub(super) const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let end = self.at.checked_add(length).ok_or(ENDED)?;
        let taken = self.bytes.get(self.at..end).ok_or(ENDED)?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| ENDED)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, &'static str> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [_] => Err("expected a boolean, which is the byte 0 or 1"),
        }
    }

    /// A variable-length zigzag integer of 64 bits.
    pub(super) fn long(&mut self) -> Result<i64, &'static str> {
        let mut number = 0_u64;
        for position in 0..MOST_BYTES {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if position == MOST_BYTES - 1 && byte > 1 {
                break;
            }
            number |= bits << (7 * position);
            if byte < 0x80 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err("expected an integer of at most 64 bits")
    }

    /// A variable-length zigzag integer of 32 bits.
    pub(super) fn int(&mut self) -> Result<i64, &'static str> {
        let number = self.long()?;
        match i32::try_from(number) {
            Ok(number) => Ok(number.into()),
            Err(_) => Err("expected an integer of at most 32 bits"),
        }
    }
}
