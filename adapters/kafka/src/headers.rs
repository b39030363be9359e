//! A message as a record, and back: key, value and headers are bytes in both, and the time is a record's own.
//!
//! A record's header may have any value and any name, with one exception on this side: the client reads and writes names
//! as C strings, so a NUL in one cannot pass.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dunlin_core::carried::{self, Part};
use dunlin_core::message::{Headers, Message};
use dunlin_core::messaging::Outgoing;
use dunlin_core::{Error, ErrorKind, HeaderValues, Result};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders, Timestamp};

use crate::copies::Copies;

const OWN: &[Part] = &[Part::Tombstone, Part::Key, Part::Address, Part::Time];
/// A time that a record cannot hold exactly goes as a header beside it.
const OWN_BUT_TIME: &[Part] = &[Part::Tombstone, Part::Key, Part::Address];

/// What of a message goes into a record beside key and value.
pub(crate) struct Record {
    /// Milliseconds since 1970; none lets the client set the time of sending.
    pub(crate) time: Option<i64>,
    /// In the client's own form; none where there are none, which spares the record its list.
    pub(crate) headers: Option<OwnedHeaders>,
    /// How many bytes a batch of this one record has, as the broker counts them against `max.message.bytes`.
    pub(crate) size: usize,
}

/// The record of a message.
///
/// # Errors
/// A header's name with a NUL in it, unless it may be escaped.
pub(crate) fn record(outgoing: &Outgoing, escape: bool) -> Result<Record> {
    let message = &outgoing.message;
    let time = message.timestamp.and_then(milliseconds);
    let exact = message.timestamp.is_none() || time.is_some_and(|(_, exact)| exact);
    let own = if exact { OWN } else { OWN_BUT_TIME };
    let list = match plain(outgoing, own) {
        Some(list) => list,
        None => escaped(outgoing, own, escape)?,
    };
    Ok(Record {
        time: time.map(|(milliseconds, _)| milliseconds),
        size: batch_size(message, &list),
        headers: list.headers,
    })
}

/// Headers as they are given to the client.
#[derive(Default)]
struct List {
    headers: Option<OwnedHeaders>,
    /// What they take in a record.
    bytes: usize,
}

impl List {
    fn put(&mut self, name: &str, value: &[u8]) {
        let list = self.headers.take().unwrap_or_default();
        self.headers = Some(list.insert(Header {
            key: name,
            value: Some(value),
        }));
        self.bytes += field(Some(name.len())) + field(Some(value.len()));
    }
}

/// The headers as nearly all messages have them: each of them fits. They go to the client without a list of them being made.
/// None: one does not fit.
fn plain(outgoing: &Outgoing, own: &[Part]) -> Option<List> {
    let mut list = List::default();
    carried::each_packed(outgoing, own, HeaderValues::Binary, |name, value| {
        if !fits(name) {
            return Err(());
        }
        list.put(name, value);
        Ok(())
    })
    .ok()?;
    Some(list)
}

/// The headers as they can be held, where not all of them can.
fn escaped(outgoing: &Outgoing, own: &[Part], escape: bool) -> Result<List> {
    if !escape && !outgoing.escape {
        return Err(Error::new(
            ErrorKind::HeaderNotRepresentable,
            "send",
            "expected header names without a NUL, found one; set `headers: escape` at this end to carry it encoded",
        ));
    }
    let fitting = carried::escape(&outgoing.message.headers, |name, _, _| fits(name));
    let headers = carried::pack_beside(fitting, outgoing, own, HeaderValues::Binary);
    let mut list = List::default();
    headers.iter().for_each(|(name, value)| list.put(name, value));
    Ok(list)
}

fn fits(name: &str) -> bool {
    !name.contains('\0')
}

/// A time as a record has it, and whether nothing of it is lost. The client takes 0 for the moment of sending, and a
/// broker none from before 1970.
fn milliseconds(time: SystemTime) -> Option<(i64, bool)> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let whole = i64::try_from(since.as_millis()).ok().filter(|whole| *whole > 0)?;
    Some((whole, since.subsec_nanos() % 1_000_000 == 0))
}

/// The message of a record that was fetched.
///
/// A header without a value becomes one of zero bytes.
///
/// # Errors
/// A header's name that is not UTF-8: the client cannot hand it out, and leaving the header out would change the message.
pub(crate) fn message(record: &BorrowedMessage<'_>, copies: &mut Copies) -> Result<Message> {
    let mut message = Message::default();
    message.payload = record.payload().map(|payload| copies.of(payload));
    message.key = record.key().map(Bytes::copy_from_slice);
    message.timestamp = match record.timestamp() {
        Timestamp::NotAvailable => None,
        Timestamp::CreateTime(time) | Timestamp::LogAppendTime(time) => u64::try_from(time)
            .ok()
            .map(|time| UNIX_EPOCH + Duration::from_millis(time)),
    };
    if let Some(headers) = record.headers() {
        // The client's binding panics at a name that is not UTF-8, and offers no other way to read it.
        let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..headers.count())
                .map(|place| {
                    let header = headers.get(place);
                    (
                        header.key,
                        header.value.map_or_else(Bytes::new, Bytes::copy_from_slice),
                    )
                })
                .collect::<Headers>()
        }));
        message.headers = read.map_err(|_| {
            Error::new(
                ErrorKind::Damaged,
                "receive",
                "expected header names in UTF-8, found a record with another; move the group behind it to go on",
            )
            .with("topic", record.topic())
            .with("partition", record.partition())
            .with("offset", record.offset())
        })?;
        carried::unpack(&mut message, OWN_BUT_TIME);
    }
    Ok(message)
}

/// How many bytes a batch of this one record has.
fn batch_size(message: &Message, headers: &List) -> usize {
    // Attributes, the difference of the time and of the offset are a byte each in the first record of a batch.
    let record = 3
        + field(message.key.as_ref().map(Bytes::len))
        + field(message.payload.as_ref().map(Bytes::len))
        + varint(headers.headers.as_ref().map_or(0, |list| list.count()))
        + headers.bytes;
    BATCH_HEADER + varint(record) + record
}

/// What bytes of this number take in a record; none are less than zero.
fn field(length: Option<usize>) -> usize {
    length.map_or(1, |length| varint(length) + length)
}

/// The most bytes a payload may have, alone in its message, so that its batch has at most `limit`.
pub(crate) fn largest_payload(limit: usize) -> usize {
    let mut payload = limit.saturating_sub(BATCH_HEADER + 5);
    let size = |payload: usize| {
        let record = 5 + varint(payload) + payload;
        BATCH_HEADER + varint(record) + record
    };
    while payload > 0 && size(payload) > limit {
        payload -= 1;
    }
    payload
}

/// The bytes in front of the records of a batch of format 2.
const BATCH_HEADER: usize = 61;

/// The bytes of a number in zigzag encoding.
fn varint(number: usize) -> usize {
    let bits = usize::BITS - number.leading_zeros() + 1;
    bits.div_ceil(7).max(1) as usize
}

#[cfg(test)]
mod tests;
