//! A session's own connection, by which it asks about topics, and nothing else.
//!
//! The client answers a question to a broker that refuses it with silence. What it tells beside that is kept, so that the
//! error says why; all of it blocks, with a limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

use crate::client::{Listener, asking};
use crate::config::Config;
use crate::error::{classify, code, of_code};

/// Asks, by a client that belongs to no group and consumes nothing.
pub(crate) struct Asker {
    config: Arc<Config>,
    /// None before the first question, and after a refusal: the next client reads its password anew.
    client: Mutex<Option<Arc<BaseConsumer<Listener>>>>,
}

impl Asker {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            client: Mutex::new(None),
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<Arc<BaseConsumer<Listener>>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the next question asked by a new client; the last one ends when it is dropped, which may take a moment.
    pub(crate) fn forget(&self) -> Option<Arc<BaseConsumer<Listener>>> {
        self.place().take()
    }

    /// The client, and whether it is a new one.
    fn client(&self, operation: &'static str) -> Result<(Arc<BaseConsumer<Listener>>, bool)> {
        let mut place = self.place();
        if let Some(client) = &*place {
            return Ok((Arc::clone(client), false));
        }
        let made: BaseConsumer<Listener> = asking(&self.config)?
            .create_with_context(Listener::default())
            .map_err(|error| classify(operation, &error))?;
        Ok((Arc::clone(place.insert(Arc::new(made))), true))
    }

    /// What the cluster is called.
    pub(crate) fn cluster(&self) -> Result<String> {
        self.ask("connect", |client, limit| {
            client.fetch_metadata(Some("__dunlin"), limit)?;
            // The name comes with the answer that was just had.
            Ok(client.fetch_cluster_id(Duration::from_secs(1)))
        })
        .map(|name| name.unwrap_or_else(|| "kafka".to_owned()))
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// There is no such topic, or nobody answers.
    pub(crate) fn partitions(&self, operation: &'static str, topic: &str) -> Result<Vec<i32>> {
        self.partitions_of(operation, topic)
            .map_err(|error| error.with("topic", topic))
    }

    /// As [`partitions`](Self::partitions), for a topic that a message may have named, which no error tells.
    pub(crate) fn partitions_of(&self, operation: &'static str, topic: &str) -> Result<Vec<i32>> {
        let metadata = self.ask(operation, |client, limit| {
            client.fetch_metadata(Some(topic), limit)
        })?;
        match partitions(&metadata, topic) {
            Ok(Some(partitions)) => Ok(partitions),
            Ok(None) => Err(of_code(operation, Code::UnknownTopic)),
            Err(code) => Err(of_code(operation, code)),
        }
    }

    /// Every topic that there is, with its partitions.
    pub(crate) fn topics(&self, operation: &'static str) -> Result<Vec<(String, Vec<i32>)>> {
        let metadata = self.ask(operation, |client, limit| client.fetch_metadata(None, limit))?;
        let mut topics: Vec<_> = metadata
            .topics()
            .iter()
            .filter(|topic| topic.error().is_none())
            .map(|topic| {
                let partitions = topic
                    .partitions()
                    .iter()
                    .map(|partition| partition.id())
                    .collect();
                (topic.name().to_owned(), partitions)
            })
            .collect();
        topics.sort();
        Ok(topics)
    }

    /// The first offset of a partition, and the one behind its last.
    pub(crate) fn range(&self, operation: &'static str, topic: &str, partition: i32) -> Result<(i64, i64)> {
        self.ask(operation, |client, limit| {
            client.fetch_watermarks(topic, partition, limit)
        })
    }

    /// Asks until there is an answer, the brokers refuse, or the time is over. A client that has become unwelcome, or whose
    /// connection may be dead, is followed by one that has read its password again.
    fn ask<T>(
        &self,
        operation: &'static str,
        question: impl Fn(&Client<Listener>, Duration) -> KafkaResult<T>,
    ) -> Result<T> {
        let end = Instant::now() + self.config.connect_timeout;
        loop {
            let (client, new) = self.client(operation)?;
            let limit = if new { end } else { end.min(Instant::now() + STALE) };
            let error = match put(operation, &client, limit, &question) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let refused = client.context().trouble.is_refusal();
            let silent = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Disconnected);
            if refused || silent {
                drop(self.forget());
            }
            if new || !(refused || silent) {
                return Err(error);
            }
        }
    }
}

/// How long a question waits before the client is asked what else it has to tell.
const SLICE: Duration = Duration::from_millis(500);
/// How many things it is let tell then.
const EVENTS: usize = 50;

/// How long a client that was of use before may be silent before another one asks.
const STALE: Duration = Duration::from_secs(3);

/// Puts one question. What the client tells meanwhile is the reason if no answer comes; without it a wrong password would
/// be nothing but a timeout.
fn put<T>(
    operation: &'static str,
    client: &BaseConsumer<Listener>,
    end: Instant,
    question: &impl Fn(&Client<Listener>, Duration) -> KafkaResult<T>,
) -> Result<T> {
    let trouble = &client.context().trouble;
    trouble.over();
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let answer = question(client.client(), left.min(SLICE));
        // Each call hands over one line of the log or one error, and says nothing about the former.
        for _ in 0..EVENTS {
            if let Some(Err(error)) = client.poll(Duration::ZERO) {
                tracing::debug!(%error, "the kafka client reports an error");
            }
        }
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !code(&error).is_some_and(passes) {
            return Err(classify(operation, &error));
        }
        if trouble.is_refusal() || left.is_zero() {
            return Err(trouble.explain(operation, || {
                Error::new(
                    ErrorKind::Timeout,
                    operation,
                    "no broker answered in time; look at `url` and `connect_timeout_ms`",
                )
            }));
        }
    }
}

/// Whether asking again may help.
fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
    )
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asker")
    }
}

/// A topic's partitions as the brokers tell them; none where they do not know it.
fn partitions(metadata: &Metadata, name: &str) -> std::result::Result<Option<Vec<i32>>, Code> {
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
        return Ok(None);
    };
    if let Some(error) = topic.error() {
        return Err(error.into());
    }
    let mut partitions: Vec<_> = topic
        .partitions()
        .iter()
        .map(|partition| partition.id())
        .collect();
    partitions.sort_unstable();
    Ok((!partitions.is_empty()).then_some(partitions))
}
