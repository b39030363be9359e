//! A `.proto` text of the documents of a shape.
//!
//! Numbers are what readers know fields by, so they are kept: a member that the schema has keeps its field's number and
//! name, and its type while that fits. New members get the numbers behind the greatest one that is or was in use, in the
//! order of the shape; fields that are gone leave their number and name reserved. Scalars are `optional`, because a default
//! without it would have no member.
//!
//! What the language has no type for (several kinds of value, lists of lists) becomes `google.protobuf.Value`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use dunlin_core::migration::shape::{Kinds, MemberShape, Node, ObjectShape, Shape, TextFormat};

use super::compile::Types;
use super::model::{Enum, Field, Form, Kind, Message, Model};
use super::shape;

/// The text of a shape.
///
/// # Errors
/// Where the document is no object, which a message is.
pub(super) fn describe(types: &Types, shape: &Shape) -> Result<String, String> {
    let package = types.name.rsplit_once('.').map(|(package, _)| package);
    let mut writer = Writer {
        model: &types.model,
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
    if let Node::Reference(name) = &shape.root {
        writer.names.insert(Arc::clone(name), short.to_owned());
    }
    writer.message(short, object, Some(types.model.message(types.message)));
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

struct Writer<'a> {
    model: &'a Model,
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
        for range in before.iter().flat_map(|message| &message.reserved.numbers) {
            let (first, last) = (range.start, range.end - 1);
            if first == last {
                push(&mut text, format_args!("  reserved {first};\n"));
            } else {
                push(&mut text, format_args!("  reserved {first} to {last};\n"));
            }
        }
        for name in before.iter().flat_map(|message| &message.reserved.names) {
            push(&mut text, format_args!("  reserved \"{name}\";\n"));
        }
        text.push_str("}\n");
        self.messages.push(text);
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
        let kept = field.filter(|field| shape::field(self.model, field) == member.value);
        let (label, word) = match kept.and_then(|field| self.kept(field)) {
            Some(kept) => kept,
            None => self.field(&member.value, &format!("{parent}{}", title(&own))),
        };
        let option = if camel(&own) == member.name {
            String::new()
        } else {
            format!(" [json_name = \"{}\"]", member.name.escape_default())
        };
        push(out, format_args!("  {label}{word} {own} = {number}{option};\n"));
    }

    /// Label and type of a field whose values stay what they were; `None` for messages, which are written anew.
    fn kept(&mut self, field: &Field) -> Option<(&'static str, String)> {
        let word = match field.kind {
            Kind::Scalar(scalar) => scalar.word().to_owned(),
            Kind::Enum(index) => self.enumeration(self.model.enumeration(index)),
            Kind::Message(_) | Kind::Group(_) => return None,
        };
        Some(match field.form {
            Form::Implicit | Form::Optional | Form::Required => ("optional ", word),
            Form::List { .. } => ("repeated ", word),
            Form::Map(key) => ("", format!("map<{}, {word}>", key.word())),
        })
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
        let short = definition.rsplit('.').next().unwrap_or(definition);
        let mut name = title(&identifier(short));
        while self.names.values().any(|taken| *taken == name) {
            name.push('_');
        }
        self.names.insert(definition.into(), name.clone());
        name
    }

    /// Label and type for the values of a node.
    fn field(&mut self, node: &Node, name: &str) -> (&'static str, String) {
        let kinds = self.shape.kinds(node).cloned();
        if let Some(Kinds {
            array: Some(array), ..
        }) = only(kinds.as_ref())
        {
            return match self.single(&array.element, name) {
                Some(word) => ("repeated ", word),
                None => ("repeated ", self.value()),
            };
        }
        if let Some(Kinds {
            object: Some(object), ..
        }) = only(kinds.as_ref())
            && object.members.is_empty()
            && let Some(others) = &object.others
            && let Some(word) = self.single(others, name)
        {
            return ("", format!("map<string, {word}>"));
        }
        match self.single(node, name) {
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
    fn single(&mut self, node: &Node, name: &str) -> Option<String> {
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
        let (name, before) = match node {
            Node::Reference(reference) => {
                let name = self.fresh(reference);
                (
                    name,
                    self.model.named(reference).map(|index| self.model.message(index)),
                )
            }
            Node::Anything | Node::Kinds(_) => (name.to_owned(), None),
        };
        self.message(&name, object, before);
        Some(name)
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
