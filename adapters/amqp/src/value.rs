//! A typed value of an AMQP table as the bytes of a header.
//!
//! Headers are bytes. Text and byte arrays are those bytes; every other type is written as a person would, so that its value
//! stays and only its type is lost.

use std::borrow::Cow;

use bytes::Bytes;
use lapin::types::AMQPValue;
use serde_json::{Map, Number, Value};

/// The bytes of a value, and whether its type was lost with them.
pub(crate) fn bytes(value: &AMQPValue) -> (Bytes, bool) {
    match value {
        AMQPValue::LongString(text) => (Bytes::copy_from_slice(text.as_bytes()), false),
        AMQPValue::ByteArray(bytes) => (Bytes::copy_from_slice(bytes.as_slice()), true),
        AMQPValue::ShortString(text) => (Bytes::copy_from_slice(text.as_str().as_bytes()), true),
        AMQPValue::Void => (Bytes::new(), true),
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) => (Bytes::from(json(value).to_string()), true),
        plain => (Bytes::from(scalar(plain).into_owned()), true),
    }
}

/// A whole number, of whatever width the broker chose to send it in.
pub(crate) fn count(value: &AMQPValue) -> Option<u64> {
    match value {
        AMQPValue::ShortShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortShortUInt(number) => Some(u64::from(*number)),
        AMQPValue::ShortInt(number) => u64::try_from(*number).ok(),
        AMQPValue::ShortUInt(number) => Some(u64::from(*number)),
        AMQPValue::LongInt(number) => u64::try_from(*number).ok(),
        AMQPValue::LongUInt(number) => Some(u64::from(*number)),
        AMQPValue::LongLongInt(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

fn scalar(value: &AMQPValue) -> Cow<'static, str> {
    Cow::Owned(match value {
        AMQPValue::Boolean(flag) => flag.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::DecimalValue(number) => decimal(number.scale, number.value),
        AMQPValue::Timestamp(seconds) => seconds.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        AMQPValue::ByteArray(bytes) => String::from_utf8_lossy(bytes.as_slice()).into_owned(),
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) | AMQPValue::Void => return Cow::Borrowed(""),
    })
}

/// `scale` digits stand behind the point.
fn decimal(scale: u8, value: u32) -> String {
    let scale = usize::from(scale);
    if scale == 0 {
        return value.to_string();
    }
    let digits = format!("{value:0>width$}", width = scale + 1);
    let (whole, rest) = digits.split_at(digits.len() - scale);
    format!("{whole}.{rest}")
}

fn json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::FieldTable(table) => Value::Object(
            (table.into_iter())
                .map(|(name, value)| (name.as_str().to_owned(), json(value)))
                .collect::<Map<_, _>>(),
        ),
        AMQPValue::FieldArray(values) => Value::Array(values.as_slice().iter().map(json).collect()),
        AMQPValue::Boolean(flag) => Value::Bool(*flag),
        AMQPValue::Void => Value::Null,
        AMQPValue::LongLongInt(number) => Value::Number(Number::from(*number)),
        AMQPValue::Timestamp(seconds) => Value::Number(Number::from(*seconds)),
        AMQPValue::Float(number) => Number::from_f64(f64::from(*number)).map_or(Value::Null, Value::Number),
        AMQPValue::Double(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        AMQPValue::ShortShortInt(number) => Value::Number(Number::from(*number)),
        AMQPValue::ShortShortUInt(number) => Value::Number(Number::from(*number)),
        AMQPValue::ShortInt(number) => Value::Number(Number::from(*number)),
        AMQPValue::ShortUInt(number) => Value::Number(Number::from(*number)),
        AMQPValue::LongInt(number) => Value::Number(Number::from(*number)),
        AMQPValue::LongUInt(number) => Value::Number(Number::from(*number)),
        AMQPValue::DecimalValue(_)
        | AMQPValue::ShortString(_)
        | AMQPValue::LongString(_)
        | AMQPValue::ByteArray(_) => Value::String(scalar(value).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use lapin::types::{DecimalValue, FieldArray, FieldTable};

    use super::*;

    #[test]
    fn a_typed_value_keeps_what_it_says_and_loses_its_type() {
        let mut table = FieldTable::default();
        table.insert("count".into(), AMQPValue::LongLongInt(3));
        table.insert("queue".into(), AMQPValue::LongString("orders".into()));
        let cases: [(AMQPValue, &str, bool); 9] = [
            (AMQPValue::LongString("text".into()), "text", false),
            (AMQPValue::Boolean(true), "true", true),
            (AMQPValue::LongLongInt(-7), "-7", true),
            (AMQPValue::Double(0.1), "0.1", true),
            (
                AMQPValue::DecimalValue(DecimalValue { scale: 3, value: 12 }),
                "0.012",
                true,
            ),
            (AMQPValue::Timestamp(1_600_000_000), "1600000000", true),
            (AMQPValue::Void, "", true),
            (
                AMQPValue::FieldTable(table.clone()),
                r#"{"count":3,"queue":"orders"}"#,
                true,
            ),
            (
                AMQPValue::FieldArray(FieldArray::from(vec![
                    AMQPValue::FieldTable(table),
                    AMQPValue::Void,
                ])),
                r#"[{"count":3,"queue":"orders"},null]"#,
                true,
            ),
        ];
        for (value, text, lossy) in cases {
            assert_eq!(bytes(&value), (Bytes::from(text), lossy), "{value:?}");
        }
    }
}
