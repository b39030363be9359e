//! The clock of the runtime that a scenario runs in.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use dunlin_core::clock::Clock;
use futures_util::future::BoxFuture;

/// Tells tokio's time, so that `start_paused` tests own it, and a time of day that a test can move.
///
/// The router has a clock of its own; this crate cannot use it, since the router is tested with this crate.
#[derive(Debug, Default)]
pub struct RuntimeClock {
    /// Seconds by which the time of day was moved.
    moved: AtomicI64,
}

impl RuntimeClock {
    /// The clock of whatever runtime it is asked in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the time of day this many seconds, forward or back. No sleep ends by it.
    pub fn jump(&self, seconds: i64) {
        self.moved.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        let moved = self.moved.load(Ordering::Relaxed);
        let by = Duration::from_secs(moved.unsigned_abs());
        if moved < 0 {
            SystemTime::now() - by
        } else {
            SystemTime::now() + by
        }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
