//! Schemas beside each other: shapes, texts made of shapes, and compatibility.

use dunlin_core::finding::Findings;
use dunlin_core::migration::Schema;
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::shape::Node;

use super::{compiled, reference, schema};
use crate::protobuf::compat::differences;

const V1: &str = "syntax = \"proto3\"; package shop;
enum State { STATE_UNKNOWN = 0; STATE_PAID = 1; }
message Line { string sku = 1; }
message Order { int64 customer_id = 1; State state = 2; repeated Line lines = 3; map<string, double> prices = 4; reserved 9; }";

fn compare(old: &str, new: &str) -> Vec<(String, bool, bool)> {
    let files = MemoryResolver::new()
        .with("old.proto", old)
        .with("new.proto", new);
    let of = |file: &str| {
        let mut reference = reference(Some("shop.Order"));
        reference.file = Some(file.to_owned());
        reference
    };
    let mut findings = Findings::new();
    let all = differences(&of("old.proto"), &of("new.proto"), &files, &mut findings)
        .unwrap_or_else(|| panic!("{findings}"));
    all.iter()
        .map(|one| (one.to_string(), one.breaks_backward, one.breaks_forward))
        .collect()
}

fn order(fields: &str) -> String {
    format!("syntax = \"proto2\"; package shop; message Line {{}} message Order {{ {fields} }}")
}

#[test]
fn every_kind_of_difference_is_told_with_what_it_breaks() {
    for (old, new, sentence, backward, forward) in [
        (
            "",
            "optional int32 a = 1;",
            "a: the field 1 is new; older readers refuse it",
            false,
            true,
        ),
        (
            "",
            "required int32 a = 1;",
            "a: the field 1 is new; older readers refuse it; it is required, and older writers do not write it",
            true,
            true,
        ),
        (
            "optional int32 a = 1;",
            "reserved 1;",
            "a: the field 1 is removed",
            true,
            false,
        ),
        (
            "required int32 a = 1;",
            "",
            "a: the field 1 is removed, and its number is not reserved; older readers require it",
            true,
            true,
        ),
        (
            "reserved 1;",
            "optional int32 a = 1;",
            "a: the number 1 was reserved: payloads may hold another field of it",
            true,
            true,
        ),
        (
            "optional int32 a = 1;",
            "optional int64 a = 1;",
            "a: the type is `int64`, and was `int32`; not every value of one is one of the other",
            false,
            true,
        ),
        (
            "optional int32 a = 1;",
            "optional sint32 a = 1;",
            "a: the type is `sint32`, and was `int32`, which is encoded otherwise",
            true,
            true,
        ),
        (
            "optional string a = 1;",
            "optional bytes a = 1;",
            "a: the type is `bytes`, and was `string`; not every value of one is one of the other",
            false,
            true,
        ),
        (
            "optional int32 a = 1;",
            "optional int32 b = 1;",
            "a: the member is called `b`, and was `a`",
            true,
            true,
        ),
        (
            "optional int32 a = 1;",
            "repeated int32 a = 1;",
            "a: the field has one value, a list or a map, and had another of the three",
            true,
            true,
        ),
        (
            "optional int32 a = 1;",
            "required int32 a = 1;",
            "a: the field is required now, and older writers may leave it out",
            true,
            false,
        ),
        (
            "required int32 a = 1;",
            "optional int32 a = 1;",
            "a: the field is not required any more, and older readers require it",
            false,
            true,
        ),
        (
            "optional int32 a = 1;",
            "oneof x { int32 a = 1; }",
            "a: the field moves into a oneof or out of one: a value beside it may be lost",
            true,
            true,
        ),
        (
            "optional int32 a = 1;",
            "optional Line a = 1;",
            "a: the type is the message `shop.Line`, and was `int32`, which is encoded otherwise",
            true,
            true,
        ),
    ] {
        let found = compare(&order(old), &order(new));
        assert!(
            found.contains(&(sentence.to_owned(), backward, forward)),
            "{old} -> {new}: {found:?}"
        );
    }
    assert_eq!(compare(V1, V1), []);
    assert_eq!(
        compare(
            &order("repeated int32 a = 1;"),
            &order("repeated int32 a = 1 [packed = true];")
        ),
        []
    );
}

#[test]
fn differences_are_found_in_messages_of_messages_that_hold_themselves() {
    let node = |kind: &str| {
        format!(
            "syntax = \"proto3\"; package shop; message Order {{ repeated Order inner = 1; map<string, Order> named = 2; {kind} leaf = 3; }}"
        )
    };
    let found = compare(&node("int32"), &node("double"));
    assert_eq!(found.len(), 1, "{found:?}");
    let enums = |values: &str| V1.replace("STATE_PAID = 1;", values);
    let found = compare(V1, &enums("STATE_PAID = 2; STATE_LOST = 3;"));
    assert!(
        found
            .iter()
            .any(|(sentence, _, _)| sentence.starts_with("state: the value `STATE_PAID` has another number")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|(sentence, _, _)| sentence == "state: the value `STATE_LOST` (3) is new in the enum"),
        "{found:?}"
    );
}

#[test]
fn a_shape_has_the_members_of_the_mapping() {
    let shape = schema(V1).shape().unwrap();
    let object = shape
        .kinds(&shape.root)
        .and_then(|kinds| kinds.object.clone())
        .unwrap();
    let members: Vec<(String, String, bool)> = object
        .members
        .iter()
        .map(|member| {
            let kinds = shape
                .kinds(&member.value)
                .map(ToString::to_string)
                .unwrap_or_default();
            (member.name.clone(), kinds, member.required)
        })
        .collect();
    let expected = [
        ("customerId", "a string", false),
        ("state", "an integer or a string", false),
        ("lines", "an array", false),
        ("prices", "an object", false),
    ];
    assert_eq!(
        members,
        expected.map(|(name, kinds, required)| (name.to_owned(), kinds.to_owned(), required))
    );
    assert!(object.others.is_none());
}

#[test]
fn the_text_of_its_own_shape_is_a_schema_that_reads_the_same_payloads() {
    let own = schema(V1);
    let text = own.describe(&own.shape().unwrap()).unwrap();
    let again = compiled(&text, Some("shop.Order")).unwrap_or_else(|findings| panic!("{text}\n{findings}"));
    let json = r#"{"customerId":"5","state":"STATE_PAID","lines":[{"sku":"x"}],"prices":{"a":1.5}}"#;
    let payload = super::encode(&own, json).unwrap();
    assert_eq!(super::decode(&again, &payload).unwrap(), json);
    assert!(text.contains("reserved 9;"), "{text}");
}

#[test]
fn new_members_get_new_numbers_and_those_that_are_gone_stay_reserved() {
    let own = schema(V1);
    let wanted = schema(
        "syntax = \"proto3\"; package shop; message Order { int64 customer_id = 1; message Place { string city = 1; } Place place = 2;
         optional bool is_gift = 3; repeated int32 odd = 4 [json_name = \"odd-name\"]; }",
    );
    let text = own.describe(&wanted.shape().unwrap()).unwrap();
    for line in [
        "  int64 customer_id = 1;\n",
        "  Place place = 10;\n",
        "  optional bool isGift = 11;\n",
        "  repeated int32 odd_name = 12 [json_name = \"odd-name\"];\n",
        "  reserved 2;\n  reserved \"state\";\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(compiled(&text, Some("shop.Order")).is_ok(), "{text}");
}

#[test]
fn what_everything_fits_keeps_its_labels_and_types_in_the_text() {
    let own = schema(V1);
    let mut shape = own.shape().unwrap();
    let whole = own.describe(&shape).unwrap();
    // Nothing is known of `Line` any more but that it has a member, and `state` is gone.
    let mut root = shape.kinds(&shape.root).unwrap().clone();
    let object = root.object.as_mut().unwrap();
    object.members.retain(|member| member.name != "state");
    for member in &mut object.members {
        if member.name == "lines" {
            let line = r#"[{"sku":"x","qty":1}]"#;
            member.value = Node::of(&super::document(line));
        }
    }
    shape.root = root.into();
    let changed = own.describe(&shape).unwrap();
    for (text, lines) in [
        (
            &whole,
            [
                "  int64 customer_id = 1;\n",
                "  State state = 2;\n",
                "  repeated Line lines = 3;\n",
                "  string sku = 1;\n",
            ],
        ),
        (
            &changed,
            [
                "  int64 customer_id = 1;\n",
                "  reserved 2;\n",
                "  repeated Line lines = 3;\n",
                "  string sku = 1;\n",
            ],
        ),
    ] {
        for line in lines {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(compiled(text, Some("shop.Order")).is_ok(), "{text}");
    }
    assert!(!whole.contains("optional") && !whole.contains("qty"), "{whole}");
    assert!(changed.contains("  optional int32 qty = 2;\n"), "{changed}");
}
