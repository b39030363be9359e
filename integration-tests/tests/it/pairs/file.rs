//! Files of envelopes, line by line.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::broker::Broker;
use super::item::{Item, PROPERTIES, bytes};

/// A folder, which is removed when this is dropped.
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    pub(crate) fn open() -> Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
        })
    }

    fn path(&self, channel: &str) -> PathBuf {
        self.folder.path().join(format!("{channel}.ndjson"))
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    payload_base64: Option<String>,
    key: Option<String>,
    key_base64: Option<String>,
    id: Option<Value>,
    time: Option<String>,
    #[serde(default)]
    properties: Value,
    #[serde(default)]
    headers: Value,
}

#[async_trait]
impl Broker for Files {
    fn url(&self) -> String {
        format!("file:{}", self.folder.path().display())
    }

    fn system(&self) -> String {
        format!(
            "{{ url: '{}', settings: {{ envelope: true, follow: true, poll_interval_ms: 20 }} }}",
            self.url()
        )
    }

    /// A line has a place for everything, but that it does not tell nothing from a payload of no bytes.
    fn native(&self, item: &Item) -> Item {
        let mut item = item.clone();
        item.payload = item.payload.filter(|payload| !payload.is_empty());
        item
    }

    async fn make(&mut self, channel: &str) -> Result<()> {
        std::fs::File::create(self.path(channel))?;
        Ok(())
    }

    async fn write(&mut self, channel: &str, items: &[Item]) -> Result<()> {
        let mut text = String::new();
        for item in items {
            writeln!(text, "{}", line(item)?)?;
        }
        let mut file = OpenOptions::new().append(true).open(self.path(channel))?;
        Ok(file.write_all(text.as_bytes())?)
    }

    async fn count(&mut self, channel: &str) -> Result<usize> {
        let text = std::fs::read(self.path(channel))?;
        Ok(text.split(|byte| *byte == b'\n').count() - 1)
    }

    async fn read(&mut self, channel: &str) -> Result<Vec<Item>> {
        let text = std::fs::read_to_string(self.path(channel))?;
        text.lines().map(item).collect()
    }
}

/// Bytes as a member of an envelope.
fn written(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": BASE64.encode(bytes) }),
    }
}

fn line(item: &Item) -> Result<String> {
    let mut members = json!({});
    if let Some(id) = &item.id {
        members["id"] = written(id);
    }
    match item.key.as_deref().map(|key| (key, std::str::from_utf8(key))) {
        Some((_, Ok(text))) => members["key"] = json!(text),
        Some((bytes, Err(_))) => members["key_base64"] = json!(BASE64.encode(bytes)),
        None => {}
    }
    for (name, value) in &item.properties {
        match *name {
            "time" => {
                let time = jiff::Timestamp::from_millisecond(value.parse()?)?;
                members["time"] = json!(time.to_string());
            }
            "priority" => members["properties"]["priority"] = json!(value.parse::<u8>()?),
            "expiry" => members["properties"]["expiry_ms"] = json!(value.parse::<u64>()?),
            name => members["properties"][name.replace('-', "_")] = json!(value),
        }
    }
    let pairs = item
        .headers
        .iter()
        .map(|(name, value)| json!([name, written(value)]));
    members["headers"] = pairs.collect();
    let mut line = members.to_string();
    // Byte by byte as it is, if it is one line of JSON.
    let payload = item.payload.as_deref().unwrap_or_default();
    let plain = payload.trim_ascii().len() == payload.len()
        && serde_json::from_slice::<&RawValue>(payload).is_ok()
        && !payload.contains(&b'\n');
    line.pop();
    if plain {
        write!(line, ",\"payload\":{}}}", std::str::from_utf8(payload)?)?;
    } else if payload.is_empty() {
        line.push('}');
    } else {
        write!(line, ",\"payload_base64\":\"{}\"}}", BASE64.encode(payload))?;
    }
    Ok(line)
}

fn item(line: &str) -> Result<Item> {
    let line: Line<'_> = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let mut item = Item {
        payload: match (line.payload, line.payload_base64) {
            (Some(text), _) => Some(text.get().as_bytes().to_vec()),
            (None, Some(text)) => Some(BASE64.decode(text)?),
            (None, None) => None,
        },
        key: match (line.key, line.key_base64) {
            (Some(text), _) => Some(text.into_bytes()),
            (None, Some(text)) => Some(BASE64.decode(text)?),
            (None, None) => None,
        },
        id: line.id.as_ref().map(bytes).transpose()?,
        ..Item::default()
    };
    if let Some(time) = line.time {
        let time = time.parse::<jiff::Timestamp>()?.as_millisecond();
        item.properties.insert("time", time.to_string());
    }
    for (name, _) in PROPERTIES {
        let member = match name {
            "expiry" => "expiry_ms".to_owned(),
            name => name.replace('-', "_"),
        };
        let text = match &line.properties[member] {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        item.properties.insert(name, text);
    }
    match &line.headers {
        Value::Object(members) => {
            for (name, value) in members {
                item.headers.push((name.clone(), bytes(value)?));
            }
        }
        Value::Array(pairs) => {
            for pair in pairs {
                let name = pair[0].as_str().context("a header has a name")?;
                item.headers.push((name.to_owned(), bytes(&pair[1])?));
            }
        }
        _ => {}
    }
    let own: Vec<&str> = ["key", "id", "tombstone"]
        .into_iter()
        .chain(PROPERTIES.map(|(name, _)| name))
        .collect();
    item.arrived(&own)
}
