//! The table of the guide to Avro says what the code does.

use dunlin_core::finding::{Findings, Place};
use dunlin_core::migration::document::{DuplicateNames, Reading, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{Framing, Limits, SchemaCompiler as _, SchemaFormat, SchemaReference};
use dunlin_schemas::Schemas;

const GUIDE: &str = include_str!("../../../../docs/guide/schemas-avro.md");

/// Every type that the specification has, with a schema of it.
const TYPES: [(&str, &str); 25] = [
    ("null", r#""null""#),
    ("boolean", r#""boolean""#),
    ("int", r#""int""#),
    ("long", r#""long""#),
    ("float", r#""float""#),
    ("double", r#""double""#),
    ("string", r#""string""#),
    ("bytes", r#""bytes""#),
    ("fixed", r#"{"type":"fixed","name":"F","size":2}"#),
    ("enum", r#"{"type":"enum","name":"E","symbols":["A"]}"#),
    ("array", r#"{"type":"array","items":"int"}"#),
    ("map", r#"{"type":"map","values":"int"}"#),
    ("record", r#"{"type":"record","name":"R","fields":[]}"#),
    (
        "decimal",
        r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
    ),
    ("date", r#"{"type":"int","logicalType":"date"}"#),
    ("time-millis", r#"{"type":"int","logicalType":"time-millis"}"#),
    ("time-micros", r#"{"type":"long","logicalType":"time-micros"}"#),
    (
        "timestamp-millis",
        r#"{"type":"long","logicalType":"timestamp-millis"}"#,
    ),
    (
        "timestamp-micros",
        r#"{"type":"long","logicalType":"timestamp-micros"}"#,
    ),
    (
        "timestamp-nanos",
        r#"{"type":"long","logicalType":"timestamp-nanos"}"#,
    ),
    (
        "local-timestamp-millis",
        r#"{"type":"long","logicalType":"local-timestamp-millis"}"#,
    ),
    (
        "local-timestamp-micros",
        r#"{"type":"long","logicalType":"local-timestamp-micros"}"#,
    ),
    (
        "local-timestamp-nanos",
        r#"{"type":"long","logicalType":"local-timestamp-nanos"}"#,
    ),
    ("uuid", r#"{"type":"string","logicalType":"uuid"}"#),
    (
        "duration",
        r#"{"type":"fixed","name":"D","size":12,"logicalType":"duration"}"#,
    ),
];

/// The rows of the table: the words of the first column, and the second column.
fn rows() -> Vec<(Vec<&'static str>, &'static str)> {
    let table = GUIDE.split("| Avro | Document |").nth(1).unwrap();
    let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let (first, second) = line.trim_matches('|').split_once('|').unwrap();
            (first.split('`').skip(1).step_by(2).collect(), second.trim())
        })
        .collect()
}

/// The document as it is read, after it was written with this schema.
fn there_and_back(schema: &str, document: &str) -> String {
    let reference = SchemaReference {
        format: SchemaFormat::Avro,
        file: Some("a.avsc".to_owned()),
        imports: Vec::new(),
        message: None,
        framing: Framing::Plain,
        registry: None,
        place: Place::whole("migration.yaml"),
    };
    let files = MemoryResolver::new().with("a.avsc", schema);
    let mut findings = Findings::new();
    let schema = Schemas::default()
        .compile(&reference, &files, &mut findings)
        .unwrap_or_else(|| panic!("{findings}"));
    let codec = schema.codec().unwrap();
    let reading = Reading {
        depth: 128,
        duplicate_names: DuplicateNames::Allow,
    };
    let document = parse(document.as_bytes(), &reading).unwrap();
    let datum = codec.encode(&document, &Limits::default()).unwrap();
    codec.decode(&datum, &Limits::default()).unwrap().to_json()
}

#[test]
fn every_type_stands_in_the_table_and_every_example_comes_back_as_it_is() {
    let rows = rows();
    let mut shown = 0;
    for (word, schema) in TYPES {
        let row = rows.iter().find(|(words, _)| words.contains(&word));
        let (_, meaning) = row.unwrap_or_else(|| panic!("{word} stands in no row"));
        let example = meaning.strip_prefix('`').and_then(|rest| rest.split('`').next());
        if let Some(example) = example.filter(|example| example.starts_with(['"', '{'])) {
            let plain = |text: &str| text.replace(' ', "");
            assert_eq!(plain(&there_and_back(schema, example)), plain(example), "{word}");
            shown += 1;
        }
    }
    assert_eq!(shown, 11, "as many types have an example");
    let words = rows.iter().flat_map(|(words, _)| words);
    for word in words {
        assert!(TYPES.iter().any(|(known, _)| known == word), "{word} is no type");
    }
}
