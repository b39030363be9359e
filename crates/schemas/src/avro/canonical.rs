//! The parsing canonical form of a schema, its fingerprint, and a form that tells everything that Dunlin minds.
//!
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/#parsing-canonical-form-for-schemas>.

use std::collections::HashSet;
use std::sync::Arc;

use dunlin_core::migration::document::write_quoted;

use super::model::{Form, Logical, Model, TypeId};

/// The fingerprint of no bytes at all, of which the table is made too.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

/// How much of a schema is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The parsing canonical form: what decides how bytes are read.
    Canonical,
    /// Logical types, defaults and aliases too: what decides how documents are read and written.
    Full,
}

/// The parsing canonical form.
pub(super) fn canonical_form(model: &Model) -> String {
    write(model, Extent::Canonical)
}

/// The schema as one text, which needs no others: with everything that decides about documents, and without
/// documentation. It is equal for two schemas only if they read and write every document alike.
pub(super) fn full_form(model: &Model) -> String {
    write(model, Extent::Full)
}

/// The CRC-64-AVRO (Rabin) fingerprint of some bytes.
pub(super) fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |crc, byte| {
        let index = (crc ^ u64::from(*byte)) & 0xff;
        (crc >> 8) ^ table_entry(index)
    })
}

/// One entry of the table of the specification. It is computed where it is needed: a fingerprint is taken once for each
/// schema and never for a message.
fn table_entry(index: u64) -> u64 {
    (0..8).fold(index, |entry, _| {
        (entry >> 1) ^ (EMPTY & 0_u64.wrapping_sub(entry & 1))
    })
}

/// What is still to be written. A list of its own instead of recursion: types may be nested as deeply as there are names.
enum Piece {
    Type(TypeId),
    Text(String),
}

fn write(model: &Model, extent: Extent) -> String {
    let mut out = String::new();
    let mut seen = HashSet::new();
    let mut pending = vec![Piece::Type(model.root())];
    while let Some(piece) = pending.pop() {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Type(id) => {
                let mut pieces = Vec::new();
                pieces_of(model, id, extent, &mut seen, &mut pieces);
                pending.extend(pieces.into_iter().rev());
            }
        }
    }
    out
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_quoted(text, &mut out);
    out
}

fn pieces_of(model: &Model, id: TypeId, extent: Extent, seen: &mut HashSet<Arc<str>>, out: &mut Vec<Piece>) {
    let this = model.of(id);
    if let Some(name) = this.name()
        && !seen.insert(Arc::clone(&name.full))
    {
        out.push(Piece::Text(quoted(&name.full)));
        return;
    }
    let attributes = match extent {
        Extent::Canonical => String::new(),
        Extent::Full => {
            let aliases = this.name().map_or(&[][..], |name| &name.aliases);
            logical_attributes(this.logical) + &alias_attribute(aliases)
        }
    };
    let named = |word: &str| {
        let name = this.name().map(|name| quoted(&name.full)).unwrap_or_default();
        format!("{{\"name\":{name},\"type\":\"{word}\"")
    };
    let text = |text: String| Piece::Text(text);
    match &this.form {
        Form::Null
        | Form::Boolean
        | Form::Int
        | Form::Long
        | Form::Float
        | Form::Double
        | Form::Bytes
        | Form::String => out.push(text(if attributes.is_empty() {
            quoted(this.form.word())
        } else {
            format!("{{\"type\":\"{}\"{attributes}}}", this.form.word())
        })),
        Form::Array(items) => out.extend([
            text("{\"type\":\"array\",\"items\":".to_owned()),
            Piece::Type(*items),
            text("}".to_owned()),
        ]),
        Form::Map(values) => out.extend([
            text("{\"type\":\"map\",\"values\":".to_owned()),
            Piece::Type(*values),
            text("}".to_owned()),
        ]),
        Form::Union(union) => {
            for (index, branch) in union.branches.iter().enumerate() {
                out.push(text(if index == 0 { "[" } else { "," }.to_owned()));
                out.push(Piece::Type(branch.kind));
            }
            out.push(text(
                if union.branches.is_empty() { "[]" } else { "]" }.to_owned(),
            ));
        }
        Form::Fixed(_, size) => out.push(text(format!("{},\"size\":{size}{attributes}}}", named("fixed")))),
        Form::Enum(enumeration) => {
            let symbols: Vec<String> = enumeration.symbols.iter().map(|symbol| quoted(symbol)).collect();
            let default = enumeration.default.filter(|_| extent == Extent::Full);
            let default = default.map_or_else(String::new, |index| {
                format!(",\"default\":{}", quoted(&enumeration.symbols[index]))
            });
            out.push(text(format!(
                "{},\"symbols\":[{}]{default}{attributes}}}",
                named("enum"),
                symbols.join(",")
            )));
        }
        Form::Record(record) => {
            out.push(text(named("record") + ",\"fields\":["));
            for (index, field) in record.fields.iter().enumerate() {
                let separator = if index == 0 { "" } else { "," };
                out.push(text(format!(
                    "{separator}{{\"name\":{},\"type\":",
                    quoted(&field.name)
                )));
                out.push(Piece::Type(field.kind));
                let mut end = String::new();
                if extent == Extent::Full {
                    end.push_str(&alias_attribute(&field.aliases));
                    if let Some(default) = &field.default {
                        end.push_str(&format!(",\"default\":{}", default.written.to_json()));
                    }
                }
                out.push(text(end + "}"));
            }
            out.push(text(format!("]{attributes}}}")));
        }
    }
}

fn logical_attributes(logical: Option<Logical>) -> String {
    match logical {
        None => String::new(),
        Some(Logical::Decimal { precision, scale }) => {
            format!(",\"logicalType\":\"decimal\",\"precision\":{precision},\"scale\":{scale}")
        }
        Some(logical) => format!(",\"logicalType\":\"{}\"", logical.word()),
    }
}

fn alias_attribute(aliases: &[String]) -> String {
    if aliases.is_empty() {
        return String::new();
    }
    let aliases: Vec<String> = aliases.iter().map(|alias| quoted(alias)).collect();
    format!(",\"aliases\":[{}]", aliases.join(","))
}

#[cfg(test)]
mod tests;
