//! The suite, tried with the in-process system and with systems that break the contract on purpose; and the hostile system.

mod hostile;
mod memory;
