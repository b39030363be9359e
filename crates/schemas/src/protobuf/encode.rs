//! Documents become payloads.
//!
//! Members are looked up by name, put in the order of the field numbers, and written straight to the wire. One walk
//! serves writing, which ends at the first fault, and checking, which goes on to find the others.

mod scalar;
mod well_known;

use std::collections::{HashMap, HashSet};

use dunlin_core::migration::document::{Kind as Found, Member, Value};
use dunlin_core::migration::{Failure, FailureKind, Limits};

use super::decode::wire_of;
use super::model::{Field, Form, Kind, Message, MessageIndex, Model, Scalar, Special};
use super::place::Place;
use super::wire::{WireType, write_delimited, write_key, write_varint};
use scalar::Written;

/// Writes documents in one schema.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    model: &'a Model,
    /// The containers that may be open at once.
    depth: usize,
    /// After how many faults the walk ends.
    most: usize,
    faults: Vec<Failure>,
}

/// Enough faults have been found.
#[derive(Debug)]
struct Stop;

type Walk<T = ()> = Result<T, Stop>;

impl<'a> Encoder<'a> {
    pub(super) fn new(model: &'a Model, limits: &Limits) -> Self {
        Self {
            model,
            depth: limits.depth(),
            most: 1,
            faults: Vec::new(),
        }
    }

    /// Writes a document behind what is in `out`.
    ///
    /// # Errors
    /// Kind `encode` with the path of what the schema cannot hold, or `limit`. `out` holds rubbish then.
    pub(super) fn encode(
        mut self,
        index: MessageIndex,
        document: &Value,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let walked = self.message(index, document, &Place::Root, 0, out);
        match self.faults.into_iter().next() {
            Some(failure) => Err(failure),
            None if walked.is_err() => Err(Failure::new(
                FailureKind::Encode,
                "expected a document of the schema",
            )),
            None => Ok(()),
        }
    }

    /// What keeps a document from being written: at most `most` faults, in the order in which fields are written.
    pub(super) fn faults(mut self, index: MessageIndex, document: &Value, most: usize) -> Vec<Failure> {
        self.most = most;
        // The faults are what is asked for; that the walk ended at the last of them is no other news.
        let _ = self.message(index, document, &Place::Root, 0, &mut Vec::new());
        self.faults
    }

    /// Takes a fault in, and says whether to go on.
    fn fault(&mut self, place: &Place<'_>, expected: impl Into<Box<str>>, found: Option<Found>) -> Walk {
        self.failure(place, FailureKind::Encode, expected, found)
    }

    fn failure(
        &mut self,
        place: &Place<'_>,
        kind: FailureKind,
        expected: impl Into<Box<str>>,
        found: Option<Found>,
    ) -> Walk {
        let failure = place.blame(Failure::new(kind, expected));
        self.faults.push(match found {
            Some(found) => failure.found(found),
            None => failure,
        });
        if self.faults.len() < self.most {
            Ok(())
        } else {
            Err(Stop)
        }
    }

    /// Writes the content of a message. `depth` containers are open around its document.
    fn message(
        &mut self,
        index: MessageIndex,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Walk {
        let message = self.model.message(index);
        if depth + usize::from(value.is_container()) > self.depth {
            let expected = format!("expected at most {} containers in each other", self.depth);
            return self.failure(place, FailureKind::Limit, expected, None);
        }
        if message.is_message_set {
            return self.fault(
                place,
                format!(
                    "expected no message set, which is not written: `{}`",
                    message.name
                ),
                None,
            );
        }
        match message.special {
            Special::No => match value {
                Value::Object(members) => self.members(message, members, place, depth + 1, out),
                other => self.fault(
                    place,
                    format!("expected an object, for the message `{}`", message.name),
                    Some(other.kind()),
                ),
            },
            special => self.well_known(special, message, value, place, depth, out),
        }
    }

    /// Writes the members of an object as the fields of a message.
    fn members<'d>(
        &mut self,
        message: &'a Message,
        members: impl IntoIterator<Item = &'d Member>,
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Walk {
        let mut present: Vec<(usize, &Value)> = Vec::new();
        for Member { name, value } in members {
            let Ok(name) = name.read() else {
                self.fault(
                    place,
                    "expected members whose names are text, found a lone surrogate",
                    None,
                )?;
                continue;
            };
            match message.member(&name) {
                Some(at) if value.is_null() && !self.null_is_meant(&message.fields[at]) => {}
                Some(at) => present.push((at, value)),
                None => {
                    let place = Place::Member(place, &name);
                    let expected = format!(
                        "expected a field of the message `{}`, found another name",
                        message.name
                    );
                    self.fault(&place, expected, None)?;
                }
            }
        }
        present.sort_by_key(|(at, _)| *at);
        for (at, field) in message.fields.iter().enumerate() {
            if field.form == Form::Required && present.binary_search_by_key(&at, |(at, _)| *at).is_err() {
                let expected = format!(
                    "expected the required field `{}` of `{}`",
                    field.json_name, message.name
                );
                self.fault(place, expected, None)?;
            }
        }
        let mut chosen: HashMap<usize, usize> = HashMap::new();
        let mut before = None;
        for (at, value) in present {
            let field = &message.fields[at];
            let place = Place::Member(place, &field.json_name);
            if before.replace(at) == Some(at) {
                self.fault(
                    &place,
                    "expected the field once, found it under two names or twice",
                    None,
                )?;
                continue;
            }
            if let Some(oneof) = field.oneof
                && let Some(other) = chosen.insert(oneof, at)
            {
                let other = &message.fields[other].json_name;
                self.fault(
                    &place,
                    format!("expected one member of the oneof, found it beside `{other}`"),
                    None,
                )?;
                continue;
            }
            self.field(field, value, &place, depth, out)?;
        }
        Ok(())
    }

    /// Whether `null` is a value of a field and not the lack of one.
    fn null_is_meant(&self, field: &Field) -> bool {
        matches!(field.form, Form::Implicit | Form::Optional | Form::Required)
            && self.model.takes_null(field.kind)
    }

    fn field(
        &mut self,
        field: &Field,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Walk {
        match (field.form, value) {
            (Form::List { packed }, Value::Array(elements)) => {
                self.list(field, packed, elements, place, depth + 1, out)
            }
            (Form::List { .. }, other) => self.fault(
                place,
                "expected an array, for a repeated field",
                Some(other.kind()),
            ),
            (Form::Map(key), Value::Object(members)) => self.map(field, key, members, place, depth + 1, out),
            (Form::Map(_), other) => self.fault(place, "expected an object, for a map", Some(other.kind())),
            (Form::Implicit, value) => self.single(field, value, place, depth, true, out),
            (Form::Optional | Form::Required, value) => self.single(field, value, place, depth, false, out),
        }
    }

    /// Writes one value with its key; a default not at all where it is like no value.
    fn single(
        &mut self,
        field: &Field,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
        leave_default_out: bool,
        out: &mut Vec<u8>,
    ) -> Walk {
        match field.kind {
            Kind::Message(index) => {
                let mut content = Vec::new();
                self.message(index, value, place, depth, &mut content)?;
                write_delimited(field.number, &content, out);
            }
            Kind::Group(index) => {
                write_key(field.number, WireType::StartGroup, out);
                self.message(index, value, place, depth, out)?;
                write_key(field.number, WireType::EndGroup, out);
            }
            Kind::Scalar(_) | Kind::Enum(_) => match self.scalar(field.kind, value) {
                Ok(written) if leave_default_out && written.is_default() => {}
                Ok(written) => {
                    write_key(field.number, wire_of(field.kind), out);
                    written.write(wire_of(field.kind), out);
                }
                Err(expected) => self.fault(place, expected, Some(value.kind()))?,
            },
        }
        Ok(())
    }

    fn list(
        &mut self,
        field: &Field,
        packed: bool,
        elements: &[Value],
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Walk {
        if !packed {
            for (index, element) in elements.iter().enumerate() {
                self.single(field, element, &Place::Element(place, index), depth, false, out)?;
            }
            return Ok(());
        }
        let mut block = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            match self.scalar(field.kind, element) {
                Ok(written) => written.write(wire_of(field.kind), &mut block),
                Err(expected) => self.fault(&Place::Element(place, index), expected, Some(element.kind()))?,
            }
        }
        if !block.is_empty() {
            write_delimited(field.number, &block, out);
        }
        Ok(())
    }

    fn map(
        &mut self,
        field: &Field,
        key: Scalar,
        members: &[Member],
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Walk {
        let mut seen = HashSet::new();
        for Member { name, value } in members {
            let Ok(name) = name.read() else {
                self.fault(place, "expected keys that are text, found a lone surrogate", None)?;
                continue;
            };
            let place = Place::Member(place, &name);
            let mut entry = Vec::new();
            match scalar::key(key, &name) {
                Some(written) => {
                    write_key(1, wire_of(Kind::Scalar(key)), &mut entry);
                    written.write(wire_of(Kind::Scalar(key)), &mut entry);
                }
                None => {
                    self.fault(
                        &place,
                        format!("expected a key that is the text of {}", scalar::noun(key)),
                        None,
                    )?;
                    continue;
                }
            }
            if !seen.insert(entry.clone()) {
                self.fault(&place, "expected each key of a map once", None)?;
                continue;
            }
            match field.kind {
                Kind::Message(index) | Kind::Group(index) => {
                    let mut content = Vec::new();
                    self.message(index, value, &place, depth, &mut content)?;
                    write_delimited(2, &content, &mut entry);
                }
                Kind::Scalar(_) | Kind::Enum(_) => match self.scalar(field.kind, value) {
                    Ok(written) => {
                        write_key(2, wire_of(field.kind), &mut entry);
                        written.write(wire_of(field.kind), &mut entry);
                    }
                    Err(expected) => self.fault(&place, expected, Some(value.kind()))?,
                },
            }
            write_delimited(field.number, &entry, out);
        }
        Ok(())
    }

    /// A value of a scalar or an enumeration; else what is expected.
    fn scalar<'d>(&self, kind: Kind, value: &'d Value) -> Result<Written<'d>, String> {
        match kind {
            Kind::Scalar(scalar) => scalar::written(scalar, value),
            Kind::Enum(index) => scalar::enumerated(self.model.enumeration(index), value),
            Kind::Message(_) | Kind::Group(_) => Err("expected a message".to_owned()),
        }
    }
}

/// Writes a number of a well-known type, unless it is zero.
fn write_number(number: u32, value: i64, out: &mut Vec<u8>) {
    if value != 0 {
        write_key(number, WireType::Varint, out);
        write_varint(value.cast_unsigned(), out);
    }
}
