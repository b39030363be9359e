//! What is handed out and not settled, what is to come again, and how it is all told to the broker.
//!
//! The broker knows a delivery by its tag, which lives as long as the channel. A token is ours: it is never given out twice,
//! and means something only as long as the channel of its delivery does.
//!
//! What is given back is kept here until it is due, and not handed to the broker: a quorum queue of RabbitMQ 4.0 counts each
//! return, and at its twentieth drops the message without a word. Only what would be held for longer than the broker likes goes
//! back to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dunlin_core::messaging::{Delivery, Room, Token, Verdict};
use dunlin_core::{Error, ErrorKind, Result};
use lapin::Channel;
use tokio::sync::Notify;

/// The deliveries of one receiver.
pub(crate) struct Flight {
    state: Mutex<State>,
    /// Something is to come again.
    pub(crate) returned: Notify,
    broker_dead_letter: bool,
}

#[derive(Default)]
struct State {
    /// The channel of this incarnation; none while there is no such.
    channel: Option<Channel>,
    out: HashMap<Token, Held>,
    /// What is to come again, by when and by tag.
    returned: BTreeMap<(Instant, u64), Held>,
    /// The tags of all that the broker waits for.
    unsettled: BTreeSet<u64>,
}

struct Held {
    tag: u64,
    /// When the broker handed it out.
    since: Instant,
    delivery: Delivery,
}

/// What there is to hand out once more.
pub(crate) enum Again {
    Taken,
    In(Duration),
    Nothing,
}

/// One word to the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This delivery is done, and with `and_before` everything before it.
    Ack { tag: u64, and_before: bool },
    /// Take it back.
    Requeue { tag: u64 },
    /// Hand it to the dead-letter exchange of the queue.
    Reject { tag: u64 },
}

/// RabbitMQ closes a channel on which a delivery is unsettled for 30 minutes; this leaves room for the router's own work.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// Tokens are never given out twice in a process, so that one of an earlier receiver can never settle anything here.
static TOKENS: AtomicU64 = AtomicU64::new(1);

/// The next token.
pub(crate) fn token() -> Token {
    Token(TOKENS.fetch_add(1, Ordering::Relaxed))
}

impl Flight {
    pub(crate) fn new(broker_dead_letter: bool) -> Self {
        Self {
            state: Mutex::default(),
            returned: Notify::new(),
            broker_dead_letter,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new incarnation begins. Tokens from before mean nothing any more: the broker brings their messages again.
    pub(crate) fn begin(&self, channel: Channel) {
        *self.state() = State {
            channel: Some(channel),
            ..State::default()
        };
    }

    /// The incarnation has ended, and the next has not begun.
    pub(crate) fn end(&self) {
        *self.state() = State::default();
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.state().unsettled.is_empty()
    }

    /// Hands out what came from the broker.
    pub(crate) fn hand_out(&self, tag: u64, now: Instant, delivery: Delivery) -> Delivery {
        let mut state = self.state();
        state.unsettled.insert(tag);
        state.hand_out(Held {
            tag,
            since: now,
            delivery,
        })
    }

    /// Hands out what was given back and is due.
    pub(crate) fn again(&self, now: Instant, room: Room, batch: &mut Vec<Delivery>) -> Again {
        let mut state = self.state();
        let (mut taken, mut bytes) = (0, 0);
        while taken < room.messages && (taken == 0 || bytes < room.bytes) {
            let Some(first) = state.returned.first_entry() else {
                break;
            };
            let due = first.key().0;
            if due > now {
                return match taken {
                    0 => Again::In(due - now),
                    _ => Again::Taken,
                };
            }
            let mut held = first.remove();
            bytes += held.delivery.message.size();
            taken += 1;
            held.delivery.attempt = held.delivery.attempt.map(|attempt| attempt.saturating_add(1));
            batch.push(state.hand_out(held));
        }
        match taken {
            0 => Again::Nothing,
            _ => Again::Taken,
        }
    }

    /// What these verdicts say to the broker, and on which channel; none where no token means anything.
    ///
    /// # Errors
    /// A rejection where the queue is not said to have a dead-letter exchange: the broker would drop the message. The other
    /// verdicts are lost with it, and their deliveries stay unsettled.
    pub(crate) fn decide(
        &self,
        verdicts: &[(Token, Verdict)],
        now: Instant,
    ) -> Result<Option<(Channel, Vec<Answer>)>> {
        let mut state = self.state();
        let rejects = |(token, verdict): &(Token, Verdict)| {
            *verdict == Verdict::Reject && state.out.contains_key(token)
        };
        if !self.broker_dead_letter && verdicts.iter().any(rejects) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "expected a queue with a dead-letter exchange, found none said; give the queue one and set `broker_dead_letter: true`",
            ));
        }
        let Some(channel) = state.channel.clone() else {
            return Ok(None);
        };
        let mut done = Vec::with_capacity(verdicts.len());
        let mut answers = Vec::new();
        for (token, verdict) in verdicts {
            let Some(held) = state.out.remove(token) else {
                continue;
            };
            match verdict {
                Verdict::Done => done.push(held.tag),
                Verdict::Reject => answers.push(Answer::Reject { tag: held.tag }),
                Verdict::Retry { after } => {
                    let due = now.checked_add(*after).unwrap_or(now);
                    if due.duration_since(held.since) > LONGEST_HOLD {
                        answers.push(Answer::Requeue { tag: held.tag });
                    } else {
                        state.returned.insert((due, held.tag), held);
                        self.returned.notify_waiters();
                        continue;
                    }
                }
            }
        }
        for answer in &answers {
            if let Answer::Requeue { tag } | Answer::Reject { tag } = answer {
                state.unsettled.remove(tag);
            }
        }
        answers.extend(state.acknowledge(done));
        Ok((!answers.is_empty()).then_some((channel, answers)))
    }
}

impl State {
    fn hand_out(&mut self, mut held: Held) -> Delivery {
        held.delivery.token = token();
        let delivery = held.delivery.clone();
        self.out.insert(delivery.token, held);
        delivery
    }

    /// One acknowledgement for all that are done before the first that is not; one each for those behind it.
    fn acknowledge(&mut self, mut done: Vec<u64>) -> Vec<Answer> {
        done.sort_unstable();
        for tag in &done {
            self.unsettled.remove(tag);
        }
        let first_open = self.unsettled.first().copied().unwrap_or(u64::MAX);
        let (before, behind) = done.split_at(done.partition_point(|tag| *tag < first_open));
        // The tag is one of this call: the broker refuses a tag that was acknowledged already, and closes the channel.
        let prefix = before.last().map(|tag| Answer::Ack {
            tag: *tag,
            and_before: before.len() > 1,
        });
        let single = behind.iter().map(|tag| Answer::Ack {
            tag: *tag,
            and_before: false,
        });
        prefix.into_iter().chain(single).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(tags: impl IntoIterator<Item = u64>) -> State {
        State {
            unsettled: tags.into_iter().collect(),
            ..State::default()
        }
    }

    #[test]
    fn one_acknowledgement_answers_all_before_the_first_gap_and_none_behind_it() {
        let mut state = state(1..=6);
        let single = |tag| Answer::Ack {
            tag,
            and_before: false,
        };
        let prefix = |tag| Answer::Ack {
            tag,
            and_before: true,
        };
        assert_eq!(state.acknowledge(vec![5, 2, 1]), [prefix(2), single(5)]);
        assert_eq!(state.acknowledge(vec![4]), [single(4)]);
        // Five was acknowledged before; naming it again would close the channel.
        assert_eq!(state.acknowledge(vec![3]), [single(3)]);
        assert_eq!(state.acknowledge(vec![6]), [single(6)]);
        assert!(state.acknowledge(Vec::new()).is_empty());
    }
}
