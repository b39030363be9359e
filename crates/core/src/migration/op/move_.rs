//! `move`: takes a value out and puts it somewhere else.

use crate::migration::canonical::Canonical;
use crate::migration::context::{Context, OnConflict};
use crate::migration::failure::Failure;
use crate::migration::load::fields::Fields;
use crate::migration::op::carry::{self, Carry};
use crate::migration::op::{Inverse, Op};
use crate::migration::outcome::Change;
use crate::migration::path::Path;
use crate::migration::path::{Ends, Segment, Takes};
use crate::migration::place::Parents;
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

/// Moves values, each inside of the element that it stands in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Move(Carry);

impl Move {
    /// Reads the operands.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let carry = Carry::parse(fields, "move", false)?;
        if carry.to != carry.from && carry.to.is_inside(&carry.from) {
            fields.error(
                "to",
                "expected a target outside of the value that is moved, found one inside of it",
            );
        }
        Some(Self(carry))
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        self.0.canonical("move", out);
    }

    /// Moves from every place.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        self.0.apply(context, carry::Source::Goes)
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
        self.0.prove(prover, node, carry::Source::Goes)
    }

    /// Moving back. Objects that were made on the way stay.
    pub(super) fn inverse(&self) -> Inverse {
        if self
            .0
            .from
            .check(Takes::PLACES.message().ends(Ends::Name))
            .is_err()
        {
            return Inverse::none("an element cannot be put back in its place");
        }
        if self.0.from.is_inside(&self.0.to) {
            return Inverse::none("what stood around the value was replaced by it");
        }
        let back = Op::Move(Self(self.0.back()));
        let may_be_element =
            matches!(self.0.from.last(), Some(Segment::Token(token)) if token.is_element_token());
        match self.0.on_conflict {
            OnConflict::Fail if may_be_element => Inverse::restorable(
                back,
                "an element that the pointer led to cannot be put back in its place",
            ),
            OnConflict::Fail if self.0.from.is_document() && !self.0.to.is_document() => Inverse::restorable(
                back,
                "a header and the key hold text, so that a value comes back as a string",
            ),
            OnConflict::Fail if !self.0.may_make_parents() => {
                Inverse::lossless_at_one_place(back, &self.0.from)
            }
            OnConflict::Fail => Inverse::restorable(back, "objects that were made for the target stay"),
            OnConflict::Replace => Inverse::restorable(back, "a value that was replaced does not come back"),
            OnConflict::KeepTarget => {
                Inverse::restorable(back, "a source that was dropped does not come back")
            }
            OnConflict::Merge => Inverse::restorable(back, "members of the target move back, too"),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{applies, applies_with, fails, refuses, run, unchanged};

    #[test]
    fn a_value_goes_to_the_end_of_its_target() {
        applies(
            r#"{"move":"a","to":"x.b"}"#,
            r#"{"a":1.0,"x":{"z":0}}"#,
            r#"{"x":{"z":0,"b":1.0}}"#,
        );
        applies(
            r#"{"move":"a","to":"x.y.b"}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"b":2,"x":{"y":{"b":1}}}"#,
        );
        applies(
            r#"{"move":"p[*].a.b","to":"p[*].c"}"#,
            r#"{"p":[{"a":{"b":1}},{"a":{}},{"a":{"b":3,"d":4}}]}"#,
            r#"{"p":[{"a":{},"c":1},{"a":{}},{"a":{"d":4},"c":3}]}"#,
        );
        unchanged(r#"{"move":"a","to":"b"}"#, r#"{"b":1}"#, "absent");
        unchanged(r#"{"move":"a","to":"a"}"#, r#"{"a":1}"#, "unchanged");
        unchanged(
            r#"{"move":"a","to":"x.b","parents":"no"}"#,
            r#"{"a":1}"#,
            "absent",
        );
    }

    #[test]
    fn every_occurrence_goes_and_the_last_arrives() {
        applies(
            r#"{"move":"a","to":"b"}"#,
            r#"{"a":1,"x":0,"a":2}"#,
            r#"{"x":0,"b":2}"#,
        );
        applies(
            r#"{"move":"a.b","to":"c"}"#,
            r#"{"a":{"b":1},"a":{"b":2}}"#,
            r#"{"a":{"b":1},"a":{},"c":2}"#,
        );
    }

    #[test]
    fn a_target_that_is_there_is_settled_as_asked() {
        let moving = |on_conflict: &str| format!(r#"{{"move":"a","to":"b","on_conflict":"{on_conflict}"}}"#);
        fails(
            &moving("fail"),
            r#"{"a":1,"b":1}"#,
            "conflict at b: expected no member of this name, found a number",
        );
        applies(&moving("replace"), r#"{"b":0,"a":1,"c":2}"#, r#"{"c":2,"b":1}"#);
        applies(&moving("keep_target"), r#"{"a":1,"b":2}"#, r#"{"b":2}"#);
        applies(
            &moving("merge"),
            r#"{"a":{"x":1},"b":{"y":2},"c":0}"#,
            r#"{"b":{"y":2,"x":1},"c":0}"#,
        );
        applies(&moving("merge"), r#"{"a":1,"b":null,"c":0}"#, r#"{"b":1,"c":0}"#);
        fails(&moving("merge"), r#"{"a":{"x":1},"b":{"x":2}}"#, "conflict at b");
        fails(&moving("merge"), r#"{"a":{"x":1},"b":[]}"#, "mismatch at b");
        applies(
            r#"{"move":"a.b","to":"a","on_conflict":"replace"}"#,
            r#"{"a":{"b":1,"c":2}}"#,
            r#"{"a":1}"#,
        );
    }

    #[test]
    fn a_target_inside_of_its_source_is_refused() {
        refuses(r#"{"move":"a","to":"a.b"}"#, "inside");
        fails(r#"{"move":"/a/0","to":"/a/0"}"#, r#"{"a":[{}]}"#, "mismatch at a");
        fails(
            r#"{"move":"a[-1]","to":"a[0].x"}"#,
            r#"{"a":[{}]}"#,
            "conflict at a[0]",
        );
    }

    #[test]
    fn headers_and_the_key_are_ends_too() {
        applies_with(
            r#"{"move":"@headers.a","to":"@headers.b"}"#,
            &[("a", "1"), ("c", "2")],
            &[("c", "2"), ("b", "1")],
        );
        let conflict = run(r#"{"move":"@headers.a","to":"b"}"#, r#"{"b":"x"}"#, &[("a", "x")]).unwrap_err();
        assert!(conflict.to_string().starts_with("conflict at b"), "{conflict}");
        fails(r#"{"move":"a","to":"@key"}"#, r#"{"a":[]}"#, "type at @key");
        refuses(r#"{"move":"a[*]","to":"@key"}"#, "wildcard");
        refuses(r#"{"move":"a[*].b","to":"c"}"#, "wildcard");
        refuses(r#"{"move":"a","to":"c[*].d"}"#, "wildcard");
    }
}
