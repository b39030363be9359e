//! `decode`: what a text stands for. Its way back is `encode`.

use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Kinds, Node, StringShape};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::{ParseErrorKind, Reading, Value, parse};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::limits::Limits;
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::{format, put, read, word, wrong_kind};
use crate::migration::op::encode::{Encode, Encoding};
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};

/// base64url, with padding and without.
const URL_SAFE_ANY_PAD: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a string as JSON text, base64 or hex.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decode {
    path: Path,
    from: Encoding,
    on_error: OnError,
}

impl Decode {
    pub(super) fn new(path: Path, from: Encoding) -> Self {
        Self {
            path,
            from,
            on_error: OnError::Fail,
        }
    }

    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("decode", Takes::PLACES.deep());
        let from = fields.required_choice("from", &Encoding::CHOICES);
        let on_error = fields.choice("on_error", &OnError::CHOICES, OnError::Fail);
        Some(Self {
            path: path?,
            from: from?,
            on_error,
        })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("decode", &self.path);
        out.text("from", word(&Encoding::CHOICES, self.from));
        out.choice("on_error", &OnError::CHOICES, self.on_error, OnError::Fail);
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let limits = context.limits;
        context.change_values(&self.path, self.on_error, |value| self.convert(value, &limits))
    }

    fn convert(&self, value: &mut Value, limits: &Limits) -> Result<Effect, Failure> {
        let text = match value {
            Value::Null => return Ok(Effect::Unchanged),
            Value::String(text) => read(text)?.into_owned(),
            _ => return Err(wrong_kind("expected a string")),
        };
        let bytes = match self.from {
            Encoding::Json => {
                let result = json(&text, limits)?;
                // A text is never equal to the value that it stands for, save that both can be a string.
                *value = result;
                return Ok(Effect::Changed);
            }
            Encoding::Base64 => STANDARD
                .decode(&text)
                .map_err(|_| format("expected base64 with padding"))?,
            Encoding::Base64Url => URL_SAFE_ANY_PAD
                .decode(&text)
                .map_err(|_| format("expected base64url"))?,
            Encoding::Hex => {
                hex::decode(&text).map_err(|_| format("expected hexadecimal digits in pairs"))?
            }
        };
        let text = String::from_utf8(bytes).map_err(|_| format("expected an encoded UTF-8 text"))?;
        Ok(put(value, Value::string(&text)))
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.convert(
            &self.path,
            node,
            "a string",
            self.on_error,
            |prover, kinds, at| {
                if let Some(string) = kinds.unfit.string.take() {
                    if self.from == Encoding::Json {
                        prover.undecide(at, "what a text holds as JSON is known only when it is there");
                        kinds.made = Kinds::all();
                    } else {
                        kinds.made.string = Some(StringShape::default());
                    }
                    kinds.doubt = Some("a text need not be encoded so");
                    kinds.doubtful.string = Some(string);
                }
            },
        )
    }

    pub(super) fn inverse(&self) -> Inverse {
        let back = Op::Encode(Encode::new(self.path.clone(), self.from));
        if self.on_error != OnError::Fail {
            return Inverse::restorable(back, "a value that could not be decoded does not come back");
        }
        match self.from {
            Encoding::Json => Inverse::restorable(back, "white space between tokens does not come back"),
            Encoding::Base64 => Inverse::lossless(back),
            Encoding::Base64Url => Inverse::restorable(back, "padding does not come back"),
            Encoding::Hex => Inverse::restorable(back, "upper-case digits come back in lower case"),
        }
    }
}

fn json(text: &str, limits: &Limits) -> Result<Value, Failure> {
    let reading = Reading {
        depth: limits.depth(),
        ..Reading::default()
    };
    parse(text.as_bytes(), &reading).map_err(|error| match error.kind {
        ParseErrorKind::Depth => {
            Failure::new(FailureKind::Limit, "expected a text within the limit of depth")
        }
        ParseErrorKind::Syntax => format("expected JSON text"),
    })
}
