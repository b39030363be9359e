//! What `rename` makes of shapes.

use super::{NewName, Rename};
use crate::migration::context::OnConflict;
use crate::migration::document::Text;
use crate::migration::op::Op;
use crate::migration::path::{Name, Segment};
use crate::migration::proof::{After, Prover, named};
use crate::migration::shape::{Node, ObjectShape, ShapePath};

impl Rename {
    /// What it makes of a shape.
    pub(in crate::migration::op) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.objects(&self.path, node, &mut |prover, object, last, at| {
            self.batch(prover, object, last, at)
        })
    }

    /// Renames members of one object. `None`: the message fails.
    fn batch(
        &self,
        prover: &mut Prover,
        object: ObjectShape,
        last: &Segment,
        at: &ShapePath,
    ) -> Option<ObjectShape> {
        let object = match last.name() {
            Some(name) => named(object, name.as_str()),
            None => object,
        };
        let fits = |name: &Text| match last {
            Segment::Name(wanted) | Segment::Token(wanted) => wanted.matches(name),
            Segment::Glob(glob) => glob.fits(name),
            Segment::Elements | Segment::Index(_) | Segment::Anywhere => false,
        };
        let mut left = object.clone();
        let (mut moved, mut pairs) = (Vec::new(), Vec::new());
        for member in object
            .members
            .iter()
            .filter(|member| !member.value.is_impossible())
        {
            let old = Text::from_str(&member.name);
            if !fits(&old) {
                continue;
            }
            prover.met.push(at.member(&member.name));
            let new = self.new_name(&old);
            let Ok(new) = new.read() else {
                // No name of a schema has a lone surrogate, and neither has one that is made of it.
                return Some(ObjectShape::open());
            };
            if *new != *member.name {
                left.erase(&member.name);
                pairs.push((new.clone().into_owned(), member.name.clone(), member.required));
                moved.push((new.into_owned(), member.required, member.value.clone()));
            }
        }
        self.tell_way_back(prover, &object, &pairs, last);
        let others = object.others.filter(|_| matches!(last, Segment::Glob(_)));
        for (name, required, value) in moved {
            prover.met.push(at.member(&name));
            if !prover.meet(&mut left, &name, (required, value), self.on_conflict, at) {
                return None;
            }
        }
        if let Some(others) = others {
            prover.met.push(at.others());
            prover.undecide(
                at,
                "which members are renamed is known only when a message is there",
            );
            // A member of any name may come by a name that the schema knows.
            for member in &mut left.members {
                if !(member.required && self.on_conflict == OnConflict::Fail) {
                    member.value = prover.unite(&member.value, &others);
                }
            }
        }
        Some(left)
    }

    /// Of `case`, only a schema knows the former names. Nothing is lost where each of them was always there, or nothing else
    /// can have the new one.
    fn tell_way_back(
        &self,
        prover: &mut Prover,
        object: &ObjectShape,
        pairs: &[(String, String, bool)],
        last: &Segment,
    ) {
        const KNOWN: &str = "renamed back, by the names that the schema knows";
        if !matches!(self.to, NewName::Case(_)) {
            return;
        }
        let is_known = object.others.is_none() || !matches!(last, Segment::Glob(_) | Segment::Anywhere);
        let is_lossless = self.on_conflict == OnConflict::Fail
            && pairs
                .iter()
                .all(|(new, _, required)| *required || object.look(new).is_none());
        let back = || -> Option<Vec<Op>> {
            let parent = self.path.parent().filter(|_| !self.path.is_deep())?;
            pairs
                .iter()
                .map(|(new, old, _)| {
                    let path = parent.member(Name::new(new.as_str()))?;
                    Some(Op::Rename(Self::to_name(path, Name::new(old.as_str()))))
                })
                .collect()
        };
        let ops = is_known.then(back).flatten();
        prover.undone_by(ops, is_lossless, KNOWN);
    }
}
