//! What a worker remembers of the objects that came: their members' names, colons and white space, as bytes to compare.
//!
//! Messages of one stream look alike. Where the bytes between two values are those that stood there before, they need not be
//! read again: comparing them is cheaper, and what was read once as a name and a colon is one the next time. So the names are
//! compared, and the values are checked, each by itself.
//!
//! A shape belongs to one object, not to a document: the members that were seen in it, in their order. A member that is not
//! there is stepped over, and one that is not known is read as the ordinary pass reads it, which then goes on with the next one.
//! Nothing begins anew, and members that may be there or not add up instead of multiplying. What happens to a member is still
//! told by the plan alone, so a shape can never change a result.
//!
//! Shapes are learned from whole messages that were accepted, between messages, and up to a limit. A stream that they do not
//! fit switches them off for some time.

mod ending;
mod learn;
mod skeleton;
#[cfg(test)]
mod tests;

use super::buffer::Padded;
use super::plan::{Bits, Plan, Slots};
use skeleton::Skeleton;

pub(super) use ending::{Ending, Situation};

/// The shapes of the objects of one route.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    tracks: Vec<Track>,
    /// The shape for each node of the plan. Behind the end: none yet.
    nodes: Vec<Option<usize>>,
    switch: Switch,
}

/// The members of one object, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Track {
    steps: Vec<Step>,
    /// What is written at its end, the situations that came first first.
    endings: Vec<Ending>,
    /// The slots that its end asks about.
    slots: Slots,
}

/// The end of an object in a situation that was not known: the node of the plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Strange {
    pub(super) node: usize,
    pub(super) situation: Situation,
}

/// One member: what stands between the value before it and its own.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) skeleton: Skeleton,
    /// The place of its name among those that operations name, or [`NONE`](super::names::NONE).
    pub(super) place: u8,
    pub(super) deed: Deed,
    /// Its bit among the members of the object that operations name; nothing where none does.
    pub(super) bit: Bits,
    /// The new name in quotes, with the colon.
    pub(super) renamed: Option<Padded>,
    /// The shape of the value, or of the elements of the value, where nobody looks into them.
    pub(super) inner: Option<usize>,
}

/// What happens to a member and its value, by the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Nobody names it, and it stays.
    Passes,
    /// It stays, perhaps under another name, and nothing happens to its value.
    Stays,
    /// It stays, and something happens inside of its value: the plan of the value.
    Inside(usize),
    /// It stays, and one operation changes its value: the plan of the value.
    Changes(usize),
    /// It goes.
    Goes,
    /// It goes, and its value is put into a slot.
    Taken(usize),
    /// Something else.
    Other,
}

/// How often a shape fitted, over some messages.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// Members whose bytes were those that were expected.
    pub(super) met: u32,
    /// Members that had to be read.
    pub(super) missed: u32,
}

/// What shapes have done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShapeCounts {
    /// Members of which name and colon were compared instead of read.
    pub met: u64,
    /// Members that were read, since no shape told of them.
    pub missed: u64,
    /// Messages from which something was learned.
    pub learned: u64,
    /// How often shapes were switched off, since too few members were met.
    pub switched_off: u64,
}

impl ShapeCounts {
    /// Adds what the shapes of another pass have done.
    pub(super) const fn add(&mut self, other: Self) {
        self.met += other.met;
        self.missed += other.missed;
        self.learned += other.learned;
        self.switched_off += other.switched_off;
    }
}

/// Whether shapes pay.
#[derive(Debug)]
struct Switch {
    is_never_on: bool,
    /// Messages for which nothing is tried any more.
    rest: u32,
    /// For how many messages nothing is tried the next time that shapes do not pay.
    next_rest: u32,
    /// Messages from which may still be learned.
    lessons: u32,
    /// What came since the last judgement.
    messages: u32,
    tally: Tally,
    counts: ShapeCounts,
}

impl Default for Switch {
    fn default() -> Self {
        Self {
            is_never_on: false,
            rest: 0,
            next_rest: Self::FIRST_REST,
            lessons: Self::LESSONS,
            messages: 0,
            tally: Tally::default(),
            counts: ShapeCounts::default(),
        }
    }
}

impl Switch {
    /// Messages from which is learned before the shapes must do.
    const LESSONS: u32 = 64;
    /// Messages after which it is judged whether shapes pay.
    const TERM: u32 = 256;
    const FIRST_REST: u32 = 4096;
    const LONGEST_REST: u32 = 1 << 20;
    /// What a member that was missed costs more than the generic tier, in parts of what one that was met saves: about 1.5 by
    /// instructions.
    const PRICE: u64 = 2;
}

impl Shapes {
    /// Never compares anything, and learns nothing.
    pub(super) fn switch_off(&mut self) {
        self.forget();
        self.switch.is_never_on = true;
    }

    /// Forgets what was learned for another plan.
    pub(super) fn forget(&mut self) {
        self.tracks.clear();
        self.nodes.clear();
        self.switch.lessons = Switch::LESSONS;
    }

    pub(super) fn counts(&self) -> ShapeCounts {
        let Switch { tally, counts, .. } = &self.switch;
        ShapeCounts {
            met: counts.met + u64::from(tally.met),
            missed: counts.missed + u64::from(tally.missed),
            ..*counts
        }
    }

    /// The shape of the objects that a node of the plan is about.
    #[inline(always)]
    pub(super) fn of_node(&self, node: usize) -> Option<&Track> {
        self.tracks.get((*self.nodes.get(node)?)?)
    }

    /// The shape of objects that nobody looks into.
    #[inline(always)]
    pub(super) fn track(&self, id: usize) -> Option<&Track> {
        self.tracks.get(id)
    }

    /// Takes note of a message that was accepted, and learns from it what was missed.
    #[inline(always)]
    pub(super) fn accept(&mut self, plan: &Plan, bytes: &[u8], tally: Tally, strange: &[Strange]) {
        let switch = &mut self.switch;
        if switch.is_never_on {
            return;
        }
        switch.tally.met = switch.tally.met.saturating_add(tally.met);
        switch.tally.missed = switch.tally.missed.saturating_add(tally.missed);
        switch.messages += 1;
        let is_new = tally.missed > 0 || !strange.is_empty();
        if switch.rest > 0 || is_new && switch.lessons > 0 || switch.messages >= Switch::TERM {
            self.consider(plan, bytes, tally, strange);
        }
    }

    #[inline(never)]
    fn consider(&mut self, plan: &Plan, bytes: &[u8], tally: Tally, strange: &[Strange]) {
        let switch = &mut self.switch;
        if switch.rest > 0 {
            switch.rest -= 1;
            switch.messages = 0;
            switch.tally = Tally::default();
            return;
        }
        if switch.lessons > 0 && (tally.missed > 0 || !strange.is_empty()) {
            switch.lessons -= 1;
            switch.counts.learned += 1;
            for strange in strange {
                self.learn_ending(plan, *strange);
            }
            if tally.missed > 0 {
                self.learn(plan, bytes);
            }
        }
        if self.switch.messages >= Switch::TERM {
            self.judge();
        }
    }

    /// Switches off what does not pay.
    fn judge(&mut self) {
        let switch = &mut self.switch;
        let (met, missed) = (u64::from(switch.tally.met), u64::from(switch.tally.missed));
        switch.counts.met += met;
        switch.counts.missed += missed;
        switch.messages = 0;
        switch.tally = Tally::default();
        // A stream that has changed is learned anew, a little at a time.
        switch.lessons = switch.lessons.max(1);
        if missed * Switch::PRICE > met {
            switch.counts.switched_off += 1;
            switch.rest = switch.next_rest;
            switch.next_rest = (switch.next_rest * 2).min(Switch::LONGEST_REST);
            self.forget();
        }
    }
}

impl Track {
    /// How many members may be missing in a row before one is read.
    const AHEAD: usize = 6;

    /// What is written at the end of the object, if the situation is known.
    #[inline(always)]
    pub(super) fn ending(&self, situation: Situation) -> Option<&Ending> {
        self.endings.iter().find(|ending| ending.situation == situation)
    }

    /// The slots that the end of the object asks about.
    #[inline(always)]
    pub(super) const fn slots(&self) -> Slots {
        self.slots
    }

    /// The member whose name begins at `at`, behind a comma or a brace; `cursor` goes on behind it.
    #[inline(always)]
    pub(super) fn step(&self, bytes: &[u8], at: usize, cursor: &mut usize) -> Option<&Step> {
        let step = self.steps.get(*cursor)?;
        if step.skeleton.stands_at(bytes, at) {
            *cursor += 1;
            return Some(step);
        }
        self.step_ahead(bytes, at, cursor)
    }

    #[inline(never)]
    fn step_ahead(&self, bytes: &[u8], at: usize, cursor: &mut usize) -> Option<&Step> {
        let ahead = self.steps.iter().enumerate().skip(*cursor + 1).take(Self::AHEAD);
        for (index, step) in ahead {
            if step.skeleton.stands_at(bytes, at) {
                *cursor = index + 1;
                return Some(step);
            }
        }
        None
    }
}
