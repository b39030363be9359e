//! What one receiver has read and not settled, from the server's answer to the settlement.
//!
//! The reader adds entries, the receiver hands them out, the settler answers them, and the upkeep renews the claim on all
//! of them; this is what they share. The lock is never held over an await. All of it belongs to one incarnation, a pair of
//! connections: when that ends everything is forgotten, the tokens mean nothing any more, and the server brings the same
//! entries again. Tokens are numbered on over incarnations and never reused.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dunlin_core::messaging::{Delivery, Lane, Room, Token, Verdict};
use dunlin_core::position::Position;
use dunlin_core::{Error, ErrorKind, Message, Result};
use foldhash::fast::RandomState;
use tokio::sync::Notify;

use crate::connection::Link;
use crate::reply::Id;

/// What a receiver has read and not settled.
#[derive(Debug)]
pub(crate) struct Flight {
    state: Mutex<State>,
    /// Something can be handed out, or there is an error to tell.
    pub(crate) changed: Notify,
    /// There is room to read more.
    pub(crate) room: Notify,
    lane: Lane,
    window: Room,
}

#[derive(Debug)]
struct State {
    next_token: u64,
    // Boxed, because the tree moves what it holds with every removal.
    held: BTreeMap<Id, Box<Held>>,
    bytes: usize,
    tokens: HashMap<u64, Id, RandomState>,
    /// Read and never handed out, in the order in which they came.
    ready: VecDeque<Id>,
    /// Given back, with the time from which on they may come again.
    again: BTreeMap<Id, Instant>,
    error: Option<Error>,
    /// Nothing reads any more.
    ended: bool,
    /// The connection on which this incarnation settles, and what its positions are called.
    incarnation: Option<(Arc<Link>, Arc<str>)>,
    address: bytes::Bytes,
}

/// An entry that was read.
#[derive(Debug)]
pub(crate) struct Held {
    message: Message,
    pub(crate) size: usize,
    attempt: u32,
}

impl Held {
    /// An entry that the server has handed out so often.
    pub(crate) fn new(message: Message, attempt: u32) -> Box<Self> {
        Box::new(Self {
            size: message.size(),
            message,
            attempt,
        })
    }
}

/// What `take` found.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Deliveries were appended.
    Some,
    /// Nothing, and the first that was given back comes after this time.
    In(Duration),
    /// Nothing.
    Nothing,
}

/// The entries to acknowledge, each with its token, and where.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) done: Vec<(Token, Id)>,
    pub(crate) link: Option<Arc<Link>>,
}

impl Flight {
    pub(crate) fn new(channel: &str, lane: Lane, window: Room) -> Self {
        Self {
            state: Mutex::new(State {
                next_token: 1,
                held: BTreeMap::new(),
                bytes: 0,
                tokens: HashMap::default(),
                ready: VecDeque::new(),
                again: BTreeMap::new(),
                error: None,
                ended: false,
                incarnation: None,
                address: bytes::Bytes::from(channel.to_owned()),
            }),
            changed: Notify::new(),
            room: Notify::new(),
            lane,
            window,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new incarnation begins, which settles on this connection; what an earlier one held is forgotten.
    pub(crate) fn begin(&self, link: Arc<Link>, log: Arc<str>) {
        let mut state = self.state();
        state.forget();
        state.incarnation = Some((link, log));
    }

    /// The incarnation has ended: its tokens mean nothing any more. Returns the lowest entry that was not settled.
    pub(crate) fn forget(&self) -> Option<Id> {
        let mut state = self.state();
        let lowest = state.held.keys().next().copied();
        state.forget();
        lowest
    }

    /// Leaves an error for the receiver to tell.
    pub(crate) fn fail(&self, error: Error) {
        self.state().error = Some(error);
        self.changed.notify_waiters();
    }

    /// Nothing will be read any more.
    pub(crate) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_waiters();
    }

    /// Takes in what was read. What is held already, because it was read twice, stays as it is.
    pub(crate) fn add(&self, entries: impl IntoIterator<Item = (Id, Box<Held>)>) {
        let mut state = self.state();
        for (id, held) in entries {
            let Entry::Vacant(place) = state.held.entry(id) else {
                continue;
            };
            let size = held.size;
            place.insert(held);
            state.bytes += size;
            state.ready.push_back(id);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// How many more entries may be read, beyond those held, with so many read ahead of the window at most.
    pub(crate) fn free(&self, ahead: usize) -> usize {
        let state = self.state();
        if state.bytes >= self.window.bytes && !state.held.is_empty() {
            return 0;
        }
        self.window
            .messages
            .saturating_add(ahead)
            .saturating_sub(state.held.len())
    }

    /// Hands out what is ready, within the room. What was given back goes first, and nothing newer before it.
    pub(crate) fn take(&self, room: Room, now: Instant, batch: &mut Vec<Delivery>) -> Result<Taken> {
        let mut state = self.state();
        let mut bytes = 0;
        let before = batch.len();
        let has_room = |batch: &Vec<Delivery>, bytes: usize| {
            batch.len() - before < room.messages && (bytes == 0 || bytes < room.bytes)
        };
        while has_room(batch, bytes) {
            let Some((id, due)) = state.again.first_key_value().map(|(id, due)| (*id, *due)) else {
                break;
            };
            if due > now {
                break;
            }
            state.again.remove(&id);
            bytes += state.hand_out(id, self.lane, batch);
        }
        if let Some((_, due)) = state.again.first_key_value() {
            return Ok(match batch.len() == before {
                true => Taken::In(due.saturating_duration_since(now)),
                false => Taken::Some,
            });
        }
        while has_room(batch, bytes) {
            let Some(id) = state.ready.pop_front() else { break };
            bytes += state.hand_out(id, self.lane, batch);
        }
        if batch.len() > before {
            return Ok(Taken::Some);
        }
        if let Some(error) = state.error.take() {
            return Err(error);
        }
        if state.ended {
            return Err(Error::closed("receive", "the receiver was closed"));
        }
        Ok(Taken::Nothing)
    }

    /// Takes the verdicts in. What is done is returned, to be acknowledged; what is unknown has no effect.
    pub(crate) fn settle(&self, verdicts: &[(Token, Verdict)], now: Instant) -> Result<Settling> {
        let mut state = self.state();
        if verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Reject) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "expected no `Reject`: Redis has no dead-lettering of its own; set a dead letter channel at the route",
            ));
        }
        let mut done = Vec::with_capacity(verdicts.len());
        let mut returned = false;
        for (token, verdict) in verdicts {
            let Some(id) = state.tokens.remove(&token.0) else {
                continue;
            };
            match verdict {
                Verdict::Done => done.push((*token, id)),
                Verdict::Retry { after } => {
                    state.again.insert(id, now + *after);
                    returned = true;
                }
                Verdict::Reject => {}
            }
        }
        let link = state.incarnation.as_ref().map(|(link, _)| Arc::clone(link));
        drop(state);
        if returned {
            self.changed.notify_waiters();
        }
        Ok(Settling { done, link })
    }

    /// The server has acknowledged these, for this incarnation.
    pub(crate) fn acknowledged(&self, settling: &Settling) {
        let mut state = self.state();
        if !state.settles_on(settling.link.as_ref()) {
            return;
        }
        for (_, id) in &settling.done {
            state.remove(*id);
        }
        drop(state);
        self.room.notify_waiters();
    }

    /// The server refused to acknowledge these: they stay as they were.
    pub(crate) fn not_acknowledged(&self, settling: &Settling) {
        let mut state = self.state();
        if state.settles_on(settling.link.as_ref()) {
            state
                .tokens
                .extend(settling.done.iter().map(|(token, id)| (token.0, *id)));
        }
    }

    /// Everything that waits for a verdict, or to be handed out. What is being acknowledged at this moment is left out.
    pub(crate) fn held(&self) -> BTreeSet<Id> {
        let state = self.state();
        let waiting = state.ready.iter().chain(state.again.keys());
        waiting.chain(state.tokens.values()).copied().collect()
    }

    /// These belong to another consumer now: whoever holds a token of them holds nothing.
    pub(crate) fn lost(&self, ids: &BTreeSet<Id>) {
        let mut state = self.state();
        state.tokens.retain(|_, id| !ids.contains(id));
        state.ready.retain(|id| !ids.contains(id));
        for id in ids {
            state.again.remove(id);
            state.remove(*id);
        }
        drop(state);
        self.room.notify_waiters();
    }

    /// The connection of this incarnation, to give back what it holds.
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.state()
            .incarnation
            .as_ref()
            .map(|(link, _)| Arc::clone(link))
    }
}

impl State {
    fn forget(&mut self) {
        self.held.clear();
        self.bytes = 0;
        self.tokens.clear();
        self.ready.clear();
        self.again.clear();
        self.error = None;
        self.incarnation = None;
    }

    fn settles_on(&self, link: Option<&Arc<Link>>) -> bool {
        match (&self.incarnation, link) {
            (Some((own, _)), Some(link)) => Arc::ptr_eq(own, link),
            _ => false,
        }
    }

    fn remove(&mut self, id: Id) {
        if let Some(held) = self.held.remove(&id) {
            self.bytes -= held.size;
        }
    }

    fn hand_out(&mut self, id: Id, lane: Lane, batch: &mut Vec<Delivery>) -> usize {
        let (Some(held), Some((_, log))) = (self.held.get_mut(&id), &self.incarnation) else {
            return 0;
        };
        let token = self.next_token;
        self.next_token += 1;
        self.tokens.insert(token, id);
        batch.push(
            Delivery::new(Token(token), lane, held.message.clone())
                .at(Position::new(Arc::clone(log), id.0))
                .addressed(self.address.clone())
                .attempted(held.attempt),
        );
        held.attempt = held.attempt.saturating_add(1);
        held.size.max(1)
    }
}

#[cfg(test)]
mod tests;
