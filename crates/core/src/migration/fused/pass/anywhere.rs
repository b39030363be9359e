//! Values of which the plan knows nothing but the rules that hold everywhere in them.

use super::super::plan::{Effect, Kinds};
use super::super::rules::Verdict;
use super::{Handed, Object, Pass, Place, Scanned};
use crate::migration::document::Text;

impl<'a> Pass<'a> {
    /// A value in which the first `level` rules hold.
    pub(super) fn anywhere(&mut self, level: usize, at: usize, open: usize) -> Scanned {
        match self.scan.byte(at) {
            b'"' => self.scan.string(at + 1),
            b'{' => self.object_anywhere(level, at, open),
            b'[' => self.each_element(at, open, |pass, at, open| pass.anywhere(level, at, open)),
            byte => self.scan.atom(at, byte),
        }
    }

    fn object_anywhere(&mut self, level: usize, start: usize, open: usize) -> Scanned {
        self.scan.open(open)?;
        let mut object = Object {
            present: 0,
            has_members: false,
            taken: 0,
            edge: start + 1,
            open: open + 1,
        };
        let mut at = self.scan.white_space(start + 1);
        if self.scan.byte(at) == b'}' {
            return Ok(at + 1);
        }
        loop {
            if self.scan.byte(at) != b'"' {
                return Err(Handed);
            }
            let end = self.scan.string(at + 1)?;
            let value = self.scan.behind_colon(end)?;
            let end = match self.verdict(level, at + 1, end - 1)? {
                None => {
                    object.has_members = true;
                    self.anywhere(level, value, object.open)?
                }
                Some(verdict) => self.by_rules(verdict, level, &mut object, at, value)?,
            };
            at = self.scan.white_space(end);
            match self.scan.byte(at) {
                b',' => {
                    self.comma(&mut object, at);
                    at = self.scan.white_space(at + 1);
                }
                b'}' => return Ok(at + 1),
                _ => return Err(Handed),
            }
        }
    }

    /// What the rules do to a member of the name between two positions.
    #[inline(always)]
    pub(super) fn verdict(
        &self,
        level: usize,
        from: usize,
        to: usize,
    ) -> Result<Option<Verdict<'a>>, Handed> {
        let bytes: &'a [u8] = self.scan.bytes;
        let name = &bytes[from..to];
        let plan = self.plan;
        if name.contains(&b'\\') {
            return self.verdict_of_escaped(level, name);
        }
        Ok(plan.rules.verdict(level, name))
    }

    /// A name that is meant, and that is written in another way, is rare enough for the interpreter.
    #[cold]
    fn verdict_of_escaped(&self, level: usize, name: &[u8]) -> Result<Option<Verdict<'a>>, Handed> {
        let text = std::str::from_utf8(name).map_err(|_| Handed)?;
        match Text::from_scanned(text).read() {
            Ok(name) if self.plan.rules.verdict(level, name.as_bytes()).is_none() => Ok(None),
            Ok(_) | Err(_) => Err(Handed),
        }
    }

    /// A member that rules mean: `at` is where its name begins, `value` where its value does.
    pub(super) fn by_rules(
        &mut self,
        verdict: Verdict<'a>,
        level: usize,
        object: &mut Object,
        at: usize,
        value: usize,
    ) -> Scanned {
        if object.taken & verdict.taken != 0 {
            return Err(Handed);
        }
        object.taken |= verdict.taken;
        self.changed |= verdict.changed;
        if let Some(level) = verdict.gone {
            return self.gone_by_rules(verdict, level, object, value);
        }
        object.has_members = true;
        if let Some(name) = verdict.name {
            self.flush(at);
            self.scratch.out.put_padded(name);
            self.pending = value;
        }
        self.act_by_rules(verdict, level, value, object.open)
    }

    fn gone_by_rules(
        &mut self,
        verdict: Verdict<'a>,
        level: usize,
        object: &Object,
        value: usize,
    ) -> Scanned {
        self.flush(object.edge);
        let end = if level == 0 {
            self.scan.value(value, object.open)?
        } else {
            // What the rules before have done inside of it still counts.
            let length = self.scratch.out.len();
            self.pending = value;
            let end = self.act_by_rules(verdict, level, value, object.open)?;
            self.hidden += self.scratch.out.len() - length;
            self.scratch.out.truncate(length);
            end
        };
        self.pending = end;
        Ok(end)
    }

    fn act_by_rules(&mut self, verdict: Verdict<'a>, level: usize, at: usize, open: usize) -> Scanned {
        let first = self.scan.byte(at);
        let is_container = matches!(first, b'{' | b'[');
        let rules = &self.plan.rules.all;
        if is_container {
            let mut acts = verdict.acts;
            while acts != 0 {
                let rule = &rules[acts.trailing_zeros() as usize];
                acts &= acts - 1;
                match &rule.effect {
                    Effect::Apply(apply)
                        if apply
                            .spares
                            .is_some_and(|spares| spares.has(Kinds::of_byte(first))) =>
                    {
                        self.left_alone |= rule.mark;
                    }
                    _ => return Err(Handed),
                }
            }
            return self.anywhere(level, at, open);
        }
        let end = self.scan.value(at, open)?;
        let mut text = Place::Input(at, end);
        let mut acts = verdict.acts;
        while acts != 0 {
            let rule = &rules[acts.trailing_zeros() as usize];
            acts &= acts - 1;
            if let Effect::Apply(apply) = &rule.effect {
                text = self.apply(apply, text)?;
            }
        }
        if text != Place::Input(at, end) {
            self.flush(at);
            self.put(text);
            self.pending = end;
        }
        Ok(end)
    }
}
