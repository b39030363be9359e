//! What was typed: the address, the settings, and the names of queues and exchanges.
//!
//! All of it is judged here, without a network. A setting that would break the contract (acknowledging by itself, recovery of
//! the client's own) does not exist.

use std::time::Duration;

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::messaging::{Endpoint, Resolved, Start};
use dunlin_core::registry::{Facts, Opening};
use dunlin_core::settings::{SettingFact, Settings, TlsFiles};
use dunlin_core::{Capabilities, Error, HeaderValues, Limits, Result};
use lapin::ExchangeKind;
use lapin::uri::AMQPUri;

/// What people are told about this system.
pub(crate) static FACTS: Facts = Facts {
    title: "RabbitMQ (AMQP 0-9-1)",
    example: "amqp://localhost:5672/shop",
    channel: "a queue; to send, with `exchange: NAME`, the routing key at that exchange",
    capabilities: capabilities(false),
    conditions: &["`broker_dead_letter: true`: broker_reject"],
    carries: CARRIES,
    settings: SETTINGS,
};

/// Where the parts of a message are in AMQP 0-9-1.
pub(crate) const CARRIES: &Table = &[
    (Part::Tombstone, Way::Header),
    (Part::Key, Way::Header),
    (Part::Id, Way::Own("property `message-id`")),
    (
        Part::Time,
        Way::Own("property `timestamp`, in seconds; finer ones beside it in `dunlin-time`"),
    ),
    (Part::ContentType, Way::Own("property `content-type`")),
    (Part::ContentEncoding, Way::Own("property `content-encoding`")),
    (Part::Kind, Way::Own("property `type`")),
    (Part::CorrelationId, Way::Own("property `correlation-id`")),
    (Part::ReplyTo, Way::Own("property `reply-to`")),
    (Part::Priority, Way::Own("property `priority`")),
    (Part::Expiry, Way::Own("property `expiration`")),
    (Part::Address, Way::Own("routing key")),
    (Part::Dedup, Way::Header),
    (Part::Headers, Way::Own("header table, in the order of the names")),
    (Part::BinaryHeaders, Way::Own("header table")),
    (Part::RepeatedHeaders, Way::Header),
];

const SETTINGS: &[SettingFact] = &[
    SettingFact::at_system("user", "guest", "The user."),
    SettingFact::at_system(
        "password",
        "guest",
        "The password, read again at each connection.",
    ),
    TlsFiles::AUTHORITIES,
    TlsFiles::CERTIFICATE,
    TlsFiles::KEY,
    SettingFact::at_system(
        "connect_timeout_ms",
        "10000",
        "After how many milliseconds a connection, or opening a queue on it, is given up and tried anew.",
    ),
    SettingFact::at_system(
        "liveness_timeout_ms",
        "15000",
        "After how many milliseconds of silence at most a connection counts as lost; a fifth of it is the heartbeat.",
    ),
    SettingFact::at_system(
        "identity",
        "the address",
        "What the broker is called in deduplication ids and in the names of channels, if it has several addresses.",
    ),
    SettingFact::at_end(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds without the broker's confirm a message is in doubt; while the broker blocks publishers, time stands still.",
    ),
    SettingFact::at_end(
        "topology",
        "verify",
        "`verify`: queues and exchanges must be there; `create`: missing ones are made, durable, queues as quorum queues.",
    ),
    SettingFact::at_end(
        "headers",
        "refuse",
        "What is done with a message whose headers do not fit a table of AMQP: `refuse` it, or `escape` them reversibly into one header.",
    ),
    SettingFact::at_end(
        "exchange",
        "the default exchange",
        "For sending: the exchange; the channel is then the routing key. With `topology: create`, a queue of the channel's name is bound to it.",
    ),
    SettingFact::at_end(
        "exchange_type",
        "topic",
        "With `topology: create`: the type of a missing exchange, `direct`, `topic`, `fanout` or `headers`.",
    ),
    SettingFact::at_end(
        "bind_to",
        "none",
        "With `topology: create`: the exchange to which the queue is bound, made if it is missing.",
    ),
    SettingFact::at_end(
        "binding_key",
        "the channel",
        "With `bind_to`: the key of the binding.",
    ),
    SettingFact::at_end(
        "prefetch",
        "the window of the route",
        "How many messages the broker hands out beyond those that are settled, 1 to 65535.",
    ),
    SettingFact::at_end(
        "max_payload",
        "16MiB",
        "The most bytes a payload may have; larger ones are refused before the wire. The broker's limit is `max_message_size`.",
    ),
    SettingFact::at_end(
        "broker_dead_letter",
        "false",
        "The queue has a dead-letter exchange, so that the broker keeps what is rejected; without one it would drop it.",
    ),
];

/// A queue takes what is settled away from everyone, has no position, and brings back what was given back in any order.
const fn capabilities(broker_reject: bool) -> Capabilities {
    Capabilities {
        header_values: HeaderValues::Binary,
        ordered_lanes: true,
        ordered_redelivery: false,
        ordered_batches: false,
        delayed_retry: false,
        broker_reject,
        confirms: true,
        dedup_by_id: false,
        stable_position: false,
        settling_deletes: true,
    }
}

/// RabbitMQ's own limit since 4.0.
const MAX_PAYLOAD: usize = 16 << 20;

/// All headers must fit one frame; this much stays free for properties when the broker's `frame_max` is not known yet.
const MAX_HEADERS: usize = 120 << 10;

/// A system as it was typed.
#[derive(Debug)]
pub(crate) struct Config {
    /// The files for TLS, if the address asks for it.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
    pub(crate) connect_timeout: Duration,
    pub(crate) liveness_timeout: Duration,
    pub(crate) identity: String,
    /// The name of the system, shown to the broker.
    pub(crate) name: String,
    settings: Settings,
}

/// One end as it was typed, with what it takes over from its system.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) channel: String,
    pub(crate) create: bool,
    pub(crate) escape: bool,
    /// Empty for the default exchange.
    pub(crate) exchange: String,
    pub(crate) exchange_type: Exchange,
    pub(crate) binding: Option<(String, String)>,
    pub(crate) prefetch: Option<u16>,
    pub(crate) max_payload: usize,
    pub(crate) broker_dead_letter: bool,
    pub(crate) confirm_timeout: Duration,
}

/// A type of exchange that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    Direct,
    Topic,
    Fanout,
    Headers,
}

impl Exchange {
    const ALL: [Self; 4] = [Self::Direct, Self::Topic, Self::Fanout, Self::Headers];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Topic => "topic",
            Self::Fanout => "fanout",
            Self::Headers => "headers",
        }
    }

    pub(crate) fn kind(self) -> ExchangeKind {
        match self {
            Self::Direct => ExchangeKind::Direct,
            Self::Topic => ExchangeKind::Topic,
            Self::Fanout => ExchangeKind::Fanout,
            Self::Headers => ExchangeKind::Headers,
        }
    }
}

impl Config {
    pub(crate) fn new(opening: &Opening<'_>) -> Result<Self> {
        let settings = opening.settings;
        settings.only(SETTINGS)?;
        let uri = address(opening.url)?;
        let vhost = if uri.vhost.is_empty() {
            "/".to_owned()
        } else {
            uri.vhost
        };
        short("virtual host", &vhost)?;
        let host = uri.authority.host.to_lowercase();
        let place = format!("amqp://{host}:{}/{vhost}", uri.authority.port);
        let config = Self {
            tls: TlsFiles::of(opening, "amqps")?,
            // Brackets are how an address of IPv6 is written in a URL, and no part of it.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.authority.port,
            vhost,
            connect_timeout: settings.milliseconds("connect_timeout_ms", 10_000, 1)?,
            liveness_timeout: settings.milliseconds("liveness_timeout_ms", 15_000, 1)?,
            identity: settings.get("identity")?.unwrap_or(place),
            name: opening.name.to_owned(),
            settings: settings.clone(),
        };
        config.read(&Settings::new(), String::new())?;
        Ok(config)
    }

    /// User and password as they are at this moment.
    pub(crate) fn credentials(&self) -> Result<(String, String)> {
        let get = |name| Ok(self.settings.get(name)?.unwrap_or_else(|| "guest".to_owned()));
        Ok((get("user")?, get("password")?))
    }

    /// A fifth of the time in which a silent connection must be noticed. lapin gives it up after two missed ones and looks
    /// twice in each, so that half of the time is left to make another.
    pub(crate) fn heartbeat(&self) -> u16 {
        let seconds = (self.liveness_timeout.as_secs() / 5).clamp(1, 60);
        u16::try_from(seconds).unwrap_or(60)
    }

    /// This end of the system.
    pub(crate) fn end(&self, endpoint: &Endpoint) -> Result<End> {
        endpoint.settings.only_at_end(SETTINGS)?;
        let channel = endpoint.channel.clone();
        let end = self
            .read(&endpoint.settings, channel)
            .map_err(|error| error.with("channel", &endpoint.channel))?;
        if end.channel.is_empty() && end.exchange.is_empty() {
            return Err(Error::invalid(
                "expected the name of a queue as the channel, found none",
            ));
        }
        Ok(end)
    }

    fn read(&self, settings: &Settings, channel: String) -> Result<End> {
        let settings = self.settings.overridden_by(settings);
        let named = |name: &'static str| -> Result<Option<String>> {
            let text = settings.get(name)?;
            text.as_deref().map_or(Ok(()), |text| short(name, text))?;
            Ok(text)
        };
        short("channel", &channel)?;
        let create = settings
            .choice("topology", &[("verify", false), ("create", true)])?
            .unwrap_or(false);
        let escape = settings
            .choice("headers", &[("refuse", false), ("escape", true)])?
            .unwrap_or(false);
        let types = Exchange::ALL.map(|kind| (kind.name(), kind));
        let key = named("binding_key")?.unwrap_or_else(|| channel.clone());
        let prefetch = match settings.number("prefetch")? {
            None => None,
            Some(number) => match u16::try_from(number) {
                Ok(number) if number > 0 => Some(number),
                _ => {
                    return Err(
                        Error::invalid("expected a number from 1 to 65535").with("setting", "prefetch")
                    );
                }
            },
        };
        Ok(End {
            create,
            escape,
            exchange: named("exchange")?.unwrap_or_default(),
            exchange_type: settings
                .choice("exchange_type", &types)?
                .unwrap_or(Exchange::Topic),
            binding: named("bind_to")?.map(|exchange| (exchange, key)),
            prefetch,
            max_payload: settings.bytes("max_payload")?.unwrap_or(MAX_PAYLOAD),
            broker_dead_letter: settings.flag("broker_dead_letter")?.unwrap_or(false),
            confirm_timeout: settings.milliseconds("confirm_timeout_ms", 10_000, 1)?,
            channel,
        })
    }
}

impl End {
    /// What this end can do, as far as it is known without the broker.
    pub(crate) fn resolved(&self, config: &Config) -> Resolved {
        let place = &config.identity;
        let canonical = if self.exchange.is_empty() {
            format!("{place}/queue/{}", self.channel)
        } else {
            format!("{place}/exchange/{}/{}", self.exchange, self.channel)
        };
        Resolved::new(
            capabilities(self.broker_dead_letter),
            Limits::default()
                .payload(self.max_payload)
                .headers(MAX_HEADERS)
                .unsettled(usize::from(self.prefetch.unwrap_or(u16::MAX))),
            config.identity.clone(),
            canonical,
            CARRIES,
        )
        .starting(Start::Earliest)
    }
}

/// The parts of the address. Nothing that could be a secret is repeated.
fn address(url: &str) -> Result<AMQPUri> {
    let rest = url.split_once("://").map(|(_, rest)| rest);
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        return Err(Error::invalid(
            "expected `amqp://HOST:PORT/VIRTUAL_HOST`, found no host; `amqp://localhost` is the broker of this machine",
        ));
    };
    if rest.contains('@') {
        return Err(Error::invalid(
            "expected no user and password in `url`, because it is printed; write them as `user` and `password`",
        ));
    }
    if rest.contains(['?', '#']) {
        return Err(Error::invalid(
            "expected nothing behind the virtual host in `url`; heartbeat and time limits are settings of the system",
        ));
    }
    if rest.split('/').nth(2).is_some() {
        return Err(Error::invalid(
            "expected one virtual host in `url`, found more than one `/` behind the host; write a `/` in its name as `%2F`",
        ));
    }
    let mut uri: AMQPUri = url.parse().map_err(|cause: String| {
        Error::invalid("expected `amqp://HOST:PORT/VIRTUAL_HOST`").caused_by(cause)
    })?;
    // lapin takes an address of IPv6 for no host at all, and would connect to this machine.
    let host = url::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(ToOwned::to_owned));
    uri.authority.host = host
        .filter(|host| !host.is_empty())
        .ok_or_else(|| Error::invalid("expected a host in `url`, found none"))?;
    Ok(uri)
}

/// Names have one byte for their length.
fn short(what: &'static str, text: &str) -> Result<()> {
    if text.len() > 255 {
        let message = format!("expected a {what} of at most 255 bytes, found {}", text.len());
        return Err(Error::invalid(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
