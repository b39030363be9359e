use dunlin_core::migration::Framing;
use dunlin_core::migration::load::MemoryResolver;

use super::super::tests::reference;
use super::*;

fn told(old: &str, new: &str) -> Vec<(String, bool, bool)> {
    let files = MemoryResolver::new().with("old.avsc", old).with("new.avsc", new);
    let named = |file: &str| SchemaReference {
        file: Some(file.to_owned()),
        ..reference(Framing::Plain)
    };
    let mut findings = Findings::new();
    let all = differences(&named("old.avsc"), &named("new.avsc"), &files, &mut findings);
    all.unwrap_or_else(|| panic!("{}", findings.render()))
        .into_iter()
        .map(|difference| {
            let (back, forth) = (difference.breaks_backward, difference.breaks_forward);
            (difference.to_string(), back, forth)
        })
        .collect()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
}

const A: &str = r#"{"name": "a", "type": "int"}"#;

#[test]
fn a_new_field_needs_a_default_for_those_who_read_old_messages() {
    let with_default = format!(r#"{A}, {{"name": "b", "type": "int", "default": 0}}"#);
    let without = format!(r#"{A}, {{"name": "b", "type": "int"}}"#);
    assert_eq!(told(&record(A), &record(&with_default)), []);
    let sentence = "the writer's `R` has no field `b`, and the reader's has no default for it";
    assert_eq!(
        told(&record(A), &record(&without)),
        [(sentence.to_owned(), true, false)]
    );
    assert_eq!(
        told(&record(&without), &record(A)),
        [(sentence.to_owned(), false, true)]
    );
}

#[test]
fn a_promotion_is_compatible_in_one_direction() {
    let long = r#"{"name": "a", "type": "long"}"#;
    let sentence = "a: the writer's `long` cannot be read as `int`";
    assert_eq!(
        told(&record(A), &record(long)),
        [(sentence.to_owned(), false, true)]
    );
}

#[test]
fn a_symbol_and_a_branch_that_readers_do_not_have_break_them() {
    let symbols = |all: &str| format!(r#"{{"type": "enum", "name": "E", "symbols": [{all}]}}"#);
    let found = told(&symbols(r#""A", "B""#), &symbols(r#""A""#));
    assert!(
        found.len() == 1 && found[0].0.contains("`B`") && found[0].1,
        "{found:?}"
    );
    let found = told(r#"["null", "int"]"#, r#"["null", "int", "string"]"#);
    assert!(found.len() == 1 && found[0].2, "{found:?}");
}
