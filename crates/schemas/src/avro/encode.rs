//! Writes documents in Avro's binary encoding, and checks whether they could be written.
//!
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>. Nothing is rounded, cut or left
//! out, with the one exception that the type itself is made for: a fraction in a `float` or `double` becomes the nearest
//! number that the type has.

mod scalar;

use dunlin_core::migration::document::{Kind, Member, Text, Value};
use dunlin_core::migration::{Failure, FailureKind, Limits, Unmet};

use super::model::{Enumeration, Form, Logical, Model, Record, TypeId};
use super::path::Path;
use super::union::Union;
pub(super) use scalar::write_long;

/// How many findings a check tells.
const MOST_UNMET: usize = 20;

/// Writes a document behind what stands in `out` already.
///
/// # Errors
/// Kind `encode` at the first member that the schema cannot hold; kind `limit` where the datum would be larger than a
/// document may be.
pub(super) fn encode(
    model: &Model,
    document: &Value,
    limits: &Limits,
    out: Vec<u8>,
) -> Result<Vec<u8>, Failure> {
    let mut encoder = Encoder::new(model, limits.working_size(), 1, out);
    let written = encoder.write(model.root(), document, &Path::Root);
    let Some(refusal) = encoder.refusals.pop() else {
        debug_assert!(written.is_ok(), "an encoder stops only for a refusal");
        return Ok(encoder.out);
    };
    let kind = if refusal.is_limit {
        FailureKind::Limit
    } else {
        FailureKind::Encode
    };
    let mut failure = Failure::new(kind, refusal.expected);
    if !refusal.path.is_empty() {
        failure = failure.at(refusal.path);
    }
    Err(match refusal.found {
        Some(kind) => failure.found(kind),
        None => failure,
    })
}

/// Everything in a document that the schema cannot hold, up to a limit.
pub(super) fn check(model: &Model, document: &Value) -> Result<(), Vec<Unmet>> {
    let mut encoder = Encoder::new(model, Limits::default().working_size(), MOST_UNMET, Vec::new());
    // Having stopped early only means that the limit of findings was reached.
    let _stopped = encoder.write(model.root(), document, &Path::Root);
    if encoder.refusals.is_empty() {
        return Ok(());
    }
    let unmet = encoder.refusals.into_iter().map(|refusal| Unmet {
        path: refusal.path,
        rule: match refusal.found {
            Some(kind) => format!("{}, found {}", refusal.expected, kind.noun()),
            None => refusal.expected,
        },
    });
    Err(unmet.collect())
}

/// Something that the schema cannot hold.
struct Refusal {
    path: String,
    expected: String,
    found: Option<Kind>,
    is_limit: bool,
}

/// As many refusals were found as are told.
struct Stop;

type Written = Result<(), Stop>;

struct Encoder<'a> {
    model: &'a Model,
    out: Vec<u8>,
    most_bytes: usize,
    refusals: Vec<Refusal>,
    most_refusals: usize,
}

impl<'a> Encoder<'a> {
    fn new(model: &'a Model, most_bytes: usize, most_refusals: usize, out: Vec<u8>) -> Self {
        Self {
            model,
            out,
            most_bytes,
            refusals: Vec::new(),
            most_refusals,
        }
    }

    fn write(&mut self, kind: TypeId, value: &Value, path: &Path<'_>) -> Written {
        // Defaults may be longer than what they stand for: the datum is bounded as well as the document is.
        if self.out.len() > self.most_bytes {
            self.refusals.push(Refusal {
                path: path.text(),
                expected: "expected a document that is no larger than the limit of size allows".to_owned(),
                found: None,
                is_limit: true,
            });
            return Err(Stop);
        }
        let model = self.model;
        let of = model.of(kind);
        if of.logical == Some(Logical::Duration) {
            return self.duration(value, path);
        }
        match (&of.form, value) {
            (Form::Null, Value::Null) => Ok(()),
            (Form::Boolean, Value::Bool(truth)) => {
                self.out.push(u8::from(*truth));
                Ok(())
            }
            (Form::Array(items), Value::Array(elements)) => self.elements(*items, elements, path),
            (Form::Map(values), Value::Object(members)) => self.entries(*values, members, path),
            (Form::Record(record), Value::Object(members)) => self.record(record, members, path),
            (Form::Union(union), _) => self.union(union, value, path),
            (Form::Enum(enumeration), Value::String(text)) => self.symbol(enumeration, text, path),
            (_, Value::Number(_) | Value::String(_)) => {
                match scalar::bytes_of(&of.form, of.logical, value, &mut self.out) {
                    Ok(()) => Ok(()),
                    Err(refused) => {
                        let found = refused.is_kind.then(|| value.kind());
                        self.refuse(path, refused.expected, found)
                    }
                }
            }
            _ => {
                let expected = scalar::expected(&of.form, of.logical);
                self.refuse(path, expected, Some(value.kind()))
            }
        }
    }

    fn refuse(&mut self, path: &Path<'_>, expected: impl Into<String>, found: Option<Kind>) -> Written {
        self.refusals.push(Refusal {
            path: path.text(),
            expected: expected.into(),
            found,
            is_limit: false,
        });
        if self.refusals.len() < self.most_refusals {
            Ok(())
        } else {
            Err(Stop)
        }
    }

    fn elements(&mut self, items: TypeId, elements: &[Value], path: &Path<'_>) -> Written {
        if !elements.is_empty() {
            self.count(elements.len());
            for (index, element) in elements.iter().enumerate() {
                self.write(items, element, &Path::Element(path, index))?;
            }
        }
        self.out.push(0);
        Ok(())
    }

    fn entries(&mut self, values: TypeId, members: &[Member], path: &Path<'_>) -> Written {
        if !members.is_empty() {
            self.count(members.len());
            for member in members {
                let Ok(name) = member.name.read() else {
                    self.refuse(path, "expected names of members without a lone surrogate", None)?;
                    continue;
                };
                self.count(name.len());
                self.out.extend_from_slice(name.as_bytes());
                self.write(values, &member.value, &Path::Member(path, &name))?;
            }
        }
        self.out.push(0);
        Ok(())
    }

    fn record(&mut self, record: &Record, members: &[Member], path: &Path<'_>) -> Written {
        let mut given: Vec<Option<&Value>> = vec![None; record.fields.len()];
        for (position, member) in members.iter().enumerate() {
            // Documents mostly have their members in the order of the schema.
            let expected = record.fields.get(position);
            let index = if expected.is_some_and(|field| member.name.source() == &*field.name) {
                Some(position)
            } else {
                let name = member.name.read().ok();
                name.and_then(|name| record.by_name.get(&*name).copied())
            };
            let Some(index) = index else {
                let name = member.name.source();
                let expected = format!("expected no member that `{}` has no field for", record.name.full);
                self.refuse(&Path::Member(path, name), expected, None)?;
                continue;
            };
            if given[index].replace(&member.value).is_some() {
                let place = Path::Member(path, &record.fields[index].name);
                self.refuse(&place, "expected the member once, found it twice", None)?;
            }
        }
        for (field, value) in record.fields.iter().zip(given) {
            let place = Path::Member(path, &field.name);
            match (value, &field.default) {
                (Some(value), _) => self.write(field.kind, value, &place)?,
                (None, Some(default)) => self.out.extend_from_slice(&default.bytes),
                (None, None) => {
                    self.refuse(&place, "expected a member, since the field has no default", None)?;
                }
            }
        }
        Ok(())
    }

    fn union(&mut self, union: &Union, value: &Value, path: &Path<'_>) -> Written {
        let model = self.model;
        if let Some(index) = union.plain(value.kind(), model) {
            self.count(index);
            return self.write(union.branches[index].kind, value, path);
        }
        if let Value::Object(members) = value
            && let [member] = &members[..]
            && let Some(index) = union.wrapped(&member.name)
        {
            self.count(index);
            let branch = &union.branches[index];
            let name = branch.wrapper.as_ref().map_or("", |wrapper| &wrapper.name);
            return self.write(branch.kind, &member.value, &Path::Member(path, name));
        }
        let branches = union.branches.iter().map(|branch| {
            let of = model.of(branch.kind);
            match &branch.wrapper {
                Some(wrapper) => format!("an object with the one member `{}`", wrapper.name),
                None => of.document_kind().map_or("a value", Kind::noun).to_owned(),
            }
        });
        let expected = format!("expected {}", branches.collect::<Vec<_>>().join(", or "));
        self.refuse(path, expected, Some(value.kind()))
    }

    fn symbol(&mut self, enumeration: &Enumeration, text: &Text, path: &Path<'_>) -> Written {
        match enumeration.symbols.iter().position(|symbol| text.is(symbol)) {
            Some(index) => {
                self.count(index);
                Ok(())
            }
            None => {
                let expected = format!(
                    "expected a symbol of `{}`, found another string",
                    enumeration.name.full
                );
                self.refuse(path, expected, None)
            }
        }
    }

    fn duration(&mut self, value: &Value, path: &Path<'_>) -> Written {
        match scalar::duration(value) {
            Ok(bytes) => {
                self.out.extend_from_slice(&bytes);
                Ok(())
            }
            Err(expected) => self.refuse(path, expected, Some(value.kind())),
        }
    }

    /// A count, a length or an index.
    fn count(&mut self, count: usize) {
        // No slice has more elements than an `i64` can tell.
        scalar::write_long(i64::try_from(count).unwrap_or(i64::MAX), &mut self.out);
    }
}

#[cfg(test)]
pub(super) mod tests;
