//! `text`: small steps on strings, in their order.

use crate::migration::proof::{After, Prover};
use crate::migration::shape::{Node as ShapeNode, StringShape};
use icu_casemap::CaseMapper;
use regex::{Regex, RegexBuilder};

use crate::migration::canonical::{Canonical, list, quoted};
use crate::migration::context::{Context, Effect, OnError, too_large};
use crate::migration::document::{Text as Source, Value};
use crate::migration::failure::{Failure, FailureKind};
use crate::migration::load::fields::Fields;
use crate::migration::op::Inverse;
use crate::migration::op::convert::{put, read, wrong_kind};
use crate::migration::outcome::Change;
use crate::migration::path::{Path, Takes};
use crate::source::{Content, Node};

/// The most memory that a compiled regular expression may take, in bytes.
const MAX_REGEX: usize = 1 << 20;

/// Changes strings by a list of steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    path: Path,
    steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone)]
enum Step {
    Trim,
    Lower,
    Upper,
    StripPrefix(String),
    StripSuffix(String),
    Truncate(usize),
    Replace(Regex, String),
}

impl PartialEq for Step {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Text {
    pub(super) fn parse(fields: &mut Fields<'_, '_>) -> Option<Self> {
        let path = fields.path("text", Takes::PLACES.deep().message());
        let steps = fields.list("do").and_then(|nodes| {
            let steps: Vec<_> = nodes.iter().map(|node| Step::parse(fields, node)).collect();
            steps.into_iter().collect::<Option<Vec<_>>>()
        });
        Some(Self {
            path: path?,
            steps: steps?,
        })
    }

    pub(super) fn canonical(&self, out: &mut Canonical) {
        out.text("text", &self.path);
        let steps: Vec<_> = self.steps.iter().map(Step::canonical).collect();
        out.json("do", list(&steps));
    }

    pub(super) fn apply(&self, context: &mut Context<'_>) -> Result<Change, Failure> {
        let most = context.limits.working_size();
        context.change_values(&self.path, OnError::Fail, |value| self.convert(value, most))
    }

    pub(super) fn convert(&self, value: &mut Value, most: usize) -> Result<Effect, Failure> {
        let mut text = match value {
            Value::Null => return Ok(Effect::Unchanged),
            Value::String(text) => read(text)?.into_owned(),
            _ => return Err(wrong_kind("expected a string")),
        };
        for step in &self.steps {
            text = step
                .perform(&text, most)
                .ok_or_else(|| Failure::new(FailureKind::Limit, too_large(most)))?;
        }
        Ok(put(value, Value::String(Source::from_str(&text))))
    }

    /// Where it works.
    pub(super) fn paths(&mut self) -> Vec<&mut Path> {
        vec![&mut self.path]
    }

    /// What it makes of a shape.
    pub(super) fn prove(&self, prover: &mut Prover, node: ShapeNode) -> After {
        prover.convert(&self.path, node, "a string", OnError::Fail, |_, kinds, _| {
            kinds.made.string = kinds.unfit.string.take().map(|_| StringShape::default());
        })
    }

    pub(super) fn inverse(&self) -> Inverse {
        Inverse::none("the text before the steps is not kept")
    }
}

/// Makes a step that has no operand.
type Make = fn() -> Step;

impl Step {
    const PLAIN: [(&'static str, Make); 3] = [
        ("trim", || Self::Trim),
        ("lower", || Self::Lower),
        ("upper", || Self::Upper),
    ];
    const NAMES: [(&'static str, Named); 4] = [
        ("strip_prefix", Named::StripPrefix),
        ("strip_suffix", Named::StripSuffix),
        ("truncate", Named::Truncate),
        ("replace", Named::Replace),
    ];

    fn parse(fields: &mut Fields<'_, '_>, node: &Node) -> Option<Self> {
        if !matches!(node.content, Content::Object(_)) {
            if matches!(node.content, Content::String(_)) {
                return fields.choice_of(node, &Self::PLAIN).map(|make| make());
            }
            return fields.expected(
                node,
                "`trim`, `lower`, `upper`, or an object such as `{truncate: 10}`",
            );
        }
        let scope = fields.scope();
        Fields::read(node, "a step", scope, fields.findings(), |inner| {
            match inner.operation(&Self::NAMES, &["with"])? {
                Named::StripPrefix => Some(Self::StripPrefix(inner.text("strip_prefix")?.to_owned())),
                Named::StripSuffix => Some(Self::StripSuffix(inner.text("strip_suffix")?.to_owned())),
                Named::Truncate => Some(Self::Truncate(inner.optional_count("truncate", usize::MAX)?)),
                Named::Replace => {
                    let pattern = inner.text("replace");
                    let with = inner.text("with");
                    let pattern = pattern?;
                    match RegexBuilder::new(pattern).size_limit(MAX_REGEX).build() {
                        Ok(regex) => Some(Self::Replace(regex, with?.to_owned())),
                        Err(error) => {
                            let reason = error.to_string();
                            let last = reason
                                .lines()
                                .last()
                                .unwrap_or_default()
                                .trim_start_matches("error: ")
                                .to_owned();
                            inner.error("replace", format!("expected a regular expression: {last}"));
                            None
                        }
                    }
                }
            }
        })
    }

    /// The text behind the step; `None` where it would have more bytes than this.
    fn perform(&self, text: &str, most: usize) -> Option<String> {
        // The tables are those of Unicode 16; a character becomes exactly one character.
        const CASES: icu_casemap::CaseMapperBorrowed<'static> = CaseMapper::new();
        Some(match self {
            Self::Trim => text.trim().to_owned(),
            Self::Lower => text
                .chars()
                .map(|character| CASES.simple_lowercase(character))
                .collect(),
            Self::Upper => text
                .chars()
                .map(|character| CASES.simple_uppercase(character))
                .collect(),
            Self::StripPrefix(prefix) => text.strip_prefix(prefix.as_str()).unwrap_or(text).to_owned(),
            Self::StripSuffix(suffix) => text.strip_suffix(suffix.as_str()).unwrap_or(text).to_owned(),
            Self::Truncate(length) => text.chars().take(*length).collect(),
            Self::Replace(regex, with) => return replace_all(regex, text, with, most),
        })
    }

    fn canonical(&self) -> String {
        match self {
            Self::Trim => quoted("trim"),
            Self::Lower => quoted("lower"),
            Self::Upper => quoted("upper"),
            Self::StripPrefix(prefix) => format!("{{\"strip_prefix\":{}}}", quoted(prefix)),
            Self::StripSuffix(suffix) => format!("{{\"strip_suffix\":{}}}", quoted(suffix)),
            Self::Truncate(length) => format!("{{\"truncate\":{length}}}"),
            Self::Replace(regex, with) => {
                format!(
                    "{{\"replace\":{},\"with\":{}}}",
                    quoted(regex.as_str()),
                    quoted(with)
                )
            }
        }
    }
}

/// As `Regex::replace_all`, but it ends as soon as the result is too large: `$0$0` doubles a text with every step.
fn replace_all(regex: &Regex, text: &str, with: &str, most: usize) -> Option<String> {
    let mut result = String::with_capacity(text.len());
    let references = references(with);
    let mut behind = 0;
    for captures in regex.captures_iter(text) {
        let found = captures.get_match();
        result.push_str(&text[behind..found.start()]);
        behind = found.end();
        for reference in &references {
            captures.expand(reference, &mut result);
            if result.len() > most {
                return None;
            }
        }
    }
    result.push_str(&text[behind..]);
    Some(result)
}

/// The parts of a replacement, each with at most one reference to what was matched.
fn references(with: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = with;
    while !rest.is_empty() {
        let own = if rest.starts_with("$$") {
            2
        } else if rest.starts_with("${") {
            rest.find('}').map_or(rest.len(), |end| end + 1)
        } else {
            usize::from(rest.starts_with('$'))
        };
        let end = rest[own..].find('$').map_or(rest.len(), |next| own + next);
        let (part, behind) = rest.split_at(end);
        parts.push(part);
        rest = behind;
    }
    parts
}

#[derive(Clone, Copy)]
enum Named {
    StripPrefix,
    StripSuffix,
    Truncate,
    Replace,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::op::testing::fails;

    #[test]
    fn a_replacement_means_the_same_in_parts_as_in_one() {
        let regex = Regex::new("(?<x>b)(c)?").unwrap();
        for with in [
            "",
            "-",
            "$0$0",
            "$$0",
            "$$$1",
            "${x}y$x",
            "a${1}b$2c$",
            "${",
            "$1a$1",
            "${x$1}$",
        ] {
            assert_eq!(
                replace_all(&regex, "abcb", with, 1000).as_deref(),
                Some(&*regex.replace_all("abcb", with)),
                "{with}"
            );
        }
    }

    #[test]
    fn a_text_that_grows_without_end_is_a_limit() {
        let with = "$0".repeat(1000);
        let step = format!(r#"{{"replace":"(?s).+","with":"{with}"}}"#);
        let steps = vec![step; 6].join(",");
        fails(
            &format!(r#"{{"text":"a","do":[{steps}]}}"#),
            r#"{"a":"xx"}"#,
            "limit at a: expected at most 67108864 bytes between transformations",
        );
    }
}
