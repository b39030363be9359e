//! `copy`: puts a value somewhere else, too.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, OnConflict};
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::carry::{self, Carry};
use crate::migration::op::{Inverse, Op, Remove};
use crate::migration::outcome::Change;
use crate::migration::path::Path;
use crate::migration::place::Parents;
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

/// Copies values, spelled as they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Copy(Carry);

impl Copy {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        Carry::parse(fields, "copy", true).map(Self)
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        self.0.canonical("copy", out);
    }

    /// Copies from every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        self.0.apply(context, carry::Source::Stays)
    }

    /// From where to where.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        self.0.paths()
    }

    /// From where to where.
    pub(crate) const fn carried(&self) -> (&Path, &Path, Parents) {
        (&self.0.from, &self.0.to, self.0.parents)
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        self.0.prove(prover, node, carry::Source::Stays)
    }

    /// Removing the copy. Objects that were made on the way stay.
    pub(super) fn inverse(&self) -> Inverse {
        let back = Op::Remove(Remove {
            path: self.0.to.clone(),
            restore: None,
        });
        match self.0.on_conflict {
            OnConflict::Fail if !self.0.may_make_parents() => {
                Inverse::lossless_at_one_place(back, &self.0.to)
            }
            OnConflict::Fail => Inverse::restorable(back, "objects that were made for the target stay"),
            OnConflict::Replace | OnConflict::KeepTarget | OnConflict::Merge => {
                Inverse::restorable(back, "what stood at the target before is removed, too")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, fails, unchanged};

    #[test]
    fn the_source_stays_and_the_copy_is_spelled_like_it() {
        applies(
            r#"{"copy":"a","to":"x.b"}"#,
            r#"{"a":1.00}"#,
            r#"{"a":1.00,"x":{"b":1.00}}"#,
        );
        applies(
            r#"{"copy":"a","to":"p[*].a"}"#,
            r#"{"a":1,"p":[{},{"b":2}]}"#,
            r#"{"a":1,"p":[{"a":1},{"b":2,"a":1}]}"#,
        );
        applies(
            r#"{"copy":"a","to":"a.b"}"#,
            r#"{"a":{"c":1}}"#,
            r#"{"a":{"c":1,"b":{"c":1}}}"#,
        );
        unchanged(
            r#"{"copy":"a","to":"b"}"#,
            r#"{"a":"x","b":"\u0078"}"#,
            "unchanged",
        );
        unchanged(
            r#"{"copy":"a","to":"b","on_conflict":"keep_target"}"#,
            r#"{"a":1,"b":2}"#,
            "unchanged",
        );
        unchanged(
            r#"{"copy":"a","to":"b","on_conflict":"merge"}"#,
            r#"{"a":{},"b":{"c":1}}"#,
            "unchanged",
        );
        applies(
            r#"{"copy":"a","to":"b","on_conflict":"merge"}"#,
            r#"{"a":{},"b":null}"#,
            r#"{"a":{},"b":{}}"#,
        );
        fails(
            r#"{"copy":"a","to":"b"}"#,
            r#"{"a":1,"b":1,"b":2}"#,
            "conflict at b",
        );
    }

    #[test]
    fn a_large_value_is_not_copied_into_very_many_elements() {
        let large = "x".repeat(100_000);
        let elements = vec!["{}"; 10_000].join(",");
        fails(
            r#"{"copy":"a","to":"p[*].a"}"#,
            &format!(r#"{{"a":"{large}","p":[{elements}]}}"#),
            "limit at p[671].a",
        );
        let there = vec![r#"{"a":0}"#; 10_000].join(",");
        unchanged(
            r#"{"copy":"a","to":"p[*].a","on_conflict":"keep_target"}"#,
            &format!(r#"{{"a":"{large}","p":[{there}]}}"#),
            "unchanged",
        );
    }
}
