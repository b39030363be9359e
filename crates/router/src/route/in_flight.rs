//! The messages that were received and are not settled, and the room that is left for more.
//!
//! It is the ceiling for what is in memory, and for what may come twice after a crash. It decides nothing: it remembers.

use std::collections::HashMap;
use std::sync::Arc;

use dunlin_core::message::Message;
use dunlin_core::messaging::{Delivery, Event, Lane, Outgoing, Room, Token, Verdict};
use dunlin_core::position::Position;
use foldhash::fast::RandomState;

use super::ahead::Ahead;
use super::choices::Choices;
use crate::progress::Fate;

/// Names a delivery inside its route; a later delivery has a higher ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket(pub(super) u64);

/// A message in flight.
#[derive(Debug)]
pub(super) struct Entry {
    /// It names the message, and so do those under which it came again while it was in flight.
    token: Token,
    again: Vec<Token>,
    pub(super) lane: Lane,
    pub(super) position: Option<Position>,
    pub(super) address: Option<bytes::Bytes>,
    /// How often it was tried, this time included, as far as anyone counted.
    pub(super) attempts: u32,
    /// The message as it came: what a dead letter holds.
    pub(super) original: Message,
    /// The migration that was taken for it, as `name@length:hash`.
    pub(super) chain: Option<Arc<str>>,
    /// The migrations that it was judged by.
    pub(super) choices: Option<Arc<Choices>>,
    /// What the report will say once the target has confirmed.
    pub(super) report: Option<Box<Outgoing>>,
    /// What has become of it, as far as that is decided.
    pub(super) fate: Fate,
    /// What the source is told, once that is decided.
    pub(super) verdict: Option<Verdict>,
    bytes: usize,
}

impl Entry {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self {
            token: delivery.token,
            again: Vec::new(),
            lane: delivery.lane,
            position: delivery.position,
            address: delivery.address,
            attempts: delivery.attempt.unwrap_or(1),
            bytes: delivery.message.size(),
            original: delivery.message,
            chain: None,
            choices: None,
            report: None,
            fate: Fate::Left,
            verdict: None,
        }
    }

    /// All deliveries of the message.
    pub(super) fn tokens(&self) -> impl ExactSizeIterator<Item = Token> {
        (0..1 + self.again.len()).map(|place| match place {
            0 => self.token,
            place => self.again[place - 1],
        })
    }
}

/// What a delivery is to a route that has its message in flight already.
#[derive(Debug)]
pub(super) enum Again {
    /// It has not.
    New(Delivery),
    /// It waits with the other one, and is settled with it.
    Joined,
    /// Everything that the message is owed is confirmed, only its settling is not: the delivery can be settled, too.
    Done(Delivery),
}

/// All messages in flight of one route.
#[derive(Debug)]
pub(super) struct InFlight {
    window: Room,
    batch: usize,
    entries: HashMap<Ticket, Entry, RandomState>,
    positions: HashMap<Position, Ticket, RandomState>,
    bytes: usize,
    next: u64,
    /// What is settled and would come again after a crash; none where a source settles each message by itself.
    ahead: Option<Ahead>,
    /// Lanes that another receiver waits for. Dropping the event is the answer.
    revoking: Vec<Arc<Event>>,
}

impl InFlight {
    /// `places`: the source remembers one place for each lane, and not each message that is settled.
    pub(super) fn new(window: Room, batch: usize, places: bool) -> Self {
        Self {
            ahead: places.then(Ahead::default),
            window,
            batch,
            entries: HashMap::default(),
            positions: HashMap::default(),
            bytes: 0,
            next: 0,
            revoking: Vec::new(),
        }
    }

    /// Looks whether the same message is in flight, as it is when a connection broke under it. To send it again would be to
    /// send it beside a copy that is on its way.
    pub(super) fn again(&mut self, delivery: Delivery) -> Again {
        let ticket = delivery
            .position
            .as_ref()
            .and_then(|position| self.positions.get(position));
        let Some(entry) = ticket.and_then(|ticket| self.entries.get_mut(ticket)) else {
            return Again::New(delivery);
        };
        match entry.verdict {
            None => {
                entry.again.push(delivery.token);
                Again::Joined
            }
            Some(Verdict::Done) => Again::Done(delivery),
            // It was given back, and this is its next attempt.
            Some(Verdict::Retry { .. } | Verdict::Reject) => Again::New(delivery),
        }
    }

    /// Takes a message in.
    pub(super) fn admit(&mut self, entry: Entry) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.bytes += entry.bytes;
        if let Some(ahead) = &mut self.ahead {
            ahead.issue(entry.lane, ticket);
        }
        if let Some(position) = &entry.position {
            self.positions.entry(position.clone()).or_insert(ticket);
        }
        self.entries.insert(ticket, entry);
        ticket
    }

    pub(super) fn get(&self, ticket: Ticket) -> Option<&Entry> {
        self.entries.get(&ticket)
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        self.entries.get_mut(&ticket)
    }

    /// Lets a message go, settled or not, and answers for lanes that are clear by it.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Entry> {
        let entry = self.entries.remove(&ticket)?;
        self.bytes -= entry.bytes;
        if let Some(ahead) = &mut self.ahead {
            ahead.settle(entry.lane, ticket);
        }
        if let Some(position) = &entry.position
            && self.positions.get(position) == Some(&ticket)
        {
            self.positions.remove(position);
        }
        self.answer_revoked();
        Some(entry)
    }

    /// The room for the next receive; none while the window is full.
    pub(super) fn room(&self) -> Option<Room> {
        let ahead = self.ahead.as_ref().map_or(0, Ahead::messages);
        let messages = self
            .window
            .messages
            .saturating_sub(self.entries.len() + ahead)
            .min(self.batch);
        let bytes = self.window.bytes.saturating_sub(self.bytes);
        (messages > 0 && bytes > 0).then_some(Room { messages, bytes })
    }

    /// Remembers lanes that are about to be lost, until nothing of them is in flight.
    pub(super) fn revoke(&mut self, event: Arc<Event>) {
        self.revoking.push(event);
        self.answer_revoked();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn messages(&self) -> usize {
        self.entries.len()
    }

    /// How many deliveries are unsettled: more than messages, where some came again.
    pub(super) fn deliveries(&self) -> usize {
        self.entries.values().map(|entry| entry.tokens().len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn answer_revoked(&mut self) {
        let entries = &self.entries;
        self.revoking.retain(|event| match &**event {
            Event::LanesRevoking { lanes, .. } => entries.values().any(|entry| lanes.contains(&entry.lane)),
            _ => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use dunlin_core::messaging::Revoked;

    use super::*;

    fn delivery(lane: u64, payload: &'static str) -> Entry {
        Entry::new(Delivery::new(Token(0), Lane(lane), Message::new(payload)))
    }

    #[test]
    fn room_is_what_messages_and_bytes_leave() {
        let mut window = InFlight::new(
            Room {
                messages: 3,
                bytes: 10,
            },
            2,
            false,
        );
        assert_eq!(
            window.room(),
            Some(Room {
                messages: 2,
                bytes: 10
            })
        );
        window.admit(delivery(0, "1234"));
        let second = window.admit(delivery(0, "123456"));
        assert_eq!(window.room(), None, "no byte is left");
        window.remove(second);
        assert_eq!(
            window.room(),
            Some(Room {
                messages: 2,
                bytes: 6
            })
        );
        window.admit(delivery(0, ""));
        window.admit(delivery(0, ""));
        assert_eq!(window.room(), None, "no message is left");
    }

    #[test]
    fn a_revoked_lane_is_answered_when_the_last_message_of_it_was_let_go() {
        let answered = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&answered);
        let mut window = InFlight::new(
            Room {
                messages: 9,
                bytes: 9,
            },
            9,
            true,
        );
        let first = window.admit(delivery(7, "a"));
        let second = window.admit(delivery(8, "b"));
        window.revoke(Arc::new(Event::LanesRevoking {
            lanes: vec![Lane(7)],
            deadline: Duration::from_secs(1),
            done: Revoked::then(move || flag.store(true, Ordering::Relaxed)),
        }));
        window.remove(second);
        assert!(!answered.load(Ordering::Relaxed));
        window.remove(first);
        assert!(answered.load(Ordering::Relaxed));
    }
}
