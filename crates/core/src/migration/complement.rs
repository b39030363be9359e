//! Complements: what an upward migration takes out of a message, kept beside it, so that the downward migration can put it back.
//!
//! A complement is the difference between the message that left and the one that came, made of bytes: it does not ask which
//! operation changed what, and it is the same for every form of payload. It is bound to the payload that left, to the chain
//! and to the part of the chain it spans by a digest. That digest finds what was changed by accident or in ignorance; it is
//! no signature, since whoever can write headers can make one as well.
//!
//! A complement holds what the chain has removed, readable by everyone who can read the message. So a chain that hides values
//! on purpose is refused one when it is loaded.

mod difference;
mod former;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::chain::Digest;
use super::failure::{Failure, FailureKind};
use super::interpret::Input;
use super::limits::Limits;
use super::record::{Entry, MOST_ENTRIES};
use crate::message::Headers;

use former::Former;

/// The header that holds complements, one for each migration that keeps them.
pub const COMPLEMENT_HEADER: &str = "dunlin-complement";

/// The number of bytes of a digest, which stands in front of the difference.
const DIGEST: usize = 32;

/// What stands for a complement that was too large to be kept.
const LEFT_OUT: &str = "-";

/// Whether a migration keeps complements, and what it does without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Complements {
    /// None is kept, and a message without one is taken back by the chain alone.
    #[default]
    None,
    /// An upward migration keeps them.
    Kept {
        /// The size, in bytes, that one may have in its header.
        max_bytes: usize,
        /// What becomes of a message whose complement is larger.
        too_large: TooLarge,
    },
    /// A downward migration refuses messages that have none for its part of the chain.
    Required,
}

impl Complements {
    /// The size that a complement may have unless the migration says otherwise, in bytes: a quarter of what the system with
    /// the least room for headers takes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// The greatest size that can be asked for, in bytes.
    pub const MOST_BYTES: usize = 1024 * 1024;
}

/// What becomes of a message whose complement is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TooLarge {
    /// The message fails.
    #[default]
    Fail,
    /// It leaves without one, and its header says so.
    LeaveOut,
}

impl TooLarge {
    /// The words of the migration file.
    pub(crate) const ALL: [(&'static str, Self); 2] = [("fail", Self::Fail), ("leave_out", Self::LeaveOut)];
}

/// What became of the complement of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Complemented {
    /// It was kept.
    Kept,
    /// It was too large, and the message goes without it.
    LeftOut,
    /// It was put back, and the message is as it was before the upward migration.
    Restored,
}

impl Complemented {
    /// The word for it: `kept`, `left_out`, `restored`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::LeftOut => "left_out",
            Self::Restored => "restored",
        }
    }
}

/// One complement as it stands in the header: `orders@20:9f3ac41b7d02e6aa/0/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complement {
    /// What is behind the message that it belongs to.
    pub(crate) entry: Entry,
    /// How many transformations were behind the message that it leads back to.
    pub(crate) start: usize,
    /// The digest and the difference; none where it was left out.
    body: Option<Vec<u8>>,
}

impl Complement {
    /// The complement that leads from a message that leaves back to the one that came, `start` transformations earlier.
    ///
    /// # Errors
    /// The difference cannot be made.
    pub(crate) fn between(entry: Entry, start: usize, came: &Input, leaves: &Input) -> Result<Self, Failure> {
        let content = Former::between(came, leaves).to_bytes();
        let payload = leaves.payload.as_deref().unwrap_or_default();
        let mut complement = Self::left_out(entry, start);
        let mut body = complement.digest(leaves.payload.as_ref(), &content).to_vec();
        body.append(&mut difference::between(&content, payload).map_err(broken)?);
        complement.body = Some(body);
        Ok(complement)
    }

    /// The mark of one that was left out.
    pub(crate) const fn left_out(entry: Entry, start: usize) -> Self {
        Self {
            entry,
            start,
            body: None,
        }
    }

    /// The message that it leads back to, of the one that carries it. Headers that the chain did not touch stay as they are
    /// now. `None` where it was left out.
    ///
    /// # Errors
    /// Kind `complement`: it does not belong to this payload, or is not as it was made.
    pub(crate) fn undo(&self, now: &Input, limits: &Limits) -> Result<Option<Input>, Failure> {
        let Some((digest, difference)) = self
            .body
            .as_deref()
            .and_then(|body| body.split_at_checked(DIGEST))
        else {
            return Ok(None);
        };
        let payload = now.payload.as_deref().unwrap_or_default();
        // The payload is told apart from the complement first, since a difference from another payload is no text at all.
        let changed =
            "expected the complement of this message, found that of another payload or one that was changed";
        let content =
            difference::apply(difference, payload, most_content(limits)).map_err(|_| broken(changed))?;
        if self.digest(now.payload.as_ref(), &content)[..] != *digest {
            return Err(broken(changed));
        }
        let former = Former::of_bytes(&content).ok_or_else(|| broken(changed))?;
        Ok(Some(former.instead_of(now)))
    }

    /// What binds it to a payload, a chain and a part of the chain.
    fn digest(&self, payload: Option<&Bytes>, content: &[u8]) -> [u8; DIGEST] {
        let mut hasher = Sha256::new();
        hasher.update(format!("{}/{}/", self.entry, self.start));
        let payload = payload.map_or(&[][..], |bytes| bytes);
        hasher.update((payload.len() as u64).to_be_bytes());
        hasher.update(payload);
        hasher.update(content);
        hasher.finalize().into()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let entry = Entry::parse(parts.next()?).ok()?;
        let start = parts.next()?;
        let is_plain = start == "0" || !start.starts_with('0');
        let start = Some(start).filter(|text| is_plain && text.bytes().all(|byte| byte.is_ascii_digit()));
        let start: usize = start?.parse().ok()?;
        let body = match parts.next()? {
            LEFT_OUT => None,
            body => Some(BASE64.decode(body).ok().filter(|body| body.len() > DIGEST)?),
        };
        (start <= entry.count).then_some(Self { entry, start, body })
    }
}

impl std::fmt::Display for Complement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}/", self.entry, self.start)?;
        match &self.body {
            Some(body) => formatter.write_str(&BASE64.encode(body)),
            None => formatter.write_str(LEFT_OUT),
        }
    }
}

/// All complements of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Carried(Vec<Complement>);

impl Carried {
    /// Reads the header of a message; one without it carries none.
    ///
    /// # Errors
    /// Kind `complement`, where the header does not parse or stands twice.
    pub(crate) fn of(headers: &Headers) -> Result<Self, Failure> {
        let mut values = headers.iter().filter(|(name, _)| *name == COMPLEMENT_HEADER);
        let Some((_, value)) = values.next() else {
            return Ok(Self::default());
        };
        if values.next().is_some() {
            return Err(broken(format!(
                "expected one header `{COMPLEMENT_HEADER}`, found several"
            )));
        }
        let text = std::str::from_utf8(value).unwrap_or_default();
        let all: Option<Vec<_>> = text.split(',').map(Complement::parse).collect();
        let all = all.filter(|all| all.len() <= MOST_ENTRIES && !has_twins(all));
        all.map(Self).ok_or_else(|| {
            broken(format!(
                "expected complements in the header `{COMPLEMENT_HEADER}`, found another text"
            ))
        })
    }

    /// The complement of a migration.
    pub(crate) fn of_migration(&self, name: &str) -> Option<&Complement> {
        self.0.iter().find(|one| one.entry.name == name)
    }

    /// Replaces a migration's complement in its place, or appends it.
    ///
    /// # Errors
    /// Kind `complement`, for a 33rd.
    pub(crate) fn put(&mut self, complement: Complement) -> Result<(), Failure> {
        let is_full = self.0.len() == MOST_ENTRIES;
        match self
            .0
            .iter_mut()
            .find(|one| one.entry.name == complement.entry.name)
        {
            Some(one) => *one = complement,
            None if is_full => return Err(broken(format!("expected at most {MOST_ENTRIES} complements"))),
            None => self.0.push(complement),
        }
        Ok(())
    }

    /// Removes a migration's complement.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|one| one.entry.name != name);
    }

    /// Writes them into the headers; none are no header.
    pub(crate) fn write(&self, headers: &mut Headers) {
        if self.0.is_empty() {
            headers.remove(COMPLEMENT_HEADER);
            return;
        }
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        headers.set(COMPLEMENT_HEADER, all.join(","));
    }
}

/// Holds a complement against the chain that it says it belongs to.
///
/// # Errors
/// Kind `complement`: it is that of another chain.
pub(crate) fn judge_chain(entry: &Entry, hash: Option<Digest>, accepts: &[Entry]) -> Result<(), Failure> {
    match hash {
        Some(hash) if entry.hash != hash.short() && !accepts.contains(entry) => Err(broken(format!(
            "expected a complement of the chain {} behind {} transformations of `{}`, found one of {}",
            hash.short(),
            entry.count,
            entry.name,
            entry.hash
        ))),
        Some(_) | None => Ok(()),
    }
}

/// A failure of the kind `complement`.
pub(crate) fn broken(expected: impl Into<Box<str>>) -> Failure {
    Failure::new(FailureKind::Complement, expected)
}

fn has_twins(all: &[Complement]) -> bool {
    (1..all.len()).any(|index| {
        let (before, one) = (&all[..index], &all[index].entry.name);
        before.iter().any(|other| other.entry.name == *one)
    })
}

/// The most bytes that a message that comes back may have: a payload as large as one may be on arrival, and what is beside it.
const fn most_content(limits: &Limits) -> usize {
    limits.size.saturating_add(Complements::MOST_BYTES)
}
