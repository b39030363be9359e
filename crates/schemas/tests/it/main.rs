//! The schema languages against what others wrote.

// Helpers of tests are not inside a `#[test]`, where unwrapping is allowed: a panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod avro;
mod avro_guide;
mod json_schema;
mod protobuf_conformance;
mod registry;
