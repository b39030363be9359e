//! How long to wait before something is tried again: twice as long each time, up to a cap.
//!
//! There is no randomness in it. A route is one task that tries one thing at a time, so there is no herd to scatter, and a
//! test that owns the clock knows each pause.

use std::time::{Duration, Instant};

use crate::plan::RetryPlan;

/// The pauses between attempts at one thing.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    cap: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses as the plan has them.
    pub(crate) fn new(plan: &RetryPlan) -> Self {
        Self {
            first: plan.first.min(plan.cap),
            cap: plan.cap,
            next: plan.first.min(plan.cap),
        }
    }

    /// When to try again after a failure at this moment; the next pause is twice as long.
    pub(crate) fn after(&mut self, now: Instant) -> Instant {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.cap);
        now + pause
    }

    /// It worked: the next pause is the first again.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_twice_as_long_as_the_one_before_up_to_the_cap() {
        let plan = RetryPlan {
            first: Duration::from_millis(100),
            cap: Duration::from_millis(350),
            attempts: None,
        };
        let mut backoff = Backoff::new(&plan);
        let now = Instant::now();
        let pauses: Vec<_> = (0..4).map(|_| (backoff.after(now) - now).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        backoff.reset();
        assert_eq!((backoff.after(now) - now).as_millis(), 100);
    }
}
