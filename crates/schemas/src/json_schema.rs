//! JSON Schema: drafts 4, 6 and 7, 2019-09 and 2020-12 (<https://json-schema.org/specification>).
//!
//! A schema judges documents, and the documents are JSON text: there is nothing to be translated. What the
//! specification leaves open is settled so:
//!
//! - Without `$schema` a text is read as 2020-12.
//! - Numbers are compared, and divided by `multipleOf`, exactly as they are written, of any length.
//! - `format` is an annotation in all drafts. A dialect of its own whose meta-schema asserts it is obeyed.
//! - Of members with one name, the last is judged.
//! - References lead to files below the project's root and to what `imports` names, never to a network.
//!
//! Judging is the crate `jsonschema`'s business. What is ours is reading texts with places, limits, and sentences that
//! hold no value of a document.

mod check;
mod codec;
mod compat;
mod compile;
mod describe;
mod documents;
mod instance;
mod keywords;
mod misspelt;
mod number;
mod once;
mod rules;
mod shape;
mod survey;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use dunlin_core::finding::{Finding, Findings};
use dunlin_core::migration::document::Value;
use dunlin_core::migration::load::Resolver;
use dunlin_core::migration::shape::Shape;
use dunlin_core::migration::{Awaited, Codec, Framing, Recognised, Schema, SchemaReference, Unmet};

use crate::framing;
use crate::registry::{Cache, Registered};
use codec::Framed;
pub(crate) use compat::differences;
use compile::Compiled;
use documents::Documents;

/// A JSON Schema.
#[derive(Debug)]
pub struct JsonSchema {
    /// Made at once from a file, and from a registry's text when it is there.
    compiled: OnceLock<Result<Compiled, String>>,
    source: Option<Source>,
    codec: Option<Framed>,
}

/// A schema in a registry, as a migration refers to it.
#[derive(Debug, Clone)]
struct Source {
    cache: Arc<Cache>,
    reference: SchemaReference,
}

impl Source {
    fn own(&self) -> Option<Arc<Registered>> {
        self.cache.own(&self.reference)
    }

    /// How people call it.
    fn name(&self) -> String {
        match &self.reference.registry {
            Some(named) => format!("{}/{}", named.registry, named.subject),
            None => self.cache.name().to_string(),
        }
    }
}

impl JsonSchema {
    /// The schema of a text in a registry, whatever it is called.
    ///
    /// # Errors
    /// What is wrong with it, with its line and column.
    pub fn of_registered(name: &str, registered: &Registered) -> Result<Self, Findings> {
        let mut findings = Findings::new();
        let compiled = Documents::of_registered(name, registered, &mut findings)
            .filter(|_| !findings.has_errors())
            .and_then(|documents| compile::compile(&documents, &mut findings));
        match compiled {
            Some(compiled) => Ok(Self {
                compiled: OnceLock::from(Ok(compiled)),
                source: None,
                codec: None,
            }),
            None => Err(findings),
        }
    }

    /// The schema, or why there is none. `None`: its registry has not been asked yet.
    fn compiled(&self) -> Option<Result<&Compiled, &str>> {
        if self.compiled.get().is_none() {
            let source = self.source.as_ref()?;
            let registered = source.own()?;
            let made = Self::of_registered(&source.name(), &registered);
            let made = made
                .map_err(|findings| findings.to_string())
                .and_then(|schema| schema.compiled.into_inner().unwrap_or_else(|| Err(String::new())));
            // Another thread may have been first; what it made is the same.
            let _ = self.compiled.set(made);
        }
        let compiled = self.compiled.get()?;
        Some(compiled.as_ref().map_err(String::as_str))
    }

    /// Whether a document fits, for those who do not ask why.
    #[must_use]
    pub fn fits(&self, document: &Value) -> bool {
        match self.compiled() {
            Some(Ok(compiled)) => check::fits(&compiled.validator, document),
            Some(Err(_)) | None => false,
        }
    }
}

impl Schema for JsonSchema {
    fn codec(&self) -> Option<&dyn Codec> {
        self.codec.as_ref().map(|codec| codec as &dyn Codec)
    }

    fn identity(&self) -> String {
        match (&self.codec, &self.source) {
            (Some(_), Some(source)) => {
                format!("json framed {} {:?}", source.name(), source.reference.registry)
            }
            _ => "json".to_owned(),
        }
    }

    fn check(&self, document: &Value, _text: Option<&[u8]>) -> Result<(), Vec<Unmet>> {
        let rule = match self.compiled() {
            Some(Ok(compiled)) => return check::check(&compiled.validator, document),
            Some(Err(findings)) => {
                format!("expected a schema in the registry that can be compiled; {findings}")
            }
            None => "expected a schema, found none yet in the registry".to_owned(),
        };
        let path = String::new();
        Err(vec![Unmet { path, rule }])
    }

    fn recognises(&self, payload: &[u8]) -> Recognised {
        let (Some(_), Some(source)) = (&self.codec, &self.source) else {
            return Recognised::Unmarked;
        };
        match (framing::confluent(payload), source.own()) {
            (Some((id, _)), Some(own)) if own.id == id => Recognised::Yes,
            (Some(_), _) => Recognised::No,
            (None, _) => Recognised::Unmarked,
        }
    }

    fn awaits(&self, _payload: Option<&[u8]>) -> Option<Awaited> {
        // JSON text is read without the schema of its writer, so that no id is ever asked for.
        let source = self.source.as_ref()?;
        let is_needed = self.codec.is_some() || self.compiled.get().is_none();
        (is_needed && source.own().is_none()).then(|| Awaited {
            registry: Arc::clone(source.cache.name()),
            id: None,
        })
    }

    fn shape(&self) -> Option<Shape> {
        match self.compiled()? {
            Ok(compiled) => Some(compiled.shape.clone()),
            Err(_) => Some(Shape::anything()),
        }
    }

    fn describe(&self, shape: &Shape) -> Result<String, String> {
        Ok(describe::describe(shape))
    }
}

/// The schema that a reference names; its definition comes from a file, or from what a registry said.
pub(crate) fn compile(
    reference: &SchemaReference,
    cache: Option<Arc<Cache>>,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Arc<dyn Schema>> {
    let source = cache.map(|cache| Source {
        cache,
        reference: reference.clone(),
    });
    let codec = match (&source, reference.framing) {
        (_, Framing::Plain) => None,
        (Some(source), Framing::Confluent) => Some(Framed::new(source.clone())),
        (None, Framing::Confluent) | (_, Framing::SingleObject) => {
            let message = "expected the framing `plain`, or `confluent` beside a registry";
            findings.error(&reference.place, message);
            return None;
        }
    };
    let compiled = match &reference.file {
        Some(name) => {
            let errors = findings.errors();
            let documents = Documents::of_file(reference, name, files, findings)?;
            if findings.errors() > errors {
                return None;
            }
            OnceLock::from(Ok(compile::compile(&documents, findings)?))
        }
        None if source.is_some() => OnceLock::new(),
        None => {
            let help = "name a `file`, or a `registry` and its `subject`";
            findings.push(Finding::error(&reference.place, "expected a schema").help(help));
            return None;
        }
    };
    Some(Arc::new(JsonSchema {
        compiled,
        source,
        codec,
    }))
}
