//! Schemas at the desk: the examples, commands that ask a registry, and the way back with a complement.

use dunlin_servers::{Kind, left_out, shared};

use crate::desk::Desk;
use crate::pairs::running::block_on;

/// Runs a command that has to end well, and gives what it printed.
fn done(desk: &Desk, command: &str) -> String {
    let (status, printed) = desk.run(command);
    assert_eq!(status, 0, "$ {command}\n{printed}");
    printed
}

/// What a command prints that has to end with 1.
fn found(desk: &Desk, command: &str) -> String {
    let (status, printed) = desk.run(command);
    assert_eq!(status, 1, "$ {command}\n{printed}");
    printed
}

#[test]
fn the_examples_of_each_format_are_proved_and_migrate_documents() {
    let desk = Desk::new();
    for (file, header, document, migrated) in [
        (
            "config/schemas/json-schema/orders.yaml",
            "",
            r#"{"id":"A-1","zip":1010,"lines":[{"article":"S","quantity":2}]}"#,
            r#"{"id":"A-1","postcode":"1010","lines":[{"sku":"S","quantity":2}]}"#,
        ),
        (
            "config/schemas/protobuf/orders.yaml",
            "",
            r#"{"id":"A-1","customerName":"Ana","totalCents":"7"}"#,
            r#"{"id":"A-1","totalCents":"7","customer":{"name":"Ana"}}"#,
        ),
        (
            "config/schemas/avro/webhooks.yaml",
            "--headers",
            r#"{"headers":{"x-github-event":"star"},"payload":{"repository":{"id":1,"full_name":"a/b","private":true},"sender":{"id":2,"login":"a","type":"Bot","site_admin":false}}}"#,
            r#""payload_base64":"#,
        ),
    ] {
        let told = done(&desk, &format!("dunlin check {file} --allow-warnings"));
        assert!(told.contains("\n  way back     "), "{told}");
        desk.write("document.ndjson", &format!("{document}\n"));
        let printed = done(&desk, &format!("dunlin apply {file} document.ndjson {header}"));
        assert!(printed.contains(migrated), "{file}: {printed}");
    }
}

/// F12.09: a case is about documents, whatever its messages look like.
#[test]
fn the_documents_of_a_case_are_written_and_read_by_the_schemas_of_both_ends() {
    let desk = Desk::new();
    let fixture = |name: &str| {
        format!(
            "migration: ../orders.yaml\ncases:\n  - name: Protobuf in and out\n    in: {{ id: A-1, customerName: Ana, totalCents: 7 }}\n    out: {{ id: A-1, totalCents: \"7\", customer: {{ name: {name} }} }}\n"
        )
    };
    let file = "config/schemas/protobuf/tests/documents.yaml";
    desk.write(file, &fixture("Ana"));
    let told = done(&desk, "dunlin test config/schemas/protobuf");
    assert!(told.contains("5 passed, 0 failed"), "{told}");
    desk.write(file, &fixture("Eva"));
    let told = found(&desk, "dunlin test config/schemas/protobuf");
    assert!(
        told.contains("customer.name") && told.contains("4 passed, 1 failed"),
        "{told}"
    );
    desk.write(file, &fixture("Ana").replace("customerName", "unknown"));
    let told = found(&desk, "dunlin test config/schemas/protobuf");
    assert!(told.contains("found a failure: encode"), "{told}");
}

const CONFIGURATION: &str = "
systems:
  in: { url: file:in }
  out: { url: file:out, settings: { envelope: true } }
registries:
  main: { url: \"URL\" }
routes:
  orders: { from: in/orders, migrate: write.yaml, to: out/orders }
  readers: { from: { system: out, channel: orders, settings: { envelope: true } }, migrate: read.yaml, to: out/read }
";

const WRITE: &str = "
migration: write
schemas:
  to: { format: avro, file: order.avsc, registry: main, subject: desk-orders-value, register: true }
transformations:
  - { rename: n, to: amount }
";

const READ: &str = "
migration: read
schemas:
  from: { format: avro, registry: main, subject: desk-orders-value, version: 1 }
  to: { format: json-schema, file: any.json }
transformations:
  - { rename: amount, to: total }
  - { remove: nowhere }
";

fn registry_desk(url: &str) -> Desk {
    let desk = Desk::new();
    desk.write("dunlin.yaml", &CONFIGURATION.replace("URL", url));
    desk.write("write.yaml", WRITE);
    desk.write("read.yaml", READ);
    desk.write(
        "order.avsc",
        r#"{"type":"record","name":"DeskOrder","fields":[{"name":"amount","type":"long"}]}"#,
    );
    desk.write("any.json", r#"{"type":"object"}"#);
    desk.write("in/orders.ndjson", "{\"n\":7}\n{\"n\":8}\n");
    desk.write("in/nothing.ndjson", "");
    desk
}

#[test]
fn commands_ask_the_registry_that_the_configuration_names() {
    if left_out(Kind::Registry) {
        println!("skipped: {} was left out", Kind::Registry);
        return;
    }
    let url = block_on(async { shared(Kind::Registry).await.map(dunlin_servers::Server::url) });
    let desk = registry_desk(&url.expect("the registry starts"));

    done(&desk, "dunlin run --set routes.readers.from=in/nothing");
    let written =
        std::fs::read_to_string(desk.path().join("out/orders.ndjson")).expect("the target is there");
    assert_eq!(
        written.matches("\"payload_base64\":\"AAAAA").count(),
        2,
        "{written}"
    );

    // Nothing is known of what only the registry has, and that is said.
    let told = done(&desk, "dunlin check read.yaml --allow-warnings");
    assert!(
        told.contains("read.yaml:4:3: note: `from` counts as a schema that admits anything"),
        "{told}"
    );
    assert!(told.contains("= help: `--online` asks the registry"), "{told}");
    assert!(!told.contains("can never match"), "{told}");
    let told = found(&desk, "dunlin check read.yaml --online");
    assert!(
        told.contains("read.yaml:8:7: warning: the path can never match"),
        "{told}"
    );
    assert!(!told.contains("note: `from`"), "{told}");
    let told = done(&desk, "dunlin check --format json --allow-warnings");
    assert!(told.contains(r#""severity":"note""#), "{told}");
    let told = found(&desk, "dunlin check --online");
    assert!(
        told.contains("the path can never match") && !told.contains("note: `from`"),
        "{told}"
    );

    let told = done(&desk, "dunlin apply read.yaml out/orders.ndjson --headers");
    assert!(
        told.contains(r#""payload":{"total":7}"#) && told.contains(r#""payload":{"total":8}"#),
        "{told}"
    );
    let told = done(&desk, "echo '{\"amount\":9}' | dunlin explain read.yaml -");
    assert!(told.contains("+ total: 9"), "{told}");
    desk.write(
        "tests/read.yaml",
        "migration: ../read.yaml\ncases:\n  - { name: a document in Avro, in: { amount: 1 }, out: { total: 1 } }\n",
    );
    let told = done(&desk, "dunlin test tests");
    assert!(told.contains("1 passed, 0 failed"), "{told}");
}

#[test]
fn commands_say_that_a_registry_is_down() {
    // Nobody listens at this port, which belongs to no service.
    let desk = registry_desk("http://127.0.0.1:1/apis/ccompat/v7");
    let told = found(&desk, "dunlin check read.yaml --online");
    assert!(told.contains("read.yaml: error: the registry `main`"), "{told}");
    let (status, told) = desk.run("dunlin apply read.yaml out/orders.ndjson");
    assert_ne!(status, 0, "{told}");
    assert!(told.contains("the registry `main`"), "{told}");
}

#[test]
fn a_message_goes_up_and_comes_back_by_its_complement() {
    let desk = Desk::new();
    let route = |name: &str, route: &str| {
        let systems = "systems:\n  shop: { url: file:data, settings: { envelope: true } }\n";
        desk.write(name, &format!("{systems}routes:\n  people: {{ {route} }}\n"));
    };
    route(
        "there.yaml",
        "from: shop/old, migrate: up.yaml, to: shop/new, report: shop/report",
    );
    route("back.yaml", "from: shop/new, migrate: down.yaml, to: shop/back");
    desk.write(
        "up.yaml",
        "migration: people\ncomplement: { max_bytes: 400, too_large: leave_out }\ntransformations:\n  - { remove: nickname }\n  - { text: name, do: [upper] }\n",
    );
    let told = done(&desk, "dunlin check up.yaml");
    assert!(
        told.contains(
            "restorable: people#2 (text): the text before the steps is not kept; complements are kept"
        ),
        "{told}"
    );
    done(
        &desk,
        "dunlin invert up.yaml > down.yaml; sed -i '/cannot be undone/d' down.yaml",
    );
    let long: String = (0..2_000_u32)
        .map(|number| format!("{:x}", number.wrapping_mul(2_654_435_761)))
        .collect();
    let first = r#"{"payload":{ "nickname" : "Nan","name":"Ana" }}"#;
    desk.write(
        "data/old.ndjson",
        &format!("{first}\n{{\"payload\":{{\"nickname\":\"{long}\",\"name\":\"Eva\"}}}}\n"),
    );
    let told = done(&desk, "dunlin run there.yaml");
    done(&desk, "dunlin run back.yaml");
    assert!(
        told.contains("without their complement, which was too large"),
        "{told}"
    );
    let read = |channel: &str| {
        std::fs::read_to_string(desk.path().join(format!("data/{channel}.ndjson")))
            .expect("the channel is there")
    };
    let report = read("report");
    assert!(
        report.contains(r#""complement":"kept""#) && report.contains(r#""complement":"left_out""#),
        "{report}"
    );
    let back = read("back");
    assert!(back.contains(r#"{ "nickname" : "Nan","name":"Ana" }"#), "{back}");
    assert!(back.contains(r#"{"name":"EVA"}"#), "{back}");
    assert!(!back.contains("dunlin-complement"), "{back}");

    // What somebody changed on the way does not come back as if nobody had.
    desk.write("data/new.ndjson", &read("new").replacen("ANA", "ENA", 1));
    let told = found(&desk, "dunlin apply down.yaml data/new.ndjson --headers");
    assert!(
        told.contains("line 1: complement: expected the complement of this message"),
        "{told}"
    );
}
