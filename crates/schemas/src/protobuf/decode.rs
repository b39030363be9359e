//! Payloads become documents.
//!
//! One pass over the bytes of each message: values of lists and maps are made as they come, of other fields the last
//! occurrence counts, and messages that come in several parts are read as one, as the specification asks. The library's
//! own dynamic message is not used: it keeps maps in an order of chance, and makes thirty bytes of each byte that it does
//! not know before anyone could refuse it.

mod scalar;
mod well_known;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use dunlin_core::migration::document::{Member, Value};
use dunlin_core::migration::{Failure, FailureKind, Limits};

use super::model::{Field, Form, Kind, Message, MessageIndex, Model, Scalar, Special};
use super::place::Place;
use super::wire::{Raw, Reader, WireType, malformed};
use scalar::{is_nothing, nothing};

/// What becomes of fields that the schema does not have.
#[derive(Debug)]
pub(super) enum Unknown {
    /// The payload is refused, with the number of the field.
    Refuse,
    /// Those of the outermost message are collected as they are written; those of messages in it are left out.
    Collect(Vec<u8>),
}

/// Reads payloads of one schema.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    model: &'a Model,
    payload: &'a [u8],
    unknown: Unknown,
    /// The containers that may be open at once.
    depth: usize,
    /// The bytes of JSON that the document may still grow by.
    left: usize,
    /// How many messages are being read.
    nesting: usize,
}

/// What has been read of a field.
enum Slot {
    /// The last value of a scalar.
    Raw(Raw),
    /// The parts of a message.
    Parts(Vec<Range<usize>>),
    Elements(Vec<Value>),
    Entries(Entries),
}

/// The entries of a map, in the order in which their keys came first.
#[derive(Default)]
struct Entries {
    all: Vec<(String, Value)>,
    index: HashMap<String, usize>,
}

/// What has been read of a message, by the places of its fields in the list.
type Slots = BTreeMap<usize, Slot>;

impl<'a> Decoder<'a> {
    pub(super) fn new(model: &'a Model, payload: &'a [u8], limits: &Limits, unknown: Unknown) -> Self {
        Self {
            model,
            payload,
            unknown,
            depth: limits.depth(),
            left: limits.working_size(),
            nesting: 0,
        }
    }

    /// Reads the part of the payload from `start` on as one message.
    ///
    /// # Errors
    /// Kind `decode` with the offset and the path, or `limit`.
    pub(super) fn decode(&mut self, index: MessageIndex, start: usize) -> Result<Value, Failure> {
        let whole = start..self.payload.len();
        self.message(index, std::slice::from_ref(&whole), &Place::Root, 0)
    }

    /// The unknown fields that were collected.
    pub(super) fn into_unknown(self) -> Vec<u8> {
        match self.unknown {
            Unknown::Refuse => Vec::new(),
            Unknown::Collect(bytes) => bytes,
        }
    }

    /// Reads a message that came in these parts. `depth` containers are open around it.
    fn message(
        &mut self,
        index: MessageIndex,
        parts: &[Range<usize>],
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, Failure> {
        self.nesting += 1;
        let value = self.read(self.model.message(index), parts, place, depth);
        self.nesting -= 1;
        value.map_err(|failure| place.blame(failure))
    }

    fn read(
        &mut self,
        message: &'a Message,
        parts: &[Range<usize>],
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, Failure> {
        let is_object = matches!(message.special, Special::No | Special::Any);
        let inner = if is_object { self.open(depth)? } else { depth };
        let mut slots = self.slots(message, parts, place, inner)?;
        let required = |field: &Field| field.form == Form::Required;
        for (at, field) in message
            .fields
            .iter()
            .enumerate()
            .filter(|(_, field)| required(field))
        {
            if !slots.contains_key(&at) {
                let expected = format!("expected the required field {} (`{}`)", field.number, field.name);
                return Err(Failure::new(FailureKind::Decode, expected));
            }
        }
        match message.special {
            Special::No => self.members(message, slots, place, inner).map(Value::Object),
            Special::Any => self.any(&mut slots, place, depth),
            special => self.well_known(special, message, slots, place, inner),
        }
    }

    fn slots(
        &mut self,
        message: &'a Message,
        parts: &[Range<usize>],
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Slots, Failure> {
        let mut slots = Slots::new();
        for part in parts {
            let mut reader = Reader::new(self.payload, part.clone());
            while !reader.is_at_end() {
                let start = reader.offset();
                let (number, wire) = reader.key()?;
                let raw = reader.content(number, wire, self.depth)?;
                let is_read = match message.numbered(number) {
                    Some((at, field)) if !message.is_message_set => {
                        self.take(message, at, field, raw, &mut slots, place, depth)?
                    }
                    Some(_) | None => false,
                };
                if !is_read {
                    self.not_known(message, number, wire, start..reader.offset())?;
                }
            }
        }
        Ok(slots)
    }

    fn not_known(
        &mut self,
        message: &Message,
        number: u32,
        wire: WireType,
        range: Range<usize>,
    ) -> Result<(), Failure> {
        match &mut self.unknown {
            Unknown::Refuse => {
                let name = &message.name;
                let expected = match message.numbered(number) {
                    Some(_) if message.is_message_set => {
                        format!(
                            "expected no message set, which is not read; found field {number} in `{name}`"
                        )
                    }
                    Some((_, field)) => format!(
                        "expected the encoding of {} in field {number} (`{}`) of `{name}`, found wire type {wire:?}",
                        self.noun(field),
                        field.name
                    ),
                    None => format!(
                        "expected a field of `{name}`, found field {number}, which the schema does not have"
                    ),
                };
                Err(malformed(range.start, expected))
            }
            Unknown::Collect(bytes) => {
                if self.nesting == 1 {
                    bytes.extend_from_slice(&self.payload[range]);
                }
                Ok(())
            }
        }
    }

    /// What a value of a field is, in words.
    fn noun(&self, field: &Field) -> String {
        match field.kind {
            Kind::Scalar(scalar) => scalar.word().to_owned(),
            Kind::Enum(index) => format!("the enum `{}`", self.model.enumeration(index).name),
            Kind::Message(index) => format!("the message `{}`", self.model.message(index).name),
            Kind::Group(index) => format!("the group `{}`", self.model.message(index).name),
        }
    }

    /// Takes one occurrence of a field in. `false`: its encoding is not that of the field.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the state of one message that is being read"
    )]
    fn take(
        &mut self,
        message: &Message,
        at: usize,
        field: &'a Field,
        raw: Raw,
        slots: &mut Slots,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<bool, Failure> {
        let place = Place::Member(place, &field.json_name);
        match field.form {
            Form::List { .. } => {
                let mut elements = match slots.remove(&at) {
                    Some(Slot::Elements(elements)) => elements,
                    _ => Vec::new(),
                };
                let is_read = self.elements(field, raw, &mut elements, &place, depth)?;
                if !elements.is_empty() {
                    slots.insert(at, Slot::Elements(elements));
                }
                return Ok(is_read);
            }
            Form::Map(key) => {
                let Raw::Bytes(entry) = raw else { return Ok(false) };
                let mut entries = match slots.remove(&at) {
                    Some(Slot::Entries(entries)) => entries,
                    _ => Entries::default(),
                };
                let read = self.entry(key, field, entry, &place, depth);
                let (key, value) = read.map_err(|failure| place.blame(failure))?;
                entries.put(key, value);
                slots.insert(at, Slot::Entries(entries));
                return Ok(true);
            }
            Form::Implicit | Form::Optional | Form::Required => {}
        }
        if !fits(field.kind, &raw) {
            return Ok(false);
        }
        if let Some(oneof) = field.oneof {
            // The last member of a oneof is the one that counts.
            slots.retain(|other, _| *other == at || message.fields[*other].oneof != Some(oneof));
        }
        match (field.kind, raw) {
            (Kind::Message(_) | Kind::Group(_), Raw::Bytes(part) | Raw::Group(part)) => {
                if let Slot::Parts(parts) = slots.entry(at).or_insert_with(|| Slot::Parts(Vec::new())) {
                    parts.push(part);
                }
            }
            (_, raw) => {
                slots.insert(at, Slot::Raw(raw));
            }
        }
        Ok(true)
    }

    /// Takes one element of a list in, or a block of them.
    fn elements(
        &mut self,
        field: &Field,
        raw: Raw,
        elements: &mut Vec<Value>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<bool, Failure> {
        let inner = self.open(depth)?;
        match raw {
            Raw::Bytes(block) if field.kind.is_packable() => {
                let mut reader = Reader::new(self.payload, block);
                let wire = wire_of(field.kind);
                while !reader.is_at_end() {
                    let raw = reader.content(field.number, wire, 0)?;
                    let place = Place::Element(place, elements.len());
                    elements.push(self.value(field.kind, &raw, &place, inner)?);
                    self.spend(1)?;
                }
                Ok(true)
            }
            raw if fits(field.kind, &raw) => {
                let place = Place::Element(place, elements.len());
                elements.push(self.value(field.kind, &raw, &place, inner)?);
                self.spend(1)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Reads one entry of a map: a message with the key as field 1 and the value as field 2.
    fn entry(
        &mut self,
        key: Scalar,
        field: &Field,
        entry: Range<usize>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(String, Value), Failure> {
        let inner = self.open(depth)?;
        let mut reader = Reader::new(self.payload, entry);
        let mut key_raw = None;
        let mut value_raw = None;
        let mut parts = Vec::new();
        while !reader.is_at_end() {
            let start = reader.offset();
            let (number, wire) = reader.key()?;
            let raw = reader.content(number, wire, self.depth)?;
            match (number, raw) {
                (1, raw) if fits(Kind::Scalar(key), &raw) => key_raw = Some(raw),
                (2, raw) if fits(field.kind, &raw) => match (field.kind, raw) {
                    (Kind::Message(_), Raw::Bytes(part)) => parts.push(part),
                    (_, raw) => value_raw = Some(raw),
                },
                _ if matches!(self.unknown, Unknown::Collect(_)) => {}
                _ => {
                    let expected =
                        format!("expected key and value of a map, found field {number} of another form");
                    return Err(malformed(start, expected));
                }
            }
        }
        let key = self.key(key, key_raw.as_ref())?;
        let place = Place::Member(place, &key);
        let value = match (field.kind, value_raw) {
            (Kind::Message(index), _) => self.message(index, &parts, &place, inner)?,
            (kind, Some(raw)) => self.value(kind, &raw, &place, inner)?,
            (Kind::Enum(index), None) => self.enumerated(index, self.model.enumeration(index).default())?,
            (kind, None) => self.value(kind, &nothing(kind), &place, inner)?,
        };
        self.spend(key.len() + 4)?;
        Ok((key, value))
    }

    /// The members of a message.
    fn members(
        &mut self,
        message: &Message,
        slots: Slots,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Vec<Member>, Failure> {
        let mut members = Vec::new();
        for (at, slot) in slots {
            let field = &message.fields[at];
            if let Some(value) = self.finish(field, slot, place, depth)? {
                self.spend(field.json_name.len() + 4)?;
                members.push(Member::new(&field.json_name, value));
            }
        }
        Ok(members)
    }

    /// The value of a field; none where it is a default that is like no value.
    fn finish(
        &mut self,
        field: &Field,
        slot: Slot,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Option<Value>, Failure> {
        let place = Place::Member(place, &field.json_name);
        Ok(Some(match slot {
            Slot::Elements(elements) => Value::Array(elements),
            Slot::Entries(entries) => entries.into_value(),
            Slot::Parts(parts) => match field.kind {
                Kind::Message(index) | Kind::Group(index) => self.message(index, &parts, &place, depth)?,
                Kind::Scalar(_) | Kind::Enum(_) => return Ok(None),
            },
            Slot::Raw(raw) if field.form == Form::Implicit && is_nothing(field.kind, &raw) => {
                return Ok(None);
            }
            Slot::Raw(raw) => self.value(field.kind, &raw, &place, depth)?,
        }))
    }

    /// One container more is open.
    fn open(&mut self, depth: usize) -> Result<usize, Failure> {
        if depth >= self.depth {
            let expected = format!("expected at most {} containers in each other", self.depth);
            return Err(Failure::new(FailureKind::Limit, expected));
        }
        self.spend(2)?;
        Ok(depth + 1)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Failure> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Failure::new(
                FailureKind::Limit,
                "expected a document within the limit of sizes; as JSON it would be larger",
            )),
        }
    }
}

impl Entries {
    /// A key that came before keeps its place and takes the later value.
    fn put(&mut self, key: String, value: Value) {
        match self.index.get(&key) {
            Some(at) => self.all[*at].1 = value,
            None => {
                self.index.insert(key.clone(), self.all.len());
                self.all.push((key, value));
            }
        }
    }

    fn into_value(self) -> Value {
        Value::Object(
            self.all
                .into_iter()
                .map(|(key, value)| Member::new(&key, value))
                .collect(),
        )
    }
}

/// The wire type of a kind that is not in a block.
pub(super) const fn wire_of(kind: Kind) -> WireType {
    match kind {
        Kind::Scalar(Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64) => WireType::Fixed64,
        Kind::Scalar(Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32) => WireType::Fixed32,
        Kind::Scalar(Scalar::String | Scalar::Bytes) | Kind::Message(_) => WireType::Length,
        Kind::Scalar(_) | Kind::Enum(_) => WireType::Varint,
        Kind::Group(_) => WireType::StartGroup,
    }
}

fn fits(kind: Kind, raw: &Raw) -> bool {
    let wire = match raw {
        Raw::Bits(wire, _) => *wire,
        Raw::Bytes(_) => WireType::Length,
        Raw::Group(_) => WireType::StartGroup,
    };
    wire == wire_of(kind)
}
