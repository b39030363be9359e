//! Schemas and documents that would take all the time, memory or stack there is.

use super::{document, findings, fits, schema};
use dunlin_core::migration::Unmet;

/// `0` leads to `1` twice, and so on.
fn doubling(depth: usize, keyword: &str) -> String {
    let defs: Vec<String> = (0..depth)
        .map(|level| {
            let next = level + 1;
            format!(r##""{level}": {{"{keyword}": [{{"$ref": "#/$defs/{next}"}}, {{"$ref": "#/$defs/{next}"}}]}}"##)
        })
        .collect();
    format!(
        r##"{{"$ref": "#/$defs/0", "$defs": {{{}, "{depth}": {{"type": "string"}}}}}}"##,
        defs.join(",")
    )
}

#[test]
fn a_schema_that_doubles_with_each_step_is_refused() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let told = findings(&doubling(40, keyword));
        assert!(told.contains("more than 100000 schemas"), "{told}");
        assert_eq!(told.lines().count(), 1);
    }
    assert!(fits(&schema(&doubling(10, "allOf")), "\"x\""));
}

#[test]
fn a_long_chain_of_references_is_refused_and_no_stack_is_exhausted() {
    let chain: Vec<String> = (0..20_000)
        .map(|level| format!(r##""{level}": {{"$ref": "#/$defs/{}"}}"##, level + 1))
        .collect();
    let text = format!(
        r##"{{"$ref": "#/$defs/0", "$defs": {{{}, "20000": {{}}}}}}"##,
        chain.join(",")
    );
    let told = findings(&text);
    assert!(told.contains("more than 100 steps"), "{told}");
    // Through members it is only long.
    let chain: Vec<String> = (0..5_000)
        .map(|level| {
            format!(
                r##""{level}": {{"properties": {{"n": {{"$ref": "#/$defs/{}"}}}}}}"##,
                level + 1
            )
        })
        .collect();
    let text = format!(
        r##"{{"$ref": "#/$defs/0", "$defs": {{{}, "5000": {{"type": "string"}}}}}}"##,
        chain.join(",")
    );
    assert!(fits(&schema(&text), r#"{"n": {"n": {}}}"#));
}

#[test]
fn a_schema_of_a_hundred_thousand_levels_is_refused() {
    let deep = format!("{}{}", "{\"not\":".repeat(100_000), "}".repeat(100_000));
    assert!(findings(&deep).contains("nested"), "{}", findings(&deep));
}

#[test]
fn a_regular_expression_of_any_size_is_refused_or_ends() {
    let told = findings(r#"{"pattern": "((a{1000}){1000}){1000}"}"#);
    assert!(told.contains("512 KiB"), "{told}");
    // Look-behind needs the engine that goes back, and this one would do so for longer than anyone waits.
    let slow = schema(r#"{"pattern": "^(?=(a+)+$)(a|a)*\\1b$"}"#);
    assert!(!fits(&slow, &format!("\"{}\"", "a".repeat(2000))));
}

#[test]
fn a_document_and_a_schema_that_multiply_each_other_come_to_an_end() {
    // Sixteen judgements of each level, at 200 levels.
    let schema = schema(
        r##"{"properties": {"n": {"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}},
            "anyOf": [{"type": "object"}, {"type": "string"}]}"##,
    );
    let deep = format!("{}{}{}", r#"{"n":"#.repeat(200), "1", "}".repeat(200));
    let unmet = schema.check(&document(&deep), None).unwrap_err();
    assert_eq!(unmet.len(), 1, "{unmet:?}");
}

#[test]
fn the_deepest_document_is_judged_on_the_stack_of_an_ordinary_thread() {
    let schema = schema(
        r##"{"$ref": "#/$defs/a", "$defs": {
            "a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/c"}]}, "c": {"anyOf": [{"$ref": "#/$defs/d"}, false]},
            "d": {"items": {"$ref": "#/$defs/a"}, "type": "array"}
        }}"##,
    );
    let deep = format!("{}{}", "[".repeat(256), "]".repeat(256));
    let judged = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            (
                schema.check(&document(&deep), None),
                schema.check(&document("[[[1]]]"), None),
            )
        })
        .unwrap()
        .join()
        .unwrap();
    let too_much = |unmet: Vec<Unmet>| unmet[0].rule.contains("640 KiB");
    assert!(
        judged.0.map_err(too_much).err().unwrap_or(true),
        "it fits, or it is said that it cannot be judged"
    );
    assert!(judged.1.is_err());
}
