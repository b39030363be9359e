//! How a value of a union stands in a document.
//!
//! The rule depends on the schema alone, never on the value, so that what was read is written as the same branch again:
//!
//! 1. `null` is `null`.
//! 2. Where there is one other branch, its value stands plainly.
//! 3. Where there are several and each is another kind of JSON value, each stands plainly.
//! 4. Else the branches that share their kind with another one, and then those that are objects too, stand as in Avro's
//!    JSON encoding: an object with one member, which has the name of the branch. The others stand plainly.

use dunlin_core::migration::document::{Kind, Text};

use super::model::{Model, TypeId};

/// The branches of a union, in the order of the schema.
#[derive(Debug, Clone)]
pub(super) struct Union {
    pub(super) branches: Vec<Branch>,
}

#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) kind: TypeId,
    /// The name around its values, where they do not stand plainly.
    pub(super) wrapper: Option<Wrapper>,
}

/// The name of the one member around a value.
#[derive(Debug, Clone)]
pub(super) struct Wrapper {
    pub(super) name: String,
    pub(super) text: Text,
}

impl Union {
    /// A union of which the branches are known and their form in documents is not yet.
    pub(super) fn new(branches: Vec<TypeId>) -> Self {
        let plain = |kind| Branch { kind, wrapper: None };
        Self {
            branches: branches.into_iter().map(plain).collect(),
        }
    }

    /// Decides which branches stand plainly.
    pub(super) fn settle(&mut self, model: &Model) {
        let kinds: Vec<Option<Kind>> = self
            .branches
            .iter()
            .map(|branch| model.of(branch.kind).document_kind())
            .collect();
        let is_shared = |kind: Option<Kind>| kinds.iter().filter(|other| **other == kind).count() > 1;
        let is_any_shared = kinds.iter().any(|kind| is_shared(*kind));
        for (branch, kind) in self.branches.iter_mut().zip(&kinds) {
            let is_wrapped = is_shared(*kind) || (is_any_shared && *kind == Some(Kind::Object));
            branch.wrapper = is_wrapped.then(|| {
                let name = model.of(branch.kind).label();
                Wrapper {
                    name: name.to_owned(),
                    text: Text::from_str(name),
                }
            });
        }
    }

    /// The branch whose values stand plainly as values of this kind.
    pub(super) fn plain(&self, kind: Kind, model: &Model) -> Option<usize> {
        self.branches.iter().position(|branch| {
            branch.wrapper.is_none() && model.of(branch.kind).document_kind() == Some(kind)
        })
    }

    /// The branch whose values stand in a member of this name.
    pub(super) fn wrapped(&self, name: &Text) -> Option<usize> {
        self.branches.iter().position(|branch| {
            branch
                .wrapper
                .as_ref()
                .is_some_and(|wrapper| name.is(&wrapper.name))
        })
    }
}
