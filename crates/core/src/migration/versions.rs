//! The schemas of a migration: which one a message has at which place of the chain, and how its version is told.

use std::sync::Arc;

use bytes::Bytes;

use crate::finding::Place;
use crate::message::Headers;
use crate::migration::document::Value;
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::schema::{Awaited, Recognised, Schema, SchemaReference};

/// The header that tells the version of a message by the name that the migration gives it.
///
/// It is read where the migration names its versions, and then written on every message that leaves at a version.
pub const SCHEMA_HEADER: &str = "dunlin-schema";

/// A version that messages of a migration have at a place of its chain.
#[derive(Debug, Clone)]
pub struct Version {
    /// The name in the migration file: `from`, `to`, or one of its author's.
    pub name: Arc<str>,
    /// How many transformations are behind a message of this version.
    pub at: usize,
    /// Its schema.
    pub schema: Arc<dyn Schema>,
    /// Where the migration file names it.
    pub place: Place,
    /// What the migration file says of it.
    pub reference: SchemaReference,
}

/// One way to tell the version of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum VersionBy {
    /// By the first bytes of the payload: a registry's wire format, or an Avro fingerprint.
    Wire,
    /// By the header [`SCHEMA_HEADER`].
    Header,
    /// By the text or number that a member of the document holds: one of the pairs, or the version's own name.
    Member {
        /// The names of the members that lead to it.
        path: Vec<String>,
        /// What it holds, and the version that is meant by it.
        values: Vec<(String, Arc<str>)>,
    },
    /// The first version, in the order of the migration file, whose schema the message fits.
    Fits,
}

impl VersionBy {
    /// What a message has that tells its version, in words.
    fn sign(&self) -> String {
        match self {
            Self::Wire => "the first bytes of its payload".to_owned(),
            Self::Header => format!("the header `{SCHEMA_HEADER}`"),
            Self::Member { path, .. } => format!("the member `{}`", path.join(".")),
            Self::Fits => "the first schema that it fits".to_owned(),
        }
    }
}

/// The schemas of a migration, in the order of the chain.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions {
    pub(crate) all: Vec<Version>,
    /// The ways to tell the version of a message, in order. None where there are only `from` and `to`: then a message
    /// without a record is at the beginning.
    pub(crate) by: Vec<VersionBy>,
    pub(crate) length: usize,
}

impl Versions {
    /// The version of messages with this many transformations behind them. Of two at one place the first is the one
    /// in which messages arrive.
    pub(crate) fn arriving_at(&self, count: usize) -> Option<&Version> {
        self.all
            .iter()
            .find(|version| version.at == count && !self.is_only_for_leaving(version))
    }

    /// The version in which messages leave at the end of the chain.
    pub(crate) fn leaving(&self) -> Option<&Version> {
        let last = self.all.last()?;
        let is_only_for_arriving = &*last.name == "from" && self.by.is_empty();
        (last.at == self.length && !is_only_for_arriving).then_some(last)
    }

    /// Whether messages that stand at this place, where the chain has no version, are in a form that only a schema can
    /// read: the nearest version before it is.
    pub(crate) fn is_binary_before(&self, count: usize) -> bool {
        let before = self.all.iter().rev().find(|version| version.at <= count);
        before.is_some_and(|version| version.schema.codec().is_some())
    }

    /// With an empty chain `from` and `to` have one place.
    fn is_only_for_leaving(&self, version: &Version) -> bool {
        self.by.is_empty() && self.length == 0 && &*version.name == "to"
    }

    /// Whether every message is JSON text, wherever it stands.
    pub(crate) fn are_json(&self) -> bool {
        self.all.iter().all(|version| version.schema.codec().is_none())
    }

    /// The version of a message that has no record, where versions have names.
    ///
    /// # Errors
    /// Kind `schema`: none of the ways tells it, or it is told to be an unknown one.
    pub(crate) fn tell(
        &self,
        payload: &[u8],
        headers: &Headers,
        read: &dyn Fn(&Version) -> Option<Value>,
    ) -> Result<&Version, Failure> {
        for by in &self.by {
            let told = match by {
                VersionBy::Wire => self.by_wire(payload)?,
                VersionBy::Header => self.by_header(headers)?,
                VersionBy::Member { path, values } => self.by_member(path, values, read)?,
                VersionBy::Fits => self.all.iter().find(|version| {
                    read(version)
                        .is_some_and(|document| version.schema.check(&document, Some(payload)).is_ok())
                }),
            };
            if let Some(version) = told {
                return Ok(version);
            }
        }
        let signs: Vec<String> = self.by.iter().map(VersionBy::sign).collect();
        Err(unknown(&format!(
            "expected a message that tells its version by {}, found no such sign; `version_by` says which signs count",
            signs.join(" or ")
        )))
    }

    fn by_wire(&self, payload: &[u8]) -> Result<Option<&Version>, Failure> {
        let mut is_marked = false;
        for version in &self.all {
            match version.schema.recognises(payload) {
                Recognised::Yes => return Ok(Some(version)),
                Recognised::No => is_marked = true,
                Recognised::Unmarked => {}
            }
        }
        if is_marked {
            return Err(unknown(
                "expected the schema of one of the versions in the first bytes of the payload, found another",
            ));
        }
        Ok(None)
    }

    fn by_header(&self, headers: &Headers) -> Result<Option<&Version>, Failure> {
        let Some(value) = headers.get(SCHEMA_HEADER) else {
            return Ok(None);
        };
        match std::str::from_utf8(value).ok().and_then(|name| self.named(name)) {
            Some(version) => Ok(Some(version)),
            None => Err(unknown(
                "expected the name of one of the versions in the header `dunlin-schema`, found another",
            )
            .at("@headers.dunlin-schema")),
        }
    }

    fn by_member(
        &self,
        path: &[String],
        values: &[(String, Arc<str>)],
        read: &dyn Fn(&Version) -> Option<Value>,
    ) -> Result<Option<&Version>, Failure> {
        // Versions may be read differently; the first that can read the payload and finds the member there is asked.
        for version in &self.all {
            let Some(document) = read(version) else { continue };
            let Some(text) = member_text(&document, path) else {
                continue;
            };
            let name = values
                .iter()
                .find(|(value, _)| *value == text)
                .map_or(text.as_str(), |(_, name)| name);
            return match self.named(name) {
                Some(version) => Ok(Some(version)),
                None => Err(unknown(
                    "expected the version of the message in this member, found another value",
                )
                .at(path.join("."))),
            };
        }
        Ok(None)
    }

    fn named(&self, name: &str) -> Option<&Version> {
        self.all.iter().find(|version| &*version.name == name)
    }

    /// What must be fetched before a payload can be read.
    pub(crate) fn awaits(&self, payload: Option<&Bytes>) -> Option<Awaited> {
        let payload = payload.map(|bytes| &**bytes);
        self.all.iter().find_map(|version| version.schema.awaits(payload))
    }
}

fn member_text(document: &Value, path: &[String]) -> Option<String> {
    let mut value = document;
    for name in path {
        let Value::Object(members) = value else {
            return None;
        };
        value = &members.iter().rev().find(|member| member.name.is(name))?.value;
    }
    value
        .scalar_text()
        .ok()
        .flatten()
        .map(std::borrow::Cow::into_owned)
}

fn unknown(expected: &str) -> Failure {
    Failure::new(FailureKind::Schema, expected)
}
