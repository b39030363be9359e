//! The wire format: keys, varints, fixed words, lengths and groups.
//!
//! <https://protobuf.dev/programming-guides/encoding/>. What is read is a range of the payload and nothing is copied, so
//! that a length that lies is found out before anything is made room for. It is stricter than some readers: a varint has
//! at most ten bytes and at most 64 bits, because the bits above them would be lost.

use std::ops::Range;

use dunlin_core::migration::{Failure, FailureKind};

/// How the content of a field is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireType {
    Varint,
    Fixed64,
    Length,
    StartGroup,
    EndGroup,
    Fixed32,
}

impl WireType {
    const fn code(self) -> u32 {
        match self {
            Self::Varint => 0,
            Self::Fixed64 => 1,
            Self::Length => 2,
            Self::StartGroup => 3,
            Self::EndGroup => 4,
            Self::Fixed32 => 5,
        }
    }

    const fn of(code: u32) -> Option<Self> {
        Some(match code {
            0 => Self::Varint,
            1 => Self::Fixed64,
            2 => Self::Length,
            3 => Self::StartGroup,
            4 => Self::EndGroup,
            5 => Self::Fixed32,
            _ => return None,
        })
    }
}

/// The content of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// A varint or a fixed word, in the low bits.
    Bits(WireType, u64),
    /// What stands behind a length, as a range of the payload.
    Bytes(Range<usize>),
    /// What stands between the keys that begin and end a group.
    Group(Range<usize>),
}

/// Reads a part of a payload.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    payload: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// Reads this range; a range beyond the end is cut at the end.
    pub(super) fn new(payload: &'a [u8], range: Range<usize>) -> Self {
        let end = range.end.min(payload.len());
        Self {
            payload,
            at: range.start.min(end),
            end,
        }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    /// The offset in the payload.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn varint(&mut self) -> Result<u64, Failure> {
        let start = self.at;
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.payload[self.at..self.end].first() else {
                return Err(malformed(
                    start,
                    "expected a varint, found the end of what encloses it",
                ));
            };
            self.at += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            bits |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(bits);
            }
        }
        Err(malformed(
            start,
            "expected a varint of at most 64 bits, found a longer one",
        ))
    }

    /// A field's number and the form of its content.
    pub(super) fn key(&mut self) -> Result<(u32, WireType), Failure> {
        let start = self.at;
        let key = u32::try_from(self.varint()?)
            .map_err(|_| malformed(start, "expected a field number below 2^29, found a greater one"))?;
        let Some(wire) = WireType::of(key & 7) else {
            return Err(malformed(
                start,
                "expected one of the six wire types, found another",
            ));
        };
        match key >> 3 {
            0 => Err(malformed(start, "expected a field number from 1, found 0")),
            number => Ok((number, wire)),
        }
    }

    /// The content of a field whose key has been read. Groups may be nested `most_groups` deep.
    pub(super) fn content(
        &mut self,
        number: u32,
        wire: WireType,
        most_groups: usize,
    ) -> Result<Raw, Failure> {
        Ok(match wire {
            WireType::Varint => Raw::Bits(wire, self.varint()?),
            WireType::Fixed64 => Raw::Bits(wire, self.word::<8>().map(u64::from_le_bytes)?),
            WireType::Fixed32 => Raw::Bits(wire, self.word::<4>().map(u32::from_le_bytes)?.into()),
            WireType::Length => Raw::Bytes(self.delimited()?),
            WireType::StartGroup => Raw::Group(self.group(number, most_groups)?),
            WireType::EndGroup => {
                return Err(malformed(
                    self.at,
                    "expected a field, found the end of a group that was not begun",
                ));
            }
        })
    }

    pub(super) fn word<const SIZE: usize>(&mut self) -> Result<[u8; SIZE], Failure> {
        let rest = &self.payload[self.at..self.end];
        let Some(word) = rest.first_chunk::<SIZE>() else {
            return Err(malformed(
                self.at,
                format!("expected {SIZE} bytes, found {}", rest.len()),
            ));
        };
        self.at += SIZE;
        Ok(*word)
    }

    fn delimited(&mut self) -> Result<Range<usize>, Failure> {
        let start = self.at;
        let length = self.varint()?;
        let rest = self.end - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= rest => {
                let range = self.at..self.at + length;
                self.at = range.end;
                Ok(range)
            }
            Ok(_) | Err(_) => Err(malformed(
                start,
                format!(
                    "expected a length of at most {rest} bytes, which is what follows; found a greater one"
                ),
            )),
        }
    }

    /// Finds the end of a group with a list of its own, so that groups in groups take no stack.
    fn group(&mut self, number: u32, most: usize) -> Result<Range<usize>, Failure> {
        let start = self.at;
        let mut open = vec![number];
        loop {
            let end = self.at;
            if self.is_at_end() {
                return Err(malformed(
                    start,
                    "expected the end of the group, found the end of what encloses it",
                ));
            }
            let (number, wire) = self.key()?;
            match wire {
                WireType::StartGroup if open.len() >= most => {
                    let expected = format!("expected groups nested at most {most} deep");
                    return Err(refused(FailureKind::Limit, end, expected));
                }
                WireType::StartGroup => open.push(number),
                WireType::EndGroup => {
                    if open.pop() != Some(number) {
                        return Err(malformed(
                            end,
                            "expected the end of the innermost group, found that of another",
                        ));
                    }
                    if open.is_empty() {
                        return Ok(start..end);
                    }
                }
                WireType::Varint | WireType::Fixed64 | WireType::Fixed32 | WireType::Length => {
                    self.content(number, wire, most)?;
                }
            }
        }
    }
}

/// The bytes are no message of any schema.
pub(super) fn malformed(offset: usize, expected: impl Into<Box<str>>) -> Failure {
    refused(FailureKind::Decode, offset, expected)
}

fn refused(kind: FailureKind, offset: usize, expected: impl Into<Box<str>>) -> Failure {
    let mut failure = Failure::new(kind, expected);
    failure.offset = Some(offset);
    failure
}

pub(super) fn write_varint(mut bits: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = bits.to_le_bytes();
        bits >>= 7;
        if bits == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

pub(super) fn write_key(number: u32, wire: WireType, out: &mut Vec<u8>) {
    write_varint(u64::from(number << 3 | wire.code()), out);
}

/// Writes a field of delimited bytes.
pub(super) fn write_delimited(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_key(number, WireType::Length, out);
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// The integer of a `sint32` or `sint64`.
pub(super) const fn from_zigzag(bits: u64) -> i64 {
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}

/// The bits of a `sint32` or `sint64`.
pub(super) const fn to_zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// The low half, as readers of 32-bit fields are to take longer varints.
pub(super) const fn low(bits: u64) -> u32 {
    let [a, b, c, d, ..] = bits.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
