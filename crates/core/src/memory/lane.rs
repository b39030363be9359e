//! One lane of a channel: what is stored, and how far a group is with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;

use crate::ledger::Ledger;
use crate::message::Message;

/// A message as the broker keeps it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) message: Message,
    pub(super) address: Option<Bytes>,
    /// When the broker took it: what `start` at a time is measured by where the message itself has no time.
    pub(super) at: SystemTime,
}

/// The messages of one lane, by offset. A log keeps all of them; a queue has holes where something was settled.
#[derive(Debug)]
pub(super) struct Storage {
    /// What positions of this lane begin with.
    pub(super) log: Arc<str>,
    first: u64,
    slots: VecDeque<Option<Stored>>,
    present: usize,
}

impl Storage {
    pub(super) fn new(log: String) -> Self {
        Self {
            log: log.into(),
            first: 0,
            slots: VecDeque::new(),
            present: 0,
        }
    }

    /// The oldest offset that may be there.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The offset that the next message will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.slots.len() as u64
    }

    /// How many messages are there.
    pub(super) fn present(&self) -> usize {
        self.present
    }

    pub(super) fn push(&mut self, stored: Stored) -> u64 {
        let offset = self.end();
        self.slots.push_back(Some(stored));
        self.present += 1;
        offset
    }

    pub(super) fn get(&self, offset: u64) -> Option<&Stored> {
        let place = usize::try_from(offset.checked_sub(self.first)?).ok()?;
        self.slots.get(place)?.as_ref()
    }

    /// Takes one message away, as settling in a queue does.
    pub(super) fn remove(&mut self, offset: u64) -> Option<Stored> {
        let place = usize::try_from(offset.checked_sub(self.first)?).ok()?;
        let stored = self.slots.get_mut(place)?.take()?;
        self.present -= 1;
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
        Some(stored)
    }

    /// Takes the oldest messages away until at most `keep` are there.
    pub(super) fn trim(&mut self, keep: usize) {
        while self.present > keep {
            let Some(slot) = self.slots.pop_front() else {
                return;
            };
            self.first += 1;
            self.present -= usize::from(slot.is_some());
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Stored)> {
        (self.first..)
            .zip(&self.slots)
            .filter_map(|(offset, slot)| slot.as_ref().map(|stored| (offset, stored)))
    }
}

/// How far one group is with one lane.
#[derive(Debug)]
pub(super) struct Progress {
    /// Everything below is settled, or was there before the group began.
    place: u64,
    /// The first offset that was not handed out since the last rewind.
    next: u64,
    ledger: Ledger<u64>,
    /// Handed out and unsettled.
    out: BTreeSet<u64>,
    /// Given back, to be handed out again.
    returned: BTreeMap<u64, Returned>,
    /// How often each unsettled message was handed out.
    attempts: BTreeMap<u64, u32>,
}

/// A message that was given back.
#[derive(Clone, Copy, Debug)]
struct Returned {
    /// When it may be handed out again.
    due: Instant,
    /// What `next` was: without an order of redelivery, one newer message passes it, and then it has its turn.
    passed: u64,
}

/// In which order a lane gives what was handed back.
#[derive(Clone, Copy)]
pub(super) struct Discipline {
    pub(super) ordered_redelivery: bool,
    pub(super) queue: bool,
}

impl Progress {
    pub(super) fn starting_at(place: u64) -> Self {
        Self {
            place,
            next: place,
            ledger: Ledger::new(usize::MAX),
            out: BTreeSet::new(),
            returned: BTreeMap::new(),
            attempts: BTreeMap::new(),
        }
    }

    /// Passes over what is not there any more, and says how many unsettled messages the group lost by that.
    pub(super) fn skip_gap(&mut self, storage: &Storage, discipline: Discipline) -> u64 {
        let first = storage.first();
        let mut lost = 0;
        if discipline.queue {
            // Holes in a queue are settled messages; only what was trimmed while it waited is missing.
            let gone: Vec<u64> = (self.returned.keys().copied())
                .filter(|offset| storage.get(*offset).is_none())
                .collect();
            for offset in gone {
                self.returned.remove(&offset);
                lost += 1;
            }
            if first > self.next {
                lost += first - self.next;
                self.next = first;
            }
            return lost;
        }
        let gone: Vec<u64> = self.returned.range(..first).map(|(offset, _)| *offset).collect();
        for offset in gone {
            self.returned.remove(&offset);
            self.mark(offset);
            lost += 1;
        }
        if first > self.next {
            lost += first - self.next;
            self.next = first;
            if self.ledger.is_empty() {
                self.place = first;
            }
        }
        lost
    }

    /// The next offset to hand out, if one may be handed out now.
    pub(super) fn pick(&self, storage: &Storage, discipline: Discipline, now: Instant) -> Option<u64> {
        let fresh = (self.next..storage.end()).find(|offset| storage.get(*offset).is_some());
        if discipline.ordered_redelivery {
            return match self.returned.iter().next() {
                // The lane is held until the first of what was given back may come.
                Some((offset, returned)) => (returned.due <= now).then_some(*offset),
                None => fresh,
            };
        }
        let given_back = (self.returned.iter())
            .find(|(_, returned)| returned.due <= now && (self.next > returned.passed || fresh.is_none()));
        given_back.map(|(offset, _)| *offset).or(fresh)
    }

    /// Notes that this offset is handed out, and says for the how-manieth time.
    pub(super) fn hand_out(&mut self, offset: u64, discipline: Discipline) -> u32 {
        if self.returned.remove(&offset).is_none() {
            self.next = offset + 1;
            if !discipline.queue {
                // Rising by construction, and the capacity is the whole address space: the window bounds it.
                let issued = self.ledger.issue(offset);
                debug_assert!(issued.is_ok(), "{issued:?}");
            }
        }
        self.out.insert(offset);
        let attempts = self.attempts.entry(offset).or_insert(0);
        *attempts += 1;
        *attempts
    }

    /// Settles this offset for the group.
    pub(super) fn settle(&mut self, offset: u64) {
        self.out.remove(&offset);
        self.mark(offset);
    }

    fn mark(&mut self, offset: u64) {
        self.attempts.remove(&offset);
        if self.ledger.settle(offset)
            && let Some(settled) = self.ledger.settled()
        {
            self.place = settled + 1;
        }
    }

    /// Takes this offset back, to be handed out again at that time.
    pub(super) fn give_back(&mut self, offset: u64, due: Instant) {
        if self.out.remove(&offset) {
            let passed = self.next;
            self.returned.insert(offset, Returned { due, passed });
        }
    }

    /// Goes back to the remembered place, as a reader of a log does when it comes anew: what was settled above the
    /// first gap comes again, too.
    pub(super) fn rewind(&mut self) {
        self.next = self.place;
        self.ledger = Ledger::new(usize::MAX);
        self.out.clear();
        self.returned.clear();
    }

    pub(super) fn in_flight(&self) -> usize {
        self.out.len()
    }

    /// When the first of what was given back may come, if all of it must wait.
    pub(super) fn due(&self) -> Option<Instant> {
        self.returned.values().map(|returned| returned.due).min()
    }

    /// How many messages the group has not settled.
    pub(super) fn lag(&self, storage: &Storage) -> u64 {
        let begin = self.place.max(storage.first());
        let settled_above = self.ledger.len() - self.ledger.unsettled();
        (storage.end() - begin.min(storage.end())).saturating_sub(settled_above as u64)
    }
}
