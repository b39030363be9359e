//! What was typed: the brokers, the settings, and the names of topics.
//!
//! All of it is judged here, without a network. Whether the brokers are there, and the topic on them, is asked later.

use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Resolved};
use dunlin_core::registry::Opening;
use dunlin_core::settings::{Settings, TlsFiles};
use dunlin_core::{Error, Limits, Result};
use regex::Regex;

use crate::address::{brokers, channel, mechanism};
use crate::headers::largest_payload;
use crate::options;

mod facts;

pub(crate) use facts::FACTS;

use facts::{CAPABILITIES, CARRIES, SETTINGS};

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
