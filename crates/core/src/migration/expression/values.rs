//! Values across the border between documents and CEL, both ways.
//!
//! CEL's own map has no order, so a document's object is a value of our own, which is visited in document order. Where a name
//! stands twice the last occurrence counts, as everywhere where a value is taken.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::ExecutionError;
use cel::common::traits::{self, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{
    self, CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt, Kind, Type,
};
use cel::common::value::{CowVal, StaticVal, Val};

use super::EvaluationError;
use super::uses::Use;
use crate::message::Headers;
use crate::migration::RECORD_HEADER;
use crate::migration::document::{Member, Number, Value};

/// A document's value as CEL sees it. Each value in it is charged.
///
/// # Errors
/// The reader has read too much.
pub(super) fn from_document(value: &Value, reader: &mut Reader<'_>) -> Result<Box<dyn Val>, EvaluationError> {
    reader.read(1)?;
    Ok(match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(flag) => Box::new(CelBool::from(*flag)),
        Value::Number(number) => from_number(number),
        Value::String(text) => match text.read() {
            Ok(text) => Box::new(CelString::from(text.into_owned())),
            Err(_) => Box::new(Unreadable),
        },
        Value::Array(elements) => {
            let elements: Result<Vec<_>, _> = elements
                .iter()
                .map(|element| from_document(element, reader))
                .collect();
            Box::new(CelList::from(elements?))
        }
        Value::Object(members) => from_members(members, None, reader)?,
    })
}

/// As [`from_document`]; of an object only the members that an expression names.
pub(super) fn from_named_members(
    value: &Value,
    names: &BTreeSet<String>,
    reader: &mut Reader<'_>,
) -> Result<Box<dyn Val>, EvaluationError> {
    match value {
        Value::Object(members) => from_members(members, Some(names), reader),
        _ => from_document(value, reader),
    }
}

fn from_members(
    members: &[Member],
    names: Option<&BTreeSet<String>>,
    reader: &mut Reader<'_>,
) -> Result<Box<dyn Val>, EvaluationError> {
    let mut read = Vec::new();
    for member in members {
        // A name that cannot be read equals no text, so no expression can ask for it.
        let Ok(name) = member.name.read() else { continue };
        if names.is_none_or(|names| names.contains(&*name)) {
            read.push((name.into_owned(), from_document(&member.value, reader)?));
        }
    }
    // Looking for the named members walks over all of them.
    reader.read(members.len() as u64 / 16)?;
    Ok(Box::new(Object::new(read.into_iter())))
}

/// Counts the values that the expressions of one transformation read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    read: &'a AtomicU64,
    most: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(read: &'a AtomicU64, most: u64) -> Self {
        Self { read, most }
    }

    fn read(&mut self, values: u64) -> Result<(), EvaluationError> {
        let before = self.read.fetch_add(values, Ordering::Relaxed);
        if before.saturating_add(values) > self.most {
            return Err(EvaluationError::Reads);
        }
        Ok(())
    }
}

fn from_number(number: &Number) -> Box<dyn Val> {
    let text = number.as_str();
    if number.is_integer() {
        if let Ok(number) = text.parse::<i64>() {
            return Box::new(CelInt::from(number));
        }
        if let Ok(number) = text.parse::<u64>() {
            return Box::new(CelUInt::from(number));
        }
    }
    // The grammar of JSON numbers is part of the grammar of floats, so this cannot fail; NaN would be an error later.
    Box::new(CelDouble::from(text.parse::<f64>().unwrap_or(f64::NAN)))
}

/// The index of an element; `null` outside of any.
pub(super) fn from_index(index: Option<usize>) -> Box<dyn Val> {
    match index.and_then(|index| i64::try_from(index).ok()) {
        Some(index) => Box::new(CelInt::from(index)),
        None => Box::new(CelNull),
    }
}

/// The headers whose values are text.
pub(super) fn from_headers(headers: &Headers, used: &Use) -> Box<dyn Val> {
    let is_named = |name: &str| match used {
        Use::Whole => true,
        Use::Members(names) => names.contains(name),
    };
    // Where a message stopped on its way must not change what becomes of it.
    let own = headers
        .iter()
        .filter(|(name, _)| *name != RECORD_HEADER && is_named(name));
    Box::new(Object::new(own.filter_map(|(name, value)| {
        let text = std::str::from_utf8(value).ok()?;
        Some((
            name.to_owned(),
            Box::new(CelString::from(text.to_owned())) as Box<dyn Val>,
        ))
    })))
}

/// The key, if it is text.
pub(super) fn from_key(key: Option<&[u8]>) -> Box<dyn Val> {
    match key.and_then(|key| std::str::from_utf8(key).ok()) {
        Some(text) => Box::new(CelString::from(text.to_owned())),
        None => Box::new(CelNull),
    }
}

/// A result as a document: names sorted, integers exact, doubles as their shortest decimal.
pub(super) fn to_document(value: &dyn Val) -> Result<Value, EvaluationError> {
    if let Some(object) = value.downcast_ref::<Object>() {
        return sorted(
            object
                .entries()
                .iter()
                .map(|(name, value)| (name.inner(), &**value)),
        );
    }
    if value.downcast_ref::<Unreadable>().is_some() {
        return Err(EvaluationError::InvalidText);
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list
            .inner()
            .iter()
            .map(|element| to_document(&**element))
            .collect::<Result<_, _>>()
            .map(Value::Array);
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        let mut members = Vec::with_capacity(map.inner().len());
        for (key, value) in map.inner() {
            let CelMapKey::String(name) = key else {
                return Err(EvaluationError::Failed(
                    "expected names that are strings, found another key".to_owned(),
                ));
            };
            members.push((name.inner(), &**value));
        }
        return sorted(members.into_iter());
    }
    let number = |text: String| {
        Number::from_text(&text).map(Value::Number).map_err(|_| {
            EvaluationError::Failed("expected a finite number, found NaN or an infinity".to_owned())
        })
    };
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        Ok(Value::string(text.inner()))
    } else if let Some(flag) = value.downcast_ref::<CelBool>() {
        Ok(Value::Bool(*flag.inner()))
    } else if let Some(found) = value.downcast_ref::<CelInt>() {
        number(found.inner().to_string())
    } else if let Some(found) = value.downcast_ref::<CelUInt>() {
        number(found.inner().to_string())
    } else if let Some(found) = value.downcast_ref::<CelDouble>() {
        number(format!("{:?}", found.inner()))
    } else if value.get_type().kind() == Kind::NullType {
        Ok(Value::Null)
    } else {
        Err(EvaluationError::Failed(format!(
            "expected a JSON value, found {}; turn it into one, with string() for example",
            type_name(value)
        )))
    }
}

fn sorted<'a>(
    members: impl Iterator<Item = (&'a str, &'a (dyn Val + 'a))>,
) -> Result<Value, EvaluationError> {
    let mut members: Vec<_> = members.collect();
    members.sort_by_key(|(name, _)| *name);
    members
        .into_iter()
        .map(|(name, value)| Ok(Member::new(name, to_document(value)?)))
        .collect::<Result<_, _>>()
        .map(Value::Object)
}

/// The name of a value's type, for messages.
pub(super) fn type_name(value: &dyn Val) -> String {
    value.get_type().name().to_owned()
}

/// About how many bytes a value takes: what a list that is made of it is charged.
pub(super) fn size(value: &dyn Val) -> usize {
    const SCALAR: usize = 16;
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        SCALAR + text.inner().len()
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        SCALAR + list.inner().iter().map(|element| size(&**element)).sum::<usize>()
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        SCALAR
            + map
                .inner()
                .values()
                .map(|value| SCALAR + size(&**value))
                .sum::<usize>()
    } else {
        // An object of the document is shared, not copied.
        SCALAR
    }
}

/// Whether two values are equal, whichever kind of object they hold; `None` if a text had to be read that cannot be, or
/// the comparison cost too much. `charge` is asked for each pair of values.
pub(super) fn equal(left: &dyn Val, right: &dyn Val, charge: &mut dyn FnMut(usize) -> bool) -> Option<bool> {
    let length = |value: &dyn Val| {
        value
            .downcast_ref::<CelString<'_>>()
            .map_or(0, |text| text.inner().len())
    };
    if !charge(length(left).min(length(right))) {
        return None;
    }
    if left.downcast_ref::<Unreadable>().is_some() || right.downcast_ref::<Unreadable>().is_some() {
        return None;
    }
    if let (Some(left), Some(right)) = (
        left.downcast_ref::<CelList<'_>>(),
        right.downcast_ref::<CelList<'_>>(),
    ) {
        if left.inner().len() != right.inner().len() {
            return Some(false);
        }
        for (left, right) in left.inner().iter().zip(right.inner()) {
            if !equal(&**left, &**right, charge)? {
                return Some(false);
            }
        }
        return Some(true);
    }
    let (left_members, right_members) = match (members(left), members(right)) {
        (Some(left), Some(right)) => (left, right),
        (None, None) => return Some(left.equals(right)),
        // An object's own comparison ends here again, so it must not be asked.
        (Some(_), None) | (None, Some(_)) => return Some(false),
    };
    if left_members.len() != right_members.len() {
        return Some(false);
    }
    for (name, left) in &left_members {
        match right_members.get(name) {
            Some(right) if equal(*left, *right, charge)? => {}
            _ => return Some(false),
        }
    }
    Some(true)
}

/// The members of an object of either kind. A map with a key that is no string equals no document, and its keys are told apart
/// by a mark that no name of the other kind can carry.
fn members<'a>(value: &'a (dyn Val + 'a)) -> Option<HashMap<String, &'a (dyn Val + 'a)>> {
    if let Some(object) = value.downcast_ref::<Object>() {
        return Some(
            object
                .entries()
                .iter()
                .map(|(name, value)| (format!("s{}", name.inner()), &**value as &dyn Val))
                .collect(),
        );
    }
    let map = value.downcast_ref::<CelMap<'_>>()?;
    Some(
        map.inner()
            .iter()
            .map(|(key, value)| {
                let key = match key {
                    CelMapKey::String(name) => format!("s{}", name.inner()),
                    CelMapKey::Bool(flag) => format!("b{}", flag.inner()),
                    CelMapKey::Int(number) => format!("n{}", number.inner()),
                    CelMapKey::UInt(number) => format!("n{}", number.inner()),
                };
                (key, &**value as &dyn Val)
            })
            .collect(),
    )
}

/// A range whose elements come in the same order on every machine: a map that an expression made is visited by sorted keys.
pub(super) fn in_order<'b, 'v>(range: CowVal<'b, 'v>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Some(map) = range.downcast_ref::<CelMap<'_>>() else {
        return Ok(range);
    };
    let mut keys: Vec<_> = map.inner().keys().cloned().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys
        .into_iter()
        .map(|key| match key {
            CelMapKey::String(name) => {
                Box::new(CelString::from(name.inner().to_owned())) as Box<dyn Val + 'v>
            }
            CelMapKey::Bool(flag) => Box::new(flag),
            CelMapKey::Int(number) => Box::new(number),
            CelMapKey::UInt(number) => Box::new(number),
        })
        .collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

type Entry = (CelString<'static>, Box<dyn Val>);

/// A document's object: its members in document order, each name once. A clone copies a handle.
#[derive(Debug, Clone)]
struct Object(Arc<Members>);

#[derive(Debug)]
struct Members {
    entries: Vec<Entry>,
    /// Where the member of a name stands: an object may have a hundred thousand.
    places: HashMap<String, usize>,
}

impl Object {
    fn new(members: impl Iterator<Item = (String, Box<dyn Val>)>) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (name, value) in members {
            if let Some(place) = places.get(&name) {
                entries[*place].1 = value;
            } else {
                places.insert(name.clone(), entries.len());
                entries.push((CelString::from(name), value));
            }
        }
        Self(Arc::new(Members { entries, places }))
    }

    fn entries(&self) -> &[Entry] {
        &self.0.entries
    }

    fn find(&self, key: &dyn Val) -> Option<&(dyn Val + 'static)> {
        let name = key.downcast_ref::<CelString<'_>>()?;
        let place = *self.0.places.get(name.inner())?;
        self.0.entries.get(place).map(|(_, value)| &**value)
    }
}

impl StaticVal for Object {}

impl Val for Object {
    fn get_type(&self) -> &Type {
        &types::MAP_TYPE
    }
    fn cel_type() -> &'static Type {
        &types::MAP_TYPE
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }
    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        equal(self, other, &mut |_| true).unwrap_or(false)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl Container for Object {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(key).is_some())
    }
}

impl Indexer for Object {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        match self.find(key) {
            Some(value) => Ok(CowVal::Borrowed(value)),
            None => match key.downcast_ref::<CelString<'_>>() {
                Some(name) => Err(ExecutionError::no_such_key(name.inner())),
                None => Err(ExecutionError::no_such_overload(
                    cel::common::ast::operators::INDEX,
                    vec![type_name(self), type_name(key)],
                )),
            },
        }
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(|value| value.clone_as_boxed())
    }
}

struct Names<'b>(std::slice::Iter<'b, Entry>);

impl<'b, 'v> traits::Iterator<'b, 'v> for Names<'b> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|(name, _)| name as &dyn Val)
    }
}

impl Iterable for Object {
    fn iter<'b, 'v>(&'b self) -> Box<dyn traits::Iterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        Box::new(Names(self.entries().iter()))
    }
}

impl Sizer for Object {
    fn size(&self) -> CelInt {
        i64::try_from(self.entries().len()).unwrap_or(i64::MAX).into()
    }
}

impl Zeroer for Object {
    fn is_zero_value(&self) -> bool {
        self.entries().is_empty()
    }
}

/// A string with a lone surrogate: it is there, it is a string, and nothing can be done with it.
#[derive(Debug, Clone)]
struct Unreadable;

impl StaticVal for Unreadable {}

impl Val for Unreadable {
    fn get_type(&self) -> &Type {
        &types::STRING_TYPE
    }
    fn cel_type() -> &'static Type {
        &types::STRING_TYPE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self)
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
