//! Sending: one ordered producer, one answer for each message, and none of them sent again beside a copy of itself.
//!
//! The producer is idempotent and never drops a message by itself. When an answer does not come in time, its messages are
//! purged and the producer is thrown away, so that what is sent again goes alone.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::messaging::{Confirm, Outgoing, Sender};
use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::address::topic;
use crate::answers::{Answers, Named, Reports, Ticket, closed_topic};
use crate::client;
use crate::config::{Channel, End};
use crate::error::{classify, lost, of_code};
use crate::headers::record;
use crate::line::{Line, Producer, drop_aside, give_up};
use crate::session::KafkaSession;

/// How often it is asked whether the brokers have shut a producer out.
const REFUSALS: Duration = Duration::from_millis(250);
/// How long closing waits for the client's threads.
const CLOSING: Duration = Duration::from_secs(5);

/// The largest batch where nobody says what the topic takes: what the client itself takes for safe.
const UNKNOWN_LIMIT: usize = 1_000_000;

/// Puts messages into topics.
pub(crate) struct KafkaSender {
    session: KafkaSession,
    end: End,
    /// Topics that were found, with the largest batch that each takes.
    topics: HashMap<String, usize>,
    /// One producer for all topics of one limit: the client keeps batches below its own limit only.
    lines: HashMap<usize, Line>,
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
            return Err(Error::invalid("expected a topic to send to, found a pattern"));
        }
        let topic = sender.end.channel.name().to_owned();
        let limit = sender
            .find(&topic)
            .await
            .map_err(|error| error.with("topic", &topic))?;
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
        tokio::task::spawn_blocking(move || asker.partitions_of("send", &name))
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
        let line = Line::new(producer);
        self.lines.insert(limit, line.clone());
        Ok(line)
    }

    /// Where messages of this address go.
    ///
    /// # Errors
    /// Nobody answers. That there is no such topic is the fault of its messages, and stands in the way.
    async fn way(&mut self, address: Option<Bytes>) -> Result<Way> {
        let name = match &address {
            None => self.end.channel.name().to_owned(),
            Some(name) => match std::str::from_utf8(name) {
                Ok(name) if topic(name).is_ok() => name.to_owned(),
                Ok(_) | Err(_) => {
                    let found = Err(Missing::Name);
                    return Ok(Way { address, found });
                }
            },
        };
        let own = self.end.channel.name();
        let way = match name == own {
            true => Named::Own,
            false => Named::Addressed(Arc::from(own)),
        };
        let found = match (self.find(&name).await, &way) {
            (Ok(limit), _) => Ok(Found {
                limit,
                line: self.line(limit).await?,
                topic: name,
                way: way.clone(),
            }),
            (Err(error), Named::Own) if error.kind() == ErrorKind::ChannelMissing => Err(Missing::Topic),
            (Err(error), Named::Own) => return Err(error.with("topic", name)),
            (Err(error), Named::Addressed(_)) if error.kind() == ErrorKind::ChannelMissing => {
                Err(Missing::Addressed)
            }
            (Err(error), Named::Addressed(_)) if error.kind() == ErrorKind::InvalidSetting => {
                Err(Missing::Closed)
            }
            (Err(error), Named::Addressed(channel)) => return Err(error.with("channel", channel)),
        };
        Ok(Way { address, found })
    }

    /// Hands over one message, or refuses it; a suspect goes alone.
    async fn put(
        &mut self,
        found: &Found,
        outgoing: &Outgoing,
        answers: &Arc<Answers>,
        place: usize,
    ) -> Result<()> {
        let clock = Arc::clone(&self.session.system.clock);
        let alone = found.line.is_next_suspect();
        let ticket = Ticket {
            answers: Arc::clone(answers),
            place,
            alone,
            way: found.way.clone(),
        };
        if alone {
            found.line.drained(&*clock, self.end.confirm_timeout).await;
        }
        let handed = self.hand_over(found, outgoing, ticket).await;
        if alone {
            found.line.drained(&*clock, self.end.confirm_timeout).await;
        }
        if handed
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::ChannelMissing)
        {
            self.topics.remove(&found.topic);
        }
        handed
    }

    /// Hands one message to the client; waits while that has no room.
    async fn hand_over(&self, found: &Found, outgoing: &Outgoing, ticket: Ticket) -> Result<()> {
        let Found {
            topic,
            limit,
            line,
            way,
        } = found;
        let message = &outgoing.message;
        let record = record(outgoing, self.end.escape)?;
        let size = record.size;
        if size > *limit {
            let error = Error::new(
                ErrorKind::TooLarge,
                "send",
                format!(
                    "expected a message of at most {limit} bytes with key and headers, found {size}; raise the topic's `max.message.bytes`"
                ),
            );
            return Err(way.name(error, topic));
        }
        let mut base: BaseRecord<'_, [u8], [u8], Box<Ticket>> =
            BaseRecord::with_opaque_to(topic, Box::new(ticket));
        base.payload = message.payload.as_deref();
        base.key = message.key.as_deref();
        base.timestamp = record.time;
        base.headers = record.headers;
        let clock = &self.session.system.clock;
        let mut waits_until = None;
        loop {
            let room = line.reports().room.notified();
            match line.producer.send(base) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), same)) => base = same,
                Err((error, _)) => return Err(way.name(classify("send", &error), topic)),
            }
            if clock.now() >= *waits_until.get_or_insert_with(|| clock.now() + self.end.confirm_timeout) {
                return Err(Error::new(
                    ErrorKind::Full,
                    "send",
                    "the client had no room for the message within `confirm_timeout_ms`",
                ));
            }
            // The same message again once something was answered, so that none overtakes another.
            tokio::select! {
                () = room => {}
                () = clock.sleep(Duration::from_millis(20)) => {}
            }
        }
    }
}

/// Where messages of one address go.
struct Way {
    address: Option<Bytes>,
    found: std::result::Result<Found, Missing>,
}

/// A topic that takes messages.
struct Found {
    topic: String,
    /// The largest batch that it takes.
    limit: usize,
    line: Line,
    way: Named,
}

/// Why messages of an address go nowhere.
enum Missing {
    /// No topic can have this name.
    Name,
    /// There is no topic of this name, which is the end's own.
    Topic,
    /// There is no topic of this name, which messages ask for.
    Addressed,
    /// The brokers refuse the name, which messages ask for.
    Closed,
}

impl Missing {
    /// `channel` is that of the configuration: an address may have been made from a message, and is told to nobody.
    fn error(&self, channel: &str) -> Error {
        match self {
            Self::Name => Error::new(
                ErrorKind::Unroutable,
                "send",
                "expected an address that can be a topic's name, found one that cannot",
            )
            .with("channel", channel),
            Self::Topic => of_code("send", Code::UnknownTopic).with("topic", channel),
            Self::Closed => closed_topic(channel),
            Self::Addressed => Error::new(
                ErrorKind::Unroutable,
                "send",
                "expected a topic of the message's address, found none; make it, or correct the address",
            )
            .with("channel", channel),
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
        let mut ways: Vec<Way> = Vec::new();
        for outgoing in batch {
            // Every way is known before the first message goes, so that an error here means that none went.
            if ways.iter().all(|way| way.address != outgoing.address) {
                let way = self.way(outgoing.address.clone()).await?;
                ways.push(way);
            }
        }
        let (answers, all) = Answers::new(batch.len());
        for (place, outgoing) in batch.iter().enumerate() {
            let handed = match ways
                .iter()
                .find(|way| way.address == outgoing.address)
                .map(|way| &way.found)
            {
                Some(Ok(found)) => self.put(found, outgoing, &answers, place).await,
                Some(Err(missing)) => Err(missing.error(self.end.channel.name())),
                // Every address was looked at above.
                None => Err(Missing::Name.error(self.end.channel.name())),
            };
            if let Err(error) = handed {
                answers.answer(place, Err(error));
            }
        }
        let mut lines: Vec<Line> = Vec::new();
        for line in ways
            .into_iter()
            .filter_map(|way| way.found.ok())
            .map(|found| found.line)
        {
            if !lines.iter().any(|known| known.is(&line)) {
                lines.push(line);
            }
        }
        let clock = Arc::clone(&self.session.system.clock);
        let timeout = self.end.confirm_timeout;
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
