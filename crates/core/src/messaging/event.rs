//! What a session tells beside the data.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Lane;
use crate::error::Error;

/// Where a session tells what happens beside the data. A clone tells the same listener.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Hands every event to this function, on whatever task it happens; the function must not block.
    pub fn to(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Nobody listens. Lanes that are about to be lost are answered at once.
    pub fn ignored() -> Self {
        Self::to(drop)
    }

    /// Tells the listener.
    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

/// What happened beside the data.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Messages that the group never saw are gone from the source. They cannot be had back.
    Gap {
        /// The channel.
        channel: String,
        /// How many, where it is known.
        messages: Option<u64>,
    },
    /// These lanes go to another receiver of the group. What is in flight on them should be settled now.
    LanesRevoking {
        /// The lanes.
        lanes: Vec<Lane>,
        /// The time left.
        deadline: Duration,
        /// Dropped when what was in flight is settled.
        done: Revoked,
    },
    /// These lanes are gone; their tokens mean nothing any more.
    LanesLost {
        /// The lanes.
        lanes: Vec<Lane>,
    },
    /// The connection was lost and is back; tokens from before mean nothing any more.
    Reconnected,
    /// The system asks to wait before more is sent.
    Blocked {
        /// Why, in the system's words.
        reason: String,
    },
    /// The system takes messages again.
    Unblocked,
    /// The connection or a channel does not work, for this reason.
    Unhealthy {
        /// The reason.
        error: Error,
    },
    /// It works again.
    Healthy,
}

/// The answer to [`Event::LanesRevoking`]: dropping it says that nothing is in flight on those lanes any more.
// The lock is never waited for: it makes the answer shareable between threads, so that several routes can hold one event.
pub struct Revoked(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Revoked {
    /// Calls this function when the answer is given.
    pub fn then(answer: impl FnOnce() + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(answer))))
    }
}

impl Drop for Revoked {
    fn drop(&mut self) {
        let answer = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = answer {
            answer();
        }
    }
}

impl fmt::Debug for Revoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revoked")
    }
}
