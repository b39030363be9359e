//! The types of a schema, as the codec needs them.
//!
//! They are made of descriptors once: a field is found by its number or by a name without locks or reference counts, and
//! what cannot be (a well-known type of another form than its own) is settled before the first message.

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, MessageDescriptor,
};

/// All messages and enumerations of a schema and its imports.
#[derive(Debug)]
pub(super) struct Model {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    by_name: HashMap<String, MessageIndex>,
}

/// Which message of a [`Model`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct MessageIndex(usize);

/// Which enumeration of a [`Model`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EnumIndex(usize);

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    /// The full name.
    pub(super) name: String,
    /// The fields and the extensions of the message, in the order of their numbers.
    pub(super) fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    pub(super) special: Special,
    /// The option `message_set_wire_format`: an encoding from before extensions, which is neither read nor written.
    pub(super) is_message_set: bool,
    /// Numbers and names that no later version may use.
    pub(super) reserved: Reserved,
}

/// What `reserved` states.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    pub(super) numbers: Vec<std::ops::Range<u32>>,
    pub(super) names: Vec<String>,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// The name in the schema.
    pub(super) name: String,
    /// The name of the member: lowerCamelCase, or what the option `json_name` says, or `[full.name]` of an extension.
    pub(super) json_name: String,
    /// What one value is; the value of an entry for maps.
    pub(super) kind: Kind,
    pub(super) form: Form,
    /// Which `oneof` of the message it is a member of.
    pub(super) oneof: Option<usize>,
}

/// How many values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// At most one, and a default is like none: proto3 without `optional`.
    Implicit,
    /// At most one, and a default is told from none.
    Optional,
    /// Exactly one: proto2's `required`.
    Required,
    /// Any number, in order.
    List {
        /// Whether it is written as one block.
        packed: bool,
    },
    /// Any number, by keys of this kind.
    Map(Scalar),
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar(Scalar),
    Enum(EnumIndex),
    Message(MessageIndex),
    /// A message in the encoding of proto2's groups.
    Group(MessageIndex),
}

/// The scalar types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
}

/// An enumeration.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) name: String,
    /// Names and numbers as they are listed. Where a number has several names, the first is written.
    pub(super) values: Vec<(String, i32)>,
    by_name: HashMap<String, i32>,
    by_number: HashMap<i32, usize>,
    /// `google.protobuf.NullValue`, whose one value is `null`.
    pub(super) is_null: bool,
}

/// Messages whose documents have a form of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    /// None: an object with a member for each field.
    No,
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    /// One of the nine messages of one scalar.
    Wrapper,
}

impl Model {
    /// The types of a pool.
    pub(super) fn new(pool: &DescriptorPool) -> Self {
        let all: Vec<MessageDescriptor> = pool.all_messages().collect();
        let enums: Vec<EnumDescriptor> = pool.all_enums().collect();
        let index = Index {
            messages: names(all.iter().map(MessageDescriptor::full_name)),
            enums: names(enums.iter().map(EnumDescriptor::full_name)),
        };
        let messages: Vec<Message> = all.iter().map(|message| index.message(message)).collect();
        Self {
            by_name: index
                .messages
                .into_iter()
                .map(|(name, at)| (name, MessageIndex(at)))
                .collect(),
            messages,
            enums: enums.iter().map(Enum::new).collect(),
        }
    }

    pub(super) fn message(&self, index: MessageIndex) -> &Message {
        &self.messages[index.0]
    }

    pub(super) fn enumeration(&self, index: EnumIndex) -> &Enum {
        &self.enums[index.0]
    }

    /// The message with this full name.
    pub(super) fn named(&self, name: &str) -> Option<MessageIndex> {
        self.by_name.get(name).copied()
    }

    /// Whether `null` is a value of this kind, and not the absence of one.
    pub(super) fn takes_null(&self, kind: Kind) -> bool {
        match kind {
            Kind::Enum(index) => self.enumeration(index).is_null,
            Kind::Message(index) => self.message(index).special == Special::Value,
            Kind::Scalar(_) | Kind::Group(_) => false,
        }
    }
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> HashMap<String, usize> {
    all.enumerate().map(|(at, name)| (name.to_owned(), at)).collect()
}

impl Message {
    /// The field of a number, and its place in the list.
    pub(super) fn numbered(&self, number: u32) -> Option<(usize, &Field)> {
        let at = self
            .fields
            .binary_search_by_key(&number, |field| field.number)
            .ok()?;
        Some((at, &self.fields[at]))
    }

    /// The place in the list of the field that a member means: by its JSON name, or by its own.
    pub(super) fn member(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}

impl Kind {
    /// Whether several values can be written as one block.
    pub(super) const fn is_packable(self) -> bool {
        match self {
            Self::Scalar(Scalar::String | Scalar::Bytes) | Self::Message(_) | Self::Group(_) => false,
            Self::Scalar(_) | Self::Enum(_) => true,
        }
    }
}

impl Scalar {
    /// The word of the language for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Sint32 => "sint32",
            Self::Sint64 => "sint64",
            Self::Fixed32 => "fixed32",
            Self::Fixed64 => "fixed64",
            Self::Sfixed32 => "sfixed32",
            Self::Sfixed64 => "sfixed64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Bytes => "bytes",
        }
    }
}

impl Enum {
    fn new(descriptor: &EnumDescriptor) -> Self {
        // The descriptor's own list is sorted by number, and the first value in the schema is the default.
        let listed = &descriptor.enum_descriptor_proto().value;
        let values: Vec<(String, i32)> = listed
            .iter()
            .map(|one| (one.name().to_owned(), one.number()))
            .collect();
        let mut by_number = HashMap::new();
        for (at, (_, number)) in values.iter().enumerate() {
            by_number.entry(*number).or_insert(at);
        }
        Self {
            name: descriptor.full_name().to_owned(),
            by_name: values.iter().cloned().collect(),
            by_number,
            is_null: descriptor.full_name() == "google.protobuf.NullValue",
            values,
        }
    }

    /// The number of a name.
    pub(super) fn number(&self, name: &str) -> Option<i32> {
        self.by_name.get(name).copied()
    }

    /// The name of a number.
    pub(super) fn name_of(&self, number: i32) -> Option<&str> {
        self.by_number.get(&number).map(|at| self.values[*at].0.as_str())
    }

    /// The number of a value that was left out.
    pub(super) fn default(&self) -> i32 {
        self.values.first().map_or(0, |(_, number)| *number)
    }
}

/// Where the types of a pool are found by name.
struct Index {
    messages: HashMap<String, usize>,
    enums: HashMap<String, usize>,
}

impl Index {
    fn message(&self, descriptor: &MessageDescriptor) -> Message {
        let oneofs: Vec<String> = descriptor
            .oneofs()
            .map(|oneof| oneof.full_name().to_owned())
            .collect();
        let mut fields: Vec<Field> = descriptor
            .fields()
            .map(|field| self.field(&field, &oneofs))
            .collect();
        fields.extend(
            descriptor
                .extensions()
                .map(|extension| self.extension(&extension)),
        );
        fields.sort_by_key(|field| field.number);
        let mut by_name = HashMap::new();
        // A JSON name stands before another field's own name, should a schema have them alike.
        for (at, field) in fields.iter().enumerate() {
            by_name.insert(field.json_name.clone(), at);
        }
        for (at, field) in fields.iter().enumerate() {
            by_name.entry(field.name.clone()).or_insert(at);
        }
        let options = descriptor.descriptor_proto().options.as_ref();
        let reserved = Reserved {
            numbers: descriptor.reserved_ranges().collect(),
            names: descriptor.reserved_names().map(str::to_owned).collect(),
        };
        Message {
            name: descriptor.full_name().to_owned(),
            special: special(descriptor.full_name(), &fields),
            fields,
            by_name,
            is_message_set: options.is_some_and(prost_types::MessageOptions::message_set_wire_format),
            reserved,
        }
    }

    fn field(&self, field: &FieldDescriptor, oneofs: &[String]) -> Field {
        let entry = match field.kind() {
            prost_reflect::Kind::Message(entry) if field.is_map() => entry_of(&entry),
            _ => None,
        };
        let (kind, form) = match entry {
            Some((key, value)) => (self.kind(&value, false), Form::Map(key)),
            None => {
                let form = match field.cardinality() {
                    Cardinality::Repeated => Form::List {
                        packed: field.is_packed(),
                    },
                    Cardinality::Required => Form::Required,
                    Cardinality::Optional if field.supports_presence() => Form::Optional,
                    Cardinality::Optional => Form::Implicit,
                };
                (self.kind(&field.kind(), field.is_group()), form)
            }
        };
        let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
        Field {
            number: field.number(),
            name: field.name().to_owned(),
            json_name: field.json_name().to_owned(),
            kind,
            form,
            oneof: oneof.and_then(|oneof| oneofs.iter().position(|name| name == oneof.full_name())),
        }
    }

    fn extension(&self, extension: &ExtensionDescriptor) -> Field {
        let form = match extension.cardinality() {
            Cardinality::Repeated => Form::List {
                packed: extension.is_packed(),
            },
            Cardinality::Required | Cardinality::Optional => Form::Optional,
        };
        Field {
            number: extension.number(),
            name: extension.json_name().to_owned(),
            json_name: extension.json_name().to_owned(),
            kind: self.kind(&extension.kind(), extension.is_group()),
            form,
            oneof: None,
        }
    }

    fn kind(&self, kind: &prost_reflect::Kind, is_group: bool) -> Kind {
        let known = |names: &HashMap<String, usize>, name: &str| {
            *names
                .get(name)
                .expect("a pool holds every type that its fields name")
        };
        match kind {
            prost_reflect::Kind::Message(message) => {
                let index = MessageIndex(known(&self.messages, message.full_name()));
                if is_group {
                    Kind::Group(index)
                } else {
                    Kind::Message(index)
                }
            }
            prost_reflect::Kind::Enum(one) => Kind::Enum(EnumIndex(known(&self.enums, one.full_name()))),
            other => Kind::Scalar(scalar(other).unwrap_or(Scalar::Bytes)),
        }
    }
}

/// The key and the value of a map's entry. A set of descriptors may call a message an entry that is none.
fn entry_of(entry: &MessageDescriptor) -> Option<(Scalar, prost_reflect::Kind)> {
    let key = scalar(&entry.get_field(1)?.kind())?;
    let value = entry.get_field(2)?;
    (!value.is_group() && value.cardinality() != Cardinality::Repeated).then(|| (key, value.kind()))
}

fn scalar(kind: &prost_reflect::Kind) -> Option<Scalar> {
    use prost_reflect::Kind as Described;
    Some(match kind {
        Described::Double => Scalar::Double,
        Described::Float => Scalar::Float,
        Described::Int32 => Scalar::Int32,
        Described::Int64 => Scalar::Int64,
        Described::Uint32 => Scalar::Uint32,
        Described::Uint64 => Scalar::Uint64,
        Described::Sint32 => Scalar::Sint32,
        Described::Sint64 => Scalar::Sint64,
        Described::Fixed32 => Scalar::Fixed32,
        Described::Fixed64 => Scalar::Fixed64,
        Described::Sfixed32 => Scalar::Sfixed32,
        Described::Sfixed64 => Scalar::Sfixed64,
        Described::Bool => Scalar::Bool,
        Described::String => Scalar::String,
        Described::Bytes => Scalar::Bytes,
        Described::Message(_) | Described::Enum(_) => return None,
    })
}

/// Which form of its own a message has. A schema may define a message of a well-known name in another way; then it is a
/// message like others.
fn special(name: &str, fields: &[Field]) -> Special {
    use Scalar::{Bool, Bytes, Double, Float, Int32, Int64, String, Uint32, Uint64};
    let Some(short) = name.strip_prefix("google.protobuf.") else {
        return Special::No;
    };
    let scalars: Vec<Option<Scalar>> = fields
        .iter()
        .map(|field| match (field.kind, field.form) {
            (Kind::Scalar(scalar), Form::Implicit) => Some(scalar),
            _ => None,
        })
        .collect();
    let in_order = fields
        .iter()
        .zip(1..)
        .all(|(field, number)| field.number == number);
    let is = |expected: &[Scalar]| {
        in_order
            && scalars.len() == expected.len()
            && scalars.iter().zip(expected).all(|(a, b)| *a == Some(*b))
    };
    let has = |count: usize, form: Form| {
        in_order && fields.len() == count && fields.iter().all(|field| field.form == form)
    };
    let list = Form::List { packed: false };
    match short {
        "Any" if is(&[String, Bytes]) => Special::Any,
        "Timestamp" if is(&[Int64, Int32]) => Special::Timestamp,
        "Duration" if is(&[Int64, Int32]) => Special::Duration,
        "FieldMask" if has(1, list) && fields[0].kind == Kind::Scalar(String) => Special::FieldMask,
        "Struct" if has(1, Form::Map(String)) => Special::Struct,
        "ListValue" if has(1, list) => Special::ListValue,
        "Value" if has(6, Form::Optional) && scalars_of_value(fields) => Special::Value,
        "DoubleValue" if is(&[Double]) => Special::Wrapper,
        "FloatValue" if is(&[Float]) => Special::Wrapper,
        "Int64Value" if is(&[Int64]) => Special::Wrapper,
        "UInt64Value" if is(&[Uint64]) => Special::Wrapper,
        "Int32Value" if is(&[Int32]) => Special::Wrapper,
        "UInt32Value" if is(&[Uint32]) => Special::Wrapper,
        "BoolValue" if is(&[Bool]) => Special::Wrapper,
        "StringValue" if is(&[String]) => Special::Wrapper,
        "BytesValue" if is(&[Bytes]) => Special::Wrapper,
        _ => Special::No,
    }
}

fn scalars_of_value(fields: &[Field]) -> bool {
    [Scalar::Double, Scalar::String, Scalar::Bool]
        .into_iter()
        .zip(&fields[1..])
        .all(|(scalar, field)| field.kind == Kind::Scalar(scalar))
}
