//! Documents of messages for people at a desk: a filter, a fixture, an explanation. They are read and written as the
//! schemas of a migration say, and nothing is transformed.

use bytes::Bytes;

use super::{Migration, RecordMode};
use crate::message::Headers;
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::interpret::arrive::Arrival;
use crate::migration::limits::Limits;
use crate::migration::versions::{SCHEMA_HEADER, Version};

impl Migration {
    /// The document of a message as it arrives.
    ///
    /// # Errors
    /// Those of [`migrate`](Self::migrate) up to the first transformation, checks left out.
    pub fn read_on_arrival(
        &self,
        payload: &Bytes,
        headers: &Headers,
        limits: &Limits,
    ) -> Result<Value, Failure> {
        let (_, arrival) = self.arrive(headers, RecordMode::Trust)?;
        let entered = self.enter(arrival, Some(payload), headers, limits)?;
        self.read(payload, &entered, limits)
    }

    /// The payload of a message that arrives with the document of this JSON text, in the version that its record or the
    /// header [`SCHEMA_HEADER`] names, else in the first. Where messages of that version are JSON text, it is the text.
    ///
    /// # Errors
    /// Kind `encode` where the schema cannot hold the document, `schema` where the version is unknown.
    pub fn written_to_arrive(
        &self,
        text: &Bytes,
        headers: &Headers,
        limits: &Limits,
    ) -> Result<Bytes, Failure> {
        let version = self.version_of(headers)?;
        match version.and_then(|version| version.schema.codec()) {
            Some(codec) => {
                let document = self.read_as(text, None, limits)?;
                let written = codec.encode(&document, limits);
                let name = version.map_or("from", |version| &*version.name);
                let written =
                    written.map_err(|failure| failure.and(&format!("to arrive as `{name}` has it")))?;
                Ok(Bytes::from(written))
            }
            None => Ok(text.clone()),
        }
    }

    /// The document of a message as it leaves, as JSON text. Where messages leave as JSON text, it is the payload.
    ///
    /// # Errors
    /// Those of reading a payload.
    pub fn read_on_leaving(&self, payload: &Bytes, limits: &Limits) -> Result<Bytes, Failure> {
        let leaving = self.versions.leaving();
        match leaving.and_then(|version| version.schema.codec()) {
            Some(codec) => Ok(Bytes::from(codec.decode(payload, limits)?.to_json())),
            None => Ok(payload.clone()),
        }
    }

    /// The version in which messages leave, where the migration says it.
    #[must_use]
    pub fn leaving(&self) -> Option<&Version> {
        self.versions.leaving()
    }

    fn version_of(&self, headers: &Headers) -> Result<Option<&Version>, Failure> {
        let (_, arrival) = self.arrive(headers, RecordMode::Trust)?;
        let from = match arrival {
            Arrival::At(from) => from,
            Arrival::Unrecorded | Arrival::Ahead | Arrival::Below => 0,
        };
        let named = headers
            .get(SCHEMA_HEADER)
            .filter(|_| !self.versions.by.is_empty());
        let Some(name) = named else {
            return Ok(self.versions.arriving_at(from));
        };
        let mut all = self.versions.all.iter();
        match all.find(|version| version.name.as_bytes() == &name[..]) {
            Some(version) => Ok(Some(version)),
            None => Err(Failure::new(
                FailureKind::Schema,
                "expected the name of one of the versions in the header `dunlin-schema`, found another",
            )),
        }
    }
}
