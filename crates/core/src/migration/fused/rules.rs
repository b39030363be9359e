//! What operations at any depth do to a member, by its name.

use super::buffer::Padded;
use super::plan::{Effect, Marks, Rule};
use crate::migration::path::Pattern;

/// The operations of a plan that find their names at any depth, in order.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) all: Vec<Rule>,
    /// Whether a name that is meant can end in this byte: most names are told apart by it.
    ends: Box<[bool; 256]>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// What becomes of one member.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdict<'a> {
    /// The new name in quotes, with the colon.
    pub(super) name: Option<&'a Padded>,
    /// It is removed; so many of the rules hold inside of it.
    pub(super) gone: Option<usize>,
    pub(super) changed: Marks,
    /// The rules that work on its value: one bit each.
    pub(super) acts: u64,
    /// The bits of the new names that it takes. No two members of one object may take the same.
    pub(super) taken: u64,
}

impl Rules {
    pub(super) fn new(all: Vec<Rule>) -> Self {
        let mut ends = Box::new([false; 256]);
        let mut may_end = |text: &str| match text.as_bytes().last() {
            Some(last) => ends[usize::from(*last)] = true,
            None => ends.fill(true),
        };
        for rule in &all {
            match &rule.pattern {
                Pattern::Name(name) => may_end(name.as_str()),
                Pattern::Glob(glob) => may_end(&glob.suffix),
            }
            if let Effect::Rename { to, .. } = &rule.effect {
                may_end(to);
            }
        }
        Self { all, ends }
    }

    /// What the first `level` rules do to a member of this name, which is written without an escape. `None`: nothing.
    #[inline(always)]
    pub(super) fn verdict<'a>(&'a self, level: usize, name: &[u8]) -> Option<Verdict<'a>> {
        let last = name.last().copied().unwrap_or(0);
        if !self.ends[usize::from(last)] && !name.is_empty() {
            return None;
        }
        self.judge(level, name)
    }

    #[inline(never)]
    fn judge<'a>(&'a self, level: usize, name: &[u8]) -> Option<Verdict<'a>> {
        let mut verdict = Verdict::default();
        let mut now = name;
        let mut is_meant = false;
        for (number, rule) in self.all.iter().enumerate().take(level) {
            if let Effect::Rename { to, .. } = &rule.effect
                && to.as_bytes() == now
            {
                // It is there already when others come.
                verdict.taken |= 1 << number;
                is_meant = true;
            }
            if !fits(&rule.pattern, now) {
                continue;
            }
            is_meant = true;
            match &rule.effect {
                Effect::Remove => {
                    verdict.changed |= rule.mark;
                    verdict.gone = Some(number);
                    break;
                }
                Effect::Rename { to, written } => {
                    verdict.changed |= rule.mark;
                    verdict.taken |= 1 << number;
                    verdict.name = Some(written);
                    now = to.as_bytes();
                }
                Effect::Apply(_) => verdict.acts |= 1 << number,
            }
        }
        is_meant.then_some(verdict)
    }
}

fn fits(pattern: &Pattern, name: &[u8]) -> bool {
    match pattern {
        Pattern::Name(own) => own.as_str().as_bytes() == name,
        Pattern::Glob(glob) => name
            .strip_prefix(glob.prefix.as_bytes())
            .is_some_and(|rest| rest.ends_with(glob.suffix.as_bytes())),
    }
}
