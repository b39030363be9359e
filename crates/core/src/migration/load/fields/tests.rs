use super::*;
use crate::migration::path::{Ends, Takes};
use crate::source::{Format, read};

/// Reads one object with a parser; the one-line findings, and whether anything came of it.
fn check<T>(
    text: &str,
    scope: Scope,
    parse: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
) -> (Vec<String>, Option<T>) {
    let mut findings = Findings::new();
    let node = read("f.yaml", text.as_bytes(), Format::Yaml, &mut findings).unwrap();
    let parsed = Fields::read(&node, "a transformation", scope, &mut findings, parse);
    (
        findings.sorted().into_iter().map(ToString::to_string).collect(),
        parsed,
    )
}

const OPERATIONS: [(&str, u8); 3] = [("add", 0), ("remove", 1), ("rename", 2)];

fn rename(fields: &mut Fields<'_, '_>) -> Option<(String, String, char)> {
    fields.operation(&OPERATIONS, &["id"])?;
    let path = fields.path("rename", Takes::PLACES.ends(Ends::Members));
    let to = fields.name("to");
    let on_conflict = fields.choice(
        "on_conflict",
        &[("fail", 'f'), ("replace", 'r'), ("null", 'n')],
        'f',
    );
    fields.optional_text("id");
    Some((path?.to_string(), to?.to_string(), on_conflict))
}

fn findings(text: &str) -> Vec<String> {
    let (findings, parsed) = check(text, Scope::Transformation, rename);
    assert_eq!(parsed.is_none(), !findings.is_empty());
    findings
}

#[test]
fn fields_are_read() {
    let (findings, parsed) = check(
        "rename: a.b\nto: '\"c d\"'\non_conflict: null\nid: x\n",
        Scope::Transformation,
        rename,
    );
    assert_eq!(findings, [""; 0]);
    assert_eq!(parsed, Some(("a.b".to_owned(), "\"c d\"".to_owned(), 'n')));
}

#[test]
fn everything_that_is_wrong_with_an_entry_is_reported() {
    assert_eq!(
        findings("rename: \"a..b\"\nto: c.d\non_conflict: replac\nidd: 1\n"),
        [
            "f.yaml:1:12: error: not a path: expected a name, `*` or `\"`",
            "f.yaml:2:6: error: not a name: expected one name, found more behind it",
            "f.yaml:3:14: error: expected `fail`, `replace` or `null`, found `replac`, did you mean `replace`?",
            "f.yaml:4:1: error: unknown field `idd` of `rename`, did you mean `id`?",
        ]
    );
}

#[test]
fn a_missing_operand_is_reported_at_the_operation() {
    assert_eq!(
        findings("id: x\nrename: a\n"),
        ["f.yaml:2:1: error: `rename` needs `to`"]
    );
}

#[test]
fn a_misspelt_operand_is_one_finding() {
    assert_eq!(
        findings("rename: a\ntoo: b\n"),
        ["f.yaml:2:1: error: unknown field `too` of `rename`, did you mean `to`?"]
    );
}

#[test]
fn an_operand_of_another_kind_is_reported() {
    assert_eq!(
        findings("rename: {}\nto:\non_conflict: 1\nid: []"),
        [
            "f.yaml:1:9: error: expected a path, found an object",
            "f.yaml:2:3: error: expected a name, found null",
            "f.yaml:3:14: error: expected `fail`, `replace` or `null`, found a number",
            "f.yaml:4:5: error: expected a string, found a list",
        ]
    );
}

#[test]
fn an_unknown_operation_is_reported_once_with_the_nearest_name() {
    assert_eq!(
        findings("renam: a\nto: b\n"),
        ["f.yaml:1:1: error: unknown operation `renam`, did you mean `rename`?"]
    );
    assert_eq!(
        findings("to: b\nremov: a\n"),
        ["f.yaml:2:1: error: unknown operation `remov`, did you mean `remove`?"]
    );
    assert_eq!(
        findings("zip: b\n"),
        ["f.yaml:1:1: error: unknown operation `zip`"]
    );
    assert_eq!(
        findings("id: b\n"),
        ["f.yaml:1:1: error: expected an operation in this entry"]
    );
    assert_eq!(
        findings("{}"),
        ["f.yaml:1:1: error: expected an operation in this entry"]
    );
    assert_eq!(
        findings("just text"),
        ["f.yaml:1:1: error: expected a transformation, found a string"]
    );
}

#[test]
fn a_second_operation_is_reported_at_its_name() {
    assert_eq!(
        findings("rename: a\nto: b\nremove: c\nrestore: 1\n"),
        ["f.yaml:3:1: error: a second operation, `remove`, stands beside `rename`"]
    );
}

#[test]
fn an_unquoted_list_in_the_place_of_a_path_is_explained() {
    let mut findings = Findings::new();
    let node = read("f.yaml", b"rename: [0]\nto: a\n", Format::Yaml, &mut findings).unwrap();
    assert!(
        Fields::read(
            &node,
            "a transformation",
            Scope::Transformation,
            &mut findings,
            rename
        )
        .is_none()
    );
    assert!(
        findings.to_string().contains("must be quoted in YAML"),
        "{findings}"
    );
}

#[test]
fn paths_to_the_message_are_refused_inside_of_each() {
    let takes = Takes::PLACES.message();
    let (findings, _) = check("remove: '@key'", Scope::Each, |fields| {
        fields.path("remove", takes)
    });
    assert_eq!(
        findings,
        ["f.yaml:1:9: error: inside of `each` a path leads into the element, not to a header or the key"]
    );
    let (findings, _) = check("remove: '@key'", Scope::Transformation, |fields| {
        fields.path("remove", takes)
    });
    assert_eq!(findings, [""; 0]);
}

#[test]
fn a_path_of_another_form_is_refused() {
    let (findings, _) = check("remove: $", Scope::Transformation, |fields| {
        fields.path("remove", Takes::PLACES)
    });
    assert_eq!(
        findings,
        ["f.yaml:1:9: error: expected a path to a member or an element, found `$`"]
    );
}

#[test]
fn one_or_several_are_read_and_none_twice() {
    let several = |text| {
        check(text, Scope::Transformation, |fields| {
            fields.paths("nest", Takes::PLACES)
        })
    };
    assert_eq!(several("nest: a").1.map(|paths| paths.len()), Some(1));
    assert_eq!(several("nest: [a, b]").1.map(|paths| paths.len()), Some(2));
    assert_eq!(
        several("nest: [a, 'b c', '\"a\"', 3]").0,
        [
            "f.yaml:1:13: error: not a path: expected `.`, `[` or the end of the path",
            "f.yaml:1:18: error: this stands twice in `nest`",
            "f.yaml:1:25: error: expected a path, found a number",
        ]
    );
    assert_eq!(
        several("nest: []").0,
        ["f.yaml:1:7: error: `nest` is an empty list; expected at least one entry"]
    );
    assert_eq!(
        several("{}").0,
        ["f.yaml:1:1: error: a transformation needs `nest`"]
    );
}

#[test]
fn numbers_flags_and_values_are_read() {
    let (findings, _) = check(
        "scale: -1\ntrim: yes\nvalue: null\nmost: 7\n",
        Scope::Transformation,
        |fields| {
            fields.optional_count("scale", 400);
            fields.flag("trim", false);
            assert!(fields.value("value").unwrap().is_null());
            assert_eq!(fields.optional_count("most", 7), Some(7));
            assert_eq!(fields.optional_count("none", 7), None);
            Some(())
        },
    );
    assert_eq!(
        findings,
        [
            "f.yaml:1:8: error: expected a whole number from 0 to 400, found another number",
            "f.yaml:2:7: error: expected `true` or `false`, found a string",
        ]
    );
}

#[test]
fn fields_that_exclude_or_need_each_other_are_reported() {
    let (findings, _) = check(
        "take: only\nof: a\nrest: drop\n",
        Scope::Transformation,
        |fields| {
            fields.excludes("take", "of");
            fields.only_with("rest", "take");
            fields.only_with("rest", "into");
            Some(())
        },
    );
    assert_eq!(
        findings,
        [
            "f.yaml:1:7: error: `take` has no meaning beside `of`",
            "f.yaml:3:7: error: `rest` has a meaning only beside `into`",
        ]
    );
}

#[test]
fn nested_objects_are_judged_too() {
    let (findings, parsed) = check("do: [{a: 1}, {b: 2}, 3]", Scope::Transformation, |fields| {
        fields.objects("do", "an entry", Scope::Each, |entry| {
            assert_eq!(entry.scope(), Scope::Each);
            entry.optional_count("a", 9)
        })
    });
    assert_eq!(parsed, None);
    assert_eq!(
        findings,
        [
            "f.yaml:1:15: error: unknown field `b` of an entry",
            "f.yaml:1:22: error: expected an entry, found a number",
        ]
    );
}

#[test]
fn a_defect_of_an_expression_has_its_own_column() {
    let (findings, _) = check("when: \"payload.a == )\"\n", Scope::Transformation, |fields| {
        fields.optional_expression("when")
    });
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0].starts_with("f.yaml:1:21: error: not an expression: "),
        "{findings:?}"
    );
    let (findings, parsed) = check("when: \"payload.a == 'x'\"\n", Scope::Transformation, |fields| {
        fields.expression("when")
    });
    assert!(findings.is_empty() && parsed.is_some());
}
