//! The contract of a messaging system, and the migration engine.

pub mod finding;
