//! `drop`: ends the way of a message, without a failure.

use crate::migration::canonical::Canonical;
use crate::migration::condition::Here;
use crate::migration::context::Context;
use crate::migration::failure::Failure;
use crate::migration::load::fields::{Fields, Scope};
use crate::migration::op::Inverse;
use crate::migration::outcome::{Change, Outcome, SkipReason};
use crate::migration::path::Path;
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

/// Ends the way of the message: it is acknowledged and not forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drop {
    reason: String,
}

impl Drop {
    /// Reads the operands. Without a condition it would drop everything, which nobody means.
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let reason = fields.text("drop").map(str::to_owned);
        if !fields.has("when") && !fields.has("where") {
            fields.error(
                "drop",
                "`drop` needs `when` or `where`; without one it would drop every message",
            );
        }
        if fields.scope() == Scope::Each {
            fields.error(
                "drop",
                "inside of `each` nothing can be dropped: a message is dropped as a whole",
            );
        }
        Some(Self { reason: reason? })
    }

    /// Writes the operands for the digest.
    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("drop", &self.reason);
    }

    /// Drops the message, unless `where` says otherwise. A message without payload can be dropped, too.
    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let outcome = if context.judge(&[], Here::Location(&[]))? {
            Outcome::Dropped
        } else {
            Outcome::Skipped(SkipReason::Condition)
        };
        Ok(Change::of(outcome))
    }

    /// It works on no place.
    pub(super) const fn paths(&mut self) -> Vec<&mut Path> {
        Vec::new()
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let base = prover.base().clone();
        prover.met.push(base);
        After::stays(node)
    }

    /// Nothing undoes it.
    pub(super) fn inverse(&self) -> Inverse {
        Inverse::lossy("a message that was dropped is gone")
    }

    /// Why the message ends here.
    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::op::testing::{refuses, run, unchanged};

    #[test]
    fn a_message_is_dropped_where_the_condition_holds() {
        let drop = r#"{"drop":"a test","where":{"kind":"test"}}"#;
        let (change, document, _) = run(drop, r#"{"kind":"test"}"#, &[]).unwrap();
        assert_eq!(
            (change.outcome.name(), document.as_str()),
            ("dropped", r#"{"kind":"test"}"#)
        );
        unchanged(drop, r#"{"kind":"order"}"#, "skipped");
    }

    #[test]
    fn without_a_condition_it_is_refused() {
        refuses(r#"{"drop":"everything"}"#, "`when` or `where`");
    }
}
