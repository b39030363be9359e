use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Framing, SchemaReference};

use super::super::tests::reference;
use super::*;

/// The findings of some files, each in one line; the first is the one that is meant.
fn findings(files: &[(&str, &str)], imports: &[&str], message: Option<&str>) -> Vec<String> {
    let resolver = files
        .iter()
        .fold(MemoryResolver::new(), |all, (name, text)| all.with(name, *text));
    let reference = SchemaReference {
        imports: imports.iter().map(ToString::to_string).collect(),
        ..reference(Framing::Plain)
    };
    let mut findings = Findings::new();
    let sources = Sources::of_files(&reference, files[0].0, &resolver, &mut findings);
    let model = sources.and_then(|sources| {
        let message = message.map(|name| (name, &reference.place));
        compile(&sources, message, &mut findings)
    });
    assert_eq!(model.is_none(), findings.has_errors());
    findings.sorted().iter().map(ToString::to_string).collect()
}

fn one(text: &str) -> Vec<String> {
    findings(&[("a.avsc", text)], &[], None)
}

#[test]
fn each_fault_is_told_at_its_line_and_column() {
    let text = r#"{"type": "record", "name": "Order", "fields": [
  {"name": "id", "type": "strng"},
  {"name": "1st", "type": "int"},
  {"name": "kind", "type": "enum"},
  {"name": "id", "type": "long", "default": 1}
]}"#;
    let expected = [
        "a.avsc:2:26: error: no type is called `strng`, did you mean `string`?",
        "a.avsc:3:12: error: expected the name of a field",
        "a.avsc:4:28: error: `enum` is no type by its name alone",
    ];
    assert_eq!(one(text), expected);
}

#[test]
fn what_avro_forbids_is_refused_with_a_sentence() {
    let cases = [
        ("7", "expected a type"),
        ("{}", "expected the member `type`"),
        ("[]", "expected at least one branch"),
        (r#"["int", ["null"]]"#, "may not hold another union"),
        (r#"["int", "int"]"#, "`int` twice"),
        (r#"{"type": "array"}"#, "expected the member `items`"),
        (r#"{"type": "fixed", "name": "F"}"#, "expected the member `size`"),
        (
            r#"{"type": "fixed", "name": "F", "size": -1}"#,
            "a whole number from 0",
        ),
        (
            r#"{"type": "fixed", "name": "F", "size": 1e99}"#,
            "a whole number from 0",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["a", "a"]}"#,
            "`a` stands twice",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["a-b"]}"#,
            "expected a symbol",
        ),
        (
            r#"{"type": "enum", "name": "E", "symbols": ["a"], "default": "b"}"#,
            "one of the symbols",
        ),
        (
            r#"{"type": "record", "name": "n-s.R", "fields": []}"#,
            "is no name of a type",
        ),
        (r#"{"type": "record", "name": "int", "fields": []}"#, "Avro's own"),
        (r#"{"type": "record", "name": "R"}"#, "the list `fields`"),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
            "the field `a` twice",
        ),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": "x"}]}"#,
            "expected a default for `int`, found a string",
        ),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "default": 2147483648}]}"#,
            "within the range of `int`",
        ),
        (
            r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "int"], "default": "x"}]}"#,
            "fits none",
        ),
        (
            r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 5}"#,
            "not greater than the precision",
        ),
        (
            r#"{"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 5}"#,
            "a precision from 1 to 4",
        ),
    ];
    for (text, expected) in cases {
        let found = one(text);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{text}: {found:?}, not {expected}"
        );
        assert!(found[0].starts_with("a.avsc:1:"), "{found:?}");
    }
}

#[test]
fn a_logical_type_that_does_not_fit_is_passed_over_with_a_warning() {
    for text in [
        r#"{"type": "string", "logicalType": "date"}"#,
        r#"{"type": "long", "logicalType": "fortnight"}"#,
    ] {
        let found = one(text);
        assert!(found.len() == 1 && found[0].contains("warning"), "{found:?}");
    }
}

#[test]
fn types_are_found_in_imported_files_and_folders() {
    let order = r#"{"type": "record", "name": "shop.Order", "fields": [
        {"name": "price", "type": "money.Price"}, {"name": "place", "type": "Place"}]}"#;
    let price = r#"{"type": "record", "name": "Price", "namespace": "money", "fields": [
        {"name": "currency", "type": "Currency"}]}"#;
    let currency = r#"[{"type": "enum", "name": "money.Currency", "symbols": ["EUR"]}, "int"]"#;
    let place = r#"{"type": "fixed", "name": "shop.Place", "size": 2}"#;
    let files = [
        ("a.avsc", order),
        ("types/price.avsc", price),
        ("types/currency.avsc", currency),
        ("types/readme.txt", "none"),
        ("place.avsc", place),
    ];
    assert_eq!(findings(&files, &["types", "place.avsc"], None), [""; 0]);
    assert_eq!(
        findings(&files, &["types", "place.avsc"], Some("money.Price")),
        [""; 0]
    );
    let missing = findings(&files, &["types"], None);
    assert!(
        missing.len() == 1 && missing[0].starts_with("a.avsc:2:") && missing[0].contains("`shop.Place`"),
        "{missing:?}"
    );
    let unknown = findings(&files, &["types", "place.avsc"], Some("shop.Ordr"));
    assert!(
        unknown[0].starts_with("m.yaml:1:5") && unknown[0].contains("did you mean `shop.Order`"),
        "{unknown:?}"
    );
    let nowhere = findings(&files, &["elsewhere"], None);
    assert!(nowhere[0].contains("there is no such file"), "{nowhere:?}");
}

#[test]
fn files_that_import_one_another_are_refused_with_a_sentence() {
    let a = r#"{"type": "record", "name": "A", "fields": [{"name": "b", "type": "B"}]}"#;
    let b = r#"{"type": "record", "name": "B", "fields": [{"name": "c", "type": "C"}]}"#;
    let c = r#"{"type": "record", "name": "C", "fields": [{"name": "a", "type": ["null", "A"]}]}"#;
    let found = findings(&[("a.avsc", a), ("b.avsc", b), ("c.avsc", c)], &[""], None);
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("c.avsc:1:") && line.contains("may not import one another")),
        "{found:?}"
    );
}

#[test]
fn a_type_is_defined_before_it_is_used_and_once() {
    let later = r#"[{"type": "record", "name": "A", "fields": [{"name": "b", "type": "B"}]},
        {"type": "fixed", "name": "B", "size": 1}]"#;
    let found = one(later);
    assert!(found[0].contains("before it is defined, in line 2"), "{found:?}");
    let twice = r#"[{"type": "fixed", "name": "B", "size": 1}, {"type": "fixed", "name": "B", "size": 2}]"#;
    let found = one(twice);
    assert!(
        found[0].contains("defined twice, first at a.avsc:1:28"),
        "{found:?}"
    );
}

#[test]
fn defaults_that_lead_to_themselves_or_to_millions_of_values_are_refused() {
    let endless = r#"{"type": "record", "name": "A", "fields": [{"name": "a", "type": "A", "default": {}}]}"#;
    let found = one(endless);
    assert!(found[0].contains("may lead to itself"), "{found:?}");
    let mut all = vec![r#"{"type": "record", "name": "R0", "fields": []}"#.to_owned()];
    for level in 1..40 {
        let before = level - 1;
        let field = |name: &str| format!(r#"{{"name": "{name}", "type": "R{before}", "default": {{}}}}"#);
        all.push(format!(
            r#"{{"type": "record", "name": "R{level}", "fields": [{}, {}]}}"#,
            field("a"),
            field("b")
        ));
    }
    let found = one(&format!("[{}]", all.join(",")));
    assert!(found[0].contains("more defaults than are read"), "{found:?}");
}

#[test]
fn a_text_that_is_nested_a_hundred_thousand_deep_is_refused() {
    let text = "[".repeat(100_000);
    let found = one(&text);
    assert!(found[0].contains("nested too deeply"), "{found:?}");
}

#[test]
fn names_that_lead_ten_thousand_types_deep_do_not_exhaust_the_stack() {
    let mut all = vec![r#"{"type":"fixed","name":"T0","size":1}"#.to_owned()];
    for level in 1..10_000 {
        let before = level - 1;
        all.push(format!(
            r#"{{"type":"record","name":"T{level}","fields":[{{"name":"t","type":"T{before}"}}]}}"#
        ));
    }
    let resolver = MemoryResolver::new().with("a.avsc", format!("[{}]", all.join(",")));
    let reference = SchemaReference {
        message: Some("T9999".to_owned()),
        ..reference(Framing::Plain)
    };
    let mut findings = Findings::new();
    let schema = super::super::compile(&reference, None, &resolver, &mut findings);
    let schema = schema.unwrap_or_else(|| panic!("{}", findings.render()));
    assert!(schema.shape().is_some());
    let failure = super::super::tests::decoded(&*schema, &[1]).expect_err("it is deeper than allowed");
    assert_eq!(failure.kind, dunlin_core::migration::FailureKind::Limit);
}
