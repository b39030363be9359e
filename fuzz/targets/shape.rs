//! Any bytes as two documents, through chains that are known: one is learned from, the other is met with what was learned. The
//! first byte chooses the chain.
//!
//! `cargo +nightly fuzz run shape`; the same function is run by the tests of `dunlin-core` on any compiler.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/core/tests/it/engines/agreement.rs"]
mod agreement;

use std::cell::RefCell;

use agreement::Both;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static CHAINS: RefCell<Vec<Both>> = RefCell::new(
        include_str!("../../crates/core/tests/it/engines/chains.ndjson")
            .lines()
            .map(|chain| Both::load(chain).expect("a chain that loads"))
            .collect(),
    );
}

fuzz_target!(|bytes: &[u8]| CHAINS.with_borrow_mut(|chains| agreement::taught(bytes, chains)));
