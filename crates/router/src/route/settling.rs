//! The verdicts on their way back to the source.
//!
//! Verdicts are collected while a call is under way and go out together. A verdict that could not be handed over for a while
//! is handed over again: a token that means nothing any more has no effect, and a source in trouble must hold the window.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use dunlin_core::clock::Clock;
use dunlin_core::error::{Class, Error, Result};
use dunlin_core::messaging::{Settler, Token, Verdict};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::in_flight::Ticket;
use crate::plan::RetryPlan;
use crate::retry::Backoff;

type Verdicts = Vec<(Token, Verdict)>;

/// The settler comes back with the verdicts, and with what the source said.
type Called = (Box<dyn Settler>, Verdicts, Result<()>);

/// The settler of a route, and what it is to settle.
pub(super) struct Settling {
    clock: Arc<dyn Clock>,
    /// Away while a call is under way.
    settler: Option<Box<dyn Settler>>,
    running: Option<BoxFuture<'static, Called>>,
    /// The tickets of the running call, in the order of its verdicts.
    tickets: Vec<Ticket>,
    due: Vec<(Ticket, Token, Verdict)>,
    again_at: Option<Instant>,
    backoff: Backoff,
    down: Option<String>,
    trouble: Option<String>,
}

/// What has come of a call.
#[derive(Debug)]
pub(super) enum Settled {
    /// The source has taken the verdicts of these messages.
    Taken(Vec<Ticket>),
    /// It could not for a while; they go out again.
    Again,
    /// It never will.
    Lost(Error),
}

impl Settling {
    pub(super) fn new(settler: Box<dyn Settler>, retry: &RetryPlan, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            settler: Some(settler),
            running: None,
            tickets: Vec::new(),
            due: Vec::new(),
            again_at: None,
            backoff: Backoff::new(retry),
            down: None,
            trouble: None,
        }
    }

    /// Takes a verdict to be handed over.
    pub(super) fn settle(&mut self, ticket: Ticket, token: Token, verdict: Verdict) {
        self.due.push((ticket, token, verdict));
    }

    /// Whether a call would have something to hand over now.
    pub(super) fn is_due(&self) -> bool {
        let waits = self.again_at.is_some_and(|at| self.clock.now() < at);
        !waits && self.settler.is_some() && !self.due.is_empty()
    }

    /// Begins to hand over what is due, if the settler is free.
    pub(super) fn begin(&mut self) {
        if !self.is_due() {
            return;
        }
        self.again_at = None;
        let Some(mut settler) = self.settler.take() else {
            return;
        };
        let mut verdicts = Vec::with_capacity(self.due.len());
        for (ticket, token, verdict) in self.due.drain(..) {
            self.tickets.push(ticket);
            verdicts.push((token, verdict));
        }
        let call = async move {
            let result = settler.settle(&verdicts).await;
            (settler, verdicts, result)
        };
        self.running = Some(call.boxed());
    }

    /// Waits for the running call, for ever where there is none. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Settled {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// When there will be something to hand over again.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.again_at.filter(|_| self.settler.is_some())
    }

    /// Why the source is called unhealthy.
    pub(super) fn down(&self) -> Option<&str> {
        self.down.as_deref()
    }

    /// Why verdicts wait to be handed over again.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Closes the settler, which writes out what it held back; one that was given up in the middle of a call is gone already.
    pub(super) async fn close(self) -> Result<()> {
        match self.settler {
            Some(settler) => settler.close().await,
            None => Ok(()),
        }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Settled> {
        let Some(running) = &mut self.running else {
            return Poll::Pending;
        };
        let (settler, verdicts, result) = std::task::ready!(running.as_mut().poll(context));
        self.running = None;
        self.settler = Some(settler);
        let tickets = std::mem::take(&mut self.tickets);
        let Err(error) = result else {
            self.backoff.reset();
            self.down = None;
            self.trouble = None;
            return Poll::Ready(Settled::Taken(tickets));
        };
        match error.class() {
            Class::Temporary => self.trouble = Some(error.to_string()),
            Class::Unhealthy => self.down = Some(error.to_string()),
            Class::Permanent | Class::Closed => return Poll::Ready(Settled::Lost(error)),
        }
        let again = tickets.into_iter().zip(verdicts);
        self.due.splice(
            0..0,
            again.map(|(ticket, (token, verdict))| (ticket, token, verdict)),
        );
        self.again_at = Some(self.backoff.after(self.clock.now()));
        Poll::Ready(Settled::Again)
    }
}
