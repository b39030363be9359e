//! A text with a name, and places in it.

use std::fmt;
use std::sync::Arc;

/// A range of bytes in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset behind the last byte; equal to `start` for a point.
    pub end: usize,
}

impl Span {
    /// The bytes from `start` up to, not including, `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self {
            start,
            end: end.max(start),
        }
    }
}

/// A text that was read, with the name that people know it by. Clones share the text.
#[derive(Clone)]
pub struct SourceText {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    may_show: fn(&str) -> bool,
}

impl SourceText {
    /// A text whose lines may be shown in findings.
    ///
    /// `name` is what findings print: a file's name relative to the project, or a word such as `--set`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::guarded(name, text, |_| true)
    }

    /// A text of which only the lines that `may_show` accepts are shown in findings, for texts that may hold secrets.
    pub fn guarded(name: impl Into<String>, text: impl Into<String>, may_show: fn(&str) -> bool) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            inner: Arc::new(Inner {
                name: name.into(),
                text,
                line_starts,
                may_show,
            }),
        }
    }

    /// The name that findings print.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The text of a span; empty if the span does not lie in this text on character boundaries.
    pub fn slice(&self, span: Span) -> &str {
        self.inner.text.get(span.start..span.end).unwrap_or_default()
    }

    /// A place in this text.
    pub fn place(&self, span: Span) -> Place {
        Place {
            source: self.clone(),
            span: Some(span),
        }
    }

    /// Line and column of an offset, both counted from 1, columns in characters. Beyond the end: the end.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.inner.text.len());
        let line = self.line(offset);
        let start = self.inner.line_starts[line - 1];
        // An offset inside a character is that character's column.
        let column = self.inner.text[start..]
            .char_indices()
            .take_while(|(at, _)| start + at < offset)
            .count();
        let inside = offset < self.inner.text.len() && !self.inner.text.is_char_boundary(offset);
        (line, if inside { column } else { column + 1 })
    }

    /// The line of an offset, counted from 1. Beyond the end: the last line.
    fn line(&self, offset: usize) -> usize {
        self.inner.line_starts.partition_point(|start| *start <= offset)
    }

    /// A line by its number from 1, without its end, and the offset of its first byte; none where it may not be shown.
    pub(super) fn shown_line(&self, line: usize) -> Option<(usize, &str)> {
        let start = *self.inner.line_starts.get(line.checked_sub(1)?)?;
        let rest = &self.inner.text[start..];
        let text = rest.split('\n').next().unwrap_or_default();
        let text = text.strip_suffix('\r').unwrap_or(text);
        (self.inner.may_show)(text).then_some((start, text))
    }
}

/// Prints the name and the length: a text may be long, or hold what must not be logged.
impl fmt::Debug for SourceText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "SourceText({:?}, {} bytes)",
            self.inner.name,
            self.inner.text.len()
        )
    }
}

/// Where something stands: a span of a text, or the text as a whole.
///
/// It prints as `file:line:column`, or as `file` for a whole text. Clones share the text.
#[derive(Clone, Debug)]
pub struct Place {
    source: SourceText,
    span: Option<Span>,
}

impl Place {
    /// A whole file, or something else that has a name but no lines, such as an environment variable.
    pub fn whole(name: impl Into<String>) -> Self {
        Self {
            source: SourceText::new(name, ""),
            span: None,
        }
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The text it lies in; empty for [`Place::whole`].
    pub fn source(&self) -> &SourceText {
        &self.source
    }

    /// The bytes it covers; none for a whole file.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// Line and column of its first character, from 1; none for a whole file.
    pub fn start(&self) -> Option<(usize, usize)> {
        self.span.map(|span| self.source.position(span.start))
    }

    /// The line of its first character, from 1; none for a whole file.
    pub fn line(&self) -> Option<usize> {
        self.span.map(|span| self.source.line(span.start))
    }

    /// Line and column behind its last character, from 1; none for a whole file.
    pub fn end(&self) -> Option<(usize, usize)> {
        self.span.map(|span| self.source.position(span.end))
    }

    /// Another span of the same text.
    pub fn at(&self, span: Span) -> Self {
        Self {
            source: self.source.clone(),
            span: Some(span),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", super::render::Plain(self.file()))?;
        match self.start() {
            Some((line, column)) => write!(formatter, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// Two places are the same if they name the same span of a file of the same name.
impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.span == other.span && self.file() == other.file()
    }
}

impl Eq for Place {}
