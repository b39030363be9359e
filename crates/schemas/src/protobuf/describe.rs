//! A `.proto` text of the documents of a shape.
//!
//! Numbers are what readers know fields by, so they are kept: a member that the schema has keeps its field's number and
//! name, and its label and type while everything fits them; a message that everything fits stays as it is. New members get
//! the numbers behind the greatest one that is or was in use, in the order of the shape; fields that are gone leave their
//! number and name reserved. New scalars are `optional`, because a default without it would have no member.
//!
//! What the language has no type for (several kinds of value, lists of lists) becomes `google.protobuf.Value`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use dunlin_core::migration::shape::{Certainty, Kinds, MemberShape, Node, ObjectShape, Shape, TextFormat};

use super::compile::Types;
use super::model::{Enum, Field, Form, Kind, Message, MessageIndex, Model, Special};
use super::shape;

/// The text of a shape.
///
/// # Errors
/// Where the document is no object, which a message is.
pub(super) fn describe(types: &Types, shape: &Shape) -> Result<String, String> {
    let package = types.name.rsplit_once('.').map(|(package, _)| package);
    let mut writer = Writer {
        model: &types.model,
        own: shape::shape(&types.model, types.message),
        shape,
        imports: BTreeSet::new(),
        names: BTreeMap::new(),
        messages: Vec::new(),
    };
    let kinds = shape.kinds(&shape.root);
    let Some(object) = kinds.and_then(|kinds| kinds.object.as_ref()) else {
        return Err("the document: expected an object, which is what a message is".to_owned());
    };
    let short = types.name.rsplit('.').next().unwrap_or("Message");
    let before = types.model.message(types.message);
    if writer.fits(&shape.root, &writer.own.root) {
        writer.own_message(types.message);
    } else {
        let definition = match &shape.root {
            Node::Reference(name) => Arc::clone(name),
            Node::Anything | Node::Kinds(_) => "".into(),
        };
        writer.names.insert(definition, short.to_owned());
        writer.message(short, object, Some(before));
    }
    let mut text = "syntax = \"proto3\";\n".to_owned();
    if let Some(package) = package {
        push(&mut text, format_args!("\npackage {package};\n"));
    }
    if !writer.imports.is_empty() {
        text.push('\n');
    }
    for import in &writer.imports {
        push(&mut text, format_args!("import \"{import}\";\n"));
    }
    // The outermost message was finished last, and is read first.
    for message in writer.messages.iter().rev() {
        push(&mut text, format_args!("\n{message}"));
    }
    Ok(text)
}

/// As many misfits as are told at most: where there are as many, there may be more.
const MOST_MISFITS: usize = 200;

struct Writer<'a> {
    model: &'a Model,
    /// What is known of the documents of the schema itself.
    own: Shape,
    shape: &'a Shape,
    imports: BTreeSet<&'static str>,
    /// The names of messages by those of the definitions.
    names: BTreeMap<Arc<str>, String>,
    messages: Vec<String>,
}

impl Writer<'_> {
    /// Writes a message, and those that it needs before it.
    fn message(&mut self, name: &str, object: &ObjectShape, before: Option<&Message>) {
        let mut text = format!("message {name} {{\n");
        let fields = before
            .map(|message| message.fields.as_slice())
            .unwrap_or_default();
        let mut next = 1 + fields.iter().map(|field| field.number).max().unwrap_or(0);
        for range in before.iter().flat_map(|message| &message.reserved.numbers) {
            next = next.max(range.end);
        }
        let is_kept = |field: &&Field| object.member(&field.json_name).is_some();
        let gone: Vec<&Field> = fields.iter().filter(|field| !is_kept(field)).collect();
        for member in &object.members {
            let field = fields.iter().find(|field| field.json_name == member.name);
            let number = field.map_or_else(
                || {
                    // The numbers from 19000 to 19999 are the language's own.
                    if next == 19_000 {
                        next = 20_000;
                    }
                    next += 1;
                    next - 1
                },
                |field| field.number,
            );
            self.member(name, member, field, number, &mut text);
        }
        for field in &gone {
            push(
                &mut text,
                format_args!("  reserved {};\n  reserved \"{}\";\n", field.number, field.name),
            );
        }
        if let Some(before) = before {
            reserved(before, &mut text);
        }
        text.push_str("}\n");
        self.messages.push(text);
    }

    /// Whether nothing says that a value of a node does not fit another one of the schema. `null` is no value of a field.
    fn fits(&self, node: &Node, own: &Node) -> bool {
        let root = match self.shape.kinds(node) {
            Some(kinds) if kinds.null => {
                let mut kinds = kinds.clone();
                kinds.null = false;
                kinds.into()
            }
            _ => node.clone(),
        };
        let (from, into) = (
            Shape {
                root,
                definitions: Arc::clone(&self.shape.definitions),
            },
            Shape {
                root: own.clone(),
                definitions: Arc::clone(&self.own.definitions),
            },
        );
        let misfits = from.misfits(&into);
        misfits.len() < MOST_MISFITS
            && misfits
                .iter()
                .all(|misfit| misfit.certainty == Certainty::Unknown)
    }

    /// Writes a message of the schema as it is, once, and gives its name.
    ///
    /// Recursion is bounded: messages are finite, and each is entered once.
    fn own_message(&mut self, index: MessageIndex) -> String {
        let message = self.model.message(index);
        if let Some((import, word)) = well_known(&message.name) {
            self.imports.insert(import);
            return word.to_owned();
        }
        if let Some(known) = self.names.get(message.name.as_str()) {
            return known.clone();
        }
        let name = self.fresh(&message.name);
        let mut text = format!("message {name} {{\n");
        for field in &message.fields {
            let (label, word) = self.kept(field);
            line(
                label,
                &word,
                &field.name,
                field.number,
                &field.json_name,
                &mut text,
            );
        }
        reserved(message, &mut text);
        text.push_str("}\n");
        self.messages.push(text);
        name
    }

    fn member(
        &mut self,
        parent: &str,
        member: &MemberShape,
        field: Option<&Field>,
        number: u32,
        out: &mut String,
    ) {
        let own = field.map_or_else(|| identifier(&member.name), |field| field.name.clone());
        let kept = field.filter(|field| self.fits(&member.value, &shape::field(self.model, field)));
        let (label, word) = match kept {
            Some(field) => self.kept(field),
            None => self.field(&member.value, &format!("{parent}{}", title(&own)), field),
        };
        line(label, &word, &own, number, &member.name, out);
    }

    /// Label and type of a field whose values stay what they were.
    fn kept(&mut self, field: &Field) -> (&'static str, String) {
        let (word, is_message) = match field.kind {
            Kind::Scalar(scalar) => (scalar.word().to_owned(), false),
            Kind::Enum(index) => (self.enumeration(self.model.enumeration(index)), false),
            Kind::Message(index) | Kind::Group(index) => (self.own_message(index), true),
        };
        match field.form {
            Form::Optional | Form::Required if !is_message => ("optional ", word),
            Form::Implicit | Form::Optional | Form::Required => ("", word),
            Form::List { .. } => ("repeated ", word),
            Form::Map(key) => ("", format!("map<{}, {word}>", key.word())),
        }
    }

    /// The name of an enumeration, which is written once.
    fn enumeration(&mut self, one: &Enum) -> String {
        if one.is_null {
            self.imports.insert("google/protobuf/struct.proto");
            return one.name.clone();
        }
        if let Some(known) = self.names.get(one.name.as_str()) {
            return known.clone();
        }
        let name = self.fresh(&one.name);
        let mut text = format!("enum {name} {{\n");
        let numbers: BTreeSet<i32> = one.values.iter().map(|(_, number)| *number).collect();
        if numbers.len() < one.values.len() {
            text.push_str("  option allow_alias = true;\n");
        }
        // The first value of proto3 is that of zero, which stands for no value.
        let (zero, others): (Vec<_>, Vec<_>) = one.values.iter().partition(|(_, number)| *number == 0);
        if zero.is_empty() {
            push(
                &mut text,
                format_args!("  {}_UNSPECIFIED = 0;\n", name.to_ascii_uppercase()),
            );
        }
        for (value, number) in zero.into_iter().chain(others) {
            push(&mut text, format_args!("  {value} = {number};\n"));
        }
        text.push_str("}\n");
        self.messages.push(text);
        name
    }

    /// A name that no other message has, for a definition.
    fn fresh(&mut self, definition: &str) -> String {
        self.unused(definition, definition)
    }

    /// A name like this one that no other message has, known by a key from now on.
    fn unused(&mut self, wanted: &str, key: &str) -> String {
        let short = wanted.rsplit('.').next().unwrap_or(wanted);
        let mut name = title(&identifier(short));
        while self.names.values().any(|taken| *taken == name) {
            name.push('_');
        }
        self.names.insert(key.into(), name.clone());
        name
    }

    /// Label and type for the values of a node, which may have had a field already.
    fn field(&mut self, node: &Node, name: &str, before: Option<&Field>) -> (&'static str, String) {
        let before = before.and_then(|field| match field.kind {
            Kind::Message(index) | Kind::Group(index) => Some(index),
            Kind::Scalar(_) | Kind::Enum(_) => None,
        });
        let kinds = self.shape.kinds(node).cloned();
        if let Some(Kinds {
            array: Some(array), ..
        }) = only(kinds.as_ref())
        {
            return match self.single(&array.element, name, before) {
                Some(word) => ("repeated ", word),
                None => ("repeated ", self.value()),
            };
        }
        if let Some(Kinds {
            object: Some(object), ..
        }) = only(kinds.as_ref())
            && object.members.is_empty()
            && let Some(others) = &object.others
            && let Some(word) = self.single(others, name, before)
        {
            return ("", format!("map<string, {word}>"));
        }
        match self.single(node, name, before) {
            Some(word) if is_scalar(&word) => ("optional ", word),
            Some(word) => ("", word),
            None => ("", self.value()),
        }
    }

    fn value(&mut self) -> String {
        self.imports.insert("google/protobuf/struct.proto");
        "google.protobuf.Value".to_owned()
    }

    /// The type of one value; `None` where only a `google.protobuf.Value` holds it.
    fn single(&mut self, node: &Node, name: &str, before: Option<MessageIndex>) -> Option<String> {
        if let Node::Reference(reference) = node {
            if let Some(known) = self.names.get(reference) {
                return Some(known.clone());
            }
            if let Some((import, word)) = well_known(reference) {
                self.imports.insert(import);
                return Some(word.to_owned());
            }
        }
        let kinds = self.shape.kinds(node)?.clone();
        let kinds = only(Some(&kinds))?;
        if kinds.boolean {
            return Some("bool".to_owned());
        }
        if let Some(number) = &kinds.number {
            let fits =
                |least: i128, most: i128| number.range.is_some_and(|(from, to)| least <= from && to <= most);
            return Some(if !number.integer {
                "double".to_owned()
            } else if fits(i32::MIN.into(), i32::MAX.into()) {
                "int32".to_owned()
            } else if fits(0, u32::MAX.into()) {
                "uint32".to_owned()
            } else if fits(0, u64::MAX.into()) {
                "uint64".to_owned()
            } else {
                "int64".to_owned()
            });
        }
        if let Some(string) = &kinds.string {
            return Some(match string.format {
                Some(TextFormat::DateTime) => {
                    self.imports.insert("google/protobuf/timestamp.proto");
                    "google.protobuf.Timestamp".to_owned()
                }
                Some(TextFormat::Bytes) => "bytes".to_owned(),
                Some(TextFormat::Uuid | TextFormat::Date | TextFormat::Time | TextFormat::Decimal) | None => {
                    "string".to_owned()
                }
            });
        }
        let object = kinds.object.as_ref()?;
        if object.others.is_some() {
            self.imports.insert("google/protobuf/struct.proto");
            return Some("google.protobuf.Struct".to_owned());
        }
        let before = before
            .map(|index| self.model.message(index))
            .filter(|message| message.special == Special::No);
        let (name, before) = match (node, before) {
            (Node::Reference(reference), _) => {
                let known = self.model.named(reference);
                (
                    self.fresh(reference),
                    known.map(|index| self.model.message(index)),
                )
            }
            // It has another form now than the message has, which may be written as well.
            (_, Some(message)) => (
                self.unused(&message.name, &format!("{} as {name}", message.name)),
                Some(message),
            ),
            (_, None) => (name.to_owned(), None),
        };
        self.message(&name, object, before);
        Some(name)
    }
}

/// Writes a field. Its JSON name is said where it does not follow from its own.
fn line(label: &str, word: &str, own: &str, number: u32, json_name: &str, out: &mut String) {
    let option = if camel(own) == json_name {
        String::new()
    } else {
        format!(" [json_name = \"{}\"]", json_name.escape_default())
    };
    push(out, format_args!("  {label}{word} {own} = {number}{option};\n"));
}

/// Writes what a message has reserved already.
fn reserved(message: &Message, out: &mut String) {
    for range in &message.reserved.numbers {
        let (first, last) = (range.start, range.end - 1);
        if first == last {
            push(out, format_args!("  reserved {first};\n"));
        } else {
            push(out, format_args!("  reserved {first} to {last};\n"));
        }
    }
    for name in &message.reserved.names {
        push(out, format_args!("  reserved \"{name}\";\n"));
    }
}

/// The one kind that is possible beside `null`, which a field has no value for.
fn only(kinds: Option<&Kinds>) -> Option<Kinds> {
    let mut kinds = kinds?.clone();
    kinds.null = false;
    // NaN and the infinities, which a double has as well.
    if kinds.number.as_ref().is_some_and(|number| !number.integer) {
        let is_special = |text: &String| ["NaN", "Infinity", "-Infinity"].contains(&text.as_str());
        kinds.string.take_if(|string| {
            string
                .values
                .as_ref()
                .is_some_and(|values| values.iter().all(is_special))
        });
    }
    (kinds.kinds().count() == 1).then_some(kinds)
}

/// Whether a type that was chosen here is a scalar: the others have a package or begin with a capital.
fn is_scalar(word: &str) -> bool {
    !word.contains('.') && word.starts_with(|first: char| first.is_ascii_lowercase())
}

fn well_known(name: &str) -> Option<(&'static str, &str)> {
    let file = match name.strip_prefix("google.protobuf.")? {
        "Any" => "google/protobuf/any.proto",
        "Timestamp" => "google/protobuf/timestamp.proto",
        "Duration" => "google/protobuf/duration.proto",
        "FieldMask" => "google/protobuf/field_mask.proto",
        "Empty" => "google/protobuf/empty.proto",
        "Struct" | "Value" | "ListValue" => "google/protobuf/struct.proto",
        short if short.ends_with("Value") => "google/protobuf/wrappers.proto",
        _ => return None,
    };
    Some((file, name))
}

/// A name of the language for a member.
fn identifier(name: &str) -> String {
    let mut own: String = name
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect();
    if !own.starts_with(|first: char| first.is_ascii_alphabetic()) {
        own.insert_str(0, "field_");
    }
    own
}

/// The JSON name that a field has without the option.
fn camel(name: &str) -> String {
    let mut json = String::with_capacity(name.len());
    let mut is_behind = false;
    for character in name.chars() {
        match character {
            '_' => is_behind = true,
            other if is_behind => {
                json.push(other.to_ascii_uppercase());
                is_behind = false;
            }
            other => json.push(other),
        }
    }
    json
}

fn title(name: &str) -> String {
    let camel = camel(name);
    let mut characters = camel.chars();
    characters.next().map_or(camel.clone(), |first| {
        first.to_ascii_uppercase().to_string() + characters.as_str()
    })
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}
