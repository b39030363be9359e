//! A number as its source text.

use std::fmt;

use crate::migration::decimal::Decimal;

/// A JSON number, kept as it was written.
///
/// Two numbers are equal when their texts are equal: `1`, `1.0` and `1e0` are three numbers. Arithmetic happens
/// elsewhere, on exact decimals.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(String);

/// The text is no number of RFC 8259.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a JSON number")]
pub struct NotANumber;

impl Number {
    /// Reads a number of RFC 8259: no leading `+`, no leading zeros, no white space.
    ///
    /// # Errors
    /// Anything else.
    pub fn from_text(text: &str) -> Result<Self, NotANumber> {
        match scan(text.as_bytes()) {
            Scan::Number(length) if length == text.len() => Ok(Self(text.to_owned())),
            Scan::Number(_) | Scan::Broken(_) => Err(NotANumber),
        }
    }

    /// The text, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is written without a fraction and without an exponent.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        !self.0.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
    }

    /// Whether both stand for the same value, as `1`, `1.0` and `1e0` do. Numbers of more digits than are calculated with
    /// are compared by their text.
    #[must_use]
    pub fn has_value_of(&self, other: &Self) -> bool {
        match (Decimal::read(&self.0), Decimal::read(&other.0)) {
            (Ok(one), Ok(other)) => one == other,
            _ => self == other,
        }
    }

    /// Whether this is the text of a number, as [`from_text`](Self::from_text) reads them.
    pub(crate) fn is_number(text: &[u8]) -> bool {
        matches!(scan(text), Scan::Number(length) if length == text.len())
    }

    /// The text has been scanned already.
    pub(crate) fn from_scanned(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) const fn vacancy() -> Self {
        Self(String::new())
    }

    pub(super) const fn is_vacancy(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Number({})", self.0)
    }
}

/// What stands at the beginning of some bytes.
pub(super) enum Scan {
    /// A number of this many bytes; what follows was not looked at.
    Number(usize),
    /// No number: a digit was expected at this offset.
    Broken(usize),
}

/// Finds the longest number at the beginning of `bytes`.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let digits = |from: usize| {
        from + bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    match bytes.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at = digits(at),
        _ => return Scan::Broken(at),
    }
    if bytes.get(at) == Some(&b'.') {
        let end = digits(at + 1);
        if end == at + 1 {
            return Scan::Broken(end);
        }
        at = end;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let end = digits(at + 1 + sign);
        if end == at + 1 + sign {
            return Scan::Broken(end);
        }
        at = end;
    }
    Scan::Number(at)
}
