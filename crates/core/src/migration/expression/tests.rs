use bytes::Bytes;

use super::*;
use crate::migration::document::{Reading, parse};

fn document(text: &str) -> Value {
    parse(text.as_bytes(), &Reading::default()).unwrap()
}

fn evaluate(text: &str, payload: &str) -> Result<String, EvaluationError> {
    let payload = document(payload);
    let headers: Headers = [
        ("region", Bytes::from_static(b"EU")),
        ("raw", Bytes::from_static(b"\xff")),
    ]
    .into_iter()
    .collect();
    let scope = Scope {
        payload: Some(&payload),
        this: None,
        item: None,
        index: None,
        headers: &headers,
        key: Some(b"k1"),
        reads: &AtomicU64::new(0),
    };
    let expression = Expression::compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    expression.evaluate(&scope).map(|value| value.to_json())
}

#[test]
fn an_expression_sees_the_message_and_gives_a_json_value() {
    for (text, expected) in [
        ("payload.a + 1", "3"),
        ("payload.big", "18446744073709551615"),
        ("double(payload.a) * 1.5", "3.0"),
        ("double(100)", "100.0"),
        ("payload.name.upperAscii()", r#""ADA""#),
        ("payload.?none.orValue('x')", r#""x""#),
        ("payload.list.map(x, x * 2)", "[2,4,6]"),
        ("payload.list.filter(x, x > 1).size()", "2"),
        ("{'b': 1, 'a': payload.list}", r#"{"a":[1,2,3],"b":1}"#),
        ("payload.nested", r#"{"a":2,"z":1}"#),
        ("payload.nested.map(name, name)", r#"["z","a"]"#),
        (
            "payload.nested == {'a': 2, 'z': 1} && {'a': 2, 'z': 1} == payload.nested",
            "true",
        ),
        ("payload.nested in [{'z': 1, 'a': 2}]", "true"),
        ("has(payload.a) && !has(payload.none)", "true"),
        ("headers.region + key", r#""EUk1""#),
        ("'raw' in headers", "false"),
        ("[payload.twice, index, this]", "[2,null,null]"),
        ("['a', 'b'].join('-') + 'x.y'.replace('.', '::')", r#""a-bx::y""#),
        ("'aaa'.replace('a', 'b', 2)", r#""bba""#),
        ("lists.range(3)", "[0,1,2]"),
        ("math.greatest(1, payload.a)", "2"),
        ("payload.text == 'é\\n'", "true"),
        ("'a,b'.split(',')", r#"["a","b"]"#),
        ("timestamp('2026-01-02T03:04:05Z').getFullYear()", "2026"),
        ("{3: 'c', 1: 'a', 2: 'b'}.map(k, k)", "[1,2,3]"),
    ] {
        let payload = r#"{"a":2,"big":18446744073709551615,"name":"ada","list":[1,2,3],"nested":{"z":1,"a":2},
            "twice":1,"twice":2,"text":"\u00e9\n"}"#;
        assert_eq!(evaluate(text, payload).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn every_expression_gives_the_same_value_a_hundred_times() {
    let members: Vec<_> = (0..40)
        .map(|at| format!(r#""m{}":{at}"#, at * 7919 % 1000))
        .collect();
    let payload = format!("{{{}}}", members.join(","));
    for text in [
        "payload.map(name, name)",
        "payload",
        "{'a': 1, 'b': 2, 'c': 3}.map(k, k)",
        "payload.exists(n, n == 'm0')",
    ] {
        let first = evaluate(text, &payload).unwrap();
        for _ in 0..100 {
            assert_eq!(evaluate(text, &payload).unwrap(), first, "{text}");
        }
    }
}

#[test]
fn what_is_missing_is_told_apart_from_what_is_wrong() {
    assert_eq!(
        evaluate("payload.none", "{}"),
        Err(EvaluationError::Missing("`none`".to_owned()))
    );
    assert_eq!(
        evaluate("headers['none']", "{}"),
        Err(EvaluationError::Missing("`none`".to_owned()))
    );
    for text in [
        "payload.a + 'x'",
        "1 / 0",
        "payload.a.b",
        "9223372036854775807 + 1",
        "[1][2]",
        "1.0 / 0.0",
        "timestamp('x')",
        "b'x'",
    ] {
        assert!(
            matches!(evaluate(text, r#"{"a":1}"#), Err(EvaluationError::Failed(_))),
            "{text}"
        );
    }
}

#[test]
fn no_error_prints_a_value_of_the_message() {
    let payload = r#"{"a":"canary","n":[1],"o":{"canary":1}}"#;
    for text in [
        "payload.a + 1",
        "payload.a > 1",
        "int(payload.a)",
        "payload.a / 2",
        "-payload.a",
        "payload.n[payload.a]",
        "{payload.a: 1, payload.a: 2}",
        "timestamp(payload.a)",
        "payload.a.matches('(')",
        "payload.o < 1",
        "payload.o[1]",
    ] {
        let error = evaluate(text, payload).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn a_lone_surrogate_fails_only_where_it_is_read() {
    let payload = r#"{"a":"\ud800","b":1}"#;
    assert_eq!(evaluate("payload.b", payload).as_deref(), Ok("1"));
    for text in ["payload.a", "payload.a == 'x'", "'x' != payload.a"] {
        assert_eq!(
            evaluate(text, payload),
            Err(EvaluationError::InvalidText),
            "{text}"
        );
    }
}

#[test]
fn a_condition_must_be_a_boolean() {
    let headers = Headers::new();
    let scope = Scope {
        payload: None,
        this: None,
        item: None,
        index: None,
        headers: &headers,
        key: None,
        reads: &AtomicU64::new(0),
    };
    let holds = |text: &str| Expression::compile(text).unwrap().holds(&scope);
    assert_eq!(holds("key == null && payload == null"), Ok(true));
    assert!(matches!(holds("1"), Err(EvaluationError::Failed(message)) if message.contains("boolean")));
}

#[test]
fn what_cannot_be_an_expression_is_refused_with_its_place() {
    for (text, offset, part) in [
        ("payload.a +", Some(11), "expected a value"),
        ("payloat.a", Some(0), "did you mean `payload`"),
        ("payload.a.frobnicate()", None, "frobnicate"),
        ("now()", None, "now"),
        ("a{b: 1}", None, "messages"),
    ] {
        let errors = Expression::compile(text).unwrap_err();
        assert!(errors[0].message.contains(part), "{text}: {errors:?}");
        if offset.is_some() {
            assert_eq!(errors[0].offset, offset, "{text}: {errors:?}");
        }
    }
}

#[test]
fn length_nesting_and_chains_are_bounded() {
    let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
    assert_eq!(evaluate(&nested(50), "{}").as_deref(), Ok("1"));
    for text in [
        nested(51),
        "[".repeat(2000),
        format!("{}true", "!".repeat(100)),
        "true ? 1 : ".repeat(60) + "1",
        format!("1{}", "+1".repeat(1500)),
        "x".repeat(MAX_LENGTH + 1),
    ] {
        assert!(Expression::compile(&text).is_err(), "{}", &text[..20]);
    }
    assert!(Expression::compile("payload.?a.?b[?0].orValue(-1)").is_ok());
    assert!(Expression::compile(&format!("'{}' == ''", "(".repeat(200))).is_ok());
}

#[test]
fn cost_is_limited_by_counting() {
    let list = format!("{{\"xs\":[{}]}}", vec!["1"; 200].join(","));
    for text in [
        "payload.xs.map(a, payload.xs.map(b, payload.xs.map(c, payload.xs.map(d, 1))))",
        "lists.range(100000000)",
        "[1,2,3,4,5,6,7,8,9,10].map(a, [1,2,3,4,5,6,7,8,9,10].map(b, lists.range(200000)))",
        "payload.xs.exists(a, payload.xs.exists(b, payload.xs.exists(c, payload.xs.exists(d, d == 2))))",
    ] {
        assert_eq!(evaluate(text, &list), Err(EvaluationError::Cost), "{text}");
    }
    let long = format!("{{\"s\":\"{}\"}}", "a".repeat(60_000));
    assert_eq!(
        evaluate("payload.s.replace('a', payload.s).size()", &long),
        Err(EvaluationError::Cost)
    );
    assert_eq!(
        evaluate("lists.range(1000).map(i, payload.s).size()", &long),
        Err(EvaluationError::Cost)
    );
}

#[test]
fn a_result_that_may_be_a_container_is_known_beforehand() {
    for (text, expected) in [
        ("1 + 1", false),
        ("payload.a", true),
        ("size(payload.a) > 1", false),
        ("[1]", true),
        ("payload.xs.exists(x, x > 1)", false),
        ("true ? 'a' : payload", true),
    ] {
        assert_eq!(
            Expression::compile(text).unwrap().may_make_container(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn a_member_of_null_is_missing_as_on_a_path() {
    for text in ["payload.a", "payload['a']", "has(payload.a)", "payload[0]"] {
        assert!(
            matches!(evaluate(text, "null"), Err(EvaluationError::Missing(_))),
            "{text}"
        );
    }
    assert_eq!(evaluate("payload.?a.orValue(1)", "null"), Ok("1".to_owned()));
    assert!(matches!(
        evaluate("payload + 1", "null"),
        Err(EvaluationError::Failed(_))
    ));
}

#[test]
fn a_failure_never_tells_a_name_that_was_computed_from_the_message() {
    for text in [
        "payload.m[payload.secret]",
        "headers[payload.secret]",
        "{'a': 1}[payload.secret]",
    ] {
        let error = evaluate(text, r#"{"m":{},"secret":"4111111111"}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a member of a computed name, found no such member",
            "{text}"
        );
    }
}

#[test]
fn an_object_equals_no_value_of_another_kind() {
    let document = r#"{"o":{"a":1},"l":[],"s":"x","n":null}"#;
    for other in ["null", "1", "'x'", "payload.l", "payload.s", "payload.n"] {
        for text in [format!("payload.o == {other}"), format!("{other} == payload.o")] {
            assert_eq!(evaluate(&text, document), Ok("false".to_owned()), "{text}");
        }
    }
}

#[test]
fn what_grows_with_a_text_or_list_is_charged_before_it_is_done() {
    let text = "x".repeat(200_000);
    let list = vec!["1"; 5_000].join(",");
    let payload = format!(r#"{{"text":"{text}","list":[{list}]}}"#);
    let sums = |times: usize| vec!["payload.text"; times].join(" + ") + " == ''";
    assert_eq!(evaluate(&sums(3), &payload).as_deref(), Ok("false"));
    for expression in [
        &*sums(100),
        "lists.range(1000).exists(i, payload.text.contains('y'))",
        "lists.range(1000).exists(i, payload.text.matches('y+'))",
        "lists.range(1000).exists(i, payload.text.lowerAscii() == 'y')",
        "lists.range(1000).exists(i, payload.text.size() == 1)",
        "lists.range(1000).exists(i, payload.text.reverse() < payload.text)",
        "lists.range(1000).exists(i, payload.text.split('').size() == 1)",
        "lists.range(1000).exists(i, payload.text != payload.text)",
        "lists.range(1000).exists(i, payload.list != payload.list)",
        "lists.range(1000).exists(i, payload != payload)",
        "lists.range(1000).exists(i, payload.list.distinct().size() == 2)",
        "lists.range(1000).exists(i, payload.list.flatten().size() == 2)",
        "lists.range(1000).exists(i, 'x'.matches('y' + string(i)))",
    ] {
        assert_eq!(
            evaluate(expression, &payload),
            Err(EvaluationError::Cost),
            "{expression}"
        );
    }
}

#[test]
fn many_evaluations_together_read_a_bounded_number_of_values() {
    let payload = document(&format!(r#"{{"a":1,"list":[{}]}}"#, vec!["1"; 100].join(",")));
    let headers = Headers::new();
    let reads = AtomicU64::new(MAX_READS - 1_000);
    let scope = Scope {
        payload: Some(&payload),
        this: None,
        item: None,
        index: None,
        headers: &headers,
        key: None,
        reads: &reads,
    };
    let small = Expression::compile("payload.a + payload['a'] == 2 && has(payload.a)").unwrap();
    for _ in 0..500 {
        // Members that are not named are not read.
        assert_eq!(small.holds(&scope), Ok(true));
    }
    let large = Expression::compile("payload.list.size() > 0").unwrap();
    for _ in 0..4 {
        assert_eq!(large.holds(&scope), Ok(true));
    }
    assert_eq!(large.holds(&scope), Err(EvaluationError::Reads));
}

#[test]
fn the_largest_expressions_and_documents_fit_the_stack_of_a_worker() {
    const WORKER: usize = 2 << 20;
    let worker = std::thread::Builder::new().stack_size(WORKER).spawn(|| {
        let payload = format!("{}1{}", r#"{"a":["#.repeat(64), "]}".repeat(64));
        for expression in [
            vec!["1"; 195].join("+"),
            format!("payload{}", ".a[0]".repeat(60)),
            format!("{}1{}", "(1+".repeat(49), ")".repeat(49)),
            format!("{}1{}", "[".repeat(49), "]".repeat(49)),
            format!("{}1{}", "[1].map(x, ".repeat(40), ")".repeat(40)),
            format!("{}1{}", "true ? [1].map(x, ".repeat(20), ") : 1".repeat(20)),
            vec!["payload == payload"; 50].join(" && "),
            "[payload, payload].map(x, x)".to_owned(),
        ] {
            assert!(evaluate(&expression, &payload).is_ok(), "{expression}");
        }
    });
    worker.unwrap().join().unwrap();
}

#[test]
fn the_applied_record_is_no_header_to_an_expression() {
    let headers: Headers = [("dunlin-applied", "orders@1:0123456789abcdef"), ("region", "EU")]
        .into_iter()
        .map(|(name, value)| (name, Bytes::from_static(value.as_bytes())))
        .collect();
    let reads = AtomicU64::new(0);
    let scope = Scope {
        payload: None,
        this: None,
        item: None,
        index: None,
        headers: &headers,
        key: None,
        reads: &reads,
    };
    let value = Expression::compile("headers").unwrap().evaluate(&scope).unwrap();
    assert_eq!(value.to_json(), r#"{"region":"EU"}"#);
}
