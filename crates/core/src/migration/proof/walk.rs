//! The walk along a path through a shape: what is done at each place that it may lead to.

use super::prover::{Act, After, Prover, Seen};
use crate::migration::document::{Kind, Text};
use crate::migration::path::{Name, Path, Segment};
use crate::migration::shape::{ArrayShape, Kinds, Node, ObjectShape, ShapePath};

impl Prover {
    /// Acts at every place of a path.
    pub(crate) fn places(&mut self, path: &Path, node: Node, act: &mut Act<'_>) -> After {
        let base = self.base().clone();
        let Some(segments) = path.segments() else {
            // Nothing is known of headers and the key.
            self.met.push(base);
            return After::stays(node);
        };
        let act = &mut |prover: &mut Self, node: Node, at: &ShapePath| {
            prover.met.push(at.clone());
            if !prover.may_leave_alone() {
                return act(prover, node, at);
            }
            let after = act(prover, node.clone(), at);
            After {
                value: prover.unite(&node, &after.value),
                gone: after.gone,
            }
        };
        if path.is_deep() {
            return match segments.get(1) {
                Some(last) => self.search(&node, last, &base, &mut Vec::new(), act),
                None => After::stays(node),
            };
        }
        if segments.is_empty() && !self.inside {
            return self.whole(node, &base, act);
        }
        self.walk(node, segments, &base, act)
    }

    /// Acts on the whole document. A top-level `null` is absent to every path.
    fn whole(&mut self, node: Node, at: &ShapePath, act: &mut Act<'_>) -> After {
        let mut seen = self.see(&node);
        if !seen.kinds.null {
            return act(self, node, at);
        }
        let null = Kinds {
            null: true,
            ..Kinds::default()
        };
        seen.kinds.null = false;
        if seen.kinds.is_empty() {
            return After::stays(node);
        }
        let after = act(self, seen.kinds.into(), at);
        After {
            value: self.unite(&after.value, &null.into()),
            gone: after.gone,
        }
    }

    /// Acts where the segments lead from a value.
    pub(crate) fn walk(
        &mut self,
        node: Node,
        segments: &[Segment],
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> After {
        if node.is_impossible() {
            return After::stays(node);
        }
        let Some((segment, rest)) = segments.split_first() else {
            return act(self, node, at);
        };
        let (seen, mut left) = self.stand(&node, segment, at);
        let inner = &mut |prover: &mut Self, node: Node, at: &ShapePath| prover.walk(node, rest, at, act);
        match (segment, seen.kinds.object, seen.kinds.array) {
            (Segment::Name(name), Some(object), _) => left.object = self.member(object, name, at, inner),
            (Segment::Token(name), object, array) => {
                left.object = object.and_then(|object| self.member(object, name, at, inner));
                left.array = array.and_then(|array| match name.as_index() {
                    // Of any array nothing is known behind the change either. Following both kinds all the way would
                    // take a time that doubles with each token.
                    _ if seen.open => Some(array),
                    Some(index) => self.element(array, i64::try_from(index).unwrap_or(i64::MAX), at, inner),
                    None => (name.is_element_token() || self.may_leave_alone()).then_some(array),
                });
            }
            (Segment::Glob(glob), Some(object), _) => {
                left.object = self.members(object, &|name| glob.fits(name), glob_is_all(segment), at, inner);
            }
            (Segment::Elements, _, Some(array)) => left.array = self.elements(array, at, inner),
            (Segment::Index(index), _, Some(array)) => left.array = self.element(array, *index, at, inner),
            // A path that begins with `**` is searched.
            (
                Segment::Name(_)
                | Segment::Glob(_)
                | Segment::Elements
                | Segment::Index(_)
                | Segment::Anywhere,
                ..,
            ) => {}
        }
        After::of(left)
    }

    /// What a value is before a segment of a path, and what is left of it where the segment does not fit. Remarks on that.
    pub(super) fn stand(&mut self, node: &Node, segment: &Segment, at: &ShapePath) -> (Seen, Kinds) {
        let seen = self.see(node);
        if seen.open {
            self.undecide(at, "the schema says nothing of this value");
        }
        let left = match segment {
            Segment::Name(_) | Segment::Glob(_) => self.mismatch(at, &seen, &[Kind::Object], "an object"),
            Segment::Elements | Segment::Index(_) => self.mismatch(at, &seen, &[Kind::Array], "an array"),
            Segment::Token(_) | Segment::Anywhere => {
                self.mismatch(at, &seen, &[Kind::Object, Kind::Array], "an object or an array")
            }
        };
        (seen, left)
    }

    /// Acts on the member of a name. `None`: every object fails.
    pub(crate) fn member(
        &mut self,
        mut object: ObjectShape,
        name: &Name,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ObjectShape> {
        let name = name.as_str();
        let Some((required, value)) = object.look(name) else {
            return Some(object);
        };
        let after = act(self, value, &at.member(name));
        settle_member(&mut object, name, required, after).then_some(object)
    }

    /// Acts on every member whose name fits; `all` of them do, or only some may.
    pub(crate) fn members(
        &mut self,
        mut object: ObjectShape,
        fits: &dyn Fn(&Text) -> bool,
        all: bool,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ObjectShape> {
        for member in object.members.clone() {
            if member.value.is_impossible() || !fits(&Text::from_str(&member.name)) {
                continue;
            }
            let after = act(self, member.value, &at.member(&member.name));
            if !settle_member(&mut object, &member.name, member.required, after) {
                return None;
            }
        }
        if let Some(others) = object.others.take().filter(|others| !others.is_impossible()) {
            let after = act(self, others.clone(), &at.others());
            let value = if all {
                after.value
            } else {
                self.unite(&others, &after.value)
            };
            // Members that must fail are not there.
            object.others = (!value.is_impossible()).then_some(value);
        }
        Some(object)
    }

    /// Acts on every element. `None`: every array fails.
    pub(crate) fn elements(
        &mut self,
        array: ArrayShape,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ArrayShape> {
        if array.most == Some(0) || array.element.is_impossible() {
            return Some(array);
        }
        let after = act(self, array.element, &at.elements());
        let mut least = array.least;
        let mut most = array.most;
        if after.value.is_impossible() {
            if least > 0 && !after.gone {
                return None;
            }
            most = Some(0);
        }
        if after.gone {
            least = 0;
        }
        Some(ArrayShape {
            element: after.value,
            least,
            most,
        })
    }

    /// Acts on one element.
    pub(crate) fn element(
        &mut self,
        mut array: ArrayShape,
        index: i64,
        at: &ShapePath,
        act: &mut Act<'_>,
    ) -> Option<ArrayShape> {
        // How many elements there must be for this one.
        let needed = match usize::try_from(index) {
            Ok(index) => index.saturating_add(1),
            Err(_) => usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX),
        };
        if array.most.is_some_and(|most| most < needed) || array.element.is_impossible() {
            return Some(array);
        }
        let after = act(self, array.element.clone(), &at.elements());
        if after.value.is_impossible() && !after.gone {
            if array.least >= needed {
                return None;
            }
            // Arrays that have this element fail.
            array.most = Some(needed - 1);
            return Some(array);
        }
        array.element = self.unite(&array.element, &after.value);
        if after.gone {
            array.least = array.least.saturating_sub(1);
        }
        Some(array)
    }
}

/// The object with a member of its own for a name that may be among the others.
pub(crate) fn named(mut object: ObjectShape, name: &str) -> ObjectShape {
    if object.member(name).is_none()
        && let Some((required, value)) = object.look(name)
    {
        object.put(name, required, value);
    }
    object
}

/// Puts what a member became into its object. `false`: every object fails.
pub(crate) fn settle_member(object: &mut ObjectShape, name: &str, required: bool, after: After) -> bool {
    let still = required && !after.gone;
    if after.value.is_impossible() {
        object.erase(name);
        return !still;
    }
    object.put(name, still, after.value);
    true
}

fn glob_is_all(segment: &Segment) -> bool {
    matches!(segment, Segment::Glob(glob) if glob.prefix.is_empty() && glob.suffix.is_empty())
}
