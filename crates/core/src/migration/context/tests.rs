use super::*;
use crate::migration::op::testing::{applies, applies_with, document, fails, run, step, unchanged};

#[test]
fn strict_fails_when_nothing_matched_unless_a_container_was_empty() {
    let strict = r#"{"remove":"a[*].b","strict":true}"#;
    fails(strict, "{}", "absent at a[*].b: expected at least one place");
    fails(strict, r#"{"a":[{}]}"#, "absent at a[*].b: ");
    unchanged(strict, r#"{"a":[]}"#, "absent");
    applies(strict, r#"{"a":[{},{"b":1}]}"#, r#"{"a":[{},{}]}"#);
}

#[test]
fn strict_minds_what_was_skipped_for_a_mismatch_and_not_what_where_left_alone() {
    fails(
        r#"{"remove":"a.b","strict":true,"on_mismatch":"skip"}"#,
        r#"{"a":1}"#,
        "absent",
    );
    unchanged(
        r#"{"remove":"a","strict":true,"where":{".":1}}"#,
        r#"{"a":2}"#,
        "skipped",
    );
    fails(r#"{"remove":"**.a","strict":true}"#, "{}", "absent at **.a: ");
}

#[test]
fn the_first_place_that_fails_names_the_failure() {
    fails(
        r#"{"remove":"a[*].b"}"#,
        r#"{"a":[{},"x",2]}"#,
        "mismatch at a[1]: expected an object, found a string",
    );
    applies(
        r#"{"remove":"a[*].b","on_mismatch":"skip"}"#,
        r#"{"a":["x",{"b":1}]}"#,
        r#"{"a":["x",{}]}"#,
    );
}

#[test]
fn without_a_payload_headers_are_changed_and_the_document_is_absent() {
    let perform = |operation: &str, headers: &[(&str, &str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut context = Context::new(None, headers, None, &NoSecrets, Limits::default());
        step(operation)
            .unwrap()
            .apply(&mut context)
            .map(|change| (change.outcome.name(), context.headers.len()))
    };
    assert_eq!(perform(r#"{"remove":"a"}"#, &[]), Ok(("absent", 0)));
    assert!(perform(r#"{"remove":"a","strict":true}"#, &[]).is_err());
    assert_eq!(
        perform(r#"{"remove":"@headers.a"}"#, &[("a", "1"), ("a", "2")]),
        Ok(("applied", 0))
    );
    let guarded = r#"{"remove":"@headers.a","where":{"b":{"exists":false}}}"#;
    assert_eq!(perform(guarded, &[("a", "1")]), Ok(("skipped", 1)));
    let guarded = r#"{"remove":"@headers.a","where":{".":"1","@headers.b":{"exists":false}}}"#;
    assert_eq!(perform(guarded, &[("a", "1")]), Ok(("applied", 0)));
}

#[test]
fn a_header_is_changed_at_every_occurrence_and_a_new_one_goes_to_the_end() {
    applies_with(
        r#"{"modify":"@headers.a","value":5}"#,
        &[("a", "1"), ("b", "2"), ("a", "5")],
        &[("a", "5"), ("b", "2"), ("a", "5")],
    );
    applies_with(
        r#"{"add":"@headers.c","value":true}"#,
        &[("a", "1")],
        &[("a", "1"), ("c", "true")],
    );
    let (change, _, _) = run(r#"{"modify":"@headers.a","value":5}"#, "{}", &[("a", "5")]).unwrap();
    assert_eq!(change.outcome, Outcome::Unchanged);
}

#[test]
fn bytes_that_are_no_utf_8_pass_where_nothing_reads_them() {
    let mut headers = Headers::new();
    headers.append("a", Bytes::from_static(b"\xff"));
    let mut context = Context::new(None, headers, None, &NoSecrets, Limits::default());
    let rename = step(r#"{"rename":"@headers.a","to":"b"}"#).unwrap();
    assert_eq!(rename.apply(&mut context).unwrap().outcome, Outcome::Applied);
    assert_eq!(context.headers.get("b"), Some(&Bytes::from_static(b"\xff")));
    let copy = step(r#"{"copy":"@headers.b","to":"b"}"#).unwrap();
    context.document = Some(document("{}"));
    assert_eq!(
        copy.apply(&mut context).unwrap_err().kind,
        FailureKind::InvalidText
    );
    let guarded = step(r#"{"remove":"@headers.b","where":{".":"x"}}"#).unwrap();
    assert_eq!(
        guarded.apply(&mut context).unwrap_err().kind,
        FailureKind::InvalidText
    );
}

#[test]
fn paths_can_begin_at_elements() {
    let mut context = Context::new(
        Some(document(r#"{"a":[{"b":1},{"c":2}],"b":3}"#)),
        Headers::new(),
        None,
        &NoSecrets,
        Limits::default(),
    );
    let remove = step(r#"{"remove":"b","strict":true}"#).unwrap();
    let change = context
        .within(vec![vec![0, 0], vec![0, 1]], |context| remove.apply(context))
        .unwrap();
    assert_eq!(change.outcome, Outcome::Applied);
    assert_eq!(context.document.unwrap().to_json(), r#"{"a":[{},{"c":2}],"b":3}"#);
}

#[test]
fn a_document_that_becomes_far_too_deep_is_refused_between_operations() {
    let mut deep = Value::Null;
    for _ in 0..100_000 {
        deep = Value::Array(vec![deep]);
    }
    let mut context = Context::new(
        Some(Value::Null),
        Headers::new(),
        None,
        &NoSecrets,
        Limits::default(),
    );
    let failure = context.under(&Arc::default(), |context| {
        context.document = Some(deep);
        Ok(Change::of(Outcome::Applied))
    });
    assert_eq!(failure.unwrap_err().kind, FailureKind::Limit);
}
