//! A message as MQTT carries it, and back.
//!
//! Headers are user properties: pairs of text, in order, of which names may repeat. What is no text is refused, or escaped
//! where that is asked for; nothing is left out.

use bytes::Bytes;
use dunlin_core::carried::{escape, is_text, pack, unpack};
use dunlin_core::message::{Headers, Message};
use dunlin_core::messaging::Outgoing;
use dunlin_core::{Error, ErrorKind, HeaderValues, Result};
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

use crate::config::{End, OWN, is_name};

/// What is published: topic, payload, properties.
pub(crate) fn write(end: &End, outgoing: &Outgoing) -> Result<(String, Bytes, PublishProperties)> {
    let message = &outgoing.message;
    let payload = message.payload.clone().unwrap_or_default();
    if payload.len() > end.max_payload {
        let text = format!(
            "expected a payload of at most {} bytes, found {}; raise `max_payload` as far as the broker allows",
            end.max_payload,
            payload.len()
        );
        return Err(Error::new(ErrorKind::TooLarge, "send", text));
    }
    let topic = match &outgoing.address {
        None => end.topic.clone(),
        Some(address) => String::from_utf8(address.to_vec()).unwrap_or_default(),
    };
    if topic.is_empty() || !is_name(&topic) || topic.contains(['+', '#']) {
        let text = "expected a topic of text without control characters, `+` and `#`";
        return Err(Error::new(ErrorKind::Unroutable, "send", text));
    }
    let mut headers = pack(outgoing, OWN, HeaderValues::Text);
    if !headers.iter().all(|(name, value)| fits(name, value)) {
        if !(end.escapes || outgoing.escape) {
            let text = "expected headers of text without control characters and of at most 65535 bytes, found another; set `headers: escape`";
            return Err(Error::new(ErrorKind::HeaderNotRepresentable, "send", text));
        }
        headers = escape(&headers, |name, value, _| fits(name, value));
        if !headers.iter().all(|(name, value)| fits(name, value)) {
            let text = "expected headers that fit 65535 bytes when they are escaped, found more";
            return Err(Error::new(ErrorKind::TooLarge, "send", text));
        }
    }
    let content_type = message.properties.content_type.clone();
    let correlation_data = message.properties.correlation_id.clone();
    let too_long = correlation_data
        .as_ref()
        .is_some_and(|id| id.len() > usize::from(u16::MAX));
    if too_long || content_type.as_deref().is_some_and(|text| !is_name(text)) {
        let text =
            "expected a content type of text and a correlation id of at most 65535 bytes, found others";
        return Err(Error::new(ErrorKind::NotRepresentable, "send", text));
    }
    let properties = PublishProperties {
        content_type,
        correlation_data,
        user_properties: pairs(&headers),
        ..PublishProperties::default()
    };
    Ok((topic, payload, properties))
}

fn fits(name: &str, value: &[u8]) -> bool {
    is_name(name) && is_text(value) && std::str::from_utf8(value).is_ok_and(is_name)
}

fn pairs(headers: &Headers) -> Vec<(String, String)> {
    let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect()
}

/// The message that was published.
pub(crate) fn read(publish: &Publish) -> Message {
    let mut message = Message::new(publish.payload.clone());
    if let Some(properties) = &publish.properties {
        message.properties.content_type = properties.content_type.clone();
        message.properties.correlation_id = properties.correlation_data.clone();
        for (name, value) in &properties.user_properties {
            message.headers.append(name.as_str(), value.clone());
        }
    }
    unpack(&mut message, OWN);
    message
}
