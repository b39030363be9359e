//! The loop of one route: receive, migrate, send, hear the confirm, report, settle.
//!
//! ```text
//!  receive ─► judge ─► target ─► confirm ─► report ─► confirm ─┐
//!     ▲         │ failed           │ refused                   ▼
//!     └─────────┴──► dead letter ◄─┘ ──► confirm ─────────► settle
//! ```
//!
//! One task owns the receiver, the settler and the senders: no locks, and no channel between two stages. Everything that
//! takes time is an arm of one `select!`, so nothing that hangs, a send or a pause before a retry, ever holds up a stop.
//! A delivery is settled only after target, report and dead letter have confirmed what they were to get.
//!
//! An end that is called unhealthy (a missing channel, refused credentials) stops the intake, and the route says that it is
//! down; nothing is settled or dead-lettered for it, and it is tried again with growing pauses until it works or the route is
//! asked to stop. Somebody has to mend it, and that need not take a restart.
//!
//! It promises no message lost, and no more duplicates after a crash than were in flight. It does not look at the system's
//! kind: what it must know is in the plan.

mod ahead;
mod choices;
mod ended;
mod ending;
mod failing;
mod in_flight;
mod intake;
mod judge;
mod lookup;
mod open;
mod outgoing;
mod output;
mod outputs;
mod settling;
mod standing;

use std::collections::HashMap;
use std::sync::Arc;

use dunlin_core::clock::Clock;
use dunlin_core::error::Result;
use dunlin_core::messaging::{Delivery, Receiver, Room, Verdict};
use dunlin_core::position::Position;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::breaker::{FailureWatch, Stage};
use crate::dead_letter::{Fault, kinds};
use crate::fail_points::{FailPoint, FailPoints};
use crate::plan::RoutePlan;
use crate::progress::{Count, Fate, Progress};
use crate::sessions::Told;
use crate::shutdown::{Asked, Shutdown};

use choices::Choices;
use ending::Ending;
use failing::Returned;
use in_flight::{Again, Entry, InFlight, Ticket};
use intake::Intake;
use judge::{Judge, Judged};
use lookup::{Looked, Lookup};
use output::{Answer, Happened};
use outputs::Outputs;
use settling::{Settled, Settling};

pub use choices::Migrations;
pub use ended::{End, EndReason, Ended, RouteError};
pub(crate) use open::Surroundings;

/// One running route.
pub(crate) struct Route {
    plan: Arc<RoutePlan>,
    clock: Arc<dyn Clock>,
    fail_points: Arc<dyn FailPoints>,
    progress: Arc<Progress>,
    shutdown: Shutdown,
    events: UnboundedReceiver<Told>,
    migrations: Migrations,
    judge: Judge,
    receiver: Box<dyn Receiver>,
    settling: Settling,
    outputs: Outputs,
    intake: Intake,
    lookup: Lookup,
    in_flight: InFlight,
    batch: Vec<Delivery>,
    breaker: FailureWatch,
    /// What is kept of messages that were given back to the source.
    returned: HashMap<Position, Returned>,
    ending: Option<Ending>,
}

/// What the loop was woken by.
enum Woken {
    Output(End, Happened),
    Settled(Settled),
    Looked(Looked),
    Asked(Asked),
    Told(Told),
    Time,
    Received(Result<()>),
}

impl Route {
    /// Forwards until the source ends, the route is asked to stop, or something is wrong for good.
    pub(crate) async fn run(mut self) -> Result<Ended, RouteError> {
        if self.shutdown.asked() != Asked::Nothing {
            self.stop(self.shutdown.asked());
        }
        while !self.is_over() {
            self.begin();
            self.tell();
            // Systems in memory are always ready; other tasks of the thread must have their turn all the same.
            tokio::task::consume_budget().await;
            let woken = self.wait().await;
            self.take();
            match woken {
                Woken::Output(end, happened) => self.hear(end, happened),
                Woken::Settled(settled) => self.release(settled),
                Woken::Looked(looked) => self.lookup.hear(looked),
                Woken::Asked(asked) => self.stop(asked),
                Woken::Told(told) => self.listen(told),
                Woken::Time => {}
                Woken::Received(Ok(())) => self.intake.worked(),
                Woken::Received(Err(error)) => self.source_failed(error),
            }
        }
        self.close().await
    }

    /// Begins whatever can begin without waiting.
    fn begin(&mut self) {
        self.outputs.begin();
        self.go_on_with_held();
        if self.settling.is_due() {
            self.fail_points.reach(FailPoint::BeforeSettle);
            self.settling.begin();
        }
    }

    /// Waits for the first thing that happens. Answers come first, because they make room; then a stop; receiving comes last.
    async fn wait(&mut self) -> Woken {
        let room = self.room();
        let timer = self
            .wake_at()
            .map(|at| self.clock.sleep(at.saturating_duration_since(self.clock.now())));
        tokio::select! {
            biased;
            (end, happened) = self.outputs.next() => Woken::Output(end, happened),
            settled = self.settling.next() => Woken::Settled(settled),
            looked = self.lookup.next() => Woken::Looked(looked),
            asked = self.shutdown.changed() => Woken::Asked(asked),
            Some(told) = self.events.recv() => Woken::Told(told),
            () = some_time(timer) => Woken::Time,
            received = received(&mut *self.receiver, room, &mut self.batch) => Woken::Received(received),
        }
    }

    /// Begins the way of what was received, also of what a call had taken that was cut short by something else.
    fn take(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.progress.add(Count::Received, batch.len() as u64);
        self.fail_points.reach(FailPoint::AfterReceive);
        let choices = self.migrations.now();
        for delivery in batch.drain(..) {
            if self.ending.is_some() {
                // The route was stopped within this batch: the rest is the source's still.
                self.progress.had_fate(Fate::Left, 1);
            } else if self.lookup.must_wait(&delivery, &choices) {
                self.lookup.hold(delivery);
            } else {
                self.admit(delivery, &choices);
            }
        }
        self.batch = batch;
    }

    /// Takes in the messages that need not wait any longer for a registry, and asks it for what the next one needs.
    fn go_on_with_held(&mut self) {
        if !self.lookup.is_holding() || self.is_asked_to_stop() {
            return;
        }
        let choices = self.migrations.now();
        while let Some(delivery) = self.lookup.release(&choices) {
            self.admit(delivery, &choices);
        }
        self.lookup.begin(&choices);
        self.outputs.begin();
    }

    /// Migrates one message, by these choices if it is new to the route, and sends it on its way.
    fn admit(&mut self, delivery: Delivery, choices: &Arc<Choices>) {
        match self.in_flight.again(&delivery) {
            Again::New => {}
            Again::Joined => return,
            Again::Done => return self.settle_again(delivery),
        }
        let mut entry = Entry::new(delivery);
        let before = match &entry.position {
            Some(position) if !self.returned.is_empty() => self.returned.remove(position),
            _ => None,
        };
        let choices = match before {
            Some(before) => {
                entry.attempts = entry.attempts.max(before.attempts.saturating_add(1));
                before.choices
            }
            None => Arc::clone(choices),
        };
        let judged = self.judge.judge(&mut entry, &choices);
        entry.choices = Some(choices);
        self.fail_points.reach(FailPoint::AfterMigrate);
        let lane = entry.lane;
        match judged {
            Judged::Forward { outgoing, report } => {
                self.breaker.passed(Stage::Judged);
                entry.fate = Fate::Forwarded;
                entry.report = report;
                let ticket = self.in_flight.admit(entry);
                self.outputs.target.enqueue(ticket, lane, outgoing);
            }
            Judged::Finish { fate, report } => {
                entry.fate = fate;
                entry.report = report;
                let ticket = self.in_flight.admit(entry);
                self.breaker.passed(Stage::Judged);
                self.breaker.passed(Stage::Finished);
                self.report_then_settle(ticket);
            }
            Judged::Failed(fault) => {
                let ticket = self.in_flight.admit(entry);
                self.message_failed(ticket, fault, Stage::Judged);
            }
        }
    }

    /// Hears what an end that is sent to has answered.
    fn hear(&mut self, end: End, happened: Happened) {
        let answers = match happened {
            Happened::Taken => return self.fail_points.reach(FailPoint::AfterSend),
            Happened::Answered(answers) => answers,
        };
        if answers
            .iter()
            .any(|answer| matches!(answer, Answer::Stored { .. }))
        {
            self.fail_points.reach(match end {
                End::Report => FailPoint::AfterReport,
                End::DeadLetter => FailPoint::AfterDeadLetter,
                End::Target | End::Source => FailPoint::AfterConfirm,
            });
        }
        for answer in answers {
            match answer {
                Answer::Stored { ticket, unexpected } => self.stored(end, ticket, unexpected),
                Answer::Refused { ticket, error } => {
                    let fault = Fault::new(kinds::REFUSED, error.to_string());
                    self.message_failed(ticket, fault, Stage::Finished);
                }
                Answer::GivenUp { ticket, error } => self.give_back(ticket, &error),
                Answer::Closed { ticket, reason } => {
                    self.leave(ticket);
                    self.fail(RouteError::Closed { end, reason });
                }
            }
        }
    }

    /// An end has confirmed a message.
    fn stored(&mut self, end: End, ticket: Ticket, unexpected: bool) {
        let Some(entry) = self.in_flight.get(ticket) else {
            return;
        };
        // A redelivery may well be known: it was sent before, by a process that ended before it could settle.
        if unexpected && entry.attempts == 1 {
            self.progress.add(Count::UnexpectedDuplicates, 1);
            tracing::warn!(
                route = self.plan.name,
                "the {end} knew a message that was sent but once"
            );
        }
        match end {
            End::Target | End::Source => {
                if entry.fate == Fate::Forwarded {
                    self.breaker.passed(Stage::Finished);
                }
                self.report_then_settle(ticket);
            }
            End::Report => {
                self.progress.add(Count::Reported, 1);
                self.settle(ticket, Verdict::Done);
            }
            End::DeadLetter => self.settle(ticket, Verdict::Done),
        }
    }

    fn report_then_settle(&mut self, ticket: Ticket) {
        let Some(entry) = self.in_flight.get_mut(ticket) else {
            return;
        };
        match (entry.report.take(), &mut self.outputs.report) {
            (Some(report), Some(output)) => output.enqueue(ticket, entry.lane, *report),
            _ => self.settle(ticket, Verdict::Done),
        }
    }

    fn settle(&mut self, ticket: Ticket, verdict: Verdict) {
        if let Some(entry) = self.in_flight.get_mut(ticket) {
            entry.verdict = Some(verdict);
            for token in entry.tokens() {
                self.settling.settle(ticket, token, verdict);
            }
        }
    }

    /// The source has answered the verdicts.
    fn release(&mut self, settled: Settled) {
        match settled {
            Settled::Taken(tickets) => {
                self.fail_points.reach(FailPoint::AfterSettle);
                for ticket in tickets {
                    if let Some(entry) = self.in_flight.remove(ticket) {
                        self.progress.had_fate(entry.fate, 1);
                        self.progress
                            .had_fate(Fate::Joined, entry.tokens().len() as u64 - 1);
                    }
                }
            }
            Settled::Again => self.progress.add(Count::SettleFailures, 1),
            Settled::Lost(error) => {
                self.progress.add(Count::SettleFailures, 1);
                self.end(Err(RouteError::Settle(error)), Some(self.clock.now()));
            }
        }
    }
}

/// Receives into the room, or waits for ever where there is none.
async fn received(receiver: &mut dyn Receiver, room: Option<Room>, batch: &mut Vec<Delivery>) -> Result<()> {
    match room {
        Some(room) => receiver.receive(room, batch).await,
        None => std::future::pending().await,
    }
}

async fn some_time(timer: Option<impl Future<Output = ()>>) {
    match timer {
        Some(timer) => timer.await,
        None => std::future::pending().await,
    }
}
