//! Objects of which the shape is known: names are compared with what stood there before, and everything else is as ever.

use super::super::plan::{Action, Node, Quick, ValuePlan};
use super::super::shapes::{Deed, Situation, Step, Strange, Track};
use super::{Handed, Held, Object, Pass, Place, Scanned};
use crate::migration::op::raw::Raw;

/// As many ends in new situations as are noted of one message.
const MOST_STRANGE: usize = 8;

impl<'a> Pass<'a> {
    /// As [`Pass::members`], with a shape.
    pub(super) fn members_by_shape(
        &mut self,
        track: &'a Track,
        id: usize,
        object: &mut Object,
        start: usize,
    ) -> Scanned {
        let node: &'a Node = &self.plan.nodes[id];
        let (mut cursor, mut met) = (0, 0);
        // Behind the brace or comma.
        let mut at = start + 1;
        loop {
            let end = match track.step(self.scan.bytes, at, &mut cursor) {
                Some(step) => {
                    met += 1;
                    self.known_member(step, node, object, at)?
                }
                None => {
                    let name = self.scan.white_space(at);
                    if at == start + 1 && self.scan.byte(name) == b'}' {
                        at = name;
                        break;
                    }
                    self.unknown_member(id, object, name)?
                }
            };
            at = self.scan.white_space(end);
            match self.scan.byte(at) {
                b',' => {
                    self.comma(object, at);
                    at += 1;
                }
                b'}' => break,
                _ => return Err(Handed),
            }
        }
        self.tally.met += met;
        Ok(at)
    }

    /// A member whose name is known. What it does to the outcomes is counted where the object ends.
    #[inline(always)]
    fn known_member(&mut self, step: &'a Step, node: &'a Node, object: &mut Object, at: usize) -> Scanned {
        let (value, content) = self.known_place(step, at);
        if object.present & step.bit != 0 {
            return Err(Handed);
        }
        match step.deed {
            Deed::Other => return self.other_member(step, node, object, at),
            Deed::Goes | Deed::Taken(_) => self.flush(object.edge),
            Deed::Passes | Deed::Stays | Deed::Inside(_) | Deed::Changes(_) => {
                object.has_members = true;
                if let Some(name) = &step.renamed {
                    self.flush(at + step.skeleton.name());
                    self.scratch.out.put_padded(name);
                    self.pending = value;
                }
            }
        }
        object.present |= step.bit;
        let end = match step.deed {
            Deed::Inside(plan) => self.inside(&self.plan.values[plan], value, object.open)?,
            _ => self.known_value(step, content, object.open)?,
        };
        match step.deed {
            Deed::Passes | Deed::Stays | Deed::Inside(_) | Deed::Other => {}
            Deed::Changes(plan) => return self.change(plan, (value, end), object.open),
            Deed::Goes => self.pending = end,
            Deed::Taken(slot) => {
                self.filled |= 1 << slot;
                self.scratch.slots[slot] = Held {
                    text: Place::Input(value, end),
                    origin: value,
                };
                self.pending = end;
            }
        }
        Ok(end)
    }

    /// A member whose name is known, and of which nothing else is.
    #[inline(never)]
    fn other_member(&mut self, step: &'a Step, node: &'a Node, object: &mut Object, at: usize) -> Scanned {
        let name = at + step.skeleton.name();
        let (value, _) = self.known_place(step, at);
        match node.members.get(usize::from(step.place)) {
            Some(member) => self.member(member, object, name, value),
            None => self.other(node, object, value),
        }
    }

    /// A value that one operation changes, without a detour where its text tells what becomes of it.
    #[inline(always)]
    fn change(&mut self, plan: usize, (at, end): (usize, usize), open: usize) -> Scanned {
        let plan: &'a ValuePlan = &self.plan.values[plan];
        let [Action::Apply(apply)] = plan.actions.as_slice() else {
            return self.act(plan, at, open);
        };
        if apply.spares.is_some() || apply.only_inside {
            return self.act(plan, at, open);
        }
        let text = &self.scan.bytes[at..end];
        let raw = match &apply.quick {
            Quick::Cast(cast) => cast.raw(text),
            Quick::Table(table) => table.image(text),
            Quick::No | Quick::Scalar | Quick::Constant(_) => Raw::Unread,
        };
        match raw {
            Raw::Same => {
                self.unchanged |= apply.mark;
                return Ok(end);
            }
            // Nothing has been written yet, so that it is read once more.
            Raw::Unread => return self.act(plan, at, open),
            Raw::Unquoted | Raw::Quoted | Raw::Image(_) => {}
        }
        self.changed |= apply.mark;
        self.flush(at);
        let out = &mut self.scratch.out;
        match raw {
            Raw::Unquoted => out.put_part(self.scan.bytes, at + 1, end - 1),
            Raw::Image(image) => out.put_padded(image),
            Raw::Quoted | Raw::Same | Raw::Unread => {
                out.put_byte(b'"');
                out.put_part(self.scan.bytes, at, end);
                out.put_byte(b'"');
            }
        }
        self.pending = end;
        Ok(end)
    }

    /// Ends an object whose brace stands at `at`, by what is known of such ends.
    #[inline(always)]
    pub(super) fn close_by_shape(
        &mut self,
        track: &'a Track,
        id: usize,
        object: &Object,
        at: usize,
    ) -> Result<(), Handed> {
        let situation = Situation {
            present: object.present,
            filled: self.filled & track.slots(),
            settled: self.settled & track.slots(),
            has_members: object.has_members,
        };
        let Some(ending) = track.ending(situation) else {
            return self.strange_end(id, object, situation, at);
        };
        self.changed |= ending.changed;
        self.unchanged |= ending.unchanged;
        let Some(pieces) = &ending.pieces else {
            return self.close(id, &self.plan.nodes[id], object, at);
        };
        if !pieces.is_empty() {
            self.flush(at);
            self.used |= ending.used;
            for piece in pieces {
                self.scratch.out.put_padded(&piece.text);
                if let Some(slot) = piece.slot {
                    self.put(self.scratch.slots[slot].text);
                }
            }
        }
        Ok(())
    }

    /// Ends an object in a situation that was not there before.
    #[inline(never)]
    fn strange_end(
        &mut self,
        id: usize,
        object: &Object,
        situation: Situation,
        at: usize,
    ) -> Result<(), Handed> {
        let node: &'a Node = &self.plan.nodes[id];
        if self.scratch.strange.len() < MOST_STRANGE {
            self.scratch.strange.push(Strange { node: id, situation });
        }
        for member in &node.members {
            if object.present & member.bit != 0 {
                self.changed |= member.changed;
                self.unchanged |= member.unchanged;
            }
        }
        self.close(id, node, object, at)
    }

    /// A member that no shape tells of.
    #[inline(never)]
    fn unknown_member(&mut self, id: usize, object: &mut Object, at: usize) -> Scanned {
        self.tally.missed += 1;
        let node: &'a Node = &self.plan.nodes[id];
        let mut order = std::mem::take(&mut self.orders[id]);
        let name = self.name(node, &mut order, at, &mut 0);
        self.orders[id] = order;
        let (place, value) = name?;
        match node.members.get(usize::from(place)) {
            Some(member) => self.member(member, object, at, value),
            None => self.other(node, object, value),
        }
    }

    /// Where the value behind a skeleton begins, and where its content does if it is a text. The white space before another
    /// value need not be that which stood there before.
    #[inline(always)]
    fn known_place(&self, step: &Step, at: usize) -> (usize, usize) {
        let end = at + step.skeleton.len();
        if step.skeleton.is_text() {
            return (end - 1, end);
        }
        let value = self.scan.white_space(end);
        (value, value)
    }

    /// The end of a value that nobody looks into; `at` is where its content begins.
    #[inline(always)]
    fn known_value(&mut self, step: &'a Step, at: usize, open: usize) -> Scanned {
        if step.skeleton.is_text() {
            return self.scan.string(at);
        }
        let first = self.scan.byte(at);
        if first.is_ascii_digit() || first == b'-' {
            return self.scan.number(at);
        }
        match step.inner {
            Some(inner) if matches!(first, b'{' | b'[') => self.container_by_shape(inner, at, open),
            Some(_) | None => self.scan.value(at, open),
        }
    }

    /// An object, or the objects in an array, that nobody looks into.
    #[inline(never)]
    fn container_by_shape(&mut self, inner: usize, at: usize, open: usize) -> Scanned {
        let Some(track) = self.shapes.track(inner) else {
            return self.scan.value(at, open);
        };
        if self.scan.byte(at) == b'{' {
            return self.object_by_shape(track, at, open);
        }
        self.each_element(at, open, |pass, at, open| match pass.scan.byte(at) {
            b'{' => pass.object_by_shape(track, at, open),
            _ => pass.scan.value(at, open),
        })
    }

    /// The end of an object that nobody looks into.
    #[inline(always)]
    fn object_by_shape(&mut self, track: &'a Track, start: usize, open: usize) -> Scanned {
        self.scan.open(open)?;
        let (mut cursor, mut met) = (0, 0);
        let mut at = start + 1;
        loop {
            let end = match track.step(self.scan.bytes, at, &mut cursor) {
                Some(step) => {
                    met += 1;
                    let (_, content) = self.known_place(step, at);
                    self.known_value(step, content, open + 1)?
                }
                None => {
                    let name = self.scan.white_space(at);
                    if at == start + 1 && self.scan.byte(name) == b'}' {
                        at = name;
                        break;
                    }
                    self.tally.missed += 1;
                    let value = self.scan.behind_name(name)?;
                    self.scan.value(value, open + 1)?
                }
            };
            at = self.scan.white_space(end);
            match self.scan.byte(at) {
                b',' => at += 1,
                b'}' => break,
                _ => return Err(Handed),
            }
        }
        self.tally.met += met;
        Ok(at + 1)
    }
}
