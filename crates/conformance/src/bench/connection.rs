//! A session that is open, and what it opens.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Event, Purpose, Room, Session, Source, Start, Target};
use tokio::time::{Instant, sleep};

use super::{ROOM, SourceEnd, TargetEnd, within};
use crate::suite::{Checked, ensure};

/// A session, and what its listener heard.
pub(crate) struct Connection {
    /// The session.
    pub(crate) session: Arc<dyn Session>,
    pub(super) heard: Arc<Mutex<Vec<Event>>>,
    pub(super) patience: Duration,
    pub(super) quiet: Duration,
}

impl Connection {
    /// Receives from the earliest message on.
    pub(crate) async fn source(&self, endpoint: &Endpoint, group: &str) -> Checked<SourceEnd> {
        self.source_with(&Source::new(endpoint.clone(), group).starting(Start::Earliest))
            .await
    }

    /// The same, with no more than this many messages ever out, or fetched beforehand: what a fault may bring again.
    pub(crate) async fn source_of(
        &self,
        endpoint: &Endpoint,
        group: &str,
        window: usize,
    ) -> Checked<SourceEnd> {
        let wanted = Source::new(endpoint.clone(), group)
            .starting(Start::Earliest)
            .with_window(Room {
                messages: window,
                bytes: ROOM.bytes,
            });
        self.source_with(&wanted).await
    }

    /// Receives as this says.
    pub(crate) async fn source_with(&self, source: &Source) -> Checked<SourceEnd> {
        let (receiver, settler) = within(self.patience, "receiver", self.session.receiver(source)).await??;
        Ok(SourceEnd {
            receiver,
            settler,
            patience: self.patience,
            quiet: self.quiet,
        })
    }

    /// Opens the channel for sending.
    pub(crate) async fn target(&self, endpoint: &Endpoint) -> Checked<TargetEnd> {
        let target = Target::new(endpoint.clone(), "conformance");
        // As a route does: what the settings let the system make is made before it is asked for.
        if let Some(declare) = self.session.declare() {
            within(self.patience, "declare", declare.declare(endpoint, Purpose::Send)).await??;
        }
        let verified = self.session.verify(endpoint, Purpose::Send).await?;
        let sender = within(self.patience, "sender", self.session.sender(&target)).await??;
        Ok(TargetEnd {
            sender,
            patience: self.patience,
            batch: verified.limits.batch.unwrap_or(usize::MAX),
        })
    }

    /// What was heard since the last call.
    pub(crate) fn heard(&self) -> Vec<Event> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something like this was heard, and leaves everything else to be heard later.
    pub(crate) async fn hears(&self, what: &str, like: impl Fn(&Event) -> bool) -> Checked<Event> {
        let end = Instant::now() + self.patience;
        loop {
            {
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(place) = heard.iter().position(&like) {
                    return Ok(heard.remove(place));
                }
            }
            ensure(Instant::now() < end, || {
                format!("expected the event {what}, found none")
            })?;
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many messages the group has not settled, where the system tells.
    pub(crate) async fn lag(&self, endpoint: &Endpoint, group: &str) -> Checked<Option<u64>> {
        let state = within(
            self.patience,
            "inspect",
            self.session.inspect(endpoint, Some(group)),
        )
        .await??;
        Ok(state.lag)
    }

    /// Ends the session.
    pub(crate) async fn close(self) -> Checked {
        Ok(within(self.patience, "the session to close", self.session.close()).await??)
    }
}
