//! Whether who has one JSON Schema accepts what fits another.
//!
//! Two schemas are compared by their shapes, and keyword by keyword in what they ask for beyond those. A keyword that says
//! something else than before, and is no bound, is taken for a break on both sides: whether one pattern admits all that
//! another does is not decided here.

use std::cmp::Ordering;

use dunlin_core::finding::Findings;
use dunlin_core::migration::SchemaReference;
use dunlin_core::migration::load::Resolver;

use super::compile;
use super::documents::Documents;
use super::number::Decimal;
use super::rules::{BOUNDS, Rules};
use crate::compat::{Difference, by_shape};

/// The differences between two schemas in files. `None` where one of them cannot be compiled, and findings say why.
pub(crate) fn differences(
    old: &SchemaReference,
    new: &SchemaReference,
    files: &dyn Resolver,
    findings: &mut Findings,
) -> Option<Vec<Difference>> {
    let mut differences = by_shape(old, new, files, findings)?;
    let mut rules_of = |reference: &SchemaReference| {
        let documents = Documents::of_file(reference, reference.file.as_ref()?, files, findings)?;
        compile::compile(&documents, findings).map(|compiled| compiled.rules)
    };
    let (old, new) = (rules_of(old)?, rules_of(new)?);
    differences.extend(between(&old, &new));
    Some(differences)
}

/// The differences between what two schemas ask for beyond their shapes.
fn between(old: &Rules, new: &Rules) -> Vec<Difference> {
    let mut differences = Vec::new();
    for ((path, keyword), says) in new {
        let (words, breaks_backward, breaks_forward) = match old.get(&(path.clone(), keyword.clone())) {
            Some(before) if before == says => continue,
            None => ("is asked for now", true, false),
            Some(before) => match changed(keyword, before, says) {
                Some(change) => change,
                None => continue,
            },
        };
        differences.push(Difference {
            path: path.as_str().to_owned(),
            sentence: format!("`{keyword}` {words}"),
            breaks_backward,
            breaks_forward,
        });
    }
    for (path, keyword) in old.keys().filter(|key| !new.contains_key(*key)) {
        differences.push(Difference {
            path: path.as_str().to_owned(),
            sentence: format!("`{keyword}` is asked for no longer"),
            breaks_backward: false,
            breaks_forward: true,
        });
    }
    differences.sort_by(|left, right| left.path.cmp(&right.path));
    differences
}

/// What became of a keyword that both schemas have, and which sides it breaks. `None`: it says the same.
fn changed(keyword: &str, before: &str, now: &str) -> Option<(&'static str, bool, bool)> {
    let Some((_, is_lower)) = BOUNDS.iter().find(|(name, _)| *name == keyword) else {
        return Some(("says something else", true, true));
    };
    let order = Decimal::read(now).cmp(&Decimal::read(before));
    match (order, *is_lower) {
        (Ordering::Equal, _) => None,
        (Ordering::Greater, true) | (Ordering::Less, false) => Some(("lets less through", true, false)),
        (Ordering::Less, true) | (Ordering::Greater, false) => Some(("lets more through", false, true)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::reference;
    use super::*;
    use dunlin_core::migration::load::MemoryResolver;

    /// The differences, each with the sides that it breaks.
    fn compared(old: &str, new: &str) -> Vec<(String, bool, bool)> {
        let files = MemoryResolver::new().with("old.json", old).with("new.json", new);
        let mut findings = Findings::new();
        let all = crate::compat::compare(
            &reference("old.json"),
            &reference("new.json"),
            &files,
            &mut findings,
        );
        let told = |one: Difference| (one.to_string(), one.breaks_backward, one.breaks_forward);
        all.unwrap_or_else(|| panic!("{findings}"))
            .into_iter()
            .map(told)
            .collect()
    }

    #[test]
    fn keywords_beyond_the_shape_break_the_side_that_they_narrow() {
        let wrapped = |rule: &str| {
            format!(r#"{{"type": "object", "properties": {{"a": {{"type": "string"{rule}}}}}}}"#)
        };
        for (old, new, expected) in [
            (
                r#", "maxLength": 5"#,
                r#", "maxLength": 4"#,
                Some(("a: `maxLength` lets less through", true, false)),
            ),
            (
                r#", "maxLength": 5"#,
                r#", "maxLength": 6"#,
                Some(("a: `maxLength` lets more through", false, true)),
            ),
            (
                r#", "minLength": 5"#,
                r#", "minLength": 6"#,
                Some(("a: `minLength` lets less through", true, false)),
            ),
            (
                "",
                r#", "pattern": "x""#,
                Some(("a: `pattern` is asked for now", true, false)),
            ),
            (
                r#", "pattern": "x""#,
                "",
                Some(("a: `pattern` is asked for no longer", false, true)),
            ),
            (
                r#", "pattern": "x""#,
                r#", "pattern": "y""#,
                Some(("a: `pattern` says something else", true, true)),
            ),
            (r#", "maxLength": 5"#, r#", "maxLength": 5.0"#, None),
            (r#", "pattern": "x""#, r#", "pattern": "x""#, None),
        ] {
            let expected: Vec<_> = expected
                .map(|(text, back, forth)| (text.to_owned(), back, forth))
                .into_iter()
                .collect();
            assert_eq!(compared(&wrapped(old), &wrapped(new)), expected, "{old} {new}");
        }
    }

    #[test]
    fn shapes_and_rules_are_compared_together_and_through_references() {
        let old = r##"{"type": "object", "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}},
            "$defs": {"line": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}}}"##;
        let new = r##"{"type": "object", "required": ["lines"], "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/l"}}},
            "$defs": {"l": {"allOf": [{"type": "object", "properties": {"n": {"type": "integer", "minimum": 2}}}]}}}"##;
        let all = compared(old, new);
        assert!(
            all.iter()
                .any(|(text, back, _)| text.starts_with("lines: ") && *back),
            "{all:?}"
        );
        assert!(
            all.contains(&("lines[*].n: `minimum` lets less through".to_owned(), true, false)),
            "{all:?}"
        );
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_can_be_compared() {
        let tree = r##"{"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer", "multipleOf": 2}}}"##;
        assert_eq!(compared(tree, tree), []);
    }
}
