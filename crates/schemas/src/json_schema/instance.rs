//! Documents of the engine as the validator sees them: without a copy, and with their numbers as they are written.
//!
//! The validator asks for values one at a time, and counts nothing. Since a schema and a document together can ask for
//! more steps than a day has, each question is counted here, and the stack that is in use is looked at. When either is
//! spent, containers look empty from then on, so that the validator comes to its end; what it says then is not used (see
//! [`Judging::is_spent`]).

mod equality;

use std::borrow::Cow;
use std::cell::Cell;
use std::slice::Iter;

use dunlin_core::migration::document::{Member, Number, Text, Value};
use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};

use super::number::Decimal;
pub(super) use equality::{canonical, equals};

/// The representation: documents of the engine.
#[derive(Debug)]
pub(super) struct Document;

/// One value of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Instance<'a> {
    pub(super) value: &'a Value,
    judging: &'a Judging,
}

/// What one judgement may cost.
#[derive(Debug)]
pub(super) struct Judging {
    steps: Cell<u64>,
    faults: Cell<u32>,
    /// An address in the frame of whoever began.
    start: usize,
}

impl Judging {
    /// Questions that one judgement may ask: about a second of work.
    pub(super) const MOST_STEPS: u64 = 50_000_000;
    /// Faults that may be written down, those included that are found on the way and then do not count.
    const MOST_FAULTS: u32 = 10_000;
    /// The stack that may be in use, in bytes. Threads have 2 MiB by default, and less is left of it here.
    const MOST_STACK: usize = 640 * 1024;

    pub(super) fn new(steps: u64) -> Self {
        Self {
            steps: Cell::new(steps),
            faults: Cell::new(Self::MOST_FAULTS),
            start: here(),
        }
    }

    /// The whole of a document.
    pub(super) const fn of<'a>(&'a self, value: &'a Value) -> Instance<'a> {
        Instance { value, judging: self }
    }

    /// Whether it cost more than it may, so that its outcome says nothing.
    pub(super) fn is_spent(&self) -> bool {
        self.steps.get() == 0
    }

    fn spend(&self, steps: u64) {
        self.steps.set(self.steps.get().saturating_sub(steps));
    }

    fn look_at_stack(&self) {
        self.spend(1);
        if self.start.abs_diff(here()) > Self::MOST_STACK {
            self.steps.set(0);
        }
    }

    fn note_fault(&self) {
        self.faults.set(self.faults.get().saturating_sub(1));
        if self.faults.get() == 0 {
            self.steps.set(0);
        }
    }
}

impl Default for Judging {
    fn default() -> Self {
        Self::new(Self::MOST_STEPS)
    }
}

/// An address in the frame of the caller, roughly.
#[inline(never)]
fn here() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&marker)).addr()
}

/// A string that is judged by itself, such as the name of a member.
#[derive(Debug)]
pub(super) struct Alone {
    value: Value,
    judging: Judging,
}

impl Default for Alone {
    fn default() -> Self {
        Self {
            value: Value::Null,
            judging: Judging::default(),
        }
    }
}

impl Json for Document {
    type Node<'a> = Instance<'a>;
    type PreparedKey = String;
    type StringBuffer = Alone;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(buffer: &mut Alone, string: &str, judge: impl FnOnce(Instance<'_>) -> T) -> T {
        buffer.value = Value::string(string);
        judge(buffer.judging.of(&buffer.value))
    }
}

impl<'a> Node<'a, Document> for Instance<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = Figure<'a>;

    fn as_object(&self) -> Option<Members<'a>> {
        let Value::Object(members) = self.value else {
            self.judging.spend(1);
            return None;
        };
        self.judging.look_at_stack();
        let members = if self.judging.is_spent() { &[] } else { &**members };
        Some(Members {
            members,
            judging: self.judging,
        })
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        let Value::Array(elements) = self.value else {
            self.judging.spend(1);
            return None;
        };
        self.judging.look_at_stack();
        let elements = if self.judging.is_spent() { &[] } else { &**elements };
        Some(Elements {
            elements,
            judging: self.judging,
        })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        self.judging.spend(1);
        match self.value {
            Value::String(text) => Some(read(text)),
            _ => None,
        }
    }

    fn as_number(&self) -> Option<Figure<'a>> {
        self.judging.spend(1);
        match self.value {
            Value::Number(number) => Some(Figure(number)),
            _ => None,
        }
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.value {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn is_number(&self) -> bool {
        matches!(self.value, Value::Number(_))
    }

    fn json_type(&self) -> JsonType {
        self.judging.spend(1);
        match self.value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &serde_json::Value) -> bool {
        self.judging.spend(1);
        equals(self.value, expected)
    }

    /// Never the value: what the validator writes into its errors is not read, and must not hold anything.
    fn to_value(&self) -> Cow<'a, serde_json::Value> {
        self.judging.note_fault();
        Cow::Owned(serde_json::Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        // A chain of references asks for nothing else on its way down.
        self.judging.look_at_stack();
        Some(NodeIdentity::new(std::ptr::from_ref(self.value).addr()))
    }
}

/// The members of an object. No name stands twice: see [`Once`](super::once::Once).
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a> {
    members: &'a [Member],
    judging: &'a Judging,
}

impl<'a> Object<'a, Document> for Members<'a> {
    type Node = Instance<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = Each<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Instance<'a>> {
        let found = self.members.iter().find(|member| is(&member.name, key))?;
        Some(self.judging.of(&found.value))
    }

    fn members(&self) -> Each<'a> {
        Each {
            members: self.members.iter(),
            judging: self.judging,
        }
    }
}

/// Whether a name is this one. An escape is longer than what it stands for, so most names are told apart by length.
fn is(name: &Text, key: &str) -> bool {
    let source = name.source();
    if source.len() <= key.len() {
        return source == key;
    }
    source.as_bytes().contains(&b'\\') && name.is(key)
}

/// Each member of an object.
#[derive(Debug)]
pub(super) struct Each<'a> {
    members: Iter<'a, Member>,
    judging: &'a Judging,
}

impl<'a> Iterator for Each<'a> {
    type Item = (Cow<'a, str>, Instance<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.judging.is_spent() {
            return None;
        }
        let member = self.members.next()?;
        Some((read(&member.name), self.judging.of(&member.value)))
    }
}

/// The elements of an array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    elements: &'a [Value],
    judging: &'a Judging,
}

impl<'a> Array<'a, Document> for Elements<'a> {
    type Node = Instance<'a>;
    type ElementsIter = EachElement<'a>;

    fn len(&self) -> usize {
        self.elements.len()
    }

    fn elements(&self) -> EachElement<'a> {
        EachElement {
            elements: self.elements.iter(),
            judging: self.judging,
        }
    }

    fn is_unique(&self) -> bool {
        let mut seen = std::collections::HashSet::with_capacity(self.elements.len());
        self.elements.iter().all(|element| {
            let text = canonical(element);
            self.judging.spend(u64::try_from(text.len()).unwrap_or(u64::MAX));
            self.judging.is_spent() || seen.insert(text)
        })
    }
}

/// Each element of an array.
#[derive(Debug)]
pub(super) struct EachElement<'a> {
    elements: Iter<'a, Value>,
    judging: &'a Judging,
}

impl<'a> Iterator for EachElement<'a> {
    type Item = Instance<'a>;

    fn next(&mut self) -> Option<Instance<'a>> {
        if self.judging.is_spent() {
            return None;
        }
        Some(self.judging.of(self.elements.next()?))
    }
}

/// A number of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure<'a>(pub(super) &'a Number);

impl JsonNumber for Figure<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.as_str().parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.as_str().parse().ok()
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.as_str().parse().ok()
    }

    fn as_str(&self) -> Cow<'_, str> {
        self.0.as_str().into()
    }

    /// Asked for errors only, whose values are not read.
    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(serde_json::Number::from(0))
    }

    fn is_integer(&self) -> bool {
        self.0.is_integer() || Decimal::read(self.0.as_str()).is_integer()
    }

    fn is_written_as_integer(&self) -> bool {
        self.0.is_integer()
    }
}

/// The text that is meant. Half of a surrogate pair stands for one character, U+FFFD.
fn read(text: &Text) -> Cow<'_, str> {
    text.read().unwrap_or_else(|_| {
        let characters = text
            .units()
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        Cow::Owned(characters.collect())
    })
}
