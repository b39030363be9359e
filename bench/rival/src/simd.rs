//! `simd_json::BorrowedValue`, with buffers that are kept.

use std::borrow::Cow;
use std::hint::black_box;

use serde_json::{Map, Number, Value};
use simd_json::prelude::*;
use simd_json::{BorrowedValue, Buffers, StaticNode};

use crate::Contestant;
use crate::chain::{self, Step};
use crate::dom::{self, Dom};

pub struct Simd {
    chain: &'static [Step<BorrowedValue<'static>>],
    /// The document, which it changes while it reads it.
    input: Vec<u8>,
    output: Vec<u8>,
    buffers: Buffers,
}

impl Simd {
    pub fn new(file: &Value) -> Self {
        let constant = |value: &Value| {
            let mut text = value.to_string().into_bytes();
            simd_json::to_borrowed_value(&mut text)
                .expect("JSON")
                .into_static()
        };
        Self {
            chain: chain::read(file, &constant),
            input: Vec::new(),
            output: Vec::new(),
            buffers: Buffers::default(),
        }
    }

    fn with<T>(&mut self, document: &str, then: impl FnOnce(&BorrowedValue<'_>, &mut Vec<u8>) -> T) -> T {
        self.input.clear();
        self.input.extend_from_slice(document.as_bytes());
        let mut value =
            simd_json::to_borrowed_value_with_buffers(&mut self.input, &mut self.buffers).expect("JSON");
        dom::transform(&mut value, self.chain);
        then(&value, &mut self.output)
    }
}

impl Contestant for Simd {
    fn transform(&mut self, document: &str) -> Value {
        self.with(document, |value, _| plain(value))
    }

    fn migrate(&mut self, document: &str) {
        self.with(document, |value, output| {
            output.clear();
            value.write(output).expect("a value prints");
            black_box(&output);
        });
    }
}

fn plain(value: &BorrowedValue<'_>) -> Value {
    match value {
        BorrowedValue::Static(StaticNode::Null) => Value::Null,
        BorrowedValue::Static(StaticNode::Bool(value)) => Value::Bool(*value),
        BorrowedValue::Static(StaticNode::I64(number)) => Value::from(*number),
        BorrowedValue::Static(StaticNode::U64(number)) => Value::from(*number),
        BorrowedValue::Static(StaticNode::F64(number)) => {
            Number::from_f64(*number).map_or(Value::Null, Value::Number)
        }
        BorrowedValue::String(text) => Value::String(text.to_string()),
        BorrowedValue::Array(elements) => Value::Array(elements.iter().map(plain).collect()),
        BorrowedValue::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.to_string(), plain(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

impl<'v> Dom for BorrowedValue<'v> {
    type Constant = BorrowedValue<'static>;

    fn constant(of: &BorrowedValue<'static>) -> Self {
        of.clone()
    }

    fn is(&self, constant: &BorrowedValue<'static>) -> bool {
        self == constant
    }

    fn is_object(&self) -> bool {
        matches!(self, BorrowedValue::Object(_))
    }

    fn member(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            BorrowedValue::Object(members) => members.get_mut(name),
            _ => None,
        }
    }

    fn elements(&mut self) -> Option<&mut [Self]> {
        match self {
            BorrowedValue::Array(elements) => Some(elements),
            _ => None,
        }
    }

    fn take(&mut self, name: &str) -> Option<Self> {
        match self {
            BorrowedValue::Object(members) => members.remove(name),
            _ => None,
        }
    }

    fn put(&mut self, name: &'static str, value: Self) {
        if let BorrowedValue::Object(members) = self {
            members.insert(Cow::Borrowed(name), value);
        }
    }

    fn as_text(&self) -> Option<&str> {
        match self {
            BorrowedValue::String(text) => Some(text),
            _ => None,
        }
    }

    fn number_as_text(&self) -> Option<String> {
        match self {
            BorrowedValue::Static(StaticNode::I64(number)) => Some(number.to_string()),
            BorrowedValue::Static(StaticNode::U64(number)) => Some(number.to_string()),
            BorrowedValue::Static(StaticNode::F64(number)) => Some(number.to_string()),
            _ => None,
        }
    }

    fn text(text: String) -> Self {
        BorrowedValue::String(Cow::Owned(text))
    }

    fn number(number: f64) -> Self {
        BorrowedValue::Static(StaticNode::F64(number))
    }

    fn integer(number: i64) -> Self {
        BorrowedValue::Static(StaticNode::I64(number))
    }
}
