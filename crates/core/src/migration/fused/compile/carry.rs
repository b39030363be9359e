//! Move and copy: a value goes from one place of an element to another.

use super::super::plan::Marks;
use super::members::{Arrives, Arriving, closed};
use super::places::{Way, ways};
use super::shape::{CellKind, Shape};
use super::{Reason, beside};
use crate::migration::op::Step;
use crate::migration::path::Path;
use crate::migration::place::Parents;

impl Shape {
    pub(super) fn carry(
        &mut self,
        mark: Marks,
        step: &Step,
        from: &Path,
        to: &Path,
        parents: Parents,
        is_moved: bool,
    ) -> Result<(), Reason> {
        let (source, target) = (
            from.segments().ok_or_else(beside)?,
            to.segments().ok_or_else(beside)?,
        );
        let ((source, is_plain), (target, is_plain_target)) = (ways(source)?, ways(target)?);
        if !is_plain || !is_plain_target || source.last() == Some(&Way::Elements) {
            return Err(Reason::new(
                "it takes a value from or to a place that depends on the document",
            ));
        }
        let element = source
            .iter()
            .rposition(|way| *way == Way::Elements)
            .map_or(0, |at| at + 1);
        if target[element..].contains(&Way::Elements) {
            return Err(Reason::new("it copies a value to every element"));
        }
        let is_inside = target != source && (target.starts_with(&source) || source.starts_with(&target));
        if is_inside {
            return Err(Reason::new("one of its places is inside of the other"));
        }
        for (scope, taken) in self.reach(self.root(), &source[..element], 0)? {
            if taken < element {
                self.act(scope, mark, step, taken)?;
                continue;
            }
            if let Some((cell, depth)) = self.common(scope, &source, &target, element)? {
                self.act(cell, mark, step, depth)?;
                continue;
            }
            self.carry_in(
                scope,
                mark,
                (&source[element..], &target[element..]),
                parents,
                is_moved,
            )?;
        }
        Ok(())
    }

    /// The value that is closed to both, source and target, if it is the only one to which the way may lead.
    fn common(
        &mut self,
        scope: usize,
        source: &[Way],
        target: &[Way],
        element: usize,
    ) -> Result<Option<(usize, usize)>, Reason> {
        let before = self.clone();
        let (objects, closed) = self.parents(scope, &source[element..], element)?;
        let found = match closed.as_slice() {
            [] => None,
            [(cell, depth)]
                if objects.is_empty()
                    && target.get(..*depth) == source.get(..*depth)
                    && target.len() > *depth =>
            {
                Some((*cell, *depth))
            }
            _ => return Err(super::members::closed()),
        };
        *self = before;
        Ok(found)
    }

    fn carry_in(
        &mut self,
        scope: usize,
        mark: Marks,
        (source, target): (&[Way], &[Way]),
        parents: Parents,
        is_moved: bool,
    ) -> Result<(), Reason> {
        let (objects, ends) = self.parents(scope, source, 0)?;
        let Some(Way::Name(name)) = source.last() else {
            return Err(closed());
        };
        if !ends.is_empty() {
            return Err(closed());
        }
        let mut all = Vec::new();
        for object in objects {
            let sources = self.named(object, name)?;
            for &source in &sources {
                let cell = self.objects[object].members[source].cell;
                if matches!(
                    self.cells[cell].kind,
                    CellKind::Constant(_) | CellKind::Value(_) | CellKind::Made
                ) {
                    return Err(Reason::new(
                        "it takes a value that an earlier transformation makes",
                    ));
                }
            }
            all.push((object, sources));
        }
        if source == target {
            for (object, sources) in all {
                for source in sources {
                    self.objects[object].members[source].unchanged |= mark;
                }
            }
            return Ok(());
        }
        let slot = self.new_slot(scope, is_moved)?;
        if !is_moved {
            self.copies += 1;
        }
        self.added_depth += target.len();
        let mut arriving = Arriving {
            mark,
            content: Arrives::Slot(slot),
            met: Vec::new(),
            conflicts: true,
            parents,
        };
        self.put(scope, target, 0, &mut arriving, None)?;
        for (object, sources) in all {
            self.take(object, &sources, slot, mark, is_moved);
        }
        Ok(())
    }
}
