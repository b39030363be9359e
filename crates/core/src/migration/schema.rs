//! What the engine asks of a schema, and how a migration names one.
//!
//! The engine knows no schema language. A [`SchemaCompiler`] makes schemas of what a migration file says; the engine reads
//! documents with them, checks documents against them, writes documents with them, and proves a chain over their
//! [`Shape`]. Nothing here waits: what only a registry knows is fetched by whoever runs the engine, before the message
//! is migrated (see [`Schema::awaits`]).

#[cfg(test)]
pub(crate) mod testing;

use std::fmt;
use std::sync::Arc;

use crate::finding::{Finding, Findings, Place};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::limits::Limits;
use crate::migration::load::Resolver;
use crate::migration::shape::Shape;

/// A schema that is ready to be used.
pub trait Schema: fmt::Debug + Send + Sync {
    /// How payloads of this schema are read and written. `None`: they are JSON text.
    fn codec(&self) -> Option<&dyn Codec>;

    /// Something that is equal for two schemas only if they read and write every payload alike.
    ///
    /// A message that needs no transformation, and is to leave in the schema in which it came, keeps its bytes.
    fn identity(&self) -> String;

    /// Checks a document. `text` is the payload in which it came or will leave, where that is known already; an
    /// implementation that judges bytes need not print the document again.
    ///
    /// # Errors
    /// What is not met, in document order, up to a limit. Never empty, and never with a value of the document.
    fn check(&self, document: &Value, text: Option<&[u8]>) -> Result<(), Vec<Unmet>>;

    /// Whether a payload says by its first bytes (the header of a registry's wire format, an Avro fingerprint) that it
    /// was written with this schema.
    fn recognises(&self, payload: &[u8]) -> Recognised;

    /// What must be fetched before this payload can be read. With `None`: before any can.
    fn awaits(&self, payload: Option<&[u8]>) -> Option<Awaited>;

    /// What is known of the documents that fit this schema. `None` where nothing is known yet, since a registry has to
    /// be asked first.
    fn shape(&self) -> Option<Shape>;

    /// A schema, in the language of this one, of the documents of a shape. It is text for people and for files.
    ///
    /// # Errors
    /// What the language cannot express, and where.
    fn describe(&self, shape: &Shape) -> Result<String, String>;

    /// The schema itself as one text of its own language, which needs no other text. `None` where it is not kept in such
    /// a form, or is not known yet.
    fn definition(&self) -> Option<String> {
        None
    }
}

/// Reads and writes payloads that are not JSON text.
pub trait Codec: Send + Sync {
    /// The media type of the payloads, such as `application/protobuf`.
    fn content_type(&self) -> &'static str;

    /// Reads a payload.
    ///
    /// # Errors
    /// Kind `decode` where the bytes do not fit, `schema` where the writer's schema is unknown, `limit` where a document
    /// would be larger or deeper than allowed. Bounded in time and memory whatever the bytes say.
    fn decode(&self, payload: &[u8], limits: &Limits) -> Result<Value, Failure>;

    /// Writes a document.
    ///
    /// # Errors
    /// Kind `encode`, with the path of the field that the schema cannot hold: nothing is rounded, cut or left out.
    fn encode(&self, document: &Value, limits: &Limits) -> Result<Vec<u8>, Failure>;

    /// Whether a document that was read or written here fits the schema by that alone, so that it need not be checked.
    ///
    /// It is so for the binary languages. JSON text can be read and written without a look at its schema.
    fn proves_fit(&self) -> bool {
        true
    }
}

/// A rule of a schema that a document does not meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// The place in the document, as failures print it: `lines[0].sku`, empty for the whole document.
    pub path: String,
    /// What was expected there, in lower case, without a value of the document: `expected a string (type)`.
    pub rule: String,
}

/// Whether the first bytes of a payload name a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// They name this one.
    Yes,
    /// They name another one.
    No,
    /// They name none.
    Unmarked,
}

/// Something that a registry must be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Awaited {
    /// The name of the registry in the configuration.
    pub registry: Arc<str>,
    /// The id of the writer's schema; `None` for what the references of migrations name.
    pub id: Option<u32>,
}

/// The three schema languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchemaFormat {
    /// JSON Schema, of JSON text.
    JsonSchema,
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
}

impl SchemaFormat {
    /// All languages with their words in migration files.
    pub const ALL: [(&'static str, Self); 3] = [
        ("json-schema", Self::JsonSchema),
        ("avro", Self::Avro),
        ("protobuf", Self::Protobuf),
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::JsonSchema => "json-schema",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
        }
    }
}

impl fmt::Display for SchemaFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// What stands before the content of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Nothing.
    Plain,
    /// The wire format of Confluent's clients: a zero byte, the schema's id in four bytes, big-endian, and for Protobuf
    /// the indexes of the message.
    Confluent,
    /// Avro's single-object encoding: two bytes `C3 01` and the schema's 64-bit Rabin fingerprint, little-endian.
    SingleObject,
}

impl Framing {
    /// All framings with their words in migration files.
    pub const ALL: [(&'static str, Self); 3] = [
        ("plain", Self::Plain),
        ("confluent", Self::Confluent),
        ("single-object", Self::SingleObject),
    ];
}

/// A schema as a migration file names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaReference {
    /// The schema language.
    pub format: SchemaFormat,
    /// The file that holds it, by its name below the root; where there is none, the registry has it.
    pub file: Option<String>,
    /// Files and folders, by their names below the root, in which names are looked up that the file uses and does not
    /// define.
    pub imports: Vec<String>,
    /// The message (Protobuf) or named type (Avro) that is meant, by its full name; `None` for the only or first one.
    pub message: Option<String>,
    /// What stands before the content of each payload.
    pub framing: Framing,
    /// Where the registry comes in.
    pub registry: Option<RegistryReference>,
    /// Where it is written.
    pub place: Place,
}

/// A schema in a registry, or one that is to be found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryReference {
    /// The name of the registry in the configuration.
    pub registry: String,
    /// The subject.
    pub subject: String,
    /// The version. `None` beside a file: the version that has the file's text.
    pub version: Option<RegistryVersion>,
    /// Whether the file's schema is registered where the subject does not have it yet.
    pub register: bool,
}

/// A version of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegistryVersion {
    /// This one, from 1.
    Number(u32),
    /// The latest one at the moment of the start. It has to be asked for by this word, so that it is nobody's accident.
    Latest,
}

/// Makes schemas of what migration files say.
pub trait SchemaCompiler: fmt::Debug {
    /// The schema that a reference names; `None` where it cannot be made, and findings say why, each at its line and
    /// column of the schema's own file where it has one.
    ///
    /// It opens no connection: a schema that only a registry has comes back as one that [`awaits`](Schema::awaits).
    fn compile(
        &self,
        reference: &SchemaReference,
        files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Arc<dyn Schema>>;
}

/// Knows no schema language, and reports every reference.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSchemas;

impl SchemaCompiler for NoSchemas {
    fn compile(
        &self,
        reference: &SchemaReference,
        _files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Arc<dyn Schema>> {
        let message = "schemas are not read here";
        let help = "remove it; the syntax of messages is checked without a schema";
        findings.push(Finding::error(&reference.place, message).help(help));
        None
    }
}
