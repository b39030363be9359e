//! What is known of the documents of a message.
//!
//! A field of proto3 without `optional` has no member where it holds its default, so that hardly any member is always there.
//! Members have the names of the mapping; a document may name fields by their own names too, and those are not in a shape:
//! it tells what a payload becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunlin_core::migration::shape::{
    ArrayShape, Kinds, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape, TextFormat,
};

use super::model::{Enum, Field, Form, Kind, MessageIndex, Model, Scalar, Special};

/// The shape of the documents of a message.
pub(super) fn shape(model: &Model, root: MessageIndex) -> Shape {
    let mut definitions: BTreeMap<Arc<str>, Node> = BTreeMap::new();
    let mut pending = vec![root];
    while let Some(index) = pending.pop() {
        let name: Arc<str> = model.message(index).name.as_str().into();
        if definitions.contains_key(&name) {
            continue;
        }
        let mut seen = Vec::new();
        let node = Reader {
            model,
            seen: &mut seen,
        }
        .definition(index);
        definitions.insert(name, node);
        pending.extend(seen);
    }
    Shape {
        root: Node::Reference(model.message(root).name.as_str().into()),
        definitions: Arc::new(definitions),
    }
}

/// The shape of the values of a field.
pub(super) fn field(model: &Model, field: &Field) -> Node {
    let mut seen = Vec::new();
    Reader {
        model,
        seen: &mut seen,
    }
    .field(field)
}

/// Makes nodes, and takes note of the messages to which they refer.
struct Reader<'a> {
    model: &'a Model,
    seen: &'a mut Vec<MessageIndex>,
}

impl Reader<'_> {
    fn definition(&mut self, index: MessageIndex) -> Node {
        let message = self.model.message(index);
        match message.special {
            Special::No => {
                let members = message.fields.iter().map(|field| MemberShape {
                    name: field.json_name.clone(),
                    required: field.form == Form::Required,
                    value: self.field(field),
                });
                object(members.collect(), None)
            }
            Special::Any => object(Vec::new(), Some(Node::Anything)),
            Special::Struct => object(Vec::new(), Some(Node::Anything)),
            Special::ListValue => array(Node::Anything),
            Special::Value => Node::Anything,
            Special::Timestamp => text(Some(TextFormat::DateTime)),
            Special::Duration | Special::FieldMask => text(None),
            Special::Wrapper => self.kind(message.fields[0].kind),
        }
    }

    fn field(&mut self, field: &Field) -> Node {
        let value = self.kind(field.kind);
        match field.form {
            Form::Implicit | Form::Optional | Form::Required => value,
            Form::List { .. } => array(value),
            Form::Map(_) => object(Vec::new(), Some(value)),
        }
    }

    fn kind(&mut self, kind: Kind) -> Node {
        match kind {
            Kind::Scalar(scalar) => scalar_node(scalar),
            Kind::Enum(index) => enum_node(self.model.enumeration(index)),
            Kind::Message(index) | Kind::Group(index) => {
                self.seen.push(index);
                Node::Reference(self.model.message(index).name.as_str().into())
            }
        }
    }
}

fn object(members: Vec<MemberShape>, others: Option<Node>) -> Node {
    Kinds {
        object: Some(ObjectShape { members, others }),
        ..Kinds::default()
    }
    .into()
}

fn array(element: Node) -> Node {
    Kinds {
        array: Some(ArrayShape {
            element,
            least: 0,
            most: None,
        }),
        ..Kinds::default()
    }
    .into()
}

fn text(format: Option<TextFormat>) -> Node {
    Kinds {
        string: Some(StringShape { values: None, format }),
        ..Kinds::default()
    }
    .into()
}

fn integer(least: i128, most: i128) -> Node {
    let number = NumberShape {
        integer: true,
        range: Some((least, most)),
    };
    Kinds {
        number: Some(number),
        ..Kinds::default()
    }
    .into()
}

fn scalar_node(scalar: Scalar) -> Node {
    match scalar {
        // A string stands for those that JSON does not have.
        Scalar::Double | Scalar::Float => Kinds {
            number: Some(NumberShape::default()),
            string: Some(StringShape {
                values: Some(["NaN", "Infinity", "-Infinity"].map(str::to_owned).to_vec()),
                format: None,
            }),
            ..Kinds::default()
        }
        .into(),
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => integer(i32::MIN.into(), i32::MAX.into()),
        Scalar::Uint32 | Scalar::Fixed32 => integer(0, u32::MAX.into()),
        Scalar::Int64 | Scalar::Uint64 | Scalar::Sint64 | Scalar::Fixed64 | Scalar::Sfixed64 => {
            text(Some(TextFormat::Decimal))
        }
        Scalar::Bool => Kinds {
            boolean: true,
            ..Kinds::default()
        }
        .into(),
        Scalar::String => text(None),
        Scalar::Bytes => text(Some(TextFormat::Bytes)),
    }
}

fn enum_node(one: &Enum) -> Node {
    if one.is_null {
        return Kinds {
            null: true,
            ..Kinds::default()
        }
        .into();
    }
    let values = one.values.iter().map(|(name, _)| name.clone()).collect();
    Kinds {
        string: Some(StringShape {
            values: Some(values),
            format: None,
        }),
        // Values without a name.
        number: Some(NumberShape {
            integer: true,
            range: Some((i32::MIN.into(), i32::MAX.into())),
        }),
        ..Kinds::default()
    }
    .into()
}
