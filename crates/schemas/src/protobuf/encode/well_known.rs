//! Messages whose documents have a form of their own.

use dunlin_core::migration::document::{Member, Value};

use super::{Encoder, Walk, scalar, write_number};
use crate::protobuf::decode::wire_of;
use crate::protobuf::model::{Kind, Message, Scalar, Special};
use crate::protobuf::place::Place;
use crate::protobuf::text;
use crate::protobuf::wire::{write_delimited, write_key};

impl<'a> Encoder<'a> {
    pub(super) fn well_known(
        &mut self,
        special: Special,
        message: &'a Message,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Walk {
        match (special, value) {
            (Special::Timestamp, Value::String(content)) => {
                let read = content.read().ok().and_then(|text| text::read_timestamp(&text));
                self.seconds(
                    read,
                    "expected a point in time as RFC 3339 writes it, from year 1 to 9999",
                    place,
                    out,
                )
            }
            (Special::Duration, Value::String(content)) => {
                let read = content.read().ok().and_then(|text| text::read_duration(&text));
                self.seconds(
                    read,
                    "expected seconds with at most 9 decimals and an `s`, at most 10000 years",
                    place,
                    out,
                )
            }
            (Special::FieldMask, Value::String(content)) => {
                self.mask(&content.read().unwrap_or_default(), place, out)
            }
            (Special::Timestamp | Special::Duration | Special::FieldMask, other) => {
                let expected = format!("expected a string, for the message `{}`", message.name);
                self.fault(place, expected, Some(other.kind()))
            }
            (Special::Struct | Special::ListValue, value) => {
                self.field(&message.fields[0], value, place, depth, out)
            }
            (Special::Wrapper, value) => self.single(&message.fields[0], value, place, depth, true, out),
            (Special::Value, value) => self.value(message, value, place, depth, out),
            (Special::Any, Value::Object(members)) => self.any(members, place, depth, out),
            (Special::Any, other) => self.fault(place, "expected an object with `@type`", Some(other.kind())),
            (Special::No, Value::Object(members)) => self.members(message, members, place, depth + 1, out),
            (Special::No, other) => self.fault(place, "expected an object", Some(other.kind())),
        }
    }

    fn seconds(
        &mut self,
        read: Option<(i64, i32)>,
        expected: &str,
        place: &Place<'_>,
        out: &mut Vec<u8>,
    ) -> Walk {
        match read {
            Some((seconds, nanos)) => {
                write_number(1, seconds, out);
                write_number(2, nanos.into(), out);
                Ok(())
            }
            None => self.fault(place, expected, None),
        }
    }

    fn mask(&mut self, content: &str, place: &Place<'_>, out: &mut Vec<u8>) -> Walk {
        if content.is_empty() {
            return Ok(());
        }
        for path in content.split(',') {
            match text::read_mask_path(path) {
                Some(path) => write_delimited(1, path.as_bytes(), out),
                None => self.fault(
                    place,
                    "expected paths in lowerCamelCase with commas between them",
                    None,
                )?,
            }
        }
        Ok(())
    }

    /// A `google.protobuf.Value`: the field that holds this kind of value.
    fn value(
        &mut self,
        message: &'a Message,
        value: &Value,
        place: &Place<'_>,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Walk {
        let at = match value {
            Value::Null => 0,
            Value::Number(_) => 1,
            Value::String(_) => 2,
            Value::Bool(_) => 3,
            Value::Object(_) => 4,
            Value::Array(_) => 5,
        };
        if let Value::Number(number) = value {
            // Such a value says nothing of its size, so that nobody chose to have it rounded.
            let kept = scalar::written(Scalar::Double, value).is_ok() && is_kept(number.as_str());
            if !kept {
                return self.fault(
                    place,
                    "expected a number that a double holds without a change",
                    Some(value.kind()),
                );
            }
        }
        self.single(&message.fields[at], value, place, depth, false, out)
    }

    /// A message of any type: `@type`, and its members or its value beside it.
    fn any(&mut self, members: &[Member], place: &Place<'_>, depth: usize, out: &mut Vec<u8>) -> Walk {
        let (types, rest): (Vec<&Member>, Vec<&Member>) =
            members.iter().partition(|member| member.name.is("@type"));
        let url = match types.as_slice() {
            [] if rest.is_empty() => return Ok(()),
            [one] => match &one.value {
                Value::String(text) => text.read().ok(),
                _ => None,
            },
            _ => None,
        };
        let Some(url) = url else {
            return self.fault(place, "expected one member `@type` that is a string", None);
        };
        let named = url.rsplit_once('/').and_then(|(_, name)| self.model.named(name));
        let Some(index) = named else {
            let place = Place::Member(place, "@type");
            let expected =
                "expected the name of a message that the schema or one of its imports has, behind a `/`";
            return self.fault(&place, expected, None);
        };
        let message = self.model.message(index);
        let mut content = Vec::new();
        if message.special == Special::No {
            self.members(message, rest.iter().copied(), place, depth + 1, &mut content)?;
        } else {
            match rest.as_slice() {
                [one] if one.name.is("value") => {
                    self.message(
                        index,
                        &one.value,
                        &Place::Member(place, "value"),
                        depth + 1,
                        &mut content,
                    )?;
                }
                _ => {
                    let expected = format!(
                        "expected beside `@type` one member `value`, for `{}`",
                        message.name
                    );
                    self.fault(place, expected, None)?;
                }
            }
        }
        let text = Kind::Scalar(Scalar::String);
        write_key(1, wire_of(text), out);
        scalar::Written::Bytes(url.as_bytes().into()).write(wire_of(text), out);
        if !content.is_empty() {
            write_delimited(2, &content, out);
        }
        Ok(())
    }
}

/// Whether a number is the same one after it was a double.
fn is_kept(text: &str) -> bool {
    let Ok(value) = text.parse::<f64>() else {
        return false;
    };
    match text::integer(text) {
        Some(number) => text::integer(&format!("{value:?}")) == Some(number),
        // A fraction is the same if its shortest text has the same digits.
        None => digits(text) == digits(&format!("{value:?}")),
    }
}

/// The significant digits of a number and the power of ten of the first.
fn digits(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => (true, mantissa),
        None => (false, mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let joined = format!("{whole}{fraction}");
    let significant = joined.trim_start_matches('0');
    let zeros = i64::try_from(joined.len() - significant.len()).ok()?;
    let first = i64::try_from(whole.len())
        .ok()?
        .checked_sub(zeros)?
        .checked_add(exponent)?;
    Some((negative, significant.trim_end_matches('0').to_owned(), first))
}
