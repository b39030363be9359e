//! The suite, tried with the in-process system and with systems that break the contract on purpose.

#[path = "it/memory.rs"]
mod memory;
