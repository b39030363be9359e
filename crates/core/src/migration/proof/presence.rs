//! Shapes told apart by whether a path leads somewhere.

use super::aim::object;
use super::prover::{Prover, Seen};
use crate::migration::path::Segment;
use crate::migration::shape::{Kinds, Node, ShapePath};

impl Prover {
    /// The documents in which a path without wildcards leads to a value, and that value. `None` where it never does.
    pub(crate) fn present(&mut self, node: &Node, segments: &[Segment]) -> Option<(Node, Node)> {
        if node.is_impossible() {
            return None;
        }
        let Some((segment, rest)) = segments.split_first() else {
            return Some((node.clone(), node.clone()));
        };
        let Seen { kinds, open } = self.see(node);
        let mut found: Option<(Node, Node)> = None;
        if let (Some(name), Some(mut shape)) = (segment.name(), kinds.object)
            && let Some((_, value)) = shape.look(name.as_str())
            && let Some((there, value)) = self.present(&value, rest)
        {
            shape.put(name.as_str(), true, there);
            found = Some((object(shape), value));
        }
        let index = match segment {
            Segment::Index(index) => Some(*index),
            Segment::Token(name) => name.as_index().and_then(|index| i64::try_from(index).ok()),
            Segment::Name(_) | Segment::Glob(_) | Segment::Elements | Segment::Anywhere => None,
        };
        if let (Some(index), Some(mut array)) = (index, kinds.array)
            && let Some((_, value)) = match (open, segment) {
                // As when a path is walked: not both kinds all the way.
                (true, Segment::Token(_)) => Some((Node::Anything, Node::Anything)),
                _ => self.present(&array.element, rest),
            }
        {
            let needed = usize::try_from(index).map_or_else(
                |_| usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX),
                |index| index.saturating_add(1),
            );
            if array.most.is_none_or(|most| most >= needed) {
                array.least = array.least.max(needed);
                let there = Kinds {
                    array: Some(array),
                    ..Kinds::default()
                };
                found = Some(match found {
                    Some((other, of_other)) => {
                        (self.unite(&other, &there.into()), self.unite(&of_other, &value))
                    }
                    None => (there.into(), value),
                });
            }
        }
        found
    }

    /// The documents in which a path without wildcards leads nowhere, without those that it does not fit. Remarks on
    /// these.
    pub(crate) fn absent(&mut self, node: &Node, segments: &[Segment], at: &ShapePath) -> Node {
        let Some((segment, rest)) = segments.split_first() else {
            return Node::default();
        };
        let (seen, mut left) = self.stand(node, segment, at);
        if let Some(name) = segment.name() {
            left.object = seen.kinds.object.and_then(|mut shape| {
                match shape.look(name.as_str()) {
                    None => {}
                    Some((required, value)) => {
                        let value = self.absent(&value, rest, &at.member(name.as_str()));
                        if value.is_impossible() {
                            if required {
                                return None;
                            }
                            shape.erase(name.as_str());
                        } else {
                            shape.put(name.as_str(), required, value);
                        }
                    }
                }
                Some(shape)
            });
        }
        // An array may be too short, or the element may be of any of its kinds.
        if matches!(segment, Segment::Index(_) | Segment::Token(_)) {
            left.array = seen.kinds.array;
        }
        left.into()
    }
}
