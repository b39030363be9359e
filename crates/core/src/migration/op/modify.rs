//! `modify`: replaces what is there by a constant.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::Inverse;
use crate::migration::op::constant::constant_for;
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

/// Replaces every value that the path leads to by a constant. `null` counts as a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Modify {
    pub(crate) path: Path,
    pub(crate) value: Value,
}

impl Modify {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("modify", Takes::PLACES.deep().message());
        let value = fields.value("value");
        let path = path?;
        let value = constant_for(fields, "value", &path, value?)?;
        Some(Self { path, value })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("modify", &self.path);
        out.value("value", &self.value);
    }

    /// Replaces what the path leads to.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |value| {
            if *value == self.value {
                return Ok(Effect::Unchanged);
            }
            *value = self.value.clone();
            Ok(Effect::Changed)
        })
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let made = Node::of(&self.value);
        prover.places(&self.path, node, &mut |_, _, _| After::stays(made.clone()))
    }

    /// Nothing undoes it.
    #[expect(
        clippy::unused_self,
        reason = "every operation answers this question in the same form"
    )]
    pub(super) fn inverse(&self) -> Inverse {
        Inverse::none("the values that stood there before are gone")
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, unchanged};

    #[test]
    fn a_value_is_replaced_in_its_place_and_a_missing_one_is_not_made() {
        applies(
            r#"{"modify":"a","value":[1]}"#,
            r#"{"a":null,"b":2}"#,
            r#"{"a":[1],"b":2}"#,
        );
        unchanged(r#"{"modify":"a","value":1}"#, "{}", "absent");
    }

    #[test]
    fn an_equal_value_keeps_its_spelling() {
        unchanged(r#"{"modify":"a","value":"é"}"#, r#"{"a":"\u00e9"}"#, "unchanged");
        applies(r#"{"modify":"a","value":1}"#, r#"{"a":1.0}"#, r#"{"a":1}"#);
    }

    #[test]
    fn at_any_depth_a_replaced_value_is_not_entered() {
        applies(
            r#"{"modify":"**.a","value":{"a":1}}"#,
            r#"{"a":{"a":2}}"#,
            r#"{"a":{"a":1}}"#,
        );
        applies(
            r#"{"modify":"**.a","value":0}"#,
            r#"{"b":{"a":2},"a":0,"c":[{"a":0}]}"#,
            r#"{"b":{"a":0},"a":0,"c":[{"a":0}]}"#,
        );
    }
}
