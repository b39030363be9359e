//! One pair of systems: the routes between them, run by the command, and everything counted at their ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dunlin_integration_tests::project::{Project, Ran};
use serde_json::Value;

use super::broker::{Broker, open};
use super::corpus::{self, Fate, fate, migrated, order, parts};
use super::item::Item;
use super::running::{project, run_until};

/// How many messages go there and back.
const ROUND: usize = 400;

/// Two systems, or one with two channels, or one with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) same_channel: bool,
}

/// What was counted, for the table.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) sent: usize,
    pub(crate) target: usize,
    pub(crate) untouched: usize,
    pub(crate) dead: usize,
    pub(crate) dropped: usize,
    pub(crate) reports: usize,
    pub(crate) copies: usize,
    pub(crate) round: usize,
    pub(crate) took: Duration,
}

/// The channels of one pair, named after it, so that pairs can share servers.
struct Channels {
    source: String,
    target: String,
    report: String,
    dead: String,
    there: String,
    middle: String,
    back: String,
}

impl Channels {
    fn of(pair: Pair) -> Self {
        let kind = if pair.same_channel { "own" } else { "other" };
        let name = |end: &str| format!("{}-{}-{kind}-{end}", pair.from, pair.to);
        Self {
            source: name("source"),
            target: if pair.same_channel {
                name("source")
            } else {
                name("target")
            },
            report: name("report"),
            dead: name("dead"),
            there: name("there"),
            middle: name("middle"),
            back: name("back"),
        }
    }
}

/// Both ends of a pair; where they are one system there is one client.
struct Ends {
    from: Box<dyn Broker>,
    to: Option<Box<dyn Broker>>,
}

impl Ends {
    fn to(&mut self) -> &mut dyn Broker {
        match &mut self.to {
            Some(to) => &mut **to,
            None => &mut *self.from,
        }
    }
}

/// Carries messages from one system to the other, and some of them back.
///
/// # Errors
/// Anything that is not as it must be, in words.
pub(crate) async fn carry(pair: Pair, messages: usize) -> Result<Counted> {
    let begun = Instant::now();
    let mut ends = Ends {
        from: open(pair.from).await?,
        to: match pair.from == pair.to {
            true => None,
            false => Some(open(pair.to).await?),
        },
    };
    let channels = Channels::of(pair);
    let sent = fill(pair, &mut ends, &channels, messages).await?;
    let project = project(&configuration(pair, &mut ends, &channels));
    project.write("orders.yaml", corpus::MIGRATION);
    let checked = project.run(&["check", "--allow-warnings"]);
    ensure!(checked.status == Some(0), "{checked:?}");

    let ran = run(pair, &mut ends, &channels, &project, messages).await?;
    let mut counted = judge(pair, &mut ends, &channels, &ran, &sent).await?;
    if !pair.same_channel {
        counted.round = ROUND;
        judge_round(pair, &mut ends, &channels).await?;
    }
    counted.took = begun.elapsed();
    Ok(counted)
}

/// Makes the channels, and publishes what is to be carried. Gives what a reader of the source would see.
async fn fill(pair: Pair, ends: &mut Ends, channels: &Channels, messages: usize) -> Result<Vec<Item>> {
    ends.from.make(&channels.source).await?;
    ends.from.make(&channels.dead).await?;
    ends.to().make(&channels.report).await?;
    let sent: Vec<Item> = (0..messages)
        .map(|number| ends.from.native(&order(number)))
        .collect();
    ends.from.write(&channels.source, &sent).await?;
    if !pair.same_channel {
        ends.to().make(&channels.target).await?;
        ends.from.make(&channels.there).await?;
        ends.to().make(&channels.middle).await?;
        ends.from.make(&channels.back).await?;
        let round: Vec<Item> = (0..ROUND)
            .map(|number| ends.from.native(&parts(number)))
            .collect();
        ends.from.write(&channels.there, &round).await?;
    }
    Ok(sent)
}

fn configuration(pair: Pair, ends: &mut Ends, channels: &Channels) -> String {
    let Channels {
        source,
        target,
        report,
        dead,
        there,
        middle,
        back,
    } = channels;
    let mut text = format!("systems:\n  a: {}\n", ends.from.system());
    let mut b = "a";
    if let Some(to) = &ends.to {
        text.push_str(&format!("  b: {}\n", to.system()));
        b = "b";
    }
    let id = format!("{}-{}-{}", pair.from, pair.to, pair.same_channel);
    text.push_str(&format!(
        "routes:
  orders:
    id: {id}-orders
    from: {{ system: a, channel: {source}, start: earliest }}
    migrate: orders.yaml
    drops: allow
    to: {b}/{target}
    report: {b}/{report}
    dead_letter: a/{dead}
"
    ));
    if !pair.same_channel {
        text.push_str(&format!(
            "  there: {{ id: {id}-there, from: {{ system: a, channel: {there}, start: earliest }}, to: {b}/{middle} }}
  back: {{ id: {id}-back, from: {{ system: {b}, channel: {middle}, start: earliest }}, to: a/{back} }}
"
        ));
    }
    text
}

/// Runs the routes until everything has arrived and nothing is left to read, and ends them in good order.
async fn run(
    pair: Pair,
    ends: &mut Ends,
    channels: &Channels,
    project: &Project,
    messages: usize,
) -> Result<Ran> {
    let of = |fates: &[Fate]| {
        (0..messages)
            .filter(|number| fates.contains(&fate(*number)))
            .count()
    };
    let (dropped, dead) = (of(&[Fate::Dropped]), of(&[Fate::Dead]));
    let arriving = messages - dropped - dead;
    let before = if pair.same_channel { messages } else { 0 };
    run_until(project, async |missing| {
        let mut wait = |what: &str, have: usize, want: usize| {
            if have < want {
                missing.push(format!("{what}: {have} of {want}"));
            }
        };
        let target = ends.to().count(&channels.target).await?;
        wait("target", target, before + arriving);
        wait(
            "report",
            ends.to().count(&channels.report).await?,
            arriving + dropped,
        );
        wait("dead letter", ends.from.count(&channels.dead).await?, dead);
        if pair.same_channel {
            // The route reads its own messages, too, and ends there.
            wait("behind", 0, left_to_read(project)?);
        } else {
            wait("back", ends.from.count(&channels.back).await?, ROUND);
        }
        Ok(())
    })
    .await
}

/// How much the first route has yet to read, as `check --online` tells; something, while it is not told.
fn left_to_read(project: &Project) -> Result<usize> {
    let asked = project.run(&["check", "--online", "--allow-warnings", "--format", "json"]);
    let found: Value = serde_json::from_str(&asked.out).with_context(|| format!("{asked:?}"))?;
    let left = found["online"][0]["to_read"].as_u64();
    Ok(usize::try_from(left.unwrap_or(1))?)
}

/// Reads what the ends hold, and compares.
async fn judge(
    pair: Pair,
    ends: &mut Ends,
    channels: &Channels,
    ran: &Ran,
    sent: &[Item],
) -> Result<Counted> {
    let ids = sent.iter().all(|item| item.id.is_some());
    let mut target = ends.to().read(&channels.target).await?;
    if pair.same_channel {
        // What was there before has no record of a migration.
        target.retain(|item| item.marks.contains_key("dunlin-applied"));
    }
    let dead = ends.from.read(&channels.dead).await?;
    let reports = ends.to().read(&channels.report).await?;

    let mut counted = Counted {
        sent: sent.len(),
        ..Counted::default()
    };
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    for item in &target {
        let number = item.number()?;
        let was = sent
            .get(number)
            .with_context(|| format!("nobody sent {number}"))?;
        match fate(number) {
            Fate::Untouched => {
                counted.untouched += 1;
                same(pair, was, item).with_context(|| format!("message {number}"))?;
            }
            Fate::Changed => {
                let mut wanted = was.clone();
                wanted.payload = Some(migrated(number));
                same(pair, &wanted, item).with_context(|| format!("message {number}"))?;
            }
            other => anyhow::bail!("message {number} is in the target, and it is {other:?}"),
        }
        let applied = item
            .marks
            .get("dunlin-applied")
            .map(String::as_str)
            .unwrap_or_default();
        ensure!(
            applied.starts_with("orders@4:"),
            "message {number}: {:?}",
            item.marks
        );
        *seen.entry(number).or_default() += 1;
    }
    counted.target = seen.len();
    let aside = Pair {
        to: pair.from,
        ..pair
    };
    for item in &dead {
        let number = item.number()?;
        ensure!(
            fate(number) == Fate::Dead,
            "message {number} is in the dead letter: {item:?}"
        );
        same(aside, &sent[number], item).with_context(|| format!("dead letter {number}"))?;
        for mark in [
            "dunlin-error",
            "dunlin-error-kind",
            "dunlin-route",
            "dunlin-source",
        ] {
            ensure!(
                item.marks.contains_key(mark),
                "dead letter {number} has no `{mark}`"
            );
        }
        counted.dead += 1;
        *seen.entry(number).or_default() += 1;
    }
    counted.copies = seen.values().map(|times| times - 1).sum();
    let missing: Vec<usize> = (0..sent.len())
        .filter(|number| !seen.contains_key(number))
        .collect();
    let dropped: Vec<usize> = (0..sent.len())
        .filter(|number| fate(*number) == Fate::Dropped)
        .collect();
    ensure!(
        missing == dropped,
        "missing: {missing:?}, to be dropped: {dropped:?}"
    );
    counted.dropped = missing.len();

    counted.reports = reported(&reports, sent, ids, dropped.len())?;
    ensure!(counted.reports == counted.target + counted.dropped, "{counted:?}");
    in_order(pair, &target)?;

    let fates = &ran.route("orders")["fates"];
    let said = |fate: &str| fates[fate].as_u64().unwrap_or_default();
    ensure!(said("forwarded") >= counted.target as u64, "{fates}");
    ensure!(said("dropped") == counted.dropped as u64, "{fates}");
    ensure!(said("dead_lettered") == counted.dead as u64, "{fates}");
    if pair.same_channel {
        ensure!(said("settled") == counted.target as u64, "{fates}");
    }
    ensure!(ran.route("orders")["error"].is_null(), "{ran:?}");
    ensure!(
        ran.route("orders")["counts"]["gaps"] == 0,
        "nothing was deleted unread: {ran:?}"
    );
    Ok(counted)
}

/// How many messages are reported; each must be named, and each only for what it is.
fn reported(reports: &[Item], sent: &[Item], ids: bool, dropped: usize) -> Result<usize> {
    let mut named = BTreeSet::new();
    let mut drops = BTreeSet::new();
    for report in reports {
        let text = report.payload.as_deref().unwrap_or_default();
        let report_of: Value = serde_json::from_slice(text)?;
        let message = report_of["message"]
            .as_str()
            .context("a report names a message")?
            .to_owned();
        let mark = report.marks.get("dunlin-for");
        ensure!(mark == Some(&message), "{:?} and {message}", report.marks);
        ensure!(report_of["length"] == 4, "{report_of}");
        let outcomes = report_of["transformations"].as_array().context("outcomes")?;
        if outcomes.iter().any(|outcome| outcome["outcome"] == "dropped") {
            drops.insert(message.clone());
        }
        named.insert(message);
    }
    ensure!(drops.len() == dropped, "{} drops are reported", drops.len());
    if ids {
        let wanted = sent
            .iter()
            .enumerate()
            .filter(|(number, _)| fate(*number) != Fate::Dead);
        let wanted: BTreeSet<String> = wanted
            .map(|(_, item)| String::from_utf8_lossy(item.id.as_deref().unwrap_or_default()).into_owned())
            .collect();
        ensure!(
            named == wanted,
            "reports of messages that nobody sent, or of too few"
        );
    }
    Ok(named.len())
}

/// Systems that keep headers in the order in which they were sent.
const ORDERED: [&str; 3] = ["file", "kafka", "redis"];

/// Whether a message has everything that it was sent with, its headers in their order where both systems have one. A time may
/// be new: some systems give one to every message.
fn same(pair: Pair, sent: &Item, found: &Item) -> Result<()> {
    let mut wanted = sent.clone();
    let mut found = found.clone();
    if ![pair.from, pair.to].iter().all(|system| ORDERED.contains(system)) {
        wanted = wanted.sorted();
        found = found.sorted();
    }
    found.marks.clear();
    if !wanted.properties.contains_key("time") {
        found.properties.remove("time");
    }
    // A publisher's deduplication id is an id; so a system that has none reads no id where none was given.
    wanted.marks.clear();
    ensure!(wanted == found, "expected {wanted:?}\n   found {found:?}");
    Ok(())
}

/// Messages of one lane keep their order: those of one key, and all where there are no keys and the target has one lane.
fn in_order(pair: Pair, target: &[Item]) -> Result<()> {
    let mut last: BTreeMap<Option<&[u8]>, usize> = BTreeMap::new();
    for item in target {
        let key = item.key.as_deref();
        if key.is_none() && [pair.from, pair.to].contains(&"kafka") {
            return Ok(());
        }
        let number = item.number()?;
        if let Some(before) = last.insert(key, number) {
            ensure!(before < number, "{number} arrived behind {before}");
        }
    }
    Ok(())
}

/// What went there and back is as it was.
async fn judge_round(pair: Pair, ends: &mut Ends, channels: &Channels) -> Result<()> {
    // Over NATS their order goes along where it is not that of their names.
    let ends_of = match pair.to {
        "nats" => Pair {
            to: pair.from,
            ..pair
        },
        _ => pair,
    };
    let mut found: BTreeMap<usize, Item> = BTreeMap::new();
    for item in ends.from.read(&channels.back).await? {
        found.insert(item.number()?, item);
    }
    ensure!(found.len() == ROUND, "{} of {ROUND} came back", found.len());
    for (number, item) in found {
        let mut sent = ends.from.native(&parts(number));
        let mut item = item;
        if [pair.from, pair.to].contains(&"file") {
            // An envelope does not tell a payload of no bytes from none.
            for payload in [&mut sent.payload, &mut item.payload] {
                *payload = payload.take().filter(|payload| !payload.is_empty());
            }
        }
        same(ends_of, &sent, &item).with_context(|| format!("there and back: message {number}"))?;
        let hops = item.marks.get("dunlin-hops").map(String::as_str);
        ensure!(hops == Some("2"), "there and back: {:?}", item.marks);
    }
    Ok(())
}
