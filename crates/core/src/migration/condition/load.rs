//! Reads a `where` from a file, and prints it as canonical JSON.

use std::collections::BTreeMap;

use super::{Scalar, Subject, Test, Where};
use crate::finding::Finding;
use crate::migration::canonical::{self, Canonical};
use crate::migration::document::Kind;
use crate::migration::load::fields::Fields;
use crate::migration::path::Takes;
use crate::source::{Content, Node};

impl Where {
    /// Reads the field `where`, if it is there.
    pub(crate) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let node = fields.node("where")?;
        let Some(members) = node.members() else {
            return fields.expected(node, "an object of paths and tests");
        };
        if members.is_empty() {
            fields.report(Finding::error(
                &node.place,
                "expected at least one test in `where`",
            ));
            return None;
        }
        let mut tests = BTreeMap::new();
        for member in members {
            let subject = subject(fields, &member.name);
            let test = test(fields, &member.value);
            let (Some(subject), Some(test)) = (subject, test) else {
                continue;
            };
            if tests.contains_key(&subject) {
                let message = format!("the path `{subject}` stands twice in `where`");
                fields.report(Finding::error(&member.name.place, message));
            }
            tests.insert(subject, test);
        }
        Some(Self { tests })
    }

    /// The `where` as canonical JSON.
    pub(crate) fn canonical(&self) -> String {
        let mut out = Canonical::new();
        for (subject, test) in &self.tests {
            out.json(&subject.to_string(), test.canonical());
        }
        out.finish()
    }
}

fn subject(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Subject> {
    if node.text() == Some(".") {
        return Some(Subject::Here);
    }
    let path = fields.path_of(node, Takes::PLACES.message())?;
    if path.last_wildcard().is_some() {
        let message = "expected a path without a wildcard in `where`";
        let help = "its paths begin at the element of the place's last wildcard, else at the document";
        fields.report(Finding::error(&node.place, message).help(help));
        return None;
    }
    Some(Subject::Path(path))
}

fn test(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Test> {
    match &node.content {
        Content::Array(elements) if elements.is_empty() => {
            fields.report(Finding::error(
                &node.place,
                "expected at least one scalar in this list",
            ));
            None
        }
        Content::Array(elements) => {
            let scalars: Vec<_> = elements.iter().map(|element| scalar(fields, element)).collect();
            scalars.into_iter().collect::<Option<_>>().map(Test::OneOf)
        }
        Content::Object(_) => keyed_test(fields, node),
        Content::Null
        | Content::Bool(_)
        | Content::Number(_)
        | Content::String(_)
        | Content::Surrogates(_)
        | Content::Faulty => scalar(fields, node).map(|scalar| Test::OneOf(vec![scalar])),
    }
}

fn keyed_test(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Test> {
    let [member] = node.members()? else {
        let message = "expected a test with one key: `exists`, `is` or `not`";
        fields.report(Finding::error(&node.place, message));
        return None;
    };
    match member.name.text() {
        Some("exists") => match member.value.content {
            Content::Bool(wanted) => Some(Test::Exists(wanted)),
            _ => fields.expected(&member.value, "`true` or `false`"),
        },
        Some("is") => {
            let words = Kind::ALL.map(|kind| (kind.name(), kind));
            fields.choice_of(&member.value, &words).map(Test::Is)
        }
        Some("not") => test(fields, &member.value).map(|test| Test::Not(Box::new(test))),
        _ => {
            if !member.name.is_faulty() {
                let name = member.name.text().unwrap_or_default();
                let meant = crate::finding::did_you_mean(name, ["exists", "is", "not"]);
                let message = format!("unknown test `{name}`{meant}; expected `exists`, `is` or `not`");
                fields.report(Finding::error(&member.name.place, message));
            }
            None
        }
    }
}

fn scalar(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Scalar> {
    let scalar = node.to_value().as_ref().and_then(Scalar::from_value);
    if scalar.is_none() {
        return fields.expected(node, "a scalar");
    }
    scalar
}

impl Test {
    fn canonical(&self) -> String {
        let keyed = |key: &str, json: String| {
            let mut out = Canonical::new();
            out.json(key, json);
            out.finish()
        };
        match self {
            Self::OneOf(scalars) => match scalars.as_slice() {
                [single] => canonical::value(&single.to_value()),
                several => {
                    let several: Vec<_> = several
                        .iter()
                        .map(|scalar| canonical::value(&scalar.to_value()))
                        .collect();
                    canonical::list(&several)
                }
            },
            Self::Exists(wanted) => keyed("exists", wanted.to_string()),
            Self::Is(kind) => keyed("is", canonical::quoted(kind)),
            Self::Not(test) => keyed("not", test.canonical()),
        }
    }
}
