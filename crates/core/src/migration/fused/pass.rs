//! One message through one plan: a strict reader that copies what stays and writes what changes.
//!
//! Bytes that stay only lengthen the span that is copied next. Whatever the plan has no exact answer for hands the
//! message back: then nothing of it counts, and the interpreter begins anew.

mod act;
mod anywhere;
mod append;
mod shaped;

use bytes::Bytes;

use super::Handed;
use super::buffer::Buffer;
use super::course::Known;
use super::names::{NONE, Order};
use super::plan::{Fate, Inside, Marks, MemberPlan, Node, Plan, Slots, Told, ValuePlan};
use super::scan::{Scanned, Scanner};
use super::shapes::{Shapes, Strange, Tally};
use crate::message::Headers;
use crate::migration::context::Secrets;
use crate::migration::document::{Text, Value};
use crate::migration::limits::Limits;
use crate::migration::outcome::{Change, Outcome, SkipReason};

pub(super) use append::Hole;

/// What a worker keeps from message to message.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The result.
    pub(super) out: Buffer,
    /// Values that were changed before anyone knew where they go.
    side: Buffer,
    /// The result again, where something had to be put in before its end.
    gathered: Buffer,
    holes: Vec<Hole>,
    slots: Vec<Held>,
    /// What the passes of the message did, in order.
    pub(super) dones: Vec<Done>,
    /// Values that stayed because of `on_error: keep`, and sources that were given up, with the pass and the mark of who did it.
    kept: Vec<(usize, Marks, u64, u64)>,
    /// Values that were computed before the pass.
    pub(super) values: Vec<Value>,
    /// Where they stand among the values that were changed, when they are put there.
    placed: Vec<(usize, usize)>,
    /// What became of operations on headers and the key.
    pub(super) besides: Vec<Change>,
    /// What the pass before has made.
    document: Buffer,
    is_made: bool,
    /// Where an object's sources stand, while they are sorted.
    sorted: Vec<(usize, usize)>,
    /// Ends of objects that no shape tells of.
    pub(super) strange: Vec<Strange>,
}

/// A text that stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the document as it came.
    Input(usize, usize),
    /// Among the values that were changed.
    Side(usize, usize),
}

/// A value in a slot.
#[derive(Debug, Clone, Copy)]
struct Held {
    text: Place,
    /// Where it stood in the document.
    origin: usize,
}

/// What became of the operations of a plan, and whether something was put in before the end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) changed: Marks,
    pub(super) unchanged: Marks,
    pub(super) left_alone: Marks,
    pub(super) tally: Tally,
    is_gathered: bool,
}

impl Scratch {
    /// Forgets the message before.
    pub(super) fn clear(&mut self) {
        self.dones.clear();
        self.kept.clear();
        self.values.clear();
        self.besides.clear();
        self.is_made = false;
    }

    /// The document as the passes so far have left it; `None` where they have not touched it.
    pub(super) fn document(&self) -> Option<&[u8]> {
        self.is_made.then(|| self.document.filled())
    }

    /// Goes on with a document that an operation has made.
    pub(super) fn put_document(&mut self, document: &Value) {
        self.document.clear(0);
        self.document.put(document.to_json().as_bytes());
        self.is_made = true;
    }

    /// Takes the document through one more pass.
    ///
    /// # Errors
    /// The interpreter must be asked.
    pub(super) fn pass(
        &mut self,
        known: &mut Known,
        original: &[u8],
        around: Surroundings<'_>,
    ) -> Result<(), Handed> {
        let before = std::mem::take(&mut self.document);
        let bytes = if self.is_made { before.filled() } else { original };
        let done = run(known, bytes, around, self);
        if let Ok(done) = &done {
            known.shapes.accept(&known.plan, bytes, done.tally, &self.strange);
        }
        self.document = before;
        let done = done?;
        if done.changed != 0 {
            let made = if done.is_gathered {
                &mut self.gathered
            } else {
                &mut self.out
            };
            std::mem::swap(&mut self.document, made);
            self.is_made = true;
        }
        self.values.clear();
        self.dones.push(done);
        Ok(())
    }

    /// What became of a transformation.
    pub(super) fn change(&self, told: Told) -> Change {
        let (pass, marks) = match told {
            Told::Known(outcome) => return Change::of(outcome),
            Told::Beside(number) => {
                let done = self.besides.get(number).copied();
                return done.unwrap_or(Change::of(Outcome::Absent));
            }
            Told::By { pass, marks } => (pass, marks),
        };
        let done = self.dones.get(pass).copied().unwrap_or_default();
        let outcome = if done.changed & marks != 0 {
            Outcome::Applied
        } else if done.unchanged & marks != 0 {
            Outcome::Unchanged
        } else if done.left_alone & marks != 0 {
            Outcome::Skipped(SkipReason::Condition)
        } else {
            Outcome::Absent
        };
        let mut change = Change::of(outcome);
        for (of, mark, values, sources) in &self.kept {
            if *of == pass && mark & marks != 0 {
                change.kept_errors += values;
                change.kept_targets += sources;
            }
        }
        change
    }
}

/// What the pass must know beside plan and document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) secrets: &'a dyn Secrets,
    pub(super) limits: Limits,
    pub(super) headers: &'a Headers,
    pub(super) key: Option<&'a Bytes>,
}

/// One message on its way.
struct Pass<'a> {
    plan: &'a Plan,
    orders: &'a mut [Order],
    around: Surroundings<'a>,
    scan: Scanner<'a>,
    scratch: &'a mut Scratch,
    /// What is known of the objects that come. It never decides.
    shapes: &'a Shapes,
    tally: Tally,
    /// Where the span begins that stays and was not copied yet.
    pending: usize,
    changed: Marks,
    unchanged: Marks,
    left_alone: Marks,
    /// Operations that the interpreter has performed on some value.
    asked: Marks,
    /// Slots that hold a value.
    filled: Slots,
    /// Slots of which it is known whether they will.
    settled: Slots,
    /// Slots whose value has been written.
    used: Slots,
    /// Bytes that operations have made and the result does not show.
    hidden: usize,
    /// Containers in what operations have made.
    made_depth: usize,
}

/// Takes a document through a plan. The bytes are known to be UTF-8.
///
/// # Errors
/// The interpreter must be asked.
fn run(
    known: &mut Known,
    bytes: &[u8],
    around: Surroundings<'_>,
    scratch: &mut Scratch,
) -> Result<Done, Handed> {
    let plan = &known.plan;
    scratch.out.clear(bytes.len());
    scratch.side.clear(0);
    scratch.holes.clear();
    scratch.strange.clear();
    let nothing = Held {
        text: Place::Input(0, 0),
        origin: 0,
    };
    if scratch.slots.len() < plan.slots.len() {
        scratch.slots.resize(plan.slots.len(), nothing);
    }
    let mut made_depth = 0;
    scratch.placed.clear();
    for value in &scratch.values {
        let start = scratch.side.len();
        scratch.side.put(value.to_json().as_bytes());
        scratch.placed.push((start, scratch.side.len()));
        made_depth = made_depth.max(value.depth());
    }
    let mut pass = Pass {
        plan,
        orders: &mut known.orders,
        around,
        scan: Scanner::new(bytes, around.limits.depth()),
        scratch,
        shapes: &known.shapes,
        tally: Tally::default(),
        pending: 0,
        changed: 0,
        unchanged: 0,
        left_alone: 0,
        asked: 0,
        filled: 0,
        settled: 0,
        used: 0,
        hidden: 0,
        made_depth,
    };
    let start = pass.scan.white_space(0);
    // A top-level null is absent to every path, and a scalar a mismatch.
    let first = pass.scan.byte(start);
    let looks_inside = matches!(plan.values.first(), Some(root) if root.inside != Inside::Nothing);
    if first == b'n' || looks_inside && !matches!(first, b'{' | b'[') {
        return Err(Handed);
    }
    let end = pass.scoped(0, start, 0)?;
    pass.scan.end(end)?;
    pass.flush(end);
    pass.finish()
}

impl<'a> Pass<'a> {
    /// Copies what stays, up to a position.
    #[inline(always)]
    fn flush(&mut self, to: usize) {
        if to > self.pending {
            self.scratch.out.put_part(self.scan.bytes, self.pending, to);
            self.pending = to;
        }
    }

    /// A value that is the root or an element: what is taken elsewhere stays in it.
    #[inline(always)]
    fn scoped(&mut self, plan: usize, at: usize, open: usize) -> Scanned {
        let value: &'a ValuePlan = &self.plan.values[plan];
        if value.scope == 0 {
            return self.value(value, at, open);
        }
        self.filled &= !value.scope;
        self.settled &= !value.scope;
        self.used &= !value.scope;
        let holes = self.scratch.holes.len();
        let end = self.value(value, at, open)?;
        self.settled |= value.scope;
        self.fill(holes)?;
        // A value that found no place stays where it is: that is not known before its element ends.
        if self.filled & value.scope & !self.used != 0 {
            return Err(Handed);
        }
        Ok(end)
    }

    /// A value about which the plan has something to say.
    #[inline(always)]
    fn value(&mut self, plan: &'a ValuePlan, at: usize, open: usize) -> Scanned {
        if !plan.actions.is_empty() {
            return self.act(plan, at, open);
        }
        self.inside(plan, at, open)
    }

    #[inline(always)]
    fn inside(&mut self, plan: &'a ValuePlan, at: usize, open: usize) -> Scanned {
        match (plan.inside, self.scan.byte(at)) {
            (Inside::Nothing, _) => self.scan.value(at, open),
            (Inside::Anywhere(level), _) => self.anywhere(level, at, open),
            (Inside::Members(node), b'{') => self.object(node, at, open),
            (Inside::Elements(element), b'[') => self.elements(element, at, open),
            (Inside::Members(_) | Inside::Elements(_), b'n') if !plan.refuses_null => {
                self.scan.atom(at, b'n')
            }
            (Inside::Members(_) | Inside::Elements(_), _) => Err(Handed),
        }
    }

    fn elements(&mut self, element: usize, at: usize, open: usize) -> Scanned {
        self.each_element(at, open, |pass, at, open| pass.scoped(element, at, open))
    }

    /// The end of an array that begins here, each of whose elements is shown with its place and its depth.
    #[inline(always)]
    fn each_element(
        &mut self,
        at: usize,
        open: usize,
        mut element: impl FnMut(&mut Self, usize, usize) -> Scanned,
    ) -> Scanned {
        self.scan.open(open)?;
        let mut at = self.scan.white_space(at + 1);
        if self.scan.byte(at) == b']' {
            return Ok(at + 1);
        }
        loop {
            let end = element(self, at, open + 1)?;
            at = self.scan.white_space(end);
            match self.scan.byte(at) {
                b',' => at = self.scan.white_space(at + 1),
                b']' => return Ok(at + 1),
                _ => return Err(Handed),
            }
        }
    }

    fn object(&mut self, id: usize, start: usize, open: usize) -> Scanned {
        let node: &'a Node = &self.plan.nodes[id];
        self.scan.open(open)?;
        self.unchanged |= node.content;
        let mut object = Object {
            present: 0,
            has_members: false,
            taken: 0,
            edge: start + 1,
            open: open + 1,
        };
        let at = match self.shapes.of_node(id) {
            Some(track) => {
                let at = self.members_by_shape(track, id, &mut object, start)?;
                self.settled |= node.sources;
                self.close_by_shape(track, id, &object, at)?;
                return Ok(at + 1);
            }
            None => {
                self.tally.missed += 1;
                // Nothing inside of an object is the same object, so that nobody else asks for its order meanwhile.
                let mut order = std::mem::take(&mut self.orders[id]);
                let end = self.members(node, &mut order, &mut object, start);
                self.orders[id] = order;
                end?
            }
        };
        self.settled |= node.sources;
        self.close(id, node, &object, at)?;
        Ok(at + 1)
    }

    /// The members of an object that begins at `start`, up to its closing brace.
    #[inline(always)]
    fn members(&mut self, node: &'a Node, order: &mut Order, object: &mut Object, start: usize) -> Scanned {
        let mut cursor = 0;
        let mut at = self.scan.white_space(start + 1);
        if self.scan.byte(at) != b'}' {
            loop {
                let (place, value) = self.name(node, order, at, &mut cursor)?;
                let end = match node.members.get(usize::from(place)) {
                    Some(member) => self.member(member, object, at, value)?,
                    None if node.rules > 0 => self.other_by_rules(node, object, at, value)?,
                    None => self.other(node, object, value)?,
                };
                at = self.scan.white_space(end);
                match self.scan.byte(at) {
                    b',' => {
                        self.comma(object, at);
                        at = self.scan.white_space(at + 1);
                    }
                    b'}' => break,
                    _ => return Err(Handed),
                }
            }
        }
        Ok(at)
    }

    /// The comma behind a member.
    #[inline(always)]
    fn comma(&mut self, object: &mut Object, at: usize) {
        if object.has_members {
            object.edge = at;
        } else {
            self.pending = at + 1;
        }
    }

    /// The place of the name that begins here, and the beginning of the value.
    #[inline(always)]
    fn name(
        &self,
        node: &Node,
        order: &mut Order,
        at: usize,
        cursor: &mut usize,
    ) -> Result<(u8, usize), Handed> {
        if let Some((place, end)) = order.guess(self.scan.bytes, at, cursor) {
            return Ok((place, self.scan.white_space(end)));
        }
        self.look_up(node, order, at, cursor)
    }

    #[inline(never)]
    fn look_up(
        &self,
        node: &Node,
        order: &mut Order,
        at: usize,
        cursor: &mut usize,
    ) -> Result<(u8, usize), Handed> {
        if self.scan.byte(at) != b'"' {
            return Err(Handed);
        }
        let end = self.scan.string(at + 1)?;
        let name = &self.scan.bytes[at + 1..end - 1];
        let place = if name.contains(&b'\\') {
            // A name that somebody names, and that is written in another way, is rare enough for the interpreter.
            let text = std::str::from_utf8(name).map_err(|_| Handed)?;
            match Text::from_scanned(text).read() {
                Ok(name) if node.names.find(name.as_bytes()) != NONE => return Err(Handed),
                Ok(_) | Err(_) => NONE,
            }
        } else {
            let place = node.names.find(name);
            order.learn(&self.scan, at, end, place, cursor);
            place
        };
        Ok((place, self.scan.behind_colon(end)?))
    }

    /// A member that nobody names.
    #[inline(always)]
    fn other(&mut self, node: &Node, object: &mut Object, value: usize) -> Scanned {
        let end = self.scan.value(value, object.open)?;
        match node.others_go {
            None => object.has_members = true,
            Some(marks) => {
                self.changed |= marks;
                self.flush(object.edge);
                self.pending = end;
            }
        }
        Ok(end)
    }

    /// A member that nobody names by its place, in an object in which rules hold.
    #[inline(never)]
    fn other_by_rules(&mut self, node: &'a Node, object: &mut Object, at: usize, value: usize) -> Scanned {
        let end = self.scan.string(at + 1)?;
        match self.verdict(node.rules, at + 1, end - 1)? {
            Some(verdict) if verdict.gone.is_some() || node.others_go.is_none() => {
                return self.by_rules(verdict, node.rules, object, at, value);
            }
            // What it is called and what it holds has changed before it goes.
            Some(_) => return Err(Handed),
            None => {}
        }
        let Some(marks) = node.others_go else {
            object.has_members = true;
            return self.anywhere(node.rules, value, object.open);
        };
        self.changed |= marks;
        self.flush(object.edge);
        let length = self.scratch.out.len();
        self.pending = value;
        let end = self.anywhere(node.rules, value, object.open)?;
        self.hidden += self.scratch.out.len() - length;
        self.scratch.out.truncate(length);
        self.pending = end;
        Ok(end)
    }

    /// A member that somebody names: `at` is where its name begins, `value` where its value does.
    #[inline(always)]
    fn member(&mut self, member: &'a MemberPlan, object: &mut Object, at: usize, value: usize) -> Scanned {
        if object.present & member.bit != 0 {
            // What the occurrences of one name mean differs from operation to operation.
            return Err(Handed);
        }
        object.present |= member.bit;
        self.changed |= member.changed;
        self.unchanged |= member.unchanged;
        match &member.fate {
            Fate::Stays => object.has_members = true,
            Fate::Renamed(name) => {
                object.has_members = true;
                self.flush(at);
                self.scratch.out.put_padded(name);
                self.pending = value;
            }
            Fate::Gone => return self.gone(member, object, value),
        }
        match member.value {
            None => self.scan.value(value, object.open),
            Some(plan) => self.value(&self.plan.values[plan], value, object.open),
        }
    }

    /// A member that is removed or taken elsewhere. What happens inside of it is still done, and counts.
    fn gone(&mut self, member: &'a MemberPlan, object: &Object, value: usize) -> Scanned {
        self.flush(object.edge);
        let end = match member.value {
            None => self.scan.value(value, object.open)?,
            Some(plan) => {
                let plan = &self.plan.values[plan];
                let (length, holes) = (self.scratch.out.len(), self.scratch.holes.len());
                self.pending = value;
                let end = self.value(plan, value, object.open)?;
                if self.scratch.holes.len() > holes {
                    return Err(Handed);
                }
                self.hidden += self.scratch.out.len() - length;
                self.scratch.out.truncate(length);
                end
            }
        };
        self.pending = end;
        Ok(end)
    }
}

/// An object while its members are read.
struct Object {
    /// Which of the members that somebody names are there.
    present: u64,
    /// Whether a member stays, so that the next one needs a comma.
    has_members: bool,
    /// Which of the names that rules give are there.
    taken: u64,
    /// Where the text ends that stays if the next member goes.
    edge: usize,
    /// How many containers are open inside of it.
    open: usize,
}
