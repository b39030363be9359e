//! Types that a schema has already, as they are written again: with their names, logical types and defaults.

use std::collections::HashSet;
use std::sync::Arc;

use dunlin_core::migration::document::Kind;
use dunlin_core::migration::shape::{Certainty, Node, Shape};
use serde_json::{Map, Value as Json, json};

use super::super::model::{Enumeration, Field, Form, Logical, Model, Record, TypeId, TypeName};
use super::super::shape;

/// As many misfits as are told at most: where there are as many, there may be more.
const MOST_MISFITS: usize = 200;

/// The schema whose types are kept where everything fits them.
pub(super) struct Own<'a> {
    model: &'a Model,
    shape: Shape,
    /// The named types that are written already, as they are here.
    written: HashSet<String>,
}

impl<'a> Own<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        Self {
            model,
            shape: shape::shape(model),
            written: HashSet::new(),
        }
    }

    /// Whether nothing says that a value of a node does not fit a type.
    pub(super) fn fits(&self, shape: &Shape, node: &Node, id: TypeId) -> bool {
        let from = Shape {
            root: node.clone(),
            definitions: Arc::clone(&shape.definitions),
        };
        let into = Shape {
            root: shape::node(self.model, id),
            definitions: Arc::clone(&self.shape.definitions),
        };
        let misfits = from.misfits(&into);
        misfits.len() < MOST_MISFITS
            && misfits
                .iter()
                .all(|misfit| misfit.certainty == Certainty::Unknown)
    }

    /// The type itself, or of a union the branch that values of this kind have without a name around them.
    pub(super) fn plain(&self, id: TypeId, kind: Kind) -> Option<TypeId> {
        let is_it = |id: &TypeId| self.model.of(*id).document_kind() == Some(kind);
        match &self.model.of(id).form {
            Form::Union(union) => {
                let mut plain = union.branches.iter().filter(|branch| branch.wrapper.is_none());
                plain.find(|branch| is_it(&branch.kind)).map(|branch| branch.kind)
            }
            _ => Some(id).filter(is_it),
        }
    }

    /// The type of the elements of an array, or of the values of a map.
    pub(super) fn inner(&self, id: TypeId) -> Option<TypeId> {
        match &self.model.of(id).form {
            Form::Array(inner) | Form::Map(inner) => Some(*inner),
            _ => None,
        }
    }

    /// The record that a type is.
    pub(super) fn record(&self, id: TypeId) -> Option<&'a Record> {
        match &self.model.of(id).form {
            Form::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The names of the types below a type, its own included.
    pub(super) fn names(&self, id: TypeId) -> HashSet<&'a str> {
        let mut names = HashSet::new();
        let mut seen = HashSet::new();
        let mut pending = vec![id];
        while let Some(id) = pending.pop() {
            if !seen.insert(id) {
                continue;
            }
            let of = self.model.of(id);
            names.extend(of.name().map(|name| &*name.full));
            match &of.form {
                Form::Array(inner) | Form::Map(inner) => pending.push(*inner),
                Form::Union(union) => pending.extend(union.branches.iter().map(|branch| branch.kind)),
                Form::Record(record) => pending.extend(record.fields.iter().map(|field| field.kind)),
                Form::Null
                | Form::Boolean
                | Form::Int
                | Form::Long
                | Form::Float
                | Form::Double
                | Form::Bytes
                | Form::String
                | Form::Fixed(..)
                | Form::Enum(_) => {}
            }
        }
        names
    }

    /// A type as it is. A named one is written once, and is its name from then on.
    ///
    /// Recursion is bounded: a type within another is one level of the schema's text, and those have a limit.
    pub(super) fn type_of(&mut self, id: TypeId) -> Json {
        let model = self.model;
        let of = model.of(id);
        if let Some(name) = of.name()
            && !self.written.insert(name.full.to_string())
        {
            return json!(&*name.full);
        }
        let mut written = match &of.form {
            Form::Array(items) => json!({"type": "array", "items": self.type_of(*items)}),
            Form::Map(values) => json!({"type": "map", "values": self.type_of(*values)}),
            Form::Union(union) => {
                return union
                    .branches
                    .iter()
                    .map(|branch| self.type_of(branch.kind))
                    .collect();
            }
            Form::Fixed(name, size) => {
                let mut fixed = named("fixed", name);
                fixed["size"] = json!(size);
                fixed
            }
            Form::Enum(enumeration) => symbols(enumeration),
            Form::Record(record) => {
                let fields: Vec<Json> = record.fields.iter().map(|field| self.field(field)).collect();
                let mut written = named("record", &record.name);
                written["fields"] = Json::Array(fields);
                written
            }
            plain => match of.logical {
                None => return json!(plain.word()),
                Some(_) => json!({"type": plain.word()}),
            },
        };
        if let Some(logical) = of.logical {
            written["logicalType"] = json!(logical.word());
            if let Logical::Decimal { precision, scale } = logical {
                written["precision"] = json!(precision);
                written["scale"] = json!(scale);
            }
        }
        written
    }

    fn field(&mut self, field: &Field) -> Json {
        let of = self.type_of(field.kind);
        field_of(field, of)
    }
}

/// A field as it is, around its type.
pub(super) fn field_of(field: &Field, of: Json) -> Json {
    let mut written = Map::new();
    written.insert("name".to_owned(), json!(&*field.name));
    written.insert("type".to_owned(), of);
    if !field.aliases.is_empty() {
        written.insert("aliases".to_owned(), json!(field.aliases));
    }
    if let Some(default) = field
        .default
        .as_ref()
        .and_then(|default| serde_json::from_str(&default.written.to_json()).ok())
    {
        written.insert("default".to_owned(), default);
    }
    Json::Object(written)
}

/// The beginning of a named type.
pub(super) fn named(word: &str, name: &TypeName) -> Json {
    let mut written = json!({"type": word, "name": &*name.full});
    if !name.aliases.is_empty() {
        written["aliases"] = json!(name.aliases);
    }
    written
}

fn symbols(enumeration: &Enumeration) -> Json {
    let all: Vec<&str> = enumeration.symbols.iter().map(|symbol| &**symbol).collect();
    let mut written = named("enum", &enumeration.name);
    written["symbols"] = json!(all);
    if let Some(default) = enumeration.default.and_then(|index| all.get(index)) {
        written["default"] = json!(default);
    }
    written
}
