//! The client's consumers and producers with the settings on which the contract stands.
//!
//! The client reconnects by itself, and tells of it only through callbacks that somebody has to poll for. Everything in
//! here may block, so it is called where that is allowed.

use std::sync::Arc;
use std::time::Duration;

use dunlin_core::settings::SettingFact;
use dunlin_core::{Error, Result};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::config::{Config, End};
use crate::error::{Trouble, classify, code, first_line};
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
    let protocol = match (config.tls.is_some(), config.sasl.is_some()) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    client.set("security.protocol", protocol);
    let files = config.tls.clone().unwrap_or_default();
    let (certificate, key) = files.client.unzip();
    for (name, option, path) in [
        ("tls_ca", "ssl.ca.location", files.authorities),
        ("tls_certificate", "ssl.certificate.location", certificate),
        ("tls_key", "ssl.key.location", key),
    ] {
        let Some(path) = path else { continue };
        if !path.is_file() {
            return Err(Error::invalid("expected a file that can be read, found none")
                .with("setting", name)
                .with("path", path.display()));
        }
        client.set(option, path.to_string_lossy());
    }
    if let Some(mechanism) = config.sasl {
        client.set("sasl.mechanisms", mechanism);
        for (name, option) in [("user", "sasl.username"), ("password", "sasl.password")] {
            client.set(option, config.settings.get(name)?.unwrap_or_default());
        }
    }
    Ok(())
}

fn apply(client: &mut ClientConfig, end: &End, list: &[SettingFact]) -> Result<()> {
    for fact in list {
        if let Some(value) = end.options.get(fact.name)? {
            client.set(fact.name, value);
        }
    }
    Ok(())
}

/// The settings of a consumer that belongs to a group. What it fetches ahead is divided among so many partitions, since
/// each has a queue of its own.
pub(crate) fn consumer(config: &Config, end: &End, group: &str, partitions: usize) -> Result<ClientConfig> {
    let mut client = basic(config, Some(end), "dunlin-consumer")?;
    let share = FETCHED_AHEAD / partitions.max(1);
    client.set(
        "queued.max.messages.kbytes",
        share.clamp(1 << 10, 16 << 10).to_string(),
    );
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

/// KiB that a consumer fetches ahead of its window, for all partitions together.
const FETCHED_AHEAD: usize = 64 << 10;

fn consuming(client: &mut ClientConfig, end: &End) -> Result<()> {
    client
        .set("enable.auto.offset.store", "false")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "500")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("group.protocol", "classic")
        .set("session.timeout.ms", "10000")
        .set("queued.min.messages", "100000")
        // A broker has one fetch open at a time. While the queue of a busy partition is full, that one asks for the idle
        // partitions alone, and holds the busy one up for as long as the broker waits for their records.
        .set("fetch.wait.max.ms", "50")
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
    let mut client = consumer(config, end, "dunlin-browse", 16)?;
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
            Err(Error::invalid(format!("the client refuses this option: {reason}")).with("setting", name))
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
