//! Reading: every member is judged here, because the messages of the JSON reader may quote what they found.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{BadEnvelope, Envelope, MEMBERS, PROPERTIES};
use crate::message::{Headers, Message, Properties};

type Result<T> = std::result::Result<T, BadEnvelope>;

/// Reads one line, without its line feed. The payload is a slice of the line and costs no copy.
///
/// `payload_base64: ""` is a message without a payload, as a missing `payload` is.
///
/// # Errors
/// A line that is no JSON object, an unknown or repeated member, or a member of another kind; with its name and the column
/// where the text itself is broken.
pub fn read(line: &Bytes) -> Result<Envelope> {
    let mut message = Message::default();
    let mut address = None;
    for (name, value) in members(line, "an envelope")? {
        match &*name {
            "id" => message.id = Some(bytes("id", value)?),
            "key" if message.key.is_none() => message.key = Some(Bytes::from(text("key", value)?)),
            "key_base64" if message.key.is_none() => message.key = Some(base64("key_base64", value)?),
            "payload" if message.payload.is_none() => {
                message.payload = Some(line.slice_ref(value.get().as_bytes()));
            }
            "payload_base64" if message.payload.is_none() => {
                message.payload = Some(base64("payload_base64", value)?);
            }
            "key" | "key_base64" => return Err(both("key")),
            "payload" | "payload_base64" => return Err(both("payload")),
            "time" => message.timestamp = Some(time(value)?),
            "address" => address = Some(bytes("address", value)?),
            "properties" => message.properties = properties(value)?,
            "headers" => message.headers = headers(value)?,
            other => return Err(unknown("an envelope", other, &MEMBERS)),
        }
    }
    message.payload = message.payload.filter(|payload| !payload.is_empty());
    Ok(Envelope { message, address })
}

fn properties(value: &RawValue) -> Result<Properties> {
    let mut properties = Properties::default();
    for (name, value) in members(value.get().as_bytes(), "`properties`")? {
        match &*name {
            "content_type" => properties.content_type = Some(text("content_type", value)?),
            "content_encoding" => properties.content_encoding = Some(text("content_encoding", value)?),
            "kind" => properties.kind = Some(text("kind", value)?),
            "correlation_id" => properties.correlation_id = Some(bytes("correlation_id", value)?),
            "reply_to" => properties.reply_to = Some(text("reply_to", value)?),
            "priority" => properties.priority = Some(number("priority", value)?),
            "expiry_ms" => properties.expiry = Some(Duration::from_millis(number("expiry_ms", value)?)),
            other => return Err(unknown("`properties`", other, &PROPERTIES)),
        }
    }
    Ok(properties)
}

/// An object, or a list of `[name, value]` where names repeat.
fn headers(value: &RawValue) -> Result<Headers> {
    let pairs = match value.get().starts_with('[') {
        true => listed(value.get().as_bytes())
            .ok_or_else(|| expected("headers", "an object, or a list of `[name, value]`", value))?,
        false => pairs(value.get().as_bytes(), "`headers`")?,
    };
    of_pairs(pairs)
}

/// A header of a list that stands by itself: its name, its value, and its place in another list.
type Placed = (Arc<str>, Bytes, Option<usize>);

/// A list of `[name, value]` or `[name, value, place]` that stands by itself, as in an escaped header; none where it is
/// something else.
pub(crate) fn header_list(json: &[u8]) -> Option<Vec<Placed>> {
    let entries: Vec<Vec<&RawValue>> = serde_json::from_slice(json).ok()?;
    let placed = |entry: &Vec<&RawValue>| {
        let (name, value, place) = match entry.as_slice() {
            [name, value] => (name, value, None),
            [name, value, place] => (name, value, Some(number("place", place).ok()?)),
            _ => return None,
        };
        Some((
            text("name", name).ok()?.into(),
            bytes("headers", value).ok()?,
            place,
        ))
    };
    entries.iter().map(placed).collect()
}

fn listed(json: &[u8]) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    let pairs: Vec<(String, &RawValue)> = serde_json::from_slice(json).ok()?;
    Some((pairs.into_iter().map(|(name, value)| (Cow::Owned(name), value))).collect())
}

fn of_pairs(pairs: Vec<(Cow<'_, str>, &RawValue)>) -> Result<Headers> {
    (pairs.into_iter())
        .map(|(name, value)| Ok((Arc::<str>::from(name), bytes("headers", value)?)))
        .collect()
}

fn time(value: &RawValue) -> Result<SystemTime> {
    let wanted = "a time such as \"2026-11-22T10:00:00.000Z\"";
    let text: String = serde_json::from_str(value.get()).map_err(|_| expected("time", wanted, value))?;
    let time: jiff::Timestamp = text.parse().map_err(|_| expected("time", wanted, value))?;
    Ok(time.into())
}

/// Text, or `{"base64": …}` for what is not.
fn bytes(name: &'static str, value: &RawValue) -> Result<Bytes> {
    if !value.get().starts_with('{') {
        return text(name, value).map(Bytes::from);
    }
    match members(value.get().as_bytes(), "a value")?.as_slice() {
        [(member, value)] if &**member == "base64" => base64(name, value),
        _ => Err(expected(name, "a text or {\"base64\": …}", value)),
    }
}

fn base64(name: &'static str, value: &RawValue) -> Result<Bytes> {
    BASE64
        .decode(text(name, value)?)
        .map(Bytes::from)
        .map_err(|_| expected(name, "base64 with its padding", value))
}

fn text(name: &'static str, value: &RawValue) -> Result<String> {
    serde_json::from_str(value.get()).map_err(|_| expected(name, "a text without lone surrogates", value))
}

fn number<'a, T: Deserialize<'a>>(name: &'static str, value: &'a RawValue) -> Result<T> {
    serde_json::from_str(value.get()).map_err(|_| expected(name, "a whole number in its range", value))
}

fn members<'a>(object: &'a [u8], what: &str) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>> {
    let members = pairs(object, what)?;
    let mut seen = HashSet::with_capacity(members.len());
    for (name, _) in &members {
        if !seen.insert(name) {
            return Err(BadEnvelope::new(format!(
                "expected each member of {what} once, found {name:?} twice"
            )));
        }
    }
    Ok(members)
}

/// The members of an object in their order, repeated names included.
fn pairs<'a>(object: &'a [u8], what: &str) -> Result<Vec<(Cow<'a, str>, &'a RawValue)>> {
    let first = object.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        let found = first.map_or("nothing", |byte| kind(*byte));
        return Err(BadEnvelope::new(format!(
            "expected {what}, an object, found {found}"
        )));
    }
    // What begins as an object fails for its syntax alone, and such a message quotes nothing.
    let Pairs(pairs) = serde_json::from_slice(object)
        .map_err(|error| BadEnvelope::new(format!("expected {what} in JSON: {error}")))?;
    Ok(pairs)
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    pairs.push((Cow::Owned(name), value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

fn expected(name: &'static str, wanted: &str, value: &RawValue) -> BadEnvelope {
    let found = value
        .get()
        .as_bytes()
        .first()
        .map_or("nothing", |byte| kind(*byte));
    BadEnvelope::new(format!("expected {wanted} in `{name}`, found {found}"))
}

fn both(name: &str) -> BadEnvelope {
    BadEnvelope::new(format!("expected `{name}` or `{name}_base64`, found both"))
}

fn unknown(what: &str, found: &str, known: &[&str]) -> BadEnvelope {
    BadEnvelope::new(format!(
        "expected a member of {what} ({}), found {found:?}",
        known.join(", ")
    ))
}

/// The kind of a value by the first byte of its text.
fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a string that does not fit",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        b'-' | b'0'..=b'9' => "a number",
        _ => "no JSON value",
    }
}
