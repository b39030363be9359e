//! What a system carries of a message, and where: one way for all systems, so that a message survives a bridge.
//!
//! A part with a place of its own in a system (AMQP's property `message-id`, Kafka's record key) goes there. Every other
//! part goes as a header with a reserved name, and comes back from it: [`pack`] and [`unpack`] are each other's inverse.
//! Headers that a system cannot hold are refused by its sender, or moved into one header by [`escape`]; nothing is ever
//! left out in silence. What a system has no way for is in its table as [`Way::Lost`], so that it is told before traffic.
//!
//! Carrying is not obeying: an expiry in a header is kept for the reader, and expires nothing.

use std::convert::Infallible;
use std::fmt::{self, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::capability::HeaderValues;
use crate::message::{Headers, Message};
use crate::messaging::Outgoing;

mod escape;
mod time;

pub use escape::{ESCAPED_HEADERS, escape};

/// A part of a message beside its payload that not every system has a place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// A payload that is not there, apart from one of zero bytes.
    Tombstone,
    /// The key.
    Key,
    /// The publisher's id.
    Id,
    /// The time.
    Time,
    /// The media type.
    ContentType,
    /// The encoding.
    ContentEncoding,
    /// The application's name for the kind of message.
    Kind,
    /// What a reply repeats.
    CorrelationId,
    /// Where a reply is expected.
    ReplyTo,
    /// The priority.
    Priority,
    /// The time to live.
    Expiry,
    /// The message's own way (routing key, subject), as a reader is told it.
    Address,
    /// The deduplication id.
    Dedup,
    /// Headers at all, with text values.
    Headers,
    /// Headers whose values are no text.
    BinaryHeaders,
    /// Several headers of one name.
    RepeatedHeaders,
}

/// How a system carries a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a place of its own there, named in the system's words.
    Own(&'static str),
    /// As the header with the reserved name of that part, or, for headers, escaped into [`ESCAPED_HEADERS`] where that is
    /// asked for, and refused otherwise.
    Header,
    /// Not at all, for this reason. The message is sent without it.
    Lost(&'static str),
    /// Not at all, for this reason. A message that has it is refused for good, and goes to the dead letter.
    Refused(&'static str),
}

impl Way {
    /// What becomes of this part, in the words of tables.
    pub fn words(self, part: Part) -> String {
        match self {
            Self::Own(place) => place.to_owned(),
            Self::Header => match part.header() {
                Some(name) => format!("header `{name}`"),
                None => format!("refused, or with `headers: escape` in `{ESCAPED_HEADERS}`"),
            },
            Self::Lost(why) => format!("left out: {why}"),
            Self::Refused(why) => format!("refused: {why}"),
        }
    }
}

/// How a system carries every part: one row for each of [`Part::ALL`].
pub type Table = [(Part, Way)];

impl Part {
    /// All parts, in the order in which tables show them.
    pub const ALL: [Self; 16] = [
        Self::Tombstone,
        Self::Key,
        Self::Id,
        Self::Time,
        Self::ContentType,
        Self::ContentEncoding,
        Self::Kind,
        Self::CorrelationId,
        Self::ReplyTo,
        Self::Priority,
        Self::Expiry,
        Self::Address,
        Self::Dedup,
        Self::Headers,
        Self::BinaryHeaders,
        Self::RepeatedHeaders,
    ];

    /// What stands for it in a set of parts.
    const fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Its name as tables and findings print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tombstone => "no payload (tombstone)",
            Self::Key => "key",
            Self::Id => "id",
            Self::Time => "time",
            Self::ContentType => "content type",
            Self::ContentEncoding => "content encoding",
            Self::Kind => "kind",
            Self::CorrelationId => "correlation id",
            Self::ReplyTo => "reply to",
            Self::Priority => "priority",
            Self::Expiry => "expiry",
            Self::Address => "address",
            Self::Dedup => "deduplication id",
            Self::Headers => "headers",
            Self::BinaryHeaders => "headers that are no text",
            Self::RepeatedHeaders => "headers of one name",
        }
    }

    /// The reserved name under which it travels where it has no place of its own; none for what is no single value.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Tombstone => Some("dunlin-tombstone"),
            Self::Key => Some("dunlin-key"),
            Self::Id => Some("dunlin-id"),
            Self::Time => Some("dunlin-time"),
            Self::ContentType => Some("dunlin-content-type"),
            Self::ContentEncoding => Some("dunlin-content-encoding"),
            Self::Kind => Some("dunlin-kind"),
            Self::CorrelationId => Some("dunlin-correlation-id"),
            Self::ReplyTo => Some("dunlin-reply-to"),
            Self::Priority => Some("dunlin-priority"),
            Self::Expiry => Some("dunlin-expiry-ms"),
            Self::Dedup => Some("dunlin-dedup"),
            Self::Address | Self::Headers | Self::BinaryHeaders | Self::RepeatedHeaders => None,
        }
    }

    /// Whether this message has something there.
    pub fn is_in(self, outgoing: &Outgoing) -> bool {
        let message = &outgoing.message;
        let properties = &message.properties;
        match self {
            Self::Tombstone => message.payload.is_none(),
            Self::Key => message.key.is_some(),
            Self::Id => message.id.is_some(),
            Self::Time => message.timestamp.is_some(),
            Self::ContentType => properties.content_type.is_some(),
            Self::ContentEncoding => properties.content_encoding.is_some(),
            Self::Kind => properties.kind.is_some(),
            Self::CorrelationId => properties.correlation_id.is_some(),
            Self::ReplyTo => properties.reply_to.is_some(),
            Self::Priority => properties.priority.is_some(),
            Self::Expiry => properties.expiry.is_some(),
            Self::Address => outgoing.address.is_some(),
            Self::Dedup => outgoing.dedup.is_some(),
            // What Dunlin writes into every message is not the sender's.
            Self::Headers => (message.headers.iter()).any(|(name, _)| !name.starts_with("dunlin-")),
            Self::BinaryHeaders => {
                (message.headers.iter()).any(|(name, value)| !is_text(name.as_bytes()) || !is_text(value))
            }
            Self::RepeatedHeaders => repeats(&message.headers),
        }
    }

    /// Its value as bytes, where it is one that can travel as a header. What has to be made of something else is put into
    /// `made`, which is empty.
    fn value<'a>(self, outgoing: &'a Outgoing, made: &'a mut String) -> Option<&'a [u8]> {
        let message = &outgoing.message;
        let properties = &*message.properties;
        let text = |text: &'a Option<String>| text.as_deref().map(str::as_bytes);
        let told: fmt::Result = match self {
            Self::Tombstone => return message.payload.is_none().then_some(b"true"),
            Self::Key => return message.key.as_deref(),
            Self::Id => return message.id.as_deref(),
            Self::ContentType => return text(&properties.content_type),
            Self::ContentEncoding => return text(&properties.content_encoding),
            Self::Kind => return text(&properties.kind),
            Self::CorrelationId => return properties.correlation_id.as_deref(),
            Self::ReplyTo => return text(&properties.reply_to),
            Self::Time => time::write(message.timestamp?, made),
            Self::Priority => write!(made, "{}", properties.priority?),
            Self::Expiry => write!(made, "{}", properties.expiry_ms()?),
            Self::Dedup => {
                made.push_str(outgoing.dedup?.digits(&mut [0; 32]));
                Ok(())
            }
            Self::Address | Self::Headers | Self::BinaryHeaders | Self::RepeatedHeaders => return None,
        };
        told.ok()?;
        Some(made.as_bytes())
    }

    /// Gives a message what a header said, where it has nothing there yet. False: the text is none of this part.
    fn give(self, message: &mut Message, value: &Bytes) -> bool {
        let text = || std::str::from_utf8(value).ok().map(ToOwned::to_owned);
        match self {
            Self::Tombstone => {
                let said = &**value == b"true" && message.payload.as_ref().is_none_or(Bytes::is_empty);
                if said {
                    message.payload = None;
                }
                said
            }
            Self::Key => take(&mut message.key, Some(value.clone())),
            Self::Id => take(&mut message.id, Some(value.clone())),
            Self::Time => {
                // The reserved header is finer than a system's own time, which may be that of its arrival.
                let Some(time) = text().and_then(|text| time::read(&text)) else {
                    return false;
                };
                message.timestamp = Some(time);
                true
            }
            Self::ContentType => take(&mut message.properties.content_type, text()),
            Self::ContentEncoding => take(&mut message.properties.content_encoding, text()),
            Self::Kind => take(&mut message.properties.kind, text()),
            Self::CorrelationId => take(&mut message.properties.correlation_id, Some(value.clone())),
            Self::ReplyTo => take(&mut message.properties.reply_to, text()),
            Self::Priority => take(
                &mut message.properties.priority,
                text().and_then(|text| text.parse().ok()),
            ),
            Self::Expiry => {
                let milliseconds = text().and_then(|text| text.parse().ok());
                take(
                    &mut message.properties.expiry,
                    milliseconds.map(Duration::from_millis),
                )
            }
            // It named the message on the way here; on the next way it has another.
            Self::Dedup => true,
            Self::Address | Self::Headers | Self::BinaryHeaders | Self::RepeatedHeaders => false,
        }
    }
}

fn take<T>(place: &mut Option<T>, found: Option<T>) -> bool {
    match found {
        Some(found) => {
            place.get_or_insert(found);
            true
        }
        None => false,
    }
}

/// The message's headers with, behind them, one for each of its parts that has no place of its own in the system.
///
/// `own` are the parts that do have one; the caller puts them there. A value that is no text goes, where `values` are
/// text, as base64 under the same name with `-base64` behind it. Headers of the message that use a reserved name are
/// replaced. Nothing is done for a system without headers.
pub fn pack(outgoing: &Outgoing, own: &[Part], values: HeaderValues) -> Headers {
    pack_beside(outgoing.message.headers.clone(), outgoing, own, values)
}

/// As [`pack`], beside these headers in the place of the message's own: those that are left after [`escape`].
///
/// Escaping comes first, so that the places in its list count the message's own headers alone.
pub fn pack_beside(mut headers: Headers, outgoing: &Outgoing, own: &[Part], values: HeaderValues) -> Headers {
    if values == HeaderValues::None {
        return headers;
    }
    let packed = each_part(outgoing, own, values, |name, header, value| {
        if header != name {
            headers.remove(name);
        }
        headers.set(header.to_owned(), Bytes::copy_from_slice(value));
        Ok::<(), Infallible>(())
    });
    match packed {
        Ok(()) => headers,
    }
}

/// Shows each part that travels as a header: its reserved name, the header's, which is another where the value cannot stand there
/// as it is, and the value as it stands there.
fn each_part<E>(
    outgoing: &Outgoing,
    own: &[Part],
    values: HeaderValues,
    mut put: impl FnMut(&str, &str, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut made = String::new();
    let own = own.iter().fold(0, |own, part| own | part.bit());
    for part in Part::ALL.iter().filter(|part| own & part.bit() == 0) {
        made.clear();
        let (Some(name), Some(value)) = (part.header(), part.value(outgoing, &mut made)) else {
            continue;
        };
        if values == HeaderValues::Text && !is_text(value) {
            put(name, &format!("{name}-base64"), BASE64.encode(value).as_bytes())?;
        } else {
            put(name, name, value)?;
        }
    }
    Ok(())
}

/// Shows name and value of each header that [`pack`] would make, in their order, and keeps none of them: for senders that
/// write headers straight into a form of their own.
///
/// # Errors
/// The first error of `put` ends it.
pub fn each_packed<E>(
    outgoing: &Outgoing,
    own: &[Part],
    values: HeaderValues,
    mut put: impl FnMut(&str, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let headers = &outgoing.message.headers;
    let is_plain = values != HeaderValues::None && !headers.iter().any(|(name, _)| is_reserved(name));
    if !is_plain {
        return (pack(outgoing, own, values).iter()).try_for_each(|(name, value)| put(name, value));
    }
    headers.iter().try_for_each(|(name, value)| put(name, value))?;
    each_part(outgoing, own, values, |_, header, value| put(header, value))
}

/// Whether a name is one that a part may travel under.
fn is_reserved(name: &str) -> bool {
    name.starts_with("dunlin-") && {
        let name = name.strip_suffix("-base64").unwrap_or(name);
        Part::ALL.iter().any(|part| part.header() == Some(name))
    }
}

/// Takes back what [`pack`] and [`escape`] put into the headers. A part that is there already keeps its value.
///
/// A reserved header that does not hold what its name says is left where it is, so that nothing is lost.
pub fn unpack(message: &mut Message, own: &[Part]) {
    if !message
        .headers
        .iter()
        .any(|(name, _)| name.starts_with("dunlin-"))
    {
        return;
    }
    let any_encoded = (message.headers.iter()).any(|(name, _)| name.ends_with("-base64"));
    for part in Part::ALL.iter().filter(|part| !own.contains(part)) {
        let Some(name) = part.header() else { continue };
        let encoded = if any_encoded {
            format!("{name}-base64")
        } else {
            String::new()
        };
        let decoded = (message.headers.get(&encoded))
            .filter(|_| any_encoded)
            .and_then(|text| BASE64.decode(text).ok());
        if let Some(value) = decoded {
            if part.give(message, &Bytes::from(value)) {
                message.headers.remove(&encoded);
            }
        } else if let Some(value) = message.headers.get(name).cloned()
            && part.give(message, &value)
        {
            message.headers.remove(name);
        }
    }
    // Last, so that a publisher's own header with a reserved name, which was moved, stays a header.
    escape::restore(&mut message.headers);
}

/// UTF-8 without control characters: what every system of text headers takes as it is.
pub fn is_text(bytes: &[u8]) -> bool {
    // Nearly all are printable ASCII, which is told without decoding.
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        || std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

fn repeats(headers: &Headers) -> bool {
    if headers.len() < 2 {
        return false;
    }
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// What a message loses in a system: its parts that the table calls lost, with the reasons.
pub fn lost<'a>(outgoing: &'a Outgoing, table: &'a Table) -> impl Iterator<Item = (Part, &'static str)> + 'a {
    table.iter().filter_map(|(part, way)| match way {
        Way::Lost(why) if part.is_in(outgoing) => Some((*part, *why)),
        Way::Lost(_) | Way::Own(_) | Way::Header | Way::Refused(_) => None,
    })
}

/// The rows of a table that are lost, for those who count what is: deduplication ids and what is a part of another row left
/// out.
pub fn left_out(table: &Table) -> Vec<(Part, Way)> {
    let is_lost = |(_, way): &&(Part, Way)| matches!(way, Way::Lost(_));
    let headers = table
        .iter()
        .filter(is_lost)
        .any(|(part, _)| *part == Part::Headers);
    (table.iter().filter(is_lost))
        .filter(|(part, _)| match part {
            Part::Dedup => false,
            Part::BinaryHeaders | Part::RepeatedHeaders => !headers,
            _ => true,
        })
        .copied()
        .collect()
}

/// What a message from one system may lose in another, or be refused for: the parts that the first can deliver and the
/// second has no way for, each with that second system's answer.
pub fn lost_between(from: &Table, to: &Table) -> Vec<(Part, Way)> {
    let delivered = |wanted: Part| {
        from.iter()
            .any(|(part, way)| *part == wanted && matches!(way, Way::Own(_) | Way::Header))
    };
    to.iter()
        // A deduplication id is made by the route itself, and means nothing to a reader.
        .filter(|(part, way)| {
            matches!(way, Way::Lost(_) | Way::Refused(_)) && *part != Part::Dedup && delivered(*part)
        })
        .copied()
        .collect()
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
