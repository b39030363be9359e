//! Reads JSON text (RFC 8259) strictly, and says at which byte it went wrong.
//!
//! The reader keeps its own list of open containers, so that no document, however deep, can exhaust the stack. It
//! refuses what some readers forgive: a byte order mark, bad UTF-8, comments, trailing commas, `NaN`.

use std::collections::HashSet;
use std::fmt;

use super::number::{Scan, scan};
use super::{Member, Number, Text, Value};

/// What a reader accepts beyond the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The number of containers that may be open at once.
    pub depth: usize,
    /// Whether a name may stand twice in one object.
    pub duplicate_names: DuplicateNames,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            depth: 128,
            duplicate_names: DuplicateNames::Allow,
        }
    }
}

/// Whether a name may stand twice in one object. Names are compared after unescaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateNames {
    /// They pass through.
    #[default]
    Allow,
    /// They are an error, at any depth.
    Reject,
}

/// Why bytes are no document. It never holds any of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected} at byte {offset}")]
pub struct ParseError {
    /// Whether the text is malformed or only beyond a limit.
    pub kind: ParseErrorKind,
    /// The offset in bytes, from 0, of the first byte that could not be accepted.
    pub offset: usize,
    /// What was expected there.
    pub expected: String,
}

/// The classes of [`ParseError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// No JSON in UTF-8, or a duplicate name where those are rejected.
    Syntax,
    /// More open containers than allowed.
    Depth,
}

/// Reads one document, with nothing but white space around it.
///
/// # Errors
/// The first byte that cannot be accepted, and what was expected there.
pub fn parse(bytes: &[u8], reading: &Reading) -> Result<Value, ParseError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(syntax(0, "expected JSON without a byte order mark"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Parser::new(text, reading).document(),
        Err(error) => {
            // What stands before the bad bytes may be malformed, too; the first defect is the one to name.
            let end = error.valid_up_to();
            let valid = std::str::from_utf8(&bytes[..end]).unwrap_or_default();
            match Parser::new(valid, reading).document() {
                Err(earlier) if earlier.offset < end => Err(earlier),
                Ok(_) | Err(_) => Err(syntax(end, "expected UTF-8")),
            }
        }
    }
}

fn syntax(offset: usize, expected: impl fmt::Display) -> ParseError {
    ParseError {
        kind: ParseErrorKind::Syntax,
        offset,
        expected: expected.to_string(),
    }
}

/// A container that is not closed yet.
enum Open {
    Array(Vec<Value>),
    Object {
        members: Vec<Member>,
        name: Text,
        names: HashSet<Vec<u32>>,
    },
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    reading: &'a Reading,
    open: Vec<Open>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, reading: &'a Reading) -> Self {
        Self {
            text,
            at: 0,
            reading,
            open: Vec::new(),
        }
    }

    fn document(mut self) -> Result<Value, ParseError> {
        loop {
            self.white_space();
            // `None`: a container was opened, and its first value is next.
            let Some(value) = self.start_value()? else {
                continue;
            };
            if let Some(document) = self.end_value(value)? {
                self.white_space();
                return match self.peek() {
                    None => Ok(document),
                    Some(_) => Err(syntax(self.at, "expected the end of the document")),
                };
            }
        }
    }

    /// Reads a scalar or an empty container, or opens a container.
    fn start_value(&mut self) -> Result<Option<Value>, ParseError> {
        match self.peek() {
            Some(b'"') => Ok(Some(Value::String(self.string()?))),
            Some(b'-' | b'0'..=b'9') => Ok(Some(Value::Number(self.number()?))),
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'[') => {
                self.open_container()?;
                if self.eat(b']') {
                    return Ok(Some(Value::Array(Vec::new())));
                }
                self.open.push(Open::Array(Vec::new()));
                Ok(None)
            }
            Some(b'{') => {
                self.open_container()?;
                if self.eat(b'}') {
                    return Ok(Some(Value::Object(Vec::new())));
                }
                let mut names = HashSet::new();
                let name = self.name(&mut names)?;
                self.open.push(Open::Object {
                    members: Vec::new(),
                    name,
                    names,
                });
                Ok(None)
            }
            Some(_) => Err(syntax(self.at, "expected a JSON value")),
            None => Err(syntax(self.at, "expected a JSON value, found the end")),
        }
    }

    /// Puts a value into the container that is open, and closes containers as long as they end here.
    fn end_value(&mut self, mut value: Value) -> Result<Option<Value>, ParseError> {
        loop {
            let Some(mut container) = self.open.pop() else {
                return Ok(Some(value));
            };
            self.white_space();
            match &mut container {
                Open::Array(elements) => {
                    elements.push(value);
                    if self.eat(b',') {
                        self.open.push(container);
                        return Ok(None);
                    }
                    if !self.eat(b']') {
                        return Err(self.unfinished("expected `,` or `]`"));
                    }
                }
                Open::Object { members, name, names } => {
                    let name = std::mem::replace(name, Text::from_scanned(""));
                    members.push(Member { name, value });
                    if self.eat(b',') {
                        self.white_space();
                        let next = self.name(names)?;
                        if let Open::Object { name, .. } = &mut container {
                            *name = next;
                        }
                        self.open.push(container);
                        return Ok(None);
                    }
                    if !self.eat(b'}') {
                        return Err(self.unfinished("expected `,` or `}`"));
                    }
                }
            }
            value = match container {
                Open::Array(elements) => Value::Array(elements),
                Open::Object { members, .. } => Value::Object(members),
            };
        }
    }

    fn open_container(&mut self) -> Result<(), ParseError> {
        if self.open.len() >= self.reading.depth {
            return Err(ParseError {
                kind: ParseErrorKind::Depth,
                offset: self.at,
                expected: format!("expected at most {} open containers", self.reading.depth),
            });
        }
        self.at += 1;
        self.white_space();
        Ok(())
    }

    /// Reads a member's name and the colon behind it.
    fn name(&mut self, names: &mut HashSet<Vec<u32>>) -> Result<Text, ParseError> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.unfinished("expected a member's name in double quotes"));
        }
        let name = self.string()?;
        if self.reading.duplicate_names == DuplicateNames::Reject && !names.insert(name.sort_key()) {
            return Err(syntax(start, "expected every name at most once in an object"));
        }
        self.white_space();
        if !self.eat(b':') {
            return Err(self.unfinished("expected `:`"));
        }
        Ok(name)
    }

    fn string(&mut self) -> Result<Text, ParseError> {
        let start = self.at + 1;
        self.at = start;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => {
                    return Err(syntax(
                        self.at,
                        "expected control characters in a string to be escaped",
                    ));
                }
                Some(_) => self.at += 1,
                None => return Err(syntax(self.at, "expected `\"`, found the end")),
            }
        }
        let source = &self.text[start..self.at];
        self.at += 1;
        Ok(Text::from_scanned(source))
    }

    fn escape(&mut self) -> Result<(), ParseError> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(syntax(self.at, "expected four hexadecimal digits after `\\u`"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(syntax(self.at, "expected one of `\"\\/bfnrtu` after a backslash")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Number, ParseError> {
        let rest = &self.text[self.at..];
        match scan(rest.as_bytes()) {
            Scan::Number(length) => {
                self.at += length;
                Ok(Number::from_scanned(&rest[..length]))
            }
            Scan::Broken(offset) => Err(syntax(self.at + offset, "expected a digit")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Option<Value>, ParseError> {
        let rest = &self.text.as_bytes()[self.at..];
        let same = rest
            .iter()
            .zip(word.as_bytes())
            .take_while(|(left, right)| left == right)
            .count();
        self.at += same;
        if same == word.len() {
            Ok(Some(value))
        } else {
            Err(syntax(self.at, format_args!("expected `{word}`")))
        }
    }

    fn unfinished(&self, expected: &str) -> ParseError {
        match self.peek() {
            Some(_) => syntax(self.at, expected),
            None => syntax(self.at, format_args!("{expected}, found the end")),
        }
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
