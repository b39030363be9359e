//! A chain compiled into one pass over the bytes of a message.
//!
//! A [`Program`] is made of a migration once; a [`Worker`] takes messages through it, one after the other, with buffers of
//! its own. Every result is that of the reference interpreter: the same bytes (white space aside), the same outcomes, the
//! same failures. What makes that cheap to be sure of is that the pass never fails a message by itself. Where it finds
//! anything that it has no exact answer for (a failure of any kind, a name that stands twice, a conflict, an escape in a
//! name that matters), it hands the message back, and the interpreter takes it from the start.
//!
//! See `docs/decisions/fused-engine.md` for what is fused and why it is done this way.

mod ask;
pub(crate) mod buffer;
mod compile;
mod course;
mod names;
mod pass;
mod plan;
mod rules;
mod scan;
mod shapes;
mod simd;
#[cfg(test)]
mod tests;
mod wanted;
mod worker;

use std::fmt;
use std::sync::Arc;

use super::{DuplicateNames, Migration};

pub use shapes::ShapeCounts;
pub use worker::{Fused, Handoffs, Worker};

/// The pass has no exact answer: the interpreter takes the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Handed;

/// Which engine takes messages through a migration. Both give the same results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The chain compiled into one pass, with the interpreter behind it.
    #[default]
    Fused,
    /// The reference interpreter alone, operation by operation.
    Interpreter,
}

impl Engine {
    /// The words of the command line.
    pub const ALL: [(&'static str, Self); 2] = [("fused", Self::Fused), ("interpreter", Self::Interpreter)];
}

/// Why a transformation keeps its chain from being fused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfused {
    /// Its position in the chain, from 0.
    pub index: usize,
    /// Its id.
    pub id: String,
    /// What it needs that only the interpreter knows.
    pub reason: String,
}

impl fmt::Display for Unfused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.id, self.reason)
    }
}

/// A migration with its chain compiled, where that can be done. Immutable, and free to be shared between threads.
#[derive(Debug)]
pub struct Program {
    migration: Arc<Migration>,
    whole: Option<&'static str>,
    unfused: Vec<Unfused>,
    /// The names of the secrets that the chain needs.
    secrets: Vec<String>,
}

impl Program {
    /// Compiles a migration. This always succeeds: a chain that cannot be fused is taken by the interpreter.
    #[must_use]
    pub fn compile(migration: Arc<Migration>) -> Self {
        let whole = if migration.duplicate_names == DuplicateNames::Reject {
            Some("`duplicate_names: reject` compares the names of every object")
        } else if migration.versions.all.is_empty() {
            None
        } else {
            Some("its schemas read or check the document as a whole")
        };
        let unfused = if whole.is_some() {
            Vec::new()
        } else {
            compile::unfused(migration.transformations())
        };
        let named = unfused.into_iter().map(|(index, reason)| Unfused {
            index,
            id: migration.transformations()[index].id().to_owned(),
            reason: reason.0,
        });
        let unfused = named.collect();
        let secrets = migration.transformations().iter().flat_map(|one| one.secrets());
        let secrets = secrets.map(str::to_owned).collect();
        Self {
            secrets,
            migration,
            whole,
            unfused,
        }
    }

    /// The migration.
    #[must_use]
    pub const fn migration(&self) -> &Arc<Migration> {
        &self.migration
    }

    /// Whether messages that have nothing behind them are taken by the fused pass.
    #[must_use]
    pub fn is_fused(&self) -> bool {
        self.whole.is_none() && self.unfused.is_empty()
    }

    /// The transformations that keep the chain from being fused.
    #[must_use]
    pub fn unfused(&self) -> &[Unfused] {
        &self.unfused
    }

    /// What about the migration as a whole keeps its chain from being fused, if anything does.
    #[must_use]
    pub const fn unfused_as_a_whole(&self) -> Option<&'static str> {
        self.whole
    }
}

/// Checks that bytes are a document, by the same strict reader as the fused pass and nothing else: what a pass costs before it
/// does anything.
#[must_use]
pub fn is_document(bytes: &[u8], limits: &super::Limits) -> bool {
    simdutf8::basic::from_utf8(bytes).is_ok() && scan::Scanner::new(bytes, limits.depth()).document().is_ok()
}

/// The code path that is taken for long strings on this machine: `avx2`, `sse2`, `neon` or `scalar`.
#[must_use]
pub fn instructions() -> &'static str {
    simd::path()
}
