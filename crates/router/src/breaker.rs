//! Stops a route whose messages fail one after the other, before a bad chain drains the source into the dead letter.
//!
//! It counts messages, not time, and judges nothing but the two bounds of the plan. It never closes again: a person looks
//! first.

use std::collections::VecDeque;

use crate::plan::Breaker;

/// Watches the fate of each message of a route.
#[derive(Debug)]
pub(crate) struct FailureWatch {
    bounds: Breaker,
    row: u32,
    /// The last messages, the oldest first: whether each failed.
    recent: VecDeque<bool>,
    failed: usize,
}

/// Why the breaker stopped the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Tripped {
    /// So many messages failed one after the other.
    #[error("{0} messages in a row failed")]
    Row(u32),
    /// So many of the last messages failed.
    #[error("{failed} of the last {of} messages failed")]
    Share {
        /// Messages that failed.
        failed: usize,
        /// Messages that were looked at.
        of: usize,
    },
}

impl FailureWatch {
    pub(crate) fn new(bounds: Breaker) -> Self {
        Self {
            bounds,
            row: 0,
            recent: VecDeque::with_capacity(Breaker::SPAN),
            failed: 0,
        }
    }

    /// A message was dealt with as it should be.
    pub(crate) fn passed(&mut self) {
        self.row = 0;
        self.record(false);
    }

    /// A message failed: is it one too many?
    pub(crate) fn failed(&mut self) -> Option<Tripped> {
        self.row += 1;
        self.record(true);
        if self.bounds.row.is_some_and(|most| self.row >= most) {
            return Some(Tripped::Row(self.row));
        }
        let of = self.recent.len();
        // The counts are at most `SPAN`, which a double holds exactly.
        #[allow(clippy::cast_precision_loss)]
        let share = self.failed as f64 / Breaker::SPAN as f64;
        (of == Breaker::SPAN && self.bounds.share.is_some_and(|most| share >= most)).then_some(
            Tripped::Share {
                failed: self.failed,
                of,
            },
        )
    }

    fn record(&mut self, failed: bool) {
        if self.recent.len() == Breaker::SPAN && self.recent.pop_front() == Some(true) {
            self.failed -= 1;
        }
        self.recent.push_back(failed);
        self.failed += usize::from(failed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Breaker = Breaker {
        row: Some(100),
        share: Some(0.5),
    };

    #[test]
    fn the_hundredth_failure_in_a_row_stops_and_one_success_begins_the_row_anew() {
        let mut watch = FailureWatch::new(BOTH);
        for _ in 0..99 {
            assert_eq!(watch.failed(), None);
        }
        watch.passed();
        for _ in 0..99 {
            assert_eq!(watch.failed(), None);
        }
        assert_eq!(watch.failed(), Some(Tripped::Row(100)));
    }

    #[test]
    fn half_of_the_last_thousand_stops_and_not_before_a_thousand_were_seen() {
        let mut watch = FailureWatch::new(BOTH);
        for _ in 0..499 {
            assert_eq!(watch.failed(), None);
            watch.passed();
        }
        watch.passed();
        assert_eq!(
            watch.failed(),
            Some(Tripped::Share {
                failed: 500,
                of: 1_000
            })
        );
    }

    #[test]
    fn old_failures_are_forgotten() {
        let mut watch = FailureWatch::new(Breaker { row: None, ..BOTH });
        for _ in 0..499 {
            assert_eq!(watch.failed(), None);
        }
        for _ in 0..1_000 {
            watch.passed();
        }
        for _ in 0..499 {
            assert_eq!(watch.failed(), None);
        }
        assert!(watch.failed().is_some());
    }

    #[test]
    fn a_breaker_that_is_off_stops_nothing() {
        let mut watch = FailureWatch::new(Breaker {
            row: None,
            share: None,
        });
        assert!((0..5_000).all(|_| watch.failed().is_none()));
    }
}
