//! Whether payloads of one schema can be read with another.
//!
//! Fields are the same if their numbers are. What breaks is what the wire format cannot carry over (a type of another
//! encoding, a field in another oneof), what would be lost (a field that the reader does not have, since unknown fields are
//! refused here), and what documents would call by another name. The rules are those of "Updating a message type":
//! <https://protobuf.dev/programming-guides/proto3/#updating>.

use std::collections::BTreeSet;

use dunlin_core::finding::Findings;
use dunlin_core::migration::SchemaReference;
use dunlin_core::migration::load::Resolver;

use super::Protobuf;
use super::compile::Types;
use super::model::{Field, Form, Kind, Message, MessageIndex, Model, Scalar};
use crate::compat::Difference;

/// The differences between two schemas in files. `None` where one cannot be compiled, and findings say why.
pub(crate) fn differences(
    old: &SchemaReference,
    new: &SchemaReference,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Vec<Difference>> {
    let mut types = |reference: &SchemaReference| {
        let schema = Protobuf::new(reference, None, files, findings)?;
        schema
            .types()
            .map_err(|failure| findings.error(&reference.place, failure.message()))
            .ok()
    };
    let (old, new) = (types(old), types(new));
    let (old, new) = (old?, new?);
    Some(between(&old, &new))
}

/// The first thing that payloads of one message would be misread for with the other: it is not that a field is missing,
/// which is found out in the payload that has it, but that its bytes mean something else.
pub(super) fn conflict(writer: &Types, reader: &Types) -> Option<Difference> {
    let mut compared = Compared::new(&writer.model, &reader.model);
    compared.messages(writer.message, reader.message, "");
    compared.conflicts.into_iter().next()
}

/// The differences between two messages and those in them.
pub(super) fn between(old: &Types, new: &Types) -> Vec<Difference> {
    let mut compared = Compared::new(&old.model, &new.model);
    if old.name != new.name {
        let sentence = format!("the message is called `{}`, and was `{}`", new.name, old.name);
        compared.tell("", sentence, false, false);
    }
    compared.messages(old.message, new.message, "");
    compared.differences
}

struct Compared<'a> {
    old: &'a Model,
    new: &'a Model,
    /// The pairs of messages that were compared, since messages may hold themselves.
    seen: BTreeSet<(MessageIndex, MessageIndex)>,
    differences: Vec<Difference>,
    /// Those in which bytes mean something else.
    conflicts: Vec<Difference>,
}

impl<'a> Compared<'a> {
    const fn new(old: &'a Model, new: &'a Model) -> Self {
        Self {
            old,
            new,
            seen: BTreeSet::new(),
            differences: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// Tells a difference in which bytes mean something else.
    fn conflict(&mut self, path: &str, sentence: impl Into<String>) {
        self.tell(path, sentence, true, true);
        self.conflicts.extend(self.differences.last().cloned());
    }

    fn tell(&mut self, path: &str, sentence: impl Into<String>, breaks_backward: bool, breaks_forward: bool) {
        self.differences.push(Difference {
            path: path.to_owned(),
            sentence: sentence.into(),
            breaks_backward,
            breaks_forward,
        });
    }

    fn messages(&mut self, old: MessageIndex, new: MessageIndex, path: &str) {
        if !self.seen.insert((old, new)) {
            return;
        }
        let (old, new) = (self.old.message(old), self.new.message(new));
        for field in &old.fields {
            let path = member(path, field);
            match new.numbered(field.number) {
                Some((_, other)) => self.fields(field, other, &path),
                None => self.removed(field, new, &path),
            }
        }
        for field in new
            .fields
            .iter()
            .filter(|field| old.numbered(field.number).is_none())
        {
            self.added(field, old, &member(path, field));
        }
    }

    /// A field that the new schema does not have.
    fn removed(&mut self, field: &Field, new: &Message, path: &str) {
        let number = field.number;
        let is_reserved = new.reserved.numbers.iter().any(|range| range.contains(&number));
        let note = if is_reserved {
            ""
        } else {
            ", and its number is not reserved"
        };
        let required = field.form == Form::Required;
        let note = if required {
            format!("{note}; older readers require it")
        } else {
            note.to_owned()
        };
        self.tell(
            path,
            format!("the field {number} is removed{note}"),
            true,
            required,
        );
        if let Some(other) = new.fields.iter().find(|other| other.json_name == field.json_name) {
            let sentence = format!(
                "the name stands for the field {} now, and stood for {number}",
                other.number
            );
            self.tell(path, sentence, true, true);
        }
    }

    /// A field that the old schema does not have.
    fn added(&mut self, field: &Field, old: &Message, path: &str) {
        let number = field.number;
        let required = field.form == Form::Required;
        let note = if required {
            "; it is required, and older writers do not write it"
        } else {
            ""
        };
        self.tell(
            path,
            format!("the field {number} is new; older readers refuse it{note}"),
            required,
            true,
        );
        if old.reserved.numbers.iter().any(|range| range.contains(&number)) {
            self.tell(
                path,
                format!("the number {number} was reserved: payloads may hold another field of it"),
                true,
                true,
            );
        }
        if old.reserved.names.contains(&field.name) {
            self.tell(
                path,
                format!("the name `{}` was reserved", field.name),
                true,
                true,
            );
        }
    }

    fn fields(&mut self, old: &Field, new: &Field, path: &str) {
        if old.json_name != new.json_name {
            let sentence = format!(
                "the member is called `{}`, and was `{}`",
                new.json_name, old.json_name
            );
            self.tell(path, sentence, true, true);
        }
        self.forms(old, new, path);
        if old.oneof.is_some() != new.oneof.is_some() {
            self.tell(
                path,
                "the field moves into a oneof or out of one: a value beside it may be lost",
                true,
                true,
            );
        }
        match (old.kind, new.kind) {
            (Kind::Message(one), Kind::Message(other)) | (Kind::Group(one), Kind::Group(other)) => {
                let path = match old.form {
                    Form::List { .. } => format!("{path}[*]"),
                    Form::Map(_) => format!("{path}.*"),
                    Form::Implicit | Form::Optional | Form::Required => path.to_owned(),
                };
                let (first, second) = (self.old.message(one), self.new.message(other));
                if first.special == second.special {
                    self.messages(one, other, &path);
                } else {
                    let sentence = format!("the message is `{}`, and was `{}`", second.name, first.name);
                    self.conflict(&path, sentence);
                }
            }
            (Kind::Enum(one), Kind::Enum(other)) => {
                let (one, other) = (self.old.enumeration(one), self.new.enumeration(other));
                for (name, number) in &one.values {
                    match (other.name_of(*number), other.number(name)) {
                        (Some(_), Some(same)) if same == *number => {}
                        (None, None) => self.tell(
                            path,
                            format!("the value `{name}` ({number}) is removed from the enum"),
                            true,
                            false,
                        ),
                        _ => self.tell(
                            path,
                            format!(
                                "the value `{name}` has another number, or its number {number} another name"
                            ),
                            true,
                            true,
                        ),
                    }
                }
                for (name, number) in other
                    .values
                    .iter()
                    .filter(|(name, number)| one.number(name).is_none() && one.name_of(*number).is_none())
                {
                    self.tell(
                        path,
                        format!("the value `{name}` ({number}) is new in the enum"),
                        false,
                        true,
                    );
                }
            }
            (one, other) if one == other => {}
            (one, other) => self.kinds(one, other, path),
        }
    }

    fn forms(&mut self, old: &Field, new: &Field, path: &str) {
        match (old.form, new.form) {
            (one, other) if one == other => {}
            (Form::List { .. }, Form::List { .. }) => {}
            (Form::Required, Form::Implicit | Form::Optional) => {
                self.tell(
                    path,
                    "the field is not required any more, and older readers require it",
                    false,
                    true,
                );
            }
            (Form::Implicit | Form::Optional, Form::Required) => {
                self.tell(
                    path,
                    "the field is required now, and older writers may leave it out",
                    true,
                    false,
                );
            }
            (Form::Implicit, Form::Optional) | (Form::Optional, Form::Implicit) => {
                self.tell(
                    path,
                    "a default of the field is told from no value in one of the schemas alone",
                    false,
                    false,
                );
            }
            _ => self.conflict(
                path,
                "the field has one value, a list or a map, and had another of the three",
            ),
        }
    }

    fn kinds(&mut self, old: Kind, new: Kind, path: &str) {
        let (was, is) = (self.word(self.old, old), self.word(self.new, new));
        let sentence = format!("the type is {is}, and was {was}");
        match (family(old), family(new)) {
            // A number of 32 bits fits one of 64, and not the other way round.
            (Some(one), Some(other)) if one.encoding == other.encoding => {
                let backward = !other.holds(&one);
                let forward = !one.holds(&other);
                let note = if backward || forward {
                    "; not every value of one is one of the other"
                } else {
                    ""
                };
                self.tell(path, format!("{sentence}{note}"), backward, forward);
            }
            _ => self.conflict(path, format!("{sentence}, which is encoded otherwise")),
        }
    }

    fn word(&self, model: &'a Model, kind: Kind) -> String {
        match kind {
            Kind::Scalar(scalar) => format!("`{}`", scalar.word()),
            Kind::Enum(index) => format!("the enum `{}`", model.enumeration(index).name),
            Kind::Message(index) => format!("the message `{}`", model.message(index).name),
            Kind::Group(index) => format!("the group `{}`", model.message(index).name),
        }
    }
}

fn member(path: &str, field: &Field) -> String {
    let name = dunlin_core::migration::path::Name::new(field.json_name.as_str());
    if path.is_empty() {
        name.to_string()
    } else {
        format!("{path}.{name}")
    }
}

/// Types whose payloads are read alike, and the values that each has.
struct Family {
    encoding: Encoding,
    least: i128,
    most: i128,
}

#[derive(PartialEq)]
enum Encoding {
    Varint,
    Zigzag,
    Fixed32,
    Fixed64,
    Bytes,
}

impl Family {
    const fn holds(&self, other: &Self) -> bool {
        self.least <= other.least && other.most <= self.most
    }
}

fn family(kind: Kind) -> Option<Family> {
    let (encoding, least, most) = match kind {
        Kind::Scalar(scalar) => match scalar {
            Scalar::Int32 => (Encoding::Varint, i32::MIN.into(), i32::MAX.into()),
            Scalar::Int64 => (Encoding::Varint, i64::MIN.into(), i64::MAX.into()),
            Scalar::Uint32 => (Encoding::Varint, 0, u32::MAX.into()),
            Scalar::Uint64 => (Encoding::Varint, 0, u64::MAX.into()),
            Scalar::Bool => (Encoding::Varint, 0, 1),
            Scalar::Sint32 => (Encoding::Zigzag, i32::MIN.into(), i32::MAX.into()),
            Scalar::Sint64 => (Encoding::Zigzag, i64::MIN.into(), i64::MAX.into()),
            Scalar::Fixed32 => (Encoding::Fixed32, 0, u32::MAX.into()),
            Scalar::Sfixed32 => (Encoding::Fixed32, i32::MIN.into(), i32::MAX.into()),
            Scalar::Fixed64 => (Encoding::Fixed64, 0, u64::MAX.into()),
            Scalar::Sfixed64 => (Encoding::Fixed64, i64::MIN.into(), i64::MAX.into()),
            // Every text is bytes, and not every bytes are text.
            Scalar::String => (Encoding::Bytes, 0, 0),
            Scalar::Bytes => (Encoding::Bytes, 0, 1),
            Scalar::Double | Scalar::Float => return None,
        },
        Kind::Enum(_) => (Encoding::Varint, i32::MIN.into(), i32::MAX.into()),
        Kind::Message(_) | Kind::Group(_) => return None,
    };
    Some(Family {
        encoding,
        least,
        most,
    })
}
