//! JSON text behind the header of a registry's wire format.

use dunlin_core::migration::document::{DuplicateNames, Reading, Value, parse};
use dunlin_core::migration::{Codec, Failure, FailureKind, Limits};

use super::Source;
use crate::framing;

/// Reads and writes JSON text with the id of its schema in front (Confluent's wire format).
#[derive(Debug)]
pub(super) struct Framed {
    source: Source,
}

impl Framed {
    pub(super) const fn new(source: Source) -> Self {
        Self { source }
    }
}

impl Codec for Framed {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    /// JSON text can be read whatever its schema is, so that any id will do here. Which one it is, `recognises` says.
    fn decode(&self, payload: &[u8], limits: &Limits) -> Result<Value, Failure> {
        let Some((_, text)) = framing::confluent(payload) else {
            let expected = "expected a zero byte and the id of a schema in four bytes before the JSON text";
            return Err(Failure::new(FailureKind::Decode, expected));
        };
        let reading = Reading {
            depth: limits.depth(),
            duplicate_names: DuplicateNames::Allow,
        };
        Ok(parse(text, &reading)?)
    }

    fn encode(&self, document: &Value, _limits: &Limits) -> Result<Vec<u8>, Failure> {
        let Some(own) = self.source.own() else {
            let expected = format!(
                "expected the id of the schema {}, found none yet",
                self.source.name()
            );
            return Err(Failure::new(FailureKind::Schema, expected));
        };
        let mut payload = Vec::new();
        framing::write_confluent(own.id, &mut payload);
        payload.extend_from_slice(document.to_json().as_bytes());
        Ok(payload)
    }

    fn proves_fit(&self) -> bool {
        false
    }
}
