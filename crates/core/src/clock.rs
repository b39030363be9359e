//! Time, handed in, so that tests own it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use event_listener::Event;
use futures_util::future::BoxFuture;

/// Tells and waits for time. Timers use [`Clock::now`] alone: a wall clock that is set back must not move them.
pub trait Clock: fmt::Debug + Send + Sync {
    /// A point of time that never goes back.
    fn now(&self) -> Instant;

    /// The time of day, for people and for records.
    fn wall(&self) -> SystemTime;

    /// Ends when this much time has passed, counted from this call, not from the first poll.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A clock that stands still until a test moves it. A clone is the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Manual>);

#[derive(Debug)]
struct Manual {
    start: Instant,
    time: Mutex<Time>,
    moved: Event,
}

#[derive(Debug)]
struct Time {
    passed: Duration,
    wall: SystemTime,
}

impl ManualClock {
    /// A clock whose time of day is 2020-09-13T12:26:40Z, so that records made with it are the same on every machine.
    pub fn new() -> Self {
        Self(Arc::new(Manual {
            start: Instant::now(),
            time: Mutex::new(Time {
                passed: Duration::ZERO,
                wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000),
            }),
            moved: Event::new(),
        }))
    }

    /// Lets this much time pass, and wakes everyone whose sleep is over.
    pub fn advance(&self, duration: Duration) {
        let mut time = self.0.time();
        time.passed += duration;
        time.wall += duration;
        drop(time);
        self.0.moved.notify(usize::MAX);
    }

    /// Sets the time of day alone, as an operator or a time server does; no sleep ends by it.
    pub fn set_wall(&self, wall: SystemTime) {
        self.0.time().wall = wall;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Manual {
    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.0.start + self.0.time().passed
    }

    fn wall(&self) -> SystemTime {
        self.0.time().wall
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = Arc::clone(&self.0);
        let end = clock.time().passed.saturating_add(duration);
        Box::pin(async move {
            loop {
                // Listening begins before the look at the time, else a move between the two would be missed.
                let moved = clock.moved.listen();
                if clock.time().passed >= end {
                    return;
                }
                moved.await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_sleep_ends_when_its_time_was_moved_past_and_not_before() {
        let clock = ManualClock::new();
        let mut sleep = clock.sleep(Duration::from_secs(2));
        clock.advance(Duration::from_secs(1));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!((&mut sleep).now_or_never().is_some());
    }

    #[test]
    fn setting_the_time_of_day_ends_no_sleep() {
        let clock = ManualClock::new();
        let before = clock.now();
        let sleep = clock.sleep(Duration::from_secs(1));
        clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40));
        assert!(sleep.now_or_never().is_none());
        assert_eq!(clock.now(), before);
    }
}
