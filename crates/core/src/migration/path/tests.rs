use proptest::prelude::*;

use super::*;

fn path(text: &str) -> Path {
    text.parse()
        .unwrap_or_else(|error: PathError| panic!("{text}: {error} at {}", error.offset))
}

fn refuse(text: &str) -> PathError {
    text.parse::<Path>()
        .map(|path| panic!("{text} was read as {path}"))
        .unwrap_err()
}

#[test]
fn every_form_prints_in_its_canonical_form() {
    for text in [
        "address.city",
        r#"meta."content type".v"#,
        r#""http.method""#,
        r#"a."\"\\".b"#,
        r#""""#,
        "items[*].sku",
        "[*].sku",
        "[0]",
        "items[0][-1].x",
        "labels.*",
        "labels.x_*",
        "*_id",
        "a*b.c",
        "**.gravatar_id",
        "**.x_*",
        r#"**."a b""#,
        "/address/city",
        "/a~1b/c~0",
        "/",
        "/*/0/-/",
        "$",
        "@key",
        "@headers.region",
        "@headers.content-type",
        r#"@headers."a.b""#,
        "_a-b-9",
    ] {
        assert_eq!(path(text).to_string(), text);
    }
}

#[test]
fn a_quoted_name_that_fits_the_bare_grammar_is_printed_bare() {
    assert_eq!(path(r#""address"."city""#).to_string(), "address.city");
    assert_eq!(
        path(r#"@headers."content-type""#).to_string(),
        "@headers.content-type"
    );
}

#[test]
fn a_quoted_star_is_literal_and_stays_quoted() {
    let literal = path(r#"labels."x_*""#);
    assert_eq!(literal.segments().unwrap()[1], Segment::Name(Name::new("x_*")));
    assert_eq!(literal.to_string(), r#"labels."x_*""#);
    assert_ne!(literal, path("labels.x_*"));
}

#[test]
fn a_bad_path_is_named_with_its_byte() {
    for (text, offset) in [
        ("", 0),
        (".a", 0),
        ("a.", 2),
        ("a..b", 2),
        ("a b", 1),
        ("a.1b", 2),
        ("é", 0),
        ("-a", 0),
        ("a[", 2),
        ("a[01]", 2),
        ("a[-0]", 2),
        ("a[+1]", 2),
        ("a[ 1]", 2),
        ("a[]", 2),
        ("a[1]b", 4),
        ("a.[0]", 2),
        ("a[99999999999999999999]", 2),
        ("a*b*", 3),
        ("a.**", 2),
        ("a.**.b", 2),
        ("**", 2),
        ("**.", 3),
        ("**.a.b", 4),
        ("**[*]", 2),
        ("***", 2),
        ("$.a", 1),
        ("\"a", 2),
        ("\"a\\n\"", 3),
        ("\"a\"b", 3),
        ("/a~2", 3),
        ("/a~", 3),
        ("@", 1),
        ("@headers", 1),
        ("@headers.", 9),
        ("@headers.\"\"", 9),
        ("@headers.\"a\nb\"", 9),
        ("@headers.a.b", 10),
        ("@headers.a*", 9),
        ("@headers.dunlin-hops", 9),
        ("@keys", 1),
    ] {
        let error = refuse(text);
        assert_eq!(error.offset, offset, "{text}: {error}");
    }
}

#[test]
fn a_path_longer_than_any_document_is_refused() {
    assert!(vec!["a"; MOST_SEGMENTS].join(".").parse::<Path>().is_ok());
    assert!(vec!["a"; MOST_SEGMENTS + 1].join(".").parse::<Path>().is_err());
    assert!("/a".repeat(MOST_SEGMENTS + 1).parse::<Path>().is_err());
}

#[test]
fn a_name_is_one_segment() {
    assert_eq!("postcode".parse::<Name>().unwrap(), Name::new("postcode"));
    assert_eq!(
        r#""content type""#.parse::<Name>().unwrap(),
        Name::new("content type")
    );
    let error = "a.b".parse::<Name>().unwrap_err();
    assert_eq!(error.offset, 1);
    assert!(error.help.unwrap().contains("`move`"));
    assert!("x_*".parse::<Name>().is_err());
    assert!("".parse::<Name>().is_err());
    assert!("a[0]".parse::<Name>().is_err());
    assert_eq!("x_*".parse::<Pattern>().unwrap().to_string(), "x_*");
}

#[test]
fn a_glob_matches_names_and_gives_the_text_of_its_star() {
    let Pattern::Glob(glob) = "x_*_y".parse().unwrap() else {
        panic!("a glob")
    };
    assert_eq!(glob.star(&"x_ab_y".into()).as_deref(), Some("ab"));
    assert_eq!(glob.star(&"x__y".into()).as_deref(), Some(""));
    assert_eq!(glob.star(&"x_y".into()), None);
    assert_eq!(glob.fill("ab"), "x_ab_y");
}

#[test]
fn a_name_with_a_lone_surrogate_fits_the_star_alone() {
    let json = br#"{"\ud800":1}"#;
    let Ok(crate::migration::document::Value::Object(members)) =
        crate::migration::document::parse(json, &crate::migration::document::Reading::default())
    else {
        panic!("an object")
    };
    let fits = |glob: &str| glob.parse::<Pattern>().unwrap().fits(&members[0].name);
    assert!(fits("*"));
    assert!(!fits("*a"));
    assert!(!fits("a*"));
}

#[test]
fn a_token_is_an_index_without_leading_zeros() {
    let index = |text: &str| Name::new(text).as_index();
    assert_eq!((index("0"), index("10")), (Some(0), Some(10)));
    assert_eq!(
        (index("01"), index("-"), index(""), index("+1"), index("a")),
        (None, None, None, None, None)
    );
    assert!(Name::new("99999999999999999999999").is_element_token());
    assert!(!Name::new("00").is_element_token());
}

#[test]
fn relations_are_those_of_segments_not_of_characters() {
    assert!(path("a.b.c").is_inside(&path("a.b")));
    assert!(!path("a.bc").is_inside(&path("a.b")));
    assert!(!path("a.b").is_inside(&path("a.b")));
    assert!(path("items[*].a").is_sibling_of(&path("items[*].b")));
    assert!(!path("items[*].a").is_sibling_of(&path("items[0].b")));
    assert_eq!(
        path("/a/b")
            .parent()
            .unwrap()
            .member(Name::new("c/d"))
            .unwrap()
            .to_string(),
        "/a/c~1d"
    );
    assert_eq!(path("a[*].b[0]").last_wildcard(), Some(1));
}

#[test]
fn an_operand_refuses_the_forms_that_it_does_not_take() {
    let refused = |text: &str, takes: Takes| path(text).check(takes).is_err();
    for text in ["$", "**.a", "@key", "@headers.a"] {
        assert!(refused(text, Takes::PLACES), "{text}");
        assert!(!refused(text, Takes::PLACES.whole().deep().message()), "{text}");
    }
    assert!(refused("@key", Takes::PLACES.headers()));
    assert!(refused("a[0]", Takes::PLACES.ends(Ends::Members)));
    assert!(!refused("a.x_*", Takes::PLACES.ends(Ends::Members)));
    assert!(refused("a.x_*", Takes::PLACES.ends(Ends::Name)));
    assert!(!refused("/a/0", Takes::PLACES.ends(Ends::Name)));
}

fn any_path() -> impl Strategy<Value = Path> {
    let name = "[a-z\"\\\\. *é/~]{0,4}".prop_map(Name::new);
    let glob = ("([a-z][a-z0-9_-]{0,2})?", "[a-z0-9_-]{0,2}")
        .prop_map(|(prefix, suffix)| Segment::Glob(Glob { prefix, suffix }));
    let step = prop_oneof![
        name.clone().prop_map(Segment::Name),
        glob.clone(),
        Just(Segment::Elements),
        any::<i64>().prop_map(Segment::Index),
    ];
    prop_oneof![
        prop::collection::vec(step, 0..6).prop_map(Path::of_segments),
        prop::collection::vec(name.clone().prop_map(Segment::Token), 1..6).prop_map(Path::of_segments),
        prop_oneof![name.clone().prop_map(Segment::Name), glob]
            .prop_map(|last| Path::of_segments(vec![Segment::Anywhere, last])),
        name.prop_filter("a header has a name", |name| !name.as_str().is_empty())
            .prop_map(Path::of_header),
    ]
}

proptest! {
    #[test]
    fn a_printed_path_is_read_as_the_same_path(path in any_path()) {
        prop_assert_eq!(path.to_string().parse::<Path>().unwrap(), path);
    }

    #[test]
    fn any_text_is_a_path_or_is_refused_at_a_byte_inside(text in "[a-z\"\\\\.*\\[\\]0-9/~$@é -]{0,12}") {
        match text.parse::<Path>() {
            Ok(path) => prop_assert_eq!(path.to_string().parse::<Path>().unwrap(), path),
            Err(error) => prop_assert!(text.is_char_boundary(error.offset), "{} {}", text, error.offset),
        }
    }
}
