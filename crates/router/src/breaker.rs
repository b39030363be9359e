//! Stops a route whose messages fail one after the other, before a bad chain drains the source into the dead letter.
//!
//! It counts messages, not time, and judges nothing but the two bounds of the plan. It never closes again: a person looks
//! first.

use std::collections::VecDeque;

use crate::plan::Breaker;

/// Where a message passed or failed. Each has a row of its own: the answers of a target come later than the judgements of
/// a migration, so that between two failures of one there may be any number of successes of the other.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Before anything was sent.
    Judged,
    /// At the end of its way.
    Finished,
}

/// Watches the fate of each message of a route.
#[derive(Debug)]
pub(crate) struct FailureWatch {
    bounds: Breaker,
    rows: [u32; 2],
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
            rows: [0; 2],
            recent: VecDeque::with_capacity(Breaker::SPAN),
            failed: 0,
        }
    }

    /// A message passed this stage; only the last one says what became of it.
    pub(crate) fn passed(&mut self, stage: Stage) {
        self.rows[stage as usize] = 0;
        match stage {
            Stage::Judged => {}
            Stage::Finished => self.record(false),
        }
    }

    /// A message failed at this stage: is it one too many?
    pub(crate) fn failed(&mut self, stage: Stage) -> Option<Tripped> {
        let row = &mut self.rows[stage as usize];
        *row = row.saturating_add(1);
        let row = *row;
        self.record(true);
        if self.bounds.row.is_some_and(|most| row >= most) {
            return Some(Tripped::Row(row));
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

    fn passed(watch: &mut FailureWatch) {
        watch.passed(Stage::Judged);
        watch.passed(Stage::Finished);
    }

    fn failed(watch: &mut FailureWatch) -> Option<Tripped> {
        watch.failed(Stage::Judged)
    }

    #[test]
    fn the_hundredth_failure_in_a_row_stops_and_one_success_begins_the_row_anew() {
        let mut watch = FailureWatch::new(BOTH);
        for _ in 0..99 {
            assert_eq!(failed(&mut watch), None);
        }
        passed(&mut watch);
        for _ in 0..99 {
            assert_eq!(failed(&mut watch), None);
        }
        assert_eq!(failed(&mut watch), Some(Tripped::Row(100)));
    }

    #[test]
    fn half_of_the_last_thousand_stops_and_not_before_a_thousand_were_seen() {
        let mut watch = FailureWatch::new(BOTH);
        for _ in 0..499 {
            assert_eq!(failed(&mut watch), None);
            passed(&mut watch);
        }
        passed(&mut watch);
        assert_eq!(
            failed(&mut watch),
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
            assert_eq!(failed(&mut watch), None);
        }
        for _ in 0..1_000 {
            passed(&mut watch);
        }
        for _ in 0..499 {
            assert_eq!(failed(&mut watch), None);
        }
        assert!(failed(&mut watch).is_some());
    }

    #[test]
    fn a_breaker_that_is_off_stops_nothing() {
        let mut watch = FailureWatch::new(Breaker {
            row: None,
            share: None,
        });
        assert!((0..5_000).all(|_| failed(&mut watch).is_none()));
    }

    #[test]
    fn answers_that_come_late_do_not_make_a_row_of_failures_that_were_none() {
        let mut watch = FailureWatch::new(Breaker { share: None, ..BOTH });
        for _ in 0..200 {
            assert_eq!(failed(&mut watch), None);
            watch.passed(Stage::Judged);
        }
        (0..200).for_each(|_| watch.passed(Stage::Finished));
        for _ in 0..99 {
            watch.passed(Stage::Judged);
            assert_eq!(watch.failed(Stage::Finished), None);
        }
        assert_eq!(watch.failed(Stage::Finished), Some(Tripped::Row(100)));
    }
}
