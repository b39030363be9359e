//! How many messages are settled ahead of one of their lane that is not.
//!
//! A source that remembers one place for each lane cannot move it past an unsettled message, so that after a crash all that
//! was settled behind that message comes again with it. It takes up the window for as long, or a dead letter that is slower
//! than its neighbours would let any number of messages come twice.
//!
//! It does not count what is settled behind a message that was given back to its source (`retry.attempts`): that one may
//! come to another receiver, and what waits for it here would then wait for ever.

use std::collections::HashMap;

use dunlin_core::ledger::Ledger;
use dunlin_core::messaging::Lane;

use super::in_flight::Ticket;

/// What is settled and would come again all the same.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    lanes: HashMap<Lane, Ledger<Ticket>>,
    messages: usize,
}

impl Ahead {
    /// A message was received; its ticket is above all others.
    pub(super) fn issue(&mut self, lane: Lane, ticket: Ticket) {
        let ledger = self.lanes.entry(lane).or_insert_with(|| Ledger::new(usize::MAX));
        let issued = ledger.issue(ticket);
        debug_assert!(
            issued.is_ok(),
            "tickets rise, and the ledger has no bound: {issued:?}"
        );
    }

    /// It was settled, or let go.
    pub(super) fn settle(&mut self, lane: Lane, ticket: Ticket) {
        let Some(ledger) = self.lanes.get_mut(&lane) else {
            return;
        };
        let before = ledger.len() - ledger.unsettled();
        ledger.settle(ticket);
        self.messages = self.messages - before + (ledger.len() - ledger.unsettled());
        if ledger.is_empty() {
            self.lanes.remove(&lane);
        }
    }

    /// How many there are.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(number: u64) -> Ticket {
        Ticket { number, place: 0 }
    }

    #[test]
    fn what_is_settled_counts_until_everything_before_it_in_its_lane_is() {
        let mut ahead = Ahead::default();
        for number in 0..6 {
            ahead.issue(Lane(number % 2), ticket(number));
        }
        ahead.settle(Lane(0), ticket(2));
        ahead.settle(Lane(0), ticket(4));
        ahead.settle(Lane(1), ticket(1));
        assert_eq!(ahead.messages(), 2, "lane 1 has nothing before its first message");
        ahead.settle(Lane(1), ticket(5));
        assert_eq!(ahead.messages(), 3);
        ahead.settle(Lane(0), ticket(0));
        assert_eq!(ahead.messages(), 1);
        ahead.settle(Lane(1), ticket(3));
        assert_eq!(ahead.messages(), 0);
        assert!(ahead.lanes.is_empty(), "a lane that is through is forgotten");
    }
}
