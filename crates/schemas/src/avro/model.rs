//! An Avro schema as it is used: types in a list, which refer to one another by their place in it.
//!
//! A list and not a tree, since records may hold themselves. Attributes that do not decide how bytes are read or written
//! (documentation, sort order) are not kept.

use std::collections::HashMap;
use std::sync::Arc;

use dunlin_core::migration::document::{Kind, Text, Value};

use super::union::Union;

/// The place of a type in its [`Model`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TypeId(pub(super) usize);

/// A schema that is complete: every type is defined, and every default fits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(super) types: Vec<Type>,
    pub(super) root: Option<TypeId>,
}

/// One type: how its bytes look, and what they mean.
#[derive(Debug, Clone)]
pub(super) struct Type {
    pub(super) form: Form,
    pub(super) logical: Option<Logical>,
}

/// How the bytes of a type look.
#[derive(Debug, Clone)]
pub(super) enum Form {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(TypeId),
    Map(TypeId),
    Union(Union),
    Fixed(TypeName, usize),
    Enum(Enumeration),
    Record(Record),
}

/// The full name of a type, and the full names under which writers may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeName {
    pub(super) full: Arc<str>,
    pub(super) aliases: Vec<String>,
}

impl TypeName {
    /// The name without its namespace.
    pub(super) fn simple(&self) -> &str {
        simple(&self.full)
    }
}

/// The part of a full name behind its namespace.
pub(super) fn simple(full: &str) -> &str {
    full.rsplit_once('.').map_or(full, |(_, simple)| simple)
}

#[derive(Debug, Clone)]
pub(super) struct Enumeration {
    pub(super) name: TypeName,
    pub(super) symbols: Vec<Arc<str>>,
    /// What a reader takes for a symbol that it does not have.
    pub(super) default: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) name: TypeName,
    pub(super) fields: Vec<Field>,
    pub(super) by_name: HashMap<Arc<str>, usize>,
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: Arc<str>,
    pub(super) aliases: Vec<String>,
    pub(super) kind: TypeId,
    pub(super) default: Option<DefaultValue>,
}

impl Field {
    /// The name as it stands in a document.
    pub(super) fn text(&self) -> Text {
        Text::from_str(&self.name)
    }
}

/// What a field holds where a document or a writer does not say.
#[derive(Debug, Clone)]
pub(super) struct DefaultValue {
    /// As the schema has it.
    pub(super) written: Value,
    pub(super) bytes: Vec<u8>,
    /// As the bytes are read.
    pub(super) value: Value,
}

/// What bytes mean beyond their form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    /// A number of at most `precision` digits, `scale` of them behind the point.
    Decimal {
        precision: usize,
        scale: usize,
    },
    Date,
    /// Time of day.
    Time(Unit),
    /// A point in time.
    Timestamp(Unit),
    /// Date and time of a clock on some wall.
    LocalTimestamp(Unit),
    Uuid,
    Duration,
}

/// The parts of a second in which a time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    /// How many nanoseconds it has.
    pub(super) const fn nanoseconds(self) -> i64 {
        match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Millis => "millis",
            Self::Micros => "micros",
            Self::Nanos => "nanos",
        }
    }
}

impl Logical {
    /// The value of `logicalType`.
    pub(super) fn word(self) -> String {
        match self {
            Self::Decimal { .. } => "decimal".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Time(unit) => format!("time-{}", unit.word()),
            Self::Timestamp(unit) => format!("timestamp-{}", unit.word()),
            Self::LocalTimestamp(unit) => format!("local-timestamp-{}", unit.word()),
            Self::Uuid => "uuid".to_owned(),
            Self::Duration => "duration".to_owned(),
        }
    }
}

impl Type {
    pub(super) const fn plain(form: Form) -> Self {
        Self { form, logical: None }
    }

    /// The name of a named type.
    pub(super) const fn name(&self) -> Option<&TypeName> {
        match &self.form {
            Form::Fixed(name, _) => Some(name),
            Form::Enum(enumeration) => Some(&enumeration.name),
            Form::Record(record) => Some(&record.name),
            Form::Null
            | Form::Boolean
            | Form::Int
            | Form::Long
            | Form::Float
            | Form::Double
            | Form::Bytes
            | Form::String
            | Form::Array(_)
            | Form::Map(_)
            | Form::Union(_) => None,
        }
    }

    /// The word by which a branch of a union is told: a full name, or the word of the form.
    pub(super) fn label(&self) -> &str {
        self.name().map_or_else(|| self.form.word(), |name| &name.full)
    }

    /// The kind of value that it is in a document; `None` for a union, which may be several.
    pub(super) const fn document_kind(&self) -> Option<Kind> {
        match (&self.form, self.logical) {
            (_, Some(Logical::Decimal { .. })) => Some(Kind::Number),
            (_, Some(Logical::Duration)) => Some(Kind::Object),
            (_, Some(_)) => Some(Kind::String),
            (Form::Null, None) => Some(Kind::Null),
            (Form::Boolean, None) => Some(Kind::Boolean),
            (Form::Int | Form::Long | Form::Float | Form::Double, None) => Some(Kind::Number),
            (Form::Bytes | Form::String | Form::Fixed(..) | Form::Enum(_), None) => Some(Kind::String),
            (Form::Array(_), None) => Some(Kind::Array),
            (Form::Map(_) | Form::Record(_), None) => Some(Kind::Object),
            (Form::Union(_), None) => None,
        }
    }
}

impl Form {
    /// The word of the specification for it.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Fixed(..) => "fixed",
            Self::Enum(_) => "enum",
            Self::Record(_) => "record",
        }
    }
}

impl Model {
    pub(super) fn of(&self, id: TypeId) -> &Type {
        &self.types[id.0]
    }

    pub(super) fn add(&mut self, added: Type) -> TypeId {
        self.types.push(added);
        TypeId(self.types.len() - 1)
    }

    /// The type of whole documents.
    pub(super) fn root(&self) -> TypeId {
        // A model without a root is never handed out by the compiler.
        self.root.unwrap_or(TypeId(0))
    }
}
