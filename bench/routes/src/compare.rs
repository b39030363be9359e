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

/// What a bridge is to reach of the bare loop's messages per second.
const LEAST_RATE: f64 = 0.95;
/// How much it may take in parts of the bare loop's processor time.
const MOST_CPU: f64 = 1.15;

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
        "{messages} messages of about 1 KB in each measurement; medians of {rounds} rounds in which the contestants take turns. \
         CPU is that of the client process; the server's is not in it. {}\n",
        load()
    );
    println!(
        "The goal of a bridge is at least {LEAST_RATE} of the bare loop's messages per second, and at most {MOST_CPU} of its CPU.\n"
    );
    println!(
        "| from → to | contestant | messages/s | spread | CPU µs/message | peak MiB | rate ÷ bare | CPU ÷ bare | goal |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|---|");
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

/// How busy the machine was before anything was measured, as far as the system tells.
fn load() -> String {
    let told = std::fs::read_to_string("/proc/loadavg").ok();
    let minute = told.as_deref().and_then(|text| text.split(' ').next());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    minute.map_or_else(String::new, |minute| {
        format!("Before it began the machine's load was {minute}, on {cores} cores.")
    })
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
        let rate_ratio = rate / median(Contestant::Bare, |one| one.per_second);
        let cpu_ratio = cpu / median(Contestant::Bare, |one| one.cpu_micros);
        let goal = match contestant {
            Contestant::Bare | Contestant::Chain => "",
            Contestant::Bridge if rate_ratio >= LEAST_RATE && cpu_ratio <= MOST_CPU => "pass",
            Contestant::Bridge => "**falls short**",
        };
        println!(
            "| {way} | {} | {rate:.0} | {:.0}–{:.0} % | {cpu:.1} | {:.0} | {rate_ratio:.2} | {cpu_ratio:.2} | {goal} |",
            contestant.name(),
            100.0 * low / rate,
            100.0 * high / rate,
            median(contestant, |one| one.peak_mib),
        );
    }
}
