//! The integration tests of the crate, in one binary.

mod engines;
mod golden;
mod laws;
mod load;
mod payloads;
mod rules;
mod source;
