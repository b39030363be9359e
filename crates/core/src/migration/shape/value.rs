//! The shape of a value that is known, and whether a value has a shape.

use std::collections::BTreeMap;

use num_bigint::BigInt;

use super::{ArrayShape, Kinds, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape};
use crate::migration::decimal::{Decimal, Round};
use crate::migration::document::{Number, Text, Value};

impl Node {
    /// The shape that this value has, and few others.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let mut kinds = Kinds::default();
        match value {
            Value::Null => kinds.null = true,
            Value::Bool(_) => kinds.boolean = true,
            Value::Number(number) => {
                let whole = whole(number);
                kinds.number = Some(NumberShape {
                    integer: whole.is_some(),
                    range: whole
                        .and_then(|whole| i128::try_from(whole).ok())
                        .map(|only| (only, only)),
                });
            }
            Value::String(text) => {
                let values = text.read().ok().map(|text| vec![text.into_owned()]);
                kinds.string = Some(StringShape { values, format: None });
            }
            Value::Array(elements) => {
                let shape = Shape::anything();
                let element = elements.iter().fold(Self::default(), |all, element| {
                    shape.united(&all, &Self::of(element))
                });
                kinds.array = Some(ArrayShape {
                    element,
                    least: elements.len(),
                    most: Some(elements.len()),
                });
            }
            Value::Object(members) => {
                let mut object = ObjectShape {
                    members: Vec::new(),
                    others: None,
                };
                for member in members {
                    let value = Self::of(&member.value);
                    match member.name.read() {
                        Ok(name) => object.put(&name, true, value),
                        Err(_) => object.others = Some(Self::Anything),
                    }
                }
                kinds.object = Some(object);
            }
        }
        kinds.into()
    }
}

impl Shape {
    /// Whether a document has this shape: a way to hold a schema's shape against documents that are known to fit the
    /// schema. Rules for the text of a string are not looked at.
    #[must_use]
    pub fn admits(&self, document: &Value) -> bool {
        self.node_admits(&self.root, document)
    }

    fn node_admits(&self, node: &Node, value: &Value) -> bool {
        let Some(kinds) = self.kinds(node) else {
            return true;
        };
        match value {
            Value::Null => kinds.null,
            Value::Bool(_) => kinds.boolean,
            Value::Number(number) => kinds.number.as_ref().is_some_and(|shape| shape.admits(number)),
            Value::String(text) => kinds.string.as_ref().is_some_and(|shape| shape.admits(text)),
            Value::Array(elements) => kinds.array.as_ref().is_some_and(|shape| {
                elements.len() >= shape.least
                    && shape.most.is_none_or(|most| elements.len() <= most)
                    && elements
                        .iter()
                        .all(|element| self.node_admits(&shape.element, element))
            }),
            Value::Object(members) => kinds.object.as_ref().is_some_and(|shape| {
                // Of a name that stands twice the last one counts, as everywhere where a value is read.
                let last: BTreeMap<Vec<u32>, &crate::migration::document::Member> = members
                    .iter()
                    .map(|member| (member.name.sort_key(), member))
                    .collect();
                let known = |name: &Text| shape.members.iter().find(|member| name.is(&member.name));
                let required = |wanted: &MemberShape| {
                    !wanted.required || members.iter().any(|member| member.name.is(&wanted.name))
                };
                shape.members.iter().all(required)
                    && last
                        .values()
                        .all(|member| match (known(&member.name), &shape.others) {
                            (Some(known), _) => self.node_admits(&known.value, &member.value),
                            (None, Some(others)) => self.node_admits(others, &member.value),
                            (None, None) => false,
                        })
            }),
        }
    }
}

impl NumberShape {
    fn admits(&self, number: &Number) -> bool {
        let Ok(decimal) = Decimal::read(number.as_str()) else {
            // Too long to be read; its size alone is not judged here.
            return true;
        };
        let whole = |round| {
            let rounded = decimal.rounded(0, round).ok()?;
            rounded.to_integer()
        };
        let in_range = |(least, greatest): (i128, i128)| {
            whole(Round::Floor).is_none_or(|low| low >= BigInt::from(least))
                && whole(Round::Ceil).is_none_or(|high| high <= BigInt::from(greatest))
        };
        (!self.integer || decimal.to_integer().is_some()) && self.range.is_none_or(in_range)
    }
}

impl StringShape {
    fn admits(&self, text: &Text) -> bool {
        self.values
            .as_ref()
            .is_none_or(|values| values.iter().any(|value| text.is(value)))
    }
}

/// A number without a fraction, however it is written.
fn whole(number: &Number) -> Option<BigInt> {
    Decimal::read(number.as_str()).ok()?.to_integer()
}
