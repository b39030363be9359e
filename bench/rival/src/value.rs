//! `serde_json::Value`.

use std::hint::black_box;

use serde_json::{Number, Value};

use crate::Contestant;
use crate::chain::{self, Step};
use crate::dom::{self, Dom};

pub struct Serde(&'static [Step<Value>]);

impl Serde {
    pub fn new(file: &Value) -> Self {
        Self(chain::read(file, &Value::clone))
    }
}

impl Contestant for Serde {
    fn transform(&mut self, document: &str) -> Value {
        let mut value = serde_json::from_str(document).expect("JSON");
        dom::transform(&mut value, self.0);
        value
    }

    fn migrate(&mut self, document: &str) {
        let value = self.transform(document);
        black_box(serde_json::to_vec(&value).expect("a value prints"));
    }
}

impl Dom for Value {
    type Constant = Value;

    fn constant(of: &Value) -> Self {
        of.clone()
    }

    fn is(&self, constant: &Value) -> bool {
        self == constant
    }

    fn is_object(&self) -> bool {
        Value::is_object(self)
    }

    fn member(&mut self, name: &str) -> Option<&mut Self> {
        self.as_object_mut()?.get_mut(name)
    }

    fn elements(&mut self) -> Option<&mut [Self]> {
        self.as_array_mut().map(Vec::as_mut_slice)
    }

    fn take(&mut self, name: &str) -> Option<Self> {
        self.as_object_mut()?.remove(name)
    }

    fn put(&mut self, name: &'static str, value: Self) {
        if let Value::Object(object) = self {
            object.insert(name.to_owned(), value);
        }
    }

    fn as_text(&self) -> Option<&str> {
        self.as_str()
    }

    fn number_as_text(&self) -> Option<String> {
        self.as_number().map(Number::to_string)
    }

    fn text(text: String) -> Self {
        Value::String(text)
    }

    fn number(number: f64) -> Self {
        Number::from_f64(number).map_or(Value::Null, Value::Number)
    }

    fn integer(number: i64) -> Self {
        Value::from(number)
    }
}
