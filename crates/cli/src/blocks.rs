//! Whole lines, many at a time, so that several threads can work on what one of them reads.
//!
//! A block is what one read brought, up to the last line end in it: what is here is handed on at once, and nobody who writes
//! line by line waits for a block to be full. A line that is longer than a block makes the block longer; what is too large to be
//! migrated is judged by the migration.

use std::io::{self, ErrorKind, Read};

use bytes::{Bytes, BytesMut};

/// Bytes that are asked for at once.
const READ: usize = 256 * 1024;

/// Reads blocks of lines.
pub(crate) struct Blocks<R> {
    input: R,
    /// What has come behind the last line end.
    begun: BytesMut,
    /// The number of the line that begins there.
    line: u64,
    ended: bool,
}

/// Whole lines that follow each other. Only the last line of the input may lack its end.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    bytes: Bytes,
    first: u64,
}

impl<R: Read> Blocks<R> {
    /// The blocks of this input.
    pub(crate) fn of(input: R) -> Self {
        Self {
            input,
            begun: BytesMut::new(),
            line: 1,
            ended: false,
        }
    }

    /// The next block; none behind the last.
    ///
    /// # Errors
    /// The input cannot be read. What has come of a line by then is lost; whole lines before it were handed on.
    pub(crate) fn next(&mut self) -> io::Result<Option<Block>> {
        while !self.ended {
            let searched = self.begun.len();
            self.begun.resize(searched + READ, 0);
            let read = self.input.read(&mut self.begun[searched..]);
            self.begun
                .truncate(searched + read.as_ref().copied().unwrap_or_default());
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {
                    if let Some(last) = memchr::memrchr(b'\n', &self.begun[searched..]) {
                        return Ok(Some(self.hand_on(searched + last + 1)));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let rest = self.begun.len();
        Ok((rest > 0).then(|| self.hand_on(rest)))
    }

    fn hand_on(&mut self, length: usize) -> Block {
        let bytes = self.begun.split_to(length).freeze();
        let first = self.line;
        // A count of lines in memory fits.
        self.line += u64::try_from(memchr::memchr_iter(b'\n', &bytes).count()).unwrap_or(u64::MAX);
        Block { bytes, first }
    }
}

impl Block {
    /// How many bytes it has, line ends included.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The lines that are not empty, with their numbers, counted from 1, and without their ends (of either kind).
    ///
    /// A line of white space is an empty one. Empty lines are passed over, and counted.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, Bytes)> {
        let mut rest = self.bytes.clone();
        let mut number = self.first;
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let line = match memchr::memchr(b'\n', &rest) {
                    Some(end) => {
                        let mut line = rest.split_to(end + 1);
                        let length = if line[..end].ends_with(b"\r") {
                            end - 1
                        } else {
                            end
                        };
                        line.truncate(length);
                        line
                    }
                    None => std::mem::take(&mut rest),
                };
                number += 1;
                if !line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
                    return Some((number - 1, line));
                }
            }
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Lines;

    /// Gives at most so many bytes at once.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn lines(input: impl Read) -> Vec<(u64, Bytes)> {
        let mut blocks = Blocks::of(input);
        std::iter::from_fn(|| blocks.next().unwrap())
            .flat_map(|block| block.lines().collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn blocks_hold_the_lines_that_are_read_one_by_one() {
        for text in [
            &b"\n1\r\n \t\r\n 2 \n\n3"[..],
            b"",
            b"\r\n\n",
            b"a\rb\r\r\nc\r",
            b"1\n2\n3\n",
            b"\n\n\n4",
        ] {
            let mut one_by_one = Lines::of(text);
            let expected: Vec<_> = std::iter::from_fn(|| one_by_one.next().unwrap()).collect();
            for at_once in 1..=text.len().max(1) {
                assert_eq!(lines(Slow(text, at_once)), expected, "{at_once} bytes at once");
            }
        }
    }

    #[test]
    fn a_line_that_is_longer_than_a_block_is_one_line() {
        let long = "x".repeat(3 * READ + 7);
        let text = format!("1\n{long}\n3\n");
        let read = lines(text.as_bytes());
        assert_eq!(
            read.iter()
                .map(|(number, line)| (*number, line.len()))
                .collect::<Vec<_>>(),
            [(1, 1), (2, long.len()), (3, 1)]
        );
    }

    #[test]
    fn whole_lines_are_handed_on_before_the_next_read() {
        let mut blocks = Blocks::of(Slow(b"1\n2\n3\n", 3));
        let first = blocks.next().unwrap().unwrap();
        assert_eq!(first.lines().count(), 1);
        assert_eq!(first.len(), 2);
    }

    #[test]
    fn an_error_comes_behind_the_lines_before_it() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("gone"));
                }
                buffer[..4].copy_from_slice(b"1\n2 ");
                Ok(4)
            }
        }
        let mut blocks = Blocks::of(Broken(false));
        assert_eq!(blocks.next().unwrap().unwrap().lines().count(), 1);
        assert_eq!(blocks.next().unwrap_err().to_string(), "gone");
    }
}
