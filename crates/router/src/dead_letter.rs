//! The record of a message that failed: the message as it came, and headers that say why.
//!
//! It is read by people at night and by programs that send it again, so payload, key and headers are left as they came. What
//! is added names no value of the message. A channel without headers takes the whole as an envelope.

use std::time::SystemTime;

use bytes::Bytes;
use dunlin_core::capability::HeaderValues;
use dunlin_core::carried;
use dunlin_core::envelope;
use dunlin_core::message::Message;
use dunlin_core::migration::Failure;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::report::timestamp;

/// The header of a dead letter that stands for a message too large for its channel: how many bytes were left out, as a number.
pub const LEFT_OUT: &str = "dunlin-left-out";

const KIND: &str = "dunlin-error-kind";

/// The header of a dead letter whose message would have expired: after how many milliseconds. The dead letter itself never does.
pub const EXPIRY: &str = "dunlin-original-expiry-ms";

/// The headers that a dead letter has more than its message.
const ABOUT: [&str; 8] = [
    "dunlin-error",
    KIND,
    "dunlin-transformation",
    "dunlin-route",
    "dunlin-migration",
    "dunlin-source",
    "dunlin-attempts",
    "dunlin-failed-at",
];

/// A longer key or id is left out with the payload.
const LONGEST_KEY: usize = 1_024;

/// Longer sentences are cut: a header is not the place for them.
const LONGEST: usize = 1_000;

/// Why a message failed, in words that hold no value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The class, by which people and programs tell failures apart: a kind of the engine, or one of [`kinds`].
    pub kind: &'static str,
    /// One line that says what was expected and what was found.
    pub message: String,
    /// The id of the transformation that failed, if it was one.
    pub transformation: Option<String>,
}

/// The kinds of failure that a route finds by itself, beside those of the engine.
pub mod kinds {
    use dunlin_core::migration::FailureKind;

    /// The message has no payload, and the route says `empty_payload: fail`.
    pub const EMPTY: &str = "empty";
    /// No condition of the route fits the message, and it says `unmatched: dead_letter`.
    pub const UNMATCHED: &str = "unmatched";
    /// The address of the message cannot be made, or is not allowed.
    pub const ADDRESS: &str = "address";
    /// The target can never take the message: it is too large there, or something in it cannot be carried.
    pub const REFUSED: &str = "refused";
    /// A migration dropped the message, and the route does not allow that.
    pub const DROPPED: &str = "dropped";
    /// The migration panicked: a defect of this program, not of the message.
    pub const PANIC: &str = "panic";
    /// The message was forwarded too often.
    pub const LOOP: &str = FailureKind::Loop.name();
    /// The hop count of the message cannot be read.
    pub const RECORD: &str = FailureKind::Record.name();
}

impl Fault {
    /// A failure of this kind; the sentence is brought to one line.
    pub fn new(kind: &'static str, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            message: one_line(message.as_ref()),
            transformation: None,
        }
    }

    /// The same, blamed on a transformation.
    #[must_use]
    pub fn in_transformation(mut self, id: impl Into<String>) -> Self {
        self.transformation = Some(id.into());
        self
    }
}

impl From<&Failure> for Fault {
    fn from(failure: &Failure) -> Self {
        let fault = Self::new(failure.kind.name(), failure.to_string());
        match &failure.transformation {
            Some(blamed) => fault.in_transformation(&blamed.id),
            None => fault,
        }
    }
}

/// What a dead letter tells beside the failure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Circumstances<'a> {
    /// The route; none where a message failed outside of one.
    pub route: Option<&'a str>,
    /// The migration as `name@length:hash`; none where none was chosen.
    pub migration: Option<&'a str>,
    /// `system/channel/position`, or the place of the message in other words.
    pub source: &'a str,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed.
    pub at: SystemTime,
}

impl<'a> Circumstances<'a> {
    /// A first attempt, outside of a route and of any migration.
    pub fn new(source: &'a str, at: SystemTime) -> Self {
        Self {
            route: None,
            migration: None,
            source,
            attempts: 1,
            at,
        }
    }
}

/// The dead letter of a message for a channel that carries such header values.
///
/// Payload, key, id and properties are untouched, but for an expiry, which goes into [`EXPIRY`]: a broker that obeys it would
/// drop the dead letter before anybody has seen it. So are the headers, but for those of an earlier dead letter, which are
/// replaced. A header that the channel cannot carry travels in [`carried::ESCAPED_HEADERS`].
pub fn dead_letter(
    original: &Message,
    fault: &Fault,
    circumstances: &Circumstances<'_>,
    carries: HeaderValues,
) -> Message {
    let mut message = original.clone();
    if let Some(millis) = message.properties.expiry_ms() {
        message.properties.expiry = None;
        message.headers.set(EXPIRY, millis.to_string());
    }
    // In the order of their names in `ABOUT`.
    let about = [
        Some(fault.message.clone()),
        Some(fault.kind.to_owned()),
        fault.transformation.as_deref().map(one_line),
        circumstances.route.map(one_line),
        circumstances.migration.map(one_line),
        Some(one_line(circumstances.source)),
        Some(circumstances.attempts.to_string()),
        Some(timestamp(circumstances.at)),
    ];
    // The message may be one that stood for another in a dead letter, and was sent again.
    message.headers.remove(LEFT_OUT);
    for (name, value) in ABOUT.into_iter().zip(about) {
        match value {
            Some(value) => message.headers.set(name, value),
            // What an earlier failure said must not stand beside this one.
            None => drop(message.headers.remove(name)),
        }
    }
    if carries == HeaderValues::Text {
        message.headers = carried::escape(&message.headers, |name, value, _| {
            carried::is_text(name.as_bytes()) && carried::is_text(value)
        });
    }
    message
}

/// The message as one line of JSON in the payload of another, for a channel without headers: nothing of it is left out.
pub fn in_envelope(message: &Message) -> Message {
    let mut message = message.clone();
    let mut line = Vec::new();
    // A time outside the calendar is all that an envelope cannot hold, and no dead letter is refused for that.
    while envelope::write(&message, None, &mut line).is_err() && message.timestamp.take().is_some() {}
    let mut enveloped = Message::new(line);
    enveloped.key = message.key;
    enveloped
}

/// What stands for a dead letter that its channel cannot take because it is too large: the headers that say why it failed,
/// and in the payload the message's place in its source, its length and its digest. Key and id stay where they are short;
/// headers and properties of the message do not.
///
/// None for one that was made small already, and for what is no dead letter.
pub(crate) fn without_payload(sent: &Message) -> Option<Message> {
    if sent.headers.get(KIND).is_some() {
        return shortened(sent);
    }
    let enveloped = envelope::read(sent.payload.as_ref()?).ok()?.message;
    shortened(&enveloped).map(|message| in_envelope(&message))
}

fn shortened(dead: &Message) -> Option<Message> {
    if dead.headers.get(KIND).is_none() || dead.headers.get(LEFT_OUT).is_some() {
        return None;
    }
    let payload = dead.payload.as_deref().unwrap_or_default();
    let source = dead
        .headers
        .get("dunlin-source")
        .map_or(&b""[..], |source| source);
    let about = json!({"dunlin": 1, "left_out": {
        "source": String::from_utf8_lossy(source),
        "bytes": payload.len(),
        "sha256": hex::encode(Sha256::digest(payload)),
    }});
    let short = |part: &Option<Bytes>| part.clone().filter(|part| part.len() <= LONGEST_KEY);
    let mut message = Message::new(about.to_string());
    message.key = short(&dead.key);
    message.id = short(&dead.id);
    message.timestamp = dead.timestamp;
    for name in ABOUT {
        if let Some(value) = dead.headers.get(name) {
            message.headers.set(name, value.clone());
        }
    }
    message.headers.set(LEFT_OUT, payload.len().to_string());
    Some(message)
}

/// The text without anything that could end a line or colour a terminal, and not too long for a header.
fn one_line(text: &str) -> String {
    text.chars()
        .take(LONGEST)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
        message
            .headers
            .get(name)
            .map(|value| std::str::from_utf8(value).unwrap())
    }

    fn circumstances() -> Circumstances<'static> {
        Circumstances {
            route: Some("orders"),
            migration: Some("orders@20:9f3ac41b7d02e6aa"),
            attempts: 3,
            ..Circumstances::new(
                "shop/orders/log@7",
                UNIX_EPOCH + Duration::from_millis(1_600_000_000_123),
            )
        }
    }

    #[test]
    fn a_dead_letter_is_the_message_with_eight_headers_more() {
        let original = Message::new("{bad")
            .with_key("k")
            .with_id("i")
            .with_header("h", vec![0xff]);
        let fault = Fault::new("syntax", "expected a value,\nfound the end").in_transformation("a#1");
        let dead = dead_letter(&original, &fault, &circumstances(), HeaderValues::Binary);
        assert_eq!(
            (&dead.payload, &dead.key, &dead.id),
            (&original.payload, &original.key, &original.id)
        );
        assert_eq!(dead.headers.get("h"), original.headers.get("h"));
        for (name, value) in [
            ("dunlin-error", "expected a value, found the end"),
            ("dunlin-error-kind", "syntax"),
            ("dunlin-transformation", "a#1"),
            ("dunlin-route", "orders"),
            ("dunlin-migration", "orders@20:9f3ac41b7d02e6aa"),
            ("dunlin-source", "shop/orders/log@7"),
            ("dunlin-attempts", "3"),
            ("dunlin-failed-at", "2020-09-13T12:26:40.123Z"),
        ] {
            assert_eq!(header(&dead, name), Some(value), "{name}");
        }
        assert_eq!(dead.headers.len(), 9);
    }

    #[test]
    fn a_second_failure_replaces_the_headers_of_the_first() {
        let first = Fault::new("syntax", "one").in_transformation("a#1");
        let once = dead_letter(&Message::new("x"), &first, &circumstances(), HeaderValues::Binary);
        let plain = Circumstances::new("shop/orders.dead", UNIX_EPOCH);
        let twice = dead_letter(&once, &Fault::new("empty", "two"), &plain, HeaderValues::Binary);
        assert_eq!(header(&twice, "dunlin-error"), Some("two"));
        assert_eq!(header(&twice, "dunlin-transformation"), None);
        assert_eq!(header(&twice, "dunlin-migration"), None);
        assert_eq!(
            twice
                .headers
                .iter()
                .filter(|(name, _)| *name == "dunlin-error")
                .count(),
            1
        );
    }

    #[test]
    fn a_channel_without_headers_takes_the_whole_dead_letter_as_one_line() {
        let original = Message::new("two\nlines")
            .with_key("k")
            .with_header("h", vec![0xff]);
        let dead = dead_letter(
            &original,
            &Fault::new("syntax", "e"),
            &circumstances(),
            HeaderValues::None,
        );
        let mut untimely = dead.clone();
        untimely.timestamp = UNIX_EPOCH.checked_add(std::time::Duration::from_secs(1 << 40));
        for sent in [in_envelope(&dead), in_envelope(&untimely)] {
            assert!(sent.headers.is_empty());
            assert_eq!(sent.key, original.key);
            let read = envelope::read(&sent.payload.unwrap()).unwrap().message;
            assert_eq!(
                (read.payload, read.key, read.headers),
                (dead.payload.clone(), dead.key.clone(), dead.headers.clone())
            );
        }
    }

    #[test]
    fn what_stands_for_a_dead_letter_that_is_too_large_names_place_length_and_digest() {
        let original = Message::new("x".repeat(2000))
            .with_key("k")
            .with_header("long", "h".repeat(2000));
        let fault = Fault::new("refused", "too large");
        let dead = dead_letter(&original, &fault, &circumstances(), HeaderValues::Binary);
        let read = |sent: Message| envelope::read(&sent.payload.unwrap()).unwrap().message;
        let in_line = without_payload(&in_envelope(&dead)).unwrap();
        for short in [without_payload(&dead).unwrap(), read(in_line)] {
            assert_eq!(short.key.as_deref(), Some(&b"k"[..]));
            assert_eq!(header(&short, "dunlin-error-kind"), Some("refused"));
            assert_eq!(header(&short, LEFT_OUT), Some("2000"));
            assert_eq!(header(&short, "long"), None);
            let payload: serde_json::Value = serde_json::from_slice(&short.payload.clone().unwrap()).unwrap();
            assert_eq!(payload["left_out"]["source"], "shop/orders/log@7");
            assert_eq!(payload["left_out"]["bytes"], 2000);
            assert_eq!(
                payload["left_out"]["sha256"],
                hex::encode(Sha256::digest("x".repeat(2000)))
            );
            assert!(short.size() < 1000);
            assert!(without_payload(&short).is_none(), "it cannot become shorter");
            assert!(without_payload(&in_envelope(&short)).is_none());
        }
        assert!(without_payload(&original).is_none(), "it is no dead letter");
    }

    #[test]
    fn a_header_that_the_channel_cannot_carry_travels_as_text() {
        let original = Message::new("x")
            .with_header("plain", "a")
            .with_header("bytes", vec![0xff, 0x00])
            .with_header("lines", "a\r\nb");
        let dead = dead_letter(
            &original,
            &Fault::new("empty", "e"),
            &circumstances(),
            HeaderValues::Text,
        );
        assert_eq!(header(&dead, "plain"), Some("a"));
        assert_eq!(
            header(&dead, carried::ESCAPED_HEADERS),
            Some(r#"[["bytes",{"base64":"/wA="},1],["lines","a\r\nb",2]]"#)
        );
        for (_, value) in dead.headers.iter() {
            assert!(!std::str::from_utf8(value).unwrap().chars().any(char::is_control));
        }
    }
}
