//! How a route ends: it takes nothing more, finishes what is in flight within a bound, and closes its ends.

use std::time::Instant;

use super::{End, EndReason, Ended, Route, RouteError};
use crate::limit::closed;
use crate::progress::Fate;
use crate::shutdown::Asked;

/// The route takes nothing more.
pub(super) struct Ending {
    pub(super) why: Result<EndReason, RouteError>,
    /// When it gives up what is still in flight; none: it waits for all of it.
    pub(super) deadline: Option<Instant>,
}

impl Route {
    /// Somebody asked the route to end.
    pub(super) fn stop(&mut self, asked: Asked) {
        let now = self.clock.now();
        match asked {
            Asked::Nothing => {}
            Asked::Drain => self.end(Ok(EndReason::Stopped), Some(now + self.plan.drain)),
            Asked::Abort => self.end(Ok(EndReason::Aborted), Some(now)),
        }
    }

    /// Takes nothing more; what is in flight is finished within the drain limit.
    pub(super) fn fail(&mut self, error: RouteError) {
        self.end(Err(error), Some(self.clock.now() + self.plan.drain));
    }

    /// Begins to end, or to end sooner than it would have. The first error is the one that is told.
    pub(super) fn end(&mut self, why: Result<EndReason, RouteError>, deadline: Option<Instant>) {
        let Some(ending) = &mut self.ending else {
            self.ending = Some(Ending { why, deadline });
            return;
        };
        ending.deadline = [ending.deadline, deadline].into_iter().flatten().min();
        let stronger = match (&ending.why, &why) {
            (Ok(before), Ok(now)) => *now == EndReason::Aborted || *before == EndReason::SourceEnded,
            (Ok(_), Err(_)) => true,
            (Err(_), _) => false,
        };
        if stronger {
            ending.why = why;
        }
    }

    /// Whether the route ends for another reason than that its source has no more.
    pub(super) fn is_asked_to_stop(&self) -> bool {
        let why = self.ending.as_ref().map(|ending| &ending.why);
        why.is_some_and(|why| !matches!(why, Ok(EndReason::SourceEnded)))
    }

    pub(super) fn is_over(&self) -> bool {
        let Some(ending) = &self.ending else {
            return false;
        };
        let late = ending
            .deadline
            .is_some_and(|deadline| deadline <= self.clock.now());
        late || (self.in_flight.is_empty() && (!self.lookup.is_holding() || self.is_asked_to_stop()))
    }

    /// Closes the ends: the settler before the receiver, so that what was settled is not given back. An abort waits for none.
    pub(super) async fn close(mut self) -> Result<Ended, RouteError> {
        self.tell();
        let left = self.in_flight.deliveries() + self.lookup.size().0;
        self.progress.had_fate(Fate::Left, left as u64);
        self.progress.hold(0, 0);
        self.outputs.abandon();
        let mut why = match self.ending {
            Some(ending) => ending.why,
            None => Ok(EndReason::Stopped),
        };
        if matches!(why, Ok(EndReason::Aborted)) {
            return why.map(|reason| Ended { reason, left });
        }
        let clock = &*self.clock;
        let settler = closed(clock, self.settling.close()).await;
        let receiver = closed(clock, self.receiver.close()).await;
        let mut results = vec![(End::Source, settler), (End::Source, receiver)];
        for (end, output) in self.outputs.into_each() {
            results.push((end, closed(clock, output.close()).await));
        }
        for (end, result) in results {
            if let Err(error) = result {
                tracing::error!(
                    route = self.plan.name,
                    "the {end} was not closed as it should: {error}"
                );
                why = why.and(Err(RouteError::Close { end, error }));
            }
        }
        why.map(|reason| Ended { reason, left })
    }
}
