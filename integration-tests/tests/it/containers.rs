//! Container files of Avro as channels of a route and at a desk, read and written by `fastavro` on the other side.

use std::process::Command;

use dunlin_integration_tests::project::Project;

const V1: &str = r#"{"type":"record","name":"Order","fields":[{"name":"n","type":"long"},{"name":"sum","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}}]}"#;
const V2: &str = r#"{"type":"record","name":"Order","fields":[{"name":"n","type":"long"},{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}}]}"#;

const CONFIGURATION: &str = "systems: {shop: {url: 'file:data', settings: {container: avro}}, dead: {url: 'file:dead', settings: {envelope: true}}}
routes:
  orders:
    from: shop/orders
    migrate: orders.yaml
    to: {system: shop, channel: totals, settings: {schema: v2.avsc, compression: zstandard}}
    dead_letter: dead/orders
";

const MIGRATION: &str = "migration: orders
schemas:
  from: { format: avro, file: v1.avsc, framing: single-object }
  to: { format: avro, file: v2.avsc, framing: single-object }
transformations:
  - { rename: sum, to: total }
";

/// Writes a file of so many orders with this codec, or prints what is in one.
const PYTHON: &str = r#"
import decimal, json, sys
import fastavro
what, path = sys.argv[1:3]
if what == "write":
    codec, first, count = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    schema = fastavro.parse_schema(json.load(open(sys.argv[6])))
    records = [{"n": n, "sum": decimal.Decimal(n) / 100} for n in range(first, first + count)]
    mode = "a+b" if sys.argv[7:] else "wb"
    with open(path, mode) as out:
        fastavro.writer(out, schema, records, codec=codec, sync_interval=2000)
else:
    with open(path, "rb") as file:
        reader = fastavro.reader(file)
        print(reader.metadata["avro.codec"])
        for record in reader:
            print(record["n"], record["total"])
"#;

fn python(project: &Project, arguments: &[&str]) -> String {
    let mut python: Command = dunlin_servers::fastavro().expect("fastavro can be had");
    let ran = python
        .args(["-c", PYTHON])
        .args(arguments)
        .current_dir(project.path(""))
        .output()
        .expect("python can be started");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("it prints text")
}

fn project() -> Project {
    let project = Project::with(CONFIGURATION);
    project.write("orders.yaml", MIGRATION);
    project.write("v1.avsc", V1);
    project.write("v2.avsc", V2);
    project.write("data/.keep", "");
    project
}

/// What `fastavro` prints of these orders.
fn printed(codec: &str, numbers: std::ops::Range<u32>) -> String {
    let lines = numbers.map(|n| format!("{n} {}.{:02}\n", n / 100, n % 100));
    format!("{codec}\n{}", lines.collect::<String>())
}

#[test]
fn a_route_takes_the_messages_of_a_container_to_a_container_of_another_schema() {
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        let project = project();
        let write = ["write", "data/orders.avro", codec];
        python(&project, &[&write[..], &["0", "3000", "v1.avsc"]].concat());
        let ran = project.run(&["run", "--format", "json"]);
        assert_eq!(ran.status, Some(0), "{codec}: {ran:?}");
        assert_eq!(ran.route("orders")["fates"]["forwarded"], 3000, "{ran:?}");
        let read = || python(&project, &["read", "data/totals.avro"]);
        assert_eq!(read(), printed("zstandard", 0..3000), "{codec}");
        // There is nothing new; then there is.
        let before = project.files();
        let ran = project.run(&["run"]);
        assert!(ran.out.contains("orders: nothing new"), "{ran:?}");
        assert!(project.files() == before, "the second run changed a file");
        python(
            &project,
            &[&write[..], &["3000", "10", "v1.avsc", "append"]].concat(),
        );
        let ran = project.run(&["run", "--format", "json"]);
        assert_eq!(ran.route("orders")["fates"]["forwarded"], 10, "{codec}: {ran:?}");
        assert_eq!(read(), printed("zstandard", 0..3010), "{codec}");
    }
}

#[test]
fn a_container_of_another_schema_than_the_migration_names_is_never_misread() {
    let project = project();
    // The bytes of one would be read as the other without a word.
    project.write("other.avsc", V1.replace("\"Order\"", "\"Invoice\""));
    python(
        &project,
        &["write", "data/orders.avro", "null", "0", "3", "other.avsc"],
    );
    let ran = project.run(&["run", "--format", "json"]);
    assert_eq!(ran.route("orders")["fates"]["dead_lettered"], 3, "{ran:?}");
    for line in project.json("dead/orders.ndjson") {
        assert_eq!(line["headers"]["dunlin-error-kind"], "schema", "{line}");
        assert!(line["payload_base64"].is_string(), "{line}");
    }
}

#[test]
fn a_writer_that_is_given_no_schema_is_told_before_anything_runs() {
    let project = project();
    project.write("dunlin.yaml", CONFIGURATION.replace("schema: v2.avsc, ", ""));
    python(
        &project,
        &["write", "data/orders.avro", "null", "0", "3", "v1.avsc"],
    );
    let ran = project.run(&["run"]);
    assert_ne!(ran.status, Some(0), "{ran:?}");
    let told = ran.out + &ran.errors;
    assert!(
        told.contains("expected the file with the schema of the messages that are written"),
        "{told}"
    );
    assert!(!project.path("data/totals.avro").exists());
}

#[test]
fn apply_writes_container_files_that_fastavro_reads() {
    let project = project();
    project.write("plain.yaml", MIGRATION.replace(", framing: single-object", ""));
    python(
        &project,
        &["write", "orders.avro", "snappy", "0", "500", "v1.avsc"],
    );
    for codec in ["null", "deflate", "snappy", "zstandard"] {
        let ran = project.run(&[
            "apply",
            "plain.yaml",
            "orders.avro",
            "-o",
            "new.avro",
            "--compression",
            codec,
        ]);
        assert_eq!(
            (ran.status, ran.out.as_str(), ran.errors.as_str()),
            (Some(0), "", ""),
            "{ran:?}"
        );
        assert_eq!(python(&project, &["read", "new.avro"]), printed(codec, 0..500));
    }
    // Into lines, and not into a container where messages do not leave as Avro.
    let ran = project.run(&["apply", "plain.yaml", "orders.avro", "-o", "new.ndjson"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(
        project.json("new.ndjson")[7],
        serde_json::json!({"n": 7, "total": 0.07})
    );
    project.write("none.yaml", "migration: none\ntransformations: []\n");
    let ran = project.run(&["apply", "none.yaml", "orders.avro", "-o", "other.avro"]);
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(
        ran.errors.contains("a container file needs a migration"),
        "{ran:?}"
    );
    assert!(!project.path("other.avro").exists());
}
