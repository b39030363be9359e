//! What is measured: documents with a chain.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use dunlin_core::message::Headers;
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{LoadOptions, Migration};
use serde_json::value::RawValue;

use crate::chains::Chain;
use crate::documents::Kind;

/// The chains whose lengths are compared.
pub(crate) const LENGTHS: [usize; 3] = [1, 5, 20];

/// The name of the case whose chain has conditions.
pub(crate) const GUARDED: &str = "guarded";
/// The name of the case with real messages and twenty operations that the rivals know.
pub(crate) const WEBHOOKS: &str = "webhooks";
/// The name of the case with real messages and a migration that is not written for a benchmark.
pub(crate) const MIGRATION: &str = "migration";

/// Documents with a chain.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How many operations the chain has.
    pub(crate) operations: usize,
    /// The chain, for others who do the same.
    pub(crate) chain: String,
    pub(crate) migration: Migration,
    pub(crate) messages: Vec<(Bytes, Headers)>,
}

impl Case {
    /// Documents of a kind with the first operations of a chain.
    pub(crate) fn of(kind: Kind, operations: usize) -> Result<Self> {
        Self::made(kind.name(), kind, kind.chain(), operations)
    }

    /// The case of this name; the kinds of documents have twenty operations.
    pub(crate) fn named(name: &str, operations: usize) -> Result<Self> {
        match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) => Self::of(kind, operations),
            None if name == GUARDED => Self::guarded(),
            None => bail!("expected the name of a document, found `{name}`"),
        }
    }

    /// Nested documents with a chain that has conditions.
    pub(crate) fn guarded() -> Result<Self> {
        Self::made(GUARDED, Kind::Nested, Chain::Guarded, 20)
    }

    fn made(name: &'static str, kind: Kind, chain: Chain, operations: usize) -> Result<Self> {
        let chain = chain.file(operations);
        let resolver = MemoryResolver::new().with("chain.json", chain.clone());
        Ok(Self {
            name,
            operations,
            migration: load("chain.json", &resolver)?,
            chain,
            messages: kind
                .documents()
                .into_iter()
                .map(|document| (Bytes::from(document), Headers::new()))
                .collect(),
        })
    }

    /// Real messages with twenty operations.
    pub(crate) fn webhooks(data: &Path) -> Result<Self> {
        let chain = Chain::Webhooks.file(20);
        let resolver = MemoryResolver::new().with("chain.json", chain.clone());
        Ok(Self {
            name: WEBHOOKS,
            operations: 20,
            migration: load("chain.json", &resolver)?,
            chain,
            messages: messages(data)?,
        })
    }

    /// Real messages with the migration of the example `config/webhooks`.
    pub(crate) fn migration(config: &Path, data: &Path) -> Result<Self> {
        let migration = load("webhooks.yaml", &texts(config, "", MemoryResolver::new())?)?;
        Ok(Self {
            name: MIGRATION,
            operations: migration.length(),
            chain: String::new(),
            migration,
            messages: messages(data)?,
        })
    }

    /// Bytes of a message, on average.
    pub(crate) fn bytes(&self) -> usize {
        self.messages
            .iter()
            .map(|(document, _)| document.len())
            .sum::<usize>()
            / self.messages.len()
    }
}

fn load(name: &str, resolver: &MemoryResolver) -> Result<Migration> {
    match Migration::load(name, resolver, &LoadOptions::default()) {
        Ok(loaded) => Ok(loaded.migration),
        Err(findings) => bail!("the chain does not load:\n{}", findings.render()),
    }
}

fn messages(data: &Path) -> Result<Vec<(Bytes, Headers)>> {
    let text = std::fs::read_to_string(data).with_context(|| format!("{} cannot be read", data.display()))?;
    text.lines().map(message).collect()
}

/// The files of a folder, and of those in it.
fn texts(folder: &Path, prefix: &str, mut resolver: MemoryResolver) -> Result<MemoryResolver> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry.context("a folder cannot be listed")?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        resolver = if path.is_dir() {
            texts(&path, &format!("{name}/"), resolver)?
        } else {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            resolver.with(&name, text)
        };
    }
    Ok(resolver)
}

/// A line of `{"headers":…,"payload":…}`.
fn message(line: &str) -> Result<(Bytes, Headers)> {
    let wrong = "the messages are not as expected";
    let line: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).context(wrong)?;
    let payload = line.get("payload").context(wrong)?;
    let names: BTreeMap<String, String> =
        serde_json::from_str(line.get("headers").context(wrong)?.get()).context(wrong)?;
    let mut headers = Headers::new();
    for (name, value) in names {
        headers.append(name, value.into_bytes());
    }
    Ok((Bytes::copy_from_slice(payload.get().as_bytes()), headers))
}
