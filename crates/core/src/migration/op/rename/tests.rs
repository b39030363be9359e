use crate::migration::op::testing::{applies, applies_with, fails, refuses, unchanged};

#[test]
fn a_member_gets_its_new_name_in_the_same_place() {
    applies(
        r#"{"rename":"b","to":"x"}"#,
        r#"{"a":1,"b":2.0,"c":3}"#,
        r#"{"a":1,"x":2.0,"c":3}"#,
    );
    applies(
        r#"{"rename":"b","to":"\"a.b\""}"#,
        r#"{"b":2,"b":3}"#,
        r#"{"a.b":2,"a.b":3}"#,
    );
    unchanged(r#"{"rename":"b","to":"x"}"#, "{}", "absent");
    unchanged(r#"{"rename":"b","to":"b"}"#, r#"{"b":1}"#, "unchanged");
}

#[test]
fn a_name_that_is_there_is_treated_as_asked() {
    let rename = |on_conflict: &str| format!(r#"{{"rename":"b","to":"a","on_conflict":"{on_conflict}"}}"#);
    fails(
        &rename("fail"),
        r#"{"a":1,"b":2}"#,
        "conflict at a: expected no member of this name, found a number",
    );
    applies(&rename("replace"), r#"{"a":1,"b":2,"a":3}"#, r#"{"a":2}"#);
    applies(&rename("keep_target"), r#"{"a":1,"b":2}"#, r#"{"a":1}"#);
}

#[test]
fn the_renames_of_one_object_do_not_conflict_with_what_they_rename() {
    applies(
        r#"{"rename":"x_*","to":"x_x_*"}"#,
        r#"{"x_a":1,"x_x_a":2}"#,
        r#"{"x_x_a":1,"x_x_x_a":2}"#,
    );
    applies(
        r#"{"rename":"*_id","to":"*"}"#,
        r#"{"a_id":1,"b_id":2}"#,
        r#"{"a":1,"b":2}"#,
    );
    fails(
        r#"{"rename":"x_*","to":"*"}"#,
        r#"{"x_a":1,"a":2}"#,
        "conflict at a: ",
    );
}

#[test]
fn of_two_results_the_earlier_is_there() {
    fails(
        r#"{"rename":"*","case":"snake"}"#,
        r#"{"aB":1,"a-b":2}"#,
        "conflict at a_b: ",
    );
    let rename = |choice: &str| format!(r#"{{"rename":"*","case":"snake","on_conflict":"{choice}"}}"#);
    applies(
        &rename("replace"),
        r#"{"aB":1,"c":0,"a-b":2}"#,
        r#"{"c":0,"a_b":2}"#,
    );
    applies(
        &rename("keep_target"),
        r#"{"aB":1,"c":0,"a-b":2}"#,
        r#"{"a_b":1,"c":0}"#,
    );
    applies(&rename("keep_target"), r#"{"aB":1,"a_b":2}"#, r#"{"a_b":2}"#);
    applies(&rename("fail"), r#"{"aB":1,"aB":2}"#, r#"{"a_b":1,"a_b":2}"#);
}

#[test]
fn at_any_depth_each_object_is_a_batch_and_its_values_are_entered() {
    applies(
        r#"{"rename":"**.x_*","to":"*"}"#,
        r#"{"x_a":{"x_b":[{"x_c":1}]},"x_d":2}"#,
        r#"{"a":{"b":[{"c":1}]},"d":2}"#,
    );
    applies(
        r#"{"rename":"**.a","to":"b","on_conflict":"replace"}"#,
        r#"{"b":{"a":1},"a":{"a":2}}"#,
        r#"{"b":{"b":2}}"#,
    );
}

#[test]
fn what_where_leaves_alone_is_not_renamed_and_is_there() {
    fails(
        r#"{"rename":"x_*","to":"y_*","where":{".":{"is":"number"}}}"#,
        r#"{"x_a":1,"y_a":2}"#,
        "conflict at y_a: ",
    );
    applies(
        r#"{"rename":"*","case":"upper","where":{".":1}}"#,
        r#"{"a":1,"b":2}"#,
        r#"{"A":1,"b":2}"#,
    );
}

#[test]
fn a_name_that_is_no_text_is_carried_along() {
    applies(
        r#"{"rename":"*","to":"x_*"}"#,
        r#"{"\uD800":1}"#,
        r#"{"x_\ud800":1}"#,
    );
    applies(
        r#"{"rename":"*","case":"upper"}"#,
        r#"{"a\uD800":1}"#,
        r#"{"A\ud800":1}"#,
    );
}

#[test]
fn a_pointer_that_ends_in_an_element_is_a_mismatch() {
    fails(
        r#"{"rename":"/a/0","to":"b"}"#,
        r#"{"a":[1]}"#,
        "mismatch at a: expected an object, found an array",
    );
}

#[test]
fn a_header_is_renamed_in_its_place() {
    let headers = [("a", "1"), ("b", "2"), ("a", "3")];
    applies_with(
        r#"{"rename":"@headers.a","to":"c"}"#,
        &headers,
        &[("c", "1"), ("b", "2"), ("c", "3")],
    );
    let replace = r#"{"rename":"@headers.a","to":"b","on_conflict":"replace"}"#;
    applies_with(replace, &headers, &[("b", "1"), ("b", "3")]);
    let keep = r#"{"rename":"@headers.a","to":"b","on_conflict":"keep_target"}"#;
    applies_with(keep, &headers, &[("b", "2")]);
}

#[test]
fn operands_that_do_not_fit_together_are_refused() {
    refuses(r#"{"rename":"a"}"#, "`to` or `case`");
    refuses(r#"{"rename":"a","to":"b","case":"snake"}"#, "case");
    refuses(r#"{"rename":"a","to":"b.c"}"#, "move");
    refuses(r#"{"rename":"x_*","to":"b"}"#, "one star");
    refuses(r#"{"rename":"a","to":"x_*"}"#, "without a star");
    refuses(r#"{"rename":"a[0]","to":"b"}"#, "member");
    refuses(r#"{"rename":"@headers.a","to":"dunlin-x"}"#, "dunlin-");
    refuses(r#"{"rename":"@key","to":"b"}"#, "key");
}

#[test]
fn very_many_renames_are_judged_in_one_pass() {
    use std::fmt::Write as _;
    // Comparing each with each would take these minutes.
    let (mut lines, mut wide) = (String::from("["), String::from("{"));
    for index in 0..100_000 {
        let comma = if index == 0 { "" } else { "," };
        write!(lines, "{comma}{{\"a\":1}}").unwrap();
        write!(wide, "{comma}\"fooBar{index}\":1").unwrap();
    }
    lines.push(']');
    wide.push('}');
    applies(r#"{"rename":"[*].a","to":"b"}"#, &lines, &lines.replace('a', "b"));
    applies(
        r#"{"rename":"*","case":"snake"}"#,
        &wide,
        &wide.replace("fooBar", "foo_bar"),
    );
}
