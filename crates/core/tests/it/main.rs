//! The integration tests of the crate, in one binary.

mod golden;
mod load;
mod rules;
mod source;
