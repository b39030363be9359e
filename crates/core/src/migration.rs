//! The migration engine: an ordered chain of declarative transformations, applied to one message at a time.
//!
//! Synchronous and deterministic: the same bytes, chain and headers give the same bytes on every machine. It names
//! no messaging system, opens no file and starts nothing; what it must read comes in through a resolver.

mod canonical;
mod condition;
mod context;
mod decimal;
pub mod document;
pub mod expression;
mod failure;
mod limits;
pub mod load;
mod op;
mod outcome;
pub mod path;
mod place;

pub use context::{NoSecrets, Secrets};
pub use failure::{Blamed, Failure, FailureKind};
pub use limits::Limits;
pub use op::Loss;
pub use outcome::{Change, Outcome, SkipReason};
