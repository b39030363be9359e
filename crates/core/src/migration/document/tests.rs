use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Value {
    parse(text.as_bytes(), &Reading::default()).unwrap()
}

fn refuse(text: &str) -> ParseError {
    parse(text.as_bytes(), &Reading::default()).unwrap_err()
}

#[test]
fn every_token_leaves_as_it_came() {
    for text in [
        r#"{"a":1E2,"b":1.10,"c":-0,"a":[],"d":{}}"#,
        "1234567890123456789012345678901234567890",
        r#"["\u00e9","é","\/","/","\ud800","\ud83d\ude00"]"#,
        "-0.0e-0",
        "null",
        "\"\"",
    ] {
        assert_eq!(read(text).to_json(), text);
    }
}

#[test]
fn white_space_between_tokens_is_dropped() {
    assert_eq!(
        read(" \t\r\n[ 1 , { \"a b\" : true } ]\n").to_json(),
        r#"[1,{"a b":true}]"#
    );
}

#[test]
fn a_defect_is_named_with_its_byte() {
    for (text, offset) in [
        ("", 0),
        ("  ", 2),
        ("[1,]", 3),
        ("[1", 2),
        ("{\"a\" 1}", 5),
        ("{a:1}", 1),
        ("{\"a\":1,}", 7),
        ("01", 1),
        ("-", 1),
        ("1.", 2),
        ("1e+", 3),
        ("nul", 3),
        ("1 2", 2),
        ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5),
        ("\"a\nb\"", 2),
        ("[1] ]", 4),
        ("'a'", 0),
        ("NaN", 0),
        ("\u{feff}1", 0),
    ] {
        let error = refuse(text);
        assert_eq!(
            (error.offset, error.kind),
            (offset, ParseErrorKind::Syntax),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn bad_utf8_is_named_unless_something_before_it_is_malformed() {
    let error = parse(b"[\"\xff\"]", &Reading::default()).unwrap_err();
    assert_eq!((error.offset, error.expected.as_str()), (2, "expected UTF-8"));
    let error = parse(b"[x,\"\xff\"]", &Reading::default()).unwrap_err();
    assert_eq!(error.offset, 1);
}

#[test]
fn the_last_allowed_depth_is_read_and_one_more_is_refused() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(&nested(128)).depth(), 128);
    let error = refuse(&nested(129));
    assert_eq!((error.kind, error.offset), (ParseErrorKind::Depth, 128));
    assert_eq!(refuse(&"[".repeat(1_000_000)).kind, ParseErrorKind::Depth);
    assert_eq!(refuse(&"{\"a\":".repeat(1_000_000)).kind, ParseErrorKind::Depth);
}

#[test]
fn a_value_far_too_deep_is_measured_and_dismantled_without_recursion() {
    let mut value = Value::Null;
    for _ in 0..1_000_000 {
        value = Value::Array(vec![value]);
    }
    assert_eq!(value.depth(), 1_000_000);
    value.dismantle();
}

#[test]
fn duplicate_names_are_rejected_after_unescaping_and_at_any_depth() {
    let reading = Reading {
        duplicate_names: DuplicateNames::Reject,
        ..Reading::default()
    };
    assert!(parse(br#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#, &reading).is_ok());
    let error = parse(br#"[{"b":1,"\u0062":2}]"#, &reading).unwrap_err();
    assert_eq!((error.kind, error.offset), (ParseErrorKind::Syntax, 8));
}

#[test]
fn equality_is_by_kind_and_text_with_members_in_any_order() {
    let equal = |left: &str, right: &str| read(left) == read(right);
    assert!(equal(r#"{"a":1,"b":[2]}"#, r#"{"b":[2],"\u0061":1}"#));
    assert!(equal(r#""\u00e9\/""#, r#""é/""#));
    assert!(equal(r#""\ud83d\ude00""#, r#""😀""#));
    assert!(equal(r#""\ud800""#, r#""\uD800""#));
    assert!(!equal("1", "1.0"));
    assert!(!equal("1", "\"1\""));
    assert!(!equal("[1,2]", "[2,1]"));
    assert!(!equal(r#""\ud800""#, r#""\ud801""#));
    assert!(!equal(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#));
    assert!(equal(r#"{"a":1,"b":0,"a":2}"#, r#"{"b":0,"a":1,"a":2}"#));
    assert!(!equal(r#"{"a":1,"a":1}"#, r#"{"a":1}"#));
}

#[test]
fn a_lone_surrogate_cannot_be_read_and_is_kept() {
    let Value::String(text) = read(r#""a\uDFFFb""#) else {
        panic!("a string")
    };
    assert_eq!(text.read(), Err(LoneSurrogate));
    assert_eq!(text.canonical().source(), r"a\udfffb");
    assert!(!text.is("a"));
}

#[test]
fn new_text_has_the_escapes_of_canonical_json() {
    let text = Text::from_str("\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é😀");
    assert_eq!(text.source(), "\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f}é😀");
    assert_eq!(text.read().unwrap(), "\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é😀");
}

#[test]
fn a_number_is_what_rfc_8259_says() {
    for text in ["0", "-0", "10", "1.50", "1e5", "1E-05", "-12.5e+3"] {
        assert_eq!(Number::from_text(text).unwrap().as_str(), text);
    }
    for text in ["", "+1", "01", ".5", "1.", "1e", " 1", "1 ", "0x1", "NaN", "-"] {
        assert_eq!(Number::from_text(text), Err(NotANumber), "{text:?}");
    }
    assert!(Number::from_text("-0").unwrap().is_integer());
    assert!(!Number::from_text("1e2").unwrap().is_integer());
}

#[test]
fn a_vacancy_keeps_the_neighbours_where_they_are_until_it_is_swept() {
    let mut value = read("[1,2,3]");
    let Value::Array(elements) = &mut value else {
        panic!("an array")
    };
    assert_eq!(elements[1].take(), read("2"));
    assert!(elements[1].is_vacant());
    assert_eq!(elements[2], read("3"));
    value.sweep();
    assert_eq!(value, read("[1,3]"));
}

/// JSON text without white space, spelled in unusual ways.
fn any_json() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        "[a-zé😀/ ]{0,6}".prop_map(|text| format!("\"{text}\"")),
        Just(r#""\u00e9\/\"\\\n\ud83d\ude00\ud800""#.to_owned()),
    ];
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        string.clone(),
    ];
    scalar.prop_recursive(6, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|parts| format!("[{}]", parts.join(","))),
            prop::collection::vec((string.clone(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(name, value)| format!("{name}:{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn printing_what_was_read_gives_the_same_text(text in any_json()) {
        prop_assert_eq!(read(&text).to_json(), text);
    }

    #[test]
    fn a_value_equals_what_is_read_from_its_print(text in any_json()) {
        let value = read(&text);
        prop_assert_eq!(&read(&value.to_json()), &value);
    }

    #[test]
    fn any_bytes_are_read_or_refused_at_a_byte_inside(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Err(error) = parse(&bytes, &Reading::default()) {
            prop_assert!(error.offset <= bytes.len());
        }
    }

    #[test]
    fn text_written_is_the_text_read(text in any::<String>()) {
        let written = Text::from_str(&text);
        prop_assert_eq!(written.read().unwrap(), text.as_str());
        let canonical = written.canonical();
        prop_assert_eq!(canonical.source(), written.source());
        prop_assert_eq!(read(&format!("\"{}\"", written.source())), Value::String(written));
    }
}

#[test]
fn the_size_is_the_length_of_the_compact_text() {
    for text in [
        "null",
        "[]",
        "{}",
        r#"[true,false,null,1.50,"a\u00e9é\n"]"#,
        r#"{"a":{"b":[[],{}]},"\u0061":-0,"é":""}"#,
    ] {
        let value = parse(text.as_bytes(), &Reading::default()).unwrap();
        assert_eq!(value.size(), text.len(), "{text}");
        assert_eq!(value.size(), value.to_json().len(), "{text}");
    }
}
