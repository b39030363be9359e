//! Confluent's wire format: the schema's id, the indexes of the message in it, and the message.
//!
//! Whoever wrote a payload may have had another version of the schema. The fields are found by their numbers in our own;
//! before that is done for the first payload of an id, the writer's message is compared with ours, since a number may mean
//! something else there.
//!
//! <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>

use std::sync::{Arc, PoisonError};

use dunlin_core::migration::{Awaited, Failure, FailureKind, Framing, Recognised};

use super::Protobuf;
use super::compat;
use super::compile::{self, Types};
use super::wire::{Reader, from_zigzag, malformed, to_zigzag, write_varint};
use crate::framing::{confluent, write_confluent};
use crate::registry::Known;

/// How deep messages stand in each other at most, in a schema that any compiler takes.
const MOST_INDEXES: i64 = 100;

/// The message with which payloads of an id were written.
#[derive(Debug)]
pub(super) struct Writer {
    indexes: Vec<u32>,
}

impl Protobuf {
    /// The offset at which the message begins.
    pub(super) fn unframe(&self, types: &Types, payload: &[u8]) -> Result<usize, Failure> {
        let Some((id, content)) = confluent(payload) else {
            return Err(malformed(
                0,
                "expected a zero byte and the id of a schema in four bytes",
            ));
        };
        let start = payload.len() - content.len();
        let (indexes, start) = read_indexes(payload, start)?;
        let is_ours = if self.own_id() == Some(id) {
            types.indexes.as_ref() == Some(&indexes)
        } else {
            self.writer(types, id)?.indexes == indexes
        };
        if is_ours {
            return Ok(start);
        }
        let expected = format!(
            "expected the message `{}`, found the indexes of another one",
            types.name
        );
        Err(malformed(payload.len() - content.len(), expected))
    }

    /// Begins a payload.
    pub(super) fn frame(&self, types: &Types, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Some(id) = self.own_id() else {
            let expected = "expected the id of the schema, which the registry has not been asked for yet";
            return Err(Failure::new(FailureKind::Schema, expected));
        };
        let Some(indexes) = &types.indexes else {
            let expected = format!(
                "expected `{}` in the schema's own file, since the wire format can name no other",
                types.name
            );
            return Err(Failure::new(FailureKind::Schema, expected));
        };
        write_confluent(id, out);
        write_indexes(indexes, out);
        Ok(())
    }

    pub(super) fn recognised(&self, payload: &[u8]) -> Recognised {
        if self.reference.framing != Framing::Confluent {
            return Recognised::Unmarked;
        }
        let Some((id, content)) = confluent(payload) else {
            return Recognised::Unmarked;
        };
        let indexes = read_indexes(payload, payload.len() - content.len());
        let is_ours =
            |types: &Types| indexes.is_ok_and(|(indexes, _)| types.indexes.as_ref() == Some(&indexes));
        match self.types() {
            Ok(types) if self.own_id() == Some(id) && is_ours(&types) => Recognised::Yes,
            Ok(_) | Err(_) => Recognised::No,
        }
    }

    pub(super) fn awaited(&self, payload: Option<&[u8]>) -> Option<Awaited> {
        let cache = self.cache.as_ref()?;
        let is_framed = self.reference.framing == Framing::Confluent;
        let ask = |id| {
            Some(Awaited {
                registry: Arc::clone(cache.name()),
                id,
            })
        };
        if (is_framed || self.reference.file.is_none()) && cache.own(&self.reference).is_none() {
            return ask(None);
        }
        let (id, _) = confluent(payload?).filter(|_| is_framed)?;
        if cache.writer(id).is_none() {
            ask(Some(id))
        } else {
            None
        }
    }

    fn own_id(&self) -> Option<u32> {
        let registered = self.cache.as_ref()?.own(&self.reference)?;
        Some(registered.id)
    }

    /// The writer's message of an id, compiled and compared once.
    fn writer(&self, types: &Types, id: u32) -> Result<Arc<Writer>, Failure> {
        let refused = |reason: &str| Failure::new(FailureKind::Schema, reason);
        if let Some(known) = self.known_writer(id) {
            return known.map_err(|reason| refused(&reason));
        }
        let known = self.cache.as_ref().and_then(|cache| cache.writer(id));
        let registered = match known {
            Some(Known::Schema(registered)) => registered,
            Some(Known::Missing) => {
                return Err(refused(&format!(
                    "expected the id of a schema of the registry, found {id}, which is none's"
                )));
            }
            None => {
                return Err(refused(&format!(
                    "expected the schema {id}, which the registry has not been asked for yet"
                )));
            }
        };
        let made = compile::of_registry(&registered, Some(&types.name))
            .map_err(|reason| {
                format!(
                    "expected a writer's schema with the message `{}`: {reason}",
                    types.name
                )
            })
            .and_then(|writer| Writer::new(&writer, types, id));
        let made = made.map(Arc::new);
        self.writers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, made.clone());
        made.map_err(|reason| refused(&reason))
    }
}

impl Writer {
    /// The writer's message, if its fields mean what ours mean.
    fn new(writer: &Types, own: &Types, id: u32) -> Result<Self, String> {
        if let Some(conflict) = compat::conflict(writer, own) {
            return Err(format!(
                "expected the fields of schema {id} to mean what ours mean: {conflict}"
            ));
        }
        let indexes = writer.indexes.clone();
        Ok(Self {
            indexes: indexes
                .ok_or_else(|| format!("expected the message in the file of schema {id} itself"))?,
        })
    }
}

/// The indexes of a message and what follows them: their count and each of them, as zigzag varints; a single zero byte
/// means the first message.
fn read_indexes(payload: &[u8], start: usize) -> Result<(Vec<u32>, usize), Failure> {
    let mut reader = Reader::new(payload, start..payload.len());
    let count = from_zigzag(reader.varint()?);
    if count == 0 {
        return Ok((vec![0], reader.offset()));
    }
    if !(1..=MOST_INDEXES).contains(&count) {
        return Err(malformed(
            start,
            format!("expected 1 to {MOST_INDEXES} indexes of a message"),
        ));
    }
    let mut indexes = Vec::new();
    for _ in 0..count {
        let at = reader.offset();
        let index = from_zigzag(reader.varint()?);
        indexes.push(u32::try_from(index).map_err(|_| malformed(at, "expected the index of a message"))?);
    }
    Ok((indexes, reader.offset()))
}

fn write_indexes(indexes: &[u32], out: &mut Vec<u8>) {
    if indexes == [0] {
        out.push(0);
        return;
    }
    write_varint(to_zigzag(i64::try_from(indexes.len()).unwrap_or(i64::MAX)), out);
    for index in indexes {
        write_varint(to_zigzag((*index).into()), out);
    }
}
