//! Whether who knows one schema can read what was written with another, and what stands in the way.
//!
//! The levels are those of Confluent's registry. A schema is compared by the rules of its own language: what Avro resolves,
//! what Protobuf's wire format carries, what a JSON Schema admits. Nothing is compared across languages.

use std::fmt;

use dunlin_core::finding::Findings;
use dunlin_core::migration::load::Resolver;
use dunlin_core::migration::shape::{Certainty, Misfit, Shape};
use dunlin_core::migration::{SchemaCompiler, SchemaFormat, SchemaReference};

use crate::Schemas;

/// Something in which two schemas differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place, as failures print it: `lines[*].sku`, or the name of a message or type; empty for the whole schema.
    pub path: String,
    /// What differs, in words, lower case and without a full stop: `the member is required, and has no default`.
    pub sentence: String,
    /// Whether who has the new schema cannot read what was written with the old one.
    pub breaks_backward: bool,
    /// Whether who has the old schema cannot read what is written with the new one.
    pub breaks_forward: bool,
}

/// Without a path, the sentence alone.
impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        formatter.write_str(&self.sentence)
    }
}

/// What a new schema owes to older ones, as Confluent's registry defines it.
///
/// The transitive levels ask it of all older schemas, the others of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Level {
    /// Nothing.
    None,
    /// Who has the new schema can read what was written with the one before.
    #[default]
    Backward,
    /// Who has the new schema can read what was written with any older one.
    BackwardTransitive,
    /// Who has the schema before can read what is written with the new one.
    Forward,
    /// Who has any older schema can read what is written with the new one.
    ForwardTransitive,
    /// Backward and forward.
    Full,
    /// Backward and forward, for all older schemas.
    FullTransitive,
}

impl Level {
    /// All levels with their words.
    pub const ALL: [(&'static str, Self); 7] = [
        ("none", Self::None),
        ("backward", Self::Backward),
        ("backward-transitive", Self::BackwardTransitive),
        ("forward", Self::Forward),
        ("forward-transitive", Self::ForwardTransitive),
        ("full", Self::Full),
        ("full-transitive", Self::FullTransitive),
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Backward => "backward",
            Self::BackwardTransitive => "backward-transitive",
            Self::Forward => "forward",
            Self::ForwardTransitive => "forward-transitive",
            Self::Full => "full",
            Self::FullTransitive => "full-transitive",
        }
    }

    /// Whether all older schemas are compared, and not only the one before.
    #[must_use]
    pub const fn is_transitive(self) -> bool {
        match self {
            Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive => true,
            Self::None | Self::Backward | Self::Forward | Self::Full => false,
        }
    }

    /// Whether a difference is one that this level does not allow.
    #[must_use]
    pub const fn forbids(self, difference: &Difference) -> bool {
        match self {
            Self::None => false,
            Self::Backward | Self::BackwardTransitive => difference.breaks_backward,
            Self::Forward | Self::ForwardTransitive => difference.breaks_forward,
            Self::Full | Self::FullTransitive => difference.breaks_backward || difference.breaks_forward,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// The differences between two schemas of one language, in the order of the schemas.
///
/// `None` where one of them cannot be compiled, and findings say why.
pub fn compare(
    old: &SchemaReference,
    new: &SchemaReference,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Vec<Difference>> {
    if old.format != new.format {
        let message = format!(
            "expected two schemas of one language, found {} and {}",
            old.format, new.format
        );
        findings.error(&new.place, message);
        return None;
    }
    // A language with rules of its own for readers and writers has its own arm, and a function `differences` of this
    // signature in a module `compat`; the others are compared by their shapes.
    match old.format {
        SchemaFormat::Avro => crate::avro::differences(old, new, files, findings),
        SchemaFormat::Protobuf => crate::protobuf::compat::differences(old, new, files, findings),
        SchemaFormat::JsonSchema => crate::json_schema::differences(old, new, files, findings),
    }
}

/// Compares two schemas by the documents that fit them: the new one can read the old one's if all of those fit it.
pub(crate) fn by_shape(
    old: &SchemaReference,
    new: &SchemaReference,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Vec<Difference>> {
    let mut shape_of = |reference: &SchemaReference| {
        let schema = Schemas::default().compile(reference, files, findings)?;
        let shape = schema.shape();
        if shape.is_none() {
            findings.error(
                &reference.place,
                "expected a schema in a file, found one that only a registry has",
            );
        }
        shape
    };
    let (old, new) = (shape_of(old), shape_of(new));
    Some(between(&old?, &new?))
}

/// The differences between two shapes.
pub(crate) fn between(old: &Shape, new: &Shape) -> Vec<Difference> {
    let mut differences: Vec<Difference> = old
        .misfits(new)
        .iter()
        .map(|misfit| Difference {
            path: misfit.path.as_str().to_owned(),
            sentence: sentence("new", "old", misfit),
            breaks_backward: true,
            breaks_forward: false,
        })
        .collect();
    for misfit in new.misfits(old) {
        let path = misfit.path.as_str().to_owned();
        let sentence = sentence("old", "new", &misfit);
        differences.push(Difference {
            path,
            sentence,
            breaks_backward: false,
            breaks_forward: true,
        });
    }
    differences
}

fn sentence(reader: &str, writer: &str, misfit: &Misfit) -> String {
    let share = match misfit.certainty {
        Certainty::Certain => "always",
        Certainty::Possible | Certainty::Unknown => "possible",
    };
    format!(
        "the {reader} schema expects {}, and with the {writer} one this is {share}: {}",
        misfit.expected, misfit.found
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_core::migration::shape::{Kinds, MemberShape, Node, ObjectShape, StringShape};

    fn shape(members: &[(&str, bool)]) -> Shape {
        let value: Node = Kinds {
            string: Some(StringShape::default()),
            ..Kinds::default()
        }
        .into();
        let members = members
            .iter()
            .map(|(name, required)| MemberShape {
                name: (*name).to_owned(),
                required: *required,
                value: value.clone(),
            })
            .collect();
        let object = ObjectShape {
            members,
            others: Some(Node::Anything),
        };
        Shape::of(
            Kinds {
                object: Some(object),
                ..Kinds::default()
            }
            .into(),
        )
    }

    #[test]
    fn a_member_that_becomes_required_breaks_backward_alone() {
        let all = between(&shape(&[("a", false)]), &shape(&[("a", true)]));
        assert_eq!(all.len(), 1);
        assert_eq!(
            all[0].to_string(),
            "a: the new schema expects a member of this name, and with the old one this is possible: documents without it"
        );
        let allowed: Vec<&str> = Level::ALL
            .iter()
            .filter(|(_, level)| !level.forbids(&all[0]))
            .map(|(word, _)| *word)
            .collect();
        assert_eq!(allowed, ["none", "forward", "forward-transitive"]);
    }

    #[test]
    fn equal_shapes_do_not_differ() {
        assert_eq!(between(&shape(&[("a", true)]), &shape(&[("a", true)])), []);
    }

    #[test]
    fn every_level_is_known_by_its_word() {
        for (word, level) in Level::ALL {
            assert_eq!(level.to_string(), word);
        }
    }
}
