use proptest::prelude::*;

use super::*;

fn reading(text: &str, format: Format) -> (Option<Node>, Findings) {
    let mut findings = Findings::new();
    let node = read("file", text.as_bytes(), format, &mut findings);
    (node, findings)
}

/// The tree as JSON; panics with the findings if there are any.
fn json_of(text: &str, format: Format) -> String {
    let (node, findings) = reading(text, format);
    assert!(findings.is_empty(), "{text:?}\n{findings}");
    node.unwrap().to_value().unwrap().to_json()
}

fn yaml(text: &str) -> String {
    json_of(text, Format::Yaml)
}

/// The one-line forms of all findings.
fn lines(text: &str, format: Format) -> Vec<String> {
    let (_, findings) = reading(text, format);
    findings.sorted().into_iter().map(ToString::to_string).collect()
}

/// The only finding.
fn only(text: &str, format: Format) -> String {
    let lines = lines(text, format);
    assert_eq!(lines.len(), 1, "{text:?}\n{lines:#?}");
    lines[0].clone()
}

#[test]
fn json_keeps_numbers_as_they_are_written() {
    let text = r#"{"a":[1E2,1.10,-0,12345678901234567890123,1e999]}"#;
    assert_eq!(json_of(text, Format::Json), text);
}

#[test]
fn json_keeps_lone_surrogates_and_writes_strings_canonically() {
    let text = r#"{"\ud800\u0041":"\uD83D\uDE00\/\u00e9\udC00\n"}"#;
    assert_eq!(json_of(text, Format::Json), r#"{"\ud800A":"😀/é\udc00\n"}"#);
    let (node, _) = reading(text, Format::Json);
    assert_eq!(node.unwrap().members().unwrap()[0].value.text(), None);
}

#[test]
fn json_is_refused_at_the_character_that_is_wrong() {
    for (text, expected) in [
        (
            "",
            "file:1:1: error: not valid JSON: the file is empty; expected a JSON value",
        ),
        (
            "{\"a\": 1,\n}",
            "file:2:1: error: not valid JSON: expected a member, found `}`",
        ),
        (
            "[1,]",
            "file:1:4: error: not valid JSON: expected a value, found `]`",
        ),
        (
            "{'a': 1}",
            "file:1:2: error: not valid JSON: expected a member's name in double quotes, found `'`",
        ),
        (
            "[1] // x",
            "file:1:5: error: not valid JSON: expected the end of the file, found `/`",
        ),
        (
            "[01]",
            "file:1:3: error: not valid JSON: a number has no leading zeros",
        ),
        (
            "[1.]",
            "file:1:4: error: not valid JSON: expected a digit, found `]`",
        ),
        (
            "[1",
            "file:1:3: error: not valid JSON: expected `,` or `]`, found the end of the file",
        ),
        (
            "[\"a\n\"]",
            "file:1:4: error: not valid JSON: U+000A stands unescaped in a string",
        ),
        (
            "[\"a",
            "file:1:2: error: not valid JSON: the string is not closed",
        ),
        (
            r#"["\x"]"#,
            "file:1:3: error: not valid JSON: no escape of JSON begins like this",
        ),
        (
            r#"["\u12g4"]"#,
            "file:1:3: error: not valid JSON: `\\u` needs four hexadecimal digits",
        ),
        (
            r#"["\u12"#,
            "file:1:3: error: not valid JSON: `\\u` needs four hexadecimal digits",
        ),
        (
            "{\"a\" 1}",
            "file:1:6: error: not valid JSON: expected `:`, found `1`",
        ),
        (
            "nul",
            "file:1:1: error: not valid JSON: expected a value, found `n`",
        ),
    ] {
        assert_eq!(only(text, Format::Json), expected);
    }
}

#[test]
fn a_member_that_stands_twice_is_reported_in_every_format() {
    let twice = "file:2:1: error: the member `a` stands twice, first in line 1";
    assert_eq!(only("{\"a\":1,\n\"\\u0061\":2}", Format::Json), twice);
    assert_eq!(only("a: 1\na: 2\n", Format::Yaml), twice);
    assert!(
        only("a = 1\na = 2\n", Format::Toml).starts_with("file:2:1: error: not valid TOML: duplicate key")
    );
}

#[test]
fn yaml_is_read_by_the_core_schema() {
    assert_eq!(
        yaml("[no, yes, on, y, NO, True, FALSE, ~, Null, '', nULL]"),
        r#"["no","yes","on","y","NO",true,false,null,null,"","nULL"]"#
    );
    assert_eq!(
        yaml("[0o17, 0x1F, 017, +5, -0, 0x, 0o8, 1_000, -0x1]"),
        r#"[15,31,17,5,0,"0x","0o8","1_000","-0x1"]"#
    );
    assert_eq!(
        yaml("[12345678901234567890123, -98765432109876543210]"),
        "[12345678901234567890123,-98765432109876543210]"
    );
    assert_eq!(yaml("[0xffffffffffffffffffff]"), "[1208925819614629174706175]");
    assert_eq!(
        yaml("[1e3, 1e21, 1.10, .5, 5., -0.0, 1e-7, 12e03]"),
        "[1000.0,1e21,1.1,0.5,5.0,-0.0,1e-7,12000.0]"
    );
    assert_eq!(
        yaml("[1.2.3, 2001-12-14, 12:30, ., e3, 1e, .e1]"),
        r#"["1.2.3","2001-12-14","12:30",".","e3","1e",".e1"]"#
    );
    assert_eq!(
        yaml("a:\nb: |\n  x\n  y\nc: >-\n  x\n  y\n"),
        r#"{"a":null,"b":"x\ny\n","c":"x y"}"#
    );
    assert_eq!(
        yaml("[!!str 12, !!float 1.5, !!int 3, !!null '', ! no]"),
        r#"["12",1.5,3,null,"no"]"#
    );
}

#[test]
fn yaml_that_json_cannot_hold_is_refused_and_the_rest_is_read() {
    let text = "a: .inf\nb: -.INF\nc: .nan\nd: 1e999\n1: x\nnull: y\n[z]: x\n<<: {}\ne: !thing x\nf: !!int x\ng: *gone\n";
    assert_eq!(
        lines(text, Format::Yaml),
        [
            "file:1:4: error: `.inf` is no number that JSON knows; quote it if text is meant",
            "file:2:4: error: `-.INF` is no number that JSON knows; quote it if text is meant",
            "file:3:4: error: `.nan` is no number that JSON knows; quote it if text is meant",
            "file:4:4: error: the number is too large for a double; write it as an integer or as a string",
            "file:5:1: error: expected a string as a member's name, found a number",
            "file:6:1: error: expected a string as a member's name, found null",
            "file:7:1: error: expected a string as a member's name, found a list",
            "file:8:1: error: merge keys (`<<`) are not part of YAML 1.2",
            "file:9:11: error: the tag `!thing` has no meaning here",
            "file:10:10: error: the text is not what its tag `!!int` says",
            "file:11:4: error: there is no anchor `&gone` before this alias",
        ]
    );
}

#[test]
fn an_unquoted_path_is_explained() {
    for text in [
        "t:\n  - remove: @headers.type\n",
        "t:\n  - remove: *.sku\n",
        "t:\n  - remove: **.node_id\n",
        "t:\n  - remove: [*].sku\n    id: x\n",
        "t:\n  - remove: [0].sku\n    id: x\n",
        "t: [{remove: @key}]\n",
    ] {
        let (_, findings) = reading(text, Format::Yaml);
        assert_eq!(findings.errors(), 1, "{text:?}\n{findings}");
        assert!(
            findings.to_string().contains("must be quoted in YAML"),
            "{text:?}\n{findings}"
        );
    }
    let (_, findings) = reading("a: [1, 2\nb: 3\n", Format::Yaml);
    assert!(findings.has_errors());
}

#[test]
fn yaml_documents_other_than_one_are_refused() {
    assert_eq!(
        only("", Format::Yaml),
        "file:1:1: error: the file is empty; expected YAML"
    );
    assert_eq!(
        only("# nothing\n", Format::Yaml),
        "file:1:1: error: the file is empty; expected YAML"
    );
    assert_eq!(
        only("a: 1\n---\nb: 2\n", Format::Yaml),
        "file:2:1: error: a second document begins here; expected one document in the file"
    );
    assert_eq!(yaml("---\na: 1\n...\n"), r#"{"a":1}"#);
}

#[test]
fn aliases_are_copies_within_a_limit() {
    assert_eq!(
        yaml("a: &x {b: [1]}\nc: *x\n"),
        r#"{"a":{"b":[1]},"c":{"b":[1]}}"#
    );
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!(
            "a{level}: &a{level} [{}]\n",
            [below.as_str(); 9].join(", ")
        ));
    }
    assert!(only(&bomb, Format::Yaml).ends_with("the aliases up to here copy more than 8388608 bytes"));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), "*a, ".repeat(100));
    assert!(only(&long, Format::Yaml).ends_with("copy more than 8388608 bytes"));
    assert_eq!(
        only("a: &a [*a]\n", Format::Yaml),
        "file:1:8: error: the alias stands inside of what it stands for"
    );
}

#[test]
fn aliases_cannot_go_around_the_limit_of_depth() {
    let half = format!("{}1{}", "[".repeat(70), "]".repeat(70));
    let text = format!("a: &a {half}\nb: {}*a{}\n", "[".repeat(60), "]".repeat(60));
    assert!(
        only(&text, Format::Yaml).ends_with("nested too deeply, at most 128 open lists and objects are read")
    );
}

#[test]
fn the_limit_of_depth_is_exact_and_a_hundred_thousand_levels_are_one_finding() {
    for format in [Format::Json, Format::Yaml] {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(reading(&nested(MOST_DEPTH), format).1.is_empty());
        assert!(only(&nested(MOST_DEPTH + 1), format).contains("nested too deeply"));
        assert!(only(&nested(100_000), format).contains("nested too deeply"));
        assert!(only(&"{\"a\":".repeat(100_000), format).contains("nested too deeply"));
        assert!(only(&"[".repeat(100_000), format).contains("nested too deeply"));
    }
    assert!(only(&"- ".repeat(100_000), Format::Yaml).contains("nested too deeply"));
    let stairs: String = (0..1000)
        .map(|depth| format!("{}a:\n", " ".repeat(depth)))
        .collect();
    assert!(only(&stairs, Format::Yaml).contains("nested too deeply"));
    assert_eq!(
        lines(&format!("a = {}", "[".repeat(100_000)), Format::Toml).len(),
        1
    );
    assert_eq!(
        lines(&format!("{}a = 1", "a.".repeat(100_000)), Format::Toml).len(),
        1
    );
}

#[test]
fn what_is_no_text_is_one_finding() {
    for (bytes, expected) in [
        (
            &b"a: \xff"[..],
            "file:1:4: error: expected UTF-8 text, found the byte 0xff, which is none",
        ),
        (
            b"\xff\xfea\0",
            "file: error: expected UTF-8 text, found UTF-16; save the file as UTF-8",
        ),
        (
            b"\xef\xbb\xbfa: 1",
            "file:1:1: error: the file begins with a byte order mark; save it as UTF-8 without one",
        ),
        (
            b"\x7fELF\x02\x01\x01\0\0\0",
            "file:1:1: error: not valid YAML: no text has the character U+007F",
        ),
    ] {
        let mut findings = Findings::new();
        assert!(read("file", bytes, Format::Yaml, &mut findings).is_none());
        assert_eq!(findings.sorted()[0].to_string(), expected);
        assert_eq!(findings.errors(), 1);
    }
}

#[test]
fn a_file_beyond_the_limit_of_size_is_not_read() {
    let text = " ".repeat(MOST_BYTES + 1);
    assert_eq!(
        only(&text, Format::Yaml),
        "file: error: the file is too large: 1048577 bytes, at most 1048576 are read"
    );
}

#[test]
fn toml_is_read_with_places() {
    let text = "title = \"x\"\nn = 0x1F\nf = 1e3\nd = 2026-11-22\n[routes.orders]\nwindow = 64\nlist = [1, {a = true}]\n[[routes.all]]\nb = 1\n";
    assert_eq!(
        json_of(text, Format::Toml),
        r#"{"title":"x","n":31,"f":1000.0,"d":"2026-11-22","routes":{"orders":{"window":64,"list":[1,{"a":true}]},"all":[{"b":1}]}}"#
    );
    let (node, _) = reading(text, Format::Toml);
    let node = node.unwrap();
    assert_eq!(node.place_of("routes.orders.window").to_string(), "file:6:10");
    assert_eq!(
        node.name_place_of("routes.orders.window").unwrap().to_string(),
        "file:6:1"
    );
    assert_eq!(node.place_of("routes.all.0.b").to_string(), "file:9:5");
    assert_eq!(node.place_of("n").to_string(), "file:2:5");
    assert_eq!(
        only("a = inf", Format::Toml),
        "file:1:5: error: infinities and NaN have no meaning here"
    );
    assert!(only("a = ", Format::Toml).starts_with("file:1:5: error: not valid TOML: "));
}

#[test]
fn a_setting_is_found_by_its_path() {
    let text = "routes:\n  orders.v2:\n    migrate:\n      - file: a.yaml\n    window: 64\n";
    let node = reading(text, Format::Yaml).0.unwrap();
    assert_eq!(node.place_of("routes.orders.v2.window").to_string(), "file:5:13");
    assert_eq!(
        node.place_of("routes.orders.v2.migrate.0.file").to_string(),
        "file:4:15"
    );
    assert_eq!(
        node.name_place_of("routes.orders.v2.window").unwrap().to_string(),
        "file:5:5"
    );
    // What is not there leads to what would hold it.
    assert_eq!(node.place_of("routes.orders.v2.windo").to_string(), "file:3:5");
    assert!(node.lookup("routes.orders.v2.windo").is_none());
    assert!(node.name_place_of("routes.orders.v2.migrate.0").is_none());
    assert!(node.lookup("routes.orders.v2.migrate.1").is_none());
    assert_eq!(node.lookup("").unwrap().kind(), "an object");
}

#[test]
fn a_part_of_a_string_has_its_own_column() {
    let column = |text: &str, format: Format, part: Range<usize>| {
        let node = reading(text, format).0.unwrap();
        let node = node.member("a").unwrap().clone();
        let place = node.place_within(part);
        place.source().slice(place.span().unwrap()).to_owned()
    };
    assert_eq!(column("a: one.two", Format::Yaml, 4..7), "two");
    assert_eq!(column("a: 'it''s.two'", Format::Yaml, 5..8), "two");
    assert_eq!(column(r#"a: "\x41\u00e9\t.two""#, Format::Yaml, 5..8), "two");
    assert_eq!(
        column(r#"{"a": "\ud83d\ude00\/.two"}"#, Format::Json, 6..9),
        "two"
    );
    assert_eq!(column("a = 'x.two'", Format::Toml, 2..5), "two");
    // Folded lines and block scalars are pointed at as a whole.
    assert_eq!(column("a: \"one\n  two\"", Format::Yaml, 4..7), "\"one\n  two\"");
    assert_eq!(column("a: x", Format::Yaml, 90..99), "x");
}

#[test]
fn a_block_ends_with_its_last_character() {
    let node = reading("a:\n  b: 1\n\n# remark\nc: 2\n", Format::Yaml).0.unwrap();
    let place = &node.member("a").unwrap().place;
    assert_eq!(place.to_string(), "file:2:3");
}

proptest! {
    #[test]
    fn random_bytes_give_a_tree_or_a_finding(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            let mut findings = Findings::new();
            let node = read("file", &bytes, format, &mut findings);
            prop_assert!(node.is_some() || findings.has_errors());
            let _ = findings.render();
        }
    }

    #[test]
    fn random_notation_gives_a_tree_or_a_finding(text in "[\\[\\]{}:,\"'&*!|>@%#a-c0-9. \n\t\\\\é-]{0,80}") {
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            let (node, findings) = reading(&text, format);
            prop_assert!(node.is_some() || findings.has_errors());
            let _ = findings.render();
            if let Some(node) = node {
                let _ = node.to_value();
                let _ = node.place_of("a.b.0");
            }
        }
    }

    #[test]
    fn json_is_yaml(text in "[a-zA-Z0-9 é\\u{1F600}]{0,20}", number in any::<i64>()) {
        let document = serde_json::json!({"text": text, "list": [number, null, true, {}], "n": number}).to_string();
        prop_assert_eq!(json_of(&document, Format::Json), json_of(&document, Format::Yaml));
    }
}
