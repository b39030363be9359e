//! Which values of a shape a path leads to.

use super::super::wanted::Wanted;
use super::Reason;
use super::shape::{CellKind, Inside, Member, Shape};
use crate::migration::path::Segment;

/// One step that can be told from names alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// To the member of this name.
    Name(String),
    /// To every element.
    Elements,
}

/// The steps of a path up to the first that depends on the document, and whether there is none.
pub(super) fn ways(segments: &[Segment]) -> Result<(Vec<Way>, bool), Reason> {
    let mut ways = Vec::with_capacity(segments.len());
    for segment in segments {
        ways.push(match segment {
            Segment::Name(name) => Way::Name(name.as_str().to_owned()),
            // On an array it would be an element; on an object it is a name like others.
            Segment::Token(name) if !name.is_element_token() => Way::Name(name.as_str().to_owned()),
            Segment::Elements => Way::Elements,
            Segment::Anywhere => return Err(Reason::new("`**` finds its names at any depth")),
            Segment::Token(_) | Segment::Glob(_) | Segment::Index(_) => return Ok((ways, false)),
        });
    }
    Ok((ways, true))
}

/// What stands where a path goes on.
pub(super) enum Entered {
    /// The members of an object of the shape.
    Members(usize),
    /// The elements of an array: the value that stands for each.
    Element(usize),
    /// A value that earlier operations work on as a whole; what is inside of it is theirs to know.
    Closed(usize),
}

/// Values that are closed, each with the number of steps that lead to it.
pub(super) type Closed = Vec<(usize, usize)>;

impl Shape {
    /// The values that the steps lead to, each with the number of steps that were taken: fewer than all where the way ends at
    /// a value that is closed. `before` steps have been taken already.
    pub(super) fn reach(
        &mut self,
        from: usize,
        ways: &[Way],
        before: usize,
    ) -> Result<Vec<(usize, usize)>, Reason> {
        let mut here = vec![from];
        let mut found = Vec::new();
        for (taken, way) in ways.iter().enumerate() {
            let mut next = Vec::new();
            for cell in here {
                for entered in self.enter(cell, way)? {
                    match (entered, way) {
                        (Entered::Members(object), Way::Name(name)) => {
                            for member in self.named(object, name)? {
                                next.push(self.objects[object].members[member].cell);
                            }
                        }
                        (Entered::Element(element), _) => next.push(element),
                        (Entered::Members(_), Way::Elements) => {}
                        (Entered::Closed(cell), _) => found.push((cell, before + taken)),
                    }
                }
            }
            here = next;
        }
        found.extend(here.into_iter().map(|cell| (cell, before + ways.len())));
        // A value that was taken elsewhere may have gone to one of several places, and is met at each of them.
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The objects whose members the last of the steps names, and the values at which the way ends before, each with the
    /// number of steps that lead to it.
    pub(super) fn parents(
        &mut self,
        from: usize,
        ways: &[Way],
        before: usize,
    ) -> Result<(Vec<usize>, Closed), Reason> {
        let (mut objects, mut closed) = (Vec::new(), Vec::new());
        let Some((last, way)) = ways.split_last() else {
            return Err(Reason::new("it works on the document as a whole"));
        };
        for (cell, taken) in self.reach(from, way, before)? {
            if taken < before + way.len() {
                closed.push((cell, taken));
                continue;
            }
            for entered in self.enter(cell, last)? {
                match entered {
                    Entered::Members(object) => objects.push(object),
                    Entered::Closed(cell) => closed.push((cell, taken)),
                    Entered::Element(_) => return Err(Reason::new("it works on elements of an array")),
                }
            }
        }
        objects.sort_unstable();
        objects.dedup();
        closed.sort_unstable();
        closed.dedup();
        Ok((objects, closed))
    }

    /// Goes into a value.
    pub(super) fn enter(&mut self, cell: usize, way: &Way) -> Result<Vec<Entered>, Reason> {
        let mut found = Vec::new();
        self.enter_into(cell, way, None, &mut found)?;
        Ok(found)
    }

    /// `taken_by`: the slot into which the value was moved. What happens inside of it happens before.
    fn enter_into(
        &mut self,
        cell: usize,
        way: &Way,
        taken_by: Option<usize>,
        found: &mut Vec<Entered>,
    ) -> Result<(), Reason> {
        let is_open = match taken_by {
            None => self.cells[cell].actions.is_empty(),
            Some(slot) => self.is_only_taken(cell, slot),
        };
        match self.cells[cell].kind {
            _ if !is_open => found.push(Entered::Closed(cell)),
            CellKind::Constant(_) => found.push(Entered::Closed(cell)),
            CellKind::Slot(slot) if self.slots[slot].is_moved => {
                for source in self.slots[slot].sources.clone() {
                    if self.is_only_taken(source, slot) {
                        self.enter_into(source, way, Some(slot), found)?;
                    } else {
                        found.push(Entered::Closed(cell));
                        break;
                    }
                }
            }
            CellKind::Slot(_) | CellKind::Value(_) => found.push(Entered::Closed(cell)),
            CellKind::Made | CellKind::Document => found.push(self.open(cell, way)?),
        }
        Ok(())
    }

    /// Whether what is wanted of a value still stands as it came, where it came. The names become known, so that the pass
    /// minds how they are written and that none stands twice.
    pub(super) fn is_as_it_came(&mut self, cell: usize, wanted: &Wanted) -> Result<bool, Reason> {
        let own = &self.cells[cell];
        if wanted.is_nothing() {
            return Ok(true);
        }
        if !own.actions.is_empty() || !matches!(own.kind, CellKind::Document) {
            return Ok(false);
        }
        if wanted.whole {
            return Ok(self.is_untouched(cell));
        }
        if matches!(own.inside, Inside::Elements(_)) {
            return Ok(false);
        }
        let Entered::Members(object) = self.open(cell, &Way::Name(String::new()))? else {
            return Ok(false);
        };
        if self.objects[object].picked.is_some() {
            return Ok(false);
        }
        for (name, inner) in &wanted.members {
            let [member] = self.named(object, name)?[..] else {
                return Ok(false);
            };
            let member = &self.objects[object].members[member];
            let (source, cell) = (member.source.as_ref(), member.cell);
            let is_plain =
                matches!(self.cells[cell].kind, CellKind::Document) && self.cells[cell].actions.is_empty();
            if source != Some(name) || !is_plain || !self.is_as_it_came(cell, inner)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether nothing happens to a value, and nothing inside of it.
    fn is_untouched(&self, cell: usize) -> bool {
        let own = &self.cells[cell];
        self.rules.is_empty()
            && own.actions.is_empty()
            && match own.inside {
                Inside::Nothing => true,
                Inside::Elements(element) => self.is_untouched(element),
                Inside::Members(object) => {
                    let object = &self.objects[object];
                    let stays = |member: &Member| {
                        member.source.is_some()
                            && member.name == member.source
                            && self.is_untouched(member.cell)
                    };
                    object.picked.is_none() && object.members.iter().all(stays)
                }
            }
    }

    fn open(&mut self, cell: usize, way: &Way) -> Result<Entered, Reason> {
        match (self.cells[cell].inside, way) {
            (Inside::Members(object), Way::Name(_)) => Ok(Entered::Members(object)),
            (Inside::Elements(element), Way::Elements) => Ok(Entered::Element(element)),
            (Inside::Nothing, Way::Name(_)) => {
                let object = self.new_object(cell, false);
                self.cells[cell].inside = Inside::Members(object);
                Ok(Entered::Members(object))
            }
            (Inside::Nothing, Way::Elements) => {
                let element = self.new_cell(CellKind::Document);
                self.cells[cell].inside = Inside::Elements(element);
                Ok(Entered::Element(element))
            }
            (Inside::Members(_) | Inside::Elements(_), _) => Err(Reason::new(
                "a value is an object to one transformation and an array to another",
            )),
        }
    }
}
