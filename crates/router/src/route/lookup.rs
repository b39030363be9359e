//! Messages that wait for a registry: they are held, in their order, until it has said what is needed to read them.
//!
//! The loop of the route goes on meanwhile: confirms, stops and what sessions tell are heard, and no more is received. A
//! registry that cannot say it now is asked again with growing pauses for as long as it takes, since a message is no worse for
//! it. What a registry does not know is an answer, too: such a message goes on, and fails.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Delivery, Lane};
use dunlin_core::migration::Awaited;
use dunlin_schemas::registry::{Purpose, Registries, RegistryError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::choices::Choices;
use crate::plan::RoutePlan;
use crate::registries::{fetch, unhelpful};
use crate::retry::Backoff;

/// What a registry said when it was asked.
#[derive(Debug)]
pub(super) struct Looked(Awaited, Result<(), RegistryError>);

/// The messages that wait, and the question that is on its way.
pub(super) struct Lookup {
    registries: Registries,
    purpose: Purpose,
    clock: Arc<dyn Clock>,
    held: VecDeque<Delivery>,
    asking: Option<BoxFuture<'static, Looked>>,
    /// What the first of them awaited when it was last asked for.
    answered: Option<Awaited>,
    again_at: Option<Instant>,
    backoff: Backoff,
    trouble: Option<RegistryError>,
}

impl Lookup {
    pub(super) fn new(plan: &RoutePlan, clock: &Arc<dyn Clock>) -> Self {
        Self {
            registries: plan.registries.clone(),
            purpose: plan.registry_purpose,
            clock: Arc::clone(clock),
            held: VecDeque::new(),
            asking: None,
            answered: None,
            again_at: None,
            backoff: Backoff::new(&plan.retry),
            trouble: None,
        }
    }

    /// Whether a message must wait, for itself or for one before it.
    pub(super) fn must_wait(&self, delivery: &Delivery, choices: &Choices) -> bool {
        self.is_holding() || self.awaited(delivery, choices).is_some()
    }

    /// Holds a message behind those that are held.
    pub(super) fn hold(&mut self, delivery: Delivery) {
        self.held.push_back(delivery);
    }

    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// How many messages are held, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        let bytes = self.held.iter().map(|delivery| delivery.message.size()).sum();
        (self.held.len(), bytes)
    }

    /// The next message that need not wait any longer.
    pub(super) fn release(&mut self, choices: &Choices) -> Option<Delivery> {
        if self.asking.is_some() || self.is_early() {
            return None;
        }
        let first = self.held.front()?;
        if let Some(awaited) = self.awaited(first, choices) {
            // Awaited again although it was answered: to ask at once would never end.
            if self.again_at.is_none() && self.answered.as_ref() == Some(&awaited) {
                self.failed(unhelpful(&awaited));
            }
            return None;
        }
        self.answered = None;
        self.again_at = None;
        self.trouble = None;
        self.held.pop_front()
    }

    /// Lets go of messages that another receiver gets, and says how many.
    pub(super) fn let_go(&mut self, lanes: &[Lane]) -> usize {
        let before = self.held.len();
        self.held.retain(|delivery| !lanes.contains(&delivery.lane));
        before - self.held.len()
    }

    /// Asks for what the first message awaits, if it is time to.
    pub(super) fn begin(&mut self, choices: &Choices) {
        if self.asking.is_some() || self.is_early() {
            return;
        }
        let Some(awaited) = self.held.front().and_then(|first| self.awaited(first, choices)) else {
            return;
        };
        self.again_at = None;
        let (registries, clock, purpose) = (self.registries.clone(), Arc::clone(&self.clock), self.purpose);
        self.asking = Some(
            async move {
                let answer = fetch(&registries, &awaited, purpose, &*clock).await;
                Looked(awaited, answer)
            }
            .boxed(),
        );
    }

    /// Waits for the answer to the question that is on its way.
    pub(super) async fn next(&mut self) -> Looked {
        match &mut self.asking {
            Some(asking) => {
                let looked = asking.await;
                self.asking = None;
                looked
            }
            None => std::future::pending().await,
        }
    }

    /// Hears it.
    pub(super) fn hear(&mut self, Looked(awaited, answer): Looked) {
        match answer {
            Ok(()) => {
                self.answered = Some(awaited);
                self.backoff.reset();
                self.trouble = None;
            }
            Err(error) => self.failed(error),
        }
    }

    /// When a registry is asked again.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.again_at.filter(|_| self.is_holding())
    }

    /// Why messages are held that a moment will not mend.
    pub(super) fn down(&self) -> Option<String> {
        self.told(false)
    }

    /// Why they are held for a moment.
    pub(super) fn trouble(&self) -> Option<String> {
        self.told(true)
    }

    fn told(&self, temporary: bool) -> Option<String> {
        let error = self.trouble.as_ref().filter(|_| self.is_holding())?;
        (error.is_temporary() == temporary).then(|| error.to_string())
    }

    fn is_early(&self) -> bool {
        self.again_at.is_some_and(|at| at > self.clock.now())
    }

    fn failed(&mut self, error: RegistryError) {
        self.again_at = Some(self.backoff.after(self.clock.now()));
        self.trouble = Some(error);
    }

    fn awaited(&self, delivery: &Delivery, choices: &Choices) -> Option<Awaited> {
        if self.registries.is_empty() {
            return None;
        }
        let payload = delivery
            .message
            .payload
            .as_ref()
            .filter(|bytes| !bytes.is_empty())?;
        let now = self.clock.now();
        for registry in self.registries.iter() {
            registry.cache().expire(now);
        }
        choices.awaits(payload)
    }
}
