//! The ends that a route sends to, taken together.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use dunlin_core::clock::Clock;
use dunlin_core::message::Message;
use dunlin_core::messaging::Sender;

use super::ended::End;
use super::output::{Happened, Output, Rules};
use crate::dead_letter::without_payload;
use crate::plan::{EndPlan, Order, RoutePlan, Unroutable};

/// The senders of a route.
pub(super) struct Senders {
    pub(super) target: Box<dyn Sender>,
    pub(super) report: Option<Box<dyn Sender>>,
    pub(super) dead_letter: Option<Box<dyn Sender>>,
}

/// Target, report and dead letter.
pub(super) struct Outputs {
    pub(super) target: Output,
    pub(super) report: Option<Output>,
    pub(super) dead_letter: Option<Output>,
}

impl Outputs {
    pub(super) fn new(senders: Senders, plan: &RoutePlan, clock: &Arc<dyn Clock>) -> Self {
        let rules = |end: &EndPlan| Rules {
            batch: end
                .resolved
                .limits
                .batch
                .unwrap_or(plan.batch)
                .clamp(1, plan.batch),
            retry: plan.retry,
            attempts: None,
            refuses: false,
            refuses_unroutable: false,
            instead: None,
            lanes: plan.order != Order::None,
        };
        let target = Rules {
            attempts: plan.retry.attempts,
            refuses: true,
            refuses_unroutable: plan.unroutable == Unroutable::DeadLetter,
            ..rules(&plan.to.end)
        };
        let opened = |sender: Option<Box<dyn Sender>>, end: Option<&EndPlan>, instead| {
            let rules = Rules {
                instead,
                ..rules(end?)
            };
            Some(Output::new(sender?, rules, Arc::clone(clock)))
        };
        // A digest may stand for a message only where the message is still to be had: its source keeps it when it is settled.
        let source = plan.from.resolved.capabilities;
        let instead: Option<fn(&Message) -> Option<Message>> =
            (source.stable_position && !source.settling_deletes).then_some(without_payload);
        Self {
            target: Output::new(senders.target, target, Arc::clone(clock)),
            report: opened(
                senders.report,
                plan.report.as_ref().map(|report| &report.end),
                None,
            ),
            dead_letter: opened(senders.dead_letter, plan.dead_letter.as_ref(), instead),
        }
    }

    /// Begins to send whatever may be sent.
    pub(super) fn begin(&mut self) {
        self.each_mut().for_each(|(_, output)| output.begin());
    }

    /// Waits for the next answer of any end, for ever where nothing is under way. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> (End, Happened) {
        poll_fn(|context| {
            for (end, output) in self.each_mut() {
                if let Poll::Ready(happened) = output.poll_next(context) {
                    return Poll::Ready((end, happened));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// When there will be something to send again.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.each().filter_map(|(_, output)| output.wake_at()).min()
    }

    /// The first end that is called unhealthy, and why.
    pub(super) fn down(&self) -> Option<(End, &str)> {
        self.each().find_map(|(end, output)| Some((end, output.down()?)))
    }

    /// The first end that something waits for to be sent again, and why.
    pub(super) fn trouble(&self) -> Option<(End, &str)> {
        self.each()
            .find_map(|(end, output)| Some((end, output.trouble()?)))
    }

    /// How many messages were sent again since this was last asked.
    pub(super) fn take_resent(&mut self) -> u64 {
        self.each_mut().map(|(_, output)| output.take_resent()).sum()
    }

    /// Ends on purpose what is under way: it is in doubt.
    pub(super) fn abandon(&mut self) {
        self.each_mut().for_each(|(_, output)| output.abandon());
    }

    /// All of them, to be closed.
    pub(super) fn into_each(self) -> impl Iterator<Item = (End, Output)> {
        let others = [(End::Report, self.report), (End::DeadLetter, self.dead_letter)];
        let others = others
            .into_iter()
            .filter_map(|(end, output)| Some((end, output?)));
        std::iter::once((End::Target, self.target)).chain(others)
    }

    // The dead letter comes first: while it cannot be written, nothing else may go on.
    fn each(&self) -> impl Iterator<Item = (End, &Output)> {
        let all = [
            (End::DeadLetter, self.dead_letter.as_ref()),
            (End::Report, self.report.as_ref()),
            (End::Target, Some(&self.target)),
        ];
        all.into_iter().filter_map(|(end, output)| Some((end, output?)))
    }

    fn each_mut(&mut self) -> impl Iterator<Item = (End, &mut Output)> {
        let all = [
            (End::DeadLetter, self.dead_letter.as_mut()),
            (End::Report, self.report.as_mut()),
            (End::Target, Some(&mut self.target)),
        ];
        all.into_iter().filter_map(|(end, output)| Some((end, output?)))
    }
}
