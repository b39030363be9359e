//! From a configuration to running routes: what was typed, what it means, and the loop that does it.
//!
//! A library, so that another program can run routes, too. It knows no messaging system by name: what it must know it
//! asks of the system's capabilities.

pub mod address;
pub mod config;
pub mod plan;
pub mod secrets;
pub mod tokio_clock;

pub use plan::{Plan, RoutePlan};
