//! How a message becomes one of NATS, and one of NATS a message.
//!
//! Headers of NATS are text. Names beginning with `Nats-` are orders to the server, so none of a message's own ever goes out
//! as such: it is refused or escaped like any other header that cannot be held. Orders that come in with a message were for
//! the server that stored it, and end there; its `Nats-Msg-Id` is the publisher's id where no other is given.
//!
//! The client keeps headers in a map that forgets their order. Where the order says more than the names do, it travels in
//! [`ORDER`].

use async_nats::header::{self, HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use dunlin_core::carried::{self, Part};
use dunlin_core::messaging::Outgoing;
use dunlin_core::{Error, ErrorKind, HeaderValues, Headers, Message, Result};

/// For each header in its order, the place of its name among the different names in the order of their bytes.
pub(crate) const ORDER: &str = "dunlin-order";

const OWN: &[Part] = &[Part::Address, Part::Dedup];
const MESSAGE_ID: &str = "Nats-Msg-Id";
const EXPECTED_STREAM: &str = "Nats-Expected-Stream";

/// The headers of a message to this stream, and how many bytes they take on the wire.
///
/// # Errors
/// A header that cannot be held, where nobody allows to escape it.
pub(crate) fn write(outgoing: &Outgoing, escape: bool, stream: &str) -> Result<(HeaderMap, usize)> {
    let mut wire = match plain(outgoing) {
        Some(wire) => wire,
        None => ordered(outgoing, escape)?,
    };
    if let Some(id) = &outgoing.dedup {
        wire.put(header::NATS_MESSAGE_ID, id.digits(&mut [0; 32]))?;
    }
    wire.put(header::NATS_EXPECTED_STREAM, stream)?;
    Ok((wire.map, wire.bytes))
}

/// Headers as they are given to the client.
struct Wire {
    map: HeaderMap,
    bytes: usize,
}

impl Wire {
    fn new() -> Self {
        Self {
            map: HeaderMap::new(),
            // The line of the version, and the empty line behind the headers.
            bytes: "NATS/1.0\r\n\r\n".len(),
        }
    }

    fn put(&mut self, name: HeaderName, value: &str) -> Result<()> {
        let value = value.parse::<HeaderValue>().map_err(|_| not_taken())?;
        let letters: &str = name.as_ref();
        self.bytes += letters.len() + value.as_str().len() + ": \r\n".len();
        self.map.append(name, value);
        Ok(())
    }
}

/// The headers as nearly all messages have them: each of them fits, and they are in the order that reading gives by itself.
/// They go to the client without a list of them being made. None: one of the two does not hold.
fn plain(outgoing: &Outgoing) -> Option<Wire> {
    let mut wire = Wire::new();
    let mut last = String::new();
    carried::each_packed(outgoing, OWN, HeaderValues::Text, |name, value| {
        let text = std::str::from_utf8(value).map_err(drop)?;
        if !fits(name, value) || *name < *last {
            return Err(());
        }
        last.clear();
        last.push_str(name);
        wire.put(named(name).map_err(drop)?, text).map_err(drop)
    })
    .ok()?;
    Some(wire)
}

/// The headers as they can be held, where not all of them can, or their order is one of their own.
fn ordered(outgoing: &Outgoing, escape: bool) -> Result<Wire> {
    let mut headers = outgoing.message.headers.clone();
    if headers.iter().any(|(name, value)| !fits(name, value)) {
        if !(escape || outgoing.escape) {
            return Err(refused(&headers));
        }
        headers = carried::escape(&headers, |name, value, _| fits(name, value));
    }
    headers = carried::pack_beside(headers, outgoing, OWN, HeaderValues::Text);
    let mut wire = Wire::new();
    for (name, value) in headers.iter() {
        // Checked above, or made from text.
        wire.put(named(name)?, std::str::from_utf8(value).unwrap_or_default())?;
    }
    if let Some(order) = order(&headers) {
        wire.put(named(ORDER)?, &order)?;
    }
    Ok(wire)
}

/// The client's form of a name; those that stand in nearly every message are not made anew.
fn named(name: &str) -> Result<HeaderName> {
    match name {
        "dunlin-hops" => Ok(const { HeaderName::from_static("dunlin-hops") }),
        "dunlin-time" => Ok(const { HeaderName::from_static("dunlin-time") }),
        _ => name.parse().map_err(|_| not_taken()),
    }
}

fn not_taken() -> Error {
    Error::new(
        ErrorKind::HeaderNotRepresentable,
        "send",
        "the client refused a header",
    )
}

fn fits(name: &str, value: &[u8]) -> bool {
    let free = !name
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("nats-"))
        && name != ORDER;
    let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    // Spaces at either end are taken for the wire's own, and lost.
    free && named
        && carried::is_text(value)
        && std::str::from_utf8(value).is_ok_and(|text| text.trim().len() == text.len())
}

fn refused(headers: &Headers) -> Error {
    let bad = headers.iter().find(|(name, value)| !fits(name, value));
    Error::new(
        ErrorKind::HeaderNotRepresentable,
        "send",
        "expected headers with names of printable ASCII that do not begin with `Nats-`, and values of text without control characters and without spaces at their ends, found another; set `headers: escape` to carry it all the same",
    )
    .with("header", bad.map_or_else(String::new, |(name, _)| name.escape_debug().to_string()))
}

/// The order of these headers, unless it is the one that reading gives by itself.
fn order(headers: &Headers) -> Option<String> {
    let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
    if names.is_sorted() {
        return None;
    }
    let mut different = names.clone();
    different.sort_unstable();
    different.dedup();
    let places = names.iter().filter_map(|name| different.binary_search(name).ok());
    Some(
        places
            .map(|place| place.to_string())
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// The message in one of NATS, without its time.
pub(crate) fn read(payload: Bytes, headers: Option<&HeaderMap>) -> Message {
    let mut message = Message::new(payload);
    let Some(headers) = headers else {
        return message;
    };
    let text = |name: &str| headers.get_last(name).map(|value| value.as_str().to_owned());
    let mut named: Vec<(&str, Vec<Bytes>)> = Vec::with_capacity(headers.len());
    for (name, values) in headers.iter() {
        let name: &str = name.as_ref();
        if name != ORDER
            && !name
                .get(..5)
                .is_some_and(|start| start.eq_ignore_ascii_case("nats-"))
        {
            let values = values
                .iter()
                .map(|value| Bytes::copy_from_slice(value.as_str().as_bytes()));
            named.push((name, values.collect()));
        }
    }
    named.sort_unstable_by_key(|(name, _)| *name);
    message.headers = match text(ORDER) {
        None => sorted(&named),
        Some(order) => in_order(&named, &order).unwrap_or_else(|| {
            // Somebody changed the headers on the way: nothing of them is left out.
            let mut headers = sorted(&named);
            headers.append(ORDER, order.clone());
            headers
        }),
    };
    carried::unpack(&mut message, OWN);
    if message.id.is_none()
        && let Some(id) = text(MESSAGE_ID)
        && !(is_ours(&id) && headers.get(EXPECTED_STREAM).is_some())
    {
        message.id = Some(Bytes::from(id));
    }
    message
}

/// Whether an id looks like one that a route derived, which is no publisher's.
fn is_ours(id: &str) -> bool {
    id.len() == 32
        && id
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn sorted(named: &[(&str, Vec<Bytes>)]) -> Headers {
    named
        .iter()
        .flat_map(|(name, values)| values.iter().map(|value| (*name, value.clone())))
        .collect()
}

fn in_order(named: &[(&str, Vec<Bytes>)], order: &str) -> Option<Headers> {
    let mut left: Vec<_> = named.iter().map(|(_, values)| values.iter()).collect();
    let mut headers = Headers::new();
    for place in order.split(' ') {
        let place: usize = place.parse().ok()?;
        headers.append(named.get(place)?.0, left.get_mut(place)?.next()?.clone());
    }
    left.iter_mut()
        .all(|left| left.next().is_none())
        .then_some(headers)
}

#[cfg(test)]
mod tests;
