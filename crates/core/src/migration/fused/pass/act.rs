//! Operations on whole values: by their text where that is enough, else by the interpreter's own operation on the value alone.

use super::super::plan::{Action, Apply, Inside, Quick, ValuePlan};
use super::{Handed, Held, Pass, Place, Scanned};
use crate::message::Headers;
use crate::migration::context::Context;
use crate::migration::document::{Reading, Value, parse};
use crate::migration::limits::Limits;
use crate::migration::op::raw::Raw;
use crate::migration::outcome::Outcome;

impl<'a> Pass<'a> {
    /// A value that operations change as a whole, or that is put into slots.
    pub(super) fn act(&mut self, plan: &'a ValuePlan, at: usize, open: usize) -> Scanned {
        if plan.inside == Inside::Nothing {
            let end = self.scan.value(at, open)?;
            let text = self.perform(&plan.actions, Place::Input(at, end), at)?;
            if text != Place::Input(at, end) {
                self.flush(at);
                self.put(text);
                self.pending = end;
            }
            return Ok(end);
        }
        self.flush(at);
        let (length, holes) = (self.scratch.out.len(), self.scratch.holes.len());
        let end = self.inside(plan, at, open)?;
        if self.scratch.holes.len() > holes {
            // A value cannot be taken along while something may still be put into it.
            return Err(Handed);
        }
        let before = if self.scratch.out.len() == length && self.pending == at {
            Place::Input(at, end)
        } else {
            self.flush(end);
            let (from, to) = self.set_aside(length);
            Place::Side(from, to)
        };
        let text = self.perform(&plan.actions, before, at)?;
        if text == Place::Input(at, end) {
            self.pending = at;
        } else {
            self.put(text);
            self.pending = end;
        }
        Ok(end)
    }

    /// Performs the operations on a value, one after the other.
    #[inline(always)]
    fn perform(&mut self, actions: &'a [Action], mut text: Place, origin: usize) -> Result<Place, Handed> {
        for action in actions {
            match action {
                Action::Apply(apply) => text = self.apply(apply, text)?,
                Action::Capture(slot) => self.capture(*slot, text, origin)?,
            }
        }
        Ok(text)
    }

    fn capture(&mut self, slot: usize, text: Place, origin: usize) -> Result<(), Handed> {
        let plan = self.plan;
        let text = self.perform_slot(&plan.slots[slot], text, origin)?;
        self.filled |= 1 << slot;
        self.scratch.slots[slot] = Held { text, origin };
        Ok(())
    }

    fn perform_slot(&mut self, actions: &'a [Action], text: Place, origin: usize) -> Result<Place, Handed> {
        self.perform(actions, text, origin)
    }

    #[inline(always)]
    fn apply(&mut self, apply: &'a Apply, place: Place) -> Result<Place, Handed> {
        let text = self.text(place);
        let raw = match &apply.quick {
            Quick::Cast(cast) => cast.raw(text),
            Quick::Table(table) => table.image(text),
            Quick::Constant(constant) if *constant.text() == *text => Raw::Same,
            // Strings can be equal in other spellings.
            Quick::Constant(_) if text.contains(&b'\\') => Raw::Unread,
            Quick::Constant(constant) => Raw::Image(constant),
            Quick::No => Raw::Unread,
        };
        match raw {
            Raw::Same => {
                self.unchanged |= apply.mark;
                Ok(place)
            }
            Raw::Unquoted => {
                self.changed |= apply.mark;
                Ok(match place {
                    Place::Input(from, to) => Place::Input(from + 1, to - 1),
                    Place::Side(from, to) => Place::Side(from + 1, to - 1),
                })
            }
            Raw::Quoted => {
                self.changed |= apply.mark;
                let side = &mut self.scratch.side;
                let start = side.len();
                side.put_byte(b'"');
                match place {
                    Place::Input(from, to) => side.put_part(self.scan.bytes, from, to),
                    Place::Side(from, to) => side.repeat(from, to),
                }
                side.put_byte(b'"');
                Ok(Place::Side(start, side.len()))
            }
            Raw::Image(image) => {
                self.changed |= apply.mark;
                let side = &mut self.scratch.side;
                let start = side.len();
                side.put_padded(image);
                Ok(Place::Side(start, side.len()))
            }
            Raw::Unread => self.ask(apply, place),
        }
    }

    #[inline(always)]
    fn text(&self, place: Place) -> &[u8] {
        match place {
            Place::Input(from, to) => &self.scan.bytes[from..to],
            Place::Side(from, to) => &self.scratch.side.filled()[from..to],
        }
    }

    /// Lets the interpreter's operation work on the value alone.
    #[inline(never)]
    fn ask(&mut self, apply: &'a Apply, place: Place) -> Result<Place, Handed> {
        let reading = Reading {
            depth: Limits::MOST_DEPTH,
            ..Reading::default()
        };
        let value = parse(self.text(place), &reading).map_err(|_| Handed)?;
        let mut context = Context::new(
            Some(Value::Array(vec![value])),
            Headers::new(),
            None,
            self.around.secrets,
            self.around.limits,
        );
        self.asked |= apply.mark;
        let change = apply.step.apply(&mut context).map_err(|_| Handed)?;
        let (values, sources) = (change.kept_errors, change.kept_targets);
        if values + sources > 0 {
            self.scratch.kept.push((apply.mark, values, sources));
        }
        match change.outcome {
            Outcome::Applied => self.changed |= apply.mark,
            Outcome::Unchanged => self.unchanged |= apply.mark,
            Outcome::Skipped(_) => self.left_alone |= apply.mark,
            Outcome::Absent => {}
            Outcome::Dropped => return Err(Handed),
        }
        if change.outcome != Outcome::Applied {
            return Ok(place);
        }
        let Some(Value::Array(result)) = context.document else {
            return Err(Handed);
        };
        // A value that an operation removes is one member less than the plan counts on.
        let [result] = result.as_slice() else {
            return Err(Handed);
        };
        self.made_depth = self.made_depth.max(result.depth());
        let start = self.scratch.side.len();
        self.scratch.side.put(result.to_json().as_bytes());
        Ok(Place::Side(start, self.scratch.side.len()))
    }
}
