//! The search for the places of `**` in a shape, which may refer to itself.

use std::sync::Arc;

use super::prover::{Act, After, Prover, Seen};
use super::walk::{named, settle_member};
use crate::migration::document::{Kind, Text};
use crate::migration::path::Segment;
use crate::migration::shape::{Kinds, Node, ShapePath};

/// How deep `**` is followed before nothing is known any more.
const DEEPEST: usize = 64;

impl Prover {
    /// Acts on the members of a name at any depth.
    pub(super) fn search(
        &mut self,
        node: &Node,
        last: &Segment,
        at: &ShapePath,
        within: &mut Vec<Arc<str>>,
        act: &mut Act<'_>,
    ) -> After {
        let Some(mut seen) = self.enter(node, at, within) else {
            let _ = act(self, Node::Anything, at);
            return After::stays(Node::Anything);
        };
        if within.is_empty() && at == self.base() {
            let left = self.mismatch(at, &seen, &[Kind::Object, Kind::Array], "an object or an array");
            seen.kinds = Kinds {
                array: seen.kinds.array,
                object: seen.kinds.object,
                ..left
            };
        }
        let depth = within.len();
        if let Node::Reference(name) = node {
            within.push(Arc::clone(name));
        }
        let fits = |name: &Text| match last {
            Segment::Name(wanted) => wanted.matches(name),
            Segment::Glob(glob) => glob.fits(name),
            _ => false,
        };
        seen.kinds.object = seen.kinds.object.and_then(|object| {
            let mut object = match last {
                Segment::Name(name) => named(object, name.as_str()),
                _ => object,
            };
            for member in object.members.clone() {
                if member.value.is_impossible() {
                    continue;
                }
                let place = at.member(&member.name);
                let after = if fits(&Text::from_str(&member.name)) {
                    let after = act(self, member.value.clone(), &place);
                    self.entered(member.value, after, last, &place, within, act)
                } else {
                    self.search(&member.value, last, &place, within, act)
                };
                if !settle_member(&mut object, &member.name, member.required, after) {
                    return None;
                }
            }
            if let Some(others) = object.others.take() {
                let place = at.others();
                let mut value = self.search(&others, last, &place, within, act).value;
                if matches!(last, Segment::Glob(_)) {
                    let after = act(self, others.clone(), &place);
                    let entered = self.entered(others, after, last, &place, within, act);
                    value = self.unite(&value, &entered.value);
                }
                object.others = (!value.is_impossible()).then_some(value);
            }
            Some(object)
        });
        seen.kinds.array = seen.kinds.array.and_then(|array| {
            self.elements(array, at, &mut |prover, element, at| {
                prover.search(&element, last, at, within, act)
            })
        });
        within.truncate(depth);
        After::of(seen.kinds)
    }

    /// What became of a value at a place of `**`: containers that were left as they were are entered. Which ones that are
    /// nobody knows, so both are taken for possible.
    fn entered(
        &mut self,
        before: Node,
        after: After,
        last: &Segment,
        at: &ShapePath,
        within: &mut Vec<Arc<str>>,
        act: &mut Act<'_>,
    ) -> After {
        let (old, new) = (self.see(&before), self.see(&after.value));
        let kept = Kinds {
            array: old.kinds.array.filter(|_| new.kinds.array.is_some()),
            object: old.kinds.object.filter(|_| new.kinds.object.is_some()),
            ..Kinds::default()
        };
        if kept.is_empty() {
            return after;
        }
        let node = if old.open || matches!(before, Node::Reference(_)) {
            before
        } else {
            kept.into()
        };
        let entered = self.search(&node, last, at, within, act);
        After {
            value: self.unite(&after.value, &entered.value),
            gone: after.gone,
        }
    }

    /// The kinds of a value that `**` goes into; `None` where it cannot be followed.
    pub(crate) fn enter(&mut self, node: &Node, at: &ShapePath, within: &[Arc<str>]) -> Option<Seen> {
        let Some(fewer) = self.entries_left.checked_sub(1) else {
            self.undecide(
                &ShapePath::default(),
                "the schema is too large for `**` to be followed everywhere",
            );
            return None;
        };
        self.entries_left = fewer;
        let recursive = matches!(node, Node::Reference(name) if within.contains(name));
        let seen = self.see(node);
        if seen.open || recursive || at.depth() > DEEPEST {
            let why = if recursive {
                "`**` is not followed into a schema that refers to itself"
            } else {
                "the schema says nothing of this value"
            };
            self.undecide(at, why);
            return None;
        }
        Some(seen)
    }
}
