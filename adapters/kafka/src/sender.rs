//! Sending: one ordered producer, one answer for each message, and none of them sent again beside a copy of itself.
//!
//! The producer is idempotent and never drops a message by itself. When an answer does not come in time, its messages are
//! purged and the producer is thrown away, so that what is sent again goes alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Confirm, Outgoing, Sender};
use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};

use crate::address::topic;
use crate::answers::{Answers, Reports, Ticket};
use crate::client;
use crate::config::{Channel, End};
use crate::error::{classify, invalid, lost};
use crate::headers::{batch_size, owned, record};
use crate::session::KafkaSession;

/// How long a purge may take to bring its answers.
const PURGING: Duration = Duration::from_secs(2);
/// How often it is asked whether the brokers have shut a producer out.
const REFUSALS: Duration = Duration::from_millis(250);
/// How long closing waits for the client's threads.
const CLOSING: Duration = Duration::from_secs(5);

/// The largest batch where nobody says what the topic takes: what the client itself takes for safe.
const UNKNOWN_LIMIT: usize = 1_000_000;

type Producer = ThreadedProducer<Reports>;

/// Puts messages into topics.
pub(crate) struct KafkaSender {
    session: KafkaSession,
    end: End,
    /// Topics that were found, with the largest batch that each takes.
    topics: HashMap<String, usize>,
    /// One producer for all topics of one limit: the client keeps batches below its own limit only.
    lines: HashMap<usize, Line>,
}

/// A producer, until it has failed once.
#[derive(Clone)]
struct Line {
    producer: Producer,
    spent: Arc<AtomicBool>,
}

impl Line {
    /// Ends this producer: nothing of it is sent any more, and its messages are answered as in doubt.
    fn give_up(&self) {
        if !self.spent.swap(true, Ordering::AcqRel) {
            self.producer.purge(PurgeConfig::default().queue().inflight());
        }
    }

    fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
            || self.is_refused()
            || self.producer.client().fatal_error().is_some()
    }

    /// Whether the brokers do not let this producer in, so that waiting for its answers is in vain.
    fn is_refused(&self) -> bool {
        self.reports().listener.trouble.is_refusal()
    }

    /// Waits until every message of this producer is answered, at most so long.
    async fn drained(&self, clock: &dyn Clock, limit: Duration) {
        let end = clock.sleep(limit);
        tokio::pin!(end);
        while self.producer.in_flight_count() > 0 {
            tokio::select! {
                () = clock.sleep(Duration::from_millis(2)) => {}
                () = &mut end => return,
            }
        }
    }

    fn reports(&self) -> &Arc<Reports> {
        self.producer.client().context()
    }
}

impl KafkaSender {
    pub(crate) async fn open(session: KafkaSession, end: End) -> Result<Self> {
        let mut sender = Self {
            session,
            end,
            topics: HashMap::new(),
            lines: HashMap::new(),
        };
        if let Channel::Pattern(..) = sender.end.channel {
            return Err(invalid("expected a topic to send to, found a pattern"));
        }
        let topic = sender.end.channel.name().to_owned();
        let limit = sender.find(&topic).await?;
        sender.line(limit).await?;
        Ok(sender)
    }

    /// The largest batch that a topic takes.
    async fn find(&mut self, topic: &str) -> Result<usize> {
        if let Some(limit) = self.topics.get(topic) {
            return Ok(*limit);
        }
        let name = topic.to_owned();
        let asker = Arc::clone(&self.session.asker);
        tokio::task::spawn_blocking(move || asker.partitions("send", &name))
            .await
            .map_err(|cause| lost("send", cause))??;
        let told = self.session.topic_limit(topic).await;
        let limit = self.end.limit(told).unwrap_or(UNKNOWN_LIMIT);
        self.topics.insert(topic.to_owned(), limit);
        Ok(limit)
    }

    /// The producer for topics of this limit; a new one where there is none, or the last one has failed.
    async fn line(&mut self, limit: usize) -> Result<Line> {
        if let Some(line) = self.lines.get(&limit) {
            if !line.is_spent() {
                return Ok(line.clone());
            }
            if let Some(line) = self.lines.remove(&limit) {
                line.give_up();
                // What was on the wire may be read by the broker for as long as its connection lives.
                drop_aside(line);
            }
        }
        let (session, end) = (self.session.clone(), self.end.clone());
        let producer = tokio::task::spawn_blocking(move || -> Result<Producer> {
            client::producer(&session.system.config, &end, limit)?
                .create_with_context(Reports::new(&session.cluster))
                .map_err(|error| classify("send", &error))
        })
        .await
        .map_err(|cause| lost("send", cause))??;
        let line = Line {
            producer,
            spent: Arc::new(AtomicBool::new(false)),
        };
        self.lines.insert(limit, line.clone());
        Ok(line)
    }

    /// The topic of a message, and the producer for it.
    ///
    /// # Errors
    /// The first is the message's own; the second is that of all: nobody answers.
    async fn way(&mut self, outgoing: &Outgoing) -> Result<Result<(String, usize, Line)>> {
        let name = match &outgoing.address {
            None => self.end.channel.name().to_owned(),
            Some(address) => match std::str::from_utf8(address) {
                Ok(name) if topic(name).is_ok() => name.to_owned(),
                Ok(_) | Err(_) => {
                    return Ok(Err(Error::new(
                        ErrorKind::Unroutable,
                        "send",
                        "expected an address that can be a topic's name, found one that cannot",
                    )));
                }
            },
        };
        let limit = match self.find(&name).await {
            Ok(limit) => limit,
            Err(error) if error.kind() == ErrorKind::ChannelMissing => return Ok(Err(error)),
            Err(error) => return Err(error),
        };
        Ok(Ok((name, limit, self.line(limit).await?)))
    }

    /// Hands one message to the client; waits while that has no room.
    async fn hand_over(
        &self,
        line: &Line,
        topic: &str,
        limit: usize,
        outgoing: &Outgoing,
        ticket: Ticket,
    ) -> Result<()> {
        let message = &outgoing.message;
        let record = record(outgoing, self.end.escape)?;
        let size = batch_size(message, &record.headers);
        if size > limit {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "send",
                format!("expected a message of at most {limit} bytes with key and headers, found {size}; raise the topic's `max.message.bytes`"),
            )
            .with("topic", topic));
        }
        let mut base: BaseRecord<'_, [u8], [u8], Box<Ticket>> =
            BaseRecord::with_opaque_to(topic, Box::new(ticket));
        base.payload = message.payload.as_deref();
        base.key = message.key.as_deref();
        base.timestamp = record.time;
        base.headers = owned(&record.headers);
        let limit = self.session.system.clock.sleep(self.end.confirm_timeout);
        tokio::pin!(limit);
        loop {
            let room = line.reports().room.notified();
            match line.producer.send(base) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), same)) => base = same,
                Err((error, _)) => return Err(classify("send", &error).with("topic", topic)),
            }
            // The same message again once something was answered, so that none overtakes another.
            tokio::select! {
                () = room => {}
                () = self.session.system.clock.sleep(Duration::from_millis(20)) => {}
                () = &mut limit => {
                    return Err(Error::new(
                        ErrorKind::Full,
                        "send",
                        "the client had no room for the message within `confirm_timeout_ms`",
                    ));
                }
            }
        }
    }
}

#[async_trait]
impl Sender for KafkaSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        if self.lines.values().any(Line::is_spent) {
            // What did not answer may not be there any more.
            self.topics.clear();
            self.session.renew();
        }
        let mut ways = Vec::with_capacity(batch.len());
        for outgoing in batch {
            // Every way is known before the first message goes, so that an error here means that none went.
            let way = self.way(outgoing).await?;
            ways.push(way);
        }
        let clock = Arc::clone(&self.session.system.clock);
        let timeout = self.end.confirm_timeout;
        let (answers, all) = Answers::new(batch.len());
        let mut lines: Vec<Line> = Vec::new();
        for (place, (outgoing, way)) in batch.iter().zip(ways).enumerate() {
            let handed = match way {
                Err(error) => Err(error),
                Ok((topic, limit, line)) => {
                    let suspects = &line.reports().suspects;
                    let alone = suspects
                        .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1))
                        .is_ok();
                    let ticket = Ticket {
                        answers: Arc::clone(&answers),
                        place,
                        alone,
                    };
                    if alone {
                        line.drained(&*clock, timeout).await;
                    }
                    let handed = self.hand_over(&line, &topic, limit, outgoing, ticket).await;
                    if alone {
                        line.drained(&*clock, timeout).await;
                    }
                    if lines.iter().all(|known| !Arc::ptr_eq(&known.spent, &line.spent)) {
                        lines.push(line);
                    }
                    if handed
                        .as_ref()
                        .is_err_and(|error| error.kind() == ErrorKind::ChannelMissing)
                    {
                        self.topics.remove(&topic);
                    }
                    handed
                }
            };
            if let Err(error) = handed {
                answers.answer(place, Err(error));
            }
        }
        // Counted from now on, also while nobody polls.
        let deadline = clock.sleep(timeout);
        Ok(Confirm::new(batch.len(), async move {
            tokio::pin!(all, deadline);
            loop {
                tokio::select! {
                    biased;
                    _ = &mut all => break,
                    () = &mut deadline => {
                        give_up(&*clock, &lines).await;
                        break;
                    }
                    () = clock.sleep(REFUSALS) => {
                        if lines.iter().any(Line::is_refused) {
                            give_up(&*clock, &lines).await;
                            break;
                        }
                    }
                }
            }
            answers.close(|| {
                Error::new(
                    ErrorKind::Timeout,
                    "send",
                    "the brokers did not confirm the message within `confirm_timeout_ms`",
                )
                .doubtful()
            })
        }))
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        let clock = Arc::clone(&self.session.system.clock);
        let limit = clock.sleep(self.end.confirm_timeout);
        tokio::pin!(limit);
        let lines: Vec<Line> = self.lines.drain().map(|(_, line)| line).collect();
        while lines.iter().any(|line| line.producer.in_flight_count() > 0) {
            tokio::select! {
                () = clock.sleep(Duration::from_millis(5)) => {}
                () = &mut limit => break,
            }
        }
        let dropped = tokio::task::spawn_blocking(move || drop(lines));
        tokio::select! {
            dropped = dropped => dropped.map_err(|cause| lost("close", cause)),
            () = clock.sleep(CLOSING) => Err(Error::new(
                ErrorKind::Timeout,
                "close",
                "the client did not end in time; it goes on ending by itself",
            )),
        }
    }
}

impl Drop for KafkaSender {
    fn drop(&mut self) {
        for (_, line) in self.lines.drain() {
            drop_aside(line);
        }
    }
}

/// Ends these producers, and waits for what they say of their messages.
async fn give_up(clock: &dyn Clock, lines: &[Line]) {
    lines.iter().for_each(Line::give_up);
    let end = clock.sleep(PURGING);
    tokio::pin!(end);
    while lines.iter().any(|line| line.producer.in_flight_count() > 0) {
        tokio::select! {
            () = clock.sleep(Duration::from_millis(5)) => {}
            () = &mut end => break,
        }
    }
}

/// The client's threads are waited for where nobody else is held up by it.
fn drop_aside(line: Line) {
    let thread = std::thread::Builder::new().name("dunlin-kafka-end".to_owned());
    if let Err(error) = thread.spawn(move || drop(line)) {
        tracing::warn!(%error, "no thread could be had to end a producer");
    }
}
