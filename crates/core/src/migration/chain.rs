//! Transformations in their order, their digests, and the hash that stands for a prefix of them.
//!
//! The hash of n transformations is made of the name of the migration and their digests alone. Two routers that
//! agree on it agree on what was done to a message, wherever their files lie and however they are formatted.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::finding::Place;
use crate::migration::canonical::Canonical;
use crate::migration::load::{self, Status};
use crate::migration::op::Op;
use crate::migration::path::Path;
use crate::migration::record::{Entry, RECORD_HEADER};

/// A SHA-256 digest. Prints as 64 digits of lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest that these 64 hexadecimal digits stand for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The first 16 digits, as they stand in records.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..8])
    }

    /// The hash of a chain that is longer by one transformation.
    #[must_use]
    pub fn followed_by(&self, next: &Self) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(next.0);
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({})", self.short())
    }
}

/// One transformation of a migration: an operation with its id and its condition.
#[derive(Debug, Clone)]
pub struct Transformation {
    id: String,
    description: Option<String>,
    status: Status,
    place: Place,
    canonical: String,
    digest: Digest,
    /// What it does.
    pub(crate) action: load::Transformation,
}

impl Transformation {
    /// A transformation as a file states it.
    pub(crate) fn new(entry: load::Entry) -> Self {
        let canonical = canonical(&entry.transformation);
        Self {
            id: entry.id,
            description: entry.description,
            status: entry.status,
            place: entry.place,
            digest: Digest::of(canonical.as_bytes()),
            canonical,
            action: entry.transformation,
        }
    }

    /// The id, unique in its migration.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What its author wrote about it.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The word of its operation, such as `rename`.
    #[must_use]
    pub const fn operation(&self) -> &'static str {
        self.action.step.op.name()
    }

    /// The names of the secrets that it needs, those of the operations inside of it included.
    #[must_use]
    pub fn secrets(&self) -> Vec<&str> {
        self.op().secrets()
    }

    /// The header or the key that it writes to, if it does; with a target that has neither, that is lost.
    #[must_use]
    pub fn beside_payload(&self) -> Option<Path> {
        self.op().beside_payload()
    }

    /// Whether the migration declares it as applied to all incoming messages, so that it is skipped.
    #[must_use]
    pub fn flagged(&self) -> bool {
        self.status == Status::Applied
    }

    /// Where it was written.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Its canonical JSON: what the digest is made of.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// SHA-256 of its canonical JSON.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The operation.
    pub(crate) const fn op(&self) -> &Op {
        &self.action.step.op
    }
}

/// What a transformation does, as canonical JSON.
pub(crate) fn canonical(action: &load::Transformation) -> String {
    let mut out = Canonical::new();
    action.step.canonical(&mut out);
    if let Some(when) = &action.when {
        out.text("when", when.text());
    }
    out.finish()
}

/// An ordered list of transformations, with the hash of each of its prefixes.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    transformations: Vec<Transformation>,
    /// One more than there are transformations: the first is the hash of none.
    hashes: Vec<Digest>,
    /// The record of a message behind which all of them are, and nothing else.
    record: (Arc<str>, Bytes),
}

impl Chain {
    pub(crate) fn new(name: &str, transformations: Vec<Transformation>) -> Self {
        let mut hash = Digest::of(name.as_bytes());
        let mut hashes = vec![hash];
        for transformation in &transformations {
            hash = hash.followed_by(&transformation.digest());
            hashes.push(hash);
        }
        let entry = Entry::new(name, transformations.len(), hash).to_string();
        Self {
            transformations,
            hashes,
            record: (RECORD_HEADER.into(), entry.into()),
        }
    }

    /// The header that says that the whole chain is behind a message, and nothing else. It is the same for most messages, so
    /// it is written once.
    pub(crate) fn whole_record(&self) -> (Arc<str>, Bytes) {
        self.record.clone()
    }

    pub(crate) fn transformations(&self) -> &[Transformation] {
        &self.transformations
    }

    /// The hash of the first `count` transformations; `None` beyond the end.
    pub(crate) fn hash(&self, count: usize) -> Option<Digest> {
        self.hashes.get(count).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Findings;

    /// The worked example of the formats page, section 7.
    #[test]
    fn digests_and_chain_hashes_are_those_of_the_worked_example() {
        let file = r#"{"transformations": [
            {"remove": "name"},
            {"value": "ES", "add": "country"},
            {"modify": "city", "value": "New York"}
        ]}"#;
        let resolver = load::MemoryResolver::new().with("customers.json", file);
        let draft = load::draft("customers.json", &resolver, &mut Findings::new()).unwrap();
        let transformations: Vec<_> = draft
            .transformations
            .into_iter()
            .map(Transformation::new)
            .collect();
        let canonical: Vec<_> = transformations.iter().map(Transformation::canonical).collect();
        assert_eq!(
            canonical,
            [
                r#"{"remove":"name"}"#,
                r#"{"add":"country","value":"ES"}"#,
                r#"{"modify":"city","value":"New York"}"#
            ]
        );
        let digests: Vec<_> = transformations.iter().map(|one| one.digest().short()).collect();
        assert_eq!(
            digests,
            ["79038d38c2ffbed3", "6da44ef428c5d8e8", "74194d59a862b199"]
        );
        let chain = Chain::new(&draft.name, transformations);
        let hashes: Vec<_> = (0..=3).map(|count| chain.hash(count).unwrap().short()).collect();
        assert_eq!(
            hashes,
            [
                "21eb2153dd1483cd",
                "795dc1fcef92a6c5",
                "6d0aba640b7dc560",
                "300a90e4ff155f76"
            ]
        );
        assert_eq!(chain.hash(4), None);
    }
}
