//! The adapter against a real broker.

mod conformance;
