//! `remove`: takes members and elements out.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, Effect, OnError};
use crate::migration::document::Value;
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::add::IfPresent;
use crate::migration::op::{Add, Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::{Ends, Path, Takes};
use crate::migration::place::Parents;
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

/// Removes every member or element that the path leads to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Remove {
    pub(crate) path: Path,
    /// What the inverse puts back. It changes nothing here.
    pub(crate) restore: Option<Value>,
}

impl Remove {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("remove", Takes::PLACES.deep().message());
        let restore = fields.optional_value("restore");
        Some(Self { path: path?, restore })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("remove", &self.path);
        if let Some(restore) = &self.restore {
            out.value("restore", restore);
        }
    }

    /// Removes what the path leads to.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        context.change_values(&self.path, OnError::Fail, |_| Ok(Effect::Removed))
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        prover.places(&self.path, node, &mut |_, _, _| After::removed())
    }

    /// Adding `restore` gives the shape back. An element cannot be added, nor a name that is only a pattern.
    pub(super) fn inverse(&self) -> Inverse {
        let Some(restore) = &self.restore else {
            return Inverse::none("what was removed is gone");
        };
        if self.path.check(Takes::PLACES.message().ends(Ends::Name)).is_err() {
            return Inverse::none("`restore` needs a path that ends in one member");
        }
        let add = Add {
            path: self.path.clone(),
            value: restore.clone(),
            if_present: IfPresent::Keep,
            parents: Parents::Missing,
        };
        Inverse::restorable(Op::Add(add), "the value that was removed comes back as `restore`")
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, refuses, unchanged};

    #[test]
    fn members_and_elements_go_and_their_neighbours_stay_as_they_were() {
        applies(
            r#"{"remove":"a"}"#,
            r#"{"x":1.0,"a":1,"\u0061":2,"y":"\/"}"#,
            r#"{"x":1.0,"y":"\/"}"#,
        );
        applies(r#"{"remove":"a[*]"}"#, r#"{"a":[1,2,3]}"#, r#"{"a":[]}"#);
        applies(r#"{"remove":"a[-1]"}"#, r#"{"a":[1,2,3]}"#, r#"{"a":[1,2]}"#);
        applies(
            r#"{"remove":"a[*].b"}"#,
            r#"{"a":[{"b":1},{"c":1}]}"#,
            r#"{"a":[{},{"c":1}]}"#,
        );
    }

    #[test]
    fn where_chooses_elements_by_their_own_members() {
        applies(
            r#"{"remove":"items[*]","where":{"kind":["internal","draft"]}}"#,
            r#"{"items":[{"kind":"draft"},{"kind":"public"},{},{"kind":"internal"}]}"#,
            r#"{"items":[{"kind":"public"},{}]}"#,
        );
        unchanged(
            r#"{"remove":"items[*]","where":{"kind":"x"}}"#,
            r#"{"items":[{},{}]}"#,
            "skipped",
        );
    }

    #[test]
    fn at_any_depth_a_removed_value_is_not_entered() {
        applies(
            r#"{"remove":"**.a"}"#,
            r#"{"a":{"a":1},"b":[{"a":1,"c":{"a":1}},2]}"#,
            r#"{"b":[{"c":{}},2]}"#,
        );
        unchanged(r#"{"remove":"**.a"}"#, "[]", "absent");
    }

    #[test]
    fn at_any_depth_a_value_that_was_left_alone_is_entered() {
        applies(
            r#"{"remove":"**.a","where":{"kind":"x"}}"#,
            r#"{"a":{"a":1,"kind":"x"}}"#,
            r#"{"a":{"kind":"x"}}"#,
        );
    }

    #[test]
    fn the_whole_document_cannot_be_removed() {
        refuses(r#"{"remove":"$"}"#, "`$`");
    }
}
