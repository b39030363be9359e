//! What was typed: the address, the settings, and the names of channels.
//!
//! All of it is judged here, without touching the network.

use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Resolved};
use dunlin_core::registry::Opening;
use dunlin_core::settings::{Settings, TlsFiles};
use dunlin_core::{Error, Limits, Result};
use url::Url;

mod facts;

pub(crate) use facts::FACTS;

use facts::{CAPABILITIES, CARRIES, SETTINGS};

/// The server's own limit (`proto-max-bulk-len`) where nobody changed it.
const MAX_PAYLOAD: usize = 512 << 20;

/// A system as it was typed.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: i64,
    /// The files for TLS, if the address asks for it.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) connect_timeout: Duration,
    pub(crate) confirm_timeout: Duration,
    pub(crate) liveness_timeout: Duration,
    identity: String,
    settings: Settings,
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
        let url = address(opening.url)?;
        let config = Self {
            host: host(&url)?,
            port: url.port().unwrap_or(6379),
            database: database(&url)?,
            tls: TlsFiles::of(opening, "rediss")?,
            connect_timeout: settings.milliseconds("connect_timeout_ms", 10_000, 1)?,
            confirm_timeout: settings.milliseconds("confirm_timeout_ms", 10_000, 1)?,
            liveness_timeout: settings.milliseconds("liveness_timeout_ms", 15_000, 1_500)?,
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
        endpoint.settings.only_at_end(SETTINGS)?;
        self.read(&endpoint.settings, &endpoint.channel)
    }

    fn read(&self, settings: &Settings, channel: &str) -> Result<End> {
        if channel.is_empty() {
            return Err(Error::invalid(
                "expected the key of a stream as the channel, found nothing",
            ));
        }
        let settings = self.settings.overridden_by(settings);
        settings.choice("headers", &[("refuse", ()), ("escape", ())])?;
        let consumer = settings.get("consumer")?;
        if consumer.as_deref().is_some_and(str::is_empty) {
            return Err(
                Error::invalid("expected the name of a consumer, found nothing").with("setting", "consumer")
            );
        }
        let claim_idle = settings.number("claim_idle_ms")?.unwrap_or(60_000);
        if claim_idle < 1_000 {
            return Err(Error::invalid(
                "expected at least 1000 milliseconds, so that a consumer that is alive can say so in time",
            )
            .with("setting", "claim_idle_ms"));
        }
        let payload = settings.get("payload")?.unwrap_or_else(|| "payload".to_owned());
        if payload.is_empty() || payload.starts_with(crate::headers::PREFIX) || payload.starts_with("dunlin-")
        {
            return Err(Error::invalid(
                "expected the name of a field that is not empty and begins with neither `h:` nor `dunlin-`",
            )
            .with("setting", "payload"));
        }
        let max_length = settings.number("max_length")?;
        if max_length == Some(0) {
            return Err(
                Error::invalid("expected at least 1 entry: with 0 nothing that is sent would stay")
                    .with("setting", "max_length"),
            );
        }
        Ok(End {
            channel: channel.to_owned(),
            consumer,
            claim_idle: Duration::from_millis(claim_idle),
            payload,
            creates: settings
                .choice("topology", &[("verify", false), ("create", true)])?
                .unwrap_or(false),
            max_length,
            max_payload: settings.bytes("max_payload")?.unwrap_or(MAX_PAYLOAD),
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

fn address(typed: &str) -> Result<Url> {
    const FORM: &str = "expected `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS";
    let url =
        Url::parse(typed).map_err(|cause| Error::invalid(FORM).with("setting", "url").caused_by(cause))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid(
            "expected no user and no password in `url`, where they would be printed; use the settings `user` and `password`",
        )
        .with("setting", "url"));
    }
    if !matches!(url.scheme(), "redis" | "rediss") {
        return Err(Error::invalid(FORM).with("setting", "url"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::invalid(format!(
            "{FORM}; found more behind it, which belongs into settings"
        ))
        .with("setting", "url"));
    }
    Ok(url)
}

fn host(url: &Url) -> Result<String> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() {
        return Err(
            Error::invalid("expected a host, such as `redis://localhost:6379`, found none")
                .with("setting", "url"),
        );
    }
    if bare.contains(',') {
        return Err(Error::invalid(
            "expected one host: streams of a cluster or behind sentinels are not supported",
        )
        .with("setting", "url"));
    }
    Ok(bare.to_lowercase())
}

fn database(url: &Url) -> Result<i64> {
    let path = url.path().trim_start_matches('/');
    if path.is_empty() {
        return Ok(0);
    }
    path.parse::<u16>().map(i64::from).map_err(|_| {
        Error::invalid("expected the number of a database behind the host, such as `/0`")
            .with("setting", "url")
    })
}

#[cfg(test)]
mod tests;
