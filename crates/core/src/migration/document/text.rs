//! A string as the source text between its quotes.

use std::borrow::Cow;
use std::fmt;

/// The content of a JSON string, kept as it was escaped in the source.
///
/// Equality is that of the text that it stands for: `"\u00e9"` equals `"é"`. A lone surrogate equals itself.
#[derive(Clone)]
pub struct Text(String);

/// A string holds half of a surrogate pair, such as `"\ud800"`: JSON can carry it, but it is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the string holds a lone surrogate escape, which is no text")]
pub struct LoneSurrogate;

impl Text {
    /// Writes `text` in canonical escapes.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "this cannot fail, and `FromStr` would say that it may"
    )]
    pub fn from_str(text: &str) -> Self {
        let mut escaped = String::with_capacity(text.len());
        escape(text, &mut escaped);
        Self(escaped)
    }

    /// The source text, without the quotes.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0
    }

    /// The text that is meant, with its escapes resolved.
    ///
    /// # Errors
    /// A lone surrogate is no text. Operations that need not read a string must not call this.
    pub fn read(&self) -> Result<Cow<'_, str>, LoneSurrogate> {
        if !self.0.contains('\\') {
            return Ok(Cow::Borrowed(&self.0));
        }
        let mut text = String::with_capacity(self.0.len());
        for unit in Units(self.0.chars()) {
            text.push(unit.map_err(|_| LoneSurrogate)?);
        }
        Ok(Cow::Owned(text))
    }

    /// Whether this stands for `text`.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.read().is_ok_and(|own| own == text)
    }

    /// The same text in canonical escapes; a lone surrogate is written `\udXXX`, in lower case.
    #[must_use]
    pub fn canonical(&self) -> Self {
        Self::from_units(self.units())
    }

    /// Joins texts as they are escaped in the source. Nothing is read, so a lone surrogate is carried along.
    ///
    /// Two halves of a pair that meet at a seam do become one character, as they do for every reader of JSON.
    #[must_use]
    pub fn concat(parts: &[&Self]) -> Self {
        Self(parts.iter().map(|part| part.0.as_str()).collect())
    }

    /// The parts between delimiters, each as it is escaped in the source. At least one.
    pub(crate) fn split_on(&self, delimiter: &str) -> Vec<Self> {
        let delimiter: Vec<Result<char, u16>> = delimiter.chars().map(Ok).collect();
        let mut units = Units(self.0.chars());
        let mut starts = Vec::new();
        let mut read = Vec::new();
        loop {
            starts.push(self.0.len() - units.0.as_str().len());
            let Some(unit) = units.next() else { break };
            read.push(unit);
        }
        let (mut parts, mut first, mut at) = (Vec::new(), 0, 0);
        while at < read.len() {
            if !delimiter.is_empty() && read[at..].starts_with(&delimiter) {
                parts.push(Self(self.0[starts[first]..starts[at]].to_owned()));
                at += delimiter.len();
                first = at;
            } else {
                at += 1;
            }
        }
        parts.push(Self(self.0[starts[first]..].to_owned()));
        parts
    }

    /// The characters that are meant; a lone surrogate is given as its code unit.
    pub fn units(&self) -> impl Iterator<Item = Result<char, u16>> + '_ {
        Units(self.0.chars())
    }

    /// Text of these characters, in canonical escapes; halves of surrogate pairs are carried along.
    pub(crate) fn from_units(units: impl Iterator<Item = Result<char, u16>>) -> Self {
        let mut escaped = String::new();
        for unit in units {
            match unit {
                Ok(character) => escape_character(character, &mut escaped),
                Err(surrogate) => escaped.push_str(&format!("\\u{surrogate:04x}")),
            }
        }
        Self(escaped)
    }

    /// The source has been checked already.
    pub(crate) fn from_scanned(source: &str) -> Self {
        Self(source.to_owned())
    }

    /// Something to sort and to hash by: equal for equal texts, ordered by code points.
    pub(crate) fn sort_key(&self) -> Vec<u32> {
        self.units()
            .map(|unit| unit.map_or_else(u32::from, u32::from))
            .collect()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from_str(text)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.units().eq(other.units())
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Text(\"{}\")", self.0)
    }
}

/// Writes `text` as a JSON string: in quotes, with canonical escapes.
pub fn write_quoted(text: &str, out: &mut String) {
    out.push('"');
    escape(text, out);
    out.push('"');
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        escape_character(character, out);
    }
}

fn escape_character(character: char, out: &mut String) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        other if other < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(other))),
        other => out.push(other),
    }
}

/// Resolves the escapes of a source that has been scanned.
///
/// The source is known to be well formed; an escape that is not would end the walk instead of panicking.
struct Units<'a>(std::str::Chars<'a>);

impl Units<'_> {
    fn code_unit(&mut self) -> Option<u16> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | self.0.next()?.to_digit(16)?;
        }
        u16::try_from(unit).ok()
    }
}

impl Iterator for Units<'_> {
    type Item = Result<char, u16>;

    fn next(&mut self) -> Option<Self::Item> {
        let character = self.0.next()?;
        if character != '\\' {
            return Some(Ok(character));
        }
        let resolved = match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.code_unit()?;
                return Some(self.pair(first));
            }
            itself => itself,
        };
        Some(Ok(resolved))
    }
}

impl Units<'_> {
    /// Completes a surrogate pair, if the second half follows at once.
    fn pair(&mut self, first: u16) -> Result<char, u16> {
        let single = char::from_u32(u32::from(first)).ok_or(first);
        if !(0xd800..0xdc00).contains(&first) {
            return single;
        }
        let mut ahead = Units(self.0.clone());
        if ahead.0.next() != Some('\\') || ahead.0.next() != Some('u') {
            return single;
        }
        let Some(second @ 0xdc00..=0xdfff) = ahead.code_unit() else {
            return single;
        };
        let point = 0x1_0000 + (u32::from(first - 0xd800) << 10) + u32::from(second - 0xdc00);
        let Some(character) = char::from_u32(point) else {
            return single;
        };
        *self = ahead;
        Ok(character)
    }
}
