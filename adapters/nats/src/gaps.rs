//! Answers one question: which messages are gone that the group never saw?
//!
//! Sequence numbers of a stream have holes for honest reasons: somebody deleted a message, a filter leaves some out, and
//! other receivers of the group get their share. What is counted here is only what is missing before the first message that
//! is still there. The server adjusts a consumer's place when messages are purged, so what was lost while no session was
//! open cannot always be told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::pull::Fetched;
use crate::topology::Consumer;

/// What receivers of a session knew when they closed, by stream and consumer.
pub(crate) type Left = Arc<Mutex<HashMap<(String, String), Known>>>;

/// What a receiver knows of its consumer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) log: Option<Arc<str>>,
    /// Behind the last message that came; 0 before any did.
    pub(crate) next: u64,
    /// The same in the consumer's own count of deliveries.
    consumer_next: u64,
    /// Messages that were given back and have not come again.
    pub(crate) back: Vec<u64>,
    /// The first message that was left out, and how many were, since somebody last looked.
    jump: Option<(u64, u64)>,
}

impl Known {
    /// Takes in how the consumer stands now, and says how many messages are gone.
    pub(crate) fn found(&mut self, consumer: &Consumer) -> u64 {
        let before = std::mem::take(self);
        self.log = Some(Arc::clone(&consumer.log));
        if let Some((next, consumer_next)) = consumer.next {
            self.next = next;
            self.consumer_next = consumer_next;
        }
        if before.log.as_ref() != self.log.as_ref() {
            // Another stream, or the first look: only what the consumer itself says counts.
            return self.gone(consumer);
        }
        // Another receiver of the group may have come further meanwhile.
        self.next = self.next.max(before.next);
        self.back = before.back;
        self.gone(consumer)
    }

    fn gone(&mut self, consumer: &Consumer) -> u64 {
        let never = if self.next > 0 {
            consumer.first.saturating_sub(self.next)
        } else {
            0
        };
        let back = self
            .back
            .iter()
            .filter(|sequence| **sequence < consumer.first)
            .count();
        self.back.clear();
        if self.next > 0 {
            self.next = self.next.max(consumer.first);
        }
        if consumer.filtered { 0 } else { never + back as u64 }
    }

    /// Takes in a message that came.
    pub(crate) fn saw(&mut self, fetched: &Fetched) {
        if fetched.sequence >= self.next {
            if self.next > 0 && self.consumer_next > 0 {
                let skipped = fetched.sequence - self.next;
                let given_to_others = fetched.consumer_sequence.saturating_sub(self.consumer_next);
                let missing = skipped.saturating_sub(given_to_others);
                if missing > 0 {
                    let (first, earlier) = self.jump.unwrap_or((self.next, 0));
                    self.jump = Some((first, earlier + missing));
                }
            }
            self.next = fetched.sequence + 1;
        }
        self.consumer_next = self.consumer_next.max(fetched.consumer_sequence + 1);
    }

    pub(crate) fn has_jumped(&self) -> bool {
        self.jump.is_some()
    }

    /// How many of the messages that were left out are gone, where this is the first one that is still there.
    pub(crate) fn explain(&mut self, first: u64) -> u64 {
        let jump = self.jump.take();
        jump.map_or(0, |(from, missing)| first.saturating_sub(from).min(missing))
    }
}

#[cfg(test)]
mod tests;
