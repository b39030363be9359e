//! Files of Avro that others wrote, and ours read by others.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::envelope;
use dunlin_core::finding::{Findings, Place};
use dunlin_core::migration::document::{DuplicateNames, Reading, Value, parse};
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{
    Disposition, Framing, Input, Limits, LoadOptions, Migration, Options, Schema, SchemaCompiler,
    SchemaFormat, SchemaReference,
};
use dunlin_schemas::Schemas;
use dunlin_schemas::avro::container::{Compression, Reader, Writer};

const EVERYTHING: &str = include_str!("avro/everything.avsc");

fn compiled(text: &str, framing: Framing) -> Arc<dyn Schema> {
    let reference = SchemaReference {
        format: SchemaFormat::Avro,
        file: Some("a.avsc".to_owned()),
        imports: Vec::new(),
        message: None,
        framing,
        registry: None,
        place: Place::whole("a test"),
    };
    let files = MemoryResolver::new().with("a.avsc", text);
    let mut findings = Findings::new();
    let schema = Schemas::default().compile(&reference, &files, &mut findings);
    schema.unwrap_or_else(|| panic!("{}", findings.render()))
}

fn document(json: &str) -> Value {
    let reading = Reading {
        depth: 128,
        duplicate_names: DuplicateNames::default(),
    };
    parse(json.as_bytes(), &reading).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn encoded(schema: &dyn Schema, json: &str) -> Vec<u8> {
    let codec = schema.codec().expect("a schema of Avro has a codec");
    let written = codec.encode(&document(json), &Limits::default());
    written.unwrap_or_else(|failure| panic!("{json}: {failure}"))
}

fn write(path: &Path, schema: &str, compression: Compression, data: &[Vec<u8>]) {
    let file = std::fs::File::create(path).expect("the file can be made");
    let mut writer = Writer::new(file, schema, compression).expect("the file can be written");
    for datum in data {
        writer.add(datum).expect("the file can be written");
    }
    writer.finish().expect("the file can be written");
}

/// The documents of a container file, by the schema in its header.
fn read(path: &Path) -> Vec<String> {
    let file = std::fs::read(path).expect("the file can be read");
    let mut reader = Reader::new("a.avro", &file[..]).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let schema = Arc::clone(reader.schema());
    let codec = schema.codec().expect("a schema of Avro has a codec");
    let mut all = Vec::new();
    while let Some(datum) = reader
        .next_datum(&Limits::default())
        .unwrap_or_else(|error| panic!("{path:?}: {error}"))
    {
        let value = codec.decode(datum, &Limits::default());
        all.push(value.expect("its length was just found").to_json());
    }
    all
}

/// Runs a program to its end, and gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program can be started");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints text")
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/avro")
        .join(name)
}

/// A document of every type; those of greater numbers go to the borders of their types.
fn everything(number: usize) -> String {
    let borders = [
        "0",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "9007199254740993",
    ];
    let either = [
        "null",
        r#"{"long":9007199254740993}"#,
        r#"{"double":0.1}"#,
        r#""text""#,
    ];
    let long = borders[number % borders.len()];
    let either = either[number % either.len()];
    let second = number % 60;
    let text = "é\\n\\\"\u{1f426}".repeat(number % 7);
    format!(
        r#"{{"nothing":null,"truth":{truth},"int":-{count},"long":{long},"float":0.1,"double":-1.5e-7,"bytes":"ÿ\u0000A","text":"{text}","fixed":"ÿ~","kind":"B","list":["ab","cd"],"map":{{"a b":{long},"":1}},"either":{either},"decimal":-{count}.125,"small":-{count},"date":"2026-11-22","time":"13:45:{second:02}.250","finer":"13:45:30.250001","at":"1969-12-31T23:59:{second:02}.999Z","nanos":"2026-11-22T13:45:30.250000001Z","local":"2026-11-22T13:45:30.250001","id":"0188ed9c-7f0b-7c5e-b3b1-0123456789ab","period":{{"months":1,"days":{number},"milliseconds":4294967295}}}}"#,
        truth = number.is_multiple_of(2),
        count = number + 1,
    )
}

/// Writes two thousand documents with every codec, lets another implementation copy them through values of its own, and
/// compares. Gives what it printed of the first document.
fn copied_by(name: &str, copy: impl FnOnce(&Path) -> String) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let schema = compiled(EVERYTHING, Framing::Plain);
    let documents: Vec<String> = (0..2_000).map(everything).collect();
    let data: Vec<Vec<u8>> = documents.iter().map(|json| encoded(&*schema, json)).collect();
    for (codec, compression) in Compression::ALL {
        let path = folder.path().join(format!("ours-{codec}.avro"));
        write(&path, EVERYTHING, compression, &data);
    }
    let printed = copy(folder.path());
    for (codec, compression) in Compression::ALL {
        let path = folder.path().join(format!("{name}-{codec}.avro"));
        let theirs = std::fs::read(&path).expect("it was written");
        let reader = Reader::new("a.avro", &theirs[..]).expect("it is a container file");
        assert_eq!(reader.compression(), compression);
        let read = read(&path);
        assert_eq!(read.len(), documents.len());
        for (read, written) in read.iter().zip(&documents) {
            assert_eq!(document(read), document(written), "{codec}");
        }
    }
    println!("{name}: 2000 documents with each of 4 codecs, there and back");
    printed
}

#[test]
fn apache_avro_reads_our_files_and_we_read_its_files() {
    let printed = copied_by("java", |folder| {
        let mut java = dunlin_servers::apache_avro().expect("Apache Avro can be had");
        run(java.arg(source("Interop.java")).arg(folder))
    });
    let single = encoded(&*compiled(EVERYTHING, Framing::SingleObject), &everything(0));
    let fingerprint: [u8; 8] = single[2..10].try_into().expect("it has eight bytes");
    let expected = format!(
        "long 0\ndecimal -1.125\nsmall -1\ndate 2026-11-22\ntime 13:45:00.250\nfiner 13:45:30.250001\n\
         at 1969-12-31T23:59:00.999Z\nnanos 2026-11-22T13:45:30.250000001Z\nlocal 2026-11-22T13:45:30.250001\n\
         id 0188ed9c-7f0b-7c5e-b3b1-0123456789ab\nfingerprint {:x}\n",
        u64::from_le_bytes(fingerprint)
    );
    assert_eq!(printed, expected);
}

#[test]
fn fastavro_reads_our_files_and_we_read_its_files() {
    let printed = copied_by("python", |folder| {
        let mut python = dunlin_servers::fastavro().expect("fastavro can be had");
        run(python.arg(source("interop.py")).arg("copy").arg(folder))
    });
    let expected = "long 0\ndecimal -1.125\nsmall -1\ndate 2026-11-22\ntime 13:45:00.250000\nfiner 13:45:30.250001\n\
         at 1969-12-31T23:59:00.999000+00:00\nlocal 2026-11-22T13:45:30.250001\n\
         id 0188ed9c-7f0b-7c5e-b3b1-0123456789ab\n";
    assert_eq!(printed, expected);
}

/// The root of the project.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The real webhooks; none where their folder is missing, which is said.
fn webhooks() -> Option<Vec<Input>> {
    let folder = std::env::var_os("DUNLIN_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(folder.join("github-webhooks.ndjson")) else {
        println!("skipped: the webhooks, since the folder of real documents is missing (DUNLIN_DATA)");
        return None;
    };
    let inputs = text.lines().map(|line| {
        let message = envelope::read(&Bytes::from(line.to_owned()))
            .expect("a line is an envelope")
            .message;
        Input {
            payload: message.payload,
            key: message.key,
            headers: message.headers,
        }
    });
    Some(inputs.collect())
}

/// The payloads of all webhooks of the ten kinds, migrated.
fn migrated(migration: &str, webhooks: &[Input]) -> Vec<Bytes> {
    let schema = std::fs::read(root().join("config/schemas/avro/event.avsc")).expect("the schema is there");
    let files = MemoryResolver::new()
        .with("webhooks.yaml", migration)
        .with("event.avsc", schema);
    let schemas = Schemas::default();
    let options = LoadOptions {
        lock: false,
        schemas: &schemas,
    };
    let migration = match Migration::load("webhooks.yaml", &files, &options) {
        Ok(loaded) => loaded.migration,
        Err(findings) => panic!("{findings}"),
    };
    let mut payloads = Vec::new();
    for (number, input) in (1..).zip(webhooks) {
        let migrated = migration
            .migrate(input.clone(), &Options::default())
            .unwrap_or_else(|failure| panic!("line {number}: {failure}"));
        if !matches!(migrated.disposition, Disposition::Dropped { .. }) {
            payloads.push(migrated.payload.expect("a webhook has a payload"));
        }
    }
    payloads
}

/// The text of a document without members that are `null`, and with the times in UTC: what is left of JSON that never
/// went through a schema.
fn comparable(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), comparable(value)))
            .collect(),
        serde_json::Value::Array(elements) => elements.iter().map(comparable).collect(),
        serde_json::Value::String(text) => match text.parse::<jiff::Timestamp>() {
            Ok(time) => time.to_string().into(),
            Err(_) => value.clone(),
        },
        other => other.clone(),
    }
}

#[test]
fn real_webhooks_of_ten_kinds_become_avro_that_fastavro_reads_as_they_were() {
    let Some(webhooks) = webhooks() else { return };
    let text = std::fs::read_to_string(root().join("config/schemas/avro/webhooks.yaml"))
        .expect("the migration is there");
    let without = text.replace("schemas:\n  to: { format: avro, file: event.avsc }\n", "");
    assert_ne!(
        without, text,
        "the chain is compared with itself without the schema"
    );
    let in_avro = migrated(&text, &webhooks);
    let in_json = migrated(&without, &webhooks);
    assert_eq!(in_avro.len(), 111);

    let folder = tempfile::tempdir().expect("a folder can be made");
    let schema =
        std::fs::read_to_string(root().join("config/schemas/avro/event.avsc")).expect("the schema is there");
    let path = folder.path().join("events.avro");
    let data: Vec<Vec<u8>> = in_avro.iter().map(|payload| payload.to_vec()).collect();
    write(&path, &schema, Compression::Zstandard, &data);
    let mut python = dunlin_servers::fastavro().expect("fastavro can be had");
    let printed = run(python.arg(source("interop.py")).arg("json").arg(&path));

    let mut kinds = std::collections::BTreeSet::new();
    let theirs: Vec<&str> = printed.lines().collect();
    assert_eq!(theirs.len(), in_json.len());
    for (theirs, ours) in theirs.iter().zip(&in_json) {
        let theirs: serde_json::Value = serde_json::from_str(theirs).expect("it prints JSON");
        let ours: serde_json::Value = serde_json::from_slice(ours).expect("the chain makes JSON");
        assert_eq!(comparable(&theirs), comparable(&ours));
        kinds.insert(ours["kind"].to_string());
    }
    assert_eq!(kinds.len(), 10);
    println!(
        "{} webhooks of {} kinds, read back by fastavro, equal",
        theirs.len(),
        kinds.len()
    );
}
