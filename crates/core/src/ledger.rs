//! Answers one question: up to which position may this lane be acknowledged?
//!
//! Confirms come back in any order; a log acknowledges a prefix. The ledger keeps the gap between the two and nothing
//! else: no timers, no retries, no input or output. It stays small so that it can be proved. One ledger serves one lane,
//! and one incarnation of it: after a rewind a new ledger begins.

use std::collections::VecDeque;

/// Tracks which positions of one lane are settled, and how far they are so without a gap.
///
/// Positions need not be consecutive (a compacted log has holes), but they are issued in rising order. Memory is bounded
/// by the capacity: one entry for each position from the first unsettled one on.
#[derive(Clone, Debug)]
pub struct Ledger<P> {
    /// From the first unsettled position on, in rising order, each with whether it is settled.
    open: VecDeque<(P, bool)>,
    last: Option<P>,
    settled: Option<P>,
    unsettled: usize,
    capacity: usize,
}

/// Why a position was not taken into a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIssued {
    /// The first unsettled position holds back as many later ones as the ledger may keep.
    #[error("expected room in the ledger, found its capacity used up behind an unsettled position")]
    Full,
    /// It is not above the position issued last.
    #[error("expected a position above the one issued before")]
    NotRising,
}

impl<P: Ord + Copy> Ledger<P> {
    /// A ledger in which at most this many positions wait behind the first unsettled one, itself included.
    pub fn new(capacity: usize) -> Self {
        Self {
            open: VecDeque::new(),
            last: None,
            settled: None,
            unsettled: 0,
            capacity,
        }
    }

    /// Takes in the next position of the lane.
    ///
    /// # Errors
    /// The ledger is full, or the position is not above the last one; nothing is changed then.
    pub fn issue(&mut self, position: P) -> Result<(), NotIssued> {
        if self.last.is_some_and(|last| position <= last) {
            return Err(NotIssued::NotRising);
        }
        if self.open.len() >= self.capacity {
            return Err(NotIssued::Full);
        }
        self.open.push_back((position, false));
        self.last = Some(position);
        self.unsettled += 1;
        Ok(())
    }

    /// Settles one position, and says whether [`Ledger::settled`] rose by it.
    ///
    /// A position that was never issued, or is settled already, has no effect.
    pub fn settle(&mut self, position: P) -> bool {
        // Most are settled in their order.
        let is_first = self.open.front().is_some_and(|(first, _)| *first == position);
        let found = match is_first {
            true => Ok(0),
            false => self.open.binary_search_by(|(open, _)| open.cmp(&position)),
        };
        let Ok(place) = found else {
            return false;
        };
        if std::mem::replace(&mut self.open[place].1, true) {
            return false;
        }
        self.unsettled -= 1;
        let mut rose = false;
        while let Some((first, true)) = self.open.front().copied() {
            // A cumulative acknowledgement settles every lower position, too: the first gap ends it.
            self.open.pop_front();
            self.settled = Some(first);
            rose = true;
        }
        rose
    }

    /// The highest position up to which everything issued is settled; none while the first one issued is not.
    pub fn settled(&self) -> Option<P> {
        self.settled
    }

    /// The lowest position that is issued and not settled.
    pub fn first_unsettled(&self) -> Option<P> {
        self.open.front().map(|(position, _)| *position)
    }

    /// How many positions are issued and not settled.
    pub fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// How many positions are kept: the unsettled ones, and the settled ones behind the first of them.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether everything issued is settled.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The obvious model: remembers everything for ever and counts from the start each time.
    #[derive(Default)]
    struct Naive {
        issued: Vec<u64>,
        settled: BTreeSet<u64>,
    }

    impl Naive {
        fn prefix(&self) -> Option<u64> {
            self.issued
                .iter()
                .take_while(|position| self.settled.contains(position))
                .last()
                .copied()
        }

        fn kept(&self) -> usize {
            let behind = self
                .issued
                .iter()
                .take_while(|p| self.settled.contains(p))
                .count();
            self.issued.len() - behind
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// Issues the position this far above the last one; 0 is refused.
        Issue(u64),
        /// Settles this position, which may be unknown or settled already.
        Settle(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_u64..4).prop_map(Step::Issue),
            (0_u64..120).prop_map(Step::Settle),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn the_ledger_says_what_a_naive_model_says(steps in steps(), capacity in 1_usize..12) {
            let mut ledger = Ledger::new(capacity);
            let mut naive = Naive::default();
            for step in steps {
                match step {
                    Step::Issue(above) => {
                        let last = naive.issued.last().copied();
                        let position = last.map_or(above, |last| last + above);
                        let expected = if last.is_some_and(|last| position <= last) {
                            Err(NotIssued::NotRising)
                        } else if naive.kept() >= capacity {
                            Err(NotIssued::Full)
                        } else {
                            naive.issued.push(position);
                            Ok(())
                        };
                        prop_assert_eq!(ledger.issue(position), expected);
                    }
                    Step::Settle(position) => {
                        let before = naive.prefix();
                        if naive.issued.contains(&position) {
                            naive.settled.insert(position);
                        }
                        prop_assert_eq!(ledger.settle(position), naive.prefix() != before);
                    }
                }
                let open: Vec<u64> =
                    naive.issued.iter().copied().filter(|p| !naive.settled.contains(p)).collect();
                prop_assert_eq!(ledger.settled(), naive.prefix());
                prop_assert_eq!(ledger.first_unsettled(), open.first().copied());
                prop_assert_eq!(ledger.unsettled(), open.len());
                prop_assert_eq!(ledger.len(), naive.kept());
                prop_assert!(ledger.len() <= capacity);
            }
        }
    }

    #[test]
    fn a_gap_holds_the_prefix_back_until_it_is_settled() {
        let mut ledger = Ledger::new(8);
        for position in [10, 20, 30] {
            ledger.issue(position).unwrap();
        }
        assert!(!ledger.settle(20));
        assert!(!ledger.settle(30));
        assert_eq!(ledger.settled(), None);
        assert!(ledger.settle(10));
        assert_eq!(ledger.settled(), Some(30));
        assert!(ledger.is_empty());
    }

    #[test]
    fn settling_an_unknown_position_or_one_twice_has_no_effect() {
        let mut ledger = Ledger::new(8);
        ledger.issue(1).unwrap();
        ledger.issue(2).unwrap();
        assert!(!ledger.settle(7));
        assert!(!ledger.settle(2));
        assert!(!ledger.settle(2));
        assert_eq!((ledger.settled(), ledger.unsettled()), (None, 1));
        assert!(ledger.settle(1));
        assert!(!ledger.settle(1));
        assert_eq!(ledger.settled(), Some(2));
    }
}
