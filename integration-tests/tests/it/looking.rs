//! Looking at channels of every system without taking from them, and asking the systems before anything runs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dunlin_integration_tests::project::Ran;
use serde_json::Value;

use crate::pairs::broker::{open, systems};
use crate::pairs::corpus::order;
use crate::pairs::item::Item;
use crate::pairs::running::{block_on, project, run_until};

/// The numbers of the messages that were printed as envelopes.
fn numbers(ran: &Ran) -> Result<Vec<usize>> {
    ensure!(ran.status == Some(0), "{ran:?}");
    ran.out
        .lines()
        .map(|line| {
            let envelope: Value = serde_json::from_str(line)?;
            let text = envelope["headers"]["number"].as_str().context("a number")?;
            Ok(text.parse()?)
        })
        .collect()
}

#[test]
fn peek_shows_the_first_messages_of_every_system_and_takes_none() -> Result<()> {
    for system in systems() {
        block_on(peeked(system)).map_err(|error| error.context(system))?;
    }
    Ok(())
}

async fn peeked(system: &'static str) -> Result<()> {
    let mut broker = open(system).await?;
    broker.make("peeked").await?;
    // One key, so that there is one order wherever there are partitions.
    let items: Vec<Item> = (0..20).map(|number| keyed(&*broker, number)).collect();
    broker.write("peeked", &items).await?;
    let project = project(&format!("systems: {{ a: {} }}\nroutes: {{}}\n", broker.system()));
    for _ in 0..2 {
        let shown = numbers(&project.run(&["peek", "a/peeked", "-n", "5"]))?;
        ensure!(shown == [0, 1, 2, 3, 4], "{shown:?}");
    }
    let all = numbers(&project.run(&["peek", "a/peeked", "-n", "100"]))?;
    ensure!(all == (0..20).collect::<Vec<_>>(), "{all:?}");
    // A queue has them back when the look has ended.
    let begun = Instant::now();
    while broker.count("peeked").await? != 20 {
        ensure!(begun.elapsed() < Duration::from_secs(20), "peek has taken some");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn keyed(broker: &dyn crate::pairs::broker::Broker, number: usize) -> Item {
    let mut item = order(number);
    item.key = Some(b"one".to_vec());
    broker.native(&item)
}

#[test]
fn tail_shows_messages_of_every_system_as_they_come() -> Result<()> {
    for system in systems() {
        block_on(tailed(system)).map_err(|error| error.context(system))?;
    }
    Ok(())
}

async fn tailed(system: &'static str) -> Result<()> {
    let mut broker = open(system).await?;
    broker.make("tailed").await?;
    let first: Vec<Item> = (0..3).map(|number| keyed(&*broker, number)).collect();
    broker.write("tailed", &first).await?;
    let project = project(&format!("systems: {{ a: {} }}\nroutes: {{}}\n", broker.system()));
    // A queue has no place but its front.
    let start = if system == "amqp" { "earliest" } else { "latest" };
    let mut running = project.start(&["tail", "a/tailed", "-n", "5", "--start", start]);
    let begun = Instant::now();
    let mut number = 3;
    // Nobody is told when the look begins, so that messages are written until it has seen enough.
    while running.child().try_wait()?.is_none() {
        ensure!(begun.elapsed() < Duration::from_secs(60), "tail shows nothing");
        let item = keyed(&*broker, number);
        broker.write("tailed", &[item]).await?;
        number += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let shown = numbers(&running.wait())?;
    let from = shown.first().copied().context("nothing was shown")?;
    ensure!(shown == (from..from + 5).collect::<Vec<_>>(), "{shown:?}");
    ensure!((start == "latest") == (from >= 3), "{shown:?}");
    Ok(())
}

#[test]
fn check_online_tells_what_is_there_what_is_missing_and_how_much_is_to_read() -> Result<()> {
    for system in systems().into_iter().filter(|system| *system != "file") {
        block_on(asked(system)).map_err(|error| error.context(system))?;
    }
    Ok(())
}

async fn asked(system: &'static str) -> Result<()> {
    let mut broker = open(system).await?;
    broker.make("asked").await?;
    let items: Vec<Item> = (0..12).map(|number| keyed(&*broker, number)).collect();
    broker.write("asked", &items).await?;
    let project = project(&format!(
        "systems:
  a: {}
routes:
  lost:
    id: asked-lost
    from: {{ system: a, channel: asked, start: earliest }}
    to: a/asked-missing
  made:
    id: asked-made
    from: {{ system: a, channel: asked, start: earliest }}
    to: {{ system: a, channel: asked-made, settings: {{ topology: create }} }}
",
        broker.system()
    ));
    let ran = project.run(&["check", "--online", "--allow-warnings", "--format", "json"]);
    ensure!(ran.status == Some(1), "{ran:?}");
    let found: Value = serde_json::from_str(&ran.out)?;
    let (lost, made) = (&found["online"][0], &found["online"][1]);
    ensure!(lost["messages"] == 12, "{lost}");
    // A queue does not tell what others have in hand, and NATS nothing of a group that is not there yet.
    let to_read = &lost["to_read"];
    let untold = ["amqp", "nats"].contains(&system) && to_read.is_null();
    ensure!(untold || to_read == 12, "{lost}");
    ensure!(lost["ends"][0]["standing"] == "there", "{lost}");
    ensure!(lost["ends"][1]["standing"] == "unusable", "{lost}");
    let reason = lost["ends"][1]["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("`topology: create`"), "{reason}");
    ensure!(made["ends"][1]["standing"] == "to_be_made", "{made}");
    let findings = found["findings"].as_array().context("findings")?;
    let errors = findings.iter().filter(|finding| finding["severity"] == "error");
    ensure!(errors.count() == 1, "one thing is wrong: {findings:?}");

    // Nothing was made by asking, and what is to be made is made by a run, which says so.
    let again = project.run(&["check", "--online", "--allow-warnings", "--format", "json"]);
    let again: Value = serde_json::from_str(&again.out)?;
    ensure!(
        again["online"][1]["ends"][1]["standing"] == "to_be_made",
        "{again}"
    );
    let only_made = self::project(&format!(
        "systems:
  a: {}
routes:
  made:
    id: asked-made
    from: {{ system: a, channel: asked, start: earliest }}
    to: {{ system: a, channel: asked-made, settings: {{ topology: create }} }}
",
        broker.system()
    ));
    let mut lines = Vec::new();
    let ran = run_until(&only_made, async |list| {
        // It is not there at first, which some clients take for an error of their own.
        let have = arrived(system).await.unwrap_or_default();
        if have < 12 {
            list.push(format!("asked-made: {have}"));
        }
        Ok(())
    })
    .await?;
    lines.extend(ran.errors.lines().filter(|line| line.contains("asked-made")));
    ensure!(!lines.is_empty(), "a run tells what it makes: {ran:?}");
    Ok(())
}

/// A client that asks for something that is missing may have lost its channel by that, so each question has its own.
async fn arrived(system: &'static str) -> Result<usize> {
    open(system).await?.count("asked-made").await
}
