//! The three schema languages, and the registries that keep schemas.
//!
//! Each language is a module of its own that makes a [`Schema`] of a text: [`avro`], [`json_schema`], [`protobuf`]. What they
//! have in common is how payloads are framed ([`framing`]) and how a registry is asked ([`registry`]). Nothing here
//! transforms a message: that is the engine's part, which knows schemas by their contract only.

pub mod avro;
pub mod compat;
pub mod framing;
pub mod json_schema;
pub mod protobuf;
pub mod registry;

use std::sync::Arc;

use dunlin_core::finding::{Finding, Findings, did_you_mean};
use dunlin_core::migration::load::Resolver;
use dunlin_core::migration::{Schema, SchemaCompiler, SchemaFormat, SchemaReference};

use registry::Registries;

/// Makes schemas of what migration files say, with the registries of one configuration.
#[derive(Debug, Clone, Default)]
pub struct Schemas {
    registries: Registries,
}

impl Schemas {
    /// Schemas that may name these registries.
    #[must_use]
    pub const fn new(registries: Registries) -> Self {
        Self { registries }
    }

    /// The registries.
    #[must_use]
    pub const fn registries(&self) -> &Registries {
        &self.registries
    }
}

impl SchemaCompiler for Schemas {
    fn compile(
        &self,
        reference: &SchemaReference,
        files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Arc<dyn Schema>> {
        let cache = match &reference.registry {
            None => None,
            Some(named) => match self.registries.cache(&named.registry) {
                Some(cache) => {
                    // A file that cannot be read is told by its language.
                    let bytes = reference.file.as_ref().and_then(|file| files.read(file).ok());
                    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                    cache.expect(reference, text);
                    Some(cache)
                }
                None => {
                    let meant = did_you_mean(&named.registry, self.registries.names());
                    let message = format!("no registry is called `{}`{meant}", named.registry);
                    let help = "name it under `registries` of the configuration";
                    findings.push(Finding::error(&reference.place, message).help(help));
                    return None;
                }
            },
        };
        match reference.format {
            SchemaFormat::JsonSchema => json_schema::compile(reference, cache, files, findings),
            SchemaFormat::Avro => avro::compile(reference, cache, files, findings),
            SchemaFormat::Protobuf => protobuf::compile(reference, cache, files, findings),
        }
    }
}
