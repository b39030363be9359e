//! Protocol Buffers.
//!
//! A schema is a `.proto` file (proto2 or proto3) with what it imports, a set of descriptors as `protoc` writes it, or
//! what a registry has. Payloads are read and written by the [encoding], and the document of a payload is the one that
//! the [ProtoJSON mapping] gives it: members in lowerCamelCase and in the order of the field numbers, integers of 64 bits
//! as strings, bytes in base64, values of enumerations by name, the well-known types in their own forms; what is like no
//! value (a zero of proto3 without `optional`) has no member.
//!
//! Refused, since it would be lost: a field that the schema does not have, and a member that no field stands for. Refused,
//! since it is not supported: editions, and message sets of proto2.
//!
//! [encoding]: https://protobuf.dev/programming-guides/encoding/
//! [ProtoJSON mapping]: https://protobuf.dev/programming-guides/json/

mod check;
pub(crate) mod compat;
mod compile;
mod decode;
mod describe;
mod encode;
mod files;
mod framed;
mod model;
mod place;
mod shape;
mod text;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use dunlin_core::finding::{Finding, Findings};
use dunlin_core::migration::document::Value;
use dunlin_core::migration::load::Resolver;
use dunlin_core::migration::shape::Shape;
use dunlin_core::migration::{
    Awaited, Codec, Failure, FailureKind, Framing, Limits, Recognised, Schema, SchemaReference, Unmet,
};

use crate::registry::Cache;
use compile::Types;
use decode::{Decoder, Unknown};
use encode::Encoder;
use framed::Writer;

/// The schema that a reference names; its definition comes from a file, or from what a registry said.
pub(crate) fn compile(
    reference: &SchemaReference,
    cache: Option<Arc<Cache>>,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Arc<dyn Schema>> {
    Some(Arc::new(Protobuf::new(reference, cache, files, findings)?))
}

/// A schema in Protobuf.
#[derive(Debug)]
pub struct Protobuf {
    reference: SchemaReference,
    cache: Option<Arc<Cache>>,
    /// Set from the start where there is a file; else once the registry has been asked.
    types: OnceLock<Result<Arc<Types>, String>>,
    /// What payloads of other ids were written with.
    writers: RwLock<HashMap<u32, Result<Arc<Writer>, String>>>,
}

impl Protobuf {
    /// The schema that a reference names. `None`: findings say why.
    pub fn new(
        reference: &SchemaReference,
        cache: Option<Arc<Cache>>,
        files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Self> {
        let types = OnceLock::new();
        if let Some(file) = &reference.file {
            let read = compile::of_file(reference, file, files, findings)?;
            if reference.framing == Framing::Confluent && read.indexes.is_none() {
                let message = format!(
                    "`{}` stands in an imported file, and the wire format can name none of those",
                    read.name
                );
                let help = "name the file that defines the message";
                findings.push(Finding::error(&reference.place, message).help(help));
                return None;
            }
            let _ = types.set(Ok(Arc::new(read)));
        } else if cache.is_none() {
            findings.error(
                &reference.place,
                "expected the file of the schema, or a registry that has it",
            );
            return None;
        }
        Some(Self {
            reference: reference.clone(),
            cache,
            types,
            writers: RwLock::default(),
        })
    }

    /// Reads a payload, and keeps what the schema does not know: the unknown fields of the outermost message, as they are
    /// written. Unknown fields of messages in it are left out.
    ///
    /// For programs that hand binary messages on, as the conformance tests do; a migration refuses unknown fields.
    ///
    /// # Errors
    /// As [`Codec::decode`].
    pub fn decode_keeping_unknown(
        &self,
        payload: &[u8],
        limits: &Limits,
    ) -> Result<(Value, Vec<u8>), Failure> {
        self.read(payload, limits, Unknown::Collect(Vec::new()))
    }

    fn read(&self, payload: &[u8], limits: &Limits, unknown: Unknown) -> Result<(Value, Vec<u8>), Failure> {
        let types = self.types()?;
        let start = match self.reference.framing {
            Framing::Plain | Framing::SingleObject => 0,
            Framing::Confluent => self.unframe(&types, payload)?,
        };
        let mut decoder = Decoder::new(&types.model, payload, limits, unknown);
        let document = decoder.decode(types.message, start)?;
        Ok((document, decoder.into_unknown()))
    }

    /// The types, where they are known by now.
    fn types(&self) -> Result<Arc<Types>, Failure> {
        let known = match self.types.get() {
            Some(known) => known,
            None => {
                let registered = self.cache.as_ref().and_then(|cache| cache.own(&self.reference));
                let Some(registered) = registered else {
                    let expected = "expected the schema, which the registry has not been asked for yet";
                    return Err(Failure::new(FailureKind::Schema, expected));
                };
                self.types.get_or_init(|| {
                    compile::of_registry(&registered, self.reference.message.as_deref()).map(Arc::new)
                })
            }
        };
        known.clone().map_err(|reason| {
            Failure::new(
                FailureKind::Schema,
                format!("expected a schema that can be read: {reason}"),
            )
        })
    }

    /// What is known of the writer's schema of an id.
    fn known_writer(&self, id: u32) -> Option<Result<Arc<Writer>, String>> {
        self.writers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }
}

impl Schema for Protobuf {
    fn codec(&self) -> Option<&dyn Codec> {
        Some(self)
    }

    fn identity(&self) -> String {
        let framing = self.reference.framing;
        match self.types.get() {
            Some(Ok(types)) => format!("protobuf {framing:?} {} {}", types.name, types.digest),
            Some(Err(_)) | None => {
                let message = self.reference.message.as_deref().unwrap_or_default();
                format!("protobuf {framing:?} {message} {:?}", self.reference.registry)
            }
        }
    }

    fn check(&self, document: &Value, _text: Option<&[u8]>) -> Result<(), Vec<Unmet>> {
        match self.types() {
            Ok(types) => check::check(&types.model, types.message, document),
            Err(failure) => Err(vec![Unmet {
                path: String::new(),
                rule: failure.message(),
            }]),
        }
    }

    fn recognises(&self, payload: &[u8]) -> Recognised {
        self.recognised(payload)
    }

    fn awaits(&self, payload: Option<&[u8]>) -> Option<Awaited> {
        self.awaited(payload)
    }

    fn shape(&self) -> Option<Shape> {
        let types = self.types().ok()?;
        Some(shape::shape(&types.model, types.message))
    }

    fn describe(&self, shape: &Shape) -> Result<String, String> {
        let types = self.types().map_err(|failure| failure.message())?;
        describe::describe(&types, shape)
    }
}

impl Codec for Protobuf {
    fn content_type(&self) -> &'static str {
        "application/protobuf"
    }

    fn decode(&self, payload: &[u8], limits: &Limits) -> Result<Value, Failure> {
        self.read(payload, limits, Unknown::Refuse)
            .map(|(document, _)| document)
    }

    fn encode(&self, document: &Value, limits: &Limits) -> Result<Vec<u8>, Failure> {
        let types = self.types()?;
        let mut out = Vec::new();
        match self.reference.framing {
            Framing::Plain | Framing::SingleObject => {}
            Framing::Confluent => self.frame(&types, &mut out)?,
        }
        Encoder::new(&types.model, limits).encode(types.message, document, &mut out)?;
        Ok(out)
    }
}
