//! What is written where an object ends, worked out once for each set of members that it may have had.

use super::super::buffer::Padded;
use super::super::plan::{Bits, Content, Marks, Node, Slots};

/// All that the end of an object depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Situation {
    /// Which of the members that somebody names are there.
    pub(in super::super) present: Bits,
    /// Of the slots that the object asks about: which hold a value, and of which it is known whether they will.
    pub(in super::super) filled: Slots,
    pub(in super::super) settled: Slots,
    /// Whether a member stays.
    pub(in super::super) has_members: bool,
}

/// What happens at the end of an object in one situation.
#[derive(Debug)]
pub(in super::super) struct Ending {
    pub(in super::super) situation: Situation,
    /// What its members have done, and those that are appended.
    pub(in super::super) changed: Marks,
    pub(in super::super) unchanged: Marks,
    pub(in super::super) used: Slots,
    /// None: the ordinary way must be taken, since not all can be told ahead.
    pub(in super::super) pieces: Option<Vec<Piece>>,
}

/// A text of the chain, and the value of a slot behind it.
#[derive(Debug)]
pub(in super::super) struct Piece {
    pub(in super::super) text: Padded,
    pub(in super::super) slot: Option<usize>,
}

impl Ending {
    pub(super) fn new(node: &Node, situation: Situation) -> Self {
        let mut appended = Self::of_members(node, situation);
        match appended.pieces_of(node) {
            Some(pieces) => Self {
                pieces: Some(pieces),
                ..appended
            },
            None => Self::of_members(node, situation),
        }
    }

    fn of_members(node: &Node, situation: Situation) -> Self {
        let there = node
            .members
            .iter()
            .filter(|member| situation.present & member.bit != 0);
        let (changed, unchanged) = there.fold((0, 0), |(changed, unchanged), member| {
            (changed | member.changed, unchanged | member.unchanged)
        });
        Self {
            situation,
            changed,
            unchanged,
            used: 0,
            pieces: None,
        }
    }

    /// The same questions as the pass asks at the end of an object. `None` where it would leave a gap, hand the message back,
    /// or make more than a member.
    fn pieces_of(&mut self, node: &Node) -> Option<Vec<Piece>> {
        let Situation {
            mut present,
            filled,
            settled,
            mut has_members,
        } = self.situation;
        let mut pieces = Vec::new();
        let mut text = String::new();
        for append in &node.appends {
            if append.slots != 0 {
                if (filled | settled) & append.slots != append.slots {
                    return None;
                }
                if filled & append.slots == 0 {
                    continue;
                }
            }
            if present & append.blockers != 0 {
                if append.conflicts {
                    return None;
                }
                continue;
            }
            present |= append.bit;
            self.changed |= append.changed;
            self.unchanged |= append.unchanged;
            if has_members {
                text.push(',');
            }
            has_members = true;
            text.push_str(std::str::from_utf8(append.name.as_ref()?.text()).ok()?);
            match &append.content {
                Content::Constant(constant) => text.push_str(std::str::from_utf8(constant.text()).ok()?),
                Content::Slot(slot) => {
                    self.used |= 1 << slot;
                    pieces.push(Piece {
                        text: Padded::new(&std::mem::take(&mut text)),
                        slot: Some(*slot),
                    });
                }
                Content::Value(_) | Content::Object(_) => return None,
            }
        }
        if !text.is_empty() {
            pieces.push(Piece {
                text: Padded::new(&text),
                slot: None,
            });
        }
        let mut rivals = node.rivals.iter();
        let is_decided = !rivals.any(|(coming, there)| present & coming != 0 && present & there != 0);
        is_decided.then_some(pieces)
    }
}
