//! `sonic_rs::Value`.

use std::hint::black_box;

use serde_json::Value as Plain;
use sonic_rs::{JsonValueMutTrait, JsonValueTrait, Value};

use crate::Contestant;
use crate::chain::{self, Step};
use crate::dom::{self, Dom};

pub struct Sonic {
    chain: &'static [Step<Value>],
    output: Vec<u8>,
}

impl Sonic {
    pub fn new(file: &Plain) -> Self {
        let constant = |value: &Plain| sonic_rs::from_str(&value.to_string()).expect("JSON");
        Self {
            chain: chain::read(file, &constant),
            output: Vec::new(),
        }
    }

    fn read(&self, document: &str) -> Value {
        let mut value: Value = sonic_rs::from_slice(document.as_bytes()).expect("JSON");
        dom::transform(&mut value, self.chain);
        value
    }
}

impl Contestant for Sonic {
    fn transform(&mut self, document: &str) -> Plain {
        let printed = sonic_rs::to_string(&self.read(document)).expect("a value prints");
        serde_json::from_str(&printed).expect("JSON")
    }

    fn migrate(&mut self, document: &str) {
        let value = self.read(document);
        self.output.clear();
        sonic_rs::to_writer(&mut self.output, &value).expect("a value prints");
        black_box(&self.output);
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
        JsonValueTrait::is_object(self)
    }

    fn member(&mut self, name: &str) -> Option<&mut Self> {
        self.as_object_mut()?.get_mut(&name)
    }

    fn elements(&mut self) -> Option<&mut [Self]> {
        self.as_array_mut().map(|elements| elements.as_mut_slice())
    }

    fn take(&mut self, name: &str) -> Option<Self> {
        self.as_object_mut()?.remove(&name)
    }

    fn put(&mut self, name: &'static str, value: Self) {
        if let Some(object) = self.as_object_mut() {
            object.insert(name, value);
        }
    }

    fn as_text(&self) -> Option<&str> {
        self.as_str()
    }

    fn number_as_text(&self) -> Option<String> {
        self.as_number()
            .map(|_| sonic_rs::to_string(self).expect("a number prints"))
    }

    fn text(text: String) -> Self {
        Value::from(text.as_str())
    }

    fn number(number: f64) -> Self {
        Value::new_f64(number).unwrap_or_default()
    }

    fn integer(number: i64) -> Self {
        Value::from(number)
    }
}
