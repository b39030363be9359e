//! What an operation makes of shapes by the fields that decide about its places.

use super::{Op, Step};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

impl Step {
    /// What the operation makes of a shape by its rules.
    pub(crate) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        let before = node.clone();
        let (mut after, met) = prover.under(&self.rules, |prover| self.op.prove(prover, node));
        let judges = self.rules.filter.is_some();
        if self.rules.strict && !judges && !met && !prover.inside && self.op.is_at_one_place() {
            prover.remark(
                &prover.base().clone(),
                true,
                "fails, since it is strict and finds no place".to_owned(),
            );
            after = After::never();
        }
        if judges || self.rules.skip_mismatch {
            // Each place may be left alone.
            after.value = prover.unite(&before, &after.value);
        }
        after
    }
}

impl Op {
    /// Whether it works at one place at the most, and finds it or does not. Of the operations that are not named here
    /// nothing is claimed.
    fn is_at_one_place(&self) -> bool {
        let finds_or_not = matches!(
            self,
            Self::Remove(_)
                | Self::Modify(_)
                | Self::Rename(_)
                | Self::Translate(_)
                | Self::Text(_)
                | Self::Hash(_)
                | Self::Redact(_)
        );
        let path = self.first_path().filter(|_| finds_or_not);
        path.is_some_and(|path| path.is_document() && path.last_wildcard().is_none())
    }
}
