//! What is known of the documents of a schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunlin_core::migration::shape::{
    ArrayShape, Kinds, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape, TextFormat,
};

use super::logical::DURATION;
use super::model::{Form, Logical, Model, Record, TypeId};
use super::union::Union;

/// The shape of the documents that can be written with a schema.
///
/// A member that has a default is not always there. Records and unions are definitions, since they may hold themselves.
pub(super) fn shape(model: &Model) -> Shape {
    let definitions: BTreeMap<Arc<str>, Node> = model
        .types
        .iter()
        .enumerate()
        .filter_map(|(index, of)| {
            let kinds = match &of.form {
                Form::Record(record) => record_kinds(model, record),
                Form::Union(union) => union_kinds(model, union),
                _ => return None,
            };
            Some((definition(model, TypeId(index)), Node::from(kinds)))
        })
        .collect();
    Shape {
        root: node(model, model.root()),
        definitions: Arc::new(definitions),
    }
}

/// The name of a definition: that of a record, or one that no record can have.
fn definition(model: &Model, id: TypeId) -> Arc<str> {
    match model.of(id).name() {
        Some(name) => Arc::clone(&name.full),
        None => format!("union {}", id.0).into(),
    }
}

/// The shape of the values of a type.
pub(super) fn node(model: &Model, id: TypeId) -> Node {
    match &model.of(id).form {
        Form::Record(_) | Form::Union(_) => Node::Reference(definition(model, id)),
        _ => kinds(model, id).into(),
    }
}

/// The kinds of a type that is no union.
fn kinds(model: &Model, id: TypeId) -> Kinds {
    let of = model.of(id);
    let mut kinds = Kinds::default();
    if let Some(logical) = of.logical {
        set_logical(logical, &mut kinds);
        return kinds;
    }
    match &of.form {
        Form::Null => kinds.null = true,
        Form::Boolean => kinds.boolean = true,
        Form::Int => kinds.number = Some(whole(i32::MIN.into(), i32::MAX.into())),
        Form::Long => kinds.number = Some(whole(i64::MIN.into(), i64::MAX.into())),
        Form::Float | Form::Double => kinds.number = Some(NumberShape::default()),
        Form::Bytes | Form::Fixed(..) => kinds.string = Some(text(TextFormat::Bytes)),
        Form::String => kinds.string = Some(StringShape::default()),
        Form::Enum(enumeration) => {
            let values = enumeration.symbols.iter().map(ToString::to_string).collect();
            kinds.string = Some(StringShape {
                values: Some(values),
                format: None,
            });
        }
        Form::Array(items) => {
            kinds.array = Some(ArrayShape {
                element: node(model, *items),
                least: 0,
                most: None,
            });
        }
        Form::Map(values) => {
            kinds.object = Some(ObjectShape {
                members: Vec::new(),
                others: Some(node(model, *values)),
            });
        }
        Form::Record(record) => return record_kinds(model, record),
        Form::Union(union) => return union_kinds(model, union),
    }
    kinds
}

fn set_logical(logical: Logical, kinds: &mut Kinds) {
    let format = match logical {
        Logical::Decimal { precision, scale } => {
            let range = u32::try_from(precision)
                .ok()
                .and_then(|digits| 10_i128.checked_pow(digits))
                .map(|beyond| (1 - beyond, beyond - 1));
            kinds.number = Some(NumberShape {
                integer: scale == 0,
                range: range.filter(|_| scale == 0),
            });
            return;
        }
        Logical::Duration => {
            let members = DURATION.iter().map(|name| MemberShape {
                name: (*name).to_owned(),
                required: true,
                value: Kinds {
                    number: Some(whole(0, u32::MAX.into())),
                    ..Kinds::default()
                }
                .into(),
            });
            kinds.object = Some(ObjectShape {
                members: members.collect(),
                others: None,
            });
            return;
        }
        Logical::Date => Some(TextFormat::Date),
        Logical::Time(_) => Some(TextFormat::Time),
        Logical::Timestamp(_) => Some(TextFormat::DateTime),
        // Without an offset it is no point in time.
        Logical::LocalTimestamp(_) => None,
        Logical::Uuid => Some(TextFormat::Uuid),
    };
    kinds.string = Some(StringShape { values: None, format });
}

fn record_kinds(model: &Model, record: &Record) -> Kinds {
    let members = record.fields.iter().map(|field| MemberShape {
        name: field.name.to_string(),
        required: field.default.is_none(),
        value: node(model, field.kind),
    });
    Kinds {
        object: Some(ObjectShape {
            members: members.collect(),
            others: None,
        }),
        ..Kinds::default()
    }
}

/// Branches that stand plainly are of different kinds; those that do not are one object of optional members.
fn union_kinds(model: &Model, union: &Union) -> Kinds {
    let mut all = Kinds::default();
    let mut wrapped = Vec::new();
    for branch in &union.branches {
        if let Some(wrapper) = &branch.wrapper {
            wrapped.push(MemberShape {
                name: wrapper.name.clone(),
                required: false,
                value: node(model, branch.kind),
            });
            continue;
        }
        let Kinds {
            null,
            boolean,
            number,
            string,
            array,
            object,
        } = kinds(model, branch.kind);
        all.null |= null;
        all.boolean |= boolean;
        all.number = all.number.or(number);
        all.string = all.string.or(string);
        all.array = all.array.or(array);
        all.object = all.object.or(object);
    }
    if !wrapped.is_empty() {
        all.object = Some(ObjectShape {
            members: wrapped,
            others: None,
        });
    }
    all
}

const fn whole(least: i128, most: i128) -> NumberShape {
    NumberShape {
        integer: true,
        range: Some((least, most)),
    }
}

const fn text(format: TextFormat) -> StringShape {
    StringShape {
        values: None,
        format: Some(format),
    }
}

#[cfg(test)]
mod tests;
