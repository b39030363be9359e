//! Scalars, enumerations and the keys of maps: what is taken for one, and its bytes.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use dunlin_core::migration::document::{Number, Value};

use crate::protobuf::model::{Enum, Scalar};
use crate::protobuf::text;
use crate::protobuf::wire::{WireType, to_zigzag, write_varint};

/// A scalar, ready to be written.
#[derive(Debug, PartialEq)]
pub(super) enum Written<'d> {
    /// The varint or fixed word.
    Bits(u64),
    Bytes(Cow<'d, [u8]>),
}

impl Written<'_> {
    pub(super) fn is_default(&self) -> bool {
        match self {
            Self::Bits(bits) => *bits == 0,
            Self::Bytes(bytes) => bytes.is_empty(),
        }
    }

    pub(super) fn write(&self, wire: WireType, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => {
                write_varint(bytes.len() as u64, out);
                out.extend_from_slice(bytes);
            }
            Self::Bits(bits) => match wire {
                WireType::Fixed64 => out.extend_from_slice(&bits.to_le_bytes()),
                WireType::Fixed32 => out.extend_from_slice(&bits.to_le_bytes()[..4]),
                WireType::Varint | WireType::Length | WireType::StartGroup | WireType::EndGroup => {
                    write_varint(*bits, out);
                }
            },
        }
    }
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The scalar that a value stands for; else what was expected.
pub(super) fn written(scalar: Scalar, value: &Value) -> Result<Written<'_>, String> {
    let expected = || format!("expected {}", noun(scalar));
    match (scalar, value) {
        (Scalar::Bool, Value::Bool(value)) => Ok(Written::Bits(u64::from(*value))),
        (Scalar::String, Value::String(text)) => match text.read() {
            Ok(Cow::Borrowed(text)) => Ok(Written::Bytes(Cow::Borrowed(text.as_bytes()))),
            Ok(Cow::Owned(text)) => Ok(Written::Bytes(Cow::Owned(text.into_bytes()))),
            Err(_) => Err("expected text, found a lone surrogate in it".to_owned()),
        },
        (Scalar::Bytes, Value::String(text)) => {
            let text = text.read().map_err(|_| expected())?;
            let engine = if text.contains(['-', '_']) {
                URL_SAFE
            } else {
                STANDARD
            };
            engine
                .decode(&*text)
                .map(|bytes| Written::Bytes(Cow::Owned(bytes)))
                .map_err(|_| expected())
        }
        (Scalar::Bool | Scalar::String | Scalar::Bytes, _) => Err(expected()),
        (_, Value::Number(number)) => numeric(scalar, number.as_str()).ok_or_else(expected),
        (_, Value::String(text)) => {
            let text = text.read().map_err(|_| expected())?;
            quoted(scalar, &text).ok_or_else(expected)
        }
        (_, Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(expected()),
    }
}

/// The value of an enumeration: a name, or the number of one that has none.
pub(super) fn enumerated<'d>(one: &Enum, value: &'d Value) -> Result<Written<'d>, String> {
    let number = match value {
        Value::Null if one.is_null => Some(0),
        Value::String(text) => text.read().ok().and_then(|name| one.number(&name)),
        Value::Number(number) => text::integer(number.as_str()).and_then(|number| i32::try_from(number).ok()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match number {
        Some(number) => Ok(Written::Bits(i64::from(number).cast_unsigned())),
        None => Err(format!(
            "expected a value of the enum `{}`, by its name or number",
            one.name
        )),
    }
}

/// The key of a map, which JSON has as text.
pub(super) fn key(scalar: Scalar, text: &str) -> Option<Written<'_>> {
    match scalar {
        Scalar::String => Some(Written::Bytes(Cow::Borrowed(text.as_bytes()))),
        Scalar::Bool => match text {
            "true" => Some(Written::Bits(1)),
            "false" => Some(Written::Bits(0)),
            _ => None,
        },
        other => quoted(other, text),
    }
}

/// What a scalar is as JSON, in words.
pub(super) const fn noun(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Double => "a number that a double can hold, or \"NaN\", \"Infinity\" or \"-Infinity\"",
        Scalar::Float => "a number that a float can hold, or \"NaN\", \"Infinity\" or \"-Infinity\"",
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => "a whole number from -2147483648 to 2147483647",
        Scalar::Uint32 | Scalar::Fixed32 => "a whole number from 0 to 4294967295",
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => {
            "a whole number from -9223372036854775808 to 9223372036854775807, as a number or a string"
        }
        Scalar::Uint64 | Scalar::Fixed64 => {
            "a whole number from 0 to 18446744073709551615, as a number or a string"
        }
        Scalar::Bool => "a boolean",
        Scalar::String => "a string",
        Scalar::Bytes => "a string in base64",
    }
}

/// A number in a string: in the grammar of JSON, or the name of one that JSON does not have.
fn quoted<'d>(scalar: Scalar, text: &str) -> Option<Written<'d>> {
    let special = match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    match (scalar, special) {
        (Scalar::Double, Some(value)) => Some(Written::Bits(value.to_bits())),
        // The halves of these three are the same numbers.
        (Scalar::Float, Some(value)) if value.is_nan() => Some(Written::Bits(f32::NAN.to_bits().into())),
        (Scalar::Float, Some(value)) if value > 0.0 => Some(Written::Bits(f32::INFINITY.to_bits().into())),
        (Scalar::Float, Some(_)) => Some(Written::Bits(f32::NEG_INFINITY.to_bits().into())),
        _ => {
            Number::from_text(text).ok()?;
            numeric(scalar, text)
        }
    }
}

fn numeric<'d>(scalar: Scalar, text: &str) -> Option<Written<'d>> {
    let whole = || text::integer(text);
    let bits = match scalar {
        Scalar::Double => text
            .parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())?
            .to_bits(),
        Scalar::Float => text
            .parse::<f32>()
            .ok()
            .filter(|value| value.is_finite())?
            .to_bits()
            .into(),
        Scalar::Int32 => i64::from(i32::try_from(whole()?).ok()?).cast_unsigned(),
        Scalar::Sfixed32 => i32::try_from(whole()?).ok()?.cast_unsigned().into(),
        Scalar::Sint32 => to_zigzag(i32::try_from(whole()?).ok()?.into()),
        Scalar::Uint32 | Scalar::Fixed32 => u32::try_from(whole()?).ok()?.into(),
        Scalar::Int64 | Scalar::Sfixed64 => i64::try_from(whole()?).ok()?.cast_unsigned(),
        Scalar::Sint64 => to_zigzag(i64::try_from(whole()?).ok()?),
        Scalar::Uint64 | Scalar::Fixed64 => u64::try_from(whole()?).ok()?,
        Scalar::Bool | Scalar::String | Scalar::Bytes => return None,
    };
    Some(Written::Bits(bits))
}
