//! The shape that one value has.

use dunlin_core::migration::shape::{
    ArrayShape, Kinds, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape,
};
use serde_json::Value;

use super::super::number::Decimal;

/// The shape of a value that a schema names.
pub(super) fn node(value: &Value) -> Node {
    let mut kinds = Kinds::default();
    match value {
        Value::Null => kinds.null = true,
        Value::Bool(_) => kinds.boolean = true,
        Value::Number(number) => {
            let text = number.to_string();
            let decimal = Decimal::read(&text);
            let integer = decimal.to_i128().filter(|_| decimal.is_integer());
            kinds.number = Some(NumberShape {
                integer: decimal.is_integer(),
                range: integer.map(|number| (number, number)),
            });
        }
        Value::String(text) => {
            kinds.string = Some(StringShape {
                values: Some(vec![text.clone()]),
                format: None,
            });
        }
        Value::Array(elements) => {
            let none: Node = Kinds::default().into();
            let shape = Shape::anything();
            let element = elements
                .iter()
                .fold(none, |all, element| shape.united(&all, &node(element)));
            kinds.array = Some(ArrayShape {
                element,
                least: elements.len(),
                most: Some(elements.len()),
            });
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| MemberShape {
                name: name.clone(),
                required: true,
                value: node(value),
            });
            kinds.object = Some(ObjectShape {
                members: members.collect(),
                others: None,
            });
        }
    }
    kinds.into()
}
