//! The defaults of fields, as the bytes that stand for them.
//!
//! A default is written in Avro's JSON encoding of the type itself: a logical type plays no part, bytes are characters
//! from U+0000 to U+00FF, and the value of a union stands plainly and is one of its first branch that can hold it.
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/#complex-types>, under records.

use std::collections::HashMap;

use dunlin_core::finding::Place;
use dunlin_core::source::{Content, Node};

use super::encode::write_long;
use super::model::{Form, Model, Record, TypeId};

/// How deep defaults may lead to further defaults.
const MOST_DEPTH: usize = 64;
/// How many values all defaults of a schema may make together: `{}` may stand for a record of records of defaults.
const MOST_VALUES: usize = 1_000_000;

/// What is wrong with a default, and where.
type Fault = (Place, String);

/// Writes the defaults of one schema.
pub(super) struct Defaults<'a> {
    model: &'a Model,
    nodes: &'a HashMap<(TypeId, usize), &'a Node>,
    values: usize,
}

impl<'a> Defaults<'a> {
    pub(super) const fn new(model: &'a Model, nodes: &'a HashMap<(TypeId, usize), &'a Node>) -> Self {
        Self {
            model,
            nodes,
            values: 0,
        }
    }

    /// The bytes of the default of a field.
    pub(super) fn bytes_of(&mut self, record: TypeId, field: usize) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        let Form::Record(of) = &self.model.of(record).form else {
            return Ok(out);
        };
        if let Some(node) = self.nodes.get(&(record, field)) {
            self.write(of.fields[field].kind, node, 0, &mut out)?;
        }
        Ok(out)
    }

    fn write(&mut self, kind: TypeId, node: &'a Node, depth: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.values += 1;
        if depth > MOST_DEPTH || self.values > MOST_VALUES {
            let message = "the default leads to more defaults than are read; it may lead to itself";
            return Err((node.place.clone(), message.to_owned()));
        }
        let model = self.model;
        let form = &model.of(kind).form;
        let wrong = || {
            let message = format!("expected a default for `{}`, found {}", form.word(), node.kind());
            (node.place.clone(), message)
        };
        let range = || {
            let message = format!("expected a default within the range of `{}`", form.word());
            (node.place.clone(), message)
        };
        match (form, &node.content) {
            (Form::Null, Content::Null) => {}
            (Form::Boolean, Content::Bool(truth)) => out.push(u8::from(*truth)),
            (Form::Int, Content::Number(number)) => {
                let number: i32 = number.as_str().parse().map_err(|_| range())?;
                write_long(number.into(), out);
            }
            (Form::Long, Content::Number(number)) => {
                write_long(number.as_str().parse().map_err(|_| range())?, out);
            }
            (Form::Float, Content::Number(number)) => {
                let number: f32 = number.as_str().parse().map_err(|_| range())?;
                if !number.is_finite() {
                    return Err(range());
                }
                out.extend_from_slice(&number.to_le_bytes());
            }
            (Form::Double, Content::Number(number)) => {
                let number: f64 = number.as_str().parse().map_err(|_| range())?;
                if !number.is_finite() {
                    return Err(range());
                }
                out.extend_from_slice(&number.to_le_bytes());
            }
            (Form::String, Content::String(text)) => {
                write_length(text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
            (Form::Bytes, Content::String(text)) => {
                let bytes = latin(text).ok_or_else(wrong)?;
                write_length(bytes.len(), out);
                out.extend_from_slice(&bytes);
            }
            (Form::Fixed(_, size), Content::String(text)) => {
                let bytes = latin(text).filter(|bytes| bytes.len() == *size);
                out.extend_from_slice(&bytes.ok_or_else(range)?);
            }
            (Form::Enum(enumeration), Content::String(text)) => {
                let index = enumeration.symbols.iter().position(|symbol| **symbol == **text);
                write_length(index.ok_or_else(range)?, out);
            }
            (Form::Array(items), Content::Array(nodes)) => {
                if !nodes.is_empty() {
                    write_length(nodes.len(), out);
                }
                for node in nodes {
                    self.write(*items, node, depth + 1, out)?;
                }
                out.push(0);
            }
            (Form::Map(values), Content::Object(members)) => {
                if !members.is_empty() {
                    write_length(members.len(), out);
                }
                for member in members {
                    let name = member.name.text().ok_or_else(wrong)?;
                    write_length(name.len(), out);
                    out.extend_from_slice(name.as_bytes());
                    self.write(*values, &member.value, depth + 1, out)?;
                }
                out.push(0);
            }
            (Form::Union(union), _) => return self.branch(union, node, depth, out),
            (Form::Record(record), Content::Object(_)) => self.record(kind, record, node, depth, out)?,
            _ => return Err(wrong()),
        }
        Ok(())
    }

    fn branch(
        &mut self,
        union: &super::union::Union,
        node: &'a Node,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        for (index, branch) in union.branches.iter().enumerate() {
            let length = out.len();
            write_length(index, out);
            match self.write(branch.kind, node, depth + 1, out) {
                Ok(()) => return Ok(()),
                Err(_) => out.truncate(length),
            }
        }
        let message = format!(
            "expected a default for a branch of the union, found {} that fits none",
            node.kind()
        );
        Err((node.place.clone(), message))
    }

    fn record(
        &mut self,
        id: TypeId,
        record: &'a Record,
        node: &'a Node,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        for member in node.members().unwrap_or_default() {
            let is_field = member
                .name
                .text()
                .is_some_and(|name| record.by_name.contains_key(name));
            if !is_field {
                let message = format!("the record `{}` has no such field", record.name.full);
                return Err((member.name.place.clone(), message));
            }
        }
        for (index, field) in record.fields.iter().enumerate() {
            let own = node.member(&field.name);
            let given = own.or_else(|| self.nodes.get(&(id, index)).copied());
            let Some(given) = given else {
                let message = format!(
                    "the default lacks the field `{}`, which has no default itself",
                    field.name
                );
                return Err((node.place.clone(), message));
            };
            self.write(field.kind, given, depth + 1, out)?;
        }
        Ok(())
    }
}

/// Writes a length, a count or an index.
fn write_length(length: usize, out: &mut Vec<u8>) {
    // No text of a schema is longer than an `i64` can tell.
    write_long(i64::try_from(length).unwrap_or(i64::MAX), out);
}

fn latin(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|byte| u8::try_from(byte).ok()).collect()
}
