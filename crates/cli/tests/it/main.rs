//! The command as people and programs see it: what it prints, where, and how it ends.

// Helpers of tests are not inside a `#[test]`, where unwrapping and printing are allowed: a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod filter;
mod machine;
mod real;
mod schema;
mod signals;
mod transcripts;
