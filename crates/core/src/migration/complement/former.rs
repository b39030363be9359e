//! A message as it was, as far as a migration may have changed it: its payload, its key, the headers that were touched.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::message::Headers;
use crate::migration::interpret::Input;

/// What a message was. Headers that Dunlin writes itself are never part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Former {
    payload: Option<Bytes>,
    /// The outer is none where the key is as it was.
    key: Option<Option<Bytes>>,
    /// Each name with all its values, which may be none.
    headers: Vec<(String, Vec<Bytes>)>,
}

impl Former {
    /// What `came` was, where `leaves` is something else.
    pub(super) fn between(came: &Input, leaves: &Input) -> Self {
        let names: BTreeSet<&str> = [&came.headers, &leaves.headers]
            .into_iter()
            .flat_map(|headers| headers.iter().map(|(name, _)| name))
            .filter(|name| !is_own(name))
            .collect();
        let values = |headers: &Headers, wanted: &str| -> Vec<Bytes> {
            let all = headers.iter().filter(|(name, _)| *name == wanted);
            all.map(|(_, value)| value.clone()).collect()
        };
        let touched = names.into_iter().filter_map(|name| {
            let before = values(&came.headers, name);
            (before != values(&leaves.headers, name)).then(|| (name.to_owned(), before))
        });
        Self {
            payload: came.payload.clone(),
            key: (came.key != leaves.key).then(|| came.key.clone()),
            headers: touched.collect(),
        }
    }

    /// The message as it was, in place of the one that it became.
    pub(super) fn instead_of(self, now: &Input) -> Input {
        let mut headers = now.headers.clone();
        for (name, values) in self.headers {
            headers.remove(&name);
            for value in values {
                headers.append(name.as_str(), value);
            }
        }
        Input {
            payload: self.payload,
            key: self.key.unwrap_or_else(|| now.key.clone()),
            headers,
        }
    }

    /// As bytes: counts and lengths of four bytes, the highest first, in front of what they count.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_option(&mut out, self.payload.as_ref());
        match &self.key {
            None => out.push(0),
            Some(key) => {
                out.push(1);
                put_option(&mut out, key.as_ref());
            }
        }
        put_count(&mut out, self.headers.len());
        for (name, values) in &self.headers {
            put(&mut out, name.as_bytes());
            put_count(&mut out, values.len());
            for value in values {
                put(&mut out, value);
            }
        }
        out
    }

    /// Reads those bytes; none where they are anything else.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let payload = take_option(&mut rest)?;
        let key = match take_byte(&mut rest)? {
            0 => None,
            1 => Some(take_option(&mut rest)?),
            _ => return None,
        };
        let mut headers = Vec::new();
        for _ in 0..take_count(&mut rest)? {
            let name = std::str::from_utf8(take(&mut rest)?).ok()?;
            if is_own(name) {
                return None;
            }
            let mut values = Vec::new();
            for _ in 0..take_count(&mut rest)? {
                values.push(Bytes::copy_from_slice(take(&mut rest)?));
            }
            headers.push((name.to_owned(), values));
        }
        rest.is_empty().then_some(Self {
            payload,
            key,
            headers,
        })
    }
}

/// Whether Dunlin writes this header: no chain can touch it, and no complement may.
fn is_own(name: &str) -> bool {
    name.get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("dunlin-"))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    // No message has four thousand million headers, nor a payload of as many bytes: limits refuse it long before.
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    out.extend_from_slice(&count.to_be_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_option(out: &mut Vec<u8>, bytes: Option<&Bytes>) {
    match bytes {
        None => out.push(0),
        Some(bytes) => {
            out.push(1);
            put(out, bytes);
        }
    }
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}

fn take_count(rest: &mut &[u8]) -> Option<u32> {
    let (count, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_be_bytes(*count))
}

fn take<'bytes>(rest: &mut &'bytes [u8]) -> Option<&'bytes [u8]> {
    let count = usize::try_from(take_count(rest)?).ok()?;
    let (taken, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    Some(taken)
}

fn take_option(rest: &mut &[u8]) -> Option<Option<Bytes>> {
    match take_byte(rest)? {
        0 => Some(None),
        1 => Some(Some(Bytes::copy_from_slice(take(rest)?))),
        _ => None,
    }
}
