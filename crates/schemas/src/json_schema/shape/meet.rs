//! The shape of values that have both of two shapes.
//!
//! Where it would go too far, one of the two is the answer: it is wide enough, since the values have both.

use std::cell::Cell;

use dunlin_core::migration::shape::{
    ArrayShape, Kinds, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape,
};

/// How many nodes may be made for one `allOf`, however its definitions multiply each other.
const MOST_NODES: usize = 20_000;
/// How deep two shapes are followed.
const DEEPEST: usize = 32;

/// The shape of values that have both shapes. Definitions are those of `shape`.
pub(super) fn both(shape: &Shape, one: &Node, other: &Node) -> Node {
    let meeting = Meeting {
        shape,
        left: Cell::new(MOST_NODES),
    };
    meeting.nodes(one, other, DEEPEST)
}

struct Meeting<'a> {
    shape: &'a Shape,
    left: Cell<usize>,
}

impl Meeting<'_> {
    fn nodes(&self, one: &Node, other: &Node, deepest: usize) -> Node {
        if matches!(one, Node::Anything) {
            return other.clone();
        }
        self.left.set(self.left.get().saturating_sub(1));
        if one == other || deepest == 0 || self.left.get() == 0 {
            return one.clone();
        }
        match (self.shape.kinds(one), self.shape.kinds(other)) {
            (_, None) => one.clone(),
            (None, Some(_)) => other.clone(),
            (Some(one), Some(other)) => self.kinds(one, other, deepest - 1).into(),
        }
    }

    fn kinds(&self, one: &Kinds, other: &Kinds, deepest: usize) -> Kinds {
        Kinds {
            null: one.null && other.null,
            boolean: one.boolean && other.boolean,
            number: one.number.as_ref().zip(other.number.as_ref()).map(numbers),
            string: one.string.as_ref().zip(other.string.as_ref()).and_then(strings),
            array: one
                .array
                .as_ref()
                .zip(other.array.as_ref())
                .map(|(one, other)| ArrayShape {
                    element: self.nodes(&one.element, &other.element, deepest),
                    least: one.least.max(other.least),
                    most: [one.most, other.most].into_iter().flatten().min(),
                }),
            object: one
                .object
                .as_ref()
                .zip(other.object.as_ref())
                .map(|(one, other)| self.objects(one, other, deepest)),
        }
    }

    fn objects(&self, one: &ObjectShape, other: &ObjectShape, deepest: usize) -> ObjectShape {
        let mut members = Vec::new();
        for member in &one.members {
            let (required, twin) = match other.member(&member.name) {
                Some(twin) => (twin.required, Some(&twin.value)),
                None => (false, other.others.as_ref()),
            };
            members.extend(self.member(member, required, twin, deepest));
        }
        for member in other
            .members
            .iter()
            .filter(|member| one.member(&member.name).is_none())
        {
            members.extend(self.member(member, false, one.others.as_ref(), deepest));
        }
        let others = one.others.as_ref().zip(other.others.as_ref());
        ObjectShape {
            members,
            others: others.map(|(one, other)| self.nodes(one, other, deepest)),
        }
    }

    /// A member, with what the other side says of it. Where the other side has none of its name, it cannot be there; if it
    /// must, it stays, and its value is one that there cannot be.
    fn member(
        &self,
        member: &MemberShape,
        required: bool,
        twin: Option<&Node>,
        deepest: usize,
    ) -> Option<MemberShape> {
        let required = member.required || required;
        let value = match twin {
            Some(twin) => self.nodes(&member.value, twin, deepest),
            None if required => Node::default(),
            None => return None,
        };
        let name = member.name.clone();
        Some(MemberShape {
            name,
            required,
            value,
        })
    }
}

fn numbers((one, other): (&NumberShape, &NumberShape)) -> NumberShape {
    let range = match (one.range, other.range) {
        (Some(one), Some(other)) => Some((one.0.max(other.0), one.1.min(other.1))),
        (one, other) => one.or(other),
    };
    NumberShape {
        integer: one.integer || other.integer,
        range,
    }
}

/// `None` where no text is in both lists.
fn strings((one, other): (&StringShape, &StringShape)) -> Option<StringShape> {
    let values = match (&one.values, &other.values) {
        (Some(one), Some(other)) => Some(
            one.iter()
                .filter(|value| other.contains(value))
                .cloned()
                .collect(),
        ),
        (one, other) => one.clone().or_else(|| other.clone()),
    };
    let is_possible = values
        .as_ref()
        .is_none_or(|values: &Vec<String>| !values.is_empty());
    is_possible.then(|| StringShape {
        values,
        format: one.format.or(other.format),
    })
}
