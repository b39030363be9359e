//! What is to be done with one message: the part of the way that waits for nothing.
//!
//! Bytes come in, an answer goes out; nothing is sent, settled or kept here. A panic of a migration is caught, because one
//! message must not take its neighbours down with it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::carried::{self, Part, Way};
use dunlin_core::clock::Clock;
use dunlin_core::message::Message;
use dunlin_core::messaging::Outgoing;
use dunlin_core::migration::{Complemented, Disposition, Input, Migrated, Options, RecordMode};
use dunlin_core::position::DedupIds;

use super::choices::{Choice, Choices, Chosen};
use super::in_flight::Entry;
use super::outgoing::OutputIndex;
use crate::dead_letter::{Fault, kinds};
use crate::fail_points::{FailPoint, FailPoints};
use crate::plan::{AppliedRecord, Dedup, Drops, EmptyPayload, RoutePlan, Unmatched};
use crate::progress::{Count, Fate, Progress};

/// What is to be done with a message.
#[derive(Debug)]
pub(super) enum Judged {
    /// Send it, then the report.
    Forward {
        outgoing: Outgoing,
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
    pub(super) plan: Arc<RoutePlan>,
    pub(super) clock: Arc<dyn Clock>,
    fail_points: Arc<dyn FailPoints>,
    pub(super) progress: Arc<Progress>,
    /// What the target has no way for.
    pub(super) unable: Vec<(Part, Way)>,
    /// For each output; none where the source has no stable position.
    pub(super) ids: Option<[DedupIds; 3]>,
}

impl Judge {
    pub(super) fn new(
        plan: Arc<RoutePlan>,
        clock: Arc<dyn Clock>,
        fail_points: Arc<dyn FailPoints>,
        progress: Arc<Progress>,
    ) -> Self {
        let unable = carried::left_out(plan.to.end.resolved.carries);
        let ids = (plan.dedup == Dedup::ByPosition).then(|| {
            [OutputIndex::Target, OutputIndex::Report, OutputIndex::DeadLetter]
                .map(|index| DedupIds::new(&plan.id, plan.epoch, index as u32, &plan.from.identity))
        });
        Self {
            plan,
            clock,
            fail_points,
            progress,
            unable,
            ids,
        }
    }

    /// What is to be done with this message, by these migrations.
    pub(super) fn judge(&self, entry: &mut Entry, choices: &Choices) -> Judged {
        let attempt = || {
            self.fail_points.reach(FailPoint::InMigrate);
            self.choose(entry, choices)
        };
        match catch_unwind(AssertUnwindSafe(attempt)) {
            Ok(Ok(judged)) => judged,
            Ok(Err(fault)) => Judged::Failed(fault),
            // What a panic says may hold a value of the message, so it is not repeated.
            Err(_) => Judged::Failed(Fault::new(
                kinds::PANIC,
                "the migration panicked, which is a defect of dunlin; the message is as it came",
            )),
        }
    }

    fn choose(&self, entry: &mut Entry, choices: &Choices) -> Result<Judged, Fault> {
        if entry.original.payload.as_ref().is_none_or(Bytes::is_empty) {
            match self.plan.empty_payload {
                EmptyPayload::Forward => {}
                EmptyPayload::Drop => return Ok(finish(Fate::Discarded)),
                EmptyPayload::Fail => return Err(Fault::new(kinds::EMPTY, "expected a payload, found none")),
            }
        }
        let chosen = choices.choose(&entry.original, &self.plan);
        match chosen.map_err(|failure| Fault::from(&failure))? {
            Chosen::One(choice) => {
                entry.chain = Some(Arc::clone(&choice.chain));
                self.migrate(entry, choice)
            }
            Chosen::Bridge => self.forward(entry, entry.original.clone(), None),
            Chosen::Unmatched => {
                self.progress.add(Count::Unmatched, 1);
                match self.plan.unmatched {
                    // Nothing is left to do to it, so on its own channel it would go round for ever.
                    Unmatched::Pass if self.plan.own_channel => Ok(finish(Fate::Settled)),
                    Unmatched::Pass => self.forward(entry, entry.original.clone(), None),
                    Unmatched::Drop => Ok(finish(Fate::Discarded)),
                    Unmatched::DeadLetter => Err(Fault::new(
                        kinds::UNMATCHED,
                        "expected a message that fits a condition of the route, found one that fits none",
                    )),
                }
            }
        }
    }

    fn migrate(&self, entry: &Entry, choice: &Choice) -> Result<Judged, Fault> {
        let original = &entry.original;
        let input = Input {
            payload: original.payload.clone(),
            key: original.key.clone(),
            headers: original.headers.clone(),
        };
        let options = Options {
            record: match self.plan.applied_record {
                AppliedRecord::Trust => RecordMode::Trust,
                AppliedRecord::Ignore => RecordMode::Ignore,
                AppliedRecord::Required => RecordMode::Required,
            },
            limits: self.plan.limits,
            secrets: &*self.plan.secrets,
        };
        let migrated = choice.migrate(input, &options).map_err(|failure| {
            choice.count_failure(&failure);
            Fault::from(&failure)
        })?;
        self.count(choice, &migrated);
        let report = || self.report(entry, choice, &migrated);
        match &migrated.disposition {
            Disposition::Forward => {
                let report = report()?;
                self.forward(entry, forwarded(original, migrated), report)
            }
            Disposition::Behind | Disposition::Ahead if self.plan.own_channel => Ok(finish(Fate::Settled)),
            // Nothing was done to it here, so there is nothing to report.
            Disposition::Behind | Disposition::Ahead => {
                self.forward(entry, forwarded(original, migrated), None)
            }
            Disposition::Dropped { .. } if self.plan.drops == Drops::Forbid => Err(Fault::new(
                kinds::DROPPED,
                "expected a migration that drops nothing, for the route does not say `drops: allow`",
            )),
            Disposition::Dropped { .. } => Ok(Judged::Finish {
                fate: Fate::Dropped,
                report: report()?,
            }),
        }
    }

    fn count(&self, choice: &Choice, migrated: &Migrated) {
        for (index, change) in migrated.changes.iter().enumerate() {
            choice.count(index, change.outcome);
            self.progress.add(Count::KeptErrors, change.kept_errors);
            self.progress.add(Count::KeptTargets, change.kept_targets);
        }
        if migrated.complement == Some(Complemented::LeftOut) {
            self.progress.add(Count::ComplementsLeftOut, 1);
        }
        match migrated.disposition {
            Disposition::Behind => self.progress.add(Count::Behind, 1),
            Disposition::Ahead => self.progress.add(Count::Ahead, 1),
            Disposition::Forward | Disposition::Dropped { .. } => self.progress.add(Count::Migrated, 1),
        }
    }

    fn forward(
        &self,
        entry: &Entry,
        message: Message,
        report: Option<Box<Outgoing>>,
    ) -> Result<Judged, Fault> {
        let outgoing = self.outgoing(entry, message)?;
        Ok(Judged::Forward { outgoing, report })
    }
}

/// The message that leaves: what the migration made of payload, key and headers, and the media type where that is another
/// now; all else as it came.
fn forwarded(original: &Message, migrated: Migrated) -> Message {
    let mut message = original.clone();
    message.payload = migrated.payload;
    message.key = migrated.key;
    message.headers = migrated.headers;
    if let Some(content_type) = migrated.content_type {
        message.properties.content_type = Some(content_type.to_owned());
    }
    message
}

fn finish(fate: Fate) -> Judged {
    Judged::Finish { fate, report: None }
}
