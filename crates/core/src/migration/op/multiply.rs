//! `multiply`: exact decimal arithmetic on the text of a number.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::decimal::{Decimal, MAX_DIGITS, Round};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::{decimal, number, wrong_kind};
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Node, NumberShape};
use crate::source::Content;

/// Multiplies numbers by a constant. A string is none, even where it looks like one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Multiply {
    path: Path,
    by: Decimal,
    /// As it was written: `2` and `"2"` are two digests.
    written: Value,
    scale: Option<u32>,
    round: Round,
    on_error: OnError,
}

impl Multiply {
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("multiply", Takes::PLACES.deep());
        let by = fields.required("by").and_then(|node| {
            let read = match &node.content {
                Content::Number(found) => Decimal::read(found.as_str()),
                Content::String(text) => Decimal::read(text),
                _ => return fields.expected(node, "a decimal number, or a string that is one"),
            };
            match read {
                Ok(by) => Some((by, node.to_value()?)),
                Err(error) => {
                    fields.error("by", error.expected());
                    None
                }
            }
        });
        let scale = fields
            .optional_count("scale", MAX_DIGITS)
            .and_then(|scale| u32::try_from(scale).ok());
        let round = fields.choice("round", &Round::CHOICES, Round::Fail);
        let on_error = fields.choice("on_error", &OnError::CHOICES, OnError::Fail);
        let (by, written) = by?;
        Some(Self {
            path: path?,
            by,
            written,
            scale,
            round,
            on_error,
        })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("multiply", &self.path);
        out.value("by", &self.written);
        out.choice("on_error", &OnError::CHOICES, self.on_error, OnError::Fail);
        out.choice("round", &Round::CHOICES, self.round, Round::Fail);
        if let Some(scale) = self.scale {
            out.json("scale", scale.to_string());
        }
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, self.on_error, |value| self.convert(value))
    }

    pub(super) fn convert(&self, value: &mut Value) -> Result<Effect, Failure> {
        let found = match value {
            Value::Null => return Ok(Effect::Unchanged),
            Value::Number(found) => found,
            _ => return Err(wrong_kind("expected a number")),
        };
        let product = Decimal::read(found.as_str())
            .and_then(|read| read.times(&self.by))
            .map_err(decimal)?;
        let text = match self.scale {
            Some(scale) => product
                .rounded(scale, self.round)
                .map_err(decimal)?
                .with_scale(scale),
            None => product.to_string(),
        };
        if found.as_str() == text {
            return Ok(Effect::Unchanged);
        }
        *value = number(&text)?;
        Ok(Effect::Changed)
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.convert(&self.path, node, "a number", self.on_error, |_, kinds, _| {
            if let Some(number) = kinds.unfit.number.take() {
                kinds.made.number = Some(NumberShape {
                    integer: self.scale == Some(0) || (number.integer && self.by.to_integer().is_some()),
                    range: None,
                });
                if self.scale.is_some() && self.round == Round::Fail {
                    kinds.doubt = Some("digits that do not fit `scale` are not cut");
                }
                kinds.doubtful.number = Some(number);
            }
        })
    }

    pub(super) fn inverse(&self) -> Inverse {
        let Some(by) = self.by.reciprocal() else {
            return Inverse::none("1 divided by the factor is no finite decimal");
        };
        let written = Value::string(&by.to_string());
        let path = self.path.clone();
        let back = Self {
            path,
            by,
            written,
            scale: None,
            round: Round::Fail,
            on_error: OnError::Fail,
        };
        if self.scale.is_some() {
            return Inverse::restorable(Op::Multiply(back), "digits may have been cut off");
        }
        Inverse::restorable(
            Op::Multiply(back),
            "the number comes back, its trailing zeros and exponent do not",
        )
    }
}
