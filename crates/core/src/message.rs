//! A message: what every messaging system carries, in the words they share.
//!
//! This is plain data. It knows no system, no route and no migration, so both halves of this crate may use it.
//! Payloads are private: nothing here prints content, only lengths.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

/// One message, as it came from a messaging system or as it will be sent to one.
///
/// A clone copies handles, not bytes. `Debug` prints lengths, never content.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Message {
    /// The payload; `None` is a message without one (a tombstone), which is not the same as the JSON `null`.
    pub payload: Option<Bytes>,
    /// The key by which the message is partitioned or compacted.
    pub key: Option<Bytes>,
    /// The id that the publisher gave it. It is kept, and never trusted to be unique.
    pub id: Option<Bytes>,
    /// The time that the publisher or the broker gave it.
    pub timestamp: Option<SystemTime>,
    /// What most systems know beside headers.
    pub properties: Properties,
    /// Headers in their order; names may repeat.
    pub headers: Headers,
}

impl Message {
    /// A message with this payload and nothing else.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: Some(payload.into()),
            ..Self::default()
        }
    }

    /// A message without a payload.
    pub fn tombstone() -> Self {
        Self::default()
    }

    /// The same message with this key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same message with this publisher's id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Bytes>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same message with one more header at the end.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Arc<str>>, value: impl Into<Bytes>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The number of bytes in payload, key, id and headers: what a window in bytes counts. Properties are not counted.
    #[inline]
    pub fn size(&self) -> usize {
        let length = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
        length(&self.payload) + length(&self.key) + length(&self.id) + self.headers.size()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("payload_bytes", &self.payload.as_ref().map(Bytes::len))
            .field("key_bytes", &self.key.as_ref().map(Bytes::len))
            .field("id_bytes", &self.id.as_ref().map(Bytes::len))
            .field("timestamp", &self.timestamp)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// What most systems know beside headers. A system that lacks one of them carries it as a header or reports the loss.
///
/// A clone copies a handle; the first change after it copies the values. Most messages have none of them, and of these a handle
/// holds nothing: a message is moved many times on its way.
#[derive(Clone, Default)]
pub struct Properties(Option<Arc<PropertyValues>>);

/// The values of [`Properties`].
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PropertyValues {
    /// The media type of the payload.
    pub content_type: Option<String>,
    /// The encoding of the payload, such as `gzip`.
    pub content_encoding: Option<String>,
    /// The application's name for the kind of message (the `type` property of AMQP 0-9-1).
    pub kind: Option<String>,
    /// What a reply repeats, so that the asker can tell its replies apart.
    pub correlation_id: Option<Bytes>,
    /// Where a reply is expected.
    pub reply_to: Option<String>,
    /// The priority; a higher number goes first.
    pub priority: Option<u8>,
    /// The time to live, counted from the moment of sending.
    pub expiry: Option<Duration>,
}

/// The values of a message that has none.
static NONE: PropertyValues = PropertyValues {
    content_type: None,
    content_encoding: None,
    kind: None,
    correlation_id: None,
    reply_to: None,
    priority: None,
    expiry: None,
};

impl Deref for Properties {
    type Target = PropertyValues;

    fn deref(&self) -> &PropertyValues {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Properties {
    fn deref_mut(&mut self) -> &mut PropertyValues {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl From<PropertyValues> for Properties {
    fn from(values: PropertyValues) -> Self {
        Self((values != NONE).then(|| Arc::new(values)))
    }
}

impl PartialEq for Properties {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Properties {}

impl PropertyValues {
    /// The expiry in whole milliseconds, as systems write it: rounded up, so that no message dies before its time, and one
    /// that lives for less than a millisecond does not for ever.
    pub fn expiry_ms(&self) -> Option<u128> {
        self.expiry.map(|expiry| expiry.as_nanos().div_ceil(1_000_000))
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for PropertyValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Properties")
            .field("priority", &self.priority)
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

/// Headers in their order. Names may repeat and are compared exactly; values are bytes.
///
/// A clone copies a handle; the first change after it copies the list.
#[derive(Clone, Default)]
pub struct Headers(Option<Arc<Vec<Header>>>);

type Header = (Arc<str>, Bytes);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header at the end, beside any other of the same name.
    pub fn append(&mut self, name: impl Into<Arc<str>>, value: impl Into<Bytes>) {
        self.list_mut().push((name.into(), value.into()));
    }

    /// Gives the header this one value: the first of that name keeps its place, further ones are removed, and a new
    /// name goes to the end.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: impl Into<Bytes>) {
        let (name, value) = (name.into(), value.into());
        let list = self.list_mut();
        let Some(first) = list.iter().position(|(have, _)| *have == name) else {
            list.push((name, value));
            return;
        };
        list[first].1 = value;
        let mut place = 0;
        list.retain(|(have, _)| {
            place += 1;
            place - 1 <= first || *have != name
        });
    }

    /// Removes every header of this name and says how many there were.
    pub fn remove(&mut self, name: &str) -> usize {
        if !self.contains(name) {
            return 0;
        }
        let list = self.list_mut();
        let before = list.len();
        list.retain(|(have, _)| &**have != name);
        before - list.len()
    }

    /// The last value of this name.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.list()
            .iter()
            .rev()
            .find(|(have, _)| &**have == name)
            .map(|(_, value)| value)
    }

    /// Whether there is a header of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.list().iter().any(|(have, _)| &**have == name)
    }

    /// Names and values in their order.
    #[inline]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Bytes)> + ExactSizeIterator {
        self.list().iter().map(|(name, value)| (&**name, value))
    }

    /// How many headers there are, repeated names counted each.
    #[inline]
    pub fn len(&self) -> usize {
        self.list().len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// The number of bytes in names and values.
    pub fn size(&self) -> usize {
        self.list()
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum()
    }

    #[inline]
    fn list(&self) -> &[Header] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    fn list_mut(&mut self) -> &mut Vec<Header> {
        Arc::make_mut(self.0.get_or_insert_default())
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.list() == other.list()
    }
}

impl Eq for Headers {}

impl<N: Into<Arc<str>>, V: Into<Bytes>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let list: Vec<Header> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self((!list.is_empty()).then(|| Arc::new(list)))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({} of {} bytes)", self.len(), self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_lengths_and_never_content() {
        let message = Message::new("secret-payload")
            .with_key("secret-key")
            .with_header("secret-name", "secret-value");
        let shown = format!("{message:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("14"), "{shown}");
    }

    #[test]
    fn setting_a_header_keeps_its_place_and_removes_repeats() {
        let mut headers: Headers = [("a", "1"), ("b", "2"), ("a", "3")].into_iter().collect();
        headers.set("a", "4");
        let pairs: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("a".to_owned(), Bytes::from("4")),
                ("b".to_owned(), Bytes::from("2"))
            ]
        );
    }

    #[test]
    fn a_list_that_became_empty_is_the_same_as_none() {
        let mut headers: Headers = [("a", "1")].into_iter().collect();
        headers.remove("a");
        assert_eq!(headers, Headers::new());
    }

    #[test]
    fn a_change_after_a_clone_leaves_the_other_alone() {
        let first: Headers = [("a", "1")].into_iter().collect();
        let mut second = first.clone();
        second.remove("a");
        assert_eq!((first.len(), second.len()), (1, 0));
    }

    #[test]
    fn properties_that_were_set_and_taken_back_are_the_same_as_none() {
        let mut message = Message::new("{}");
        message.properties.priority = Some(1);
        let copy = message.clone();
        message.properties.priority = None;
        assert_eq!(message.properties, Properties::default());
        assert_eq!(copy.properties.priority, Some(1));
    }

    #[test]
    fn the_last_value_of_a_repeated_name_counts() {
        let headers: Headers = [("a", "1"), ("a", "2")].into_iter().collect();
        assert_eq!(headers.get("a"), Some(&Bytes::from("2")));
    }
}
