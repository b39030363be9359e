use crate::migration::op::testing::{applies, fails, refuses, unchanged};

/// A `remove` of `x` under one test.
fn guarded(test: &str) -> String {
    format!(r#"{{"remove":"x","where":{test}}}"#)
}

#[track_caller]
fn holds(test: &str, document: &str) {
    let before = format!(r#"{{"x":0,"d":{document}}}"#);
    applies(&guarded(test), &before, &format!(r#"{{"d":{document}}}"#));
}

#[track_caller]
fn fails_to_hold(test: &str, document: &str) {
    unchanged(&guarded(test), &format!(r#"{{"x":0,"d":{document}}}"#), "skipped");
}

#[test]
fn a_scalar_is_equal_by_kind_and_text() {
    holds(r#"{"d":1}"#, "1");
    fails_to_hold(r#"{"d":1}"#, "1.0");
    fails_to_hold(r#"{"d":1}"#, r#""1""#);
    holds(r#"{"d":"é"}"#, r#""\u00e9""#);
    holds(r#"{"d":null}"#, "null");
    holds(r#"{"d":[1,true]}"#, "true");
    fails_to_hold(r#"{"d":[1,true]}"#, "[1,true]");
}

#[test]
fn what_is_absent_fails_every_test_but_two() {
    fails_to_hold(r#"{"e":null}"#, "1");
    fails_to_hold(r#"{"e":{"is":"null"}}"#, "1");
    fails_to_hold(r#"{"e":{"exists":true}}"#, "1");
    holds(r#"{"e":{"exists":false}}"#, "1");
    holds(r#"{"e":{"not":1}}"#, "1");
    holds(r#"{"d.e.f":{"exists":false}}"#, "1");
    holds(r#"{"d":{"exists":true}}"#, "null");
}

#[test]
fn kinds_and_negations_are_tests() {
    holds(r#"{"d":{"is":"array"}}"#, "[]");
    holds(r#"{"d":{"is":null}}"#, "null");
    holds(r#"{"d":{"not":{"is":"array"}}}"#, "{}");
    holds(r#"{"d":{"not":{"not":[1,2]}}}"#, "2");
    fails_to_hold(r#"{"d":1,"x":1}"#, "1");
}

#[test]
fn the_last_occurrence_of_a_name_counts() {
    applies(
        r#"{"remove":"x","where":{"a":2}}"#,
        r#"{"x":0,"a":1,"a":2}"#,
        r#"{"a":1,"a":2}"#,
    );
    applies(
        r#"{"remove":"x","where":{".":1}}"#,
        r#"{"x":1,"x":2}"#,
        r#"{"x":2}"#,
    );
}

#[test]
fn a_string_that_is_no_text_cannot_be_compared_with_one() {
    fails(
        &guarded(r#"{"d":"a"}"#),
        r#"{"x":0,"d":"\ud800"}"#,
        "invalid_text at x: expected text at `d`",
    );
    fails_to_hold(r#"{"d":1}"#, r#""\ud800""#);
    holds(r#"{"d":{"is":"string"}}"#, r#""\ud800""#);
}

#[test]
fn a_test_that_cannot_be_judged_fails_at_the_place() {
    fails(
        r#"{"remove":"a[*].b","where":{"k":"x"}}"#,
        r#"{"a":[{"k":"y","b":1},{"k":"\ud800","b":1}]}"#,
        "invalid_text at a[1].b: expected text at `k`",
    );
}

#[test]
fn what_is_no_test_is_refused() {
    for (test, contains) in [
        ("{}", "at least one"),
        ("[]", "object of paths"),
        (r#"{"a[*]":1}"#, "wildcard"),
        (r#"{"a.*":1}"#, "wildcard"),
        (r#"{"**.a":1}"#, "`**`"),
        (r#"{"$":1}"#, "`$`"),
        (r#"{"a":[]}"#, "at least one"),
        (r#"{"a":[[1]]}"#, "scalar"),
        (r#"{"a":{}}"#, "one key"),
        (r#"{"a":{"is":"string","exists":true}}"#, "one key"),
        (r#"{"a":{"exist":true}}"#, "`exists`"),
        (r#"{"a":{"is":"text"}}"#, "`string`"),
        (r#"{"a":{"exists":1}}"#, "`true` or `false`"),
        (r#"{"a":1,"\"a\"":2}"#, "stands twice"),
    ] {
        refuses(&guarded(test), contains);
    }
}
