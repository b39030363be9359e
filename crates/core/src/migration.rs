//! The migration engine: an ordered chain of declarative transformations, applied to one message at a time.
//!
//! Synchronous and deterministic: the same bytes, chain and headers give the same bytes on every machine. It names
//! no messaging system, opens no file and starts nothing; what it must read comes in through a resolver.
//!
//! A migration is loaded from texts ([`load`]) and then given messages ([`Migration::migrate`]). What a text may
//! say and what it means is written down, rule by rule, in `docs/formats.md`.

mod canonical;
mod chain;
mod complement;
mod condition;
mod context;
mod decimal;
pub mod document;
pub mod expression;
mod failure;
pub mod fused;
mod interpret;
mod invert;
mod limits;
pub mod load;
mod making;
mod op;
mod outcome;
pub mod path;
mod place;
mod proof;
mod record;
mod schema;
pub mod shape;
mod validation;
mod versions;

use std::sync::Arc;

use bytes::Bytes;

pub use chain::{Digest, Transformation};
pub use complement::{COMPLEMENT_HEADER, Complemented, Complements, TooLarge};
pub use context::{NoSecrets, Secrets};
pub use document::DuplicateNames;
pub use failure::{Blamed, Failure, FailureKind};
pub use interpret::{Disposition, Input, Migrated, Options, RecordMode, Step, Steps};
pub use invert::{NoWayBack, Undoing};
pub use limits::Limits;
pub use load::{Check, Status, Validation};
pub use op::Loss;
pub use outcome::{Change, Outcome, SkipReason};
pub use proof::{Followed, FollowedStep, Proof, ProvedSegment, ProvedStep};
pub use record::{Entry, MOST_ENTRIES, NotARecord, RECORD_HEADER, Record};
pub use schema::{
    Awaited, Codec, Framing, NoSchemas, Recognised, RegistryReference, RegistryVersion, Schema,
    SchemaCompiler, SchemaFormat, SchemaReference, Unmet,
};
pub use validation::Validated;
pub use versions::{SCHEMA_HEADER, Version, VersionBy};

use chain::Chain;
use load::lock::{self, Lock, Locked};
use load::{Draft, Resolver};
use making::Making;
use versions::Versions;

use crate::finding::Findings;
use crate::message::Headers;

/// An ordered chain of transformations, ready to be applied.
///
/// Immutable, and free to be shared between threads.
#[derive(Debug, Clone)]
pub struct Migration {
    name: Arc<str>,
    /// The name of its file below the root; of the chain that a downward migration takes back it is not known.
    entry: Arc<str>,
    description: Option<String>,
    direction: Direction,
    duplicate_names: DuplicateNames,
    versions: Versions,
    validations: Vec<Validation>,
    /// What is written down is performed even where nothing is left to do.
    validate_is_written: bool,
    accepts: Vec<Entry>,
    complements: Complements,
    chain: Chain,
}

/// Whether a migration goes on from the version that it knows, or takes another one back.
#[derive(Debug, Clone)]
pub enum Direction {
    /// It goes on.
    Up,
    /// It takes another migration back.
    Down {
        /// The migration that it takes back. Its records are read and written.
        of: Arc<Migration>,
        /// How many of its transformations are behind a message on arrival.
        from: usize,
        /// How many are behind it on leaving.
        to: usize,
    },
}

/// How a migration is loaded.
#[derive(Debug, Clone, Copy)]
pub struct LoadOptions<'a> {
    /// Whether the chain is compared with the lock file beside it, if there is one.
    pub lock: bool,
    /// What makes schemas of the references in the file.
    pub schemas: &'a dyn SchemaCompiler,
}

impl Default for LoadOptions<'_> {
    /// Lock files are used, and schemas are refused.
    fn default() -> Self {
        Self {
            lock: true,
            schemas: &NoSchemas,
        }
    }
}

/// A migration that was loaded, and what its author will want to know about it.
#[derive(Debug)]
pub struct Loaded {
    /// The migration.
    pub migration: Migration,
    /// Warnings, and no errors.
    pub warnings: Findings,
}

impl Migration {
    /// Reads a migration, or a bare transformation file as one, with all files that it points to.
    ///
    /// `entry` is its name below the root of the resolver.
    ///
    /// # Errors
    /// Everything that is wrong in all files, warnings included.
    pub fn load(entry: &str, resolver: &dyn Resolver, options: &LoadOptions<'_>) -> Result<Loaded, Findings> {
        let mut findings = Findings::new();
        let draft = load::faulty_draft(entry, resolver, &mut findings);
        let Some(draft) = draft else {
            return Err(findings);
        };
        let is_faulty = findings.has_errors();
        let mut making = Making {
            resolver,
            options,
            findings: &mut findings,
        };
        if is_faulty {
            making.judge_schemas(&draft);
            return Err(findings);
        }
        let mut migration = Self::new(draft, &mut making);
        migration.entry = entry.into();
        if options.lock {
            let places: Vec<_> = migration
                .transformations()
                .iter()
                .map(|one| one.place().clone())
                .collect();
            lock::check(
                entry,
                &migration.lock(),
                &places,
                &migration.accepts,
                resolver,
                &mut findings,
            );
        }
        if findings.has_errors() {
            return Err(findings);
        }
        Ok(Loaded {
            migration,
            warnings: findings,
        })
    }

    /// A migration as its files state it.
    fn new(draft: Draft, making: &mut Making<'_>) -> Self {
        let versions = making.versions(&draft);
        let transformations = draft
            .transformations
            .into_iter()
            .map(Transformation::new)
            .collect();
        let direction = match draft.direction {
            load::Direction::Up => Direction::Up,
            load::Direction::Down { of, from, to } => Direction::Down {
                of: Arc::new(Self::new(*of, making)),
                from,
                to,
            },
        };
        Self {
            accepts: draft.accepts,
            complements: draft.complements,
            chain: Chain::new(&draft.name, transformations),
            name: draft.name.into(),
            entry: Arc::default(),
            description: draft.description,
            direction,
            duplicate_names: draft.duplicate_names,
            versions,
            validations: draft.validations,
            validate_is_written: draft.validate_is_written,
        }
    }

    /// The chain as a lock file states it.
    #[must_use]
    pub fn lock(&self) -> Lock {
        let locked = |one: &Transformation| Locked {
            id: one.id().to_owned(),
            digest: one.digest(),
        };
        Lock {
            migration: self.name.to_string(),
            transformations: self.transformations().iter().map(locked).collect(),
        }
    }

    /// The name, under which records speak of it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its author wrote about it.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether it goes on or takes another one back.
    #[must_use]
    pub const fn direction(&self) -> &Direction {
        &self.direction
    }

    /// Whether messages with duplicate names are refused.
    #[must_use]
    pub const fn duplicate_names(&self) -> DuplicateNames {
        self.duplicate_names
    }

    /// The checks before the first and behind the last transformation.
    #[must_use]
    pub fn validations(&self) -> &[Validation] {
        &self.validations
    }

    /// The versions of its messages, in the order of the chain; `from` and `to` where they have no names of their own.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions.all
    }

    /// What a registry must be asked for before a message with this payload can be migrated; without a payload, before
    /// any can. `None`: nothing, or nothing more.
    ///
    /// A caller fetches what is named and asks again.
    #[must_use]
    pub fn awaits(&self, payload: Option<&Bytes>) -> Option<Awaited> {
        self.versions.awaits(payload)
    }

    /// Older records that are taken for a prefix of this chain.
    #[must_use]
    pub fn accepts(&self) -> &[Entry] {
        &self.accepts
    }

    /// Whether it keeps complements, or requires them.
    #[must_use]
    pub const fn complements(&self) -> Complements {
        self.complements
    }

    /// The transformations, in the order in which they are applied.
    #[must_use]
    pub fn transformations(&self) -> &[Transformation] {
        self.chain.transformations()
    }

    /// How many transformations there are.
    #[must_use]
    pub fn length(&self) -> usize {
        self.chain.transformations().len()
    }

    /// The hash of the first `count` transformations; `None` beyond the end.
    #[must_use]
    pub fn chain_hash(&self, count: usize) -> Option<Digest> {
        self.chain.hash(count)
    }

    /// The headers of a message that is known by its document alone: for a downward migration the record that it expects,
    /// since a document without one counts as one that has nothing to be taken back. Other migrations presume nothing.
    #[must_use]
    pub fn presumed_headers(&self) -> Headers {
        let Direction::Down { of, from, .. } = &self.direction else {
            return Headers::new();
        };
        match of.chain_hash(*from) {
            Some(hash) => {
                let record = Entry::new(of.name(), *from, hash).to_string();
                [(RECORD_HEADER, record)].into_iter().collect()
            }
            None => Headers::new(),
        }
    }

    /// The whole chain as `name@length:hash`.
    #[must_use]
    pub fn chain_id(&self) -> String {
        match self.chain.hash(self.length()) {
            Some(hash) => format!("{}@{}:{}", self.name, self.length(), hash.short()),
            None => self.name.to_string(),
        }
    }
}
