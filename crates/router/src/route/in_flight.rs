//! The messages that were received and are not settled, and the room that is left for more.
//!
//! It is the ceiling for what is in memory, and for what may come twice after a crash. It decides nothing: it remembers.

use std::hash::BuildHasher;
use std::sync::Arc;

use dunlin_core::message::Message;
use dunlin_core::messaging::{Delivery, Event, Lane, Outgoing, Room, Token, Verdict};
use dunlin_core::position::Position;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use slab::Slab;

use super::ahead::Ahead;
use super::choices::Choices;
use crate::progress::Fate;

/// Names a delivery inside its route; a later delivery has a higher ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket {
    /// It is never given out again.
    pub(super) number: u64,
    /// Where its message is kept. When that is let go, a later one is kept there.
    pub(super) place: usize,
}

/// A message in flight.
#[derive(Debug)]
pub(super) struct Entry {
    number: u64,
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
            number: 0,
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
    New,
    /// It waits with the other one, and is settled with it.
    Joined,
    /// Everything that the message is owed is confirmed, only its settling is not: the delivery can be settled, too.
    Done,
}

/// All messages in flight of one route.
#[derive(Debug)]
pub(super) struct InFlight {
    window: Room,
    batch: usize,
    entries: Slab<Entry>,
    /// The places of the entries that have a position, by that.
    positions: HashTable<usize>,
    hashing: RandomState,
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
            entries: Slab::new(),
            positions: HashTable::new(),
            hashing: RandomState::default(),
            bytes: 0,
            next: 0,
            revoking: Vec::new(),
        }
    }

    /// Looks whether the same message is in flight, as it is when a connection broke under it. To send it again would be to
    /// send it beside a copy that is on its way.
    pub(super) fn again(&mut self, delivery: &Delivery) -> Again {
        let place = delivery.position.as_ref().and_then(|position| {
            let has = |place: &usize| self.entries[*place].position.as_ref() == Some(position);
            self.positions.find(self.hashing.hash_one(position), has).copied()
        });
        let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) else {
            return Again::New;
        };
        match entry.verdict {
            None => {
                entry.again.push(delivery.token);
                Again::Joined
            }
            Some(Verdict::Done) => Again::Done,
            // It was given back, and this is its next attempt.
            Some(Verdict::Retry { .. } | Verdict::Reject) => Again::New,
        }
    }

    /// Takes a message in.
    pub(super) fn admit(&mut self, mut entry: Entry) -> Ticket {
        let ticket = Ticket {
            number: self.next,
            place: self.entries.vacant_key(),
        };
        self.next += 1;
        entry.number = ticket.number;
        self.bytes += entry.bytes;
        if let Some(ahead) = &mut self.ahead {
            ahead.issue(entry.lane, ticket);
        }
        if let Some(position) = &entry.position {
            let (entries, hashing) = (&self.entries, &self.hashing);
            self.positions
                .entry(
                    hashing.hash_one(position),
                    |place| entries[*place].position.as_ref() == Some(position),
                    // Only what has a position is in the table.
                    |place| {
                        (entries[*place].position.as_ref()).map_or(0, |position| hashing.hash_one(position))
                    },
                )
                .or_insert(ticket.place);
        }
        self.entries.insert(entry);
        ticket
    }

    pub(super) fn get(&self, ticket: Ticket) -> Option<&Entry> {
        let entry = self.entries.get(ticket.place)?;
        (entry.number == ticket.number).then_some(entry)
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(ticket.place)?;
        (entry.number == ticket.number).then_some(entry)
    }

    /// Lets a message go, settled or not, and answers for lanes that are clear by it.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Entry> {
        self.get(ticket)?;
        let entry = self.entries.remove(ticket.place);
        self.bytes -= entry.bytes;
        if let Some(ahead) = &mut self.ahead {
            ahead.settle(entry.lane, ticket);
        }
        if let Some(position) = &entry.position {
            // The position may be that of another delivery of the same message.
            let own = |place: &usize| *place == ticket.place;
            if let Ok(found) = self.positions.find_entry(self.hashing.hash_one(position), own) {
                found.remove();
            }
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
        self.entries.iter().map(|(_, entry)| entry.tokens().len()).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn answer_revoked(&mut self) {
        let entries = &self.entries;
        self.revoking.retain(|event| match &**event {
            Event::LanesRevoking { lanes, .. } => {
                entries.iter().any(|(_, entry)| lanes.contains(&entry.lane))
            }
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

    fn window(messages: usize, bytes: usize, batch: usize, places: bool) -> InFlight {
        InFlight::new(Room { messages, bytes }, batch, places)
    }

    #[test]
    fn room_is_what_messages_and_bytes_leave() {
        let mut window = window(3, 10, 2, false);
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
    fn a_ticket_names_no_later_message_that_is_kept_in_the_same_place() {
        let mut window = window(9, 9, 9, false);
        let first = window.admit(delivery(0, "a"));
        assert!(window.remove(first).is_some());
        let second = window.admit(delivery(0, "bc"));
        assert_eq!(first.place, second.place);
        assert!(first < second);
        assert!(window.get(first).is_none() && window.get_mut(first).is_none());
        assert!(window.remove(first).is_none());
        assert_eq!(window.get(second).map(|entry| entry.bytes), Some(2));
    }

    #[test]
    fn a_message_is_known_again_by_its_position_as_long_as_it_is_in_flight() {
        let mut window = window(999, 999, 999, false);
        let placed = |token: u64, offset: u64| {
            let delivery = Delivery::new(Token(token), Lane(0), Message::new("a"));
            delivery.at(Position::new("log", offset))
        };
        let tickets: Vec<Ticket> = (0..200)
            .map(|number| window.admit(Entry::new(placed(number, number))))
            .collect();
        for number in 0..200 {
            assert!(matches!(
                window.again(&placed(1_000 + number, number)),
                Again::Joined
            ));
        }
        for ticket in tickets {
            assert_eq!(window.remove(ticket).map(|entry| entry.tokens().len()), Some(2));
        }
        for number in 0..200 {
            assert!(matches!(
                window.again(&placed(2_000 + number, number)),
                Again::New
            ));
        }
    }

    #[test]
    fn a_revoked_lane_is_answered_when_the_last_message_of_it_was_let_go() {
        let answered = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&answered);
        let mut window = window(9, 9, 9, true);
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
