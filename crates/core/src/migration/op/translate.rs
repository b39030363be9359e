//! `translate`: values by a table.

use crate::migration::canonical::{self, Canonical};
use crate::migration::condition::Scalar;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
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
    otherwise: Otherwise,
}

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
        Some(Self {
            path: path?,
            values: values?,
            otherwise: otherwise?,
        })
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

    fn convert(&self, value: &mut Value) -> Result<Effect, Failure> {
        if let Value::String(text) = value {
            read(text)?;
        }
        for (from, to) in &self.values {
            if from.equals(value)? {
                return Ok(put(value, to.clone()));
            }
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

    pub(super) fn inverse(&self) -> Inverse {
        let mut back: Vec<(Scalar, Value)> = Vec::new();
        for (from, to) in &self.values {
            let Some(image) = Scalar::from_value(to) else {
                return Inverse::lossy("an image is an array or an object");
            };
            if back.iter().any(|(have, _)| *have == image) {
                return Inverse::lossy("two values have the same image");
            }
            back.push((image, from.to_value()));
        }
        match self.otherwise {
            Otherwise::Fail if !self.path.is_document() && !self.is_between_strings() => {
                Inverse::lossy("a header and the key hold text, which equals only a string")
            }
            Otherwise::Fail => {
                let path = self.path.clone();
                Inverse::lossless(Op::Translate(Self {
                    path,
                    values: back,
                    otherwise: Otherwise::Fail,
                }))
            }
            Otherwise::Keep => {
                Inverse::lossy("a value that was kept may look like an image; `else: fail` makes it lossless")
            }
            Otherwise::Null | Otherwise::Remove | Otherwise::Value(_) => {
                Inverse::lossy("values outside of the table are not kept")
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
    let mut complete = true;
    let mut add = |fields: &mut Fields<'_, '_>, at: &Node, from: Option<Scalar>, to: Option<Value>| {
        let (Some(from), Some(to)) = (from, to) else {
            complete = false;
            return;
        };
        if pairs.iter().any(|(have, _)| *have == from) {
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
