//! The client's consumers and producers with the settings on which the contract stands, and a session's own connection
//! for questions.
//!
//! The client reconnects by itself, and tells of it only through callbacks that somebody has to poll for. Everything in
//! here may block, so it is called where that is allowed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

use crate::config::{Config, End};
use crate::error::{Trouble, classify, code, first_line, invalid, of_code};
use crate::options;

/// What every client of a cluster has: where it is, who asks, and how long it waits.
fn basic(config: &Config, end: Option<&End>, name: &str) -> Result<ClientConfig> {
    let mut client = ClientConfig::new();
    // Only half-open connections wait for this long. A fetch adds the half second that the broker may collect.
    let socket = config
        .liveness_timeout
        .mul_f32(0.6)
        .max(Duration::from_millis(1_000));
    client
        .set("bootstrap.servers", &config.bootstrap)
        .set("client.id", name)
        .set("allow.auto.create.topics", "false")
        .set("socket.timeout.ms", socket.as_millis().to_string())
        .set("socket.keepalive.enable", "true")
        .set("socket.nagle.disable", "true")
        .set(
            "socket.connection.setup.timeout.ms",
            config
                .connect_timeout
                .max(Duration::from_secs(1))
                .as_millis()
                .to_string(),
        )
        .set("reconnect.backoff.max.ms", "2000")
        // A broker that closes an idle connection is no news.
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Warning);
    secure(config, &mut client)?;
    if let Some(end) = end {
        apply(&mut client, end, options::BOTH)?;
    }
    Ok(client)
}

/// Who asks, and over what. Secrets are read now, so that a new password counts from the next client on.
fn secure(config: &Config, client: &mut ClientConfig) -> Result<()> {
    let protocol = match (config.secure, config.sasl.is_some()) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    client.set("security.protocol", protocol);
    for (name, option) in [
        ("tls_ca", "ssl.ca.location"),
        ("tls_certificate", "ssl.certificate.location"),
        ("tls_key", "ssl.key.location"),
    ] {
        if let Some(path) = config.file(name)? {
            if !path.is_file() {
                return Err(invalid("expected a file that can be read, found none")
                    .with("setting", name)
                    .with("path", path.display()));
            }
            client.set(option, path.to_string_lossy());
        }
    }
    if let Some(mechanism) = config.sasl {
        client.set("sasl.mechanisms", mechanism);
        for (name, option) in [("user", "sasl.username"), ("password", "sasl.password")] {
            client.set(option, config.settings.get(name)?.unwrap_or_default());
        }
    }
    Ok(())
}

fn apply(client: &mut ClientConfig, end: &End, list: &[dunlin_core::settings::SettingFact]) -> Result<()> {
    for fact in list {
        if let Some(value) = end.options.get(fact.name)? {
            client.set(fact.name, value);
        }
    }
    Ok(())
}

/// The settings of a consumer that belongs to a group.
pub(crate) fn consumer(config: &Config, end: &End, group: &str) -> Result<ClientConfig> {
    let mut client = basic(config, Some(end), "dunlin-consumer")?;
    consuming(&mut client, end)?;
    client.set("group.id", group);
    if let crate::config::Channel::Pattern(..) = end.channel {
        // New topics are found by asking again; the brokers' own are nobody's messages.
        client
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set("topic.blacklist", "^__");
    }
    Ok(client)
}

fn consuming(client: &mut ClientConfig, end: &End) -> Result<()> {
    client
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "500")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("group.protocol", "classic")
        .set("session.timeout.ms", "10000")
        .set("queued.min.messages", "1000")
        .set("queued.max.messages.kbytes", "16384")
        // A full queue is looked at again after this time; by default it stays unfilled for a whole second.
        .set("fetch.queue.backoff.ms", "5");
    apply(client, end, options::CONSUMER)?;
    if end.options.get("heartbeat.interval.ms")?.is_none() {
        let session = end.options.number("session.timeout.ms")?.unwrap_or(10_000);
        client.set("heartbeat.interval.ms", (session / 3).clamp(1, 3_000).to_string());
    }
    Ok(())
}

/// The settings of a consumer that looks, and belongs to no group. The client wants a group's name all the same.
pub(crate) fn onlooker(config: &Config, end: &End) -> Result<ClientConfig> {
    let mut client = consumer(config, end, "dunlin-browse")?;
    client
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    Ok(client)
}

/// The settings of a producer for topics that take messages of this size.
pub(crate) fn producer(config: &Config, end: &End, limit: usize) -> Result<ClientConfig> {
    let mut client = basic(config, Some(end), "dunlin-producer")?;
    producing(&mut client, end)?;
    // A batch above the topic's limit is refused as a whole, and the client does not divide it.
    let batch = end.options.number("batch.size")?.unwrap_or(1_000_000);
    let limit = u64::try_from(limit)
        .unwrap_or(u64::MAX)
        .clamp(1_000, 1_000_000_000);
    client
        .set("message.max.bytes", limit.to_string())
        .set("batch.size", batch.min(limit).to_string());
    Ok(client)
}

fn producing(client: &mut ClientConfig, end: &End) -> Result<()> {
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", "0")
        .set("linger.ms", "5")
        .set("batch.num.messages", "10000");
    apply(client, end, options::PRODUCER)
}

/// The settings of a client that only asks.
pub(crate) fn asking(config: &Config) -> Result<ClientConfig> {
    basic(config, None, "dunlin")
}

/// Lets the client judge the options that were typed, without a network.
pub(crate) fn judge(end: &End) -> Result<()> {
    let mut both = ClientConfig::new();
    apply(&mut both, end, options::BOTH)?;
    consuming(&mut both, end)?;
    producing(&mut both, end)?;
    match both.create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, reason, name, _)) => {
            Err(invalid(format!("the client refuses this option: {reason}")).with("setting", name))
        }
        Err(error) => Err(classify("open", &error)),
    }
}

/// Listens to what a client tells beside its calls, and keeps the last of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    pub(crate) trouble: Arc<Trouble>,
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason = first_line(reason), "the kafka client reports an error");
        if let Some(code) = code(&error) {
            self.trouble.heard(code, reason);
        }
    }
}

impl ConsumerContext for Listener {}

/// Hands a line of the client's log on.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
    }
}

/// A session's own connection, by which it asks. It belongs to no group and consumes nothing.
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
        let metadata = self
            .ask(operation, |client, limit| {
                client.fetch_metadata(Some(topic), limit)
            })
            .map_err(|error| error.with("topic", topic))?;
        match partitions(&metadata, topic) {
            Ok(Some(partitions)) => Ok(partitions),
            Ok(None) => Err(of_code(operation, Code::UnknownTopic).with("topic", topic)),
            Err(code) => Err(of_code(operation, code).with("topic", topic)),
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
        let answer = question(client.client(), left.min(Duration::from_millis(1_000)));
        while let Some(event) = client.poll(Duration::ZERO) {
            if let Err(error) = event {
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
