//! Operations on whole values: by their text where that is enough, else by the interpreter's own operation on the value alone.

use super::super::plan::{Action, Apply, Inside, Kinds, Marks, Quick, ValuePlan};
use super::{Handed, Held, Pass, Place, Scanned};
use crate::message::Headers;
use crate::migration::context::{Context, Effect};
use crate::migration::document::{DuplicateNames, Reading, Value, parse};
use crate::migration::limits::Limits;
use crate::migration::op::raw::Raw;
use crate::migration::outcome::Outcome;

/// The pass has read the text, and found it not too deep.
const READING: Reading = Reading {
    depth: Limits::MOST_DEPTH,
    duplicate_names: DuplicateNames::Allow,
};

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
                Action::Replace { mark, value } => text = self.replace(*mark, *value, text)?,
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

    /// Puts a value that was computed before in the place of another, unless they are equal.
    #[inline(never)]
    fn replace(&mut self, mark: Marks, value: usize, place: Place) -> Result<Place, Handed> {
        let (from, to) = self.scratch.placed[value];
        let own = self.text(place);
        let is_equal = *own == self.scratch.side.filled()[from..to]
            || parse(own, &READING).map_err(|_| Handed)? == self.scratch.values[value];
        if is_equal {
            self.unchanged |= mark;
            return Ok(place);
        }
        self.changed |= mark;
        Ok(Place::Side(from, to))
    }

    #[inline(always)]
    pub(super) fn apply(&mut self, apply: &'a Apply, place: Place) -> Result<Place, Handed> {
        let text = self.text(place);
        let first = text.first().copied().unwrap_or(0);
        if apply.only_inside && !matches!(first, b'{' | b'[') {
            return Ok(place);
        }
        if let Some(spares) = apply.spares {
            self.asked |= apply.mark;
            if spares.has(Kinds::of_byte(first)) {
                self.left_alone |= apply.mark;
                return Ok(place);
            }
        }
        self.convert(apply, place)
    }

    #[inline(always)]
    fn convert(&mut self, apply: &'a Apply, place: Place) -> Result<Place, Handed> {
        let text = self.text(place);
        let raw = match &apply.quick {
            Quick::Cast(cast) => cast.raw(text),
            Quick::Table(table) => table.image(text),
            Quick::Constant(constant) if *constant.text() == *text => Raw::Same,
            // Strings can be equal in other spellings.
            Quick::Constant(_) if text.contains(&b'\\') => Raw::Unread,
            Quick::Constant(constant) => Raw::Image(constant),
            Quick::Scalar => return self.convert_scalar(apply, place),
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
            Raw::Unread if matches!(apply.quick, Quick::Cast(_) | Quick::Table(_)) => {
                self.convert_scalar(apply, place)
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

    /// Converts a scalar. Whatever is not plainly a new value is left to the operation as it is.
    #[inline(never)]
    fn convert_scalar(&mut self, apply: &'a Apply, place: Place) -> Result<Place, Handed> {
        let text = self.text(place);
        if matches!(text.first(), Some(b'{' | b'[')) {
            return self.ask(apply, place);
        }
        let mut value = parse(text, &READING).map_err(|_| Handed)?;
        let most = self.around.limits.working_size();
        match apply.step.op.convert(&mut value, most) {
            Some(Ok(Effect::Unchanged)) => {
                self.asked |= apply.mark;
                self.unchanged |= apply.mark;
                Ok(place)
            }
            Some(Ok(Effect::Changed)) => {
                self.asked |= apply.mark;
                self.changed |= apply.mark;
                let start = self.scratch.side.len();
                self.scratch.side.put(value.to_json().as_bytes());
                Ok(Place::Side(start, self.scratch.side.len()))
            }
            Some(Ok(Effect::Absent | Effect::Removed) | Err(_)) | None => self.ask(apply, place),
        }
    }

    /// Lets the interpreter's operation work on the value alone.
    #[inline(never)]
    fn ask(&mut self, apply: &'a Apply, place: Place) -> Result<Place, Handed> {
        let value = parse(self.text(place), &READING).map_err(|_| Handed)?;
        let (headers, key) = if apply.sees_message {
            (self.around.headers.clone(), self.around.key.cloned())
        } else {
            (Headers::new(), None)
        };
        let mut context = Context::new(
            Some(Value::Array(vec![value])),
            headers,
            key,
            self.around.secrets,
            self.around.limits,
        );
        self.asked |= apply.mark;
        let change = apply.step.apply(&mut context).map_err(|_| Handed)?;
        let (values, sources) = (change.kept_errors, change.kept_targets);
        if values + sources > 0 {
            let pass = self.scratch.dones.len();
            self.scratch.kept.push((pass, apply.mark, values, sources));
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
