//! A schema language of a few words, for tests of what the engine does with schemas.
//!
//! A text is `mark=A needs=sku`, in which each part may be left out. With a mark payloads are that letter and JSON text
//! behind it; documents must be objects with the member that is needed.

use std::sync::Arc;

use super::{Awaited, Codec, Recognised, Schema, SchemaCompiler, SchemaReference, Unmet};
use crate::finding::Findings;
use crate::migration::document::{DuplicateNames, Reading, Value, parse};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::limits::Limits;
use crate::migration::load::Resolver;
use crate::migration::shape::Shape;

/// Makes [`Fake`]s of files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fakes;

#[derive(Debug)]
struct Fake {
    mark: Option<u8>,
    needs: Option<String>,
}

impl SchemaCompiler for Fakes {
    fn compile(
        &self,
        reference: &SchemaReference,
        files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Arc<dyn Schema>> {
        let text = match files.read(reference.file.as_deref()?) {
            Ok(bytes) => String::from_utf8(bytes).ok()?,
            Err(error) => {
                findings.error(&reference.place, error.to_string());
                return None;
            }
        };
        let part = |name: &str| {
            text.split(' ')
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        Some(Arc::new(Fake {
            mark: part("mark").and_then(|mark| mark.bytes().next()),
            needs: part("needs").map(str::to_owned),
        }))
    }
}

impl Schema for Fake {
    fn codec(&self) -> Option<&dyn Codec> {
        self.mark.map(|_| self as &dyn Codec)
    }

    fn identity(&self) -> String {
        format!("{:?}", self.mark)
    }

    fn check(&self, document: &Value, _text: Option<&[u8]>) -> Result<(), Vec<Unmet>> {
        let Some(needs) = &self.needs else { return Ok(()) };
        let has =
            matches!(document, Value::Object(members) if members.iter().any(|member| member.name.is(needs)));
        if has {
            return Ok(());
        }
        Err(vec![Unmet {
            path: needs.clone(),
            rule: "expected it to be there".to_owned(),
        }])
    }

    fn recognises(&self, payload: &[u8]) -> Recognised {
        match (self.mark, payload.first()) {
            (Some(mark), Some(first)) if mark == *first => Recognised::Yes,
            (Some(_), Some(first)) if first.is_ascii_uppercase() => Recognised::No,
            _ => Recognised::Unmarked,
        }
    }

    fn awaits(&self, _payload: Option<&[u8]>) -> Option<Awaited> {
        None
    }

    fn shape(&self) -> Option<Shape> {
        None
    }

    fn describe(&self, _shape: &Shape) -> Result<String, String> {
        Err("it has no words for it".to_owned())
    }
}

impl Codec for Fake {
    fn content_type(&self) -> &'static str {
        "application/marked"
    }

    fn decode(&self, payload: &[u8], limits: &Limits) -> Result<Value, Failure> {
        match payload.split_first() {
            Some((first, text)) if Some(*first) == self.mark => {
                let reading = Reading {
                    depth: limits.depth(),
                    duplicate_names: DuplicateNames::Allow,
                };
                Ok(parse(text, &reading)?)
            }
            _ => Err(Failure::new(
                FailureKind::Decode,
                "expected the mark of this schema",
            )),
        }
    }

    fn encode(&self, document: &Value, _limits: &Limits) -> Result<Vec<u8>, Failure> {
        if self.check(document, None).is_err() {
            return Err(Failure::new(FailureKind::Encode, "expected a document that fits"));
        }
        let mut payload = vec![self.mark.unwrap_or_default()];
        payload.extend_from_slice(document.to_json().as_bytes());
        Ok(payload)
    }
}
