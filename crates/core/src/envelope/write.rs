//! Writing: members in one fixed order, what is not there is left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::value::RawValue;

use super::BadEnvelope;
use crate::message::{Headers, Message, Properties};

/// Appends the message as one line, without a line feed at its end. On an error nothing is appended.
///
/// A payload that is one line of JSON, with no white space around it, stands in the line as it is; any other goes as base64.
/// A payload of zero bytes is written as none. An `expiry` is written in milliseconds, rounded up.
///
/// # Errors
/// A time before the year -9999 or after 9999.
pub fn write(message: &Message, address: Option<&Bytes>, line: &mut Vec<u8>) -> Result<(), BadEnvelope> {
    let time = match message.timestamp {
        None => None,
        Some(time) => Some(jiff::Timestamp::try_from(time).map_err(|_| {
            BadEnvelope::new("expected a time between the years -9999 and 9999, found one outside")
        })?),
    };
    let mut object = Object::open(line);
    if let Some(id) = &message.id {
        object.bytes("id", id);
    }
    if let Some(key) = &message.key {
        match std::str::from_utf8(key) {
            Ok(text) => object.text("key", text),
            Err(_) => object.text("key_base64", &BASE64.encode(key)),
        }
    }
    if let Some(time) = time {
        object.text("time", &time.to_string());
    }
    if let Some(address) = address {
        object.bytes("address", address);
    }
    if message.properties != Properties::default() {
        properties(&message.properties, object.member("properties"));
    }
    if !message.headers.is_empty() {
        headers(&message.headers, object.member("headers"));
    }
    if let Some(payload) = message.payload.as_ref().filter(|payload| !payload.is_empty()) {
        if is_one_line_of_json(payload) {
            object.member("payload").extend_from_slice(payload);
        } else {
            object.text("payload_base64", &BASE64.encode(payload));
        }
    }
    object.close();
    Ok(())
}

fn properties(properties: &Properties, line: &mut Vec<u8>) {
    let mut object = Object::open(line);
    let mut text = |name, value: &Option<String>| {
        if let Some(value) = value {
            object.text(name, value);
        }
    };
    text("content_type", &properties.content_type);
    text("content_encoding", &properties.content_encoding);
    text("kind", &properties.kind);
    if let Some(id) = &properties.correlation_id {
        object.bytes("correlation_id", id);
    }
    if let Some(reply_to) = &properties.reply_to {
        object.text("reply_to", reply_to);
    }
    if let Some(priority) = properties.priority {
        object.number("priority", u128::from(priority));
    }
    if let Some(expiry) = properties.expiry_ms() {
        object.number("expiry_ms", expiry);
    }
    object.close();
}

/// An object reads better; names that repeat need a list, because readers of JSON keep one of two members.
fn headers(headers: &Headers, line: &mut Vec<u8>) {
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    if names.windows(2).all(|pair| pair[0] != pair[1]) {
        let mut object = Object::open(line);
        for (name, value) in headers.iter() {
            object.bytes(name, value);
        }
        object.close();
        return;
    }
    for (place, (name, value)) in headers.iter().enumerate() {
        line.push(if place == 0 { b'[' } else { b',' });
        line.push(b'[');
        push_text(name, line);
        line.push(b',');
        push_bytes(value, line);
        line.push(b']');
    }
    line.push(b']');
}

/// White space around the payload would be lost beside the other members, and a line break would end the line.
fn is_one_line_of_json(payload: &[u8]) -> bool {
    payload.trim_ascii().len() == payload.len()
        && !payload.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
        && serde_json::from_slice::<&RawValue>(payload).is_ok()
}

/// An object that is being written.
struct Object<'a> {
    line: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    fn open(line: &'a mut Vec<u8>) -> Self {
        line.push(b'{');
        Self { line, empty: true }
    }

    /// Writes the name and hands out the line for the value.
    fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.line.push(b',');
        }
        push_text(name, self.line);
        self.line.push(b':');
        self.line
    }

    fn text(&mut self, name: &str, value: &str) {
        push_text(value, self.member(name));
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        push_bytes(value, self.member(name));
    }

    fn number(&mut self, name: &str, value: u128) {
        self.member(name).extend_from_slice(value.to_string().as_bytes());
    }

    fn close(self) {
        self.line.push(b'}');
    }
}

fn push_bytes(value: &[u8], line: &mut Vec<u8>) {
    match std::str::from_utf8(value) {
        Ok(text) => push_text(text, line),
        Err(_) => {
            let mut object = Object::open(line);
            object.text("base64", &BASE64.encode(value));
            object.close();
        }
    }
}

/// A text with the escapes of canonical JSON.
fn push_text(text: &str, line: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    line.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x08 => line.extend_from_slice(b"\\b"),
            0x0c => line.extend_from_slice(b"\\f"),
            0..=0x1f => {
                line.extend_from_slice(b"\\u00");
                line.push(HEX[usize::from(byte >> 4)]);
                line.push(HEX[usize::from(byte & 15)]);
            }
            _ => line.push(byte),
        }
    }
    line.push(b'"');
}
