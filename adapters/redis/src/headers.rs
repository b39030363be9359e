//! How a message becomes the fields of an entry, and the fields a message.
//!
//! An entry is a list of names and values, both bytes, in which names may repeat: everything that a message has fits as it
//! is. The payload is one field, a header is a field whose name begins with `h:`, and what the message has beside them is
//! in the reserved `dunlin-` fields. Fields that somebody else wrote, without `h:`, are read as headers of their name.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dunlin_core::carried::{self, Part};
use dunlin_core::messaging::Outgoing;
use dunlin_core::{Error, ErrorKind, HeaderValues, Message, Result};
use redis::{Cmd, Value};

use crate::config::End;
use crate::reply::Id;

/// What stands before the name of a header in the name of its field.
pub(crate) const PREFIX: &str = "h:";

/// Before the hexadecimal digits of a field's name that is no text, in the name of the header that it becomes.
const BINARY_NAME: &str = "dunlin-field-";

/// The parts that are no headers here.
const OWN: &[Part] = &[Part::Address];

/// Puts the fields of a message behind a command.
///
/// # Errors
/// The payload is larger than the channel takes; nothing is appended then.
pub(crate) fn write(end: &End, outgoing: &Outgoing, command: &mut Cmd) -> Result<()> {
    let payload = outgoing.message.payload.as_deref();
    let found = payload.map_or(0, <[u8]>::len);
    if found > end.max_payload {
        let message = format!(
            "expected a payload of at most {} bytes, found {found}; raise `max_payload`, and the server's `proto-max-bulk-len` with it",
            end.max_payload
        );
        return Err(Error::new(ErrorKind::TooLarge, "send", message).with("channel", &end.channel));
    }
    if let Some(payload) = payload {
        command.arg(end.payload.as_str()).arg(payload);
    }
    let mut name_of_field = String::new();
    carried::each_packed(outgoing, OWN, HeaderValues::Binary, |name, value| {
        if is_reserved(name) {
            command.arg(name);
        } else {
            name_of_field.clear();
            name_of_field.push_str(PREFIX);
            name_of_field.push_str(name);
            command.arg(name_of_field.as_str());
        }
        command.arg(value);
        Ok(())
    })
}

fn is_reserved(name: &str) -> bool {
    name.starts_with("dunlin-") && Part::ALL.iter().any(|part| part.header() == Some(name))
}

/// The message of an entry.
///
/// Its time is that of its id, unless it carries the publisher's own. An entry without the field of the payload is a
/// message without one, whose fields are all headers.
pub(crate) fn read(end: &End, id: Id, fields: Vec<Value>) -> Result<Message> {
    let mut message = Message::tombstone();
    message.timestamp = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(id.milliseconds()));
    let mut fields = fields.into_iter();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        let (Value::BulkString(name), Value::BulkString(value)) = (name, value) else {
            return Err(crate::error::unexpected("receive", "names and values of bytes"));
        };
        if message.payload.is_none() && name == end.payload.as_bytes() {
            message.payload = Some(Bytes::from(value));
            continue;
        }
        let header: Arc<str> = match std::str::from_utf8(&name) {
            Ok(name) => name.strip_prefix(PREFIX).unwrap_or(name).into(),
            Err(_) => format!("{BINARY_NAME}{}", hexadecimal(&name)).into(),
        };
        message.headers.append(header, value);
    }
    carried::unpack(&mut message, OWN);
    Ok(message)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
