//! Every configuration under `config/`: checked, tested by its fixtures, and run, with no line lost. Those of brokers are run
//! against real ones.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use dunlin_integration_tests::{data, root};
use serde_json::Value;

use crate::desk::Desk;
use crate::pairs::broker::{open, systems};
use crate::pairs::item::Item;
use crate::pairs::running::{block_on, project, run_until};

/// The messages of a channel of envelopes.
fn envelopes(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).expect("an envelope is JSON"))
        .collect()
}

fn run(desk: &Desk, configuration: &str) -> String {
    let (status, printed) = desk.run(&format!("dunlin run {configuration}"));
    assert_eq!(status, 0, "{printed}");
    printed
}

#[test]
fn nothing_is_found_in_any_configuration() {
    let desk = Desk::new();
    let mut checked = 0;
    for entry in root().join("config").read_dir().expect("the examples are there") {
        let name = entry
            .expect("the folder can be read")
            .file_name()
            .to_string_lossy()
            .into_owned();
        if !name.ends_with(".yaml") {
            continue;
        }
        if name == "kafka.yaml" && !systems().contains(&"kafka") {
            continue;
        }
        let (status, printed) = desk.run(&format!("dunlin check config/{name}"));
        assert_eq!(status, 0, "{printed}");
        assert!(printed.trim_end().ends_with("nothing found"), "{printed}");
        checked += 1;
    }
    assert!(checked >= 2, "{checked} configurations were checked");
}

#[test]
fn all_fixtures_of_the_examples_pass() {
    let (status, printed) = Desk::new().run("dunlin test config");
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains(" passed, 0 failed"), "{printed}");
}

#[test]
fn the_quick_start_loses_no_order_and_finds_nothing_new_the_second_time() {
    let desk = Desk::new();
    let out = desk.path().join("config/quickstart/out");
    run(&desk, "config/quickstart.yaml");

    let number = |order: &Value| {
        order["payload"]["order"]
            .as_str()
            .expect("an order has a number")
            .to_owned()
    };
    let migrated: BTreeSet<String> = envelopes(&out.join("orders.v3.ndjson"))
        .iter()
        .map(number)
        .collect();
    let dead = envelopes(&out.join("orders.dead.ndjson"));
    let reports = envelopes(&out.join("orders.report.ndjson"));

    // One dead letter is a document that was refused, the other is no document at all.
    let kinds: Vec<&str> = dead
        .iter()
        .filter_map(|letter| letter["headers"]["dunlin-error-kind"].as_str())
        .collect();
    assert_eq!(kinds, ["format", "syntax"]);
    assert_eq!(number(&dead[0]), "A-100404");
    assert!(
        dead[1]["payload_base64"].is_string(),
        "a line that was cut off is kept as bytes"
    );

    let all: BTreeSet<String> = (100_001..=101_000).map(|number| format!("A-{number}")).collect();
    let missing: Vec<&String> = all.difference(&migrated).collect();
    assert_eq!(missing, ["A-100404", "A-100808"]);
    assert_eq!(migrated.len(), 998);
    assert_eq!(reports.len(), 998);

    let before = std::fs::read(out.join("orders.v3.ndjson")).expect("the target is there");
    let second = run(&desk, "config/quickstart.yaml");
    assert!(second.starts_with("orders: nothing new\n"), "{second}");
    let after = std::fs::read(out.join("orders.v3.ndjson")).expect("the target is there");
    assert!(before == after, "a second run writes nothing");
}

#[test]
fn the_quick_start_changes_nothing_that_is_not_ignored() {
    let ignored = std::fs::read_to_string(root().join(".gitignore")).expect("the list of ignored files");
    assert!(ignored.lines().any(|line| line == "/config/*/out/"));

    let desk = Desk::new();
    let listing = |desk: &Desk| {
        desk.run("find . -type f -not -path './config/*/out/*' | sort | xargs cksum")
            .1
    };
    let before = listing(&desk);
    run(&desk, "config/quickstart.yaml");
    assert_eq!(listing(&desk), before);
}

#[test]
fn the_route_of_real_webhooks_loses_no_line() {
    if data("github-webhooks.ndjson").is_none() {
        return;
    }
    let desk = Desk::new();
    run(&desk, "config/webhooks.yaml");
    let out = desk.path().join("config/webhooks/out");
    let events = envelopes(&out.join("events.ndjson"));
    assert_eq!(events.len(), 329);
    assert_eq!(envelopes(&out.join("report.ndjson")).len(), 329);
    assert!(
        events
            .iter()
            .all(|event| event["payload"]["event"] == event["headers"]["x-github-event"])
    );
    let text = std::fs::read_to_string(out.join("events.ndjson")).expect("the target is there");
    assert!(!text.contains("\"node_id\""));
    assert!(
        !text.contains("@users.noreply.github.com"),
        "every address is hidden"
    );
}

#[test]
fn the_route_of_each_broker_carries_the_orders_of_the_quick_start() -> Result<()> {
    for (system, name, end) in [
        ("amqp", "rabbitmq", "orders"),
        ("nats", "nats", "ORDERS"),
        ("kafka", "kafka", "orders"),
        ("redis", "redis", "orders"),
    ] {
        if systems().contains(&system) {
            block_on(carries_orders(system, name, end)).map_err(|error| error.context(name))?;
        }
    }
    Ok(())
}

/// Runs the example against the server that the tests share. `channel` is that of its source.
async fn carries_orders(system: &'static str, name: &str, channel: &str) -> Result<()> {
    let folder = root().join("config");
    let text = std::fs::read_to_string(folder.join(format!("{name}.yaml")))?;
    let mut broker = open(system).await?;
    let there = broker.url();
    let project = project(&text.replace(url_of(&text), &there));
    for entry in folder.join("quickstart/migrations").read_dir()? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            let name = format!("quickstart/migrations/{}", name.to_string_lossy());
            project.write(&name, std::fs::read(&path)?);
        }
    }
    if system == "nats" {
        // The stream takes the subject that the example receives.
        crate::pairs::nats::Nats::open()
            .await?
            .stream(channel, &["orders"])
            .await?;
    } else {
        broker.make(channel).await?;
    }
    let orders: Vec<Item> = std::fs::read_to_string(folder.join("quickstart/orders.ndjson"))?
        .lines()
        .map(|line| Item {
            payload: Some(line.as_bytes().to_vec()),
            ..Item::default()
        })
        .collect();
    broker.write("orders", &orders).await?;
    let ends = match system {
        "nats" => ["ORDERS_V3", "ORDERS_DEAD", "ORDERS_REPORT"],
        _ => ["orders.v3", "orders.dead", "orders.report"],
    };
    let ran = run_until(&project, async |missing| {
        for (end, wanted) in ends.into_iter().zip([998, 2, 998]) {
            // A client of its own for each question: the channel may not be there yet.
            let have = open(system).await?.count(end).await.unwrap_or_default();
            if have < wanted {
                missing.push(format!("{end}: {have} of {wanted}"));
            }
        }
        Ok(())
    })
    .await?;
    assert_eq!(ran.route("orders")["fates"]["forwarded"], 998, "{ran:?}");
    assert_eq!(ran.route("orders")["fates"]["dead_lettered"], 2, "{ran:?}");
    Ok(())
}

/// The address in a configuration with one system.
fn url_of(text: &str) -> &str {
    let behind = text.split("url: ").nth(1).unwrap_or_default();
    behind.split_whitespace().next().unwrap_or_default()
}
