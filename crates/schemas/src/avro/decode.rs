//! Reads Avro's binary encoding.
//!
//! Specification: <https://avro.apache.org/docs/1.12.0/specification/#binary-encoding>. The bytes are believed in nothing:
//! a length is compared with what is left before anything is allocated, each value that is made is charged to a budget,
//! and each container to the allowed depth, so that a count of 2^62 costs no more than the bytes that follow it.

mod cursor;

use dunlin_core::migration::document::{Member, Number, Text, Value};
use dunlin_core::migration::{Failure, FailureKind, Limits};

use super::logical;
use super::model::{Form, TypeId};
use super::path::Path;
use super::plan::{Octets, Plan, RecordStep, Step, StepId, Whole};
use cursor::Cursor;

/// What a value costs beside its text, in bytes.
const VALUE_COST: usize = 8;

/// Reads one datum, which must be all that there is.
///
/// `before` is how many bytes of the payload stand before it, for the offsets of failures.
pub(super) fn decode(plan: &Plan, datum: &[u8], before: usize, limits: &Limits) -> Result<Value, Failure> {
    let mut decoder = Decoder {
        plan,
        bytes: Cursor::new(datum),
        depth: limits.depth(),
        budget: limits.working_size(),
    };
    let read = decoder.value(plan.root(), &Path::Root).and_then(|value| {
        if decoder.bytes.is_at_end() {
            Ok(value)
        } else {
            Err(broken(
                &Path::Root,
                "expected the end of the payload behind the datum",
            ))
        }
    });
    read.map_err(|mut failure| {
        failure.offset.get_or_insert(before + decoder.bytes.offset());
        failure
    })
}

/// The length of the datum at the beginning of some bytes, which are of the plan's writer.
pub(super) fn datum_length(plan: &Plan, bytes: &[u8], limits: &Limits) -> Result<usize, Failure> {
    let mut decoder = Decoder {
        plan,
        bytes: Cursor::new(bytes),
        depth: limits.depth(),
        budget: limits.working_size(),
    };
    decoder.skip(plan.writer.root(), &Path::Root)?;
    Ok(decoder.bytes.offset())
}

fn broken(path: &Path<'_>, expected: impl Into<Box<str>>) -> Failure {
    located(Failure::new(FailureKind::Decode, expected), path)
}

fn located(failure: Failure, path: &Path<'_>) -> Failure {
    let path = path.text();
    if path.is_empty() {
        failure
    } else {
        failure.at(path)
    }
}

struct Decoder<'a> {
    plan: &'a Plan,
    bytes: Cursor<'a>,
    /// How many containers may still be opened.
    depth: usize,
    /// How much may still be made, in bytes.
    budget: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, step: StepId, path: &Path<'_>) -> Result<Value, Failure> {
        self.charge(VALUE_COST, path)?;
        let plan = self.plan;
        match plan.step(step) {
            Step::Null => Ok(Value::Null),
            Step::Boolean => {
                let truth = self.bytes.boolean();
                truth.map(Value::Bool).map_err(|expected| broken(path, expected))
            }
            Step::Integer { is_int, into } => self.integer(*is_int, *into, path),
            Step::Float { is_wide } => {
                let bytes = self.array::<4>(path)?;
                let number = f32::from_le_bytes(bytes);
                // A float is promoted as the number that it is, whose text as a double has more digits.
                if *is_wide {
                    double(f64::from(number), path)
                } else {
                    float(number, path)
                }
            }
            Step::Double => double(f64::from_le_bytes(self.array::<8>(path)?), path),
            Step::Bytes { is_text, into } => {
                let bytes = self.length_and_bytes(path)?;
                if *is_text && std::str::from_utf8(bytes).is_err() {
                    return Err(broken(path, "expected text in UTF-8"));
                }
                self.octets(bytes, *into, path)
            }
            Step::Fixed { size, into } => {
                let bytes = self.take(*size, path)?;
                self.octets(bytes, *into, path)
            }
            Step::Enum(symbols) => {
                let index = self.index(path)?;
                let Some(symbol) = symbols.get(index) else {
                    return Err(broken(
                        path,
                        "expected the index of a symbol of the writer's enumeration",
                    ));
                };
                let Some(value) = symbol else {
                    let expected =
                        "expected a symbol that the reader's enumeration has; it has no default either";
                    return Err(broken(path, expected));
                };
                Ok(value.clone())
            }
            Step::Array(element) => self.elements(*element, path),
            Step::Map(value) => self.entries(*value, path),
            Step::Record(record) => {
                self.open(path)?;
                let members = self.members(record, path)?;
                self.depth += 1;
                Ok(Value::Object(members))
            }
            Step::Union(branches) => {
                let index = self.index(path)?;
                let Some(branch) = branches.get(index) else {
                    return Err(broken(
                        path,
                        "expected the index of a branch of the writer's union",
                    ));
                };
                self.value(*branch, path)
            }
            Step::Wrapped(wrapper, inner) => {
                self.open(path)?;
                self.charge(wrapper.name.len(), path)?;
                let value = self.value(*inner, &Path::Member(path, &wrapper.name))?;
                self.depth += 1;
                let name = wrapper.text.clone();
                Ok(Value::Object(vec![Member { name, value }]))
            }
            Step::Refused(reason) => {
                let expected = format!("expected what the reader's schema can hold: {reason}");
                Err(broken(path, expected))
            }
        }
    }

    fn integer(&mut self, is_int: bool, into: Whole, path: &Path<'_>) -> Result<Value, Failure> {
        let number = self.whole(is_int, path)?;
        let text = match into {
            Whole::Number => return Ok(Value::Number(Number::from(number))),
            // A promotion rounds to the nearest, as the specification has it; a reader who asked for a double gets one.
            #[expect(
                clippy::cast_precision_loss,
                reason = "this is the promotion of the specification"
            )]
            Whole::Float => return float(number as f32, path),
            #[expect(
                clippy::cast_precision_loss,
                reason = "this is the promotion of the specification"
            )]
            Whole::Double => return double(number as f64, path),
            Whole::Date => logical::date_text(number),
            Whole::Time(unit) => logical::time_text(number, unit),
            Whole::Timestamp(unit) => logical::timestamp_text(number, unit),
            Whole::LocalTimestamp(unit) => logical::local_timestamp_text(number, unit),
        };
        match text {
            Ok(text) => Ok(Value::string(&text)),
            Err(expected) => Err(broken(path, expected)),
        }
    }

    fn octets(&mut self, bytes: &[u8], into: Octets, path: &Path<'_>) -> Result<Value, Failure> {
        // Control characters are escaped in six bytes; what is charged is what is read, since that is bounded already.
        self.charge(bytes.len(), path)?;
        let value = match into {
            Octets::Text => Value::string(self.text(bytes, path)?),
            Octets::Latin => {
                let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
                Value::string(&text)
            }
            Octets::UuidText => {
                let text = self.text(bytes, path)?;
                if !logical::is_uuid(text) {
                    return Err(broken(path, logical::UUID));
                }
                Value::string(text)
            }
            Octets::UuidBytes => Value::string(&logical::uuid_text(bytes)),
            Octets::Decimal { precision, scale } => {
                let text = logical::decimal_text(bytes, precision, scale);
                let text = text.map_err(|expected| broken(path, expected))?;
                self.charge(text.len(), path)?;
                match Number::from_text(&text) {
                    Ok(number) => Value::Number(number),
                    Err(_) => return Err(broken(path, "expected a decimal")),
                }
            }
            Octets::Duration => {
                self.open(path)?;
                let parts = logical::DURATION.iter().zip(logical::duration_parts(bytes));
                let parts =
                    parts.map(|(name, part)| Member::new(name, Value::Number(Number::from(u64::from(part)))));
                self.depth += 1;
                Value::Object(parts.collect())
            }
        };
        Ok(value)
    }

    fn text<'b>(&self, bytes: &'b [u8], path: &Path<'_>) -> Result<&'b str, Failure> {
        std::str::from_utf8(bytes).map_err(|_| broken(path, "expected text in UTF-8"))
    }

    fn elements(&mut self, element: StepId, path: &Path<'_>) -> Result<Value, Failure> {
        self.open(path)?;
        let mut elements = Vec::new();
        loop {
            let (count, _) = self.block(path)?;
            if count == 0 {
                break;
            }
            elements.reserve(self.plausible(count));
            for _ in 0..count {
                let index = elements.len();
                elements.push(self.value(element, &Path::Element(path, index))?);
            }
        }
        self.depth += 1;
        Ok(Value::Array(elements))
    }

    fn entries(&mut self, step: StepId, path: &Path<'_>) -> Result<Value, Failure> {
        self.open(path)?;
        let mut members = Vec::new();
        loop {
            let (count, _) = self.block(path)?;
            if count == 0 {
                break;
            }
            members.reserve(self.plausible(count));
            for _ in 0..count {
                let bytes = self.length_and_bytes(path)?;
                let name = std::str::from_utf8(bytes)
                    .map_err(|_| broken(path, "expected keys of a map in UTF-8"))?;
                self.charge(VALUE_COST + name.len(), path)?;
                let value = self.value(step, &Path::Member(path, name))?;
                members.push(Member::new(name, value));
            }
        }
        self.depth += 1;
        Ok(Value::Object(members))
    }

    fn members(&mut self, record: &RecordStep, path: &Path<'_>) -> Result<Vec<Member>, Failure> {
        let names: usize = record
            .members
            .iter()
            .map(|member| VALUE_COST + member.name.source().len())
            .sum();
        self.charge(names, path)?;
        if record.is_straight {
            let mut members = Vec::with_capacity(record.members.len());
            for (field, member) in record.fields.iter().zip(&record.members) {
                let Some((_, step)) = field.read else { continue };
                let value = self.value(step, &Path::Member(path, &field.name))?;
                let name = member.name.clone();
                members.push(Member { name, value });
            }
            return Ok(members);
        }
        let mut values: Vec<Option<Value>> = vec![None; record.members.len()];
        for field in &record.fields {
            let path = Path::Member(path, &field.name);
            match field.read {
                Some((member, step)) => values[member] = Some(self.value(step, &path)?),
                None => self.skip(field.kind, &path)?,
            }
        }
        let mut members = Vec::with_capacity(values.len());
        for (value, member) in values.into_iter().zip(&record.members) {
            let value = match (value, &member.default) {
                (Some(value), _) => value,
                (None, Some(default)) => {
                    self.charge(cost_of(default), path)?;
                    default.clone()
                }
                // The planner refuses a record that has neither.
                (None, None) => return Err(broken(path, "expected a default for a missing field")),
            };
            let name: Text = member.name.clone();
            members.push(Member { name, value });
        }
        Ok(members)
    }

    /// Passes over a value of the writer that no reader asks for.
    fn skip(&mut self, kind: TypeId, path: &Path<'_>) -> Result<(), Failure> {
        let plan = self.plan;
        let of = plan.writer.of(kind);
        match &of.form {
            Form::Null => {}
            Form::Boolean => {
                self.bytes.boolean().map_err(|expected| broken(path, expected))?;
            }
            Form::Int => {
                self.whole(true, path)?;
            }
            Form::Long => {
                self.whole(false, path)?;
            }
            Form::Float => {
                self.take(4, path)?;
            }
            Form::Double => {
                self.take(8, path)?;
            }
            Form::Bytes | Form::String => {
                self.length_and_bytes(path)?;
            }
            Form::Fixed(_, size) => {
                self.take(*size, path)?;
            }
            Form::Enum(enumeration) => {
                if self.index(path)? >= enumeration.symbols.len() {
                    return Err(broken(
                        path,
                        "expected the index of a symbol of the writer's enumeration",
                    ));
                }
            }
            Form::Array(items) => self.skip_blocks(*items, false, path)?,
            Form::Map(values) => self.skip_blocks(*values, true, path)?,
            Form::Union(union) => {
                let index = self.index(path)?;
                let Some(branch) = union.branches.get(index) else {
                    return Err(broken(
                        path,
                        "expected the index of a branch of the writer's union",
                    ));
                };
                self.skip(branch.kind, path)?;
            }
            Form::Record(record) => {
                self.open(path)?;
                for field in &record.fields {
                    self.skip(field.kind, &Path::Member(path, &field.name))?;
                }
                self.depth += 1;
            }
        }
        Ok(())
    }

    fn skip_blocks(&mut self, kind: TypeId, has_keys: bool, path: &Path<'_>) -> Result<(), Failure> {
        self.open(path)?;
        loop {
            let (count, size) = self.block(path)?;
            if count == 0 {
                break;
            }
            if let Some(size) = size {
                self.take(size, path)?;
                continue;
            }
            for _ in 0..count {
                let before = self.bytes.offset();
                if has_keys {
                    self.length_and_bytes(path)?;
                }
                self.skip(kind, path)?;
                // A type that takes no bytes takes none each time, and a count of such values may be any number.
                if self.bytes.offset() == before {
                    break;
                }
            }
        }
        self.depth += 1;
        Ok(())
    }

    /// The header of a block: how many values follow, and how many bytes they have, where it says so.
    fn block(&mut self, path: &Path<'_>) -> Result<(u64, Option<usize>), Failure> {
        let count = self.whole(false, path)?;
        if count >= 0 {
            return Ok((count.unsigned_abs(), None));
        }
        let size = self.length(path)?;
        Ok((count.unsigned_abs(), Some(size)))
    }

    /// How many values are made room for: no more than there are bytes, whatever a block says.
    fn plausible(&self, count: u64) -> usize {
        usize::try_from(count).map_or(0, |count| count.min(self.bytes.left()).min(1024))
    }

    fn whole(&mut self, is_int: bool, path: &Path<'_>) -> Result<i64, Failure> {
        let number = if is_int {
            self.bytes.int()
        } else {
            self.bytes.long()
        };
        number.map_err(|expected| broken(path, expected))
    }

    fn index(&mut self, path: &Path<'_>) -> Result<usize, Failure> {
        let index = self.whole(true, path)?;
        usize::try_from(index).map_err(|_| broken(path, "expected an index, from 0"))
    }

    fn length(&mut self, path: &Path<'_>) -> Result<usize, Failure> {
        let length = self.whole(false, path)?;
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.bytes.left())
            .ok_or_else(|| broken(path, "expected a length that the payload has"))
    }

    fn length_and_bytes(&mut self, path: &Path<'_>) -> Result<&'a [u8], Failure> {
        let length = self.length(path)?;
        self.take(length, path)
    }

    fn take(&mut self, length: usize, path: &Path<'_>) -> Result<&'a [u8], Failure> {
        let bytes = self.bytes.take(length);
        bytes.map_err(|expected| broken(path, expected))
    }

    fn array<const N: usize>(&mut self, path: &Path<'_>) -> Result<[u8; N], Failure> {
        let bytes = self.bytes.array();
        bytes.map_err(|expected| broken(path, expected))
    }

    /// Opens a container; who calls closes it by giving the depth back.
    fn open(&mut self, path: &Path<'_>) -> Result<(), Failure> {
        match self.depth.checked_sub(1) {
            Some(depth) => {
                self.depth = depth;
                Ok(())
            }
            None => {
                let expected = "expected no more open arrays and objects than the limit of depth allows";
                Err(located(Failure::new(FailureKind::Limit, expected), path))
            }
        }
    }

    fn charge(&mut self, bytes: usize, path: &Path<'_>) -> Result<(), Failure> {
        match self.budget.checked_sub(bytes) {
            Some(budget) => {
                self.budget = budget;
                Ok(())
            }
            None => {
                let expected = "expected a document that is no larger than the limit of size allows";
                Err(located(Failure::new(FailureKind::Limit, expected), path))
            }
        }
    }
}

/// What a value and all within it cost.
fn cost_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => VALUE_COST,
        Value::Number(number) => VALUE_COST + number.as_str().len(),
        Value::String(text) => VALUE_COST + text.source().len(),
        Value::Array(elements) => VALUE_COST + elements.iter().map(cost_of).sum::<usize>(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|member| VALUE_COST + member.name.source().len() + cost_of(&member.value));
            VALUE_COST + members.sum::<usize>()
        }
    }
}

/// The shortest text that is read as the same number again.
fn double(number: f64, path: &Path<'_>) -> Result<Value, Failure> {
    finite(&format!("{number:?}"), number.is_finite(), path)
}

fn float(number: f32, path: &Path<'_>) -> Result<Value, Failure> {
    finite(&format!("{number:?}"), number.is_finite(), path)
}

fn finite(text: &str, is_finite: bool, path: &Path<'_>) -> Result<Value, Failure> {
    match Number::from_text(text) {
        Ok(number) if is_finite => Ok(Value::Number(number)),
        Ok(_) | Err(_) => Err(broken(
            path,
            "expected a finite number: NaN and the infinities have no form in JSON",
        )),
    }
}

#[cfg(test)]
mod tests;
