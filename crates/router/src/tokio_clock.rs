//! The clock of the running program.

use std::time::{Duration, Instant, SystemTime};

use dunlin_core::clock::Clock;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// Time as the operating system and the tokio runtime tell it. Its sleep needs a runtime with timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        // Through tokio, so that a paused clock of a test moves this one, too.
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}
