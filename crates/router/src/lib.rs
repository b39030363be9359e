//! From a configuration to running routes: what was typed, what it means, and the loop that does it.
//!
//! A library, so that another program can run routes, too. It knows no messaging system by name: what it must know it
//! asks of the system's capabilities.

pub mod address;
pub mod breaker;
pub mod check;
pub mod config;
pub mod dead_letter;
mod dry_run;
pub mod fail_points;
pub mod files;
mod limit;
pub mod online;
pub mod plan;
pub mod progress;
pub mod registries;
pub mod report;
mod retry;
pub mod route;
pub mod runner;
pub mod secrets;
mod sessions;
pub mod shutdown;
pub mod tokio_clock;

pub use plan::{Plan, RoutePlan};
pub use route::{Ended, RouteError};
pub use runner::Runner;
