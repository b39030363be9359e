//! `translate`: values by a table.

mod raw;

use crate::migration::proof::{After, Prover};
use crate::migration::shape::{self, StringShape};
use std::collections::{HashMap, HashSet};

use crate::migration::canonical::{self, Canonical};
use crate::migration::condition::Scalar;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::{Kind, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::convert::{put, read};
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::source::{Content, Node};

/// Replaces a value by the image of an equal one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Translate {
    path: Path,
    values: Vec<(Scalar, Value)>,
    /// Where the image of a value stands: a table may have tens of thousands.
    places: HashMap<Key, usize>,
    otherwise: Otherwise,
}

/// A scalar, to be looked up by.
type Key = (Kind, Vec<u32>);

/// What becomes of a value that has no image.
#[derive(Debug, Clone, PartialEq)]
enum Otherwise {
    Keep,
    Fail,
    Null,
    Remove,
    Value(Value),
}

/// Makes what a word stands for.
type Make = fn() -> Otherwise;

const WORDS: [(&str, Make); 4] = [
    ("keep", || Otherwise::Keep),
    ("fail", || Otherwise::Fail),
    ("null", || Otherwise::Null),
    ("remove", || Otherwise::Remove),
];

impl Translate {
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("translate", Takes::PLACES.deep().message());
        let values = fields.required("values").and_then(|node| pairs(fields, node));
        let otherwise = match fields.node("else") {
            None => Some(Otherwise::Keep),
            Some(node) => otherwise(fields, node),
        };
        Some(Self::new(path?, values?, otherwise?))
    }

    fn new(path: Path, values: Vec<(Scalar, Value)>, otherwise: Otherwise) -> Self {
        let keys = values.iter().map(|(from, _)| from.key());
        Self {
            path,
            places: keys.enumerate().map(|(place, key)| (key, place)).collect(),
            values,
            otherwise,
        }
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("translate", &self.path);
        match &self.otherwise {
            Otherwise::Keep => {}
            Otherwise::Fail => out.text("else", "fail"),
            Otherwise::Null => out.text("else", "null"),
            Otherwise::Remove => out.text("else", "remove"),
            Otherwise::Value(value) => out.json("else", format!("{{\"value\":{}}}", canonical::value(value))),
        }
        let pairs: Vec<_> = self
            .values
            .iter()
            .map(|(from, to)| Value::Array(vec![from.to_value(), to.clone()]))
            .collect();
        out.value("values", &Value::Array(pairs));
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        // `else: fail` has a kind that no `on_error` covers here, since the operation has none.
        context.change_values(&self.path, OnError::Fail, |value| self.convert(value))
    }

    pub(super) fn convert(&self, value: &mut Value) -> Result<Effect, Failure> {
        if let Value::String(text) = value {
            read(text)?;
        }
        let place = Scalar::from_value(value).and_then(|scalar| self.places.get(&scalar.key()));
        if let Some(place) = place {
            return Ok(put(value, self.values[*place].1.clone()));
        }
        match &self.otherwise {
            Otherwise::Keep => Ok(Effect::Unchanged),
            Otherwise::Fail => Err(Failure::new(
                FailureKind::Range,
                "expected one of the values of the table",
            )),
            Otherwise::Null => Ok(put(value, Value::Null)),
            Otherwise::Remove => Ok(Effect::Removed),
            Otherwise::Value(other) => Ok(put(value, other.clone())),
        }
    }

    fn is_between_strings(&self) -> bool {
        let strings =
            |(from, to): &(Scalar, Value)| matches!((from, to), (Scalar::String(_), Value::String(_)));
        self.values.iter().all(strings)
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: shape::Node) -> After {
        prover.places(&self.path, node, &mut |prover, node, at| {
            let seen = prover.see(&node);
            let mut left = seen.kinds;
            let mut made = shape::Node::default();
            for (from, image) in &self.values {
                let possible = match from {
                    Scalar::Null => std::mem::take(&mut left.null),
                    Scalar::Bool(_) => left.boolean,
                    Scalar::Number(_) => left.number.is_some(),
                    Scalar::String(text) => match &mut left.string {
                        Some(StringShape {
                            values: Some(values), ..
                        }) => {
                            let before = values.len();
                            values.retain(|value| !text.is(value));
                            values.len() < before
                        }
                        string => string.is_some(),
                    },
                };
                if possible {
                    made = prover.unite(&made, &shape::Node::of(image));
                }
            }
            (left.string).take_if(|string| string.values.as_ref().is_some_and(Vec::is_empty));
            let both =
                [true, false].map(|flag| self.values.iter().any(|(from, _)| *from == Scalar::Bool(flag)));
            left.boolean &= both != [true, true];
            if left.is_empty() {
                return After::stays(made);
            }
            let rest = match &self.otherwise {
                Otherwise::Keep => left.into(),
                Otherwise::Fail => {
                    let sentence = format!("may fail at {at}: a value need not be in the table");
                    prover.remark(at, false, sentence);
                    shape::Node::default()
                }
                Otherwise::Null => shape::Node::of(&Value::Null),
                Otherwise::Remove => {
                    return After {
                        value: made,
                        gone: true,
                    };
                }
                Otherwise::Value(value) => shape::Node::of(value),
            };
            After::stays(prover.unite(&made, &rest))
        })
    }

    pub(super) fn inverse(&self) -> Inverse {
        let mut back: Vec<(Scalar, Value)> = Vec::new();
        let mut known: HashSet<Key> = HashSet::new();
        for (from, to) in &self.values {
            let Some(image) = Scalar::from_value(to) else {
                return Inverse::none("an image is an array or an object");
            };
            if !known.insert(image.key()) {
                return Inverse::none("two values have the same image");
            }
            back.push((image, from.to_value()));
        }
        match self.otherwise {
            Otherwise::Fail if !self.path.is_document() && !self.is_between_strings() => {
                Inverse::none("a header and the key hold text, which equals only a string")
            }
            Otherwise::Fail => {
                let path = self.path.clone();
                Inverse::lossless(Op::Translate(Self::new(path, back, Otherwise::Fail)))
            }
            Otherwise::Keep => {
                Inverse::none("a value that was kept may look like an image; `else: fail` makes it lossless")
            }
            Otherwise::Null | Otherwise::Remove | Otherwise::Value(_) => {
                Inverse::none("values outside of the table are not kept")
            }
        }
    }
}

fn otherwise(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Otherwise> {
    if matches!(node.content, Content::Object(_)) {
        return fields.object("else", "`else`", |inner| {
            inner.value("value").map(Otherwise::Value)
        });
    }
    fields.choice_of(node, &WORDS).map(|make| make())
}

fn pairs(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Vec<(Scalar, Value)>> {
    let mut pairs: Vec<(Scalar, Value)> = Vec::new();
    let mut known: HashSet<Key> = HashSet::new();
    let mut complete = true;
    let mut add = |fields: &mut Fields<'_, '_>, at: &Node, from: Option<Scalar>, to: Option<Value>| {
        let (Some(from), Some(to)) = (from, to) else {
            complete = false;
            return;
        };
        if !known.insert(from.key()) {
            fields
                .findings()
                .error(&at.place, "this value stands twice in `values`");
        }
        pairs.push((from, to));
    };
    match &node.content {
        Content::Object(members) => {
            for member in members {
                let from = member.name.to_value().as_ref().and_then(Scalar::from_value);
                add(fields, &member.name, from, member.value.to_value());
            }
        }
        Content::Array(entries) => {
            for entry in entries {
                let Some([from, to]) = entry.elements() else {
                    let _: Option<()> = fields.expected(entry, "a pair `[from, to]`");
                    add(fields, entry, None, None);
                    continue;
                };
                let scalar = from.to_value().as_ref().and_then(Scalar::from_value);
                if scalar.is_none() {
                    let _: Option<()> = fields.expected(from, "a scalar");
                }
                add(fields, from, scalar, to.to_value());
            }
        }
        _ => return fields.expected(node, "an object, or a list of pairs"),
    }
    complete.then_some(pairs)
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::applies;

    #[test]
    fn a_very_large_table_is_looked_up_in() {
        // Asking each value of the table for each element would take minutes.
        let table: Vec<_> = (0..20_000)
            .map(|value| format!("[{value},{}]", value + 1))
            .collect();
        let numbers = |first: usize| {
            let numbers: Vec<_> = (first..first + 20_000).map(|number| number.to_string()).collect();
            format!("[{}]", numbers.join(","))
        };
        applies(
            &format!(
                r#"{{"translate":"[*]","else":"fail","values":[{}]}}"#,
                table.join(",")
            ),
            &numbers(0),
            &numbers(1),
        );
    }
}
