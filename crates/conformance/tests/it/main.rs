//! The suite, tried with the in-process system and with systems that break the contract on purpose; and the hostile system.
#![allow(clippy::unwrap_used, reason = "these are tests throughout, their helpers too")]

mod broken;
mod guarded;
mod hostile;
mod memory;
