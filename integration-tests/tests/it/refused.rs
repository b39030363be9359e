//! What is typed wrong, missing or too large: each is told in one clear sentence that names what to change, before any
//! traffic where no network is needed to know it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::pairs::broker::{open, systems};
use crate::pairs::corpus::order;
use crate::pairs::item::Item;
use crate::pairs::running::{block_on, project, run_until};

fn brokers() -> impl Iterator<Item = &'static str> {
    systems().into_iter().filter(|system| *system != "file")
}

/// A route from a channel of this system to a file.
pub(crate) fn route_from(system: &str, channel: &str) -> String {
    format!(
        "systems:
  a: {system}
  files: {{ url: 'file:out' }}
routes:
  r:
    from: {{ system: a, channel: {channel}, start: earliest }}
    to: files/out
"
    )
}

/// The first finding of `check`, which must end with 1.
pub(crate) fn finding(configuration: &str, options: &[&str]) -> Result<String> {
    let words = [&["check", "--format", "json", "--allow-warnings"], options].concat();
    let project = project(configuration);
    project.write("data/in.ndjson", "");
    let ran = project.run(&words);
    ensure!(ran.status == Some(1), "{ran:?}");
    let found: Value = serde_json::from_str(&ran.out).with_context(|| format!("{ran:?}"))?;
    let mut findings = found["findings"].as_array().into_iter().flatten();
    let first = findings
        .find(|finding| finding["severity"] == "error")
        .with_context(|| format!("{ran:?}"))?;
    let mut said = first["message"].as_str().unwrap_or_default().to_owned();
    if let Some(help) = first["help"].as_str() {
        said = format!("{said}; {help}");
    }
    ensure!(!said.contains('\n'), "one sentence: {said}");
    Ok(said)
}

#[test]
fn check_finds_without_a_network_what_is_wrong_with_an_address() -> Result<()> {
    for system in brokers() {
        for (url, hint) in [
            (format!("{system}://host:port"), "host"),
            (format!("{system}://"), "host"),
            (format!("{system}://somebody:hunter2@host"), "`password`"),
            (format!("{system}s-over-pigeons://host"), "scheme"),
        ] {
            let said = finding(&route_from(&format!("{{ url: '{url}' }}"), "orders"), &[])?;
            ensure!(said.to_lowercase().contains(hint), "{url}: {said}");
            ensure!(!said.contains("hunter2"), "a secret is shown: {said}");
        }
        let said = finding(
            &route_from(
                &format!("{{ url: '{system}://localhost', settings: {{ toplogy: create }} }}"),
                "orders",
            ),
            &[],
        )?;
        ensure!(said.contains("`topology`"), "{said}");
    }
    Ok(())
}

#[test]
fn two_systems_of_one_name_are_found_where_the_second_stands() -> Result<()> {
    let text = "systems:
  a: { url: 'nats://one' }
  a: { url: 'nats://two' }
routes: {}
";
    let said = finding(text, &[])?;
    ensure!(said.contains("`a`") && said.contains("twice"), "{said}");
    Ok(())
}

#[test]
fn a_route_to_its_own_queue_is_refused_and_a_route_to_its_own_log_is_not() -> Result<()> {
    for system in brokers() {
        let text = format!(
            "systems: {{ a: {{ url: '{system}://localhost' }} }}
routes:
  own:
    from: {{ system: a, channel: orders, start: earliest }}
    migrate: orders.yaml
    to: a/orders
"
        );
        let project = project(&text);
        project.write(
            "orders.yaml",
            "migration: orders\ntransformations:\n  - remove: x\n",
        );
        let ran = project.run(&["check", "--allow-warnings"]);
        let refused = ran.status == Some(1);
        ensure!(refused == (system == "amqp"), "{system}: {ran:?}");
        if refused {
            println!("{}", ran.out);
            ensure!(ran.out.contains("settling"), "the reason is told: {ran:?}");
        }
    }
    Ok(())
}

#[test]
fn nobody_at_the_port_is_told_with_the_address_to_correct() -> Result<()> {
    for system in brokers() {
        // A port of the range that no system hands out by itself, on which nobody listens.
        let address = format!("{{ url: '{system}://127.0.0.1:1' }}");
        let said = finding(&route_from(&address, "orders"), &["--online"])?;
        ensure!(said.contains("`url`"), "{system}: {said}");
    }
    Ok(())
}

#[test]
fn a_channel_or_exchange_that_is_missing_is_told_with_what_to_do() -> Result<()> {
    for system in brokers() {
        let broker = block_on(open(system))?;
        let said = finding(&route_from(&broker.system(), "nowhere-at-all"), &["--online"])?;
        ensure!(
            said.contains("a/nowhere-at-all") && said.contains("`topology: create`"),
            "{system}: {said}"
        );
        // A run says the same in its log, and does not pass it over.
        let project = project(&route_from(&broker.system(), "nowhere-at-all"));
        let mut running = project.start(&["run"]);
        std::thread::sleep(std::time::Duration::from_secs(2));
        running.signal_if_alive(rustix::process::Signal::TERM);
        let ran = running.wait();
        ensure!(ran.errors.contains("`topology: create`"), "{system}: {ran:?}");
    }
    if systems().contains(&"amqp") {
        let rabbit = block_on(open("amqp"))?;
        let text = format!(
            "systems:
  a: {}
  files: {{ url: 'file:data' }}
routes:
  r:
    from: files/in
    to: {{ system: a, channel: key, settings: {{ exchange: no-such-exchange }} }}
",
            rabbit.system()
        );
        let said = finding(&text, &["--online"])?;
        ensure!(
            said.contains("no-such-exchange") && said.contains("exchange"),
            "{said}"
        );
    }
    Ok(())
}

/// Sends these messages to a system with these settings of the end, and gives the words in the dead letter for each.
async fn refused(system: &'static str, channel: &str, settings: &str, items: &[Item]) -> Result<Vec<String>> {
    let mut files = open("file").await?;
    let mut broker = open(system).await?;
    files.make("in").await?;
    files.make("dead").await?;
    broker.make(channel).await?;
    let good = order(0);
    files.write("in", std::slice::from_ref(&good)).await?;
    files.write("in", items).await?;
    files.write("in", &[good]).await?;
    let project = project(&format!(
        "systems:
  files: {}
  a: {}
routes:
  r:
    id: {channel}
    from: files/in
    to: {{ system: a, channel: {channel}, settings: {{ {settings} }} }}
    dead_letter: files/dead
",
        files.system(),
        broker.system()
    ));
    let ran = run_until(&project, async |list| {
        let (target, dead) = (broker.count(channel).await?, files.count("dead").await?);
        if target < 2 || dead < items.len() {
            list.push(format!("{target} arrived, {dead} were refused"));
        }
        Ok(())
    })
    .await?;
    ensure!(ran.route("r")["fates"]["dead_lettered"] == items.len(), "{ran:?}");
    let dead = files.read("dead").await?;
    for (item, sent) in dead.iter().zip(items) {
        ensure!(
            item.payload == sent.payload && item.headers == sent.headers,
            "{system}: changed"
        );
    }
    Ok(dead
        .iter()
        .map(|item| item.marks["dunlin-error"].clone())
        .collect())
}

#[test]
fn a_message_over_the_limit_goes_to_the_dead_letter_and_names_the_limit() -> Result<()> {
    for system in brokers() {
        let mut item = order(1);
        let padding = "x".repeat(2 << 20);
        item.payload = Some(format!("{{\"padding\":\"{padding}\"}}").into_bytes());
        let (settings, hint) = match system {
            "amqp" | "redis" => ("max_payload: 1000000", "`max_payload`"),
            "kafka" => ("topology: verify", "max.message.bytes"),
            _ => ("topology: verify", "max_payload"),
        };
        let said =
            block_on(refused(system, "too-large", settings, &[item])).with_context(|| system.to_owned())?;
        println!("{system}: {said:?}");
        ensure!(said[0].contains(hint), "{system}: {said:?}");
    }
    Ok(())
}

#[test]
fn a_header_that_a_system_cannot_hold_is_refused_and_names_the_way_out() -> Result<()> {
    let with = |name: &str, value: &[u8]| {
        let mut item = order(1);
        item.headers.push((name.to_owned(), value.to_vec()));
        item
    };
    let twice = {
        let mut item = with("again", b"1");
        item.headers.push(("again".to_owned(), b"2".to_vec()));
        item
    };
    let cases = [
        ("amqp", vec![twice, with("CC", b"another-queue")]),
        (
            "nats",
            vec![
                with("Nats-Rollup", b"all"),
                with("lines", b"one\r\nNats-Rollup: all"),
                with("binary", b"\xff\x00"),
                with("with space", b"1"),
            ],
        ),
    ];
    for (system, items) in cases {
        if !systems().contains(&system) {
            continue;
        }
        let said = block_on(refused(system, "bad-headers", "headers: refuse", &items))?;
        println!("{system}: {said:?}");
        for said in said {
            ensure!(said.contains("`headers: escape`"), "{system}: {said}");
            ensure!(!said.contains("another-queue"), "a value is shown: {said}");
        }
    }
    Ok(())
}
