//! How a message becomes a body, properties and a header table, and how it is made of them again.
//!
//! What AMQP has a property for goes there, if it fits: texts have at most 255 bytes, an expiry is a number of milliseconds of
//! 32 bits. Everything else, and what does not fit, goes as a header with a reserved name and comes back from it. All of it is
//! judged before the wire, since the broker answers a single wrong property by closing the channel of all messages.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dunlin_core::carried::{self, Part};
use dunlin_core::message::{Headers, Message, PropertyValues};
use dunlin_core::messaging::Outgoing;
use dunlin_core::{Error, ErrorKind, HeaderValues, Result};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::config::End;
use crate::value;

/// A message as it is published.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wire {
    pub(crate) key: ShortString,
    pub(crate) properties: BasicProperties,
    /// The same headers as in `properties`, cheap to keep.
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
}

/// A message as it was received, and what could not be taken over from it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) message: Message,
    /// How often the broker handed it out before this time, where it counts.
    pub(crate) deliveries_before: Option<u64>,
    /// How often it was given back before, by which a quorum queue decides to drop it.
    pub(crate) returns_before: Option<u64>,
    /// A header had another type than text, of which only the value is left.
    pub(crate) untyped: bool,
    /// `app-id`, `user-id`, `cluster-id`, an expiration that is no number, or a time that no clock shows, was left out.
    pub(crate) left_out: bool,
}

/// What goes to the broker with every message: the headers by which it counts, and no publisher's.
const COUNTERS: [&str; 2] = [RETURNS, "x-acquired-count"];
const RETURNS: &str = "x-delivery-count";

/// Headers by which RabbitMQ routes copies of a message to further queues.
const ROUTING: [&str; 2] = ["CC", "BCC"];

/// A queue that exists only for whoever asks on the same channel; without that, publishing with it closes the channel.
const DIRECT_REPLY: &str = "amq.rabbitmq.reply-to";

/// Makes what is published. `frame_max` bounds properties and headers, which AMQP never splits.
///
/// # Errors
/// What this message alone can never have here: its payload is too large, or a header or its address cannot be carried.
pub(crate) fn write(end: &End, frame_max: usize, outgoing: &Outgoing) -> Result<Wire> {
    let payload = outgoing.message.payload.clone().unwrap_or_default();
    if payload.len() > end.max_payload {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "send",
            format!(
                "expected a payload of at most {} bytes, found {}; raise `max_payload`, and `max_message_size` of the broker",
                end.max_payload,
                payload.len()
            ),
        ));
    }
    let key = routing_key(end, outgoing)?;
    let mut properties = Builder::default();
    properties.fill(&outgoing.message);
    let fitting = fitted(end, outgoing)?;
    let carried = carried::pack_beside(fitting, outgoing, &properties.own, HeaderValues::Binary);
    let mut table = FieldTable::default();
    for (name, value) in carried.iter() {
        // One byte for the length of the name, one for the type, four for the length of the value.
        properties.bytes += name.len() + value.len() + 6;
        table.insert(short(name)?, AMQPValue::LongString(value.to_vec().into()));
    }
    // The frame itself, its class, the size of the body, the flags, the length of the table, two short numbers.
    let found = properties.bytes + 64;
    if found > frame_max {
        return Err(Error::new(
            ErrorKind::TooLarge,
            "send",
            format!(
                "expected headers and properties of at most {frame_max} bytes together, found {found}; raise `frame_max` of the broker"
            ),
        ));
    }
    let mut built = properties.built.with_delivery_mode(PERSISTENT);
    if !carried.is_empty() {
        built = built.with_headers(table);
    }
    Ok(Wire {
        key,
        properties: built,
        headers: carried,
        payload,
    })
}

const PERSISTENT: u8 = 2;

fn routing_key(end: &End, outgoing: &Outgoing) -> Result<ShortString> {
    let Some(address) = &outgoing.address else {
        return short(&end.channel);
    };
    std::str::from_utf8(address)
        .ok()
        .and_then(|address| ShortString::try_new(address).ok())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::NotRepresentable,
                "send",
                "expected an address that can be a routing key, UTF-8 of at most 255 bytes, found another",
            )
        })
}

fn short(text: &str) -> Result<ShortString> {
    ShortString::try_new(text).map_err(|cause| {
        Error::new(
            ErrorKind::HeaderNotRepresentable,
            "send",
            "expected a name of at most 255 bytes, found a longer one",
        )
        .caused_by(cause)
    })
}

/// The message's headers, with those moved that no table holds where that is allowed.
fn fitted(end: &End, outgoing: &Outgoing) -> Result<Headers> {
    let headers = &outgoing.message.headers;
    let fits = |name: &str, before: usize| before == 0 && name.len() <= 255 && !ROUTING.contains(&name);
    let mut seen = HashSet::with_capacity(headers.len());
    let unfit = headers
        .iter()
        .position(|(name, _)| !fits(name, usize::from(!seen.insert(name))));
    let Some(place) = unfit else {
        return Ok(headers.clone());
    };
    if !end.escape && !outgoing.escape {
        let why = match headers.iter().nth(place) {
            Some((name, _)) if ROUTING.contains(&name) => {
                "found `CC` or `BCC`, by which RabbitMQ would route copies of the message elsewhere"
            }
            Some((name, _)) if name.len() > 255 => "found a name of more than 255 bytes",
            Some(_) | None => "found a name twice",
        };
        return Err(Error::new(
            ErrorKind::HeaderNotRepresentable,
            "send",
            format!("expected headers that fit a table of AMQP, {why}; set `headers: escape` to send them in another form"),
        )
        .with("header", place));
    }
    // A table has no order but that of its names, so that a header which steps out of it moves, too: between the ones that
    // stay it brings the whole list back as it was.
    let mut last = None::<String>;
    Ok(carried::escape(headers, |name, _, before| {
        let stays = fits(name, before) && last.as_deref().is_none_or(|last| last < name);
        if stays {
            last = Some(name.to_owned());
        }
        stays
    }))
}

/// Properties, the parts that found a place in them, and their size on the wire.
#[derive(Default)]
struct Builder {
    built: BasicProperties,
    own: Vec<Part>,
    bytes: usize,
}

impl Builder {
    fn fill(&mut self, message: &Message) {
        let of = &message.properties;
        let text = |bytes: &Option<Bytes>| {
            bytes
                .as_ref()
                .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
        };
        self.put(
            Part::ContentType,
            of.content_type.clone(),
            BasicProperties::with_content_type,
        );
        self.put(
            Part::ContentEncoding,
            of.content_encoding.clone(),
            BasicProperties::with_content_encoding,
        );
        self.put(Part::Kind, of.kind.clone(), BasicProperties::with_type);
        self.put(
            Part::CorrelationId,
            text(&of.correlation_id),
            BasicProperties::with_correlation_id,
        );
        let reply_to = of.reply_to.clone().filter(|name| !name.starts_with(DIRECT_REPLY));
        self.put(Part::ReplyTo, reply_to, BasicProperties::with_reply_to);
        self.put(Part::Id, text(&message.id), BasicProperties::with_message_id);
        let expiry = (of.expiry_ms())
            .filter(|millis| *millis <= u128::from(u32::MAX))
            .map(|millis| millis.to_string());
        self.put(Part::Expiry, expiry, BasicProperties::with_expiration);
        if let Some(priority) = of.priority {
            self.change(|built| built.with_priority(priority));
            self.own.push(Part::Priority);
        }
        if let Some(since) = message
            .timestamp
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        {
            self.change(|built| built.with_timestamp(since.as_secs()));
            // Whole seconds say it all; a finer time goes beside it, too.
            if since.subsec_nanos() == 0 {
                self.own.push(Part::Time);
            }
        }
    }

    fn put(
        &mut self,
        part: Part,
        value: Option<String>,
        with: fn(BasicProperties, ShortString) -> BasicProperties,
    ) {
        let Some(value) = value.and_then(|value| ShortString::try_new(value).ok()) else {
            return;
        };
        self.bytes += value.as_str().len() + 1;
        self.change(|built| with(built, value));
        self.own.push(part);
    }

    fn change(&mut self, change: impl FnOnce(BasicProperties) -> BasicProperties) {
        self.built = change(std::mem::take(&mut self.built));
    }
}

/// Whether these are the headers that a table was made of.
pub(crate) fn same(headers: &Headers, table: &Option<FieldTable>) -> bool {
    let Some(table) = table else {
        return headers.is_empty();
    };
    headers.len() == table.inner().len()
        && headers.iter().all(|(name, value)| match table.inner().get(name) {
            Some(AMQPValue::LongString(found)) => found.as_bytes() == &**value,
            Some(_) | None => false,
        })
}

/// Makes a message of what was received.
pub(crate) fn read(properties: &BasicProperties, payload: Vec<u8>) -> Read {
    let mut message = Message::new(payload);
    let mut deliveries_before = None;
    let mut returns_before = None;
    let mut untyped = false;
    if let Some(table) = properties.headers() {
        let mut headers = Vec::with_capacity(table.inner().len());
        for (name, header) in table {
            if COUNTERS.contains(&name.as_str()) {
                let count = value::count(header);
                deliveries_before = deliveries_before.max(count);
                if name.as_str() == RETURNS {
                    returns_before = count;
                }
                continue;
            }
            let (bytes, lossy) = value::bytes(header);
            untyped |= lossy;
            headers.push((name.as_str().to_owned(), bytes));
        }
        message.headers = headers.into_iter().collect();
    }
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string);
    let bytes = |text: &Option<ShortString>| {
        (text.as_ref()).map(|text| Bytes::copy_from_slice(text.as_str().as_bytes()))
    };
    message.id = bytes(properties.message_id());
    message.timestamp = properties.timestamp().and_then(time);
    let mut to = PropertyValues::default();
    to.content_type = text(properties.content_type());
    to.content_encoding = text(properties.content_encoding());
    to.kind = text(properties.kind());
    to.correlation_id = bytes(properties.correlation_id());
    to.reply_to = text(properties.reply_to());
    to.priority = *properties.priority();
    let expiration = text(properties.expiration());
    to.expiry = (expiration.as_deref())
        .and_then(|millis| millis.parse().ok())
        .map(Duration::from_millis);
    let left_out = (expiration.is_some() && to.expiry.is_none())
        || (properties.timestamp().is_some() && message.timestamp.is_none())
        || properties.app_id().is_some()
        || properties.user_id().is_some()
        || properties.cluster_id().is_some();
    message.properties = to.into();
    carried::unpack(&mut message, &[]);
    Read {
        message,
        deliveries_before,
        returns_before,
        untyped,
        left_out,
    }
}

fn time(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
