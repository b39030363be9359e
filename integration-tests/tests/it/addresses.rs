//! Where messages go by what they say of themselves: addresses that are kept over bridges, addresses that are made from
//! messages, and sources that are several channels.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::pairs::amqp::Amqp;
use crate::pairs::broker::{Broker, open, systems};
use crate::pairs::corpus::order;
use crate::pairs::item::Item;
#[cfg(feature = "kafka")]
use crate::pairs::kafka::Kafka;
use crate::pairs::nats::Nats;
use crate::pairs::running::{block_on, project, run_until};

fn has(system: &str) -> bool {
    systems().contains(&system)
}

fn missing(list: &mut Vec<String>, what: &str, have: usize, want: usize) {
    if have < want {
        list.push(format!("{what}: {have} of {want}"));
    }
}

fn orders(numbers: std::ops::Range<usize>) -> Vec<Item> {
    numbers.map(order).collect()
}

/// A message to a region that the message itself names.
fn to_region(number: usize, region: &str) -> Item {
    let mut item = order(number);
    item.headers
        .push(("region".to_owned(), region.as_bytes().to_vec()));
    item
}

#[test]
fn a_routing_key_is_kept_as_subject_as_topic_and_as_key_of_a_stream() -> Result<()> {
    if !has("amqp") || !has("nats") || !has("redis") {
        return Ok(());
    }
    block_on(async {
        let mut rabbit = Amqp::open().await?;
        let nats = Nats::open().await?;
        let mut redis = open("redis").await?;
        rabbit.make("same-orders").await?;
        rabbit.bind("same-events", "same.orders.*", "same-orders").await?;
        nats.stream("SAME", &["same.orders.*"]).await?;
        let keys = ["same.orders.eu", "same.orders.us"];
        let mut text = format!(
            "systems:\n  rabbit: {}\n  nats: {}\n  redis: {}\n",
            rabbit.system(),
            Broker::system(&nats),
            redis.system()
        );
        text.push_str(
            "routes:
  one:
    id: same-one
    from: rabbit/same-orders
    to: { system: nats, channel: same.orders.eu, address: same, allow: [ 'same.orders.*' ] }
",
        );
        let last = if cfg!(feature = "kafka") {
            "kafka, channel: '^same\\.orders\\..*'"
        } else {
            "nats, channel: SAME"
        };
        #[cfg(feature = "kafka")]
        let mut kafka = Kafka::open().await?;
        #[cfg(feature = "kafka")]
        {
            for key in keys {
                kafka.make(key).await?;
            }
            text = text.replace("routes:", &format!("  kafka: {}\nroutes:", kafka.system()));
            text.push_str(
                "  two:
    id: same-two
    from: { system: nats, channel: SAME, start: earliest }
    to: { system: kafka, channel: same.orders.eu, address: same, allow: [ 'same.orders.*' ] }
",
            );
        }
        text.push_str(&format!(
            "  three:
    id: same-three
    from: {{ system: {last}, start: earliest }}
    to: {{ system: redis, channel: same.orders.eu, address: same, allow: [ 'same.orders.*' ] }}
"
        ));
        for key in keys {
            redis.make(key).await?;
        }
        rabbit.publish("same-events", keys[0], &orders(0..30)).await?;
        rabbit.publish("same-events", keys[1], &orders(30..50)).await?;
        run_until(&project(&text), async |list| {
            missing(list, "eu", redis.count(keys[0]).await?, 30);
            missing(list, "us", redis.count(keys[1]).await?, 20);
            Ok(())
        })
        .await?;
        for (key, numbers) in keys.into_iter().zip([0..30, 30..50]) {
            let mut found = Vec::new();
            for item in redis.read(key).await? {
                found.push(item.number()?);
            }
            found.sort_unstable();
            ensure!(found == numbers.collect::<Vec<_>>(), "{key}: {found:?}");
        }
        let mut subjects: BTreeMap<String, usize> = BTreeMap::new();
        for (subject, _) in nats.everything("SAME").await? {
            *subjects.entry(subject).or_default() += 1;
        }
        ensure!(subjects == [(keys[0].to_owned(), 30), (keys[1].to_owned(), 20)].into());
        Ok(())
    })
}

/// What a stranger might write into a header that an address is made of. None of it fits `shop-{system}.*` and is the name
/// of a channel that is there.
const HOSTILE: [&str; 12] = [
    "*",
    ">",
    "#",
    "**",
    "secret.inner",
    "eu\r\nNats-Rollup: all",
    "eu\n",
    "eu us",
    "",
    "eu.",
    "..",
    "nowhere",
];

#[test]
fn an_address_from_a_message_goes_where_the_list_allows_and_nowhere_else() -> Result<()> {
    for system in systems().into_iter().filter(|system| *system != "file") {
        block_on(injected(system)).map_err(|error| error.context(system))?;
    }
    Ok(())
}

async fn injected(system: &'static str) -> Result<()> {
    let mut files = open("file").await?;
    let mut target = open(system).await?;
    let shop = format!("shop-{system}");
    files.make("in").await?;
    files.make("dead").await?;
    let regions = ["eu", "us"].map(|region| format!("{shop}.{region}"));
    let secret = format!("{shop}.secret.inner");
    let channels: Vec<String> = if system == "nats" {
        // One stream takes all of it, and would take what lies beside it, too.
        let nats = Nats::open().await?;
        let subjects = [regions[0].as_str(), &regions[1], &secret];
        nats.stream(&shop, &subjects).await?;
        vec![shop.clone()]
    } else {
        for channel in regions.iter().chain([&secret]) {
            target.make(channel).await?;
        }
        regions.to_vec()
    };
    let mut items: Vec<Item> = (0..20)
        .map(|number| to_region(number, ["eu", "us"][number % 2]))
        .collect();
    for (number, text) in (20..).zip(HOSTILE) {
        items.push(to_region(number, text));
    }
    files.write("in", &items).await?;
    let project = project(&format!(
        "systems:
  files: {}
  target: {}
routes:
  shop:
    id: {shop}
    from: files/in
    to:
      system: target
      channel: {}
      address: '{shop}.{{headers.region}}'
      allow: [ '{shop}.*' ]
    dead_letter: files/dead
    unroutable: dead_letter
    breaker: off
",
        files.system(),
        target.system(),
        regions[0],
    ));
    let ran = run_until(&project, async |list| {
        let mut arrived = 0;
        for channel in &channels {
            arrived += target.count(channel).await?;
        }
        missing(list, "target", arrived, 20);
        missing(list, "dead letter", files.count("dead").await?, HOSTILE.len());
        Ok(())
    })
    .await?;
    let mut arrived = Vec::new();
    for channel in &channels {
        for item in target.read(channel).await? {
            arrived.push(item.number()?);
        }
    }
    arrived.sort_unstable();
    ensure!(arrived == (0..20).collect::<Vec<_>>(), "{arrived:?}");
    if system != "nats" {
        ensure!(
            target.count(&secret).await? == 0,
            "the secret channel was written to"
        );
    }
    let mut dead = Vec::new();
    for item in files.read("dead").await? {
        let said = &item.marks["dunlin-error"];
        ensure!(
            !said.contains("Nats-Rollup") && !said.contains("secret"),
            "an error shows what a stranger wrote: {said}"
        );
        dead.push(item.number()?);
    }
    dead.sort_unstable();
    ensure!(dead == (20..20 + HOSTILE.len()).collect::<Vec<_>>(), "{dead:?}");
    ensure!(ran.route("shop")["error"].is_null(), "{ran:?}");
    Ok(())
}

#[test]
fn subjects_of_a_stream_are_chosen_by_patterns() -> Result<()> {
    if !has("nats") {
        return Ok(());
    }
    block_on(async {
        let nats = Nats::open().await?;
        let mut files = open("file").await?;
        files.make("out").await?;
        nats.stream("CHOSEN", &["chosen.>"]).await?;
        for (subject, numbers) in [
            ("chosen.orders.eu", 0..10),
            ("chosen.orders.eu.late", 10..20),
            ("chosen.returns.eu.late", 20..30),
            ("chosen.other", 30..40),
            ("chosen.orders.us", 40..50),
        ] {
            nats.publish(subject, &orders(numbers)).await?;
        }
        let project = project(&format!(
            "systems:
  nats: {}
  files: {}
routes:
  chosen:
    from: {{ system: nats, channel: CHOSEN, start: earliest, settings: {{ subjects: 'chosen.orders.*, chosen.returns.>' }} }}
    to: files/out
",
            Broker::system(&nats),
            files.system()
        ));
        let ran = run_until(&project, async |list| {
            missing(list, "out", files.count("out").await?, 30);
            Ok(())
        })
        .await?;
        let mut found = Vec::new();
        for item in files.read("out").await? {
            found.push(item.number()?);
        }
        let wanted: Vec<usize> = (0..10).chain(20..30).chain(40..50).collect();
        ensure!(found == wanted, "{found:?}");
        ensure!(ran.route("chosen")["counts"]["gaps"] == 0, "{ran:?}");
        Ok(())
    })
}

#[cfg(feature = "kafka")]
#[test]
fn topics_are_chosen_by_a_pattern_and_one_that_is_made_later_too() -> Result<()> {
    if !has("kafka") {
        return Ok(());
    }
    block_on(async {
        let mut kafka = Kafka::open().await?;
        let mut files = open("file").await?;
        files.make("out").await?;
        for (topic, numbers) in [
            ("pattern.orders.eu", 0..10),
            ("pattern.orders.us", 10..20),
            ("pattern.returns", 20..30),
        ] {
            kafka.make(topic).await?;
            kafka.write(topic, &orders(numbers)).await?;
        }
        let project = project(&format!(
            "systems:
  kafka: {}
  files: {}
routes:
  chosen:
    id: pattern
    from: {{ system: kafka, channel: '^pattern\\.orders\\..*', start: earliest }}
    to: files/out
",
            kafka.system(),
            files.system()
        ));
        let mut later = false;
        run_until(&project, async |list| {
            let have = files.count("out").await?;
            if have == 20 && !later {
                later = true;
                kafka.make("pattern.orders.asia").await?;
                kafka.write("pattern.orders.asia", &orders(30..40)).await?;
            }
            missing(list, "out", have, 30);
            Ok(())
        })
        .await?;
        let mut found = Vec::new();
        for item in files.read("out").await? {
            found.push(item.number()?);
        }
        found.sort_unstable();
        let wanted: Vec<usize> = (0..20).chain(30..40).collect();
        ensure!(found == wanted, "{found:?}");
        Ok(())
    })
}
