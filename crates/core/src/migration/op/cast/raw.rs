//! Casting by the text of a value alone.

use super::{Cast, Kind};
use crate::migration::document::Number;
use crate::migration::op::raw::Raw;

impl Cast {
    /// What becomes of the value of this JSON text, where that can be told without reading it.
    pub(crate) fn raw(&self, text: &[u8]) -> Raw<'static> {
        match (text, self.to) {
            ([b'n', ..], _) | ([b'"', ..], Kind::String) | ([b't' | b'f', ..], Kind::Boolean) => Raw::Same,
            ([b'-' | b'0'..=b'9' | b't' | b'f', ..], Kind::String) => Raw::Quoted,
            ([b'-' | b'0'..=b'9', ..], Kind::Integer)
                if !text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) =>
            {
                Raw::Same
            }
            ([b'-' | b'0'..=b'9', ..], Kind::Number) if self.scale.is_none() => Raw::Same,
            ([b'"', content @ .., b'"'], Kind::Integer) if is_canonical_integer(content) => Raw::Unquoted,
            ([b'"', content @ .., b'"'], Kind::Number)
                if self.scale.is_none() && is_plain_number(content) =>
            {
                Raw::Unquoted
            }
            (br#""true""# | br#""false""#, Kind::Boolean) => Raw::Unquoted,
            _ => Raw::Unread,
        }
    }
}

/// Whether the text is the one that a cast to an integer would write.
fn is_canonical_integer(text: &[u8]) -> bool {
    match text {
        b"0" => true,
        [b'-', b'1'..=b'9', digits @ ..] | [b'1'..=b'9', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Whether the text is a number that a cast keeps as it is. One that may be a negative zero is not.
fn is_plain_number(text: &[u8]) -> bool {
    !text.starts_with(b"-0") && Number::is_number(text)
}
