//! What `move` and `copy` make of shapes.

use super::{Carry, Source};
use crate::migration::context::OnConflict;
use crate::migration::path::{Name, Segment};
use crate::migration::proof::{After, Prover, Way};
use crate::migration::shape::{Kinds, Node, ShapePath, StringShape};

impl Carry {
    /// What it makes of a shape.
    pub(in crate::migration::op) fn prove(&self, prover: &mut Prover, node: Node, source: Source) -> After {
        let base = prover.base().clone();
        match (self.from.segments(), self.to.segments()) {
            (None, None) => {
                prover.met.push(base);
                After::stays(node)
            }
            (None, Some(to)) => {
                let Some(way) = Way::of(to, self.parents, !prover.inside) else {
                    return After::stays(node);
                };
                let text = Kinds {
                    string: Some(StringShape::default()),
                    ..Kinds::default()
                };
                prover.met.push(base.clone());
                let put = self.put(prover, node.clone(), way, &text.into(), source, &base);
                // The header may be missing.
                After::stays(prover.unite(&node, &put))
            }
            (Some(_), None) => {
                let after = prover.places(&self.from, node.clone(), &mut |_, node, _| match source {
                    Source::Goes => After::removed(),
                    Source::Stays => After::stays(node),
                });
                After::stays(prover.unite(&node, &after.value))
            }
            (Some(from), Some(to)) if from == to => {
                prover.places(&self.from, node, &mut |_, node, _| After::stays(node))
            }
            (Some(from), Some(to)) => {
                let (shared, rest) = from.split_at(self.shared());
                let at_top = !prover.inside && shared.is_empty();
                let Some(way) = Way::of(&to[shared.len()..], self.parents, at_top) else {
                    return After::stays(node);
                };
                prover.walk(node, shared, &base, &mut |prover, element, at| {
                    After::stays(self.carry_shape(prover, &element, rest, way, source, at))
                })
            }
        }
    }

    /// Carries inside of one element.
    fn carry_shape(
        &self,
        prover: &mut Prover,
        element: &Node,
        from: &[Segment],
        way: Way<'_>,
        source: Source,
        at: &ShapePath,
    ) -> Node {
        let without = prover.absent(element, from, at);
        let Some((present, value)) = prover.present(element, from) else {
            // Nothing is there to be carried.
            return without;
        };
        prover.met.push(
            from.iter()
                .fold(at.clone(), |path, segment| match segment.name() {
                    Some(name) => path.member(name.as_str()),
                    None => path.elements(),
                }),
        );
        let taken = match source {
            Source::Stays => present.clone(),
            Source::Goes => {
                let remove = &mut |_: &mut Prover, _: Node, _: &ShapePath| After::removed();
                prover.walk(present.clone(), from, at, remove).value
            }
        };
        prover.unreached = false;
        let mut after = self.put(prover, taken, way, &value, source, at);
        if prover.unreached {
            after = prover.unite(&after, &present);
        }
        let by_number = |segment: &Segment| match segment {
            Segment::Index(_) => true,
            Segment::Token(name) => name.is_element_token(),
            Segment::Name(_) | Segment::Glob(_) | Segment::Elements | Segment::Anywhere => false,
        };
        if prover.may_leave_alone() || from.iter().chain(way.segments).any(by_number) {
            // It may be left alone; and two numbers may mean one element.
            after = prover.unite(&after, element);
        }
        prover.unite(&without, &after)
    }

    fn put(
        &self,
        prover: &mut Prover,
        node: Node,
        way: Way<'_>,
        value: &Node,
        source: Source,
        at: &ShapePath,
    ) -> Node {
        let Some(name) = way.last.name().map(Name::as_str) else {
            return node;
        };
        prover.aim(node, way, at, &mut |prover, mut object, at| {
            let place = at.member(name);
            prover.met.push(place.clone());
            let there = object.look(name);
            match (self.on_conflict, there) {
                (OnConflict::Merge, Some((required, there))) => {
                    let mut merged = prover.merged(&there, value, &place);
                    if source == Source::Stays {
                        // Of an equal value, and of an empty object, nothing is merged.
                        merged = prover.unite(&merged, &there);
                    }
                    if !required {
                        merged = prover.unite(&merged, value);
                    }
                    if merged.is_impossible() {
                        return None;
                    }
                    object.put(name, true, merged);
                    Some(object)
                }
                (OnConflict::Fail, Some((required, _))) if source == Source::Stays => {
                    let how = if required { "is" } else { "may be" };
                    let sentence = format!(
                        "fails at {place} unless its value is equal: a member of this name {how} there"
                    );
                    prover.remark(&place, true, sentence);
                    object.put(name, true, value.clone());
                    Some(object)
                }
                _ => {
                    let arriving = (true, value.clone());
                    prover
                        .meet(&mut object, name, arriving, self.on_conflict, at)
                        .then_some(object)
                }
            }
        })
    }
}
