//! `hash`: a digest in the place of a value.

use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Kinds, Node, StringShape};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::Inverse;
use crate::migration::op::convert::{read, word};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};

/// Replaces a value by the digest of its text, in lower-case hex.
///
/// A plain digest of a short text can be guessed by trying; only `hmac_sha256` with a secret key hides it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hash {
    path: Path,
    with: Algorithm,
    key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Blake3,
    HmacSha256,
}

impl Algorithm {
    const CHOICES: [(&'static str, Self); 3] = [
        ("sha256", Self::Sha256),
        ("blake3", Self::Blake3),
        ("hmac_sha256", Self::HmacSha256),
    ];
}

impl Hash {
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("hash", Takes::PLACES.deep().message());
        let with = fields.required_choice("with", &Algorithm::CHOICES);
        let key = fields.optional_text("key").map(str::to_owned);
        match with {
            Some(Algorithm::HmacSha256) if !fields.has("key") => {
                fields.error("with", "`hmac_sha256` needs `key`, the name of a secret");
            }
            Some(Algorithm::Sha256 | Algorithm::Blake3) if fields.has("key") => {
                fields.error("key", "`key` goes with `hmac_sha256` only");
            }
            _ => {}
        }
        Some(Self {
            path: path?,
            with: with?,
            key,
        })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("hash", &self.path);
        if let Some(key) = &self.key {
            out.text("key", key);
        }
        out.text("with", word(&Algorithm::CHOICES, self.with));
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let key = match &self.key {
            None => None,
            Some(name) => Some(context.secrets.secret(name).ok_or_else(|| {
                Failure::new(
                    FailureKind::Absent,
                    format!("expected a secret named `{name}`; the configuration gives none"),
                )
            })?),
        };
        context.change_values(&self.path, OnError::Fail, |value| {
            let digest = match &*value {
                Value::String(text) => self.digest(key.as_deref(), read(text)?.as_bytes())?,
                other => self.digest(key.as_deref(), other.to_json().as_bytes())?,
            };
            *value = Value::string(&digest);
            Ok(Effect::Changed)
        })
    }

    fn digest(&self, key: Option<&[u8]>, text: &[u8]) -> Result<String, Failure> {
        match self.with {
            Algorithm::Sha256 => Ok(hex::encode(Sha256::digest(text))),
            Algorithm::Blake3 => Ok(blake3::hash(text).to_hex().to_string()),
            Algorithm::HmacSha256 => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key.unwrap_or_default())
                    .map_err(|_| Failure::new(FailureKind::Range, "expected a key that HMAC takes"))?;
                mac.update(text);
                Ok(hex::encode(mac.finalize().into_bytes()))
            }
        }
    }

    /// The name of the secret that it needs.
    pub(crate) fn secret(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.places(&self.path, node, &mut |_, _, _| {
            After::of(Kinds {
                string: Some(StringShape::default()),
                ..Kinds::default()
            })
        })
    }

    pub(super) fn inverse(&self) -> Inverse {
        Inverse::lossy("a digest does not tell what it was made of")
    }
}
