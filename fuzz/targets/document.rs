//! Any bytes as a document, through chains that are known. The first byte chooses the chain.
//!
//! `cargo +nightly fuzz run document`; the same function is run by the tests of `dunlin-core` on any compiler.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/core/tests/it/engines/agreement.rs"]
mod agreement;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| agreement::document(bytes));
