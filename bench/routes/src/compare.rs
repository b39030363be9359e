//! The comparison: contestants take turns, round after round, and only ratios of one run are printed as results.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use crate::measure::{End, Job, Measured, runtime};
use crate::servers::{Servers, fill};

/// Where from and where to.
const WAYS: &[(&str, &str)] = &[
    ("amqp", "amqp"),
    ("nats", "nats"),
    ("redis", "redis"),
    ("redis", "nats"),
    #[cfg(feature = "kafka")]
    ("kafka", "kafka"),
    #[cfg(feature = "kafka")]
    ("amqp", "kafka"),
    #[cfg(feature = "kafka")]
    ("nats", "kafka"),
    #[cfg(feature = "kafka")]
    ("kafka", "redis"),
];

/// The contestants in the order in which they take turns.
const CONTESTANTS: [Contestant; 3] = [Contestant::Bare, Contestant::Bridge, Contestant::Chain];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Contestant {
    Bare,
    Bridge,
    Chain,
}

impl Contestant {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare loop",
            Self::Bridge => "bridge",
            Self::Chain => "20 operations",
        }
    }
}

/// Measures every way, so many messages and rounds each.
pub(crate) fn compare(messages: usize, rounds: usize) -> Result<()> {
    println!(
        "{messages} messages of about 1 KB, {rounds} rounds, medians; CPU is that of the client process\n"
    );
    println!(
        "| from → to | contestant | messages/s | spread | CPU µs/message | peak MiB | rate ÷ bare | CPU ÷ bare |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    let only = std::env::var("DUNLIN_BENCH_ONLY").unwrap_or_default();
    let runtime = runtime()?;
    let mut servers = Servers::default();
    for (from, to) in WAYS {
        let way = format!("{from} → {to}");
        if !only.is_empty() && !only.split(',').any(|one| one == format!("{from}-{to}")) {
            continue;
        }
        let found = runtime.block_on(measure(&mut servers, from, to, messages, rounds));
        show(
            &way,
            &found.with_context(|| format!("{way} could not be measured"))?,
        );
    }
    Ok(())
}

async fn measure(
    servers: &mut Servers,
    from: &'static str,
    to: &'static str,
    messages: usize,
    rounds: usize,
) -> Result<BTreeMap<Contestant, Vec<Measured>>> {
    let mut found: BTreeMap<Contestant, Vec<Measured>> = BTreeMap::new();
    let run = std::process::id();
    let target = servers
        .end(to, &format!("bench-{run}-{from}-{to}-target"))
        .await?;
    fill(&target, 0).await?;
    let mut source: Option<End> = None;
    for round in 0..rounds {
        for contestant in CONTESTANTS {
            let name = format!("bench-{run}-{from}-{to}-{round}-{contestant:?}").to_lowercase();
            // A queue is empty when it was read; a log serves every group anew.
            let from = match &source {
                Some(source) if from != "amqp" => source.clone(),
                _ => {
                    let end = servers.end(from, &format!("{name}-source")).await?;
                    fill(&end, messages).await?;
                    end
                }
            };
            source = Some(from.clone());
            let job = Job {
                from,
                to: target.clone(),
                messages,
                name,
                migrate: contestant == Contestant::Chain,
            };
            let command = if contestant == Contestant::Bare {
                "bare"
            } else {
                "route"
            };
            found
                .entry(contestant)
                .or_default()
                .push(child(command, &job).await?);
        }
    }
    Ok(found)
}

/// Runs one measurement in a process of its own.
async fn child(command: &str, job: &Job) -> Result<Measured> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .arg(command)
        .arg(serde_json::to_string(job)?)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(120), output)
        .await
        .with_context(|| format!("{command} of {} did not end within two minutes", job.name))??;
    ensure!(
        output.status.success(),
        "{command} of {} failed: {}",
        job.name,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("the child printed something else than what it measured")
}

fn show(way: &str, found: &BTreeMap<Contestant, Vec<Measured>>) {
    let median = |contestant: Contestant, of: fn(&Measured) -> f64| {
        let mut all: Vec<f64> = found.get(&contestant).into_iter().flatten().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    };
    for contestant in CONTESTANTS {
        let rates = found
            .get(&contestant)
            .into_iter()
            .flatten()
            .map(|one| one.per_second);
        let (low, high) = rates.fold((f64::MAX, 0.0_f64), |(low, high), rate| {
            (low.min(rate), high.max(rate))
        });
        let rate = median(contestant, |one| one.per_second);
        let cpu = median(contestant, |one| one.cpu_micros);
        println!(
            "| {way} | {} | {rate:.0} | {:.0}–{:.0} % | {cpu:.1} | {:.0} | {:.2} | {:.2} |",
            contestant.name(),
            100.0 * low / rate,
            100.0 * high / rate,
            median(contestant, |one| one.peak_mib),
            rate / median(Contestant::Bare, |one| one.per_second),
            cpu / median(Contestant::Bare, |one| one.cpu_micros),
        );
    }
}
