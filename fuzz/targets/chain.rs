//! Any bytes as a chain, a line feed and a document.
//!
//! `cargo +nightly fuzz run chain`; the same function is run by the tests of `dunlin-core` on any compiler.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/core/tests/it/engines/agreement.rs"]
mod agreement;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agreement::chain(bytes));
