//! The primitive parts of a container file, read from a stream.

use std::io::Read;

use super::header::MOST_HEADER;
use super::{ContainerError, broken};

/// That the file ends inside its header or a block.
pub(super) fn ended() -> ContainerError {
    broken("expected the header of a container file, found its end or something else")
}

/// Fills the buffer as far as there are bytes.
pub(super) fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ContainerError> {
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
pub(super) fn take(input: &mut impl Read, size: usize) -> Result<Vec<u8>, ContainerError> {
    let mut taken = Vec::new();
    let limit = u64::try_from(size).unwrap_or(u64::MAX);
    input.by_ref().take(limit).read_to_end(&mut taken)?;
    if taken.len() < size {
        return Err(broken("expected more bytes, found the end of the file"));
    }
    Ok(taken)
}

/// One byte; none at the end.
pub(super) fn byte(input: &mut impl Read) -> Result<Option<u8>, ContainerError> {
    let mut one = [0];
    Ok((read_full(input, &mut one)? == 1).then_some(one[0]))
}

/// Bytes with their length in front, of a header that has so much room left.
pub(super) fn bytes(input: &mut impl Read, room: &mut usize) -> Result<Vec<u8>, ContainerError> {
    let length = usize::try_from(long(input)?).map_err(|_| ended())?;
    *room = room
        .checked_sub(length.saturating_add(1))
        .ok_or_else(|| broken(format!("expected a header of at most {MOST_HEADER} bytes")))?;
    take(input, length)
}

/// A variable-length zigzag integer.
pub(super) fn long(input: &mut impl Read) -> Result<i64, ContainerError> {
    let first = byte(input)?.ok_or_else(ended)?;
    long_from(first, input)
}

/// A variable-length zigzag integer of which the first byte was read.
pub(super) fn long_from(first: u8, input: &mut impl Read) -> Result<i64, ContainerError> {
    const MOST_SHIFT: u32 = 63;
    let mut number = u64::from(first & 0x7f);
    let (mut last, mut shift) = (first, 7);
    while last >= 0x80 {
        last = byte(input)?.ok_or_else(ended)?;
        if shift > MOST_SHIFT || (shift == MOST_SHIFT && last > 1) {
            return Err(broken("expected an integer of at most 64 bits"));
        }
        number |= u64::from(last & 0x7f) << shift;
        shift += 7;
    }
    Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}
