//! What is sent for a message: the message itself, its report, its dead letter, each with its origin and its own id.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use dunlin_core::capability::HeaderValues;
use dunlin_core::carried;
use dunlin_core::message::{Headers, Message};
use dunlin_core::messaging::{Origin, Outgoing};
use dunlin_core::migration::{Complemented, Disposition, Migrated};
use dunlin_core::position::DedupId;
use sha2::{Digest, Sha256};

use super::choices::Choice;
use super::in_flight::Entry;
use super::judge::Judge;
use crate::dead_letter::{Circumstances, Fault, dead_letter, in_envelope, kinds};
use crate::plan::{AddressPlan, EndPlan, ReportPlan};
use crate::report::{CheckEntry, Payloads, Place, Report, StepEntry};

/// The header that counts how often a message was forwarded.
pub(crate) const HOPS: &str = "dunlin-hops";
/// The same as headers hold it, made once: every message that is forwarded has it.
static HOPS_NAME: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(HOPS));

/// Which of the messages made from one delivery an output is; part of its deduplication id.
#[derive(Clone, Copy, Debug)]
pub(super) enum OutputIndex {
    Target = 0,
    Report = 1,
    DeadLetter = 2,
}

impl Judge {
    /// What the report channel gets, where there is one.
    pub(super) fn report(
        &self,
        entry: &Entry,
        choice: &Choice,
        migrated: &Migrated,
    ) -> Result<Option<Box<Outgoing>>, Fault> {
        let plan = &self.plan;
        let Some(ReportPlan { detail, end, .. }) = &plan.report else {
            return Ok(None);
        };
        let migration = choice.migration();
        let (drop_reason, outgoing) = match &migrated.disposition {
            Disposition::Dropped { reason } => (Some(reason.as_str()), None),
            Disposition::Forward | Disposition::Behind | Disposition::Ahead => {
                (None, Some(migrated.payload.as_ref()))
            }
        };
        let payloads = Payloads {
            incoming: entry.original.payload.as_ref(),
            outgoing,
        };
        let name = self.name_of(entry);
        let steps =
            migration
                .transformations()
                .iter()
                .zip(&migrated.changes)
                .map(|(transformation, change)| StepEntry {
                    id: transformation.id(),
                    outcome: change.outcome.name(),
                    reason: match change.outcome.reason() {
                        Some(reason) => Some(reason.name()),
                        None => drop_reason.filter(|_| change.outcome.name() == "dropped"),
                    },
                });
        let length = migration.length();
        let mut report = Report::new(
            migration.name(),
            &choice.hash,
            length,
            &name,
            payloads,
            self.clock.wall(),
        )
        .listing(steps, *detail);
        report.route = Some(&plan.name);
        report.from = migrated.from;
        report.complement = migrated.complement.map(Complemented::name);
        report.source = Some(Place {
            system: &plan.from.system,
            channel: &plan.from.channel,
            position: entry.position.as_ref().map(ToString::to_string),
        });
        report.target = outgoing.map(|_| Place {
            system: &plan.to.end.system,
            channel: &plan.to.end.channel,
            position: None,
        });
        let checks = migrated.validations.iter().map(|(check, validated)| CheckEntry {
            check: check.word(),
            outcome: validated.name(),
            reason: validated.reason(),
        });
        report.validations = checks.collect();
        let message = report.to_message();
        let message =
            message.map_err(|error| Fault::new(kinds::PANIC, format!("the report is no JSON: {error}")))?;
        Ok(Some(Box::new(self.identified(
            entry,
            Outgoing::new(message),
            OutputIndex::Report,
            end,
        ))))
    }

    /// What a report calls a message: its id, else its deduplication id, else a digest of its payload.
    fn name_of(&self, entry: &Entry) -> String {
        match (&entry.original.id, self.dedup(entry, OutputIndex::Target)) {
            (Some(id), _) => match std::str::from_utf8(id) {
                Ok(text) => text.to_owned(),
                Err(_) => hex::encode(id),
            },
            (None, Some(dedup)) => dedup.to_string(),
            (None, None) => {
                let payload = entry.original.payload.as_deref().unwrap_or_default();
                hex::encode(&Sha256::digest(payload)[..16])
            }
        }
    }

    /// The message on its way to the target: one hop further, with address, origin and deduplication id.
    pub(super) fn outgoing(&self, entry: &Entry, mut message: Message) -> Result<Outgoing, Fault> {
        self.hop(&mut message)?;
        let address = self.address(entry, &message)?;
        let mut outgoing = Outgoing::new(message);
        outgoing.address = address;
        for (part, _) in carried::lost(&outgoing, &self.unable) {
            self.progress.left_out(part);
        }
        Ok(self.identified(entry, outgoing, OutputIndex::Target, &self.plan.to.end))
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
        let told = match hops {
            0 => Bytes::from_static(b"1"),
            _ => Bytes::from((hops + 1).to_string()),
        };
        message.headers.set(Arc::clone(&HOPS_NAME), told);
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
        let mut message = self.told(entry, fault, end);
        if end.resolved.capabilities.header_values == HeaderValues::None {
            message = in_envelope(&message);
        }
        self.identified(entry, Outgoing::new(message), OutputIndex::DeadLetter, end)
            .escaping()
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
        let mut outgoing = Outgoing::new(message);
        outgoing.address = address;
        Ok(self.identified(entry, outgoing, OutputIndex::Target, &self.plan.to.end))
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

    /// The same with its deduplication id and its origin, and without headers where the end has none.
    fn identified(
        &self,
        entry: &Entry,
        mut outgoing: Outgoing,
        index: OutputIndex,
        end: &EndPlan,
    ) -> Outgoing {
        if end.resolved.capabilities.header_values == HeaderValues::None {
            // The check of the route has said so; a channel might else refuse every message for its hop count.
            outgoing.message.headers = Headers::new();
        }
        outgoing.dedup = self.dedup(entry, index);
        outgoing.origin = entry.position.clone().map(|position| Origin {
            lane: entry.lane,
            position,
            output: index as u32,
        });
        outgoing
    }

    fn dedup(&self, entry: &Entry, index: OutputIndex) -> Option<DedupId> {
        let ids = self.ids.as_ref()?;
        Some(ids[index as usize].of(entry.position.as_ref()?))
    }
}
