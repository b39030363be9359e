//! Learning shapes from a message that was accepted.
//!
//! The document is walked once more, beside its plan. Nothing is learned of a name that is written with an escape: it is read
//! each time, so that names are equal where their bytes are.

use super::super::Handed;
use super::super::names::NONE;
use super::super::plan::{Action, Fate, Inside, Node, Plan, Slots};
use super::super::scan::{Scanned, Scanner};
use super::{Deed, Ending, Shapes, Skeleton, Step, Strange, Track};
use crate::migration::limits::Limits;

/// As many members as one shape tells of.
const MOST_STEPS: usize = 96;
/// As many shapes as one route has.
const MOST_TRACKS: usize = 512;
/// How deep in each other objects have shapes where nobody looks into them; those inside of them are read.
const MOST_DEPTH: usize = 8;
/// As many endings as one shape has.
const MOST_ENDINGS: usize = 8;
/// Elements of an array from which is learned.
const MOST_ELEMENTS: usize = 64;

impl Shapes {
    /// Learns the members that are not known yet.
    pub(super) fn learn(&mut self, plan: &Plan, bytes: &[u8]) {
        self.nodes.resize(plan.nodes.len(), None);
        let scan = Scanner::new(bytes, Limits::MOST_DEPTH);
        let start = scan.white_space(0);
        let mut lesson = Lesson {
            plan,
            scan,
            shapes: self,
        };
        // The message was accepted, so the walk comes to its end. If it did not, a lesson would be missing and nothing wrong.
        let _: Scanned = lesson.value(0, start);
    }

    /// Learns what is written at the end of an object.
    pub(super) fn learn_ending(&mut self, plan: &Plan, strange: Strange) {
        let track = self.nodes.get(strange.node).copied().flatten();
        let Some(track) = track.and_then(|track| self.tracks.get_mut(track)) else {
            return;
        };
        let is_known = track
            .endings
            .iter()
            .any(|ending| ending.situation == strange.situation);
        if !is_known && track.endings.len() < MOST_ENDINGS {
            let ending = Ending::new(&plan.nodes[strange.node], strange.situation);
            track.endings.push(ending);
        }
    }
}

/// One message, while it is learned from.
struct Lesson<'a> {
    plan: &'a Plan,
    scan: Scanner<'a>,
    shapes: &'a mut Shapes,
}

/// Where the parts of a member stand.
struct Member {
    /// Behind the comma or brace before it.
    start: usize,
    name: usize,
    name_end: usize,
    value: usize,
}

impl Lesson<'_> {
    /// A value about which the plan has something to say.
    fn value(&mut self, plan: usize, at: usize) -> Scanned {
        match (self.plan.values[plan].inside, self.scan.byte(at)) {
            (Inside::Members(node), b'{') => {
                let track = match self.shapes.nodes[node] {
                    Some(track) => Some(track),
                    None => self.fresh(asked(&self.plan.nodes[node])),
                };
                self.shapes.nodes[node] = track;
                match track {
                    Some(track) => self.object(track, Some(node), at, 0),
                    None => self.scan.value(at, 0),
                }
            }
            (Inside::Elements(element), b'[') => {
                self.elements(at, &mut |lesson, at| lesson.value(element, at))
            }
            _ => self.scan.value(at, 0),
        }
    }

    /// A value that nobody looks into, with the shape of the objects that it is or holds.
    fn untouched(&mut self, track: usize, at: usize, depth: usize) -> Scanned {
        match self.scan.byte(at) {
            b'{' => self.object(track, None, at, depth),
            b'[' => self.elements(at, &mut |lesson, at| match lesson.scan.byte(at) {
                b'{' => lesson.object(track, None, at, depth),
                _ => lesson.scan.value(at, 0),
            }),
            _ => self.scan.value(at, 0),
        }
    }

    fn elements(&mut self, at: usize, element: &mut dyn FnMut(&mut Self, usize) -> Scanned) -> Scanned {
        let mut at = self.scan.white_space(at + 1);
        if self.scan.byte(at) == b']' {
            return Ok(at + 1);
        }
        for number in 0.. {
            at = if number < MOST_ELEMENTS {
                element(self, at)?
            } else {
                self.scan.value(at, 0)?
            };
            at = self.scan.white_space(at);
            match self.scan.byte(at) {
                b',' => at = self.scan.white_space(at + 1),
                b']' => return Ok(at + 1),
                _ => break,
            }
        }
        Err(Handed)
    }

    fn object(&mut self, track: usize, node: Option<usize>, at: usize, depth: usize) -> Scanned {
        let mut start = at + 1;
        let first = self.scan.white_space(start);
        if self.scan.byte(first) == b'}' {
            return Ok(first + 1);
        }
        let mut cursor = 0;
        loop {
            let name = self.scan.white_space(start);
            if self.scan.byte(name) != b'"' {
                return Err(Handed);
            }
            let name_end = self.scan.string(name + 1)?;
            let member = Member {
                start,
                name,
                name_end,
                value: self.scan.behind_colon(name_end)?,
            };
            let end = self.member(track, node, &member, &mut cursor, depth)?;
            let at = self.scan.white_space(end);
            match self.scan.byte(at) {
                b',' => start = at + 1,
                b'}' => return Ok(at + 1),
                _ => return Err(Handed),
            }
        }
    }

    fn member(
        &mut self,
        track: usize,
        node: Option<usize>,
        member: &Member,
        cursor: &mut usize,
        depth: usize,
    ) -> Scanned {
        let Member {
            name,
            name_end,
            value,
            ..
        } = *member;
        let text = &self.scan.bytes[name + 1..name_end - 1];
        if text.contains(&b'\\') {
            return self.scan.value(value, 0);
        }
        let place = node.map_or(NONE, |node| self.plan.nodes[node].names.find(text));
        let step = self.step(track, member, (node, place), cursor);
        let named = node.and_then(|node| self.plan.nodes[node].members.get(usize::from(place)));
        if let Some(plan) = named.and_then(|named| named.value) {
            return self.value(plan, value);
        }
        let Some(step) = step.filter(|_| matches!(self.scan.byte(value), b'{' | b'[') && depth < MOST_DEPTH)
        else {
            return self.scan.value(value, 0);
        };
        let inner = match self.shapes.tracks[track].steps[step].inner {
            Some(inner) => Some(inner),
            None => self.fresh(0),
        };
        self.shapes.tracks[track].steps[step].inner = inner;
        match inner {
            Some(inner) => self.untouched(inner, value, depth + 1),
            None => self.scan.value(value, 0),
        }
    }

    /// Where the step of a member stands in its shape; `cursor` goes on behind it. One that stood before the members that came
    /// before it is moved behind them: so the steps come into an order that fits all messages, if there is one.
    fn step(
        &mut self,
        track: usize,
        member: &Member,
        (node, place): (Option<usize>, u8),
        cursor: &mut usize,
    ) -> Option<usize> {
        let is_text = self.scan.byte(member.value) == b'"';
        let bytes = &self.scan.bytes[member.start..member.value + usize::from(is_text)];
        let steps = &mut self.shapes.tracks[track].steps;
        let known = steps.iter().position(|step| step.skeleton.bytes() == bytes);
        let at = match known {
            Some(known) if known >= *cursor => known,
            Some(known) => {
                let step = steps.remove(known);
                steps.insert(*cursor - 1, step);
                *cursor - 1
            }
            None if steps.len() >= MOST_STEPS => return None,
            None => {
                let skeleton = Skeleton::new(bytes, member.name - member.start, is_text)?;
                let node = node.map(|node| &self.plan.nodes[node]);
                let deed = deed(self.plan, node, place);
                let planned = node.and_then(|node| node.members.get(usize::from(place)));
                // What has no way of its own here asks for its bit itself.
                let planned = planned.filter(|_| deed != Deed::Other);
                let step = Step {
                    skeleton,
                    place,
                    deed,
                    bit: planned.map_or(0, |member| member.bit),
                    renamed: planned.and_then(|member| match &member.fate {
                        Fate::Renamed(name) => Some(name.clone()),
                        Fate::Stays | Fate::Gone => None,
                    }),
                    inner: None,
                };
                steps.insert(*cursor, step);
                *cursor
            }
        };
        *cursor = at + 1;
        Some(at)
    }

    /// A shape without members.
    fn fresh(&mut self, slots: Slots) -> Option<usize> {
        let tracks = &mut self.shapes.tracks;
        if tracks.len() >= MOST_TRACKS {
            return None;
        }
        tracks.push(Track {
            slots,
            ..Track::default()
        });
        Some(tracks.len() - 1)
    }
}

/// The slots that the end of an object asks about.
fn asked(node: &Node) -> Slots {
    node.appends.iter().fold(0, |all, append| all | append.slots)
}

/// What happens to the member whose name has this place; `node` is none where nobody looks into the object.
fn deed(plan: &Plan, node: Option<&Node>, place: u8) -> Deed {
    let Some(node) = node else {
        return Deed::Passes;
    };
    let Some(member) = node.members.get(usize::from(place)) else {
        return match node.others_go {
            None => Deed::Passes,
            Some(_) => Deed::Other,
        };
    };
    let goes = member.fate == Fate::Gone;
    let Some(id) = member.value else {
        return if goes { Deed::Goes } else { Deed::Stays };
    };
    let value = &plan.values[id];
    match value.actions.as_slice() {
        [] if !goes => Deed::Inside(id),
        [Action::Apply(_)] if !goes && value.inside == Inside::Nothing => Deed::Changes(id),
        [Action::Capture(slot)]
            if goes && value.inside == Inside::Nothing && plan.slots[*slot].is_empty() =>
        {
            Deed::Taken(*slot)
        }
        _ => Deed::Other,
    }
}
