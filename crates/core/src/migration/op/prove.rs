//! What operations make of shapes.

use super::{Op, Step};
use crate::migration::proof::{After, Prover};
use crate::migration::shape::Node;

impl Op {
    /// What the operation makes of a shape: every document that it can make of documents of this shape.
    pub(crate) fn prove(&self, prover: &mut Prover, node: Node) -> After {
        match self {
            Self::Add(op) => op.prove(prover, node),
            Self::Remove(op) => op.prove(prover, node),
            Self::Modify(op) => op.prove(prover, node),
            Self::Rename(op) => op.prove(prover, node),
            Self::Move(op) => op.prove(prover, node),
            Self::Copy(op) => op.prove(prover, node),
            Self::Pick(op) => op.prove(prover, node),
            Self::Drop(op) => op.prove(prover, node),
            Self::Nest(op) => op.prove(prover, node),
            Self::Unnest(op) => op.prove(prover, node),
            Self::Flatten(op) => op.prove(prover, node),
            Self::Expand(op) => op.prove(prover, node),
            Self::Wrap(op) => op.prove(prover, node),
            Self::Unwrap(op) => op.prove(prover, node),
            Self::ToEntries(op) => op.prove(prover, node),
            Self::FromEntries(op) => op.prove(prover, node),
            Self::Each(op) => op.prove(prover, node),
            Self::Cast(op) => op.prove(prover, node),
            Self::Translate(op) => op.prove(prover, node),
            Self::Split(op) => op.prove(prover, node),
            Self::Join(op) => op.prove(prover, node),
            Self::Multiply(op) => op.prove(prover, node),
            Self::Time(op) => op.prove(prover, node),
            Self::Text(op) => op.prove(prover, node),
            Self::Hash(op) => op.prove(prover, node),
            Self::Redact(op) => op.prove(prover, node),
            Self::Encode(op) => op.prove(prover, node),
            Self::Decode(op) => op.prove(prover, node),
            Self::Compute(op) => op.prove(prover, node),
        }
    }
}

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
    /// Whether it works at one place at the most, and finds it or does not.
    fn is_at_one_place(&self) -> bool {
        let path = match self {
            Self::Remove(op) => &op.path,
            Self::Modify(op) => &op.path,
            Self::Rename(op) => &op.path,
            Self::Translate(op) => op.path(),
            Self::Text(op) => op.path(),
            Self::Hash(op) => op.path(),
            Self::Redact(op) => op.path(),
            Self::Add(_)
            | Self::Move(_)
            | Self::Copy(_)
            | Self::Pick(_)
            | Self::Drop(_)
            | Self::Nest(_)
            | Self::Unnest(_)
            | Self::Flatten(_)
            | Self::Expand(_)
            | Self::Wrap(_)
            | Self::Unwrap(_)
            | Self::ToEntries(_)
            | Self::FromEntries(_)
            | Self::Each(_)
            | Self::Cast(_)
            | Self::Split(_)
            | Self::Join(_)
            | Self::Multiply(_)
            | Self::Time(_)
            | Self::Encode(_)
            | Self::Decode(_)
            | Self::Compute(_) => return false,
        };
        path.is_document() && path.last_wildcard().is_none()
    }
}
