//! `pick`: keeps some members of an object and removes the others.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Text;
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::Inverse;
use crate::migration::op::convert::wrong_kind;
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Pattern, Takes};
use crate::migration::proof::{After, Prover, named};
use crate::migration::shape::{Node, ObjectShape};

/// Keeps the members that are named or matched; none is made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pick {
    pub(crate) path: Path,
    pub(crate) members: Vec<Pattern>,
}

impl Pick {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("pick", Takes::PLACES.whole());
        let members = fields.patterns("members");
        Some(Self {
            path: path?,
            members: members?,
        })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("pick", &self.path);
        out.texts("members", &self.members);
    }

    /// Removes what is not picked, at every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |value| match value {
            Value::Null => Ok(Effect::Absent),
            Value::Object(members) => {
                let before = members.len();
                members.retain(|member| self.members.iter().any(|pattern| pattern.fits(&member.name)));
                Ok(if members.len() == before {
                    Effect::Unchanged
                } else {
                    Effect::Changed
                })
            }
            _ => Err(wrong_kind("expected an object")),
        })
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.convert(&self.path, node, "an object", OnError::Fail, |_, kinds, _| {
            kinds.made.object = kinds.unfit.object.take().map(|object| self.picked(object));
        })
    }

    fn picked(&self, mut object: ObjectShape) -> ObjectShape {
        let fits = |name: &str| {
            self.members
                .iter()
                .any(|pattern| pattern.fits(&Text::from_str(name)))
        };
        for pattern in &self.members {
            if let Pattern::Name(name) = pattern {
                object = named(object, name.as_str());
            }
        }
        object.members.retain(|member| fits(&member.name));
        let globs = self
            .members
            .iter()
            .any(|pattern| matches!(pattern, Pattern::Glob(_)));
        object.others.take_if(|_| !globs);
        object
    }

    /// The other members are gone.
    pub(super) fn inverse(&self) -> Inverse {
        Inverse::none("members that were not picked are gone")
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, unchanged};

    #[test]
    fn what_is_named_or_matched_stays_in_its_order() {
        applies(
            r#"{"pick":"$","members":["b","x_*"]}"#,
            r#"{"x_1":1,"a":2,"b":3,"b":4}"#,
            r#"{"x_1":1,"b":3,"b":4}"#,
        );
        unchanged(r#"{"pick":"o","members":"a"}"#, r#"{"o":{"a":1}}"#, "unchanged");
        unchanged(r#"{"pick":"o","members":"a"}"#, r#"{"o":null}"#, "absent");
        fails(
            r#"{"pick":"o","members":"a"}"#,
            r#"{"o":[]}"#,
            "type at o: expected an object, found an array",
        );
    }
}
