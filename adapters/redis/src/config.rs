//! What was typed: the address, the settings, and the names of channels.
//!
//! All of it is judged here, without touching the network.

use std::path::{Path, PathBuf};
use std::time::Duration;

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::messaging::{Endpoint, Resolved};
use dunlin_core::registry::{Facts, Opening};
use dunlin_core::settings::{SettingFact, Settings};
use dunlin_core::{Capabilities, HeaderValues, Limits, Result};
use url::Url;

use crate::error::invalid;

/// What people are told about this system.
pub(crate) static FACTS: Facts = Facts {
    title: "Redis Streams (Redis 5 or later, Valkey)",
    example: "redis://localhost:6379/0",
    channel: "a stream, by the name of its key",
    capabilities: CAPABILITIES,
    conditions: &[
        "ordered_redelivery holds while the group has one receiver: what is taken over from a receiver that died comes late",
        "`max_length`: unread messages are deleted when the stream is full, and told as a gap",
    ],
    carries: CARRIES,
    settings: SETTINGS,
};

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    header_values: HeaderValues::Binary,
    ordered_lanes: true,
    ordered_redelivery: true,
    // A pipeline runs on behind a command that failed.
    ordered_batches: false,
    delayed_retry: false,
    broker_reject: false,
    confirms: true,
    dedup_by_id: false,
    stable_position: true,
    settling_deletes: false,
};

const CARRIES: &Table = &[
    (Part::Tombstone, Way::Header),
    (Part::Key, Way::Header),
    (Part::Id, Way::Header),
    (Part::Time, Way::Header),
    (Part::ContentType, Way::Header),
    (Part::ContentEncoding, Way::Header),
    (Part::Kind, Way::Header),
    (Part::CorrelationId, Way::Header),
    (Part::ReplyTo, Way::Header),
    (Part::Priority, Way::Header),
    (Part::Expiry, Way::Header),
    (Part::Address, Way::Own("key of the stream")),
    (Part::Dedup, Way::Header),
    (Part::Headers, Way::Own("field `h:` and the name")),
    (Part::BinaryHeaders, Way::Own("field `h:` and the name")),
    (
        Part::RepeatedHeaders,
        Way::Own("field `h:` and the name, repeated"),
    ),
];

const SETTINGS: &[SettingFact] = &[
    at_system("user", "the server's `default`", "The name of the ACL user."),
    at_system("password", "none", "The password, read again at each connect."),
    at_system(
        "tls_ca",
        "the system's roots",
        "With `rediss://`, a PEM file of the authorities that may vouch for the server; it replaces the system's roots.",
    ),
    at_system(
        "tls_certificate",
        "none",
        "With `rediss://`, a PEM file of the client's certificate chain; `tls_key` belongs to it.",
    ),
    at_system(
        "tls_key",
        "none",
        "With `rediss://`, a PEM file of the client's private key.",
    ),
    at_system(
        "connect_timeout_ms",
        "10000",
        "After how many milliseconds a connection that is not made is given up.",
    ),
    at_system(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds a message that was not answered is in doubt.",
    ),
    at_system(
        "liveness_timeout_ms",
        "15000",
        "Within how many milliseconds a connection that went silent is noticed, at least 1500.",
    ),
    at_system(
        "identity",
        "redis",
        "What the server is called in deduplication ids; keep it when the server moves.",
    ),
    at_end(
        "consumer",
        "the host's name",
        "The name of this instance inside its group. It must be stable, since what was unsettled at a crash is kept under it, and different for each instance that runs at the same time.",
    ),
    at_end(
        "claim_idle_ms",
        "60000",
        "After how many milliseconds without a sign of life the messages of another consumer are taken over, at least 1000.",
    ),
    at_end(
        "payload",
        "payload",
        "The field of an entry that is the message's payload.",
    ),
    at_end(
        "topology",
        "verify",
        "With `create`, a stream that is missing is made; with `verify` it is an error.",
    ),
    at_end(
        "headers",
        "refuse",
        "`refuse` or `escape`, as on every system; a stream can hold every header, so it changes nothing here.",
    ),
    at_end(
        "max_length",
        "none: nothing is deleted",
        "At how many entries, about, sending begins to delete the oldest of the stream. They are deleted for every group, also where nobody has read them.",
    ),
    at_end(
        "max_payload",
        "536870912",
        "The most bytes of a payload; no more than the server's `proto-max-bulk-len`.",
    ),
];

const fn at_end(name: &'static str, default: &'static str, meaning: &'static str) -> SettingFact {
    SettingFact {
        name,
        default,
        meaning,
        at_end: true,
    }
}

const fn at_system(name: &'static str, default: &'static str, meaning: &'static str) -> SettingFact {
    SettingFact {
        name,
        default,
        meaning,
        at_end: false,
    }
}

/// A system as it was typed.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: i64,
    /// Certificates and keys, if the address asks for TLS.
    pub(crate) tls: Option<Tls>,
    pub(crate) connect_timeout: Duration,
    pub(crate) confirm_timeout: Duration,
    pub(crate) liveness_timeout: Duration,
    identity: String,
    settings: Settings,
}

/// The files of a TLS connection; they are read at each connect.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) authorities: Option<PathBuf>,
    /// The certificate chain and its key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
}

/// One end as it was typed, with what it takes over from its system.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The key of the stream.
    pub(crate) channel: String,
    pub(crate) consumer: Option<String>,
    pub(crate) claim_idle: Duration,
    pub(crate) payload: String,
    /// Whether a missing stream is made.
    pub(crate) creates: bool,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_payload: usize,
}

impl Config {
    pub(crate) fn new(opening: &Opening<'_>) -> Result<Self> {
        let settings = opening.settings;
        settings.only(SETTINGS)?;
        let (url, secure) = address(opening.url)?;
        let millis = |name, default, least| -> Result<Duration> {
            let found = settings.number(name)?.unwrap_or(default);
            if found < least {
                return Err(
                    invalid(format!("expected at least {least} milliseconds, found {found}"))
                        .with("setting", name),
                );
            }
            Ok(Duration::from_millis(found))
        };
        let config = Self {
            host: host(&url)?,
            port: url.port().unwrap_or(6379),
            database: database(&url)?,
            tls: tls(opening, secure)?,
            connect_timeout: millis("connect_timeout_ms", 10_000, 1)?,
            confirm_timeout: millis("confirm_timeout_ms", 10_000, 1)?,
            liveness_timeout: millis("liveness_timeout_ms", 15_000, 1_500)?,
            identity: settings.get("identity")?.unwrap_or_else(|| "redis".to_owned()),
            settings: settings.clone(),
        };
        config.read(&Settings::new(), "any")?;
        Ok(config)
    }

    /// User and password as they are now.
    pub(crate) fn credentials(&self) -> Result<(Option<String>, Option<String>)> {
        Ok((self.settings.get("user")?, self.settings.get("password")?))
    }

    /// The longest that a read waits at the server: a third of the liveness, so that a silent connection is noticed in time.
    pub(crate) fn block(&self) -> Duration {
        (self.liveness_timeout / 3).min(Duration::from_secs(5))
    }

    /// How long any other answer of the server is waited for.
    pub(crate) fn answer_timeout(&self) -> Duration {
        (self.liveness_timeout / 3).min(Duration::from_secs(4))
    }

    /// This end of the system.
    pub(crate) fn end(&self, endpoint: &Endpoint) -> Result<End> {
        endpoint.settings.only(SETTINGS)?;
        let misplaced =
            |fact: &&SettingFact| !fact.at_end && endpoint.settings.names().any(|name| name == fact.name);
        if let Some(fact) = SETTINGS.iter().find(misplaced) {
            return Err(
                invalid("expected this setting at the system, found it at one end")
                    .with("setting", fact.name),
            );
        }
        self.read(&endpoint.settings, &endpoint.channel)
    }

    fn read(&self, settings: &Settings, channel: &str) -> Result<End> {
        if channel.is_empty() {
            return Err(invalid(
                "expected the key of a stream as the channel, found nothing",
            ));
        }
        let settings = self.settings.overridden_by(settings);
        settings.choice("headers", &[("refuse", ()), ("escape", ())])?;
        let consumer = settings.get("consumer")?;
        if consumer.as_deref().is_some_and(str::is_empty) {
            return Err(invalid("expected the name of a consumer, found nothing").with("setting", "consumer"));
        }
        let claim_idle = settings.number("claim_idle_ms")?.unwrap_or(60_000);
        if claim_idle < 1_000 {
            return Err(invalid(
                "expected at least 1000 milliseconds, so that a consumer that is alive can say so in time",
            )
            .with("setting", "claim_idle_ms"));
        }
        let payload = settings.get("payload")?.unwrap_or_else(|| "payload".to_owned());
        if payload.is_empty() || payload.starts_with(crate::headers::PREFIX) || payload.starts_with("dunlin-")
        {
            return Err(invalid(
                "expected the name of a field that is not empty and begins with neither `h:` nor `dunlin-`",
            )
            .with("setting", "payload"));
        }
        let max_length = settings.number("max_length")?;
        if max_length == Some(0) {
            return Err(
                invalid("expected at least 1 entry: with 0 nothing that is sent would stay")
                    .with("setting", "max_length"),
            );
        }
        let max_payload = settings.number("max_payload")?.unwrap_or(512 << 20);
        Ok(End {
            channel: channel.to_owned(),
            consumer,
            claim_idle: Duration::from_millis(claim_idle),
            payload,
            creates: settings
                .choice("topology", &[("verify", false), ("create", true)])?
                .unwrap_or(false),
            max_length,
            max_payload: usize::try_from(max_payload).map_err(|_| {
                invalid("expected a number of bytes that this machine can address")
                    .with("setting", "max_payload")
            })?,
        })
    }

    /// What an end can do. `server` is what the server calls this run of itself, once it was asked: two addresses of one
    /// server are the same server.
    pub(crate) fn resolved(&self, end: &End, server: Option<&str>) -> Resolved {
        let server = server.map_or_else(|| format!("{}:{}", self.host, self.port), ToOwned::to_owned);
        Resolved::new(
            CAPABILITIES,
            Limits::default().payload(end.max_payload),
            self.identity.clone(),
            format!("redis:{server}/{}/{}", self.database, end.channel),
            CARRIES,
        )
    }

    /// The address as an error names it.
    pub(crate) fn shown(&self) -> String {
        format!("{}:{}/{}", self.host, self.port, self.database)
    }
}

fn address(typed: &str) -> Result<(Url, bool)> {
    const FORM: &str = "expected `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS";
    let url = Url::parse(typed).map_err(|cause| invalid(FORM).with("setting", "url").caused_by(cause))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "expected no user and no password in `url`, where they would be printed; use the settings `user` and `password`",
        )
        .with("setting", "url"));
    }
    let secure = match url.scheme() {
        "redis" => false,
        "rediss" => true,
        _ => return Err(invalid(FORM).with("setting", "url")),
    };
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(format!(
            "{FORM}; found more behind it, which belongs into settings"
        ))
        .with("setting", "url"));
    }
    Ok((url, secure))
}

fn host(url: &Url) -> Result<String> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() {
        return Err(
            invalid("expected a host, such as `redis://localhost:6379`, found none").with("setting", "url"),
        );
    }
    if bare.contains(',') {
        return Err(
            invalid("expected one host: streams of a cluster or behind sentinels are not supported")
                .with("setting", "url"),
        );
    }
    Ok(bare.to_lowercase())
}

fn database(url: &Url) -> Result<i64> {
    let path = url.path().trim_start_matches('/');
    if path.is_empty() {
        return Ok(0);
    }
    path.parse::<u16>().map(i64::from).map_err(|_| {
        invalid("expected the number of a database behind the host, such as `/0`").with("setting", "url")
    })
}

fn tls(opening: &Opening<'_>, secure: bool) -> Result<Option<Tls>> {
    let path = |name| -> Result<Option<PathBuf>> {
        let found = opening.settings.get(name)?;
        if found.is_some() && !secure {
            return Err(
                invalid("expected `rediss://` in `url` for TLS, found `redis://`").with("setting", name)
            );
        }
        Ok(found.map(|path| Path::new(opening.base).join(path)))
    };
    let (authorities, certificate, key) = (path("tls_ca")?, path("tls_certificate")?, path("tls_key")?);
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => return Err(missing_half("tls_key", "tls_certificate")),
        (None, Some(_)) => return Err(missing_half("tls_certificate", "tls_key")),
    };
    Ok(secure.then_some(Tls { authorities, client }))
}

fn missing_half(missing: &'static str, there: &str) -> dunlin_core::Error {
    invalid(format!("expected this setting beside `{there}`, found none")).with("setting", missing)
}

#[cfg(test)]
mod tests;
