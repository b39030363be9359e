use super::super::describe::describe;
use super::super::tests::{decoded, document, encoded, model, schema};
use super::*;

const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "note", "type": ["null", "string"], "default": null},
    {"name": "parent", "type": ["null", "Order"]},
    {"name": "labels", "type": {"type": "map", "values": "string"}},
    {"name": "sums", "type": {"type": "array", "items": "double"}}]}"#;

#[test]
fn members_with_a_default_are_not_always_there() {
    let shape = shape(&model(ORDER));
    let object = shape
        .kinds(&shape.root)
        .and_then(|kinds| kinds.object.as_ref())
        .expect("it is a record");
    let required = |name: &str| object.member(name).expect("it is a field").required;
    assert!(required("id") && required("parent") && !required("note"));
    assert_eq!(object.others, None);
    let id = shape
        .kinds(&object.member("id").expect("it is a field").value)
        .expect("it is known");
    assert_eq!(
        id.number,
        Some(NumberShape {
            integer: true,
            range: Some((i64::MIN.into(), i64::MAX.into())),
        })
    );
    let parent = shape
        .kinds(&object.member("parent").expect("it is a field").value)
        .expect("it is known");
    assert!(parent.null && parent.object.is_some());
}

#[test]
fn the_schema_that_describes_a_shape_holds_its_documents() {
    let text = describe(&shape(&model(ORDER))).expect("Avro can say it");
    let described = schema(&text);
    let json = r#"{"id":1,"state":"PAID","at":"2026-11-22T13:45:30.250Z","note":"n","parent":{"id":2,"state":"OPEN","at":"2026-11-22T13:45:30Z","note":null,"parent":null,"labels":{},"sums":[]},"labels":{"a":"b"},"sums":[0.5]}"#;
    assert_eq!(described.check(&document(json), None), Ok(()));
    let written = encoded(&*described, json).expect("it is written");
    assert_eq!(decoded(&*described, &written).expect("it is read"), json);
}

#[test]
fn what_avro_cannot_express_is_named() {
    let member = |name: &str, value| MemberShape {
        name: name.to_owned(),
        required: true,
        value,
    };
    let object = |members, others| {
        Shape::of(
            Kinds {
                object: Some(ObjectShape { members, others }),
                ..Kinds::default()
            }
            .into(),
        )
    };
    let told = |shape: &Shape| describe(shape).expect_err("Avro has no such type");
    assert!(told(&object(vec![member("a", Node::Anything)], None)).starts_with("at a: nothing is known"));
    assert!(told(&object(vec![member("a-b", Kinds::default().into())], None)).starts_with("at a-b: a field"));
    assert!(
        told(&object(
            vec![member(
                "a",
                Kinds {
                    null: true,
                    ..Kinds::default()
                }
                .into()
            )],
            Some(Node::Anything)
        ))
        .contains("neither a record nor a map")
    );
}
