//! What a registry answers, as Confluent's interface describes it. Members that are not listed are passed over.

use dunlin_core::migration::SchemaFormat;
use serde::Deserialize;

/// A schema by its id, or as a version of a subject.
#[derive(Debug, Deserialize)]
pub(super) struct SchemaAnswer {
    /// Missing where it was asked for by it.
    pub(super) id: Option<u32>,
    pub(super) version: Option<u32>,
    pub(super) schema: String,
    /// Missing for Avro.
    #[serde(rename = "schemaType")]
    pub(super) language: Option<String>,
    pub(super) references: Option<Vec<ReferenceAnswer>>,
}

/// What a schema refers to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReferenceAnswer {
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) version: u32,
}

/// What became of a registration.
#[derive(Debug, Deserialize)]
pub(super) struct Registration {
    pub(super) id: u32,
}

/// Whether a schema is compatible.
#[derive(Debug, Deserialize)]
pub(super) struct Compatibility {
    pub(super) is_compatible: bool,
    #[serde(default)]
    pub(super) messages: Option<Vec<String>>,
}

/// How compatible the versions of a subject must be.
#[derive(Debug, Deserialize)]
pub(super) struct Level {
    #[serde(alias = "compatibilityLevel", alias = "compatibility")]
    pub(super) level: String,
}

/// What is said with a status from 400.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    pub(super) error_code: Option<u32>,
    pub(super) message: Option<String>,
}

/// The word for a language in the interface.
pub(super) const fn word(format: SchemaFormat) -> &'static str {
    match format {
        SchemaFormat::Avro => "AVRO",
        SchemaFormat::JsonSchema => "JSON",
        SchemaFormat::Protobuf => "PROTOBUF",
    }
}

impl SchemaAnswer {
    /// The language.
    ///
    /// # Errors
    /// Its word, where it is another than the three.
    pub(super) fn format(&self) -> Result<SchemaFormat, &str> {
        let Some(language) = &self.language else {
            return Ok(SchemaFormat::Avro);
        };
        let known = [
            SchemaFormat::Avro,
            SchemaFormat::JsonSchema,
            SchemaFormat::Protobuf,
        ];
        known
            .into_iter()
            .find(|format| word(*format) == language)
            .ok_or(language)
    }
}
