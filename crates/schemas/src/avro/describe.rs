//! Writes a schema for documents of a shape.
//!
//! The result is a proposal for people: every document of the shape can be written with it, as far as the shape knows. What
//! fits a type of the schema that is there already keeps that type, with its name, its logical type and its default, so that
//! readers of the one know the other. Of the rest, a member that is not always there becomes nullable with the default
//! `null`, so that it comes back as `null`.

mod own;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dunlin_core::migration::document::Kind;
use dunlin_core::migration::path::Name;
use dunlin_core::migration::shape::{
    Kinds, MemberShape, Node, NumberShape, ObjectShape, Shape, StringShape, TextFormat,
};
use serde_json::{Value as Json, json};

use self::own::{Own, field_of, named};
use super::model::{Field, Model, TypeId};
use super::names::{is_name, is_simple_name, simple_or};

/// The name of the outermost record where the shape has none.
const ROOT: &str = "Document";

/// How deep a shape may be that is written down: it is a tree of its own, which nobody has bounded.
const MOST_DEPTH: usize = 128;

/// The text of a schema; `own` is the one whose types are kept.
///
/// # Errors
/// What Avro cannot express, and where.
pub(super) fn describe(shape: &Shape, own: &Model) -> Result<String, String> {
    let mut writer = Writer {
        shape,
        own: Own::new(own),
        names: HashMap::new(),
        taken: HashSet::new(),
        anew: HashSet::new(),
    };
    let schema = writer.node(&shape.root, &At::root(own.root()))?;
    let mut text = serde_json::to_string_pretty(&schema).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

/// A place of the shape, what a record would be called there, and the type that the schema has there already.
struct At {
    path: String,
    name: String,
    depth: usize,
    own: Option<TypeId>,
}

impl At {
    fn root(own: TypeId) -> Self {
        Self {
            path: String::new(),
            name: ROOT.to_owned(),
            depth: 0,
            own: Some(own),
        }
    }

    fn member(&self, name: &str, own: Option<TypeId>) -> Self {
        let separator = if self.path.is_empty() { "" } else { "." };
        Self {
            path: format!("{}{separator}{}", self.path, Name::new(name)),
            name: capitalised(name),
            depth: self.depth + 1,
            own,
        }
    }

    fn element(&self, own: Option<TypeId>) -> Self {
        Self {
            path: format!("{}[*]", self.path),
            name: self.name.clone(),
            depth: self.depth + 1,
            own,
        }
    }

    fn refuse<T>(&self, what: &str) -> Result<T, String> {
        if self.path.is_empty() {
            Err(what.to_owned())
        } else {
            Err(format!("at {}: {what}", self.path))
        }
    }
}

/// `line_items` as `LineItems`.
fn capitalised(name: &str) -> String {
    name.split(['_', '-', '.', ' '])
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

struct Writer<'a> {
    shape: &'a Shape,
    own: Own<'a>,
    /// The definitions of which the object is written already, and the record that it became.
    names: HashMap<Arc<str>, String>,
    taken: HashSet<String>,
    /// The names of types of the schema that something else has now.
    anew: HashSet<String>,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node, at: &At) -> Result<Json, String> {
        if at.depth > MOST_DEPTH {
            return at.refuse("the shape is too deep to be written down");
        }
        if let Some(kept) = at.own.and_then(|own| self.kept(node, own)) {
            return Ok(kept);
        }
        match node {
            Node::Anything => {
                at.refuse("nothing is known of the value, and Avro has no type for every value")
            }
            Node::Kinds(kinds) => self.kinds(kinds, None, at),
            Node::Reference(name) => {
                let shape = self.shape;
                match shape.definitions.get(name) {
                    Some(Node::Kinds(kinds)) => self.kinds(kinds, Some(name), at),
                    Some(node) => self.node(node, &at.deeper()),
                    None => at.refuse("the shape refers to a definition that it does not have"),
                }
            }
        }
    }

    /// The type that the schema has already, if everything fits it, and nothing else has one of its names.
    fn kept(&mut self, node: &Node, own: TypeId) -> Option<Json> {
        if !self.own.fits(self.shape, node, own) {
            return None;
        }
        let names = self.own.names(own);
        if names.iter().any(|name| self.anew.contains(*name)) {
            return None;
        }
        self.taken.extend(names.into_iter().map(str::to_owned));
        Some(self.own.type_of(own))
    }

    /// The same, for one of the kinds of value that are possible at a place.
    fn kept_kind(&mut self, kinds: &Kinds, kind: Kind, at: &At) -> Option<Json> {
        let own = self.own.plain(at.own?, kind)?;
        let mut alone = kinds.clone();
        for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
            alone.forget(other);
        }
        self.kept(&alone.into(), own)
    }

    /// One kind as its type, several as a union.
    fn kinds(&mut self, kinds: &Kinds, definition: Option<&Arc<str>>, at: &At) -> Result<Json, String> {
        let mut branches = Vec::new();
        if kinds.null {
            branches.push(json!("null"));
        }
        if kinds.boolean {
            branches.push(json!("boolean"));
        }
        if let Some(number) = &kinds.number {
            let kept = self.kept_kind(kinds, Kind::Number, at);
            branches.push(kept.unwrap_or_else(|| number_type(number)));
        }
        if let Some(string) = &kinds.string {
            let kept = self.kept_kind(kinds, Kind::String, at);
            branches.push(kept.unwrap_or_else(|| self.string_type(string, at)));
        }
        if let Some(array) = &kinds.array {
            let own = at.own.and_then(|own| self.own.plain(own, Kind::Array));
            let items = self.node(
                &array.element,
                &at.element(own.and_then(|own| self.own.inner(own))),
            )?;
            branches.push(json!({"type": "array", "items": items}));
        }
        if let Some(object) = &kinds.object {
            let own = at.own.and_then(|own| self.own.plain(own, Kind::Object));
            let written = match self.kept_kind(kinds, Kind::Object, at) {
                Some(kept) => kept,
                None => self.object(object, definition, own, at)?,
            };
            branches.push(written);
        }
        match branches.len() {
            0 => at.refuse("no value is possible, and Avro has no type without values"),
            1 => Ok(branches.swap_remove(0)),
            _ => Ok(Json::Array(branches)),
        }
    }

    fn object(
        &mut self,
        object: &ObjectShape,
        definition: Option<&Arc<str>>,
        own: Option<TypeId>,
        at: &At,
    ) -> Result<Json, String> {
        if let Some(record) = definition.and_then(|definition| self.names.get(definition)) {
            return Ok(json!(record));
        }
        match &object.others {
            Some(values) if object.members.is_empty() => {
                let own = own.and_then(|own| self.own.inner(own));
                let values = self.node(values, &at.element(own))?;
                return Ok(json!({"type": "map", "values": values}));
            }
            Some(_) => {
                return at.refuse(
                    "an object with other members than those that are known is neither a record nor a map",
                );
            }
            None => {}
        }
        let own = own.and_then(|own| self.own.record(own));
        let full = match own {
            Some(own) => Some(own.name.full.to_string()),
            None => definition
                .filter(|name| is_name(name))
                .map(|name| name.to_string()),
        };
        let name = self.unused(full.unwrap_or_else(|| at.name.clone()));
        self.anew.insert(name.clone());
        if let Some(definition) = definition {
            self.names.insert(Arc::clone(definition), name.clone());
        }
        let mut fields = Vec::new();
        for member in &object.members {
            let own = own.and_then(|own| own.fields.iter().find(|field| *field.name == member.name));
            fields.push(self.field(member, own, at)?);
        }
        let mut written = match own {
            Some(own) if *own.name.full == name => named("record", &own.name),
            _ => json!({"type": "record", "name": name}),
        };
        written["fields"] = Json::Array(fields);
        Ok(written)
    }

    fn field(&mut self, member: &MemberShape, own: Option<&Field>, at: &At) -> Result<Json, String> {
        let at = at.member(&member.name, own.map(|own| own.kind));
        if !is_simple_name(&member.name) {
            return at.refuse("a field of Avro may not have this name");
        }
        if let Some(own) = own.filter(|own| member.required || own.default.is_some())
            && let Some(kept) = self.kept(&member.value, own.kind)
        {
            return Ok(field_of(own, kept));
        }
        let of = self.node(&member.value, &at)?;
        if member.required {
            return Ok(json!({"name": member.name, "type": of}));
        }
        let nullable = match of {
            Json::Array(branches) if branches.first() == Some(&json!("null")) => Json::Array(branches),
            Json::Array(branches) => {
                let rest = branches.into_iter().filter(|branch| *branch != json!("null"));
                Json::Array(std::iter::once(json!("null")).chain(rest).collect())
            }
            Json::String(word) if word == "null" => json!("null"),
            one => json!(["null", one]),
        };
        Ok(json!({"name": member.name, "type": nullable, "default": null}))
    }

    /// The only texts that are possible are an enumeration where they are several, and symbols.
    fn string_type(&mut self, string: &StringShape, at: &At) -> Json {
        if let Some(values) = &string.values
            && values.len() > 1
            && values.iter().all(|value| is_simple_name(value))
        {
            let name = self.unused(at.name.clone());
            return json!({"type": "enum", "name": name, "symbols": values});
        }
        match string.format {
            Some(TextFormat::Uuid) => json!({"type": "string", "logicalType": "uuid"}),
            Some(TextFormat::Date) => json!({"type": "int", "logicalType": "date"}),
            Some(TextFormat::Time) => json!({"type": "long", "logicalType": "time-micros"}),
            Some(TextFormat::DateTime) => json!({"type": "long", "logicalType": "timestamp-micros"}),
            Some(TextFormat::Bytes) => json!("bytes"),
            Some(TextFormat::Decimal) | None => json!("string"),
        }
    }

    /// A name that no other type has.
    fn unused(&mut self, wanted: String) -> String {
        let wanted = simple_or(wanted, ROOT);
        let mut name = wanted.clone();
        let mut count = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{wanted}{count}");
            count += 1;
        }
        name
    }
}

impl At {
    fn deeper(&self) -> Self {
        Self {
            path: self.path.clone(),
            name: self.name.clone(),
            depth: self.depth + 1,
            own: self.own,
        }
    }
}

fn number_type(number: &NumberShape) -> Json {
    if !number.integer {
        return json!("double");
    }
    let is_int = number
        .range
        .is_some_and(|(least, most)| least >= i32::MIN.into() && most <= i32::MAX.into());
    if is_int { json!("int") } else { json!("long") }
}
