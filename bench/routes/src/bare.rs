//! The other contestant: what a good engineer writes with the client libraries alone.
//!
//! Receive a batch, send it, and when the target has confirmed it settle the source: in order, with a window of unconfirmed
//! messages, on one thread. No message is lost by it, as none is lost by a route; it knows no failure but to stop.

mod amqp;
#[cfg(feature = "kafka")]
mod kafka;
mod nats;
mod redis;

use std::collections::VecDeque;

use anyhow::{Result, bail};
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::measure::{End, Job, Measured, Watch, runtime};

/// As a route has by default.
pub(crate) const WINDOW: usize = 4096;
/// As a route has by default.
pub(crate) const BATCH: usize = 256;

/// The answer to a batch: everything of it is stored.
type Confirm = BoxFuture<'static, Result<()>>;

/// A message that was received.
struct Received {
    payload: Bytes,
    place: Place,
}

/// Where a message stood in its source: what a server can know it again by when it is sent a second time, also after a
/// restart. Only targets that look for repeated ids make use of it.
enum Place {
    Unknown,
    Sequence(u64),
    Entry(String),
}

enum Source {
    Amqp(amqp::Source),
    #[cfg(feature = "kafka")]
    Kafka(kafka::Source),
    Nats(nats::Source),
    Redis(redis::Source),
}

impl Source {
    async fn open(end: &End, group: &str, placed: bool) -> Result<Self> {
        Ok(match end.system.as_str() {
            "amqp" => Self::Amqp(amqp::Source::open(end).await?),
            #[cfg(feature = "kafka")]
            "kafka" => Self::Kafka(kafka::Source::open(end, group)?),
            "nats" => Self::Nats(nats::Source::open(end, group, placed).await?),
            "redis" => Self::Redis(redis::Source::open(end, group, placed).await?),
            other => bail!("expected a system that is built in, found `{other}`"),
        })
    }

    /// Waits for one message and takes what else is ready, up to a batch. Dropping the future loses nothing.
    async fn receive(&mut self, batch: &mut Vec<Received>) -> Result<()> {
        match self {
            Self::Amqp(source) => source.receive(batch).await,
            #[cfg(feature = "kafka")]
            Self::Kafka(source) => source.receive(batch).await,
            Self::Nats(source) => source.receive(batch).await,
            Self::Redis(source) => source.receive(batch).await,
        }
    }

    /// Settles the oldest messages that are not settled.
    async fn settle(&mut self, messages: usize) -> Result<()> {
        match self {
            Self::Amqp(source) => source.settle(messages).await,
            #[cfg(feature = "kafka")]
            Self::Kafka(source) => source.settle(messages),
            Self::Nats(source) => source.settle(messages).await,
            Self::Redis(source) => source.settle(messages).await,
        }
    }
}

enum Target {
    Amqp(amqp::Target),
    #[cfg(feature = "kafka")]
    Kafka(kafka::Target),
    Nats(nats::Target),
    Redis(redis::Target),
}

impl Target {
    async fn open(end: &End, source: &str) -> Result<Self> {
        Ok(match end.system.as_str() {
            "amqp" => Self::Amqp(amqp::Target::open(end).await?),
            #[cfg(feature = "kafka")]
            "kafka" => Self::Kafka(kafka::Target::open(end)?),
            "nats" => Self::Nats(nats::Target::open(end, source).await?),
            "redis" => Self::Redis(redis::Target::open(end).await?),
            other => bail!("expected a system that is built in, found `{other}`"),
        })
    }

    async fn send(&mut self, batch: Vec<Received>) -> Result<Confirm> {
        match self {
            Self::Amqp(target) => target.send(batch).await,
            #[cfg(feature = "kafka")]
            Self::Kafka(target) => target.send(batch).await,
            Self::Nats(target) => target.send(batch).await,
            Self::Redis(target) => Ok(target.send(&batch)),
        }
    }
}

/// Forwards the messages of the job and measures it.
pub(crate) fn run(job: &Job) -> Result<Measured> {
    runtime()?.block_on(async move {
        // Of these targets NATS alone recognises a message by its id.
        let placed = job.to.system == "nats";
        let mut source = Source::open(&job.from, &job.name, placed).await?;
        let mut target = Target::open(&job.to, &job.from.channel).await?;
        let mut watch = Watch::new(job.messages);
        let mut unconfirmed: VecDeque<(usize, Confirm)> = VecDeque::new();
        let (mut in_flight, mut settled) = (0, 0);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                confirmed = oldest(&mut unconfirmed), if !unconfirmed.is_empty() => {
                    confirmed?;
                    let (messages, _) = unconfirmed.pop_front().unwrap_or_else(|| (0, Box::pin(async { Ok(()) })));
                    source.settle(messages).await?;
                    in_flight -= messages;
                    settled += messages;
                    if let Some(measured) = watch.settled(settled)? {
                        return Ok(measured);
                    }
                }
                received = source.receive(&mut batch), if in_flight < WINDOW => {
                    received?;
                    let messages = batch.len();
                    in_flight += messages;
                    let confirm = target.send(std::mem::take(&mut batch)).await?;
                    unconfirmed.push_back((messages, confirm));
                }
            }
        }
    })
}

async fn oldest(unconfirmed: &mut VecDeque<(usize, Confirm)>) -> Result<()> {
    match unconfirmed.front_mut() {
        Some((_, confirm)) => confirm.await,
        None => std::future::pending().await,
    }
}
