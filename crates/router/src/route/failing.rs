//! What becomes of a message that cannot go its way: dead letter, unsafe forward, back to the source, or the end of the route.

use std::sync::Arc;

use dunlin_core::error::Error;
use dunlin_core::messaging::{Delivery, Outgoing, Verdict};

use super::choices::Choices;
use super::in_flight::{Entry, Ticket};
use super::{Route, RouteError};
use crate::breaker::Stage;
use crate::dead_letter::{Fault, kinds};
use crate::plan::{OnError, Unroutable};
use crate::progress::Fate;

/// So many messages that were given back are remembered.
const REMEMBERED: usize = 65_536;

/// What is kept of a message that was given back, for when it comes again.
pub(super) struct Returned {
    /// How often it was tried.
    pub(super) attempts: u32,
    /// What it was first judged by, and will be again.
    pub(super) choices: Arc<Choices>,
}

impl Route {
    /// A message failed: to the dead letter with it, or what the route has instead.
    pub(super) fn message_failed(&mut self, ticket: Ticket, fault: Fault, stage: Stage) {
        let Some(entry) = self.in_flight.get_mut(ticket) else {
            return;
        };
        let unsafe_already = entry.fate == Fate::UnsafeForwarded;
        let lane = entry.lane;
        entry.report = None;
        self.progress.failed(fault.kind);
        if fault.kind == kinds::ADDRESS && self.plan.unroutable == Unroutable::Down {
            // The target has no way for it, as with any channel that is missing; only another configuration can mend that.
            return self.stop_at(ticket, fault);
        }
        let tripped = self.breaker.failed(stage);
        if let (Some(output), Some(end)) = (&mut self.outputs.dead_letter, &self.plan.dead_letter) {
            entry.fate = Fate::DeadLettered;
            output.enqueue(ticket, lane, self.judge.dead_letter(entry, &fault, end));
        } else if let Some(outgoing) = self.unsafe_forward(ticket, &fault, unsafe_already) {
            self.outputs.target.enqueue(ticket, lane, outgoing);
        } else {
            self.stop_at(ticket, fault);
        }
        if let Some(tripped) = tripped {
            self.fail(RouteError::Breaker(tripped));
        }
    }

    /// What is forwarded instead of a failed message, if the route wants that and it was not tried already.
    pub(super) fn unsafe_forward(
        &mut self,
        ticket: Ticket,
        fault: &Fault,
        already: bool,
    ) -> Option<Outgoing> {
        let entry = self.in_flight.get_mut(ticket)?;
        if self.plan.on_error != OnError::UnsafeForward || already {
            return None;
        }
        // A message that was forwarded too often is not forwarded again, or a loop of routes would never end.
        let outgoing = self.judge.unsafe_forward(entry, fault).ok()?;
        entry.fate = Fate::UnsafeForwarded;
        Some(outgoing)
    }

    /// Ends the route at a message that stays the source's.
    pub(super) fn stop_at(&mut self, ticket: Ticket, fault: Fault) {
        let Some(entry) = self.in_flight.get(ticket) else {
            return;
        };
        let source_place = self.judge.source_place(entry);
        self.leave(ticket);
        self.fail(RouteError::Message { fault, source_place });
    }

    /// The attempts ran out: the source is to bring the message again.
    pub(super) fn give_back(&mut self, ticket: Ticket, error: &Error) {
        let Some(entry) = self.in_flight.get_mut(ticket) else {
            return;
        };
        tracing::warn!(
            route = self.plan.name,
            "a message is given back to its source: {error}"
        );
        entry.fate = Fate::Returned;
        entry.report = None;
        if let (Some(position), Some(choices)) = (entry.position.clone(), entry.choices.clone()) {
            if self.returned.len() >= REMEMBERED {
                // Messages that went to another receiver of the group are never taken out.
                self.returned.clear();
            }
            let attempts = entry.attempts;
            self.returned.insert(position, Returned { attempts, choices });
        }
        let after = self.plan.retry.cap;
        self.settle(ticket, Verdict::Retry { after });
    }

    /// A message came again while only its settling was open: that is all this delivery needs, too.
    pub(super) fn settle_again(&mut self, delivery: Delivery) {
        let mut entry = Entry::new(delivery);
        entry.fate = Fate::Joined;
        let ticket = self.in_flight.admit(entry);
        self.settle(ticket, Verdict::Done);
    }

    /// Lets a message go that is the source's still.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        if let Some(entry) = self.in_flight.remove(ticket) {
            self.progress.had_fate(Fate::Left, entry.tokens().len() as u64);
        }
    }
}
