//! What the operations on single values share: reading text, and putting a result in a value's place.

use std::borrow::Cow;

use crate::migration::context::Effect;
use crate::migration::decimal::DecimalError;
use crate::migration::document::{Number, Text, Value};
use crate::migration::failure::{Failure, FailureKind};

/// The text of a string.
///
/// # Errors
/// `invalid_text` for a lone surrogate.
pub(crate) fn read(text: &Text) -> Result<Cow<'_, str>, Failure> {
    text.read()
        .map_err(|_| Failure::new(FailureKind::InvalidText, "expected text, found a lone surrogate"))
}

/// Puts a result in the place of a value. A result that equals what is there leaves its spelling alone.
pub(crate) fn put(value: &mut Value, result: Value) -> Effect {
    if *value == result {
        return Effect::Unchanged;
    }
    *value = result;
    Effect::Changed
}

/// A number of this text, which the caller has made by the grammar of JSON.
///
/// # Errors
/// `format`, if it has not.
pub(crate) fn number(text: &str) -> Result<Value, Failure> {
    Number::from_text(text)
        .map(Value::Number)
        .map_err(|_| format("expected a number"))
}

/// Text that does not parse.
pub(crate) fn format(expected: &'static str) -> Failure {
    Failure::new(FailureKind::Format, expected)
}

/// A kind that the operation does not handle.
pub(crate) fn wrong_kind(expected: &'static str) -> Failure {
    Failure::new(FailureKind::Type, expected)
}

/// What a decimal that cannot be read, cut or written is for a message.
pub(crate) fn decimal(error: DecimalError) -> Failure {
    let kind = match error {
        DecimalError::Format => FailureKind::Format,
        DecimalError::Digits | DecimalError::Cut => FailureKind::Range,
    };
    Failure::new(kind, error.expected())
}

/// The word of files for a choice.
pub(crate) fn word<T: Copy + PartialEq>(choices: &[(&'static str, T)], choice: T) -> &'static str {
    choices
        .iter()
        .find(|(_, known)| *known == choice)
        .map_or("", |(word, _)| word)
}
