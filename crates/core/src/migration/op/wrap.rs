//! `wrap`: puts a value into an array or an object of its own. Its way back is `unwrap`.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::{Member, Value};
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::unwrap::Unwrap;
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Name, Path, Takes};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::{ArrayShape, Kinds, Node, ObjectShape};

/// Wraps values, `null` included.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wrap {
    path: Path,
    /// The name of the member that holds the value; without one it becomes the only element of an array.
    within: Option<Name>,
}

impl Wrap {
    /// What undoes an `unwrap`.
    pub(super) fn new(path: Path, within: Option<Name>) -> Self {
        Self { path, within }
    }

    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("wrap", Takes::PLACES.whole());
        let within = fields.optional_name("in");
        Some(Self { path: path?, within })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("wrap", &self.path);
        if let Some(name) = &self.within {
            out.text("in", name);
        }
    }

    /// Wraps at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |value| {
            let wrapped_already = match (&*value, &self.within) {
                (Value::Array(_), None) => true,
                (Value::Object(members), Some(name)) => {
                    matches!(members.as_slice(), [only] if name.matches(&only.name))
                }
                _ => false,
            };
            if wrapped_already {
                return Ok(Effect::Unchanged);
            }
            let inner = std::mem::replace(value, Value::Null);
            *value = match &self.within {
                None => Value::Array(vec![inner]),
                Some(name) => Value::Object(vec![Member {
                    name: name.to_text(),
                    value: inner,
                }]),
            };
            Ok(Effect::Changed)
        })
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.places(&self.path, node, &mut |prover, node, _| {
            let seen = prover.see(&node);
            let mut made = Kinds::default();
            let Some(name) = self.within.as_ref().map(Name::as_str) else {
                let mut rest = seen.kinds;
                made.array = rest.array.take();
                if rest.is_empty() {
                    return After::of(made);
                }
                let wrapped = Kinds {
                    array: Some(ArrayShape {
                        element: rest.into(),
                        least: 1,
                        most: Some(1),
                    }),
                    ..Kinds::default()
                };
                return After::stays(prover.unite(&made.into(), &wrapped.into()));
            };
            // An object that has the member alone is wrapped already.
            let inner = seen.kinds.object.as_ref().and_then(|object| object.look(name));
            let value = match inner {
                Some((_, inner)) => prover.unite(&node, &inner),
                None => node,
            };
            let mut object = ObjectShape {
                members: Vec::new(),
                others: None,
            };
            object.put(name, true, value);
            made.object = Some(object);
            After::of(made)
        })
    }

    /// Taking the value out again.
    pub(super) fn inverse(&self) -> Inverse {
        let back = Op::Unwrap(Unwrap::new(self.path.clone(), self.within.clone()));
        Inverse::lossless_at_one_place(back, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, unchanged};

    #[test]
    fn a_value_is_wrapped_once() {
        applies(r#"{"wrap":"a"}"#, r#"{"a":1.0}"#, r#"{"a":[1.0]}"#);
        applies(r#"{"wrap":"a","in":"v"}"#, r#"{"a":null}"#, r#"{"a":{"v":null}}"#);
        applies(r#"{"wrap":"$"}"#, r#"{"a":1}"#, r#"[{"a":1}]"#);
        unchanged(r#"{"wrap":"a"}"#, r#"{"a":[]}"#, "unchanged");
        unchanged(r#"{"wrap":"a","in":"v"}"#, r#"{"a":{"v":1}}"#, "unchanged");
    }
}
