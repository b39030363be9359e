//! What was typed: the address, the settings, and the names of queues and exchanges.
//!
//! All of it is judged here, without a network. A setting that would break the contract (acknowledging by itself, recovery of
//! the client's own) does not exist.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::messaging::{Endpoint, Resolved, Start};
use dunlin_core::registry::{Facts, Opening};
use dunlin_core::settings::{SettingFact, Settings};
use dunlin_core::{Capabilities, HeaderValues, Limits, Result};
use lapin::ExchangeKind;
use lapin::uri::{AMQPScheme, AMQPUri};

use crate::error::invalid;

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
    system("user", "guest", "The user."),
    system(
        "password",
        "guest",
        "The password, read again at each connection.",
    ),
    system(
        "tls_ca",
        "the system's authorities",
        "With `amqps:`, a PEM file with the authorities that may have made the broker's certificate; no others count then.",
    ),
    system(
        "tls_certificate",
        "none",
        "With `amqps:`, a PEM file with the certificate shown to the broker; `tls_key` goes with it.",
    ),
    system(
        "tls_key",
        "none",
        "The PEM file with the private key of `tls_certificate`.",
    ),
    system(
        "connect_timeout_ms",
        "10000",
        "After how many milliseconds a connection, or opening a queue on it, is given up and tried anew.",
    ),
    system(
        "liveness_timeout_ms",
        "15000",
        "After how many milliseconds of silence at most a connection counts as lost; a fifth of it is the heartbeat.",
    ),
    system(
        "identity",
        "the address",
        "What the broker is called in deduplication ids and in the names of channels, if it has several addresses.",
    ),
    setting(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds without the broker's confirm a message is in doubt; while the broker blocks publishers, time stands still.",
    ),
    setting(
        "topology",
        "verify",
        "`verify`: queues and exchanges must be there; `create`: missing ones are made, durable, queues as quorum queues.",
    ),
    setting(
        "headers",
        "refuse",
        "What is done with a message whose headers do not fit a table of AMQP: `refuse` it, or `escape` them reversibly into one header.",
    ),
    setting(
        "exchange",
        "the default exchange",
        "For sending: the exchange; the channel is then the routing key. With `topology: create`, a queue of the channel's name is bound to it.",
    ),
    setting(
        "exchange_type",
        "topic",
        "With `topology: create`: the type of a missing exchange, `direct`, `topic`, `fanout` or `headers`.",
    ),
    setting(
        "bind_to",
        "none",
        "With `topology: create`: the exchange to which the queue is bound, made if it is missing.",
    ),
    setting(
        "binding_key",
        "the channel",
        "With `bind_to`: the key of the binding.",
    ),
    setting(
        "prefetch",
        "the window of the route",
        "How many messages the broker hands out beyond those that are settled, 1 to 65535.",
    ),
    setting(
        "max_payload",
        "16MiB",
        "The most bytes a payload may have; larger ones are refused before the wire. The broker's limit is `max_message_size`.",
    ),
    setting(
        "broker_dead_letter",
        "false",
        "The queue has a dead-letter exchange, so that the broker keeps what is rejected; without one it would drop it.",
    ),
];

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> SettingFact {
    SettingFact {
        name,
        default,
        meaning,
        at_end: true,
    }
}

const fn system(name: &'static str, default: &'static str, meaning: &'static str) -> SettingFact {
    SettingFact {
        at_end: false,
        ..setting(name, default, meaning)
    }
}

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
    pub(crate) secure: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
    pub(crate) tls_ca: Option<PathBuf>,
    /// The files of certificate and key.
    pub(crate) tls_client: Option<(PathBuf, PathBuf)>,
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
        let secure = uri.scheme == AMQPScheme::AMQPS;
        let base = Path::new(opening.base);
        let file =
            |name: &str| -> Result<Option<PathBuf>> { Ok(settings.get(name)?.map(|path| base.join(path))) };
        let tls_client = match (file("tls_certificate")?, file("tls_key")?) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(invalid("expected `tls_key` beside `tls_certificate`, found none"));
            }
            (None, Some(_)) => {
                return Err(invalid("expected `tls_certificate` beside `tls_key`, found none"));
            }
        };
        let tls_ca = file("tls_ca")?;
        if !secure && (tls_ca.is_some() || tls_client.is_some()) {
            return Err(invalid(
                "expected an address that begins with `amqps:` beside settings for TLS, found `amqp:`",
            ));
        }
        let millis = |name, default: u64| -> Result<Duration> {
            Ok(Duration::from_millis(
                settings.number(name)?.unwrap_or(default).max(1),
            ))
        };
        let vhost = if uri.vhost.is_empty() {
            "/".to_owned()
        } else {
            uri.vhost
        };
        short("virtual host", &vhost)?;
        let host = uri.authority.host.to_lowercase();
        let place = format!("amqp://{host}:{}/{vhost}", uri.authority.port);
        let config = Self {
            secure,
            // Brackets are how an address of IPv6 is written in a URL, and no part of it.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.authority.port,
            vhost,
            tls_ca,
            tls_client,
            connect_timeout: millis("connect_timeout_ms", 10_000)?,
            liveness_timeout: millis("liveness_timeout_ms", 15_000)?,
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
        endpoint.settings.only(SETTINGS)?;
        if let Some(fact) = SETTINGS
            .iter()
            .find(|fact| !fact.at_end && endpoint.settings.names().any(|name| name == fact.name))
        {
            return Err(
                invalid("expected this setting at the system, found it at one end")
                    .with("setting", fact.name),
            );
        }
        let channel = endpoint.channel.clone();
        let end = self
            .read(&endpoint.settings, channel)
            .map_err(|error| error.with("channel", &endpoint.channel))?;
        if end.channel.is_empty() && end.exchange.is_empty() {
            return Err(invalid("expected the name of a queue as the channel, found none"));
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
                _ => return Err(invalid("expected a number from 1 to 65535").with("setting", "prefetch")),
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
            max_payload: settings
                .get("max_payload")?
                .map_or(Ok(MAX_PAYLOAD), |text| bytes(&text))?,
            broker_dead_letter: settings.flag("broker_dead_letter")?.unwrap_or(false),
            confirm_timeout: Duration::from_millis(
                settings.number("confirm_timeout_ms")?.unwrap_or(10_000).max(1),
            ),
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
        return Err(invalid(
            "expected `amqp://HOST:PORT/VIRTUAL_HOST`, found no host; `amqp://localhost` is the broker of this machine",
        ));
    };
    if rest.contains('@') {
        return Err(invalid(
            "expected no user and password in `url`, because it is printed; write them as `user` and `password`",
        ));
    }
    if rest.contains(['?', '#']) {
        return Err(invalid(
            "expected nothing behind the virtual host in `url`; heartbeat and time limits are settings of the system",
        ));
    }
    if rest.split('/').nth(2).is_some() {
        return Err(invalid(
            "expected one virtual host in `url`, found more than one `/` behind the host; write a `/` in its name as `%2F`",
        ));
    }
    let mut uri: AMQPUri = url
        .parse()
        .map_err(|cause: String| invalid("expected `amqp://HOST:PORT/VIRTUAL_HOST`").caused_by(cause))?;
    // lapin takes an address of IPv6 for no host at all, and would connect to this machine.
    let host = url::Url::parse(url)
        .ok()
        .and_then(|url| url.host_str().map(ToOwned::to_owned));
    uri.authority.host = host
        .filter(|host| !host.is_empty())
        .ok_or_else(|| invalid("expected a host in `url`, found none"))?;
    Ok(uri)
}

/// Names have one byte for their length.
fn short(what: &'static str, text: &str) -> Result<()> {
    if text.len() > 255 {
        let message = format!("expected a {what} of at most 255 bytes, found {}", text.len());
        return Err(invalid(message));
    }
    Ok(())
}

/// A number of bytes such as `4096`, `64KiB`, `16MiB` or `1GiB`.
fn bytes(text: &str) -> Result<usize> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match text[digits.len()..].trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    digits
        .parse::<usize>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| {
            invalid("expected a number of bytes such as `4096` or `16MiB`").with("setting", "max_payload")
        })
}

#[cfg(test)]
mod tests;
