//! What was typed: the address, the settings, and the names of queues and exchanges.
//!
//! All of it is judged here, without a network. A setting that would break the contract (acknowledging by itself, recovery of
//! the client's own) does not exist.

use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Resolved, Start};
use dunlin_core::registry::Opening;
use dunlin_core::settings::{Settings, TlsFiles};
use dunlin_core::{Error, Limits, Result};
use lapin::ExchangeKind;
use lapin::uri::AMQPUri;

mod facts;

pub(crate) use facts::FACTS;

use facts::{CARRIES, SETTINGS, capabilities};

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
    pub(crate) delivery_limit: DeliveryLimit,
}

/// After how many deliveries a quorum queue drops a message, as far as the settings say it.
///
/// Source: RabbitMQ's guide to quorum queues, "Poison Message Handling".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryLimit {
    Unsaid,
    None,
    At(u32),
}

impl DeliveryLimit {
    /// How often a message may be given back before somebody should know that the queue will drop it: half of the limit, which
    /// is taken for the default where nothing is said.
    pub(crate) fn alarm(self) -> Option<u64> {
        match self {
            Self::Unsaid => Some(10),
            Self::None => None,
            Self::At(limit) => Some(u64::from(limit / 2).max(1)),
        }
    }

    /// The argument `x-delivery-limit` of a queue that is made; no limit is written as -1.
    pub(crate) fn argument(self) -> i64 {
        match self {
            Self::Unsaid | Self::None => -1,
            Self::At(limit) => i64::from(limit),
        }
    }
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
            delivery_limit: delivery_limit(&settings)?,
            channel,
        })
    }
}

fn delivery_limit(settings: &Settings) -> Result<DeliveryLimit> {
    match settings.get("delivery_limit")?.as_deref() {
        None => Ok(DeliveryLimit::Unsaid),
        Some("none") => Ok(DeliveryLimit::None),
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| *limit > 0)
            .map(DeliveryLimit::At)
            .ok_or_else(|| {
                Error::invalid("expected a number from 1 on, or `none`").with("setting", "delivery_limit")
            }),
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
