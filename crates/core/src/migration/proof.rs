//! The proof of a chain: it is run over the shapes of its schemas, before there is any message.
//!
//! An error is what fails for every message that fits the schema; a warning is what fails for some that the schema
//! declares, or does nothing for any. What hangs on the text of a value is a note, and what cannot be followed (the result
//! of an expression, a part of which a schema says nothing) is said to be undecided: it is checked when messages come.
//! Nothing is promised for documents in which a name stands twice.

mod aim;
mod chain;
mod nearest;
mod objects;
mod presence;
mod prover;
mod report;
mod search;
mod settle;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use aim::{Way, object as object_node};
pub use chain::{Followed, FollowedStep};
pub(crate) use prover::{After, Prover, Seen};
pub use report::{Proof, ProvedSegment, ProvedStep};
pub(crate) use settle::Converted;
pub(crate) use walk::named;
