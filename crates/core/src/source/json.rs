//! JSON by RFC 8259, strictly, with places. Numbers keep their spelling, lone surrogates are kept as such.
//!
//! The first fault of the grammar ends the reading, since whatever follows would be a guess; members that stand twice
//! do not. What people bring along from other notations (comments, single quotes, a comma at the end) is named.

use super::{Content, MOST_DEPTH, Member, Node, report_duplicates};
use crate::finding::{Finding, Findings, SourceText, Span};
use crate::migration::document::{Number, Text};

/// Reads the text; none if it is not JSON, which has been reported then.
pub(super) fn read(source: &SourceText, findings: &mut Findings) -> Option<Node> {
    let mut reader = Reader {
        source,
        text: source.text(),
        at: 0,
        depth: 0,
        findings,
    };
    reader.skip_space();
    if reader.peek().is_none() {
        return reader.refuse(0, "the file is empty; expected a JSON value", None);
    }
    let node = reader.value()?;
    reader.skip_space();
    match reader.peek() {
        None => Some(node),
        Some(_) => {
            let found = reader.found();
            reader.refuse(
                reader.at,
                &format!("expected the end of the file, found {found}"),
                reader.foreign(),
            )
        }
    }
}

struct Reader<'text, 'findings> {
    source: &'text SourceText,
    text: &'text str,
    at: usize,
    depth: usize,
    findings: &'findings mut Findings,
}

impl Reader<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reports what stands at an offset, and gives up.
    fn refuse<T>(&mut self, at: usize, message: &str, help: Option<&str>) -> Option<T> {
        let length = self.text[at..].chars().next().map_or(0, char::len_utf8);
        let place = self.source.place(Span::new(at, at + length));
        let finding = Finding::error(&place, format!("not valid JSON: {message}"));
        self.findings.push(match help {
            Some(help) => finding.help(help),
            None => finding,
        });
        None
    }

    /// What stands at the current offset, for `found …`.
    fn found(&self) -> String {
        match self.text[self.at..].chars().next() {
            None => "the end of the file".to_owned(),
            Some(character) if character.is_control() => format!("U+{:04X}", u32::from(character)),
            Some(character) => format!("`{character}`"),
        }
    }

    /// What helps where something of another notation stands at the current offset.
    fn foreign(&self) -> Option<&'static str> {
        let rest = &self.text[self.at..];
        match rest.as_bytes().first()? {
            b'/' | b'#' => Some("JSON has no comments; write the file as YAML to have them"),
            b'\'' => Some("JSON strings stand in double quotes"),
            b'N' | b'I' => Some("JSON knows no NaN and no Infinity"),
            b'+' | b'.' => Some("a JSON number begins with a digit or with `-`"),
            _ => None,
        }
    }

    fn expected<T>(&mut self, what: &str) -> Option<T> {
        let message = format!("expected {what}, found {}", self.found());
        let help = self.foreign();
        self.refuse(self.at, &message, help)
    }

    fn node(&self, start: usize, content: Content) -> Node {
        Node::new(self.source.place(Span::new(start, self.at)), content)
    }

    fn value(&mut self) -> Option<Node> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.container(Self::object),
            Some(b'[') => self.container(Self::array),
            Some(b'"') => {
                let content = self.string()?;
                Some(self.node(start, content))
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Some(self.node(
                    start,
                    Content::Number(Number::from_scanned(&self.text[start..self.at])),
                ))
            }
            _ => {
                for (word, content) in [
                    ("null", Content::Null),
                    ("true", Content::Bool(true)),
                    ("false", Content::Bool(false)),
                ] {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Some(self.node(start, content));
                    }
                }
                self.expected("a value")
            }
        }
    }

    fn container(&mut self, read: fn(&mut Self) -> Option<Content>) -> Option<Node> {
        let start = self.at;
        if self.depth == MOST_DEPTH {
            let message = format!("nested too deeply, at most {MOST_DEPTH} open arrays and objects are read");
            return self.refuse(start, &message, None);
        }
        self.depth += 1;
        self.at += 1;
        let content = read(self)?;
        self.depth -= 1;
        Some(self.node(start, content))
    }

    fn array(&mut self) -> Option<Content> {
        let mut elements = Vec::new();
        self.skip_space();
        if self.take(b']') {
            return Some(Content::Array(elements));
        }
        loop {
            self.skip_space();
            if self.peek() == Some(b']') {
                return self.refuse(
                    self.at,
                    "expected a value, found `]`",
                    Some("remove the comma before it"),
                );
            }
            elements.push(self.value()?);
            self.skip_space();
            if self.take(b']') {
                return Some(Content::Array(elements));
            }
            if !self.take(b',') {
                return self.expected("`,` or `]`");
            }
        }
    }

    fn object(&mut self) -> Option<Content> {
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b'}') {
            return Some(Content::Object(members));
        }
        loop {
            self.skip_space();
            let start = self.at;
            match self.peek() {
                Some(b'"') => {}
                Some(b'}') => {
                    return self.refuse(
                        start,
                        "expected a member, found `}`",
                        Some("remove the comma before it"),
                    );
                }
                _ => return self.expected("a member's name in double quotes"),
            }
            let name = self.string()?;
            let name = self.node(start, name);
            self.skip_space();
            if !self.take(b':') {
                return self.expected("`:`");
            }
            self.skip_space();
            let value = self.value()?;
            members.push(Member { name, value });
            self.skip_space();
            if self.take(b'}') {
                report_duplicates(&members, self.findings);
                return Some(Content::Object(members));
            }
            if !self.take(b',') {
                return self.expected("`,` or `}`");
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn number(&mut self) -> Option<()> {
        self.take(b'-');
        match self.peek() {
            Some(b'0') => {
                self.at += 1;
                if matches!(self.peek(), Some(b'0'..=b'9')) {
                    return self.refuse(self.at, "a number has no leading zeros", None);
                }
            }
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.expected("a digit"),
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.expected("a digit");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Some(())
    }

    /// Reads a string from its opening quote on.
    fn string(&mut self) -> Option<Content> {
        let start = self.at;
        self.at += 1;
        loop {
            let Some(character) = self.text[self.at..].chars().next() else {
                return self.refuse(start, "the string is not closed", None);
            };
            match character {
                '"' => {
                    let scanned = Text::from_scanned(&self.text[start + 1..self.at]);
                    self.at += 1;
                    return Some(match scanned.read() {
                        Ok(text) => Content::String(text.into_owned()),
                        Err(_) => Content::Surrogates(scanned.canonical()),
                    });
                }
                '\\' => self.escape()?,
                character if character < ' ' => {
                    let message = format!("U+{:04X} stands unescaped in a string", u32::from(character));
                    let help = if character == '\n' {
                        "close the string, or write `\\n`"
                    } else {
                        "write it as an escape"
                    };
                    return self.refuse(self.at, &message, Some(help));
                }
                character => self.at += character.len_utf8(),
            }
        }
    }

    /// Steps over one escape.
    fn escape(&mut self) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at + 1..];
        match rest.first() {
            Some(b'u') if rest.len() > 4 && rest[1..5].iter().all(u8::is_ascii_hexdigit) => self.at += 6,
            Some(b'u') => return self.refuse(self.at, "`\\u` needs four hexadecimal digits", None),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            _ => {
                let help = "a backslash itself is written `\\\\`";
                return self.refuse(self.at, "no escape of JSON begins like this", Some(help));
            }
        }
        Some(())
    }
}
