//! Shapes in which operations work on the objects that hold their members, not on the members.

use std::sync::Arc;

use super::prover::{After, Prover};
use crate::migration::document::Kind;
use crate::migration::path::{Path, Segment};
use crate::migration::shape::{Kinds, Node, ObjectShape, ShapePath};

/// What is done with an object, by the last segment of the path. `None`: the message fails.
pub(crate) type ActOnObject<'a> =
    dyn FnMut(&mut Prover, ObjectShape, &Segment, &ShapePath) -> Option<ObjectShape> + 'a;

impl Prover {
    /// Acts on every object that holds what a path leads to.
    pub(crate) fn objects(&mut self, path: &Path, node: Node, act: &mut ActOnObject<'_>) -> After {
        let base = self.base().clone();
        let Some((last, way)) = path.segments().and_then(<[Segment]>::split_last) else {
            // Nothing is known of headers.
            self.met.push(base);
            return After::stays(node);
        };
        if path.is_deep() {
            let mut seen = self.see(&node);
            let left = self.mismatch(
                &base,
                &seen,
                &[Kind::Object, Kind::Array],
                "an object or an array",
            );
            if !seen.open {
                seen.kinds = Kinds {
                    object: seen.kinds.object,
                    array: seen.kinds.array,
                    ..left
                };
            }
            let node = if seen.open { node } else { seen.kinds.into() };
            return After::stays(self.every_object(node, last, &base, &mut Vec::new(), act));
        }
        self.walk(node, way, &base, &mut |prover, node, at| {
            let seen = prover.see(&node);
            let is_token = matches!(last, Segment::Token(_));
            let wanted: &[Kind] = if is_token {
                &[Kind::Object, Kind::Array]
            } else {
                &[Kind::Object]
            };
            let mut left = prover.mismatch(at, &seen, wanted, "an object");
            left.object = (seen.kinds.object).and_then(|object| prover.act_or_not(object, last, at, act));
            if is_token {
                // A pointer may lead to no element there.
                left.array = seen.kinds.array;
            }
            After::of(left)
        })
    }

    fn act_or_not(
        &mut self,
        object: ObjectShape,
        last: &Segment,
        at: &ShapePath,
        act: &mut ActOnObject<'_>,
    ) -> Option<ObjectShape> {
        if !self.may_leave_alone() {
            return act(self, object, last, at);
        }
        let after = act(self, object.clone(), last, at);
        self.one_of([object].into_iter().chain(after).collect())
    }

    /// Acts on every object at any depth, the innermost first.
    fn every_object(
        &mut self,
        node: Node,
        last: &Segment,
        at: &ShapePath,
        within: &mut Vec<Arc<str>>,
        act: &mut ActOnObject<'_>,
    ) -> Node {
        if node.is_impossible() {
            return node;
        }
        let Some(mut seen) = self.enter(&node, at, within) else {
            self.met.push(at.clone());
            return Node::Anything;
        };
        let depth = within.len();
        if let Node::Reference(name) = &node {
            within.push(Arc::clone(name));
        }
        let enter = &mut |prover: &mut Self, node: Node, at: &ShapePath| {
            After::stays(prover.every_object(node, last, at, within, act))
        };
        seen.kinds.array = seen.kinds.array.and_then(|array| self.elements(array, at, enter));
        seen.kinds.object =
            (seen.kinds.object).and_then(|object| self.members(object, &|_| true, true, at, enter));
        seen.kinds.object = (seen.kinds.object).and_then(|object| self.act_or_not(object, last, at, act));
        within.truncate(depth);
        self.handy(seen.kinds.into(), at)
    }
}
