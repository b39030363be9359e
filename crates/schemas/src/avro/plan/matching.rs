//! Which types of a writer a type of a reader can read, as far as one level tells.

use super::super::model::{Form, Logical, Model, Type, TypeId, TypeName, simple};
use super::super::union::Union;

/// Whether one level of two types fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    /// They are the same type.
    Same,
    /// The writer's is promoted to the reader's.
    Promoted,
    /// They do not fit, and why.
    None(String),
}

/// Whether a reader's type can read a writer's; neither is a union.
pub(super) fn match_of(writer: &Type, reader: &Type) -> Match {
    let fits = match (&writer.form, &reader.form) {
        (Form::Record(from), Form::Record(into)) => named(&from.name, &into.name),
        (Form::Enum(from), Form::Enum(into)) => named(&from.name, &into.name),
        (Form::Fixed(from, size), Form::Fixed(into, expected)) => {
            if size == expected {
                named(from, into)
            } else {
                Match::None(format!("the writer's `{}` has another size", from.full))
            }
        }
        (from, into) if std::mem::discriminant(from) == std::mem::discriminant(into) => Match::Same,
        (Form::Int, Form::Long | Form::Float | Form::Double)
        | (Form::Long, Form::Float | Form::Double)
        | (Form::Float, Form::Double)
        | (Form::String, Form::Bytes)
        | (Form::Bytes, Form::String) => Match::Promoted,
        _ => Match::None(format!(
            "the writer's `{}` cannot be read as `{}`",
            writer.label(),
            reader.label()
        )),
    };
    match (fits, writer.logical, reader.logical) {
        (Match::Same | Match::Promoted, Some(from), Some(into)) if !means_the_same(from, into) => {
            Match::None(format!(
                "the writer's `{}` cannot be read as `{}` without changing its meaning",
                described(from),
                described(into)
            ))
        }
        (fits, _, _) => fits,
    }
}

/// The branch of a reader's union that reads a writer's type: one of the same full name, else the first of the same type,
/// else the first to which it is promoted.
pub(super) fn branch_of(writer: &Model, from: TypeId, reader: &Model, union: &Union) -> Option<usize> {
    let source = writer.of(from);
    let matches: Vec<Match> = union
        .branches
        .iter()
        .map(|branch| match_of(source, reader.of(branch.kind)))
        .collect();
    let same_name = union.branches.iter().zip(&matches).position(|(branch, found)| {
        let names = (source.name(), reader.of(branch.kind).name());
        *found == Match::Same && matches!(names, (Some(from), Some(into)) if from.full == into.full)
    });
    same_name
        .or_else(|| matches.iter().position(|found| *found == Match::Same))
        .or_else(|| matches.iter().position(|found| *found == Match::Promoted))
}

fn named(from: &TypeName, into: &TypeName) -> Match {
    let is_alias = |alias: &String| **alias == *from.full || (simple(alias) == from.simple());
    if from.simple() == into.simple() || into.aliases.iter().any(is_alias) {
        Match::Same
    } else {
        Match::None(format!(
            "the writer's `{}` is neither named `{}` nor by one of its aliases",
            from.full, into.full
        ))
    }
}

fn means_the_same(from: Logical, into: Logical) -> bool {
    match (from, into) {
        (
            Logical::Decimal { precision, scale },
            Logical::Decimal {
                precision: wider,
                scale: same,
            },
        ) => scale == same && precision <= wider,
        (from, into) => from == into,
    }
}

fn described(logical: Logical) -> String {
    match logical {
        Logical::Decimal { precision, scale } => format!("decimal({precision}, {scale})"),
        other => other.word(),
    }
}
