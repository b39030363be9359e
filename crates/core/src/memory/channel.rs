//! One channel: its lanes, its groups, and the ids that it knows.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime};

use super::config::Config;
use super::lane::{Discipline, Progress, Storage, Stored};
use crate::error::{Error, ErrorKind, Result};
use crate::message::Message;
use crate::messaging::{Room, Start};
use crate::position::{DedupId, Position};

/// A channel of the broker.
#[derive(Debug)]
pub(super) struct Channel {
    /// Tells this channel apart from one of the same name that was deleted.
    pub(super) birth: u64,
    pub(super) config: Config,
    pub(super) lanes: Vec<Storage>,
    groups: BTreeMap<String, Group>,
    known: Known,
    /// Chooses the lane of messages without a key.
    turn: usize,
}

/// A group of receivers: how far it is, and which receiver has which lane.
#[derive(Debug)]
pub(super) struct Group {
    lanes: Vec<Progress>,
    /// In the order in which they came.
    members: Vec<u64>,
    /// Of each lane of a log; a queue's lanes belong to all.
    pub(super) owners: Vec<Owner>,
}

/// Who has a lane of a log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owner {
    pub(super) receiver: Option<u64>,
    /// The lane goes to another receiver, at this time at the latest.
    pub(super) leaves: Option<Instant>,
}

/// A lane that changes hands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Its receiver was asked to finish what is in flight.
    Asked { receiver: u64, lane: usize },
    /// Its receiver has it no more.
    Lost { receiver: u64, lane: usize },
}

/// A message that is handed out.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) lane: usize,
    pub(super) offset: u64,
    pub(super) attempt: u32,
}

/// Ids by which messages are recognised, the oldest forgotten first.
#[derive(Debug, Default)]
struct Known {
    places: HashMap<DedupId, (usize, u64)>,
    order: VecDeque<DedupId>,
}

impl Channel {
    /// `identity` must not come again for as long as anyone may remember a position.
    pub(super) fn new(name: &str, birth: u64, identity: &str, config: Config) -> Self {
        let lanes = (0..config.lanes)
            .map(|lane| Storage::new(format!("{name}#{identity}/{lane}")))
            .collect();
        Self {
            birth,
            config,
            lanes,
            groups: BTreeMap::new(),
            known: Known::default(),
            turn: 0,
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.lanes.iter().map(Storage::present).sum()
    }

    pub(super) fn is_full(&self) -> bool {
        self.config.depth.is_some_and(|limit| self.depth() >= limit)
    }

    /// The place of a message that was stored under this id.
    pub(super) fn known(&self, id: Option<&DedupId>) -> Option<(usize, u64)> {
        self.known.places.get(id?).copied()
    }

    /// Stores a message behind the last one of its lane.
    pub(super) fn store(
        &mut self,
        message: Message,
        address: Option<bytes::Bytes>,
        id: Option<DedupId>,
        at: SystemTime,
    ) -> (usize, u64) {
        let lane = match &message.key {
            Some(key) => lane_of(key, self.lanes.len()),
            None => {
                self.turn = (self.turn + 1) % self.lanes.len();
                self.turn
            }
        };
        let offset = self.lanes[lane].push(Stored { message, address, at });
        if let Some(keep) = self.config.retain {
            self.lanes[lane].trim(keep);
        }
        if let Some(id) = id.filter(|_| self.config.capabilities.dedup_by_id) {
            self.known.remember(id, (lane, offset), self.config.dedup_window);
        }
        (lane, offset)
    }

    pub(super) fn position(&self, lane: usize, offset: u64) -> Position {
        Position::new(self.lanes[lane].log.clone(), offset)
    }

    /// Adds a receiver to a group, which begins where `start` says if it is new.
    pub(super) fn join(&mut self, group: &str, receiver: u64, start: &Start) -> Result<()> {
        if !self.groups.contains_key(group) {
            let places = self.places(start)?;
            let made = Group {
                owners: vec![Owner::default(); places.len()],
                lanes: places.into_iter().map(Progress::starting_at).collect(),
                members: Vec::new(),
            };
            self.groups.insert(group.to_owned(), made);
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.members.push(receiver);
        }
        Ok(())
    }

    /// The offset of each lane at which a reader begins.
    pub(super) fn places(&self, start: &Start) -> Result<Vec<u64>> {
        Ok(match start {
            Start::Earliest => self.lanes.iter().map(Storage::first).collect(),
            Start::Latest => self.lanes.iter().map(Storage::end).collect(),
            Start::Time(time) => self.written_since(*time),
            Start::Position(position) => {
                let lane = self.lanes.iter().position(|lane| lane.log == position.log);
                let (Some(lane), true) = (lane, self.config.capabilities.stable_position) else {
                    return Err(Error::new(
                        ErrorKind::InvalidSetting,
                        "receiver",
                        "expected a position of this channel as it is now, found one of another log",
                    )
                    .with("position", position));
                };
                let offset = u64::try_from(position.offset).unwrap_or(u64::MAX);
                let offset = offset.clamp(self.lanes[lane].first(), self.lanes[lane].end());
                // The other lanes begin where that message was stored, so that nothing written after it is missed.
                let mut places = match self.lanes[lane].get(offset) {
                    Some(stored) => self.stored_since(stored.at),
                    None => self.lanes.iter().map(Storage::end).collect(),
                };
                places[lane] = offset;
                places
            }
        })
    }

    fn written_since(&self, time: SystemTime) -> Vec<u64> {
        self.first_where(|stored| stored.message.timestamp.unwrap_or(stored.at) >= time)
    }

    fn stored_since(&self, time: SystemTime) -> Vec<u64> {
        self.first_where(|stored| stored.at >= time)
    }

    fn first_where(&self, test: impl Fn(&Stored) -> bool) -> Vec<u64> {
        self.lanes
            .iter()
            .map(|lane| {
                let found = lane.iter().find(|(_, stored)| test(stored));
                found.map_or(lane.end(), |(offset, _)| offset)
            })
            .collect()
    }

    /// Removes a receiver from its group; what it held comes again.
    pub(super) fn leave(&mut self, group: &str, receiver: u64, held: &[(usize, u64)], now: Instant) {
        let queue = self.config.capabilities.settling_deletes;
        let Some(group) = self.groups.get_mut(group) else {
            return;
        };
        group.members.retain(|member| *member != receiver);
        if queue {
            for (lane, offset) in held {
                group.lanes[*lane].give_back(*offset, now);
            }
            return;
        }
        for (lane, owner) in group.owners.iter_mut().enumerate() {
            if owner.receiver == Some(receiver) {
                *owner = Owner::default();
                group.lanes[lane].rewind();
            }
        }
    }

    /// Deals the lanes of a log out anew, and says which change hands.
    pub(super) fn deal(&mut self, group: &str, now: Instant) -> Vec<Move> {
        let deadline = self.config.revoke_deadline;
        if self.config.capabilities.settling_deletes {
            return Vec::new();
        }
        match self.groups.get_mut(group) {
            Some(group) => group.deal(now, deadline),
            None => Vec::new(),
        }
    }

    /// Takes a lane from its receiver now, whatever is in flight on it.
    pub(super) fn take_away(&mut self, group: &str, receiver: u64, lane: usize) -> bool {
        let Some(group) = self.groups.get_mut(group) else {
            return false;
        };
        let owner = &mut group.owners[lane];
        if owner.receiver != Some(receiver) || owner.leaves.is_none() {
            return false;
        }
        *owner = Owner::default();
        group.lanes[lane].rewind();
        true
    }

    /// Hands out what is ready for this receiver, within `room`, and says how many messages the group lost by a gap.
    pub(super) fn take(
        &mut self,
        group: &str,
        receiver: u64,
        room: Room,
        now: Instant,
        taken: &mut Vec<Taken>,
    ) -> u64 {
        let capabilities = self.config.capabilities;
        let discipline = Discipline {
            ordered_redelivery: capabilities.ordered_redelivery,
            queue: capabilities.settling_deletes,
        };
        let Some(group) = self.groups.get_mut(group) else {
            return 0;
        };
        let (mut bytes, mut lost) = (0_usize, 0);
        for (lane, storage) in self.lanes.iter().enumerate() {
            let owner = group.owners[lane];
            if !discipline.queue && (owner.receiver != Some(receiver) || owner.leaves.is_some()) {
                continue;
            }
            let progress = &mut group.lanes[lane];
            lost += progress.skip_gap(storage, discipline);
            while taken.len() < room.messages && (bytes < room.bytes || taken.is_empty()) {
                let Some(offset) = progress.pick(storage, discipline, now) else {
                    break;
                };
                bytes += storage.get(offset).map_or(0, |stored| stored.message.size());
                let attempt = progress.hand_out(offset, discipline);
                taken.push(Taken {
                    lane,
                    offset,
                    attempt,
                });
            }
        }
        if !capabilities.ordered_lanes {
            // A lane without order is made to show it, so that nobody comes to rely on an order by accident.
            for pair in taken.chunks_mut(2) {
                pair.reverse();
            }
        }
        lost
    }

    pub(super) fn settle(&mut self, group: &str, lane: usize, offset: u64) {
        if let Some(group) = self.groups.get_mut(group) {
            group.lanes[lane].settle(offset);
            if self.config.capabilities.settling_deletes {
                self.lanes[lane].remove(offset);
            }
        }
    }

    pub(super) fn give_back(&mut self, group: &str, lane: usize, offset: u64, due: Instant) {
        if let Some(group) = self.groups.get_mut(group) {
            group.lanes[lane].give_back(offset, due);
        }
    }

    /// When something of this group may become ready without anybody doing anything.
    pub(super) fn next_wake(&self, group: &str) -> Option<Instant> {
        let group = self.groups.get(group)?;
        let due = group.lanes.iter().filter_map(Progress::due);
        let leaves = group.owners.iter().filter_map(|owner| owner.leaves);
        due.chain(leaves).min()
    }

    /// How many messages this group has not settled; of a group that never was, all.
    pub(super) fn lag(&self, group: &str) -> u64 {
        if self.config.capabilities.settling_deletes {
            return self.depth() as u64;
        }
        match self.groups.get(group) {
            Some(group) => (group.lanes.iter().zip(&self.lanes))
                .map(|(progress, storage)| progress.lag(storage))
                .sum(),
            None => self.depth() as u64,
        }
    }
}

impl Group {
    fn deal(&mut self, now: Instant, deadline: Duration) -> Vec<Move> {
        let mut moves = Vec::new();
        for lane in 0..self.owners.len() {
            let heir = match self.members.len() {
                0 => None,
                members => Some(self.members[lane % members]),
            };
            let owner = &mut self.owners[lane];
            let Some(receiver) = owner.receiver else {
                owner.receiver = heir;
                continue;
            };
            if heir == Some(receiver) {
                owner.leaves = None;
                continue;
            }
            let over = owner.leaves.is_some_and(|time| time <= now);
            if over || self.lanes[lane].in_flight() == 0 {
                *owner = Owner {
                    receiver: heir,
                    leaves: None,
                };
                self.lanes[lane].rewind();
                moves.push(Move::Lost { receiver, lane });
            } else if owner.leaves.is_none() {
                owner.leaves = Some(now + deadline);
                moves.push(Move::Asked { receiver, lane });
            }
        }
        moves
    }
}

impl Known {
    fn remember(&mut self, id: DedupId, place: (usize, u64), window: usize) {
        if self.places.insert(id, place).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > window {
            if let Some(oldest) = self.order.pop_front() {
                self.places.remove(&oldest);
            }
        }
    }
}

/// FNV-1a: the same lane for the same key in every process, which the hash of the standard library does not promise.
fn lane_of(key: &[u8], lanes: usize) -> usize {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    usize::try_from(hash % lanes as u64).unwrap_or(0)
}
