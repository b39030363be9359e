//! A channel of the hostile system: its messages, and how far its one receiver is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use dunlin_core::message::Message;
use dunlin_core::messaging::Lane;
use dunlin_core::position::{DedupId, Position};

/// A channel.
pub(super) struct Channel {
    log: Arc<str>,
    lanes: usize,
    entries: Vec<Entry>,
    known: HashMap<DedupId, usize>,
    pub(super) reader: Option<Reader>,
}

struct Entry {
    message: Message,
    address: Option<Bytes>,
    lane: usize,
    place: Place,
    /// It was settled as done at some time, also where the broker forgot that.
    done: bool,
    attempts: u32,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Not handed out, or given back until then.
    Waiting(Option<Instant>),
    /// Handed out.
    Out,
    /// Settled, as far as the broker knows.
    Settled,
    /// It vanished.
    Gone,
}

/// The receiver that has the channel.
pub(super) struct Reader {
    pub(super) id: u64,
    pub(super) session: u64,
    pub(super) lanes: Vec<Lane>,
    /// What is out, by token.
    pub(super) tokens: HashMap<u64, usize>,
    /// Lanes that were asked for, each with when it goes at the latest.
    pub(super) leaving: HashMap<usize, Instant>,
    pub(super) last_poll: Instant,
}

impl Channel {
    pub(super) fn new(name: &str, lanes: usize) -> Self {
        Self {
            log: format!("hostile/{name}").into(),
            lanes: lanes.max(1),
            entries: Vec::new(),
            known: HashMap::new(),
            reader: None,
        }
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    pub(super) fn push(&mut self, message: Message, address: Option<Bytes>) -> usize {
        let number = self.entries.len();
        let lane = match &message.key {
            Some(key) => key
                .iter()
                .fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte)),
            None => number,
        } % self.lanes;
        self.entries.push(Entry {
            message,
            address,
            lane,
            place: Place::Waiting(None),
            done: false,
            attempts: 0,
        });
        number
    }

    pub(super) fn known(&self, id: Option<&DedupId>) -> Option<usize> {
        self.known.get(id?).copied()
    }

    pub(super) fn remember(&mut self, id: DedupId, number: usize) {
        self.known.insert(id, number);
    }

    pub(super) fn position(&self, number: usize) -> Position {
        Position::new(Arc::clone(&self.log), number as u64)
    }

    /// The numbers of what may be handed out now, the lowest of each lane first: a lane whose first waits, waits.
    pub(super) fn next_ready(&self, now: Instant) -> Option<usize> {
        let leaving = |lane| {
            self.reader
                .as_ref()
                .is_some_and(|reader| reader.leaving.contains_key(&lane))
        };
        let mut held = vec![false; self.lanes];
        for (number, entry) in self.entries.iter().enumerate() {
            if held[entry.lane] || leaving(entry.lane) {
                continue;
            }
            match entry.place {
                Place::Waiting(due) if due.is_none_or(|due| due <= now) => return Some(number),
                Place::Waiting(_) => held[entry.lane] = true,
                Place::Out | Place::Settled | Place::Gone => {}
            }
        }
        None
    }

    /// When something may become ready by the clock alone.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let due = self.entries.iter().filter_map(|entry| match entry.place {
            Place::Waiting(due) => due,
            Place::Out | Place::Settled | Place::Gone => None,
        });
        let leaving = self
            .reader
            .iter()
            .flat_map(|reader| reader.leaving.values().copied());
        due.chain(leaving).min()
    }

    /// The numbers that were handed out at some time: what may come twice.
    pub(super) fn seen(&self) -> Vec<usize> {
        let seen = |(_, entry): &(usize, &Entry)| entry.attempts > 0;
        self.entries
            .iter()
            .enumerate()
            .filter(seen)
            .map(|(number, _)| number)
            .collect()
    }

    /// Whether it was never handed out.
    pub(super) fn unseen(&self, number: usize) -> bool {
        self.entries[number].attempts == 0
    }

    pub(super) fn vanish(&mut self, number: usize) {
        self.entries[number].place = Place::Gone;
    }

    /// Hands a message out under this token.
    pub(super) fn hand_out(&mut self, number: usize, token: u64) -> (usize, u32, Message, Option<Bytes>) {
        let entry = &mut self.entries[number];
        entry.place = Place::Out;
        entry.attempts += 1;
        if let Some(reader) = &mut self.reader {
            reader.tokens.insert(token, number);
        }
        (
            entry.lane,
            entry.attempts,
            entry.message.clone(),
            entry.address.clone(),
        )
    }

    pub(super) fn settle(&mut self, number: usize) {
        self.entries[number].place = Place::Settled;
        self.entries[number].done = true;
    }

    pub(super) fn give_back(&mut self, number: usize, due: Instant) {
        if self.entries[number].place == Place::Out {
            self.entries[number].place = Place::Waiting(Some(due));
        }
    }

    /// Forgets what is out, of one lane or of all: it comes again, and its tokens mean nothing. A log goes back to the
    /// first that is not settled, a queue to what is not.
    pub(super) fn rewind(&mut self, lane: Option<usize>, queue: bool) {
        let concerned = |entry: &Entry| lane.is_none_or(|lane| entry.lane == lane);
        let mut gap = vec![false; self.lanes];
        for entry in self.entries.iter_mut().filter(|entry| concerned(entry)) {
            match entry.place {
                Place::Out | Place::Waiting(_) => {
                    entry.place = Place::Waiting(None);
                    gap[entry.lane] = true;
                }
                Place::Settled if gap[entry.lane] && !queue => entry.place = Place::Waiting(None),
                Place::Settled | Place::Gone => {}
            }
        }
        let entries = &self.entries;
        if let Some(reader) = &mut self.reader {
            reader.tokens.retain(|_, number| !concerned(&entries[*number]));
            reader
                .leaving
                .retain(|leaving, _| lane.is_some_and(|lane| lane != *leaving));
        }
    }

    /// Whether nothing of this lane is out.
    pub(super) fn idle(&self, lane: usize) -> bool {
        let out = |entry: &Entry| entry.lane == lane && entry.place == Place::Out;
        !self.entries.iter().any(out)
    }

    pub(super) fn messages(&self) -> Vec<Message> {
        self.entries.iter().map(|entry| entry.message.clone()).collect()
    }

    pub(super) fn done(&self) -> Vec<usize> {
        let numbered = self.entries.iter().enumerate();
        numbered
            .filter(|(_, entry)| entry.done)
            .map(|(number, _)| number)
            .collect()
    }

    pub(super) fn gone(&self) -> Vec<usize> {
        let numbered = self.entries.iter().enumerate();
        numbered
            .filter(|(_, entry)| entry.place == Place::Gone)
            .map(|(number, _)| number)
            .collect()
    }

    pub(super) fn unsettled(&self) -> usize {
        let open = |entry: &&Entry| matches!(entry.place, Place::Waiting(_) | Place::Out);
        self.entries.iter().filter(open).count()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
