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
    let text = describe(&shape(&model(ORDER)), &model(r#""null""#)).expect("Avro can say it");
    let described = schema(&text);
    let json = r#"{"id":1,"state":"PAID","at":"2026-11-22T13:45:30.250Z","note":"n","parent":{"id":2,"state":"OPEN","at":"2026-11-22T13:45:30Z","note":null,"parent":null,"labels":{},"sums":[]},"labels":{"a":"b"},"sums":[0.5]}"#;
    assert_eq!(described.check(&document(json), None), Ok(()));
    let written = encoded(&*described, json).expect("it is written");
    assert_eq!(decoded(&*described, &written).expect("it is read"), json);
}

const SALE: &str = r#"{"type": "record", "name": "shop.Sale", "aliases": ["shop.Deal"], "fields": [
    {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "shop.Line", "fields": [
        {"name": "sku", "type": "string"}]}}},
    {"name": "first", "type": ["null", "shop.Line"], "default": null},
    {"name": "country", "type": "string", "default": "ES"}]}"#;

/// The schema that describes the shape of [`SALE`] after a change of its members.
fn described_after(change: impl FnOnce(&mut Vec<MemberShape>)) -> serde_json::Value {
    let own = model(SALE);
    let mut shape = shape(&own);
    let mut kinds = shape.kinds(&shape.root).expect("it is known").clone();
    change(&mut kinds.object.as_mut().expect("it is a record").members);
    shape.root = kinds.into();
    let text = describe(&shape, &own).expect("Avro can say it");
    schema(&text);
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn what_fits_the_schema_keeps_its_names_its_logical_types_and_its_defaults() {
    let own: serde_json::Value = serde_json::from_str(SALE).expect("it is JSON");
    let described = described_after(|members| {
        let country = members.last_mut().expect("there are members");
        country.required = true;
        country.value = Node::of(&document(r#""ES""#));
    });
    assert_eq!(described, own);
}

#[test]
fn what_does_not_fit_the_schema_is_described_anew_and_the_rest_is_kept() {
    let own: serde_json::Value = serde_json::from_str(SALE).expect("it is JSON");
    let described = described_after(|members| members[1].value = Node::of(&document("true")));
    assert_eq!(described["name"], own["name"]);
    assert_eq!(described["aliases"], own["aliases"]);
    assert_eq!(described["fields"][1]["type"], "boolean");
    for kept in [0, 2, 3, 4] {
        assert_eq!(described["fields"][kept], own["fields"][kept]);
    }
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
    let told = |shape: &Shape| describe(shape, &model(r#""null""#)).expect_err("Avro has no such type");
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
