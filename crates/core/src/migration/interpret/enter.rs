//! How a payload becomes a document and a document a payload: the version of a message, and its schemas on both ends.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::arrive::Arrival;
use super::{Migration, Options};
use crate::message::Headers;
use crate::migration::document::{Reading, Value, parse};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::limits::Limits;
use crate::migration::load::{Check, Status, Validation};
use crate::migration::schema::{Codec, Recognised, Schema, Unmet};
use crate::migration::validation::Validated;
use crate::migration::versions::{SCHEMA_HEADER, Version};

/// The media type of JSON text.
const JSON: &str = "application/json";

/// A message at its place in the chain.
pub(super) struct Entered<'a> {
    /// How many transformations are behind it.
    pub(super) from: usize,
    /// Whether its record says so; else its version does, or it is at the beginning.
    pub(super) is_recorded: bool,
    /// The version in which it came, where that is known.
    pub(super) version: Option<&'a Version>,
    /// Whether it leaves in another form than that in which it came: it must be written again, even where no
    /// transformation does anything.
    pub(super) changes_form: bool,
}

impl Migration {
    /// Finds the place of a message in the chain.
    ///
    /// # Errors
    /// Kind `schema`: its version is unknown, or the chain has no schema at its place.
    pub(super) fn enter(
        &self,
        arrival: Arrival,
        payload: Option<&Bytes>,
        headers: &Headers,
        limits: &Limits,
    ) -> Result<Entered<'_>, Failure> {
        let (from, is_recorded) = match arrival {
            Arrival::At(from) => (from, true),
            Arrival::Unrecorded | Arrival::Ahead | Arrival::Below => (0, false),
        };
        let told = match payload {
            Some(payload) if !is_recorded && !self.versions.by.is_empty() => {
                let read = |version: &Version| self.read_as(payload, Some(version), limits).ok();
                Some(self.versions.tell(payload, headers, &read)?)
            }
            Some(_) | None => None,
        };
        let from = told.map_or(from, |version| version.at);
        let version = told.or_else(|| self.versions.arriving_at(from));
        if payload.is_some() && version.is_none() && self.versions.is_binary_before(from) {
            let expected = format!(
                "expected a schema at the place behind {from} transformations, where the message stands"
            );
            return Err(Failure::new(FailureKind::Schema, expected));
        }
        let changes_form = payload.is_some_and(|payload| self.changes_form(version, payload));
        Ok(Entered {
            from,
            is_recorded,
            version,
            changes_form,
        })
    }

    fn changes_form(&self, version: Option<&Version>, payload: &[u8]) -> bool {
        let arriving = version.map(|version| &version.schema);
        let leaving = self.versions.leaving().map(|version| &version.schema);
        let has_codec = |schema: Option<&std::sync::Arc<dyn Schema>>| {
            schema.is_some_and(|schema| schema.codec().is_some())
        };
        match (arriving, leaving) {
            _ if !has_codec(arriving) && !has_codec(leaving) => false,
            (Some(arriving), Some(leaving)) => {
                arriving.identity() != leaving.identity() || leaving.recognises(payload) == Recognised::No
            }
            _ => true,
        }
    }

    /// Reads a payload as the version says in which it came.
    pub(super) fn read(
        &self,
        payload: &Bytes,
        entered: &Entered<'_>,
        limits: &Limits,
    ) -> Result<Value, Failure> {
        self.read_as(payload, entered.version, limits)
    }

    pub(super) fn read_as(
        &self,
        payload: &[u8],
        version: Option<&Version>,
        limits: &Limits,
    ) -> Result<Value, Failure> {
        check_size(payload.len(), limits)?;
        if let Some(codec) = version.and_then(|version| version.schema.codec()) {
            return codec.decode(payload, limits);
        }
        let reading = Reading {
            depth: limits.depth(),
            duplicate_names: self.duplicate_names,
        };
        Ok(parse(payload, &reading)?)
    }

    /// Writes a document as messages leave.
    ///
    /// # Errors
    /// Kind `encode`: the schema of the last version cannot hold it.
    pub(super) fn write(&self, document: &Value, options: &Options<'_>) -> Result<Bytes, Failure> {
        let leaving = self.versions.leaving();
        match leaving.and_then(|version| version.schema.codec()) {
            Some(codec) => Ok(Bytes::from(codec.encode(document, &options.limits)?)),
            None => Ok(Bytes::from(document.to_json())),
        }
    }

    /// The failure of a document that cannot be written, said as the check `to` says it where that is asked for.
    pub(super) fn unmet_instead(&self, failure: Failure, document: &Value) -> Failure {
        let is_checked = self
            .validations
            .iter()
            .any(|validation| validation.check == Check::To && validation.status == Status::Pending);
        match self
            .versions
            .leaving()
            .map(|version| version.schema.check(document, None))
        {
            Some(Err(all)) if is_checked => unmet(all),
            Some(_) | None => failure,
        }
    }

    /// The media type of messages that leave.
    pub(super) fn content_type(&self) -> &'static str {
        let leaving = self.versions.leaving();
        leaving
            .and_then(|version| version.schema.codec())
            .map_or(JSON, |codec| codec.content_type())
    }

    /// Says the version of a message that leaves, where versions have names.
    pub(super) fn name_version(&self, headers: &mut Headers) {
        if self.versions.by.is_empty() {
            return;
        }
        if let Some(version) = self.versions.leaving() {
            headers.set(SCHEMA_HEADER, Bytes::copy_from_slice(version.name.as_bytes()));
        }
    }

    /// Performs one check of the message as it came, if it is to be performed.
    ///
    /// The document is there if the payload was looked at, and then it is well formed.
    pub(super) fn judge_arrival(
        &self,
        validation: &Validation,
        payload: Option<&Bytes>,
        document: Option<&Value>,
        entered: &Entered<'_>,
    ) -> Result<Validated, Failure> {
        let document = match looked_at(validation, payload, document) {
            Ok(document) => document,
            Err(validated) => return Ok(validated),
        };
        if validation.check == Check::Syntax {
            return Ok(Validated::Passed);
        }
        if entered.is_recorded && entered.from > 0 {
            return Ok(Validated::AlreadyApplied);
        }
        let Some(version) = entered.version else {
            let expected = format!("expected a schema for the check `{}`", validation.check.word());
            return Err(Failure::new(FailureKind::Schema, expected));
        };
        checked(&*version.schema, document, payload)
    }

    /// Performs the check of the message as it leaves in `payload`, if it is to be performed.
    pub(super) fn judge_leaving(
        &self,
        validation: &Validation,
        payload: Option<&Bytes>,
        document: Option<&Value>,
    ) -> Result<Validated, Failure> {
        let document = match looked_at(validation, payload, document) {
            Ok(document) => document,
            Err(validated) => return Ok(validated),
        };
        let Some(version) = self.versions.leaving() else {
            let expected = format!("expected a schema for the check `{}`", validation.check.word());
            return Err(Failure::new(FailureKind::Schema, expected));
        };
        checked(&*version.schema, document, payload)
    }
}

/// The document, or why a check is not performed.
fn looked_at<'a>(
    validation: &Validation,
    payload: Option<&Bytes>,
    document: Option<&'a Value>,
) -> Result<&'a Value, Validated> {
    if validation.status == Status::Applied {
        return Err(Validated::Flagged);
    }
    if payload.is_none() {
        return Err(Validated::NoPayload);
    }
    document.ok_or(Validated::NothingToDo)
}

fn checked(schema: &dyn Schema, document: &Value, payload: Option<&Bytes>) -> Result<Validated, Failure> {
    // What was read or written by the schema itself fits it.
    if !schema.codec().is_some_and(Codec::proves_fit) {
        schema
            .check(document, payload.map(|bytes| &**bytes))
            .map_err(unmet)?;
    }
    Ok(Validated::Passed)
}

/// A failure that tells all rules that are not met, at the place of the first.
fn unmet(all: Vec<Unmet>) -> Failure {
    let mut all = all.into_iter();
    let Some(first) = all.next() else {
        return Failure::new(
            FailureKind::Validation,
            "expected a document that fits the schema",
        );
    };
    let mut expected = first.rule;
    for other in all {
        expected.push_str("; ");
        if !other.path.is_empty() {
            expected.push_str(&format!("at {}: ", other.path));
        }
        expected.push_str(&other.rule);
    }
    let failure = Failure::new(FailureKind::Validation, expected);
    if first.path.is_empty() {
        failure
    } else {
        failure.at(first.path)
    }
}

fn check_size(size: usize, limits: &Limits) -> Result<(), Failure> {
    if size <= limits.size {
        return Ok(());
    }
    let expected = format!("expected at most {} bytes, found {size}", limits.size);
    Err(Failure::new(FailureKind::Limit, expected))
}
