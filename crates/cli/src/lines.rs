//! Lines of documents: one per line, counted from 1, with either kind of line end.
//!
//! A line is as long as its writer made it: what is too large to be migrated is judged by the migration, so that its original
//! bytes are still there for the dead letter.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;

/// Reads lines one by one.
pub(crate) struct Lines<R> {
    input: BufReader<R>,
    number: u64,
    /// The length of the last line: the next one is most likely about as long.
    length: usize,
}

impl<R: Read> Lines<R> {
    /// The lines of this input.
    pub(crate) fn of(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(1 << 16, input),
            number: 0,
            length: 256,
        }
    }

    /// The next line that is not empty, with its number and without its end; none behind the last.
    ///
    /// A line of white space is an empty one. Empty lines are passed over, and counted.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Bytes)>> {
        loop {
            let mut line = Vec::with_capacity(self.length + 2);
            if self.input.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.length = line.len();
            if line.ends_with(b"\n") {
                line.pop();
                if line.ends_with(b"\r") {
                    line.pop();
                }
            }
            if !line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
                return Ok(Some((self.number, Bytes::from(line))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static [u8]) -> Vec<(u64, Bytes)> {
        let mut lines = Lines::of(text);
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    #[test]
    fn empty_lines_are_passed_over_and_counted() {
        assert_eq!(
            lines(b"\n1\r\n \t\r\n 2 \n\n3"),
            [
                (2, Bytes::from("1")),
                (4, Bytes::from(" 2 ")),
                (6, Bytes::from("3"))
            ]
        );
        assert!(lines(b"").is_empty());
        assert!(lines(b"\r\n\n").is_empty());
    }

    #[test]
    fn only_the_end_of_a_line_is_taken_from_it() {
        assert_eq!(
            lines(b"a\rb\r\r\nc\r"),
            [(1, Bytes::from("a\rb\r")), (2, Bytes::from("c\r"))]
        );
    }
}
