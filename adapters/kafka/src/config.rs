//! What was typed: the brokers, the settings, and the names of topics.
//!
//! All of it is judged here, without a network. Whether the brokers are there, and the topic on them, is asked later.

use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Resolved};
use dunlin_core::registry::{Facts, Opening};
use dunlin_core::settings::{SettingFact, Settings, TlsFiles};
use dunlin_core::{Capabilities, Error, HeaderValues, Limits, Result};
use regex::Regex;

use crate::address::{brokers, channel, mechanism};
use crate::headers::{CARRIES, largest_payload};
use crate::options;

/// What people are told about this system.
pub(crate) static FACTS: Facts = Facts {
    title: "Kafka",
    example: "kafka://broker-1:9092,broker-2:9092",
    channel: "a topic; to receive also a pattern of topics that begins with `^`",
    capabilities: CAPABILITIES,
    conditions: &[],
    carries: CARRIES,
    settings: SETTINGS,
};

/// What every topic can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    header_values: HeaderValues::Binary,
    ordered_lanes: true,
    ordered_redelivery: true,
    ordered_batches: false,
    delayed_retry: false,
    broker_reject: false,
    confirms: true,
    dedup_by_id: false,
    stable_position: true,
    settling_deletes: false,
};

const SETTINGS: &[SettingFact] = &joined();

const OWN: &[SettingFact] = &[
    SettingFact::at_system("user", "none", "The name to log in with, by SASL."),
    SettingFact::at_system(
        "password",
        "none",
        "The password of `user`; a reference to a secret, read again at each connection.",
    ),
    SettingFact::at_system(
        "sasl_mechanism",
        "SCRAM-SHA-512",
        "How `user` and `password` are shown: `SCRAM-SHA-512`, `SCRAM-SHA-256`, or `PLAIN`, which sends the password itself.",
    ),
    TlsFiles::AUTHORITIES,
    TlsFiles::CERTIFICATE,
    TlsFiles::KEY,
    SettingFact::at_system(
        "connect_timeout_ms",
        "10000",
        "How many milliseconds a connection, or a question to the brokers, may take.",
    ),
    SettingFact::at_system(
        "liveness_timeout_ms",
        "15000",
        "After how many milliseconds a connection on which nothing comes any more counts as dead.",
    ),
    SettingFact::at_system(
        "identity",
        "the cluster's id",
        "What names this cluster in positions and deduplication ids; set it to keep them when the cluster moves.",
    ),
    SettingFact::at_end(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds a message that the brokers have not confirmed is in doubt.",
    ),
    SettingFact::at_end(
        "topology",
        "verify",
        "`verify` expects the topic to be there, `create` makes it where it is missing.",
    ),
    SettingFact::at_end(
        "partitions",
        "1",
        "With `topology: create`, how many partitions the topic gets.",
    ),
    SettingFact::at_end(
        "replication",
        "the broker's default",
        "With `topology: create`, on how many brokers each partition is kept.",
    ),
    SettingFact::at_end(
        "headers",
        "refuse",
        "What becomes of a header whose name has a NUL in it: `refuse` the message, or `escape` the header.",
    ),
];

const COUNT: usize = OWN.len() + options::CONSUMER.len() + options::PRODUCER.len() + options::BOTH.len();

/// The adapter's own settings, and behind them the client's options that may be set.
const fn joined() -> [SettingFact; COUNT] {
    let mut all = [OWN[0]; COUNT];
    let lists = [OWN, options::CONSUMER, options::PRODUCER, options::BOTH];
    let (mut list, mut place) = (0, 0);
    while list < lists.len() {
        let mut item = 0;
        while item < lists[list].len() {
            all[place] = lists[list][item];
            place += 1;
            item += 1;
        }
        list += 1;
    }
    all
}

/// A cluster as it was typed.
#[derive(Debug)]
pub(crate) struct Config {
    /// Hosts and ports, separated by commas.
    pub(crate) bootstrap: String,
    /// The files for TLS, if the address asks for it.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) settings: Settings,
    pub(crate) sasl: Option<&'static str>,
    pub(crate) identity: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) liveness_timeout: Duration,
}

/// One end as it was typed, with what it takes over from its system.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) channel: Channel,
    /// Whether the topic is made where it is missing.
    pub(crate) creates: bool,
    pub(crate) partitions: i32,
    /// How many replicas a new topic gets; -1 leaves it to the broker.
    pub(crate) replication: i32,
    pub(crate) escape: bool,
    pub(crate) confirm_timeout: Duration,
    message_max: Option<usize>,
    /// The client's options with their values, as they were typed.
    pub(crate) options: Settings,
}

/// What an end names.
#[derive(Clone, Debug)]
pub(crate) enum Channel {
    Topic(String),
    /// Every topic that matches; the text begins with `^`.
    Pattern(String, Regex),
}

impl Config {
    pub(crate) fn new(opening: &Opening<'_>) -> Result<Self> {
        contract(opening.settings)?;
        opening.settings.only(SETTINGS)?;
        let bootstrap = brokers(opening.rest())?;
        let settings = opening.settings.clone();
        let tls = TlsFiles::of(opening, "kafka+tls")?;
        let sasl = mechanism(&settings, tls.is_some(), &bootstrap)?;
        if (tls.is_some() || sasl.is_some_and(|mechanism| mechanism != "PLAIN")) && !cfg!(feature = "ssl") {
            return Err(Error::invalid(
                "this build speaks no TLS and no SCRAM with Kafka; build it with the feature `kafka-ssl`",
            ));
        }
        let identity = settings.get("identity")?;
        if identity.as_ref().is_some_and(String::is_empty) {
            return Err(Error::invalid("expected a name, found none").with("setting", "identity"));
        }
        let config = Self {
            bootstrap,
            tls,
            sasl,
            identity,
            connect_timeout: settings.milliseconds("connect_timeout_ms", 10_000, 1)?,
            liveness_timeout: settings.milliseconds("liveness_timeout_ms", 15_000, 1)?,
            settings,
        };
        config.read(&Settings::new(), Channel::Topic(String::new()))?;
        Ok(config)
    }

    /// This end of the cluster.
    pub(crate) fn end(&self, endpoint: &Endpoint) -> Result<End> {
        contract(&endpoint.settings)?;
        endpoint.settings.only_at_end(SETTINGS)?;
        let channel = channel(&endpoint.channel).map_err(|error| error.with("channel", &endpoint.channel))?;
        self.read(&endpoint.settings, channel)
    }

    fn read(&self, settings: &Settings, channel: Channel) -> Result<End> {
        let settings = self.settings.overridden_by(settings);
        let count = |name, default: i32| match settings.number(name)? {
            None => Ok(default),
            Some(number) => i32::try_from(number)
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(|| Error::invalid("expected a whole number above 0").with("setting", name)),
        };
        let mut options = Settings::new();
        for fact in [options::CONSUMER, options::PRODUCER, options::BOTH].concat() {
            if let Some(value) = settings.get(fact.name)? {
                options = options.with(fact.name, value);
            }
        }
        let end = End {
            channel,
            creates: settings
                .choice("topology", &[("verify", false), ("create", true)])?
                .unwrap_or(false),
            partitions: count("partitions", 1)?,
            replication: count("replication", -1)?,
            escape: settings
                .choice("headers", &[("refuse", false), ("escape", true)])?
                .unwrap_or(false),
            confirm_timeout: settings.milliseconds("confirm_timeout_ms", 10_000, 1)?,
            message_max: (options.number("message.max.bytes")?).and_then(|bytes| usize::try_from(bytes).ok()),
            options,
        };
        crate::client::judge(&end)?;
        Ok(end)
    }

    /// What the cluster is called before anybody has asked it.
    pub(crate) fn identity_offline(&self) -> String {
        self.identity.clone().unwrap_or_else(|| "kafka".to_owned())
    }
}

impl End {
    /// What this end can do. `cluster` names where it is, and `topic` is the topic's own limit once it is known.
    pub(crate) fn resolved(&self, identity: &str, cluster: &str, topic: Option<usize>) -> Resolved {
        let limits = match self.limit(topic) {
            Some(limit) => Limits::default().payload(largest_payload(limit)),
            None => Limits::default(),
        };
        Resolved::new(
            CAPABILITIES,
            limits,
            identity,
            format!("kafka:{cluster}/{}", self.channel.name()),
            CARRIES,
        )
    }

    /// The most bytes of a message with key and headers: what was set here, or what the topic takes, whichever is less.
    pub(crate) fn limit(&self, topic: Option<usize>) -> Option<usize> {
        match (self.message_max, topic) {
            (Some(set), Some(topic)) => Some(set.min(topic)),
            (set, topic) => set.or(topic),
        }
    }
}

impl Channel {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Topic(name) | Self::Pattern(name, _) => name,
        }
    }
}

/// Refuses options that would break the contract, with the reason; that they are unknown would be said without one.
fn contract(settings: &Settings) -> Result<()> {
    for name in settings.names() {
        if let Some(reason) = options::refused(name) {
            return Err(
                Error::invalid(format!("the option `{name}` cannot be set: {reason}")).with("setting", name),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
