//! Numbers and strings as bytes.

use dunlin_core::migration::document::{Number, Text, Value};

use super::super::logical;
use super::super::model::{Form, Logical};

/// Why a scalar cannot be held.
pub(super) struct Refused {
    pub(super) expected: String,
    /// Whether the kind of value is what is wrong.
    pub(super) is_kind: bool,
}

impl Refused {
    fn value(expected: impl Into<String>) -> Self {
        Self {
            expected: expected.into(),
            is_kind: false,
        }
    }
}

/// Writes a number or a string as a type says that has no parts.
pub(super) fn bytes_of(
    form: &Form,
    logical: Option<Logical>,
    value: &Value,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    let wrong_kind = || Refused {
        expected: expected(form, logical),
        is_kind: true,
    };
    match value {
        Value::Number(number) => match (form, logical) {
            (_, Some(Logical::Decimal { precision, scale })) => {
                let bytes = logical::decimal_bytes(number.as_str(), precision, scale);
                octets(form, &bytes.map_err(Refused::value)?, true, out)
            }
            (Form::Int, None) => whole::<i32>(number, form, out),
            (Form::Long, None) => whole::<i64>(number, form, out),
            (Form::Float, _) => {
                out.extend_from_slice(&float(number)?.to_le_bytes());
                Ok(())
            }
            (Form::Double, _) => {
                out.extend_from_slice(&double(number)?.to_le_bytes());
                Ok(())
            }
            _ => Err(wrong_kind()),
        },
        Value::String(text) => {
            let text = &*read(text)?;
            match (form, logical) {
                (Form::String, Some(Logical::Uuid)) if !logical::is_uuid(text) => {
                    Err(Refused::value(logical::UUID))
                }
                (Form::String, _) => octets(form, text.as_bytes(), false, out),
                (Form::Int | Form::Long, Some(logical)) => {
                    let count = count(text, logical).ok_or_else(wrong_kind)?;
                    let count = count.map_err(Refused::value)?;
                    if matches!(form, Form::Int) && i32::try_from(count).is_err() {
                        return Err(Refused::value("expected a date or time that an int can hold"));
                    }
                    write_long(count, out);
                    Ok(())
                }
                (Form::Fixed(..), Some(Logical::Uuid)) => {
                    let bytes = logical::uuid_bytes(text).map_err(Refused::value)?;
                    octets(form, &bytes, false, out)
                }
                (Form::Bytes | Form::Fixed(..), None) => {
                    let bytes: Option<Vec<u8>> = text.chars().map(|byte| u8::try_from(byte).ok()).collect();
                    let bytes = bytes.ok_or_else(|| {
                        Refused::value("expected bytes, each as a character from U+0000 to U+00FF")
                    })?;
                    octets(form, &bytes, false, out)
                }
                _ => Err(wrong_kind()),
            }
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(wrong_kind()),
    }
}

/// What a type expects, for people.
pub(super) fn expected(form: &Form, logical: Option<Logical>) -> String {
    let expected = match (form, logical) {
        (_, Some(Logical::Decimal { .. })) => "a number (decimal)",
        (_, Some(Logical::Date)) => "a string (date)",
        (_, Some(Logical::Time(_))) => "a string (time)",
        (_, Some(Logical::Timestamp(_))) => "a string (timestamp)",
        (_, Some(Logical::LocalTimestamp(_))) => "a string (local-timestamp)",
        (_, Some(Logical::Uuid)) => "a string (uuid)",
        (_, Some(Logical::Duration)) => "an object (duration)",
        (Form::Null, None) => "null",
        (Form::Boolean, None) => "a boolean",
        (Form::Int, None) => "a number (int)",
        (Form::Long, None) => "a number (long)",
        (Form::Float, None) => "a number (float)",
        (Form::Double, None) => "a number (double)",
        (Form::Bytes, None) => "a string (bytes)",
        (Form::String, None) => "a string",
        (Form::Array(_), None) => "an array",
        (Form::Map(_), None) => "an object (map)",
        (Form::Union(_), None) => "a value of one of the branches",
        (Form::Fixed(..), None) => "a string (fixed)",
        (Form::Enum(_), None) => "a string (enum)",
        (Form::Record(_), None) => "an object (record)",
    };
    format!("expected {expected}")
}

/// Writes a variable-length zigzag integer.
pub(crate) fn write_long(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    loop {
        let bits = rest.to_le_bytes()[0] & 0x7f;
        rest >>= 7;
        if rest == 0 {
            out.push(bits);
            return;
        }
        out.push(bits | 0x80);
    }
}

/// The bytes of a duration.
pub(super) fn duration(value: &Value) -> Result<[u8; logical::DURATION_SIZE], String> {
    let wanted = || {
        format!(
            "expected an object (duration) with the members `{}`, each an integer from 0 to 4294967295",
            logical::DURATION.join("`, `")
        )
    };
    let Value::Object(members) = value else {
        return Err(wanted());
    };
    if members.len() != logical::DURATION.len() {
        return Err(wanted());
    }
    let mut bytes = [0; logical::DURATION_SIZE];
    for (part, name) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(logical::DURATION) {
        let member = members.iter().find(|member| member.name.is(name));
        let number = match member.map(|member| &member.value) {
            Some(Value::Number(number)) => number.as_str().parse::<u32>().map_err(|_| wanted())?,
            Some(_) | None => return Err(wanted()),
        };
        *part = number.to_le_bytes();
    }
    Ok(bytes)
}

fn read(text: &Text) -> Result<std::borrow::Cow<'_, str>, Refused> {
    text.read()
        .map_err(|_| Refused::value("expected text without a lone surrogate"))
}

fn whole<T: std::str::FromStr + Into<i64>>(
    number: &Number,
    form: &Form,
    out: &mut Vec<u8>,
) -> Result<(), Refused> {
    let refused = |expected: &str| Refused::value(format!("expected {expected} ({})", form.word()));
    if !number.is_integer() {
        return Err(refused("a number written without fraction and exponent"));
    }
    match number.as_str().parse::<T>() {
        Ok(number) => {
            write_long(number.into(), out);
            Ok(())
        }
        Err(_) => Err(refused("a number within the range of the type")),
    }
}

fn double(number: &Number) -> Result<f64, Refused> {
    let nearest: f64 = number
        .as_str()
        .parse()
        .map_err(|_| Refused::value("expected a number (double)"))?;
    if !nearest.is_finite() {
        return Err(Refused::value("expected a number within the range of a double"));
    }
    exact_if_whole(number, nearest)?;
    Ok(nearest)
}

fn float(number: &Number) -> Result<f32, Refused> {
    let nearest: f32 = number
        .as_str()
        .parse()
        .map_err(|_| Refused::value("expected a number (float)"))?;
    if !nearest.is_finite() {
        return Err(Refused::value("expected a number within the range of a float"));
    }
    exact_if_whole(number, nearest.into())?;
    Ok(nearest)
}

/// A fraction is rounded, as the type says; a whole number, which may be an id, is not.
fn exact_if_whole(number: &Number, nearest: f64) -> Result<(), Refused> {
    if !number.is_integer() || format!("{nearest:.0}") == number.as_str() {
        return Ok(());
    }
    Err(Refused::value(
        "expected a whole number that the type can hold without rounding",
    ))
}

/// The count that the text of a date or time means; `None` for a logical type that is neither.
fn count(text: &str, logical: Logical) -> Option<Result<i64, &'static str>> {
    match logical {
        Logical::Date => Some(logical::date_days(text)),
        Logical::Time(unit) => Some(logical::time_count(text, unit)),
        Logical::Timestamp(unit) => Some(logical::timestamp_count(text, unit)),
        Logical::LocalTimestamp(unit) => Some(logical::local_timestamp_count(text, unit)),
        Logical::Decimal { .. } | Logical::Uuid | Logical::Duration => None,
    }
}

/// Writes bytes as their form says. The number of a decimal is filled up with its sign to the size of a fixed.
fn octets(form: &Form, bytes: &[u8], is_number: bool, out: &mut Vec<u8>) -> Result<(), Refused> {
    let Form::Fixed(_, size) = form else {
        write_long(i64::try_from(bytes.len()).unwrap_or(i64::MAX), out);
        out.extend_from_slice(bytes);
        return Ok(());
    };
    let missing = match size.checked_sub(bytes.len()) {
        Some(0) => 0,
        Some(missing) if is_number => missing,
        Some(_) | None => return Err(Refused::value(format!("expected {size} bytes (fixed)"))),
    };
    let is_negative = is_number && bytes.first().is_some_and(|first| *first >= 0x80);
    let filler = if is_negative { 0xff } else { 0 };
    out.extend(std::iter::repeat_n(filler, missing));
    out.extend_from_slice(bytes);
    Ok(())
}
