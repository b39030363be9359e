//! `cast`: another JSON kind for a value, by text and never through a float.

mod raw;

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::decimal::{Decimal, MAX_DIGITS, Round};
use crate::migration::document::{Number, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::{decimal, format, number, put, read, word, wrong_kind};
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::migration::proof::{After, Converted, Prover};
use crate::migration::shape::{Node, NumberShape, StringShape};

/// Turns scalars into another kind. An array or an object has none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cast {
    path: Path,
    to: Kind,
    scale: Option<u32>,
    round: Round,
    on_error: OnError,
}

/// The kinds that a value can be cast to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    const CHOICES: [(&'static str, Self); 4] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
    ];
}

impl Cast {
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("cast", Takes::PLACES.deep());
        let to = fields.required_choice("to", &Kind::CHOICES);
        let scale = fields
            .optional_count("scale", MAX_DIGITS)
            .and_then(|scale| u32::try_from(scale).ok());
        let round = fields.choice("round", &Round::CHOICES, Round::Fail);
        let on_error = fields.choice("on_error", &OnError::CHOICES, OnError::Fail);
        if to.is_some_and(|to| to != Kind::Number) && fields.has("scale") {
            fields.error(
                "scale",
                "`scale` goes with `to: number` only; an integer has no digits behind the point",
            );
        }
        Some(Self {
            path: path?,
            to: to?,
            scale,
            round,
            on_error,
        })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("cast", &self.path);
        out.choice("on_error", &OnError::CHOICES, self.on_error, OnError::Fail);
        out.choice("round", &Round::CHOICES, self.round, Round::Fail);
        if let Some(scale) = self.scale {
            out.json("scale", scale.to_string());
        }
        out.text("to", word(&Kind::CHOICES, self.to));
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, self.on_error, |value| self.convert(value))
    }

    pub(super) fn convert(&self, value: &mut Value) -> Result<Effect, Failure> {
        let result = match (&*value, self.to) {
            (Value::Null, _) => return Ok(Effect::Unchanged),
            (Value::Array(_) | Value::Object(_), _) => return Err(wrong_kind("expected a scalar")),
            (Value::String(_), Kind::String) | (Value::Bool(_), Kind::Boolean) => {
                return Ok(Effect::Unchanged);
            }
            (Value::Number(found), Kind::String) => Value::string(found.as_str()),
            (Value::Bool(flag), Kind::String) => Value::string(if *flag { "true" } else { "false" }),
            (Value::Bool(_), Kind::Integer | Kind::Number) => {
                return Err(wrong_kind("expected a number or a string"));
            }
            (Value::Number(found), Kind::Integer) if found.is_integer() => return Ok(Effect::Unchanged),
            (Value::Number(found), Kind::Integer) => self.integer(found.as_str())?,
            (Value::String(text), Kind::Integer) => self.integer(&read(text)?)?,
            (Value::Number(found), Kind::Number) => match self.scale {
                Some(scale) => self.scaled(found.as_str(), scale)?,
                None => return Ok(Effect::Unchanged),
            },
            (Value::String(text), Kind::Number) => self.number(&read(text)?)?,
            (Value::Number(found), Kind::Boolean) => match found.as_str() {
                "1" => Value::Bool(true),
                "0" => Value::Bool(false),
                _ => return Err(Failure::new(FailureKind::Range, "expected the number 0 or 1")),
            },
            (Value::String(text), Kind::Boolean) => match &*read(text)? {
                "true" | "1" => Value::Bool(true),
                "false" | "0" => Value::Bool(false),
                _ => return Err(format("expected `true`, `false`, `1` or `0`")),
            },
        };
        if let (Value::Number(before), Value::Number(after)) = (&*value, &result)
            && before.as_str() == after.as_str()
        {
            return Ok(Effect::Unchanged);
        }
        Ok(put(value, result))
    }

    fn integer(&self, text: &str) -> Result<Value, Failure> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            // A plain integer may have any length, so it is never read as a number.
            return number(&plain_integer(text.starts_with('-'), digits));
        }
        let read = Decimal::read(text).map_err(decimal)?;
        number(&read.rounded(0, self.round).map_err(decimal)?.to_string())
    }

    fn number(&self, text: &str) -> Result<Value, Failure> {
        let plain = text.strip_prefix('+').unwrap_or(text);
        if Number::from_text(plain).is_err() {
            return Err(format("expected a number by the grammar of JSON"));
        }
        match self.scale {
            Some(scale) => self.scaled(plain, scale),
            None if is_negative_zero(plain) => number(&plain[1..]),
            None => number(plain),
        }
    }

    fn scaled(&self, text: &str, scale: u32) -> Result<Value, Failure> {
        let read = Decimal::read(text).map_err(decimal)?;
        number(
            &read
                .rounded(scale, self.round)
                .map_err(decimal)?
                .with_scale(scale),
        )
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let expected = "a value that can be cast";
        prover.convert(&self.path, node, expected, self.on_error, |_, kinds, _| {
            self.convert_kinds(kinds);
        })
    }

    fn convert_kinds(&self, converted: &mut Converted) {
        let unfit = &mut converted.unfit;
        let (string, number) = (unfit.string.take(), unfit.number.take());
        let boolean = unfit.boolean && matches!(self.to, Kind::String | Kind::Boolean);
        unfit.boolean &= !boolean;
        let made = &mut converted.made;
        match self.to {
            Kind::String => {
                let flags = boolean.then(|| ["true", "false"].map(str::to_owned).to_vec());
                let numbers = number.as_ref().map(|_| StringShape::default());
                made.string = match (string, numbers, flags) {
                    (None, None, None) => None,
                    (None, None, values) => Some(StringShape { values, format: None }),
                    (Some(string), None, None) => Some(string),
                    _ => Some(StringShape::default()),
                };
            }
            Kind::Integer | Kind::Number => {
                let integer = self.to == Kind::Integer || self.scale == Some(0);
                let range = number
                    .as_ref()
                    .filter(|_| string.is_none())
                    .and_then(|number| number.range);
                let whole = number.as_ref().is_none_or(|number| number.integer) && string.is_none();
                if string.is_some() || number.is_some() {
                    made.number = Some(NumberShape {
                        integer: integer || whole,
                        range,
                    });
                }
                if let Some(string) = string {
                    converted.doubt = Some("a string need not be a number");
                    converted.doubtful.string = Some(string);
                }
                if let Some(number) = number {
                    // Rounding may be refused, and a number may need more digits than are written.
                    if !number.integer && integer && self.round == Round::Fail {
                        converted.doubt = converted.doubt.or(Some("a number may have a fraction"));
                    }
                    converted.doubtful.number = Some(number);
                }
            }
            Kind::Boolean => {
                made.boolean = boolean || string.is_some() || number.is_some();
                if string.is_some() || number.is_some() {
                    converted.doubt = Some("only `true`, `false`, 1 and 0 stand for booleans");
                }
                converted.doubtful.string = string;
                converted.doubtful.number = number;
            }
        }
    }

    /// Casting back, which is lossless between strings and numbers as long as the text is kept.
    pub(super) fn inverse(&self) -> Inverse {
        let to = match self.to {
            Kind::String => Kind::Number,
            Kind::Integer | Kind::Number | Kind::Boolean => Kind::String,
        };
        let why = match self.to {
            Kind::String => "a string does not tell whether it was a number, a boolean or a string",
            Kind::Boolean => "a boolean does not tell whether it was a number or a string",
            Kind::Integer | Kind::Number => {
                "a number does not tell whether it was a string, nor how it was spelled"
            }
        };
        let back = Self {
            path: self.path.clone(),
            to,
            scale: None,
            round: Round::Fail,
            on_error: OnError::Fail,
        };
        Inverse::restorable(Op::Cast(back), why)
    }
}

fn plain_integer(negative: bool, digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    match (digits, negative) {
        ("", _) => "0".to_owned(),
        (digits, true) => format!("-{digits}"),
        (digits, false) => digits.to_owned(),
    }
}

/// Whether a number is zero with a minus sign, which a cast never makes.
fn is_negative_zero(text: &str) -> bool {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    text.starts_with('-') && mantissa.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'))
}
