//! What is handed out and not settled, and what is to come again.
//!
//! A file takes no message back. What is given back is kept here with its count of attempts, and is handed out before any
//! later line, so that order holds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dunlin_core::ledger::Ledger;
use dunlin_core::messaging::{Delivery, Lane, Room, Token, Verdict};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Result};
use tokio::sync::Notify;

use crate::feed::Read;
use crate::spot::Spot;
use crate::tail::Log;

/// What is handed out and not settled.
pub(crate) struct Flight {
    state: Mutex<State>,
    /// Something is to come again.
    pub(crate) returned: Notify,
}

pub(crate) struct State {
    /// Nobody settles what a look hands out, so nothing of it is kept.
    keeps: bool,
    stable: bool,
    out: HashMap<Token, Held>,
    /// What is to come again, in the order of the file, each with when.
    returned: BTreeMap<u64, (Held, Instant)>,
    /// Numbers of the messages in the order of the file, from 1.
    ledger: Ledger<u64>,
    last: u64,
    /// Where the place is once that message and all before it are settled.
    places: BTreeMap<u64, (Arc<Log>, Spot)>,
    log: Option<Arc<Log>>,
}

struct Held {
    number: u64,
    attempt: u32,
    delivery: Delivery,
}

/// Tokens are never given out twice in a process, so that one of an earlier receiver can never settle anything here.
static TOKENS: AtomicU64 = AtomicU64::new(1);

/// What there is to hand out once more.
pub(crate) enum Again {
    Taken,
    In(Duration),
    Nothing,
}

impl Flight {
    pub(crate) fn new(keeps: bool, stable: bool) -> Self {
        let state = State {
            keeps,
            stable,
            out: HashMap::new(),
            returned: BTreeMap::new(),
            ledger: Ledger::new(usize::MAX),
            last: 0,
            places: BTreeMap::new(),
            log: None,
        };
        Self {
            state: Mutex::new(state),
            returned: Notify::new(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn settle(&self, verdicts: &[(Token, Verdict)], now: Instant) -> Result<()> {
        let mut state = self.state();
        let mut rejected = false;
        for (token, verdict) in verdicts {
            match verdict {
                Verdict::Done => {
                    if let Some(held) = state.out.remove(token) {
                        state.ledger.settle(held.number);
                    }
                }
                Verdict::Retry { after } => {
                    if let Some(held) = state.out.remove(token) {
                        let due = now.checked_add(*after).unwrap_or(now);
                        state.returned.insert(held.number, (held, due));
                        self.returned.notify_waiters();
                    }
                }
                Verdict::Reject => rejected |= state.out.contains_key(token),
            }
        }
        match rejected {
            false => Ok(()),
            true => Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "a file has no dead-lettering of its own; nothing was rejected",
            )),
        }
    }
}

impl State {
    /// Hands out what came back and is due. As long as the first of it is not, nothing else goes before it.
    pub(crate) fn again(&mut self, now: Instant, room: Room, batch: &mut Vec<Delivery>) -> Again {
        let mut bytes = 0;
        let mut taken = 0;
        while let Some(first) = self.returned.first_entry() {
            let due = first.get().1;
            if due > now {
                return if taken == 0 {
                    Again::In(due - now)
                } else {
                    Again::Taken
                };
            }
            if taken == room.messages || (taken > 0 && bytes >= room.bytes) {
                break;
            }
            let (held, _) = first.remove();
            bytes += held.delivery.message.size();
            taken += 1;
            let attempt = held.attempt.saturating_add(1);
            batch.push(self.hand_out(held.number, attempt, held.delivery));
        }
        if taken == 0 { Again::Nothing } else { Again::Taken }
    }

    /// Hands out new messages.
    pub(crate) fn take(&mut self, room: Room, ready: &mut VecDeque<Read>, batch: &mut Vec<Delivery>) {
        let mut bytes = 0;
        let mut taken = 0;
        while taken < room.messages && (taken == 0 || bytes < room.bytes) {
            let Some(Read {
                envelope,
                log,
                start,
                end,
            }) = ready.pop_front()
            else {
                return;
            };
            bytes += envelope.message.size();
            taken += 1;
            let mut delivery = Delivery::new(Token(0), Lane(0), envelope.message);
            delivery.address = envelope.address;
            if self.stable {
                delivery.position = Some(Position::new(Arc::clone(&log.name), start.packed()));
            }
            self.issue(log, start, end);
            batch.push(self.hand_out(self.last, 1, delivery));
        }
    }

    fn issue(&mut self, log: Arc<Log>, start: Spot, end: Spot) {
        if !self.keeps {
            return;
        }
        if self.log.as_ref().is_some_and(|before| !Arc::ptr_eq(before, &log)) {
            // Once all of the file before is settled, the place is at the start of this one: the old one may go.
            let number = self.number(Arc::clone(&log), start);
            self.ledger.settle(number);
        }
        self.log = Some(Arc::clone(&log));
        self.number(log, end);
    }

    fn number(&mut self, log: Arc<Log>, spot: Spot) -> u64 {
        self.last += 1;
        // Numbers rise by one, and the ledger has no bound but the window of whoever receives.
        let issued = self.ledger.issue(self.last);
        debug_assert!(issued.is_ok(), "{issued:?}");
        self.places.insert(self.last, (log, spot));
        self.last
    }

    fn hand_out(&mut self, number: u64, attempt: u32, mut delivery: Delivery) -> Delivery {
        delivery.token = Token(TOKENS.fetch_add(1, Ordering::Relaxed));
        delivery.attempt = Some(attempt);
        if self.keeps {
            self.out.insert(
                delivery.token,
                Held {
                    number,
                    attempt,
                    delivery: delivery.clone(),
                },
            );
        }
        delivery
    }

    /// How far everything is settled: the number of the last message, and the place behind it.
    pub(crate) fn settled(&mut self) -> Option<(u64, Arc<Log>, Spot)> {
        let number = self.ledger.settled()?;
        let above = self.places.split_off(&number);
        self.places = above;
        let (log, spot) = self.places.get(&number)?;
        Some((number, Arc::clone(log), *spot))
    }
}
