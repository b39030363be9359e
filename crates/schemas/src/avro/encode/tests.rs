use dunlin_core::migration::FailureKind;
use proptest::prelude::*;

use super::super::tests::{decoded, document, encoded, schema};
use super::*;

/// Every type and every logical type in one record.
pub(in crate::avro) const EVERYTHING: &str = r#"{"type": "record", "name": "n.Everything", "fields": [
    {"name": "nothing", "type": "null"},
    {"name": "truth", "type": "boolean"},
    {"name": "int", "type": "int"},
    {"name": "long", "type": "long"},
    {"name": "float", "type": "float"},
    {"name": "double", "type": "double"},
    {"name": "bytes", "type": "bytes"},
    {"name": "text", "type": "string"},
    {"name": "fixed", "type": {"type": "fixed", "name": "Two", "size": 2}},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]}},
    {"name": "list", "type": {"type": "array", "items": "Two"}},
    {"name": "map", "type": {"type": "map", "values": "long"}},
    {"name": "maybe", "type": ["null", "Everything"]},
    {"name": "either", "type": ["null", "long", "double", "string", "Everything"]},
    {"name": "decimal", "type": {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 3}},
    {"name": "small", "type": {"type": "fixed", "name": "Small", "size": 4, "logicalType": "decimal", "precision": 9}},
    {"name": "date", "type": {"type": "int", "logicalType": "date"}},
    {"name": "time", "type": {"type": "int", "logicalType": "time-millis"}},
    {"name": "finer", "type": {"type": "long", "logicalType": "time-micros"}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "nanos", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
    {"name": "local", "type": {"type": "long", "logicalType": "local-timestamp-micros"}},
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "raw", "type": {"type": "fixed", "name": "Raw", "size": 16, "logicalType": "uuid"}},
    {"name": "period", "type": {"type": "fixed", "name": "Period", "size": 12, "logicalType": "duration"}}
]}"#;

/// Each line of the mapping: a schema, a document, its bytes.
const MAPPING: [(&str, &str, &[u8]); 40] = [
    (r#""null""#, "null", &[]),
    (r#""boolean""#, "true", &[1]),
    (r#""int""#, "-2147483648", &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    (r#""int""#, "64", &[0x80, 0x01]),
    (
        r#""long""#,
        "9223372036854775807",
        &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    ),
    (r#""long""#, "-1", &[1]),
    (r#""float""#, "0.1", &[0xcd, 0xcc, 0xcc, 0x3d]),
    (r#""float""#, "16777216.0", &[0, 0, 0x80, 0x4b]),
    (
        r#""double""#,
        "1e300",
        &[0x9c, 0x75, 0, 0x88, 0x3c, 0xe4, 0x37, 0x7e],
    ),
    (r#""double""#, "-0.0", &[0, 0, 0, 0, 0, 0, 0, 0x80]),
    (r#""bytes""#, r#""ÿ\u0000A""#, &[6, 0xff, 0, b'A']),
    (r#""string""#, r#""é\n""#, &[6, 0xc3, 0xa9, b'\n']),
    (
        r#"{"type": "fixed", "name": "F", "size": 2}"#,
        r#""ÿA""#,
        &[0xff, b'A'],
    ),
    (
        r#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#,
        r#""B""#,
        &[2],
    ),
    (r#"{"type": "array", "items": "int"}"#, "[1,2]", &[4, 2, 4, 0]),
    (r#"{"type": "array", "items": "int"}"#, "[]", &[0]),
    (
        r#"{"type": "map", "values": "int"}"#,
        r#"{"b":1,"a":2}"#,
        &[4, 2, b'b', 2, 2, b'a', 4, 0],
    ),
    (r#"["null", "int"]"#, "null", &[0]),
    (r#"["null", "int"]"#, "1", &[2, 2]),
    // Each branch is another kind of value.
    (
        r#"["string", "int", {"type": "map", "values": "int"}]"#,
        r#"{"int":1}"#,
        &[4, 2, 6, b'i', b'n', b't', 2, 0],
    ),
    (r#"["string", "int"]"#, "1", &[2, 2]),
    // Two branches are numbers, one is an object then; the string is told by its kind.
    (
        r#"["int", "long", "string", {"type": "map", "values": "int"}]"#,
        r#"{"long":1}"#,
        &[2, 2],
    ),
    (
        r#"["int", "long", "string", {"type": "map", "values": "int"}]"#,
        r#"{"map":{"long":1}}"#,
        &[6, 2, 8, b'l', b'o', b'n', b'g', 2, 0],
    ),
    (
        r#"["int", "long", "string", {"type": "map", "values": "int"}]"#,
        r#""a""#,
        &[4, 2, b'a'],
    ),
    (
        r#"[{"type": "fixed", "name": "n.F", "size": 1}, "string"]"#,
        r#"{"n.F":"A"}"#,
        b"\0A",
    ),
    (
        r#"{"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}"#,
        "-1.50",
        &[4, 0xff, 0x6a],
    ),
    (
        r#"{"type": "fixed", "name": "D", "size": 3, "logicalType": "decimal", "precision": 5}"#,
        "-2",
        &[0xff, 0xff, 0xfe],
    ),
    (
        r#"{"type": "int", "logicalType": "date"}"#,
        r#""1970-01-02""#,
        &[2],
    ),
    (
        r#"{"type": "int", "logicalType": "time-millis"}"#,
        r#""00:00:00.001""#,
        &[2],
    ),
    (
        r#"{"type": "long", "logicalType": "time-micros"}"#,
        r#""00:00:00.000001""#,
        &[2],
    ),
    (
        r#"{"type": "long", "logicalType": "timestamp-millis"}"#,
        r#""1969-12-31T23:59:59.999Z""#,
        &[1],
    ),
    (
        r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
        r#""1970-01-01T00:00:00.000001Z""#,
        &[2],
    ),
    (
        r#"{"type": "long", "logicalType": "timestamp-nanos"}"#,
        r#""1970-01-01T00:00:00.000000001Z""#,
        &[2],
    ),
    (
        r#"{"type": "long", "logicalType": "local-timestamp-millis"}"#,
        r#""1970-01-01T00:00:00.001""#,
        &[2],
    ),
    (
        r#"{"type": "long", "logicalType": "local-timestamp-micros"}"#,
        r#""1970-01-01T00:00:00.000001""#,
        &[2],
    ),
    (
        r#"{"type": "long", "logicalType": "local-timestamp-nanos"}"#,
        r#""1970-01-01T00:00:00.000000001""#,
        &[2],
    ),
    (
        r#"["null", {"type": "long", "logicalType": "timestamp-millis"}]"#,
        r#""1970-01-01T00:00:01Z""#,
        &[2, 0xd0, 0x0f],
    ),
    (
        r#"{"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}"#,
        r#""00010203-0405-0607-0809-0a0b0c0d0e0f""#,
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
    ),
    (
        r#"{"type": "fixed", "name": "P", "size": 12, "logicalType": "duration"}"#,
        r#"{"months":1,"days":2,"milliseconds":4294967295}"#,
        &[1, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
    ),
    (
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]}"#,
        r#"{"a":1,"b":"x"}"#,
        &[2, 2, b'x'],
    ),
];

#[test]
fn every_line_of_the_mapping_holds_both_ways() {
    for (text, json, bytes) in MAPPING {
        let schema = schema(text);
        assert_eq!(encoded(&*schema, json).as_deref(), Ok(bytes), "{text} {json}");
        assert_eq!(decoded(&*schema, bytes).as_deref(), Ok(json), "{text} {bytes:?}");
        assert_eq!(schema.check(&document(json), None), Ok(()));
    }
}

#[test]
fn what_a_type_cannot_hold_is_refused_and_never_rounded() {
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#;
    let millis = r#"{"type": "long", "logicalType": "timestamp-millis"}"#;
    let cases = [
        (r#""int""#, "2147483648"),
        (r#""long""#, "9223372036854775808"),
        (r#""long""#, "1.0"),
        (r#""long""#, "1e3"),
        (r#""long""#, r#""1""#),
        (r#""double""#, "9007199254740993"),
        (r#""double""#, "1e400"),
        (r#""float""#, "16777217"),
        (r#""float""#, "1e39"),
        (r#""bytes""#, r#""Ā""#),
        (r#""string""#, r#""\ud800""#),
        (r#"{"type": "fixed", "name": "F", "size": 2}"#, r#""A""#),
        (r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#, r#""B""#),
        (r#"["null", "int"]"#, r#"{"int": 1}"#),
        (r#"["int", "long"]"#, "1"),
        (r#"["int", "long"]"#, r#"{"int": 1, "long": 1}"#),
        (decimal, "0.001"),
        (decimal, "100"),
        (decimal, r#""1.00""#),
        (millis, r#""2026-11-22T13:45:30.0001Z""#),
        (millis, r#""2026-11-22""#),
        (millis, "1"),
        (r#"{"type": "string", "logicalType": "uuid"}"#, r#""1""#),
        (
            r#"{"type": "fixed", "name": "P", "size": 12, "logicalType": "duration"}"#,
            r#"{"months":1,"days":2}"#,
        ),
        (
            r#"{"type": "fixed", "name": "P", "size": 12, "logicalType": "duration"}"#,
            r#"{"months":1,"days":2,"milliseconds":-1}"#,
        ),
    ];
    for (text, json) in cases {
        let failure = encoded(&*schema(text), json).expect_err(json);
        assert_eq!(failure.kind, FailureKind::Encode, "{text} {json}");
        assert!(failure.message().starts_with("expected "), "{failure}");
    }
}

const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"}, {"name": "count", "type": "int", "default": 1}]}}},
    {"name": "note", "type": ["null", "string"], "default": null}]}"#;

#[test]
fn a_missing_member_is_its_default_and_members_may_stand_in_any_order() {
    let schema = schema(ORDER);
    let written = encoded(&*schema, r#"{"lines": [{"sku": "a"}], "id": 1}"#).expect("it is written");
    assert_eq!(
        decoded(&*schema, &written).expect("it is read"),
        r#"{"id":1,"lines":[{"sku":"a","count":1}],"note":null}"#
    );
}

#[test]
fn missing_unknown_and_repeated_members_are_named() {
    let schema = schema(ORDER);
    let failure = |json| encoded(&*schema, json).expect_err("it does not fit").to_string();
    assert_eq!(
        failure(r#"{"id": 1, "lines": [{"count": 1}]}"#),
        "encode at lines[0].sku: expected a member, since the field has no default"
    );
    assert_eq!(
        failure(r#"{"id": 1, "lines": [], "x y": 1}"#),
        "encode at \"x y\": expected no member that `Order` has no field for"
    );
    assert_eq!(
        failure(r#"{"id": 1, "lines": [], "id": 1}"#),
        "encode at id: expected the member once, found it twice"
    );
    assert_eq!(
        failure(r#"{"id": "1", "lines": []}"#),
        "encode at id: expected a number (long), found a string"
    );
}

#[test]
fn a_check_tells_all_that_does_not_fit_up_to_a_limit() {
    let schema = schema(ORDER);
    let unmet = schema
        .check(
            &document(r#"{"id": null, "lines": [{"sku": 1, "count": 1.5}, 7], "rest": 1}"#),
            None,
        )
        .expect_err("nothing fits");
    let told: Vec<String> = unmet
        .iter()
        .map(|unmet| format!("{}: {}", unmet.path, unmet.rule))
        .collect();
    assert_eq!(
        told,
        [
            "rest: expected no member that `Order` has no field for",
            "id: expected a number (long), found null",
            "lines[0].sku: expected a string, found a number",
            "lines[0].count: expected a number written without fraction and exponent (int)",
            "lines[1]: expected an object (record), found a number",
        ]
    );
    let many = format!(r#"{{"id": 1, "lines": [{}1]}}"#, "1,".repeat(100));
    let unmet = schema.check(&document(&many), None).expect_err("nothing fits");
    assert_eq!(unmet.len(), MOST_UNMET);
}

#[test]
fn defaults_cannot_make_a_datum_that_is_larger_than_a_document_may_be() {
    let text = format!(
        r#"{{"type": "array", "items": {{"type": "record", "name": "R", "fields": [
            {{"name": "a", "type": "string", "default": "{}"}}]}}}}"#,
        "x".repeat(500_000)
    );
    let json = format!("[{}{{}}]", "{},".repeat(1_000));
    let failure = encoded(&*schema(&text), &json).expect_err("it is too large");
    assert_eq!(failure.kind, FailureKind::Limit);
}

/// Documents of [`EVERYTHING`] as they are read, some levels deep.
fn everything() -> impl Strategy<Value = String> {
    let scalars = (
        any::<bool>(),
        any::<i32>(),
        any::<i64>(),
        any::<f32>().prop_filter("JSON has no such number", |number| number.is_finite()),
        any::<f64>().prop_filter("JSON has no such number", |number| number.is_finite()),
        "[ -~]{0,8}",
        0_i64..86_400_000,
        -60_000_000_000_000_i64..250_000_000_000_000,
        -700_000_i64..2_900_000,
    );
    let leaf = scalars.prop_map(|(truth, int, long, float, double, text, time, at, day)| {
        use super::super::logical;
        use super::super::model::Unit;

        let quoted = serde_json::to_string(&text).expect("a string is JSON");
        let date = logical::date_text(day).expect("it is in range");
        let of_day = logical::time_text(time, Unit::Millis).expect("it is in range");
        let finer = logical::time_text(time * 1000 + 7, Unit::Micros).expect("it is in range");
        let instant = logical::timestamp_text(at, Unit::Millis).expect("it is in range");
        let nanos = logical::timestamp_text(long, Unit::Nanos).expect("all nanoseconds are in range");
        let local = logical::local_timestamp_text(at * 1000 + 1, Unit::Micros).expect("it is in range");
        let fraction = long.unsigned_abs() % 1000;
        let small = int % 1_000_000_000;
        format!(
            r#"{{"nothing":null,"truth":{truth},"int":{int},"long":{long},"float":{float:?},"double":{double:?},"bytes":{quoted},"text":{quoted},"fixed":"ÿ~","kind":"B","list":["ab"],"map":{{{quoted}:{long}}},"maybe":MAYBE,"either":EITHER,"decimal":{long}.{fraction:03},"small":{small},"date":"{date}","time":"{of_day}","finer":"{finer}","at":"{instant}","nanos":"{nanos}","local":"{local}","id":"0188ed9c-7f0b-7c5e-b3b1-0123456789ab","raw":"0188ed9c-7f0b-7c5e-b3b1-0123456789ab","period":{{"months":{time},"days":0,"milliseconds":3}}}}"#,
        )
    });
    let end = leaf.prop_map(|text| text.replace("MAYBE", "null").replace("EITHER", "\"plain\""));
    end.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), inner, any::<i64>(), 0..4).prop_map(|(outer, within, long, branch)| {
            let either = match branch {
                0 => "null".to_owned(),
                1 => format!("{{\"long\":{long}}}"),
                2 => "{\"double\":0.25}".to_owned(),
                _ => format!("{{\"n.Everything\":{within}}}"),
            };
            outer
                .replacen("\"maybe\":null", &format!("\"maybe\":{within}"), 1)
                .replacen("\"either\":\"plain\"", &format!("\"either\":{either}"), 1)
        })
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read_as_it_was(json in everything()) {
        let schema = schema(EVERYTHING);
        let bytes = encoded(&*schema, &json);
        prop_assert!(bytes.is_ok(), "{json}: {bytes:?}");
        let bytes = bytes.expect("it was just asked");
        let read = decoded(&*schema, &bytes);
        prop_assert_eq!(read.as_deref(), Ok(json.as_str()));
    }
}
