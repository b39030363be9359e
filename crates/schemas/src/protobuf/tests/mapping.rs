//! The mapping between payloads and documents, in both directions.

use dunlin_core::migration::{Codec, FailureKind, Limits, Schema};
use proptest::prelude::*;

use super::{decode, document, encode, schema};
use crate::protobuf::Protobuf;

const SHOP: &str = r#"
syntax = "proto3";
package shop;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/empty.proto";

enum State { STATE_UNKNOWN = 0; STATE_OPEN = 1; STATE_PAID = 2; }
message Line { string sku = 1; uint32 count = 2; repeated Line parts = 3; }
message Order {
  int32 number = 1;
  int64 customer_id = 2;
  uint64 large = 3;
  double price = 4;
  float rate = 5;
  bool is_gift = 6;
  string note = 7;
  bytes seal = 8;
  State state = 9;
  repeated Line lines = 10;
  map<string, Line> by_sku = 11;
  map<int64, State> states = 12;
  oneof payment { string card = 13; Line voucher = 14; google.protobuf.NullValue nothing = 15; }
  optional int32 maybe = 16;
  repeated sint64 steps = 17;
  google.protobuf.Timestamp at = 18;
  google.protobuf.Duration took = 19;
  google.protobuf.FieldMask mask = 20;
  google.protobuf.Struct free = 21;
  google.protobuf.Value any_value = 22;
  google.protobuf.Int64Value wrapped = 23;
  google.protobuf.Any any = 24;
  google.protobuf.Empty empty = 25;
  map<bool, bytes> flags = 26;
  fixed64 fixed = 27;
  repeated State past = 28;
  repeated int32 loose = 29 [packed = false];
  google.protobuf.ListValue list = 30;
  Line line = 31;
}
"#;

fn shop() -> std::sync::Arc<Protobuf> {
    schema(SHOP)
}

#[test]
fn documents_come_back_as_the_mapping_writes_them() {
    let schema = shop();
    for (written, read) in [
        ("{}", "{}"),
        (
            r#"{"number":-7,"customerId":"-9223372036854775808"}"#,
            r#"{"number":-7,"customerId":"-9223372036854775808"}"#,
        ),
        (
            r#"{"customer_id":9007199254740993,"large":18446744073709551615}"#,
            r#"{"customerId":"9007199254740993","large":"18446744073709551615"}"#,
        ),
        (r#"{"number":1e2,"large":"1.0"}"#, r#"{"number":100,"large":"1"}"#),
        (r#"{"price":0.1,"rate":0.1}"#, r#"{"price":0.1,"rate":0.1}"#),
        (
            r#"{"price":-0.0,"rate":1e10}"#,
            r#"{"price":-0.0,"rate":10000000000.0}"#,
        ),
        (
            r#"{"price":"NaN","rate":"-Infinity"}"#,
            r#"{"price":"NaN","rate":"-Infinity"}"#,
        ),
        (
            r#"{"number":0,"isGift":false,"note":"","lines":[],"bySku":{},"maybe":null}"#,
            "{}",
        ),
        (r#"{"maybe":0,"card":""}"#, r#"{"card":"","maybe":0}"#),
        (r#"{"seal":"-_8"}"#, r#"{"seal":"+/8="}"#),
        (
            r#"{"state":"STATE_PAID","past":["STATE_OPEN",7,"STATE_UNKNOWN"]}"#,
            r#"{"state":"STATE_PAID","past":["STATE_OPEN",7,"STATE_UNKNOWN"]}"#,
        ),
        (
            r#"{"lines":[{"sku":"a\"b"},{"parts":[{"count":1}]}]}"#,
            r#"{"lines":[{"sku":"a\"b"},{"parts":[{"count":1}]}]}"#,
        ),
        (
            r#"{"bySku":{"b":{},"a.b":{"sku":"x"}},"states":{"-1":1}}"#,
            r#"{"bySku":{"b":{},"a.b":{"sku":"x"}},"states":{"-1":"STATE_OPEN"}}"#,
        ),
        (r#"{"nothing":null}"#, r#"{"nothing":null}"#),
        (
            r#"{"steps":["-1",2],"fixed":3,"loose":[1,2]}"#,
            r#"{"steps":["-1","2"],"fixed":"3","loose":[1,2]}"#,
        ),
        (
            r#"{"at":"2026-11-22T21:00:00.5+01:00","took":"-1.5s"}"#,
            r#"{"at":"2026-11-22T20:00:00.500Z","took":"-1.500s"}"#,
        ),
        (
            r#"{"mask":"fooBar,baz.quxQuux"}"#,
            r#"{"mask":"fooBar,baz.quxQuux"}"#,
        ),
        (
            r#"{"free":{"a":[1.0,null,{"b":true}]},"anyValue":null,"list":["x"]}"#,
            r#"{"free":{"a":[1.0,null,{"b":true}]},"anyValue":null,"list":["x"]}"#,
        ),
        (r#"{"wrapped":"0","empty":{}}"#, r#"{"wrapped":"0","empty":{}}"#),
        (
            r#"{"any":{"sku":"x","@type":"example.com/shop.Line"}}"#,
            r#"{"any":{"@type":"example.com/shop.Line","sku":"x"}}"#,
        ),
        (
            r#"{"any":{"@type":"a/google.protobuf.Duration","value":"1s"}}"#,
            r#"{"any":{"@type":"a/google.protobuf.Duration","value":"1s"}}"#,
        ),
        (r#"{"any":{}}"#, r#"{"any":{}}"#),
        (
            r#"{"flags":{"true":"AA==","false":""}}"#,
            r#"{"flags":{"true":"AA==","false":""}}"#,
        ),
    ] {
        let payload = encode(&schema, written).unwrap_or_else(|failure| panic!("{written}: {failure}"));
        assert_eq!(decode(&schema, &payload).unwrap(), read, "{written}");
        assert_eq!(schema.check(&document(written), None), Ok(()), "{written}");
    }
}

#[test]
fn every_type_of_the_mapping_stands_in_the_table_of_the_guide() {
    let guide = include_str!("../../../../../docs/guide/schemas-protobuf.md");
    let table: String = guide.lines().filter(|line| line.starts_with('|')).collect();
    let scalars = [
        "double", "float", "int32", "int64", "uint32", "uint64", "sint32", "sint64", "fixed32", "fixed64",
        "sfixed32", "sfixed64", "bool", "string", "bytes",
    ];
    let well_known = [
        "Any",
        "Timestamp",
        "Duration",
        "FieldMask",
        "Struct",
        "Value",
        "ListValue",
        "Int64Value",
        "Empty",
    ];
    for word in scalars.iter().chain(&well_known) {
        assert!(table.contains(&format!("`{word}`")), "{word}");
    }
}

#[test]
fn what_a_field_cannot_hold_is_refused_with_its_path_and_without_its_value() {
    let schema = shop();
    for (json, path, expected) in [
        (
            "[]",
            "$",
            "expected an object, for the message `shop.Order`, found an array",
        ),
        (
            r#"{"number":2147483648}"#,
            "number",
            "expected a whole number from -2147483648 to 2147483647, found a number",
        ),
        (r#"{"number":1.5}"#, "number", "expected a whole number"),
        (r#"{"large":-1}"#, "large", "expected a whole number from 0"),
        (r#"{"number":"1 "}"#, "number", "expected a whole number"),
        (
            r#"{"rate":1e39}"#,
            "rate",
            "expected a number that a float can hold",
        ),
        (
            r#"{"isGift":"true"}"#,
            "isGift",
            "expected a boolean, found a string",
        ),
        (
            r#"{"note":"\ud800"}"#,
            "note",
            "expected text, found a lone surrogate",
        ),
        (r#"{"seal":"*"}"#, "seal", "expected a string in base64"),
        (
            r#"{"state":"STATE_LOST"}"#,
            "state",
            "expected a value of the enum `shop.State`, by its name or number",
        ),
        (
            r#"{"lines":[{},{"skus":1}]}"#,
            "lines[1].skus",
            "expected a field of the message `shop.Line`, found another name",
        ),
        (
            r#"{"lines":[null]}"#,
            "lines[0]",
            "expected an object, for the message `shop.Line`, found null",
        ),
        (
            r#"{"lines":{}}"#,
            "lines",
            "expected an array, for a repeated field, found an object",
        ),
        (
            r#"{"states":{"a.b":1}}"#,
            "states.\"a.b\"",
            "expected a key that is the text of a whole number",
        ),
        (
            r#"{"states":{"1":1,"1.0":1}}"#,
            "states.\"1.0\"",
            "expected each key of a map once",
        ),
        (
            r#"{"customerId":1,"customer_id":1}"#,
            "customerId",
            "expected the field once, found it under two names or twice",
        ),
        (
            r#"{"card":"1","voucher":{}}"#,
            "voucher",
            "expected one member of the oneof, found it beside `card`",
        ),
        (
            r#"{"at":"yesterday"}"#,
            "at",
            "expected a point in time as RFC 3339 writes it, from year 1 to 9999",
        ),
        (
            r#"{"anyValue":9007199254740993}"#,
            "anyValue",
            "expected a number that a double holds without a change, found a number",
        ),
        (
            r#"{"any":{"@type":"a/shop.Lost"}}"#,
            "any.\"@type\"",
            "expected the name of a message that the schema or one of its imports has, behind a `/`",
        ),
        (
            r#"{"bySku":{"x":null}}"#,
            "bySku.x",
            "expected an object, for the message `shop.Line`, found null",
        ),
    ] {
        let failure = encode(&schema, json).expect_err(json);
        assert_eq!(failure.kind, FailureKind::Encode, "{json}");
        assert_eq!(failure.path.as_deref(), Some(path), "{json}");
        assert!(
            failure.message().starts_with(expected),
            "{json}: {}",
            failure.message()
        );
    }
}

#[test]
fn a_check_finds_everything_that_is_wrong_in_one_walk() {
    let unmet = shop()
        .check(
            &document(r#"{"number":"x","lines":[{"count":-1},{"sku":1}],"lost":1,"isGift":0}"#),
            None,
        )
        .unwrap_err();
    let paths: Vec<&str> = unmet.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(
        paths,
        ["lost", "number", "isGift", "lines[0].count", "lines[1].sku"]
    );
}

#[test]
fn many_faults_are_told_up_to_a_limit() {
    let lines = vec![r#"{"count":-1}"#; 1000].join(",");
    let unmet = shop()
        .check(&document(&format!(r#"{{"lines":[{lines}]}}"#)), None)
        .unwrap_err();
    assert_eq!(unmet.len(), 100);
}

#[test]
fn fields_that_the_schema_does_not_have_are_refused_by_their_number_or_kept_where_that_is_asked_for() {
    let schema = shop();
    let payload = [0x08, 7, 0xd8, 0x3f, 1];
    let failure = decode(&schema, &payload).unwrap_err();
    assert_eq!((failure.kind, failure.offset), (FailureKind::Decode, Some(2)));
    assert!(
        failure
            .to_string()
            .contains("found field 1019, which the schema does not have"),
        "{failure}"
    );
    let (document, unknown) = schema
        .decode_keeping_unknown(&payload, &Limits::default())
        .unwrap();
    assert_eq!(
        (document.to_json().as_str(), unknown.as_slice()),
        (r#"{"number":7}"#, &payload[2..])
    );
}

#[test]
fn a_field_in_another_encoding_is_refused_by_its_name() {
    let failure = decode(&shop(), &[0x0d, 0, 0, 0, 0]).unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("expected the encoding of int32 in field 1 (`number`)"),
        "{failure}"
    );
}

#[test]
fn the_last_value_counts_parts_of_a_message_are_one_and_the_last_member_of_a_oneof_stays() {
    let schema = shop();
    for (payload, read) in [
        (&[0x08, 1, 0x08, 2][..], r#"{"number":2}"#),
        (
            &[0xfa, 1, 2, 0x10, 1, 0xfa, 1, 3, 0x0a, 1, b'a'],
            r#"{"line":{"sku":"a","count":1}}"#,
        ),
        (&[0x6a, 1, b'a', 0x72, 0], r#"{"voucher":{}}"#),
        (&[0xe8, 1, 5, 0xea, 1, 2, 6, 7], r#"{"loose":[5,6,7]}"#),
        (
            &[0x5a, 3, 0x0a, 1, b'k', 0x5a, 7, 0x0a, 1, b'k', 0x12, 2, 0x10, 9],
            r#"{"bySku":{"k":{"count":9}}}"#,
        ),
        (&[0x5a, 0], r#"{"bySku":{"":{}}}"#),
    ] {
        assert_eq!(decode(&schema, payload).unwrap(), read, "{payload:?}");
    }
}

#[test]
fn equal_documents_are_equal_bytes_in_the_order_of_the_numbers() {
    let schema = shop();
    let payload = encode(&schema, r#"{"isGift":true,"loose":[1],"number":1,"steps":[-1]}"#).unwrap();
    assert_eq!(payload, [0x08, 1, 0x30, 1, 0x8a, 1, 1, 1, 0xe8, 1, 1]);
    assert_eq!(
        encode(
            &schema,
            r#"{"number":1,"steps":["-1"],"isGift":true,"loose":[1]}"#
        )
        .unwrap(),
        payload
    );
}

#[test]
fn required_fields_groups_and_extensions_of_proto2_are_read_and_written() {
    let schema = schema(
        r#"syntax = "proto2"; package shop;
        message Order {
          required int32 number = 1;
          optional group Detail = 2 { optional string text = 1; }
          optional int32 with_default = 3 [default = 7];
          repeated int32 loose = 4;
          repeated int32 tight = 5 [packed = true];
          extensions 100 to 200;
        }
        extend Order { optional bool is_new = 100; }"#,
    );
    let json =
        r#"{"number":0,"detail":{"text":"x"},"withDefault":7,"loose":[1],"tight":[1],"[shop.is_new]":false}"#;
    let payload = encode(&schema, json).unwrap();
    assert_eq!(
        payload,
        [
            8, 0, 0x13, 0x0a, 1, b'x', 0x14, 0x18, 7, 0x20, 1, 0x2a, 1, 1, 0xa0, 6, 0
        ]
    );
    assert_eq!(decode(&schema, &payload).unwrap(), json);
    assert!(
        encode(&schema, "{}")
            .unwrap_err()
            .to_string()
            .contains("expected the required field `number`")
    );
    assert!(
        decode(&schema, &[])
            .unwrap_err()
            .to_string()
            .contains("expected the required field 1 (`number`)")
    );
}

/// Documents of `shop.Order` as the mapping writes them.
fn orders() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just("{}".to_owned()),
        (1..u32::MAX).prop_map(|count| format!(r#"{{"count":{count}}}"#)),
        "[a-zA-Z0-9 _.é😀-]{1,12}".prop_map(|sku| format!(r#"{{"sku":"{sku}"}}"#)),
    ];
    let members = (
        proptest::option::of((1..i32::MAX).prop_map(|number| format!(r#""number":{number}"#))),
        proptest::option::of((i64::MIN..-1).prop_map(|number| format!(r#""customerId":"{number}""#))),
        proptest::option::of((1..u64::MAX).prop_map(|number| format!(r#""large":"{number}""#))),
        proptest::option::of(
            any::<f64>()
                .prop_filter("a number that is not like none", |price| price.is_normal())
                .prop_map(|price| format!(r#""price":{price:?}"#)),
        ),
        proptest::option::of(
            any::<f32>()
                .prop_filter("a number that is not like none", |rate| rate.is_normal())
                .prop_map(|rate| format!(r#""rate":{rate:?}"#)),
        ),
        proptest::option::of(
            prop_oneof![
                Just("\"STATE_OPEN\"".to_owned()),
                (3..1000).prop_map(|number: i32| number.to_string())
            ]
            .prop_map(|state| format!(r#""state":{state}"#)),
        ),
        proptest::option::of(
            proptest::collection::vec(line, 1..4)
                .prop_map(|lines| format!(r#""lines":[{}]"#, lines.join(","))),
        ),
        proptest::option::of(any::<i32>().prop_map(|maybe| format!(r#""maybe":{maybe}"#))),
        proptest::option::of(proptest::collection::vec(any::<i64>(), 1..6).prop_map(|steps| {
            let steps: Vec<String> = steps.iter().map(|step| format!("\"{step}\"")).collect();
            format!(r#""steps":[{}]"#, steps.join(","))
        })),
    );
    members.prop_map(|(a, b, c, d, e, f, g, h, i)| {
        let all: Vec<String> = [a, b, c, d, e, f, g, h, i].into_iter().flatten().collect();
        format!("{{{}}}", all.join(","))
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read_as_it_was(json in orders()) {
        let schema = shop();
        let payload = encode(&schema, &json).unwrap();
        prop_assert_eq!(decode(&schema, &payload).unwrap(), json);
    }

    #[test]
    fn bytes_that_are_read_are_the_same_document_when_they_are_written_again(payload in proptest::collection::vec(any::<u8>(), 0..64)) {
        let schema = shop();
        if let Ok(read) = schema.decode(&payload, &Limits::default()) {
            let again = schema.encode(&read, &Limits::default()).unwrap();
            prop_assert_eq!(schema.decode(&again, &Limits::default()).unwrap(), read);
        }
    }
}
