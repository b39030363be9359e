//! The migration engine: an ordered chain of declarative transformations, applied to one message at a time.
//!
//! Synchronous and deterministic: the same bytes, chain and headers give the same bytes on every machine. It names
//! no messaging system, opens no file and starts nothing; what it must read comes in through a resolver.

pub mod document;
pub mod expression;
pub mod load;
pub mod path;
