//! Time, handed in, so that tests own it.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use futures_util::future::BoxFuture;

/// Tells and waits for time. Timers use [`Clock::now`] alone: a wall clock that is set back must not move them.
pub trait Clock: fmt::Debug + Send + Sync {
    /// A point of time that never goes back.
    fn now(&self) -> Instant;

    /// The time of day, for people and for records.
    fn wall(&self) -> SystemTime;

    /// Ends when this much time has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
