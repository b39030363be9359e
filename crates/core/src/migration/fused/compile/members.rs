//! Operations on the members of objects: rename, remove, add, pick and nest.

use std::sync::Arc;

use super::super::plan::{Action, Marks};
use super::places::{Entered, Way, ways};
use super::shape::{CellKind, Inside, Member, Shape, bits};
use super::{Reason, beside, container_depth};
use crate::migration::document::Value;
use crate::migration::op::{Add, Compute, IfPresent, Modify, Nest, Op, Pick, Rename, Step};
use crate::migration::path::{Path, Pattern};
use crate::migration::place::Parents;

/// What is put at the end of an object, and when.
pub(super) struct Arriving {
    pub(super) mark: Marks,
    pub(super) content: Arrives,
    /// Objects in which it was put already: a value that was taken elsewhere may be met at several places.
    pub(super) met: Vec<usize>,
    /// What becomes of a member that is there already.
    pub(super) conflicts: bool,
    pub(super) parents: Parents,
}

/// What is put at the end of an object.
pub(super) enum Arrives {
    Constant(Value),
    Slot(usize),
    /// A value that is computed before the pass.
    Value(usize),
}

impl Shape {
    pub(super) fn rename(&mut self, mark: Marks, step: &Step, op: &Rename) -> Result<(), Reason> {
        let segments = op.path.segments().ok_or_else(beside)?;
        let (ways, is_plain) = ways(segments)?;
        let (true, Some(Way::Name(old))) = (is_plain, ways.last()) else {
            return self.island(mark, step, &op.path, container_depth(&step.op, segments.len()));
        };
        let new = op.new_name(&crate::migration::document::Text::from_str(old));
        let Ok(new) = new.read().map(std::borrow::Cow::into_owned) else {
            return Err(Reason::new("its new name is no text"));
        };
        let (objects, closed) = self.parents(self.root(), &ways, 0)?;
        for (cell, depth) in closed {
            self.act(cell, mark, step, depth)?;
        }
        for object in objects {
            if new == *old {
                for source in self.named(object, old)? {
                    self.objects[object].members[source].unchanged |= mark;
                }
            } else {
                self.rename_in(object, mark, old, &new)?;
            }
        }
        Ok(())
    }

    /// Gives another name to the member of an object. Both names become known there, so that one does not end up where the
    /// other is.
    pub(super) fn rename_in(
        &mut self,
        object: usize,
        mark: Marks,
        old: &str,
        new: &str,
    ) -> Result<(), Reason> {
        let (sources, there) = (self.named(object, old)?, self.named(object, new)?);
        let own = &mut self.objects[object];
        if !there.is_empty() {
            own.rivals.push((bits(&sources), bits(&there)));
        }
        for source in sources {
            own.members[source].name = Some(new.to_owned());
            own.members[source].changed |= mark;
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, mark: Marks, step: &Step, path: &Path) -> Result<(), Reason> {
        let segments = path.segments().ok_or_else(beside)?;
        let (ways, is_plain) = ways(segments)?;
        let (true, Some(Way::Name(name))) = (is_plain, ways.last()) else {
            return self.island(mark, step, path, container_depth(&step.op, segments.len()));
        };
        let (objects, closed) = self.parents(self.root(), &ways, 0)?;
        for (cell, depth) in closed {
            self.act(cell, mark, step, depth)?;
        }
        for object in objects {
            for member in self.named(object, name)? {
                self.objects[object].members[member].name = None;
                self.objects[object].members[member].changed |= mark;
            }
        }
        Ok(())
    }

    pub(super) fn add(&mut self, mark: Marks, step: &Step, op: &Add) -> Result<(), Reason> {
        let segments = op.path.segments().ok_or_else(beside)?;
        let (ways, is_plain) = ways(segments)?;
        if !is_plain {
            return self.island(mark, step, &op.path, container_depth(&step.op, segments.len()));
        }
        self.added_depth += op.value.depth();
        let mut arriving = Arriving {
            mark,
            content: Arrives::Constant(op.value.clone()),
            met: Vec::new(),
            conflicts: op.if_present == IfPresent::Fail,
            parents: op.parents,
        };
        for object in self.put(self.root(), &ways, 0, &mut arriving, Some(step))? {
            let Some(Way::Name(name)) = ways.last() else {
                continue;
            };
            for member in self.named(object, name)? {
                if self.objects[object].members[member].changed & mark != 0 {
                    continue;
                }
                match op.if_present {
                    IfPresent::Keep => self.objects[object].members[member].unchanged |= mark,
                    IfPresent::Fail => {}
                    IfPresent::Replace => {
                        let cell = self.objects[object].members[member].cell;
                        let replace = Step {
                            op: Op::Modify(Modify {
                                path: op.path.clone(),
                                value: op.value.clone(),
                            }),
                            rules: Arc::clone(&step.rules),
                        };
                        self.act(cell, mark, &replace, segments.len())?;
                    }
                    IfPresent::ReplaceNull => {
                        return Err(Reason::new("`if_present: replace_null` looks at the value"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts a value that is computed before the pass where a path of names leads.
    pub(super) fn compute(
        &mut self,
        mark: Marks,
        ways: &[Way],
        op: &Compute,
        value: usize,
    ) -> Result<(), Reason> {
        self.added_depth += ways.len();
        let mut arriving = Arriving {
            mark,
            content: Arrives::Value(value),
            met: Vec::new(),
            conflicts: false,
            parents: op.parents(),
        };
        for object in self.put(self.root(), ways, 0, &mut arriving, None)? {
            let Some(Way::Name(name)) = ways.last() else {
                continue;
            };
            for member in self.named(object, name)? {
                let own = &mut self.objects[object].members[member];
                if own.changed & mark != 0 {
                    continue;
                }
                if !op.replaces() {
                    own.unchanged |= mark;
                    continue;
                }
                let level = self.rules.len();
                let cell = &mut self.cells[own.cell];
                if !matches!(cell.kind, CellKind::Document) {
                    return Err(Reason::new(
                        "it replaces a value that an earlier transformation makes",
                    ));
                }
                cell.rules.get_or_insert(level);
                cell.actions.push(Action::Replace { mark, value });
            }
        }
        Ok(())
    }

    /// Puts a member at the end of every object that the path leads to, and makes those that are missing. Gives the objects
    /// of the document in which it was put.
    pub(super) fn put(
        &mut self,
        cell: usize,
        ways: &[Way],
        taken: usize,
        arriving: &mut Arriving,
        step: Option<&Step>,
    ) -> Result<Vec<usize>, Reason> {
        let Some((way, rest)) = ways.split_first() else {
            return Err(Reason::new("it works on the document as a whole"));
        };
        let mut objects = Vec::new();
        for entered in self.enter(cell, way)? {
            match (entered, way) {
                (Entered::Closed(cell), _) => match step {
                    Some(step) => self.act(cell, arriving.mark, step, taken)?,
                    None => return Err(closed()),
                },
                (Entered::Element(element), _) => {
                    objects.extend(self.put(element, rest, taken + 1, arriving, step)?);
                }
                (Entered::Members(object), Way::Name(_)) if arriving.met.contains(&object) => {}
                (Entered::Members(object), Way::Name(name)) => {
                    arriving.met.push(object);
                    let holder = self.objects[object].cell;
                    if arriving.parents == Parents::MissingOrNull {
                        self.cells[holder].refuses_null = true;
                    }
                    let there = self.named(object, name)?;
                    if rest.is_empty() {
                        self.append(object, name, &there, arriving)?;
                        objects.push(object);
                        continue;
                    }
                    for member in &there {
                        let cell = self.objects[object].members[*member].cell;
                        objects.extend(self.put(cell, rest, taken + 1, arriving, step)?);
                    }
                    let can_make =
                        arriving.parents != Parents::No && rest.iter().all(|way| matches!(way, Way::Name(_)));
                    if can_make && !self.is_surely_there(object, &there) {
                        let made = self.new_cell(CellKind::Made);
                        let inner = self.new_object(made, true);
                        self.cells[made].inside = Inside::Members(inner);
                        self.added_depth += 1;
                        let member = self.new_member(object, None, Some(name), made)?;
                        let slots = arriving.slots();
                        let own = &mut self.objects[object].members[member];
                        own.blockers = bits(&there);
                        own.slots = slots;
                        objects.extend(self.put(made, rest, taken + 1, arriving, step)?);
                    }
                }
                (Entered::Members(_), Way::Elements) => {}
            }
        }
        Ok(objects)
    }

    /// Whether one of these members is there whatever the document is: one that is put there if none of the others is.
    fn is_surely_there(&self, object: usize, members: &[usize]) -> bool {
        let all = bits(members);
        members.iter().any(|&member| {
            let own = &self.objects[object].members[member];
            own.source.is_none() && own.slots == 0 && own.blockers & !all == 0
        })
    }

    fn append(
        &mut self,
        object: usize,
        name: &str,
        there: &[usize],
        arriving: &Arriving,
    ) -> Result<(), Reason> {
        let cell = match &arriving.content {
            Arrives::Constant(value) => self.new_cell(CellKind::Constant(value.clone())),
            Arrives::Slot(slot) => self.slots[*slot].cell,
            Arrives::Value(value) => self.new_cell(CellKind::Value(*value)),
        };
        let slots = arriving.slots();
        let is_surely_there = self.is_surely_there(object, there);
        if is_surely_there && slots == 0 {
            if arriving.conflicts {
                return Err(Reason::new("an earlier transformation puts a member there"));
            }
            return Ok(());
        }
        let member = self.new_member(object, None, Some(name), cell)?;
        let own: &mut Member = &mut self.objects[object].members[member];
        own.blockers = bits(there);
        own.conflicts = arriving.conflicts;
        own.slots = slots;
        own.changed = arriving.mark;
        Ok(())
    }

    pub(super) fn pick(&mut self, mark: Marks, step: &Step, op: &Pick) -> Result<(), Reason> {
        let segments = op.path.segments().ok_or_else(beside)?;
        let (ways, is_plain) = ways(segments)?;
        let names: Option<Vec<&str>> = op
            .members
            .iter()
            .map(|pattern| match pattern {
                Pattern::Name(name) => Some(name.as_str()),
                Pattern::Glob(_) => None,
            })
            .collect();
        let (true, Some(names)) = (is_plain, names) else {
            return self.island(mark, step, &op.path, segments.len());
        };
        for (cell, taken) in self.reach(self.root(), &ways, 0)? {
            if taken < ways.len() {
                self.act(cell, mark, step, taken)?;
                continue;
            }
            for entered in self.enter(cell, &Way::Name(String::new()))? {
                match entered {
                    Entered::Closed(cell) => self.act(cell, mark, step, taken)?,
                    Entered::Element(_) => {}
                    Entered::Members(object) if self.objects[object].is_made => {
                        return Err(Reason::new(
                            "it works on an object that an earlier transformation makes",
                        ));
                    }
                    Entered::Members(object) => {
                        for name in &names {
                            self.named(object, name)?;
                        }
                        let own = &mut self.objects[object];
                        for member in &mut own.members {
                            if member.name.as_deref().is_some_and(|name| !names.contains(&name)) {
                                member.name = None;
                                member.changed |= mark;
                            }
                        }
                        own.picked.get_or_insert(mark);
                        own.content |= mark;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn nest(&mut self, mark: Marks, step: &Step, op: &Nest) -> Result<(), Reason> {
        let Some(first) = op.paths.first().and_then(Path::segments) else {
            return Err(beside());
        };
        let (way_to, is_plain) = ways(first)?;
        if !is_plain {
            return self.island(mark, step, &op.paths[0], first.len() - 1);
        }
        let names: Vec<String> = op
            .paths
            .iter()
            .filter_map(|path| path.last()?.name().map(|name| name.as_str().to_owned()))
            .collect();
        let element = way_to
            .iter()
            .rposition(|way| *way == Way::Elements)
            .map_or(0, |at| at + 1);
        for (scope, taken) in self.reach(self.root(), &way_to[..element], 0)? {
            if taken < element {
                self.act(scope, mark, step, taken)?;
                continue;
            }
            let (objects, closed) = self.parents(scope, &way_to[element..], element)?;
            for (cell, depth) in closed {
                self.act(cell, mark, step, depth)?;
            }
            for object in objects {
                self.nest_in(mark, object, scope, &names, op.into.as_str())?;
            }
        }
        Ok(())
    }

    fn nest_in(
        &mut self,
        mark: Marks,
        object: usize,
        scope: usize,
        names: &[String],
        into: &str,
    ) -> Result<(), Reason> {
        let mut taken = Vec::new();
        for name in names {
            let sources = self.named(object, name)?;
            if sources
                .iter()
                .any(|&at| self.objects[object].members[at].source.is_none())
            {
                return Err(Reason::new(
                    "it nests a member that an earlier transformation puts there",
                ));
            }
            taken.push((name, sources));
        }
        let there = if names.iter().any(|name| name == into) {
            Vec::new()
        } else {
            self.named(object, into)?
        };
        let made = self.new_cell(CellKind::Made);
        let inner = self.new_object(made, true);
        self.cells[made].inside = Inside::Members(inner);
        self.added_depth += 1;
        let mut slots = 0;
        for (name, sources) in taken {
            let slot = self.new_slot(scope, true)?;
            self.take(object, &sources, slot, mark, true);
            let member = self.new_member(inner, None, Some(name), self.slots[slot].cell)?;
            self.objects[inner].members[member].slots = 1 << slot;
            slots |= 1 << slot;
        }
        self.objects[inner].nested = names.len();
        let member = self.new_member(object, None, Some(into), made)?;
        let own = &mut self.objects[object].members[member];
        own.blockers = bits(&there);
        own.conflicts = true;
        own.slots = slots;
        own.changed = mark;
        Ok(())
    }

    /// Puts the value of one of these members into a slot.
    pub(super) fn take(
        &mut self,
        object: usize,
        sources: &[usize],
        slot: usize,
        mark: Marks,
        is_moved: bool,
    ) {
        for &source in sources {
            let member = &mut self.objects[object].members[source];
            member.changed |= mark;
            if is_moved {
                member.name = None;
            }
            let cell = member.cell;
            self.cells[cell].actions.push(Action::Capture(slot));
            self.slots[slot].sources.push(cell);
        }
    }
}

impl Arriving {
    /// What must be filled so that something arrives.
    fn slots(&self) -> u64 {
        match self.content {
            Arrives::Constant(_) | Arrives::Value(_) => 0,
            Arrives::Slot(slot) => 1 << slot,
        }
    }
}

pub(super) fn closed() -> Reason {
    Reason::new("it goes into a value that an earlier transformation works on as a whole")
}
