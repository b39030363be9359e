//! Reads answers of the server where they lie: a stream's entries are walked once, and payloads change owner instead of place.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use redis::{RedisWrite, ToRedisArgs, Value};

/// The id of an entry: milliseconds in the upper 64 bits, a number in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) u128);

/// One entry as it was read: its id, and names and values in turn, or nothing where it was deleted meanwhile.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: Id,
    pub(crate) fields: Option<Vec<Value>>,
}

impl Id {
    pub(crate) const ZERO: Self = Self(0);

    /// The smallest id of this time.
    pub(crate) fn at(milliseconds: u64) -> Self {
        Self(u128::from(milliseconds) << 64)
    }

    pub(crate) fn milliseconds(self) -> u64 {
        u64::try_from(self.0 >> 64).unwrap_or(u64::MAX)
    }

    /// What tells entries of one millisecond apart.
    fn number(self) -> u64 {
        u64::try_from(self.0 & u128::from(u64::MAX)).unwrap_or(u64::MAX)
    }

    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(crate) fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The id in an answer.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            Value::SimpleString(text) => text.parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.milliseconds(), self.number())
    }
}

impl ToRedisArgs for Id {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        out.write_arg_fmt(self);
    }
}

/// A text that is no id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NoId;

impl FromStr for Id {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let (time, number) = text.split_once('-').ok_or(NoId)?;
        let part = |text: &str| text.parse::<u64>().map(u128::from).map_err(|_| NoId);
        Ok(Self(part(time)? << 64 | part(number)?))
    }
}

/// The entries of a range; none where the answer has another form.
pub(crate) fn entries(value: Value) -> Option<Vec<Entry>> {
    match value {
        Value::Array(list) => list
            .into_iter()
            .filter_map(|item| entry(item).transpose())
            .collect::<Result<_, ()>>()
            .ok(),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

/// One entry. `Ok(None)`: the place of one that was deleted, as Redis 6 gives it without an id when claiming.
fn entry(value: Value) -> Result<Option<Entry>, ()> {
    let parts = match value {
        Value::Nil => return Ok(None),
        Value::Array(parts) => parts,
        _ => return Err(()),
    };
    let mut parts = parts.into_iter();
    let id = parts.next().as_ref().and_then(Id::of).ok_or(())?;
    let fields = match parts.next() {
        Some(Value::Array(fields)) if fields.len().is_multiple_of(2) => Some(fields),
        Some(Value::Nil) | None => None,
        Some(_) => return Err(()),
    };
    Ok(Some(Entry { id, fields }))
}

/// The entries of the one stream that was read; empty where the wait ran out.
pub(crate) fn read(value: Value) -> Option<Vec<Entry>> {
    match value {
        Value::Nil => Some(Vec::new()),
        Value::Array(mut streams) => match streams.pop() {
            Some(Value::Array(stream)) if streams.is_empty() => entries(stream.into_iter().nth(1)?),
            _ => None,
        },
        _ => None,
    }
}

/// Names and values, as `XINFO` and `HELLO` give them.
pub(crate) fn map(value: Value) -> BTreeMap<String, Value> {
    let mut map = BTreeMap::new();
    match value {
        Value::Array(list) => {
            let mut list = list.into_iter();
            while let (Some(name), Some(value)) = (list.next().and_then(text), list.next()) {
                map.insert(name, value);
            }
        }
        Value::Map(pairs) => map.extend(
            pairs
                .into_iter()
                .filter_map(|(name, value)| Some((text(name)?, value))),
        ),
        _ => {}
    }
    map
}

/// The list of such maps that `XINFO GROUPS` and `XINFO CONSUMERS` give.
pub(crate) fn maps(value: Value) -> Vec<BTreeMap<String, Value>> {
    match value {
        Value::Array(list) => list.into_iter().map(map).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

pub(crate) fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// A count, which is never below nothing.
pub(crate) fn count(value: &Value) -> Option<u64> {
    int(value).and_then(|number| u64::try_from(number).ok())
}

/// One row of `XPENDING` with a range.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) id: Id,
    /// How often it was handed out.
    pub(crate) deliveries: u32,
}

pub(crate) fn pending(value: Value) -> Option<Vec<Pending>> {
    let Value::Array(rows) = value else { return None };
    rows.into_iter()
        .map(|row| match row {
            Value::Array(row) if row.len() == 4 => Some(Pending {
                id: Id::of(&row[0])?,
                deliveries: u32::try_from(int(&row[3])?).unwrap_or(u32::MAX),
            }),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    proptest! {
        #[test]
        fn an_id_is_read_back_from_its_text_and_keeps_its_order(first: u128, second: u128) {
            prop_assert_eq!(Id(first).to_string().parse(), Ok(Id(first)));
            prop_assert_eq!(Id(first) < Id(second), first < second);
        }
    }

    #[test]
    fn what_is_no_id_is_not_taken_for_one() {
        for text in [
            "",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "a-1",
            "18446744073709551616-0",
            "$",
            "0-0 ",
        ] {
            assert_eq!(text.parse::<Id>(), Err(NoId), "{text}");
        }
    }

    #[test]
    fn a_deleted_entry_has_an_id_and_no_fields_or_no_id_at_all() {
        let answer = Value::Array(vec![
            Value::Array(vec![bulk("1-0"), Value::Array(vec![bulk("a"), bulk("b")])]),
            Value::Array(vec![bulk("2-0"), Value::Nil]),
            Value::Nil,
        ]);
        let found = entries(answer).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].fields.is_some() && found[1].fields.is_none());
    }

    #[test]
    fn an_answer_of_another_form_is_told_apart_from_an_empty_one() {
        assert!(read(Value::Nil).unwrap().is_empty());
        assert!(read(Value::Okay).is_none());
        assert!(entries(Value::Array(vec![Value::Int(1)])).is_none());
        let odd = Value::Array(vec![Value::Array(vec![
            bulk("1-0"),
            Value::Array(vec![bulk("a")]),
        ])]);
        assert!(entries(odd).is_none(), "a name without a value");
        assert!(pending(Value::Array(vec![Value::Array(vec![bulk("1-0")])])).is_none());
    }
}
