use super::super::tests::model;
use super::*;

/// The values of Avro's own test data, `share/test/data/schema-tests.txt`.
#[test]
fn forms_and_fingerprints_are_those_of_avros_own_test_data() {
    let cases: [(&str, &str, i64); 10] = [
        (r#""null""#, r#""null""#, 7_195_948_357_588_979_594),
        (r#"{"type":"null"}"#, r#""null""#, 7_195_948_357_588_979_594),
        (r#""boolean""#, r#""boolean""#, -6_970_731_678_124_411_036),
        (r#"{"type":"int"}"#, r#""int""#, 8_247_732_601_305_521_295),
        (r#""long""#, r#""long""#, -3_434_872_931_120_570_953),
        (r#""float""#, r#""float""#, 5_583_340_709_985_441_680),
        (r#""double""#, r#""double""#, -8_181_574_048_448_539_266),
        (r#""bytes""#, r#""bytes""#, 5_746_618_253_357_095_269),
        (r#""string""#, r#""string""#, -8_142_146_995_180_207_161),
        (
            r#"{"items":{"type":"null"}, "type":"array"}"#,
            r#"{"type":"array","items":"null"}"#,
            -589_620_603_366_471_059,
        ),
    ];
    for (text, form, number) in cases {
        let written = canonical_form(&model(text));
        assert_eq!(written, form);
        assert_eq!(fingerprint(written.as_bytes()).cast_signed(), number, "{text}");
    }
}

#[test]
fn what_does_not_decide_how_bytes_are_read_is_left_out_and_names_are_full() {
    let text = r#"{"fields": [
            {"type": {"size": 16, "name": "Hash", "type": "fixed", "aliases": ["H"]}, "name": "one", "doc": "x"},
            {"name": "two", "type": "Hash", "default": "0123456789abcdef", "order": "ignore"},
            {"name": "three", "type": ["null", {"type": "enum", "name": "o.E", "symbols": ["A"], "default": "A"}]},
            {"name": "four", "type": {"type": "map", "values": {"type": "long", "logicalType": "timestamp-millis"}}}
        ], "name": "R", "namespace": "n.s", "type": "record", "doc": "d"}"#;
    let form = r#"{"name":"n.s.R","type":"record","fields":[{"name":"one","type":{"name":"n.s.Hash","type":"fixed","size":16}},{"name":"two","type":"n.s.Hash"},{"name":"three","type":["null",{"name":"o.E","type":"enum","symbols":["A"]}]},{"name":"four","type":{"type":"map","values":"long"}}]}"#;
    assert_eq!(canonical_form(&model(text)), form);
}

#[test]
fn the_full_form_is_a_schema_that_means_the_same() {
    let text = super::super::encode::tests::EVERYTHING;
    let full = full_form(&model(text));
    assert_eq!(full_form(&model(&full)), full);
    assert_eq!(canonical_form(&model(&full)), canonical_form(&model(text)));
    let defaults = r#"{"type": "record", "name": "n.R", "aliases": ["o.Q"], "fields": [
        {"name": "a", "aliases": ["b"], "type": ["null", "long"], "default": null},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"], "default": "Y"}, "default": "X"},
        {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 3, "scale": 1}, "default": "\u00ff"}]}"#;
    let full = full_form(&model(defaults));
    assert_eq!(full_form(&model(&full)), full);
    for part in [
        r#""aliases":["o.Q"]"#,
        r#""default":null"#,
        r#""default":"Y""#,
        r#""default":"X""#,
        r#""default":"ÿ""#,
    ] {
        assert!(full.contains(part), "{part} in {full}");
    }
}
