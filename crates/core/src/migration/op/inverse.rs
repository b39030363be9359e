//! What undoes an operation, and what is lost on the way there and back.

use super::Op;
use crate::migration::path::Path;

/// What undoes an operation, and how well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inverse {
    /// The operations that undo it, in the order in which they run. Empty where it cannot be undone.
    pub(crate) ops: Vec<Op>,
    /// What is lost.
    pub(crate) loss: Loss,
    /// Without loss only because the path leads to one place. Inside of `each` it does not.
    pub(super) one_place: bool,
}

/// What is lost when an operation is performed and then undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: where the operation was applied, its inverse gives back an equal document.
    Lossless,
    /// By itself an inverse, if there is one, does not give back every value or place; a complement does. Why.
    Restorable(&'static str),
    /// Values are gone for good, because that is what the operation is for. Why.
    Lossy(&'static str),
}

impl Loss {
    /// Why an operation with a condition is not lossless.
    pub(crate) const CONDITIONAL: &str =
        "its condition is judged anew, on the document as it is on the way back";

    /// How bad it is: the higher, the worse.
    pub(crate) const fn rank(&self) -> u8 {
        match self {
            Self::Lossless => 0,
            Self::Restorable(_) => 1,
            Self::Lossy(_) => 2,
        }
    }

    /// The word for it: `lossless`, `restorable`, `lossy`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lossless => "lossless",
            Self::Restorable(_) => "restorable",
            Self::Lossy(_) => "lossy",
        }
    }
}

impl Inverse {
    const MANY_PLACES: &str = "of several places, one that was left alone may look like a result, and is changed on the way back, too";

    /// Undone by one operation, without loss.
    pub(crate) fn lossless(op: Op) -> Self {
        Self {
            ops: vec![op],
            loss: Loss::Lossless,
            one_place: false,
        }
    }

    /// Undone by one operation, without loss where this path leads to one place.
    ///
    /// What was applied at one place was applied there. Of several, the inverse cannot tell one that was changed from one
    /// that was left alone and looks the same.
    pub(crate) fn lossless_at_one_place(op: Op, path: &Path) -> Self {
        if path.last_wildcard().is_some() {
            return Self::restorable(op, Self::MANY_PLACES);
        }
        Self {
            one_place: true,
            ..Self::lossless(op)
        }
    }

    /// What is lost where the operation is performed at several places, each under this condition.
    pub(super) fn loss_at_many_places(&self, conditional: bool) -> Loss {
        match &self.loss {
            Loss::Lossless if self.one_place => Loss::Restorable(Self::MANY_PLACES),
            Loss::Lossless if conditional => Loss::Restorable(Loss::CONDITIONAL),
            loss => loss.clone(),
        }
    }

    /// Undone by one operation, with something lost.
    pub(crate) fn restorable(op: Op, why: &'static str) -> Self {
        Self {
            ops: vec![op],
            loss: Loss::Restorable(why),
            one_place: false,
        }
    }

    /// Undone by operations that only a schema could tell.
    pub(crate) fn known(ops: Vec<Op>, is_lossless: bool, why: &'static str) -> Self {
        let loss = if is_lossless {
            Loss::Lossless
        } else {
            Loss::Restorable(why)
        };
        Self {
            ops,
            loss,
            one_place: false,
        }
    }

    /// Not undone by any operation.
    pub(crate) fn none(why: &'static str) -> Self {
        Self {
            loss: Loss::Restorable(why),
            ..Self::lossy(why)
        }
    }

    /// Never undone.
    pub(crate) const fn lossy(why: &'static str) -> Self {
        Self {
            ops: Vec::new(),
            loss: Loss::Lossy(why),
            one_place: false,
        }
    }
}
