//! Every rule of the formats page is shown by a golden case, or says why it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::golden;

/// A rule that no case shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Untested {
    rule: String,
    why: String,
    /// `path/from/the/root.rs::name_of_the_test`, or several of them.
    #[serde(default)]
    covered_by: Tests,
}

#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Tests {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

impl Tests {
    fn each(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(test) => std::slice::from_ref(test),
            Self::Several(tests) => tests,
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The ids that the page gives: `**F1.02**`, `**add.03**`.
fn rules() -> BTreeSet<String> {
    let pattern =
        regex::Regex::new(r"\*\*((?:F[0-9]+|[a-z_]+)\.[0-9]{2})\*\*").expect("the pattern is right");
    let page = read("docs/formats.md");
    let all: Vec<String> = pattern
        .captures_iter(&page)
        .map(|found| found[1].to_owned())
        .collect();
    let unique: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(
        all.len(),
        unique.len(),
        "a rule stands twice: {:?}",
        repeated(&all)
    );
    assert!(
        unique.len() > 300,
        "only {} rules were found in docs/formats.md",
        unique.len()
    );
    unique
}

fn repeated(all: &[String]) -> Vec<&String> {
    let mut counts = BTreeMap::new();
    for rule in all {
        *counts.entry(rule).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(rule, _)| rule)
        .collect()
}

/// The rules that cases name, each with one of them.
fn shown() -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for (file, cases) in golden::files() {
        for case in cases.cases {
            for rule in case.rules {
                shown.insert(rule, format!("{file}: {}", case.name));
            }
        }
    }
    shown
}

fn untested() -> Vec<Untested> {
    serde_saphyr::from_str(&read("docs/formats-untested.yaml")).expect("the list can be read")
}

#[test]
fn every_rule_has_a_case_or_a_reason() {
    let shown = shown();
    let excused: BTreeSet<String> = untested().into_iter().map(|one| one.rule).collect();
    let missing: Vec<_> = rules()
        .into_iter()
        .filter(|rule| !shown.contains_key(rule) && !excused.contains(rule))
        .collect();
    assert!(
        missing.is_empty(),
        "without a case and without a reason: {}",
        missing.join(", ")
    );
}

#[test]
fn no_case_names_a_rule_that_the_page_does_not_have() {
    let rules = rules();
    let unknown: Vec<_> = shown()
        .into_iter()
        .filter(|(rule, _)| !rules.contains(rule))
        .collect();
    assert!(unknown.is_empty(), "unknown rules: {unknown:?}");
}

#[test]
fn every_reason_is_for_a_rule_without_a_case_and_names_a_test_that_exists() {
    let (rules, shown) = (rules(), shown());
    let mut seen = BTreeSet::new();
    for one in untested() {
        assert!(rules.contains(&one.rule), "{} is no rule of the page", one.rule);
        assert!(seen.insert(one.rule.clone()), "{} stands twice", one.rule);
        if let Some(case) = shown.get(&one.rule) {
            panic!("{} is shown by a case ({case}) and needs no reason", one.rule);
        }
        assert!(one.why.len() > 10, "{} has no reason", one.rule);
        for covered_by in one.covered_by.each() {
            let (file, test) = covered_by.split_once("::").expect("`covered_by` is path::test");
            let text = read(file);
            // A macro that makes tests names them without `fn`.
            let found = text.contains(&format!("fn {test}(")) || text.contains(&format!("    {test}: \""));
            assert!(
                found,
                "{} is said to be covered by {covered_by}, which is not there",
                one.rule
            );
        }
    }
}

/// The page of expressions lists exactly the functions that an expression can call.
#[test]
fn the_functions_of_expressions_are_those_of_their_page() {
    let page = read("docs/reference/expressions.md");
    let (_, list) = page
        .split_once("<!-- functions -->")
        .expect("the page marks where the list begins");
    let (list, _) = list
        .split_once("<!-- end of functions -->")
        .expect("the page marks where the list ends");
    let documented: std::collections::BTreeSet<&str> = list.split('`').skip(1).step_by(2).collect();
    let known: std::collections::BTreeSet<&str> = dunlin_core::migration::expression::FUNCTIONS
        .iter()
        .copied()
        // What macros expand to has a name that nobody can write.
        .filter(|name| !name.contains('@'))
        .collect();
    assert_eq!(documented, known);
}
