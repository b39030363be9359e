//! The shape of values that have one of two shapes.

use std::cell::Cell;

use super::{ArrayShape, Kinds, MOST_NODES, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape};

/// How deep two trees are united before nothing is known any more. Documents are less deep by default.
const DEEPEST: usize = 128;

/// How many texts a string may be known by.
const MOST_VALUES: usize = 1_000;

impl Shape {
    /// The shape of values that have the shape of one of two nodes.
    #[must_use]
    pub fn united(&self, one: &Node, other: &Node) -> Node {
        let nodes = Cell::new(MOST_NODES);
        let left = Left {
            deepest: DEEPEST,
            nodes: &nodes,
        };
        self.united_at(one, other, left)
    }

    fn united_at(&self, one: &Node, other: &Node, left: Left<'_>) -> Node {
        if one == other {
            return one.clone();
        }
        // A reference stays one where the other side adds nothing, or recursion would be unrolled for ever.
        if matches!(other, Node::Kinds(kinds) if kinds.is_empty()) {
            return one.clone();
        }
        if matches!(one, Node::Kinds(kinds) if kinds.is_empty()) {
            return other.clone();
        }
        match (self.kinds(one), self.kinds(other)) {
            (Some(_), Some(_)) if left.is_nothing() => Node::Anything,
            (Some(one), Some(other)) => self.united_kinds(one, other, left.deeper()).into(),
            (None, _) | (_, None) => Node::Anything,
        }
    }

    fn united_kinds(&self, one: &Kinds, other: &Kinds, left: Left<'_>) -> Kinds {
        Kinds {
            null: one.null || other.null,
            boolean: one.boolean || other.boolean,
            number: either(one.number.as_ref(), other.number.as_ref(), united_numbers),
            string: either(one.string.as_ref(), other.string.as_ref(), united_strings),
            array: either(one.array.as_ref(), other.array.as_ref(), |one, other| {
                ArrayShape {
                    element: self.united_at(&one.element, &other.element, left),
                    least: one.least.min(other.least),
                    most: one.most.zip(other.most).map(|(one, other)| one.max(other)),
                }
            }),
            object: either(one.object.as_ref(), other.object.as_ref(), |one, other| {
                self.united_objects(one, other, left)
            }),
        }
    }

    fn united_objects(&self, one: &ObjectShape, other: &ObjectShape, left: Left<'_>) -> ObjectShape {
        let missing = |member: &MemberShape, others: Option<&Node>| MemberShape {
            name: member.name.clone(),
            required: false,
            value: match others {
                Some(others) => self.united_at(&member.value, others, left),
                None => member.value.clone(),
            },
        };
        let mut members: Vec<MemberShape> = one
            .members
            .iter()
            .map(|member| match other.member(&member.name) {
                Some(twin) => MemberShape {
                    name: member.name.clone(),
                    required: member.required && twin.required,
                    value: self.united_at(&member.value, &twin.value, left),
                },
                None => missing(member, other.others.as_ref()),
            })
            .collect();
        let only_there = other
            .members
            .iter()
            .filter(|member| one.member(&member.name).is_none());
        members.extend(only_there.map(|member| missing(member, one.others.as_ref())));
        ObjectShape {
            members,
            others: either(one.others.as_ref(), other.others.as_ref(), |one, other| {
                self.united_at(one, other, left)
            }),
        }
    }
}

/// How far is still gone.
#[derive(Clone, Copy)]
struct Left<'a> {
    deepest: usize,
    nodes: &'a Cell<usize>,
}

impl Left<'_> {
    fn is_nothing(self) -> bool {
        self.deepest == 0 || self.nodes.get() == 0
    }

    fn deeper(self) -> Self {
        self.nodes.set(self.nodes.get().saturating_sub(1));
        Self {
            deepest: self.deepest.saturating_sub(1),
            ..self
        }
    }
}

/// What is known if one side may be missing altogether.
fn either<T: Clone>(one: Option<&T>, other: Option<&T>, unite: impl FnOnce(&T, &T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(unite(one, other)),
        (one, other) => one.or(other).cloned(),
    }
}

fn united_numbers(one: &NumberShape, other: &NumberShape) -> NumberShape {
    NumberShape {
        integer: one.integer && other.integer,
        range: one
            .range
            .zip(other.range)
            .map(|(one, other)| (one.0.min(other.0), one.1.max(other.1))),
    }
}

fn united_strings(one: &StringShape, other: &StringShape) -> StringShape {
    let values = one.values.as_ref().zip(other.values.as_ref());
    let values = values.map(|(one, other)| {
        let mut values = one.clone();
        values.extend(other.iter().filter(|value| !one.contains(value)).cloned());
        values
    });
    StringShape {
        values: values.filter(|values| values.len() <= MOST_VALUES),
        format: one.format.filter(|format| other.format == Some(*format)),
    }
}
