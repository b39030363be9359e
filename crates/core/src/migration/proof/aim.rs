//! Shapes in which a member is put that may not be there yet, with the parents that are made for it.

use super::prover::Prover;
use crate::migration::document::Kind;
use crate::migration::path::Segment;
use crate::migration::place::Parents;
use crate::migration::shape::{ArrayShape, Kinds, Node, ObjectShape, ShapePath};

/// Puts a member into an object. `None`: the message fails.
pub(crate) type Put<'a> = dyn FnMut(&mut Prover, ObjectShape, &ShapePath) -> Option<ObjectShape> + 'a;

/// The way to the parent of a member.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    /// The segments that lead to the parent.
    pub(crate) segments: &'a [Segment],
    /// The segment of the member.
    pub(crate) last: &'a Segment,
    /// Which parents are made.
    pub(crate) parents: Parents,
    /// Whether it begins at the top of the document, where `null` is never replaced.
    pub(crate) at_top: bool,
}

impl<'a> Way<'a> {
    /// The way of these segments; `None` where there are none.
    pub(crate) fn of(segments: &'a [Segment], parents: Parents, at_top: bool) -> Option<Self> {
        let (last, segments) = segments.split_last()?;
        Some(Self {
            segments,
            last,
            parents,
            at_top,
        })
    }

    const fn behind(self, segments: &'a [Segment]) -> Self {
        Self {
            segments,
            at_top: false,
            ..self
        }
    }

    /// The names of the objects to be made, where the rest of the way can be made of objects.
    fn names(self) -> Option<Vec<&'a str>> {
        let name = |segment: &'a Segment| match segment {
            Segment::Name(name) => Some(name.as_str()),
            Segment::Token(name) if !name.is_element_token() => Some(name.as_str()),
            Segment::Token(_)
            | Segment::Glob(_)
            | Segment::Elements
            | Segment::Index(_)
            | Segment::Anywhere => None,
        };
        name(self.last)?;
        self.segments.iter().map(name).collect()
    }
}

impl Prover {
    /// Puts a member wherever the way leads. Notes where it may not lead anywhere.
    pub(crate) fn aim(&mut self, node: Node, way: Way<'_>, at: &ShapePath, put: &mut Put<'_>) -> Node {
        if node.is_impossible() {
            return node;
        }
        let seen = self.see(&node);
        if seen.open {
            self.undecide(at, "the schema says nothing of this value");
        }
        let fills_null = way.parents == Parents::MissingOrNull && !way.at_top;
        let Some((segment, rest)) = way.segments.split_first() else {
            let mut left = self.mismatch(at, &seen, &[Kind::Object], "an object");
            left.object = seen
                .kinds
                .object
                .and_then(|object| self.put_or_not(object, at, put));
            return self.with_null(left, fills_null.then_some(&[][..]), at, put);
        };
        let mut left = match segment {
            Segment::Name(_) | Segment::Glob(_) => self.mismatch(at, &seen, &[Kind::Object], "an object"),
            Segment::Elements | Segment::Index(_) => self.mismatch(at, &seen, &[Kind::Array], "an array"),
            Segment::Token(_) | Segment::Anywhere => {
                self.mismatch(at, &seen, &[Kind::Object, Kind::Array], "an object or an array")
            }
        };
        let behind = way.behind(rest);
        match segment {
            Segment::Name(name) => {
                left.object = seen
                    .kinds
                    .object
                    .and_then(|object| self.aim_member(object, name.as_str(), behind, at, put));
            }
            Segment::Token(name) => {
                left.object = seen
                    .kinds
                    .object
                    .and_then(|object| self.aim_member(object, name.as_str(), behind, at, put));
                left.array = seen.kinds.array.and_then(|array| {
                    self.unreached = true;
                    match name.as_index() {
                        _ if seen.open => Some(array),
                        Some(index) => {
                            let index = i64::try_from(index).unwrap_or(i64::MAX);
                            self.aim_element(array, Some(index), behind, at, put)
                        }
                        None => (name.is_element_token() || self.may_leave_alone()).then_some(array),
                    }
                });
            }
            Segment::Glob(glob) => {
                self.unreached = true;
                let all = glob.prefix.is_empty() && glob.suffix.is_empty();
                left.object = seen.kinds.object.and_then(|object| {
                    self.members(
                        object,
                        &|name| glob.fits(name),
                        all,
                        at,
                        &mut |prover, node, at| {
                            super::prover::After::stays(prover.aim(node, behind, at, put))
                        },
                    )
                });
            }
            Segment::Elements => {
                self.unreached = true;
                left.array = seen
                    .kinds
                    .array
                    .and_then(|array| self.aim_element(array, None, behind, at, put));
            }
            Segment::Index(index) => {
                self.unreached = true;
                left.array = seen
                    .kinds
                    .array
                    .and_then(|array| self.aim_element(array, Some(*index), behind, at, put));
            }
            // No member is put at any depth: the loader refuses it.
            Segment::Anywhere => return node,
        }
        let names = match segment {
            Segment::Name(_) | Segment::Token(_) if fills_null => way.names(),
            _ => None,
        };
        self.with_null(left, names.as_deref(), at, put)
    }

    /// What is left, and what becomes of a `null`: it stays, or an object with these parents in it takes its place.
    fn with_null(
        &mut self,
        mut left: Kinds,
        names: Option<&[&str]>,
        at: &ShapePath,
        put: &mut Put<'_>,
    ) -> Node {
        if !left.null {
            return left.into();
        }
        match names {
            Some(names) => {
                let made = self.make(names, at, put);
                left.null = self.may_leave_alone();
                self.unite(&left.into(), &made)
            }
            None => {
                self.unreached = true;
                left.into()
            }
        }
    }

    fn put_or_not(&mut self, object: ObjectShape, at: &ShapePath, put: &mut Put<'_>) -> Option<ObjectShape> {
        if !self.may_leave_alone() {
            return put(self, object, at);
        }
        let after = put(self, object.clone(), at);
        self.one_of([object].into_iter().chain(after).collect())
    }

    fn aim_member(
        &mut self,
        mut object: ObjectShape,
        name: &str,
        behind: Way<'_>,
        at: &ShapePath,
        put: &mut Put<'_>,
    ) -> Option<ObjectShape> {
        let place = at.member(name);
        let found = object.look(name);
        let required = found.as_ref().is_some_and(|(required, _)| *required);
        let there = found.map(|(_, value)| self.aim(value, behind, &place, put));
        if required {
            let value = there.filter(|value| !value.is_impossible())?;
            object.put(name, true, value);
            return Some(object);
        }
        let names = behind.names().filter(|_| behind.parents != Parents::No);
        let made = match names {
            Some(names) => self.make(&names, &place, put),
            None => {
                self.unreached = true;
                match there.filter(|value| !value.is_impossible()) {
                    Some(value) => object.put(name, false, value),
                    None => object.erase(name),
                }
                return Some(object);
            }
        };
        let value = self.unite(&there.unwrap_or_default(), &made);
        let may_not = self.may_leave_alone();
        if value.is_impossible() {
            return may_not.then_some(object);
        }
        object.put(name, !may_not, value);
        Some(object)
    }

    fn aim_element(
        &mut self,
        array: ArrayShape,
        index: Option<i64>,
        behind: Way<'_>,
        at: &ShapePath,
        put: &mut Put<'_>,
    ) -> Option<ArrayShape> {
        let act = &mut |prover: &mut Self, node: Node, at: &ShapePath| {
            super::prover::After::stays(prover.aim(node, behind, at, put))
        };
        match index {
            Some(index) => self.element(array, index, at, act),
            None => self.elements(array, at, act),
        }
    }

    /// Objects inside of each other, with the member in the innermost.
    fn make(&mut self, names: &[&str], at: &ShapePath, put: &mut Put<'_>) -> Node {
        let mut place = at.clone();
        for name in names {
            place = place.member(name);
        }
        let empty = ObjectShape {
            members: Vec::new(),
            others: None,
        };
        let Some(innermost) = put(self, empty, &place) else {
            return Node::default();
        };
        names.iter().rev().fold(object(innermost), |value, name| {
            let mut parent = ObjectShape {
                members: Vec::new(),
                others: None,
            };
            parent.put(name, true, value);
            object(parent)
        })
    }
}

/// The node of an object.
pub(crate) fn object(object: ObjectShape) -> Node {
    Kinds {
        object: Some(object),
        ..Kinds::default()
    }
    .into()
}
