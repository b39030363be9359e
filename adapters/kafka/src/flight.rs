//! What was fetched, what is handed out and not settled, and what is to come again.
//!
//! Kafka takes no single record back, it only knows how far a group has read. So what is given back is kept here, and goes
//! out again before any later record of its partition; a place moves behind what is settled without a gap.
//! No call in here blocks, and none of them asks the client.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dunlin_core::message::Message;
use dunlin_core::messaging::{Delivery, Lane, Room, Token, Verdict};
use dunlin_core::{Error, ErrorKind, Result};
use foldhash::fast::RandomState;

use crate::lane::{Fetched, LaneState, Partition, Returned};

/// Tokens are never given out twice in a process, so that one of an earlier receiver can never settle anything here.
static TOKENS: AtomicU64 = AtomicU64::new(1);
/// The same for lanes: each assignment of a partition has its own.
static LANES: AtomicU64 = AtomicU64::new(1);

#[derive(Debug)]
pub(crate) struct Flight {
    /// What names the cluster in positions.
    cluster: String,
    lanes: BTreeMap<u64, LaneState>,
    /// The lane of each partition that is this consumer's.
    places: HashMap<Partition, u64, RandomState>,
    out: HashMap<Token, Held, RandomState>,
    /// How far partitions were settled that were lost with the membership, and may not be committed.
    owed: HashMap<Partition, i64>,
    /// Messages and bytes that were fetched and are not handed out.
    waiting: Room,
    /// The lane that was served last, so that each has its turn.
    turn: u64,
}

#[derive(Debug)]
struct Held {
    lane: u64,
    offset: i64,
    attempt: u32,
    message: Message,
}

/// What became of a record that was fetched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Taken,
    /// Its partition is not this consumer's any more; whoever has it now reads the record.
    Stray,
    /// Records between the one expected and this one are not there: deleted, compacted away, or no messages.
    Jumped {
        expected: i64,
        lane: Lane,
    },
    /// The log goes back: it was cut, or made anew. The old lane is lost, this record begins a new one.
    Restarted {
        lost: Lane,
    },
}

/// What there is to hand out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Some,
    /// Nothing before this time is over.
    In(Duration),
    Nothing,
}

impl Flight {
    pub(crate) fn new(cluster: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            lanes: BTreeMap::new(),
            places: HashMap::default(),
            owed: HashMap::new(),
            out: HashMap::default(),
            waiting: Room {
                messages: 0,
                bytes: 0,
            },
            turn: 0,
        }
    }

    /// Begins a lane for a partition that was assigned.
    pub(crate) fn begin(&mut self, partition: Partition) -> Lane {
        let number = LANES.fetch_add(1, Ordering::Relaxed);
        self.places.insert(partition.clone(), number);
        self.lanes
            .insert(number, LaneState::new(partition, &self.cluster));
        Lane(number)
    }

    /// The lane of a partition.
    pub(crate) fn lane(&mut self, partition: &Partition) -> Option<(Lane, &mut LaneState)> {
        let number = *self.places.get(partition)?;
        self.lanes.get_mut(&number).map(|state| (Lane(number), state))
    }

    pub(crate) fn lanes(&mut self) -> impl Iterator<Item = (Lane, &mut LaneState)> {
        self.lanes
            .iter_mut()
            .map(|(number, state)| (Lane(*number), state))
    }

    /// Stops handing out from these partitions, and says which lanes they are. What was not handed out is let go.
    pub(crate) fn leave(&mut self, partitions: &[Partition]) -> Vec<Lane> {
        let mut lanes = Vec::new();
        for partition in partitions {
            if let Some(number) = self.places.get(partition)
                && let Some(state) = self.lanes.get_mut(number)
            {
                state.leaving = true;
                for fetched in state.ready.drain(..) {
                    self.waiting.messages -= 1;
                    self.waiting.bytes -= fetched.message.size();
                }
                state.returned.clear();
                lanes.push(Lane(*number));
            }
        }
        lanes
    }

    /// How many deliveries of these lanes are out.
    pub(crate) fn unsettled(&self, lanes: &[Lane]) -> usize {
        self.out
            .values()
            .filter(|held| lanes.contains(&Lane(held.lane)))
            .count()
    }

    /// Forgets these lanes, and every token of theirs.
    pub(crate) fn lose(&mut self, lanes: &[Lane]) {
        for lane in lanes {
            if let Some(state) = self.lanes.remove(&lane.0) {
                for fetched in &state.ready {
                    self.waiting.messages -= 1;
                    self.waiting.bytes -= fetched.message.size();
                }
                if self.places.get(&state.partition) == Some(&lane.0) {
                    self.places.remove(&state.partition);
                }
            }
        }
        self.out.retain(|_, held| !lanes.contains(&Lane(held.lane)));
    }

    /// Keeps how far these lanes are settled, for the day on which their partitions are assigned again.
    pub(crate) fn owe(&mut self, lanes: &[Lane]) {
        for lane in lanes {
            if let Some(state) = self.lanes.get(&lane.0).filter(|state| !state.is_committed())
                && let Some(next) = state.settled()
            {
                self.owed.insert(state.partition.clone(), next);
            }
        }
    }

    /// What was kept of these partitions. Of all others it is forgotten: who has them now goes on where the broker says.
    pub(crate) fn owed(&mut self, partitions: &[Partition]) -> Vec<(Partition, i64)> {
        let mut owed: Vec<_> = self.owed.drain().collect();
        owed.retain(|(partition, _)| partitions.contains(partition));
        owed
    }

    /// Whether a lane has its first settled place, which is worth a commit of its own: without any, a group that is lost
    /// begins at its start again.
    pub(crate) fn hastens(&mut self) -> bool {
        let mut found = false;
        for state in self.lanes.values_mut().filter(|state| !state.hastened) {
            if state.settled().is_some() {
                state.hastened = true;
                found |= state.committed.is_none();
            }
        }
        found
    }

    /// Forgets all lanes, and says which there were.
    pub(crate) fn lose_all(&mut self) -> Vec<Lane> {
        let lanes: Vec<_> = self.lanes.keys().copied().map(Lane).collect();
        self.lose(&lanes);
        lanes
    }

    /// How many more records may be taken in within this window; its bytes are a soft bound.
    pub(crate) fn room(&self, window: Room) -> usize {
        match self.waiting.bytes < window.bytes {
            true => window.messages.saturating_sub(self.waiting.messages),
            false => 0,
        }
    }

    /// Takes in a record. One that jumps, or begins its lane anew, is taken in, too.
    pub(crate) fn push(&mut self, partition: &Partition, fetched: Fetched) -> Pushed {
        let Some(number) = self.places.get(partition).copied() else {
            return Pushed::Stray;
        };
        let Some(state) = self.lanes.get_mut(&number).filter(|state| !state.leaving) else {
            return Pushed::Stray;
        };
        let offset = fetched.offset;
        let mut pushed = match state.expected {
            Some(expected) if offset > expected => Pushed::Jumped {
                expected,
                lane: Lane(number),
            },
            Some(expected) if offset < expected => Pushed::Restarted { lost: Lane(number) },
            Some(_) | None => Pushed::Taken,
        };
        if let Pushed::Restarted { lost } = pushed {
            self.lose(&[lost]);
            self.begin(partition.clone());
            pushed = Pushed::Restarted { lost };
        }
        if let Some((_, state)) = self.lane(partition) {
            state.expected = Some(offset + 1);
            let size = fetched.message.size();
            state.ready.push_back(fetched);
            self.waiting.messages += 1;
            self.waiting.bytes += size;
        }
        pushed
    }

    /// Hands out what is ready, within this room, each lane in its turn.
    pub(crate) fn take(&mut self, now: Instant, room: Room, batch: &mut Vec<Delivery>) -> Taken {
        let mut left = room;
        let mut next: Option<Instant> = None;
        let turn = self.turn;
        let order: Vec<u64> = (self.lanes.range(turn + 1..))
            .chain(self.lanes.range(..=turn))
            .map(|(number, _)| *number)
            .collect();
        for number in order {
            if left.messages == 0 || left.bytes == 0 {
                break;
            }
            let before = left.messages;
            if let Some(due) = self.take_of(number, now, &mut left, batch) {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            if left.messages < before {
                self.turn = number;
            }
        }
        match next {
            _ if left.messages < room.messages => Taken::Some,
            Some(due) => Taken::In(due.saturating_duration_since(now)),
            None => Taken::Nothing,
        }
    }

    /// Hands out of one lane. Says when the next record comes again, where that holds the lane.
    fn take_of(
        &mut self,
        number: u64,
        now: Instant,
        left: &mut Room,
        batch: &mut Vec<Delivery>,
    ) -> Option<Instant> {
        let state = self.lanes.get_mut(&number).filter(|state| !state.leaving)?;
        while left.messages > 0 && left.bytes > 0 {
            let (offset, attempt, message) = if let Some(first) = state.returned.first_entry() {
                if first.get().due > now {
                    return Some(first.get().due);
                }
                let (offset, returned) = first.remove_entry();
                (offset, returned.attempt.saturating_add(1), returned.message)
            } else {
                let fetched = state.ready.pop_front()?;
                self.waiting.messages -= 1;
                self.waiting.bytes -= fetched.message.size();
                // Offsets rise within a lane, and its ledger has no bound.
                let issued = state.ledger.issue(fetched.offset);
                debug_assert!(issued.is_ok(), "{issued:?}");
                (fetched.offset, 1, fetched.message)
            };
            left.messages -= 1;
            left.bytes = left.bytes.saturating_sub(message.size());
            let token = Token(TOKENS.fetch_add(1, Ordering::Relaxed));
            batch.push(
                Delivery::new(token, Lane(number), message.clone())
                    .at(state.position(offset))
                    .addressed(state.address.clone())
                    .attempted(attempt),
            );
            self.out.insert(
                token,
                Held {
                    lane: number,
                    offset,
                    attempt,
                    message,
                },
            );
        }
        None
    }

    /// Settles these, and says whether something is to come again.
    pub(crate) fn settle(&mut self, verdicts: &[(Token, Verdict)], now: Instant) -> Result<bool> {
        let (mut again, mut rejected) = (false, false);
        for (token, verdict) in verdicts {
            if *verdict == Verdict::Reject {
                rejected |= self.out.contains_key(token);
                continue;
            }
            let Some(held) = self.out.remove(token) else {
                continue;
            };
            let Some(state) = self.lanes.get_mut(&held.lane) else {
                continue;
            };
            match verdict {
                Verdict::Done => {
                    state.ledger.settle(held.offset);
                }
                // A lane that is leaving brings nothing again here; its next owner does.
                Verdict::Retry { .. } if state.leaving => {}
                Verdict::Retry { after } => {
                    let returned = Returned {
                        message: held.message,
                        attempt: held.attempt,
                        due: now.checked_add(*after).unwrap_or(now),
                    };
                    state.returned.insert(held.offset, returned);
                    again = true;
                }
                Verdict::Reject => {}
            }
        }
        if rejected {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "settle",
                "kafka has no dead-lettering of its own; nothing was rejected",
            ));
        }
        Ok(again)
    }

    /// The places that the client has to be told of: partitions, and the offset to read next.
    pub(crate) fn risen(&mut self) -> Vec<(Partition, i64)> {
        (self.lanes.values_mut())
            .filter_map(|state| Some((state.partition.clone(), state.risen()?)))
            .collect()
    }

    /// Whether the broker has confirmed everything that is settled.
    pub(crate) fn is_committed(&self) -> bool {
        self.owed.is_empty() && self.lanes.values().all(LaneState::is_committed)
    }

    /// The places that the client was told of.
    pub(crate) fn stored(&self) -> Vec<(Lane, i64)> {
        (self.lanes.iter())
            .filter_map(|(number, state)| Some((Lane(*number), state.stored?)))
            .collect()
    }

    /// The broker has confirmed these places.
    pub(crate) fn committed(&mut self, places: &[(Lane, i64)]) {
        for (lane, next) in places {
            if let Some(state) = self.lanes.get_mut(&lane.0) {
                state.committed = Some(state.committed.map_or(*next, |before| before.max(*next)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
