//! What is measured, and between which moments.
//!
//! The first tenth of the messages is the run-up: connections are made and buffers grow. From there to the last settled
//! message time passes and the processor works for the messages alone, in both contestants alike.

use std::time::Instant;

use anyhow::{Context, Result};
use cpu_time::{ProcessTime, ThreadTime};
use serde::{Deserialize, Serialize};

/// One measurement: so many messages from here to there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// Where from.
    pub(crate) from: End,
    /// Where to.
    pub(crate) to: End,
    /// The messages that stand in the source.
    pub(crate) messages: usize,
    /// A name that no other measurement has: the group, where the source has groups.
    pub(crate) name: String,
    /// With the chain of twenty operations; a bare loop has none.
    pub(crate) migrate: bool,
}

/// One end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct End {
    /// `amqp`, `nats`, `kafka` or `redis`.
    pub(crate) system: String,
    /// Its address.
    pub(crate) url: String,
    /// Queue, stream or subject, topic, key.
    pub(crate) channel: String,
}

/// What came out.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Messages in a second of wall time.
    pub(crate) per_second: f64,
    /// Processor time of this process for each message, in microseconds; the server's is not in it.
    pub(crate) cpu_micros: f64,
    /// The most memory that this process held, in MiB.
    pub(crate) peak_mib: f64,
}

/// The watch: started with the run-up, read at the end.
#[derive(Debug)]
pub(crate) struct Watch {
    messages: usize,
    /// Whether this thread only watches, so that its own processor time is no part of what is measured.
    aside: bool,
    since: Option<(usize, Instant, ProcessTime, ThreadTime)>,
}

impl Watch {
    /// A watch in the hand of the one that works.
    pub(crate) fn new(messages: usize) -> Self {
        Self {
            messages,
            aside: false,
            since: None,
        }
    }

    /// A watch in the hand of a thread that does nothing else, while others work.
    pub(crate) fn aside(messages: usize) -> Self {
        Self {
            aside: true,
            ..Self::new(messages)
        }
    }

    /// Says how many messages are settled. At the last one it answers.
    pub(crate) fn settled(&mut self, count: usize) -> Result<Option<Measured>> {
        let Some((before, start, cpu, own)) = self.since else {
            if count >= self.messages / 10 {
                self.since = Some((count, Instant::now(), ProcessTime::now(), ThreadTime::now()));
            }
            return Ok(None);
        };
        if count < self.messages {
            return Ok(None);
        }
        let (mut cpu, own) = (cpu.elapsed(), own.elapsed());
        if self.aside {
            cpu = cpu.saturating_sub(own);
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of messages are far below 2^52")]
        let messages = (count - before) as f64;
        Ok(Some(Measured {
            per_second: messages / start.elapsed().as_secs_f64(),
            cpu_micros: cpu.as_secs_f64() * 1e6 / messages,
            peak_mib: peak_mib()?,
        }))
    }
}

/// The high-water mark of resident memory, as the kernel keeps it.
fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .context("no VmHWM in /proc/self/status")?
        .trim()
        .parse()?;
    Ok(kib / 1024.0)
}

/// Runs one contestant in a runtime of one thread, and prints what it measured for the parent.
pub(crate) fn print(run: impl FnOnce() -> Result<Measured>) -> Result<()> {
    println!("{}", serde_json::to_string(&run()?)?);
    Ok(())
}

/// The runtime that both contestants have.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}
