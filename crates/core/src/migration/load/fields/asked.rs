//! What a parser asks for.
//!
//! A schema for editors must not be a second list of operands beside the parsers, so it is made by asking them: a parser is
//! given an object whose values are all faulty, which it passes over without a word, and what it asks for is written down.

use super::{Fields, Scope};
use crate::finding::Findings;
use crate::source::Node;

/// What a field is read as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::migration::load) enum Asked {
    /// A text: a path, a name, an expression, any text.
    Text,
    /// One text or a list of them.
    Texts,
    /// One of these words.
    Words(Vec<String>),
    /// `true` or `false`.
    Flag,
    /// `null`.
    Null,
    /// A whole number.
    Count,
    /// Any value.
    Value,
    /// A list of anything.
    List,
    /// An object.
    Object,
    /// A list of objects of the same scope.
    Objects,
}

impl Asked {
    /// The words of a choice.
    pub(super) fn words<T>(words: &[(&str, T)]) -> Self {
        Self::Words(words.iter().map(|(word, _)| (*word).to_owned()).collect())
    }
}

/// All that a parser asked for.
#[derive(Debug, Default)]
pub(in crate::migration::load) struct Asking {
    /// The fields, in the order in which they were asked for.
    pub(in crate::migration::load) known: Vec<&'static str>,
    /// Those that it needs and did not find.
    pub(in crate::migration::load) missing: Vec<&'static str>,
    /// What they are read as; one may be read in several ways.
    pub(in crate::migration::load) read_as: Vec<(&'static str, Asked)>,
}

/// Runs a parser over an object, and tells what it asked for. What it found and returned is of no interest.
pub(in crate::migration::load) fn ask_with<'node, T>(
    node: &'node Node,
    scope: Scope,
    parse: impl FnOnce(&mut Fields<'node, '_>) -> T,
) -> Asking {
    let mut findings = Findings::new();
    let mut fields = Fields {
        node,
        members: node.members().unwrap_or_default(),
        subject: String::new(),
        scope,
        known: Vec::new(),
        missing: Vec::new(),
        head: node.place.clone(),
        hopeless: false,
        asking: Some(Vec::new()),
        findings: &mut findings,
    };
    parse(&mut fields);
    Asking {
        known: fields.known,
        missing: fields.missing,
        read_as: fields.asking.unwrap_or_default(),
    }
}

impl Fields<'_, '_> {
    /// Keeps what a field is read as, where somebody wants to know.
    pub(super) fn note(&mut self, field: &'static str, asked: impl FnOnce() -> Asked) {
        if let Some(asking) = &mut self.asking {
            let asked = (field, asked());
            if !asking.contains(&asked) {
                asking.push(asked);
            }
        }
    }
}
