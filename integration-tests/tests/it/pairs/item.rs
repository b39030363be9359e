//! A message as people write and read it with a system's own client.
//!
//! What Dunlin promises of reserved headers is read here by code of our own, so that the tests would find a name or a
//! place that changed on both sides at once.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// A message in the words that all systems share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    /// None is a tombstone.
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) id: Option<Vec<u8>>,
    /// By the names of [`PROPERTIES`]; `time` in milliseconds since 1970.
    pub(crate) properties: BTreeMap<&'static str, String>,
    /// In the order in which the client gives them, repeated names too.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// What Dunlin wrote about the message: headers that begin with `dunlin-` and carry no part of it.
    pub(crate) marks: BTreeMap<String, String>,
}

/// Each property, and the header in which it travels where a system has no place for it.
pub(crate) const PROPERTIES: [(&str, &str); 8] = [
    ("time", "dunlin-time"),
    ("content-type", "dunlin-content-type"),
    ("content-encoding", "dunlin-content-encoding"),
    ("kind", "dunlin-kind"),
    ("correlation-id", "dunlin-correlation-id"),
    ("reply-to", "dunlin-reply-to"),
    ("priority", "dunlin-priority"),
    ("expiry", "dunlin-expiry-ms"),
];

impl Item {
    /// The text of a header of the message.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The number that every message of these tests carries in a header.
    ///
    /// # Errors
    /// A message without it: then nobody knows which one it is.
    pub(crate) fn number(&self) -> Result<usize> {
        let text = self
            .header("number")
            .with_context(|| format!("a message without a number: {self:?}"))?;
        text.parse().with_context(|| format!("no number: {text}"))
    }

    /// The same message with its headers in the order of their names, for systems that have no other.
    pub(crate) fn sorted(mut self) -> Self {
        self.headers.sort();
        self
    }

    /// Reads what a client found in headers: parts of the message that have no place of their own in this system, and
    /// what Dunlin wrote about it. `own` are the parts that do have one: in a header they would be in the wrong place,
    /// and stay among the marks.
    ///
    /// # Errors
    /// A reserved header that does not hold what its name says.
    pub(crate) fn arrived(mut self, own: &[&str]) -> Result<Self> {
        let mut headers = Vec::new();
        let mut reserved = BTreeMap::new();
        for (name, value) in std::mem::take(&mut self.headers) {
            if let Some(name) = name
                .strip_suffix("-base64")
                .filter(|name| name.starts_with("dunlin-"))
            {
                reserved.insert(name.to_owned(), BASE64.decode(&value)?);
            } else if name == "dunlin-headers" {
                headers.extend(escaped(&value)?);
            } else if name.starts_with("dunlin-") {
                reserved.insert(name, value);
            } else {
                headers.push((name, value));
            }
        }
        self.headers = headers;
        let mut part = |name: &str, header: &str| match own.contains(&name) {
            true => None,
            false => reserved.remove(header),
        };
        self.key = self.key.or(part("key", "dunlin-key"));
        self.id = self.id.or(part("id", "dunlin-id"));
        if part("tombstone", "dunlin-tombstone").is_some() {
            self.payload = None;
        }
        for (name, header) in PROPERTIES {
            if let Some(value) = part(name, header) {
                let mut text = String::from_utf8(value)?;
                if name == "time" {
                    text = text.parse::<jiff::Timestamp>()?.as_millisecond().to_string();
                }
                self.properties.insert(name, text);
            }
        }
        for (name, value) in reserved {
            self.marks
                .insert(name, String::from_utf8_lossy(&value).into_owned());
        }
        Ok(self)
    }
}

/// The headers that a system could not hold, which travel in one.
fn escaped(text: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let pairs: Vec<(String, Value)> = serde_json::from_slice(text)?;
    pairs
        .into_iter()
        .map(|(name, value)| Ok((name, bytes(&value)?)))
        .collect()
}

/// A value as envelopes write it: text, or bytes in base64.
///
/// # Errors
/// Anything else.
pub(crate) fn bytes(value: &Value) -> Result<Vec<u8>> {
    match value {
        Value::String(text) => Ok(text.clone().into_bytes()),
        other => {
            let text = other["base64"].as_str().context("neither text nor base64")?;
            Ok(BASE64.decode(text)?)
        }
    }
}
