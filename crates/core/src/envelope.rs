//! A message as one line of JSON, for channels that have no headers of their own, and for people.
//!
//! The payload stands in the line as it came, byte for byte: it is found as a span of the text and never read into a value,
//! so no number is rounded and no escape respelled on the way. A payload that is not one line of JSON goes as base64.
//! Members that an envelope does not have are refused, because a misspelled `header` would lose headers without a word.
//!
//! ```
//! use dunlin_core::envelope;
//! use dunlin_core::message::Message;
//!
//! let message = Message::new(r#"{"price": 1.10}"#).with_key("eu").with_header("kind", "order");
//! let mut line = Vec::new();
//! envelope::write(&message, None, &mut line)?;
//! assert_eq!(line, br#"{"key":"eu","headers":{"kind":"order"},"payload":{"price": 1.10}}"#);
//! assert_eq!(envelope::read(&line.into())?.message.payload, message.payload);
//! # Ok::<(), envelope::BadEnvelope>(())
//! ```

mod read;
mod write;

use bytes::Bytes;

use crate::message::Message;

pub(crate) use read::header_list;
pub use read::read;
pub use write::write;

/// What an envelope holds.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The message. Without a payload it is a tombstone; the payload `null` is a document.
    pub message: Message,
    /// The message's own way: routing key, subject, topic.
    pub address: Option<Bytes>,
}

/// Why a line is no envelope, or a message cannot be written as one. It holds names and kinds of values, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadEnvelope(String);

impl BadEnvelope {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The members of an envelope, in the order in which they are written.
const MEMBERS: [&str; 9] = [
    "id",
    "key",
    "key_base64",
    "time",
    "address",
    "properties",
    "headers",
    "payload",
    "payload_base64",
];

/// The members of `properties`, in the order in which they are written.
const PROPERTIES: [&str; 7] = [
    "content_type",
    "content_encoding",
    "kind",
    "correlation_id",
    "reply_to",
    "priority",
    "expiry_ms",
];

#[cfg(test)]
mod tests;
