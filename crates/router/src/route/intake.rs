//! Whether a route may take more messages, as far as the source and what its sessions tell decide that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use dunlin_core::error::{Class, Error};

use crate::plan::RetryPlan;
use crate::retry::Backoff;

/// The pauses and troubles of receiving.
#[derive(Debug)]
pub(super) struct Intake {
    again_at: Option<Instant>,
    backoff: Backoff,
    down: Option<String>,
    trouble: Option<String>,
    /// Systems that asked to wait before more is sent.
    blocked: BTreeSet<Arc<str>>,
    /// Systems that said that they do not work, and why. They are shown; only their calls decide.
    unhealthy: BTreeMap<Arc<str>, String>,
}

impl Intake {
    pub(super) fn new(retry: &RetryPlan) -> Self {
        Self {
            again_at: None,
            backoff: Backoff::new(retry),
            down: None,
            trouble: None,
            blocked: BTreeSet::new(),
            unhealthy: BTreeMap::new(),
        }
    }

    /// The source gave something.
    pub(super) fn worked(&mut self) {
        self.backoff.reset();
        self.again_at = None;
        self.down = None;
        self.trouble = None;
    }

    /// The source could not; it is asked again after a pause.
    pub(super) fn failed(&mut self, error: &Error, now: Instant) {
        self.again_at = Some(self.backoff.after(now));
        self.trouble = Some(error.to_string());
        self.down = (error.class() == Class::Unhealthy).then(|| error.to_string());
    }

    /// A system asked to wait, or to wait no longer.
    pub(super) fn block(&mut self, system: Arc<str>, blocked: bool) {
        if blocked {
            self.blocked.insert(system);
        } else {
            self.blocked.remove(&system);
        }
    }

    /// A system said that it does not work, or that it does again.
    pub(super) fn health(&mut self, system: Arc<str>, error: Option<&Error>) {
        match error {
            Some(error) => drop(self.unhealthy.insert(system, error.to_string())),
            None => drop(self.unhealthy.remove(&system)),
        }
    }

    /// Whether the source may be asked now.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        self.blocked.is_empty() && self.again_at.is_none_or(|at| at <= now)
    }

    /// When it may be asked again, if it is to be after this moment.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        self.again_at.filter(|at| *at > now)
    }

    /// Why the source is called unhealthy.
    pub(super) fn down(&self) -> Option<&str> {
        self.down.as_deref()
    }

    /// What else is in the way.
    pub(super) fn trouble(&self) -> Option<String> {
        if let Some(system) = self.blocked.first() {
            return Some(format!("system `{system}` asked to wait"));
        }
        let told = self.unhealthy.iter().next();
        self.trouble
            .clone()
            .or_else(|| told.map(|(system, reason)| format!("system `{system}`: {reason}")))
    }
}
