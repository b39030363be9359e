//! How a route stands: whether it may take more, what its sessions tell it beside the data, and what it tells whoever looks.

use std::sync::Arc;
use std::time::Instant;

use dunlin_core::error::{Class, Error};
use dunlin_core::messaging::{Event, Room};

use super::{End, EndReason, Route, RouteError};
use crate::plan::RoutePlan;
use crate::progress::{Count, Fate, State};
use crate::sessions::Told;

impl Route {
    /// The room for more messages; none while the route must not take any.
    pub(super) fn room(&self) -> Option<Room> {
        let dead_letter_waits = self
            .outputs
            .dead_letter
            .as_ref()
            .is_some_and(|output| output.trouble().is_some());
        let stopped = self.ending.is_some()
            || self.lookup.is_holding()
            || dead_letter_waits
            || self.outputs.down().is_some()
            || self.settling.down().is_some()
            || self.settling.trouble().is_some();
        if stopped || !self.intake.is_open(self.clock.now()) {
            return None;
        }
        self.in_flight.room()
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let deadline = self.ending.as_ref().and_then(|ending| ending.deadline);
        let intake = self.intake.wake_at(self.clock.now());
        let lookup = self.lookup.wake_at();
        [
            deadline,
            self.outputs.wake_at(),
            self.settling.wake_at(),
            intake,
            lookup,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn source_failed(&mut self, error: Error) {
        match error.class() {
            Class::Closed => self.end(Ok(EndReason::SourceEnded), None),
            Class::Permanent => self.fail(RouteError::Source(error)),
            Class::Temporary | Class::Unhealthy => {
                self.progress.add(Count::ReceiveFailures, 1);
                self.intake.failed(&error, self.clock.now());
            }
        }
    }

    /// Hears what a session tells beside the data.
    pub(super) fn listen(&mut self, told: Told) {
        let Told { system, event } = told;
        let sends_to_it = self.sends_to(&system);
        match &*event {
            Event::Gap { channel, messages } if self.receives_from(&system, channel) => {
                self.progress.add(Count::Gaps, 1);
                self.progress.add(Count::GapMessages, messages.unwrap_or(0));
                tracing::error!(
                    route = self.plan.name,
                    channel,
                    messages,
                    "messages are gone from the source that were never received"
                );
            }
            Event::LanesRevoking { lanes, .. } => {
                let let_go = self.lookup.let_go(lanes);
                self.progress.had_fate(Fate::Left, let_go as u64);
                self.in_flight.revoke(Arc::clone(&event));
            }
            Event::Reconnected => {
                self.progress.add(Count::Reconnects, 1);
                // Who asked to wait is gone with the connection; it asks again if it must.
                self.intake.block(system, false);
            }
            Event::Blocked { .. } if sends_to_it => self.intake.block(system, true),
            Event::Unblocked => self.intake.block(system, false),
            Event::Unhealthy { error } => self.intake.health(system, Some(error)),
            Event::Healthy => self.intake.health(system, None),
            // Of lanes that are lost nothing more is asked: their tokens settle nothing, and what is in flight comes again.
            _ => {}
        }
    }

    pub(super) fn sends_to(&self, system: &str) -> bool {
        let report = self.plan.report.as_ref().map(|report| &report.end);
        let ends = [Some(&self.plan.to.end), report, self.plan.dead_letter.as_ref()];
        ends.into_iter().flatten().any(|end| end.system == system)
    }

    pub(super) fn receives_from(&self, system: &str, channel: &str) -> bool {
        self.plan.from.system == system && self.plan.from.source.endpoint.channel == channel
    }

    /// Says how the route stands.
    pub(super) fn tell(&mut self) {
        let (held, bytes) = self.lookup.size();
        self.progress
            .hold(self.in_flight.messages() + held, self.in_flight.bytes() + bytes);
        self.progress.add(Count::Resent, self.outputs.take_resent());
        let at = |(end, reason): (End, &str)| format!("{end}: {reason}");
        let source = |reason: &str| at((End::Source, reason));
        let down = self
            .outputs
            .down()
            .map(at)
            .or_else(|| self.settling.down().or(self.intake.down()).map(source))
            .or_else(|| self.lookup.down());
        let trouble = self
            .outputs
            .trouble()
            .map(at)
            .or_else(|| self.settling.trouble().map(source));
        let trouble = trouble
            .or_else(|| self.lookup.trouble())
            .or_else(|| self.intake.trouble());
        self.progress.stand(match (down, trouble) {
            // What holds up the end of a route must be told as well as what holds up its work.
            (Some(reason), _) => State::Down(reason),
            (None, Some(reason)) => State::Waiting(reason),
            (None, None) if self.ending.is_some() => State::Draining,
            (None, None) => State::Running,
        });
    }
}

/// The names of the systems that a route uses.
pub(super) fn systems_of(plan: &RoutePlan) -> impl Iterator<Item = &str> {
    let report = plan.report.as_ref().map(|report| report.end.system.as_str());
    let dead_letter = plan.dead_letter.as_ref().map(|end| end.system.as_str());
    [
        Some(plan.from.system.as_str()),
        Some(plan.to.end.system.as_str()),
        report,
        dead_letter,
    ]
    .into_iter()
    .flatten()
}
