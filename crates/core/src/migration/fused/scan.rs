//! Reads JSON text strictly, without keeping anything of it: where does a value end.
//!
//! What is refused here is exactly what [`document::parse`](crate::migration::document::parse) refuses, but nothing is
//! said about why: whoever is refused asks the interpreter, which names the first defect. The caller has checked that the
//! text is UTF-8. Containers that nobody looks into are walked without recursion.

use super::{Handed, simd};
use crate::migration::limits::Limits;

/// The position behind what was read.
pub(super) type Scanned = Result<usize, Handed>;

/// One text, read from left to right by whoever holds the position.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    /// How many containers may be open at once.
    most: usize,
    /// How many were.
    pub(super) deepest: usize,
}

const WORDS: usize = Limits::MOST_DEPTH / 64;

impl<'a> Scanner<'a> {
    pub(super) const fn new(bytes: &'a [u8], most: usize) -> Self {
        Self {
            bytes,
            most,
            deepest: 0,
        }
    }

    /// Checks a whole document, with nothing but white space around it.
    pub(super) fn document(&mut self) -> Result<(), Handed> {
        let start = self.white_space(0);
        let end = self.value(start, 0)?;
        self.end(end)
    }

    /// Checks that nothing but white space follows.
    pub(super) fn end(&self, at: usize) -> Result<(), Handed> {
        if self.white_space(at) == self.bytes.len() {
            Ok(())
        } else {
            Err(Handed)
        }
    }

    /// The byte at a position. Behind the end it is zero, which no rule of the grammar accepts.
    #[inline(always)]
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(super) fn white_space(&self, at: usize) -> usize {
        if self.byte(at) > b' ' {
            return at;
        }
        self.skip_white_space(at)
    }

    #[inline(never)]
    fn skip_white_space(&self, mut at: usize) -> usize {
        while matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// Notes that a container is opened inside of `open` others.
    #[inline(always)]
    pub(super) fn open(&mut self, open: usize) -> Result<(), Handed> {
        if open >= self.most {
            return Err(Handed);
        }
        self.deepest = self.deepest.max(open + 1);
        Ok(())
    }

    /// The end of the value that begins here, inside of `open` containers.
    #[inline(always)]
    pub(super) fn value(&mut self, at: usize, open: usize) -> Scanned {
        match self.byte(at) {
            b'"' => self.string(at + 1),
            b'{' | b'[' => self.container(at, open),
            byte => self.atom(at, byte),
        }
    }

    /// The end of a number or a word.
    #[inline(always)]
    pub(super) fn atom(&self, at: usize, first: u8) -> Scanned {
        match first {
            b'-' | b'0'..=b'9' => self.number(at),
            b't' => self.word(at, *b"true"),
            b'n' => self.word(at, *b"null"),
            b'f' => self.word(at + 1, *b"alse"),
            _ => Err(Handed),
        }
    }

    #[inline(always)]
    fn word(&self, at: usize, word: [u8; 4]) -> Scanned {
        match self.bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
            Some(found) if *found == word => Ok(at + 4),
            Some(_) | None => Err(Handed),
        }
    }

    #[inline(always)]
    pub(super) fn number(&self, mut at: usize) -> Scanned {
        at += usize::from(self.byte(at) == b'-');
        match self.byte(at) {
            b'0' => at += 1,
            b'1'..=b'9' => at = self.digits(at + 1),
            _ => return Err(Handed),
        }
        if self.byte(at) == b'.' {
            let end = self.digits(at + 1);
            if end == at + 1 {
                return Err(Handed);
            }
            at = end;
        }
        if matches!(self.byte(at), b'e' | b'E') {
            return self.exponent(at + 1);
        }
        Ok(at)
    }

    #[inline(never)]
    fn exponent(&self, at: usize) -> Scanned {
        let start = at + usize::from(matches!(self.byte(at), b'+' | b'-'));
        let end = self.digits(start);
        if end == start { Err(Handed) } else { Ok(end) }
    }

    #[inline(always)]
    fn digits(&self, at: usize) -> usize {
        simd::behind_digits(self.bytes, at)
    }

    /// The end of a string, behind its closing quote; `at` is behind the opening one.
    #[inline(always)]
    pub(super) fn string(&self, at: usize) -> Scanned {
        let at = simd::special(self.bytes, at);
        if self.byte(at) == b'"' {
            return Ok(at + 1);
        }
        self.rest_of_string(at)
    }

    #[inline(never)]
    fn rest_of_string(&self, mut at: usize) -> Scanned {
        loop {
            match self.byte(at) {
                b'"' => return Ok(at + 1),
                b'\\' => at = self.escape(at + 1)?,
                _ => return Err(Handed),
            }
            at = simd::special(self.bytes, at);
        }
    }

    fn escape(&self, at: usize) -> Scanned {
        match self.byte(at) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 1),
            b'u' => match self.bytes.get(at + 1..).and_then(<[u8]>::first_chunk::<4>) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 5),
                Some(_) | None => Err(Handed),
            },
            _ => Err(Handed),
        }
    }

    /// The beginning of the value behind a name and its colon; `at` is where the name must begin.
    #[inline(always)]
    pub(super) fn behind_name(&self, at: usize) -> Scanned {
        if self.byte(at) != b'"' {
            return Err(Handed);
        }
        let end = self.string(at + 1)?;
        self.behind_colon(end)
    }

    /// The beginning of the value behind a colon; `at` is behind the name.
    #[inline(always)]
    pub(super) fn behind_colon(&self, at: usize) -> Scanned {
        let at = self.white_space(at);
        if self.byte(at) != b':' {
            return Err(Handed);
        }
        Ok(self.white_space(at + 1))
    }

    /// The end of an array or an object that nobody looks into.
    pub(super) fn container(&mut self, mut at: usize, outer: usize) -> Scanned {
        // Which of the open containers are objects: one bit each, from the outermost of this value on.
        let mut objects = [0_u64; WORDS];
        let mut open = outer;
        let mut is_object = false;
        loop {
            let byte = self.byte(at);
            match byte {
                b'"' => at = self.string(at + 1)?,
                b'{' | b'[' => {
                    self.open(open)?;
                    let (word, bit) = (open / 64 % WORDS, 1 << (open % 64));
                    if is_object {
                        objects[word] |= bit;
                    } else {
                        objects[word] &= !bit;
                    }
                    is_object = byte == b'{';
                    open += 1;
                    at = self.white_space(at + 1);
                    let close = if is_object { b'}' } else { b']' };
                    if self.byte(at) != close {
                        if is_object {
                            at = self.behind_name(at)?;
                        }
                        continue;
                    }
                    // Empty: it ends below, as if a value had ended before.
                }
                byte => at = self.atom(at, byte)?,
            }
            loop {
                if open == outer {
                    return Ok(at);
                }
                at = self.white_space(at);
                let next = self.byte(at);
                at += 1;
                if next == b',' {
                    at = self.white_space(at);
                    if is_object {
                        at = self.behind_name(at)?;
                    }
                    break;
                }
                let close = if is_object { b'}' } else { b']' };
                if next != close {
                    return Err(Handed);
                }
                open -= 1;
                is_object = objects[open / 64 % WORDS] & (1 << (open % 64)) != 0;
            }
        }
    }
}
