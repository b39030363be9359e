//! Members at the end of objects, and the gaps that are left for those whose value comes later.

use super::super::plan::{Append, Bits, Content, Node};
use super::{Buffer, Done, Handed, Object, Pass, Place};

/// A place in the result where members may still be put: their value had not been seen when their object ended.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Hole {
    /// The position in the result.
    at: usize,
    node: usize,
    /// The first of the members that are still to be judged.
    from: usize,
    present: Bits,
    has_members: bool,
    /// What belongs there, among the values that were changed. Nothing is known before the scope ends in which it stands.
    text: Option<(usize, usize)>,
}

impl<'a> Pass<'a> {
    /// Ends an object whose brace stands at `at`.
    #[inline(always)]
    pub(super) fn close(
        &mut self,
        id: usize,
        node: &'a Node,
        object: &Object,
        at: usize,
    ) -> Result<(), Handed> {
        if node.appends.is_empty() {
            return check_rivals(node, object.present);
        }
        self.append(id, 0, object.present, object.has_members, Some(at))
    }

    /// Appends the members of a node from one of them on. `brace`: where the object ends in the input, up to which
    /// everything must be copied before something is written.
    fn append(
        &mut self,
        id: usize,
        from: usize,
        mut present: Bits,
        mut has_members: bool,
        mut brace: Option<usize>,
    ) -> Result<(), Handed> {
        let node: &'a Node = &self.plan.nodes[id];
        for (index, append) in node.appends.iter().enumerate().skip(from) {
            if append.slots != 0 {
                if (self.filled | self.settled) & append.slots != append.slots {
                    if let Some(at) = brace {
                        self.flush(at);
                    }
                    self.scratch.holes.push(Hole {
                        at: self.scratch.out.len(),
                        node: id,
                        from: index,
                        present,
                        has_members,
                        text: None,
                    });
                    return Ok(());
                }
                if self.filled & append.slots == 0 {
                    continue;
                }
            }
            if present & append.blockers != 0 {
                if append.conflicts {
                    return Err(Handed);
                }
                continue;
            }
            present |= append.bit;
            if let Some(at) = brace.take() {
                self.flush(at);
            }
            has_members |= self.append_one(append, has_members)?;
        }
        check_rivals(node, present)
    }

    /// Writes one member, and tells whether it stays.
    #[inline(always)]
    fn append_one(&mut self, append: &'a Append, has_members: bool) -> Result<bool, Handed> {
        self.changed |= append.changed;
        self.unchanged |= append.unchanged;
        let Some(name) = &append.name else {
            // A later operation removes it. What was done inside of it counts all the same.
            let (length, holes) = (self.scratch.out.len(), self.scratch.holes.len());
            self.content(&append.content)?;
            if self.scratch.holes.len() > holes {
                // What comes later into a value that goes has no place to be put.
                return Err(Handed);
            }
            self.hidden += self.scratch.out.len() - length;
            self.scratch.out.truncate(length);
            return Ok(false);
        };
        if has_members {
            self.scratch.out.put_byte(b',');
        }
        self.scratch.out.put_padded(name);
        self.content(&append.content)?;
        Ok(true)
    }

    #[inline(always)]
    fn content(&mut self, content: &'a Content) -> Result<(), Handed> {
        match content {
            Content::Constant(text) => self.scratch.out.put_padded(text),
            Content::Slot(slot) => {
                self.used |= 1 << slot;
                self.put(self.scratch.slots[*slot].text);
            }
            Content::Value(value) => {
                let (from, to) = self.scratch.placed[*value];
                self.put(Place::Side(from, to));
            }
            Content::Object(id) => self.made_object(*id)?,
        }
        Ok(())
    }

    /// An object that the chain makes. Members that were taken from among its siblings come first, in the order in which
    /// they stood.
    fn made_object(&mut self, id: usize) -> Result<(), Handed> {
        let node: &'a Node = &self.plan.nodes[id];
        self.scratch.out.put_byte(b'{');
        let mut has_members = false;
        let mut present = 0;
        if node.nested > 0 {
            let mut sorted = std::mem::take(&mut self.scratch.sorted);
            sorted.clear();
            for (index, append) in node.appends.iter().enumerate().take(node.nested) {
                if self.filled & append.slots != 0 {
                    let origin = self.scratch.slots[append.slots.trailing_zeros() as usize].origin;
                    sorted.push((origin, index));
                }
            }
            sorted.sort_unstable();
            for (_, index) in &sorted {
                present |= node.appends[*index].bit;
                has_members |= self.append_one(&node.appends[*index], has_members)?;
            }
            self.scratch.sorted = sorted;
        }
        self.append(id, node.nested, present, has_members, None)?;
        self.scratch.out.put_byte(b'}');
        Ok(())
    }

    /// Writes a text.
    #[inline(always)]
    pub(super) fn put(&mut self, text: Place) {
        let scratch = &mut *self.scratch;
        match text {
            Place::Input(from, to) => scratch.out.put_part(self.scan.bytes, from, to),
            Place::Side(from, to) => scratch.out.put_from(&scratch.side, from, to),
        }
    }

    /// Moves what was written behind a position aside.
    pub(super) fn set_aside(&mut self, length: usize) -> (usize, usize) {
        let scratch = &mut *self.scratch;
        let from = scratch.side.len();
        scratch.side.put(&scratch.out.filled()[length..]);
        scratch.out.truncate(length);
        (from, scratch.side.len())
    }

    /// Decides about the holes from one of them on; all slots of theirs are settled. What was decided at the end of an inner
    /// scope stays: the slots hold other values by now.
    pub(super) fn fill(&mut self, from: usize) -> Result<(), Handed> {
        for index in from..self.scratch.holes.len() {
            let hole = self.scratch.holes[index];
            if hole.text.is_some() {
                continue;
            }
            let length = self.scratch.out.len();
            self.append(hole.node, hole.from, hole.present, hole.has_members, None)?;
            self.scratch.holes[index].text = Some(self.set_aside(length));
        }
        Ok(())
    }

    /// Ends the message.
    pub(super) fn finish(mut self) -> Result<Done, Handed> {
        let plan = self.plan;
        let scratch = self.scratch;
        let is_gathered = !scratch.holes.is_empty();
        if is_gathered {
            let (out, side) = (scratch.out.filled(), scratch.side.filled());
            gather(out, side, &scratch.holes, &mut scratch.gathered);
        }
        self.left_alone |= plan.left_alone_unless_asked & !self.asked;
        let matched = self.changed | self.unchanged | self.left_alone;
        let is_unmet = plan.strict & !matched != 0;
        let limits = &self.around.limits;
        let depth = self.scan.deepest + plan.added_depth + self.made_depth;
        let made = scratch.out.len() + scratch.side.len() + self.hidden;
        let copied = self.scan.bytes.len().saturating_mul(plan.copies + 1);
        // Both are estimates from above: it is the interpreter that knows whether a limit is met.
        if is_unmet || depth > limits.depth() || copied.saturating_add(made) > limits.working_size() {
            return Err(Handed);
        }
        Ok(Done {
            changed: self.changed,
            unchanged: self.unchanged,
            left_alone: self.left_alone,
            tally: self.tally,
            is_gathered,
        })
    }
}

#[inline(always)]
fn check_rivals(node: &Node, present: Bits) -> Result<(), Handed> {
    for (coming, there) in &node.rivals {
        if present & coming != 0 && present & there != 0 {
            return Err(Handed);
        }
    }
    Ok(())
}

fn gather(out: &[u8], side: &[u8], holes: &[Hole], gathered: &mut Buffer) {
    gathered.clear(out.len());
    let mut from = 0;
    for hole in holes {
        gathered.put(&out[from..hole.at]);
        if let Some((start, end)) = hole.text {
            gathered.put(&side[start..end]);
        }
        from = hole.at;
    }
    gathered.put(&out[from..]);
}
