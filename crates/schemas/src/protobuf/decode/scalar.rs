//! Scalars, enumerations and the keys of maps, of their bits and bytes.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dunlin_core::migration::document::{Number, Value};
use dunlin_core::migration::{Failure, FailureKind};

use super::{Decoder, wire_of};
use crate::protobuf::model::{EnumIndex, Kind, Scalar};
use crate::protobuf::place::Place;
use crate::protobuf::wire::{Raw, WireType, from_zigzag, low, malformed};

impl<'a> Decoder<'a> {
    pub(super) fn key(&self, key: Scalar, raw: Option<&Raw>) -> Result<String, Failure> {
        let nothing = nothing(Kind::Scalar(key));
        let raw = raw.unwrap_or(&nothing);
        Ok(match (key, raw) {
            (_, Raw::Bytes(range)) => self.utf8(range)?.to_owned(),
            (Scalar::Bool, Raw::Bits(_, bits)) => (*bits != 0).to_string(),
            (_, Raw::Bits(_, bits)) => integer(key, *bits).to_string(),
            (_, Raw::Group(_)) => String::new(),
        })
    }

    /// One value; `raw` fits the kind.
    pub(super) fn value(
        &mut self,
        kind: Kind,
        raw: &Raw,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, Failure> {
        match (kind, raw) {
            (Kind::Message(index) | Kind::Group(index), Raw::Bytes(range) | Raw::Group(range)) => {
                self.message(index, std::slice::from_ref(range), place, depth)
            }
            (Kind::Enum(index), Raw::Bits(_, bits)) => self.enumerated(index, low(*bits).cast_signed()),
            (Kind::Scalar(scalar), raw) => self.scalar(scalar, raw),
            (Kind::Message(_) | Kind::Group(_) | Kind::Enum(_), _) => Err(Failure::new(
                FailureKind::Decode,
                "expected the encoding of the field",
            )),
        }
        .map_err(|failure| place.blame(failure))
    }

    fn scalar(&mut self, scalar: Scalar, raw: &Raw) -> Result<Value, Failure> {
        let value = match (scalar, raw) {
            (Scalar::String, Raw::Bytes(range)) => Value::string(self.utf8(range)?),
            (_, Raw::Bytes(range) | Raw::Group(range)) => {
                Value::string(&STANDARD.encode(&self.payload[range.clone()]))
            }
            (Scalar::Bool, Raw::Bits(_, bits)) => Value::Bool(*bits != 0),
            (Scalar::Double, Raw::Bits(_, bits)) => double(f64::from_bits(*bits)),
            (Scalar::Float, Raw::Bits(_, bits)) => float(f32::from_bits(low(*bits))),
            (
                Scalar::Int64 | Scalar::Uint64 | Scalar::Sint64 | Scalar::Fixed64 | Scalar::Sfixed64,
                Raw::Bits(_, bits),
            ) => Value::string(&integer(scalar, *bits).to_string()),
            (_, Raw::Bits(_, bits)) => number(&integer(scalar, *bits).to_string()),
        };
        self.spend(match &value {
            Value::String(text) => text.source().len() + 2,
            Value::Number(number) => number.as_str().len(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => 4,
        })?;
        Ok(value)
    }

    pub(super) fn enumerated(&mut self, index: EnumIndex, value: i32) -> Result<Value, Failure> {
        let one = self.model.enumeration(index);
        if one.is_null && value == 0 {
            self.spend(4)?;
            return Ok(Value::Null);
        }
        Ok(match one.name_of(value) {
            Some(name) => {
                self.spend(name.len() + 2)?;
                Value::string(name)
            }
            None => {
                self.spend(11)?;
                number(&value.to_string())
            }
        })
    }

    pub(super) fn utf8(&self, range: &Range<usize>) -> Result<&'a str, Failure> {
        std::str::from_utf8(&self.payload[range.clone()])
            .map_err(|error| malformed(range.start + error.valid_up_to(), "expected text in UTF-8"))
    }
}

/// What stands for a value that was left out.
pub(super) fn nothing(kind: Kind) -> Raw {
    match wire_of(kind) {
        WireType::Length => Raw::Bytes(0..0),
        wire => Raw::Bits(wire, 0),
    }
}

pub(super) fn is_nothing(kind: Kind, raw: &Raw) -> bool {
    match raw {
        Raw::Bytes(range) | Raw::Group(range) => range.is_empty(),
        Raw::Bits(_, bits) => match kind {
            Kind::Scalar(Scalar::Bool | Scalar::Double) => *bits == 0,
            Kind::Scalar(Scalar::Float) | Kind::Enum(_) => low(*bits) == 0,
            Kind::Scalar(scalar) => integer(scalar, *bits) == 0,
            Kind::Message(_) | Kind::Group(_) => false,
        },
    }
}

/// The integer of an integer field. Those of 32 bits take the low half of longer varints, as the specification says.
fn integer(scalar: Scalar, bits: u64) -> i128 {
    match scalar {
        Scalar::Int32 | Scalar::Sfixed32 => low(bits).cast_signed().into(),
        Scalar::Uint32 | Scalar::Fixed32 => low(bits).into(),
        Scalar::Sint32 => from_zigzag(low(bits).into()).into(),
        Scalar::Int64 | Scalar::Sfixed64 => bits.cast_signed().into(),
        Scalar::Sint64 => from_zigzag(bits).into(),
        Scalar::Uint64
        | Scalar::Fixed64
        | Scalar::Bool
        | Scalar::Double
        | Scalar::Float
        | Scalar::String
        | Scalar::Bytes => bits.into(),
    }
}

fn number(text: &str) -> Value {
    match Number::from_text(text) {
        Ok(number) => Value::Number(number),
        // What is formatted here is a number of JSON; as a string it would still be no other value.
        Err(_) => Value::string(text),
    }
}

/// The shortest text that is read as the same number again.
fn double(value: f64) -> Value {
    if value.is_finite() {
        number(&format!("{value:?}"))
    } else {
        not_finite(value.is_nan(), value.is_sign_negative())
    }
}

fn float(value: f32) -> Value {
    if value.is_finite() {
        number(&format!("{value:?}"))
    } else {
        not_finite(value.is_nan(), value.is_sign_negative())
    }
}

fn not_finite(is_nan: bool, is_negative: bool) -> Value {
    Value::string(match (is_nan, is_negative) {
        (true, _) => "NaN",
        (false, true) => "-Infinity",
        (false, false) => "Infinity",
    })
}
