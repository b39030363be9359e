use super::*;
use crate::migration::document::{Reading, parse};
use crate::migration::path::Path;

fn document(json: &str) -> Value {
    parse(json.as_bytes(), &Reading::default()).unwrap()
}

/// Every branch as it is shown: a path for a place, `-` for absent, `0` for an empty container, `!path` for a mismatch.
fn branches(json: &str, path: &str, occurrences: Occurrences) -> Vec<String> {
    let document = document(json);
    let path: Path = path.parse().unwrap();
    resolve(&document, &[], path.segments().unwrap(), occurrences)
        .iter()
        .map(|branch| match branch {
            Branch::Place(place) => show(&document, &place.location),
            Branch::Absent(absent) if absent.absence == Absence::Missing => "-".to_owned(),
            Branch::Absent(_) => "0".to_owned(),
            Branch::Mismatch(mismatch) => format!("!{}", show(&document, &mismatch.location)),
        })
        .collect()
}

#[test]
fn a_path_matches_is_absent_or_meets_another_kind() {
    for (json, path, found) in [
        (r#"{"a":{"b":1}}"#, "a.b", vec!["a.b"]),
        (r#"{"a":{"b":1}}"#, "/a/b", vec!["a.b"]),
        (r#"{"a":{}}"#, "a.b", vec!["-"]),
        (r#"{"a":null}"#, "a.b", vec!["-"]),
        (r#"{"a":null}"#, "a", vec!["a"]),
        (r#"{"a":1}"#, "a.b", vec!["!a"]),
        (r#"{"a":[]}"#, "a.b", vec!["!a"]),
        ("1", "a", vec!["!$"]),
        ("null", "a", vec!["-"]),
        ("null", "$", vec!["-"]),
        ("1", "$", vec!["$"]),
        ("[1,2]", "[*]", vec!["[0]", "[1]"]),
        ("[1,2]", "[-1]", vec!["[1]"]),
        ("[1,2]", "[-3]", vec!["-"]),
        ("[1,2]", "[2]", vec!["-"]),
        ("[1,2]", "/1", vec!["[1]"]),
        ("[1,2]", "/2", vec!["-"]),
        ("[1,2]", "/-", vec!["-"]),
        ("[1,2]", "/01", vec!["!$"]),
        ("[1,2]", "/a", vec!["!$"]),
        (r#"{"0":1,"-":2}"#, "/0", vec![r#""0""#]),
        ("[]", "[*].a", vec!["0"]),
        ("{}", "*", vec!["0"]),
        (r#"{"a":1}"#, "x_*", vec!["-"]),
        (r#"{"a":1}"#, "[*]", vec!["!$"]),
        ("[1]", "*", vec!["!$"]),
        (r#"{"x_a":1,"b":2,"x_c":3}"#, "x_*", vec!["x_a", "x_c"]),
        (
            r#"[{"a":1},2,{},null,{"a":3}]"#,
            "[*].a",
            vec!["[0].a", "![1]", "-", "-", "[4].a"],
        ),
    ] {
        assert_eq!(
            branches(json, path, Occurrences::Every),
            found,
            "{path} in {json}"
        );
    }
}

#[test]
fn names_are_compared_after_unescaping() {
    assert_eq!(
        branches(r#"{"cust\u006fmer":1}"#, "customer", Occurrences::Every),
        ["customer"]
    );
}

#[test]
fn every_occurrence_is_a_place_or_only_the_last() {
    let json = r#"{"a":{"b":1,"b":2},"a":{"b":3}}"#;
    assert_eq!(branches(json, "a.b", Occurrences::Every).len(), 3);
    let document = document(json);
    let path: Path = "a.b".parse().unwrap();
    let last = resolve(&document, &[], path.segments().unwrap(), Occurrences::Last);
    assert_eq!(
        last,
        [Branch::Place(Place {
            location: vec![1, 0],
            scope: 0
        })]
    );
}

#[test]
fn any_depth_goes_from_the_outermost_inwards_in_document_order() {
    let json = r#"{"b":[{"a":{"a":1}}],"a":2,"c":{"a":3}}"#;
    assert_eq!(
        branches(json, "**.a", Occurrences::Every),
        ["b[0].a", "b[0].a.a", "a", "c.a"]
    );
    assert_eq!(branches("[]", "**.a", Occurrences::Every), ["-"]);
    assert_eq!(branches("{}", "**.a", Occurrences::Every), ["-"]);
    assert_eq!(branches("1", "**.a", Occurrences::Every), ["!$"]);
    assert_eq!(branches("null", "**.a", Occurrences::Every), ["-"]);
}

#[test]
fn where_begins_at_the_element_of_the_last_wildcard() {
    let document = document(r#"{"a":[{"b":{"c":1}}],"d":{"e":{"f":2}}}"#);
    let scope = |path: &str| {
        let path: Path = path.parse().unwrap();
        match resolve(&document, &[], path.segments().unwrap(), Occurrences::Every).as_slice() {
            [Branch::Place(place), ..] => show(&document, place.scope_of()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(scope("a[*].b.c"), "a[0]");
    assert_eq!(scope("d.*.f"), "d.e");
    assert_eq!(scope("d.e.f"), "$");
    assert_eq!(scope("**.c"), "a[0].b");
}

fn aims(json: &str, path: &str, parents: Parents) -> Vec<String> {
    let document = document(json);
    let path: Path = path.parse().unwrap();
    aim(
        &document,
        &[],
        path.segments().unwrap(),
        Occurrences::Every,
        parents,
    )
    .iter()
    .map(|aim| match aim {
        Aim::Target(target) => {
            let made = target
                .make
                .iter()
                .map(|name| format!("+{name}"))
                .collect::<String>();
            format!("{}{made}", show(&document, &target.base.location))
        }
        Aim::Absent(absent) if absent.absence == Absence::Missing => "-".to_owned(),
        Aim::Absent(_) => "0".to_owned(),
        Aim::Mismatch(mismatch) => format!("!{}", show(&document, &mismatch.location)),
    })
    .collect()
}

#[test]
fn a_target_names_the_objects_that_must_be_made() {
    use Parents::{Missing, MissingOrNull, No};
    for (json, path, parents, found) in [
        ("{}", "a", Missing, vec!["$"]),
        ("{}", "a.b.c", Missing, vec!["$+a+b"]),
        ("{}", "a.b.c", No, vec!["-"]),
        (r#"{"a":{}}"#, "a.b.c", Missing, vec!["a+b"]),
        (r#"{"a":null}"#, "a.b.c", Missing, vec!["-"]),
        (r#"{"a":null}"#, "a.b.c", MissingOrNull, vec!["a+b"]),
        (r#"{"a":null}"#, "a.b", MissingOrNull, vec!["a"]),
        ("null", "a.b", MissingOrNull, vec!["-"]),
        (
            r#"{"a":[null,{},{"b":{}}]}"#,
            "a[*].b.c",
            Missing,
            vec!["-", "a[1]+b", "a[2].b"],
        ),
        (r#"{"a":[]}"#, "a[*].b", Missing, vec!["0"]),
        (r#"{"a":[]}"#, "a[0].b", Missing, vec!["-"]),
        ("{}", "a[*].b", Missing, vec!["-"]),
        ("{}", "/a/0/b", Missing, vec!["-"]),
        ("{}", "/a/0", Missing, vec!["-"]),
        ("{}", "/0/a", Missing, vec![r#"$+"0""#]),
        (r#"{"a":1}"#, "a.b.c", Missing, vec!["!a"]),
        (r#"{"a":{},"a":{}}"#, "a.b.c", Missing, vec!["a+b", "a+b"]),
    ] {
        assert_eq!(aims(json, path, parents), found, "{path} in {json}");
    }
}
