//! `encode`: a value as text that travels anywhere. Its way back is `decode`.

use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Kinds, Node, StringShape};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::{put, read, word, wrong_kind};
use crate::migration::op::decode::Decode;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};

/// Writes a value as JSON text, or the bytes of a string in base64 or hex.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Encode {
    path: Path,
    to: Encoding,
}

/// How a value is written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Base64,
    Base64Url,
    Hex,
}

impl Encoding {
    pub(super) const CHOICES: [(&'static str, Self); 4] = [
        ("json", Self::Json),
        ("base64", Self::Base64),
        ("base64url", Self::Base64Url),
        ("hex", Self::Hex),
    ];
}

impl Encode {
    pub(super) fn new(path: Path, to: Encoding) -> Self {
        Self { path, to }
    }

    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("encode", Takes::PLACES.deep());
        let to = fields.required_choice("to", &Encoding::CHOICES);
        Some(Self { path: path?, to: to? })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("encode", &self.path);
        out.text("to", word(&Encoding::CHOICES, self.to));
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |value| self.convert(value))
    }

    fn convert(&self, value: &mut Value) -> Result<Effect, Failure> {
        let text = match (&*value, self.to) {
            (Value::Null, _) => return Ok(Effect::Unchanged),
            (other, Encoding::Json) => other.to_json(),
            (Value::String(text), to) => {
                let text = read(text)?;
                match to {
                    Encoding::Json | Encoding::Base64 => STANDARD.encode(text.as_bytes()),
                    Encoding::Base64Url => URL_SAFE_NO_PAD.encode(text.as_bytes()),
                    Encoding::Hex => hex::encode(text.as_bytes()),
                }
            }
            _ => return Err(wrong_kind("expected a string")),
        };
        Ok(put(value, Value::string(&text)))
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.convert(&self.path, node, "a string", OnError::Fail, |_, kinds, _| {
            let string = kinds.unfit.string.take();
            if string.is_some() || (self.to == Encoding::Json && !kinds.unfit.is_empty()) {
                kinds.made.string = Some(StringShape::default());
            }
            if self.to == Encoding::Json {
                kinds.unfit = Kinds::default();
            }
        })
    }

    pub(super) fn inverse(&self) -> Inverse {
        Inverse::lossless(Op::Decode(Decode::new(self.path.clone(), self.to)))
    }
}
