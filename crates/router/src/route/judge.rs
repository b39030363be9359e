//! What is to be done with one message: the part of the way that waits for nothing.
//!
//! Bytes come in, an answer goes out; nothing is sent, settled or kept here. A panic of a migration is caught, because one
//! message must not take its neighbours down with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::message::Message;
use dunlin_core::messaging::{Origin, Outgoing};
use dunlin_core::position::DedupId;

use super::in_flight::Entry;
use crate::dead_letter::{Circumstances, Fault, dead_letter, kinds};
use crate::fail_points::{FailPoint, FailPoints};
use crate::plan::{AddressPlan, Dedup, EmptyPayload, EndPlan, RoutePlan};
use crate::progress::{Fate, Progress};

/// The header that counts how often a message was forwarded.
pub(crate) const HOPS: &str = "dunlin-hops";

/// Which of the messages made from one delivery an output is; part of its deduplication id.
#[derive(Clone, Copy, Debug)]
pub(super) enum OutputIndex {
    Target = 0,
    Report = 1,
    DeadLetter = 2,
}

/// What is to be done with a message.
#[derive(Debug)]
pub(super) enum Judged {
    /// Send it, then the report.
    Forward {
        outgoing: Box<Outgoing>,
        report: Option<Box<Outgoing>>,
    },
    /// Nothing is forwarded; send the report, if there is one, and settle it.
    Finish {
        fate: Fate,
        report: Option<Box<Outgoing>>,
    },
    /// It failed.
    Failed(Fault),
}

/// Judges the messages of one route.
pub(super) struct Judge {
    plan: Arc<RoutePlan>,
    clock: Arc<dyn Clock>,
    fail_points: Arc<dyn FailPoints>,
    #[allow(dead_code)]
    progress: Arc<Progress>,
}

impl Judge {
    pub(super) fn new(
        plan: Arc<RoutePlan>,
        clock: Arc<dyn Clock>,
        fail_points: Arc<dyn FailPoints>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            plan,
            clock,
            fail_points,
            progress,
        }
    }

    /// What is to be done with this message.
    pub(super) fn judge(&self, entry: &mut Entry) -> Judged {
        let attempt = || {
            self.fail_points.reach(FailPoint::InMigrate);
            self.migrated(entry)
        };
        match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(Ok(judged)) => judged,
            Ok(Err(fault)) => Judged::Failed(fault),
            Err(_) => Judged::Failed(Fault::new(
                kinds::PANIC,
                "the migration panicked, which is a defect of dunlin; the message is as it came",
            )),
        }
    }

    fn migrated(&self, entry: &Entry) -> Result<Judged, Fault> {
        let payload = entry.original.payload.as_ref();
        if payload.is_none_or(Bytes::is_empty) {
            match self.plan.empty_payload {
                EmptyPayload::Forward => {}
                EmptyPayload::Drop => return Ok(finish(Fate::Discarded)),
                EmptyPayload::Fail => {
                    return Err(Fault::new(kinds::EMPTY, "expected a payload, found none"));
                }
            }
        }
        let outgoing = self.outgoing(entry, entry.original.clone())?;
        Ok(Judged::Forward {
            outgoing: Box::new(outgoing),
            report: None,
        })
    }

    /// The message on its way to the target: one hop further, with address, origin and deduplication id.
    fn outgoing(&self, entry: &Entry, mut message: Message) -> Result<Outgoing, Fault> {
        self.hop(&mut message)?;
        let address = self.address(entry, &message)?;
        let mut outgoing = self.identified(entry, message, OutputIndex::Target);
        outgoing.address = address;
        Ok(outgoing)
    }

    /// Raises the hop count, and refuses to raise it too far.
    fn hop(&self, message: &mut Message) -> Result<(), Fault> {
        let hops = match message.headers.get(HOPS) {
            None => 0,
            Some(value) => std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse::<u32>().ok())
                .ok_or_else(|| Fault::new(kinds::RECORD, "expected a number in the header `dunlin-hops`"))?,
        };
        if hops >= self.plan.max_hops {
            let most = self.plan.max_hops;
            return Err(Fault::new(
                kinds::LOOP,
                format!(
                    "expected at most {most} forwards, found a message that was forwarded {hops} times; is there a loop of routes?"
                ),
            ));
        }
        message.headers.set(HOPS, (hops + 1).to_string());
        Ok(())
    }

    fn address(&self, entry: &Entry, message: &Message) -> Result<Option<Bytes>, Fault> {
        match &self.plan.to.address {
            AddressPlan::Own => Ok(None),
            AddressPlan::Same => Ok(entry.address.clone()),
            AddressPlan::Template(template) => template
                .make(message, entry.address.as_ref())
                .map(Some)
                .map_err(|error| Fault::new(kinds::ADDRESS, error.to_string())),
        }
    }

    /// The dead letter of a message, for this end.
    pub(super) fn dead_letter(&self, entry: &Entry, fault: &Fault, end: &EndPlan) -> Outgoing {
        self.identified(entry, self.told(entry, fault, end), OutputIndex::DeadLetter)
    }

    /// A failed message that is forwarded as it came, with the headers of a dead letter.
    ///
    /// # Errors
    /// It was forwarded too often already.
    pub(super) fn unsafe_forward(&self, entry: &Entry, fault: &Fault) -> Result<Outgoing, Fault> {
        let mut message = self.told(entry, fault, &self.plan.to.end);
        self.hop(&mut message)?;
        // An address that cannot be made may be the very failure; the target's own is what is left.
        let address = self.address(entry, &message).unwrap_or(None);
        let mut outgoing = self.identified(entry, message, OutputIndex::Target);
        outgoing.address = address;
        Ok(outgoing)
    }

    fn told(&self, entry: &Entry, fault: &Fault, end: &EndPlan) -> Message {
        let source = self.source_place(entry);
        let circumstances = Circumstances {
            route: Some(&self.plan.name),
            migration: entry.chain.as_deref(),
            attempts: entry.attempts,
            ..Circumstances::new(&source, self.clock.wall())
        };
        dead_letter(
            &entry.original,
            fault,
            &circumstances,
            end.resolved.capabilities.header_values,
        )
    }

    /// Where a message came from, as `system/channel/position`.
    pub(super) fn source_place(&self, entry: &Entry) -> String {
        let from = &self.plan.from;
        let mut place = format!("{}/{}", from.system, from.channel);
        if let Some(position) = &entry.position {
            place.push('/');
            place.push_str(&position.to_string());
        }
        place
    }

    fn identified(&self, entry: &Entry, message: Message, index: OutputIndex) -> Outgoing {
        let mut outgoing = Outgoing::new(message);
        outgoing.dedup = self.dedup(entry, index);
        outgoing.origin = entry.position.clone().map(|position| Origin {
            lane: entry.lane,
            position,
            output: index as u32,
        });
        outgoing
    }

    fn dedup(&self, entry: &Entry, index: OutputIndex) -> Option<DedupId> {
        let position = entry
            .position
            .as_ref()
            .filter(|_| self.plan.dedup == Dedup::ByPosition)?;
        let plan = &self.plan;
        Some(DedupId::derive(
            &plan.id,
            plan.epoch,
            index as u32,
            &plan.from.identity,
            position,
        ))
    }
}

fn finish(fate: Fate) -> Judged {
    Judged::Finish { fate, report: None }
}
