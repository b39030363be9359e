//! The two ideas of Dunlin: the contract of a messaging system, and the migration engine.
//!
//! This crate names no broker, starts no runtime and does no input or output. The contract ([`messaging`]) and the engine
//! ([`migration`]) do not know each other; both know what a [`message`] is.

pub mod capability;
pub mod carried;
pub mod clock;
pub mod container;
pub mod envelope;
pub mod error;
pub mod finding;
pub mod ledger;
pub mod memory;
pub mod message;
pub mod messaging;
pub mod migration;
pub mod position;
pub mod reconnect;
pub mod registry;
pub mod settings;
pub mod source;

pub use capability::{Capabilities, HeaderValues, Limits};
pub use error::{Class, Error, ErrorKind, Result};
pub use message::{Headers, Message, Properties, PropertyValues};
