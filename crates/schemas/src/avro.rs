//! Apache Avro: schemas in `.avsc` files or in a registry, and payloads in Avro's binary encoding.
//!
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/>.
//!
//! How a datum stands in a document, both ways:
//!
//! | Avro | document |
//! |---|---|
//! | `null`, `boolean` | `null`, `true` and `false` |
//! | `int`, `long` | an integer, within the range of the type |
//! | `float`, `double` | a number, written with the fewest digits that mean it; read with rounding to the nearest, except that a whole number is never rounded |
//! | `string` | a string |
//! | `bytes`, `fixed` | a string with one character from U+0000 to U+00FF for each byte |
//! | `enum` | the symbol |
//! | `array`, `map` | an array, an object |
//! | `record` | an object with all fields, in the order of the schema; a missing one is written as its default |
//! | union | plainly, where the kind of value tells the branch; else an object with the name of the branch (see `union`) |
//! | `decimal` | a number with as many digits behind the point as the scale has |
//! | `date` | `"2026-11-22"` |
//! | `time-millis`, `time-micros` | `"13:45:30.250"` |
//! | `timestamp-millis`, `-micros`, `-nanos` | `"2026-11-22T13:45:30.250Z"`; an offset is read, and written as `Z` |
//! | `local-timestamp-millis`, `-micros`, `-nanos` | `"2026-11-22T13:45:30.250"` |
//! | `uuid` | the UUID |
//! | `duration` | `{"months": 1, "days": 2, "milliseconds": 3}` |
//!
//! What has no counterpart is refused with the member named: NaN and the infinities, years beyond 9999, digits beyond a
//! scale, members that no field has. Attributes that Avro calls metadata are not kept.

mod canonical;
mod compat;
mod compile;
pub mod container;
mod decode;
mod defaults;
mod describe;
mod encode;
mod framed;
mod logical;
mod model;
mod names;
mod path;
mod plan;
mod shape;
mod sources;
mod union;

use std::sync::{Arc, OnceLock};

use dunlin_core::finding::{Finding, Findings};
use dunlin_core::migration::document::Value;
use dunlin_core::migration::load::Resolver;
use dunlin_core::migration::shape::Shape;
use dunlin_core::migration::{
    Awaited, Codec, Failure, FailureKind, Framing, Limits, Recognised, Schema, SchemaReference, Unmet,
};

use crate::registry::Cache;
pub(crate) use compat::differences;
use framed::{Header, Writers};
use model::Model;
use plan::Plan;
use sources::Sources;

/// The schema that a reference names; its definition comes from a file, or from what a registry said.
pub(crate) fn compile(
    reference: &SchemaReference,
    cache: Option<Arc<Cache>>,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Arc<dyn Schema>> {
    let schema = match &reference.file {
        Some(file) => {
            let sources = Sources::of_files(reference, file, files, findings)?;
            let message = reference.message.as_deref();
            let message = message.map(|name| (name, &reference.place));
            let model = compile::compile(&sources, message, findings)?;
            let ready = Ready::new(model).map_err(|message| {
                findings.push(Finding::error(&reference.place, message));
            });
            Avro::new(reference, cache, Some(ready.ok()?))
        }
        None => Avro::new(reference, cache, None),
    };
    Some(Arc::new(schema))
}

/// A schema of Avro, as a migration names it.
#[derive(Debug)]
struct Avro {
    reference: SchemaReference,
    cache: Option<Arc<Cache>>,
    /// What a registry has is compiled when it is there.
    ready: OnceLock<Result<Arc<Ready>, Arc<str>>>,
    writers: Writers,
}

/// A schema that is compiled, and all that is derived from it once.
#[derive(Debug)]
struct Ready {
    model: Arc<Model>,
    /// How its own bytes are read.
    plan: Plan,
    fingerprint: u64,
    full_form: String,
}

impl Ready {
    fn new(model: Arc<Model>) -> Result<Arc<Self>, &'static str> {
        Ok(Arc::new(Self {
            plan: Plan::new(&model, &model)?,
            fingerprint: canonical::fingerprint(canonical::canonical_form(&model).as_bytes()),
            full_form: canonical::full_form(&model),
            model,
        }))
    }
}

impl Avro {
    fn new(reference: &SchemaReference, cache: Option<Arc<Cache>>, ready: Option<Arc<Ready>>) -> Self {
        let known = OnceLock::new();
        if let Some(ready) = ready {
            known.get_or_init(|| Ok(ready));
        }
        Self {
            reference: reference.clone(),
            cache,
            ready: known,
            writers: Writers::default(),
        }
    }

    /// The schema, compiled.
    ///
    /// # Errors
    /// Kind `schema`: the registry was not asked yet, or what it has is no schema of Avro.
    fn ready(&self) -> Result<&Ready, Failure> {
        let failed = |message: &str| Failure::new(FailureKind::Schema, message);
        if self.ready.get().is_none() {
            let own = self.cache.as_ref().and_then(|cache| cache.own(&self.reference));
            let Some(own) = own else {
                return Err(failed(
                    "expected the schema of the registry, which has not told it yet",
                ));
            };
            let message = self.reference.message.as_deref();
            let made = framed::compile_registered(&own, message)
                .and_then(|model| Ready::new(model).map_err(Into::into));
            self.ready.get_or_init(|| made);
        }
        match self.ready.get() {
            Some(Ok(ready)) => Ok(ready),
            Some(Err(message)) => Err(failed(message)),
            None => Err(failed("expected the schema of the registry")),
        }
    }

    /// Whether the id of the schema is needed, or its text.
    const fn needs_own(&self) -> bool {
        self.reference.file.is_none() || matches!(self.reference.framing, Framing::Confluent)
    }
}

impl Schema for Avro {
    fn codec(&self) -> Option<&dyn Codec> {
        Some(self)
    }

    fn identity(&self) -> String {
        let SchemaReference {
            framing,
            registry,
            message,
            ..
        } = &self.reference;
        let form = match self.ready() {
            Ok(ready) => ready.full_form.as_str(),
            // Two references to one place of one registry are one schema, whatever it will be.
            Err(_) => "",
        };
        format!("avro {framing:?} {registry:?} {message:?} {form}")
    }

    fn check(&self, document: &Value, _text: Option<&[u8]>) -> Result<(), Vec<Unmet>> {
        match self.ready() {
            Ok(ready) => encode::check(&ready.model, document),
            Err(failure) => Err(vec![Unmet {
                path: String::new(),
                rule: failure.message(),
            }]),
        }
    }

    fn recognises(&self, payload: &[u8]) -> Recognised {
        match (Header::of(payload), self.reference.framing) {
            (Header::Fingerprint(found, _), Framing::SingleObject) => match self.ready() {
                Ok(ready) if ready.fingerprint == found => Recognised::Yes,
                Ok(_) | Err(_) => Recognised::No,
            },
            (Header::Id(id, _), Framing::Confluent) => self.recognises_id(id),
            (Header::None | Header::Fingerprint(..) | Header::Id(..), _) => Recognised::Unmarked,
        }
    }

    fn awaits(&self, payload: Option<&[u8]>) -> Option<Awaited> {
        let cache = self.cache.as_ref()?;
        let awaited = |id| {
            Some(Awaited {
                registry: Arc::clone(cache.name()),
                id,
            })
        };
        if self.needs_own() && cache.own(&self.reference).is_none() {
            return awaited(None);
        }
        match (self.reference.framing, Header::of(payload?)) {
            (Framing::Confluent, Header::Id(id, _)) if cache.writer(id).is_none() => awaited(Some(id)),
            _ => None,
        }
    }

    fn shape(&self) -> Option<Shape> {
        self.ready().ok().map(|ready| shape::shape(&ready.model))
    }

    fn describe(&self, shape: &Shape) -> Result<String, String> {
        let ready = self.ready().map_err(|failure| failure.message())?;
        describe::describe(shape, &ready.model)
    }

    fn definition(&self) -> Option<String> {
        self.ready().ok().map(|ready| ready.full_form.clone())
    }
}

impl Codec for Avro {
    fn content_type(&self) -> &'static str {
        "application/avro"
    }

    fn decode(&self, payload: &[u8], limits: &Limits) -> Result<Value, Failure> {
        let ready = self.ready()?;
        let broken = |expected: &str| Failure::new(FailureKind::Decode, expected);
        match (self.reference.framing, Header::of(payload)) {
            (Framing::Plain, _) => decode::decode(&ready.plan, payload, 0, limits),
            (Framing::SingleObject, Header::Fingerprint(found, datum)) => {
                if found != ready.fingerprint {
                    let expected = "expected the fingerprint of this schema before the datum, found another";
                    return Err(Failure::new(FailureKind::Schema, expected));
                }
                decode::decode(&ready.plan, datum, payload.len() - datum.len(), limits)
            }
            (Framing::Confluent, Header::Id(id, datum)) => {
                let plan = self.writer(id, ready)?;
                let plan = plan.as_deref().unwrap_or(&ready.plan);
                decode::decode(plan, datum, payload.len() - datum.len(), limits)
            }
            (Framing::SingleObject, Header::Id(..) | Header::None) => Err(broken(
                "expected the bytes C3 01 and a fingerprint before the datum",
            )),
            (Framing::Confluent, Header::Fingerprint(..) | Header::None) => Err(broken(
                "expected a zero byte and the id of a schema before the datum",
            )),
        }
    }

    fn encode(&self, document: &Value, limits: &Limits) -> Result<Vec<u8>, Failure> {
        let ready = self.ready()?;
        let mut out = Vec::new();
        match self.reference.framing {
            Framing::Plain => {}
            Framing::SingleObject => framed::write_fingerprint(ready.fingerprint, &mut out),
            Framing::Confluent => {
                let own = self.cache.as_ref().and_then(|cache| cache.own(&self.reference));
                let Some(own) = own else {
                    let expected = "expected the id of the schema, which the registry has not told yet";
                    return Err(Failure::new(FailureKind::Schema, expected));
                };
                crate::framing::write_confluent(own.id, &mut out);
            }
        }
        encode::encode(&ready.model, document, limits, out)
    }
}

#[cfg(test)]
mod tests;
