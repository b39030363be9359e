//! `redact`: makes a value unreadable, and says how long it was.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::Inverse;
use crate::migration::op::convert::{put, read, wrong_kind};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Node, StringShape};

/// Replaces each character of a string but the last few; a number or a boolean becomes `null`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Redact {
    path: Path,
    keep_last: usize,
    character: char,
}

const DEFAULT: char = '*';

impl Redact {
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("redact", Takes::PLACES.deep().message());
        let keep_last = fields.optional_count("keep_last", usize::MAX).unwrap_or(0);
        let character = match fields.optional_text("char") {
            None => DEFAULT,
            Some(text) => {
                let mut characters = text.chars();
                match (characters.next(), characters.next()) {
                    (Some(one), None) => one,
                    _ => {
                        let count = text.chars().count();
                        fields.error("char", format!("expected exactly one character, found {count}"));
                        DEFAULT
                    }
                }
            }
        };
        Some(Self {
            path: path?,
            keep_last,
            character,
        })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("redact", &self.path);
        if self.character != DEFAULT {
            out.text("char", self.character.to_string());
        }
        if self.keep_last > 0 {
            out.json("keep_last", self.keep_last.to_string());
        }
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |value| self.convert(value))
    }

    pub(super) fn convert(&self, value: &mut Value) -> Result<Effect, Failure> {
        let result = match value {
            Value::Null => return Ok(Effect::Unchanged),
            Value::Bool(_) | Value::Number(_) => Value::Null,
            Value::String(text) => Value::string(&self.mask(&read(text)?)),
            Value::Array(_) | Value::Object(_) => return Err(wrong_kind("expected a scalar")),
        };
        Ok(put(value, result))
    }

    fn mask(&self, text: &str) -> String {
        let length = text.chars().count();
        // A request to keep more than half would show a short text nearly whole.
        let shown = self.keep_last.min(length / 2);
        let hidden = length - shown;
        text.chars()
            .enumerate()
            .map(|(at, character)| if at < hidden { self.character } else { character })
            .collect()
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.convert(&self.path, node, "a scalar", OnError::Fail, |_, kinds, _| {
            kinds.made.string = kinds.unfit.string.take().map(|_| StringShape::default());
            kinds.made.null |= kinds.unfit.number.take().is_some();
            kinds.made.null |= std::mem::take(&mut kinds.unfit.boolean);
        })
    }

    pub(super) fn inverse(&self) -> Inverse {
        Inverse::lossy("the characters are gone")
    }
}
