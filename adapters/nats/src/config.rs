//! What was typed: the address, the settings, and the names of channels and groups.
//!
//! All of it is judged here, without touching the network or the disk. Secrets are only found, and read at each connect.

use std::path::PathBuf;
use std::time::Duration;

use dunlin_core::messaging::{Endpoint, Resolved};
use dunlin_core::registry::Opening;
use dunlin_core::settings::{Settings, TlsFiles};
use dunlin_core::{Error, Limits, Result};

mod facts;
mod names;

pub(crate) use facts::FACTS;
pub(crate) use names::{is_matched, is_token, plain_name};

use facts::{CARRIES, SETTINGS, capabilities};
use names::{is_pattern, server};

/// A system as it was typed.
#[derive(Debug)]
pub(crate) struct Config {
    /// The name of the system in the configuration, which the server shows as that of the connection.
    pub(crate) name: String,
    /// Each `host:port`.
    pub(crate) servers: Vec<String>,
    /// The files for TLS, if the address asks for it.
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) connect_timeout: Duration,
    pub(crate) confirm_timeout: Duration,
    pub(crate) liveness_timeout: Duration,
    /// What every question to JetStream begins with.
    pub(crate) api: String,
    identity: String,
    base: PathBuf,
    settings: Settings,
}

/// How to get in, as it is at this moment.
pub(crate) enum Login {
    Nobody,
    Password { user: String, password: String },
    Nkey { seed: String },
    Credentials { path: PathBuf },
}

/// What a stream does with messages that were settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retention {
    /// Keeps them.
    Limits,
    /// Deletes them.
    WorkQueue,
    /// Deletes them when every group has settled them.
    Interest,
}

impl Retention {
    /// Its name in the server's configuration of a stream.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::WorkQueue => "workqueue",
            Self::Interest => "interest",
        }
    }
}

/// One end as it was typed, with what it takes over from its system.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The stream to receive from, or the subject to send to.
    pub(crate) channel: String,
    pub(crate) create: bool,
    pub(crate) escape: bool,
    /// What is received of the stream; empty: everything.
    pub(crate) subjects: Vec<String>,
    pub(crate) stream: Option<String>,
    pub(crate) replicas: u64,
    pub(crate) retention: Retention,
    pub(crate) duplicate_window: Duration,
    pub(crate) ack_wait: Duration,
    pub(crate) max_ack_pending: Option<u64>,
}

impl Config {
    pub(crate) fn new(opening: &Opening<'_>) -> Result<Self> {
        let settings = opening.settings;
        settings.only(SETTINGS)?;
        let scheme = opening.url.split(':').next().unwrap_or_default();
        let servers = opening
            .url
            .split(',')
            .map(|address| server(address.trim(), scheme))
            .collect::<Result<Vec<_>>>()?;
        let domain = settings.get("domain")?;
        if let Some(domain) = &domain {
            plain_name("domain", domain)?;
        }
        let config = Self {
            name: opening.name.to_owned(),
            servers,
            tls: TlsFiles::of(opening, "nats+tls")?,
            connect_timeout: settings.milliseconds("connect_timeout_ms", 10_000, 1)?,
            confirm_timeout: settings.milliseconds("confirm_timeout_ms", 10_000, 1)?,
            liveness_timeout: settings.milliseconds("liveness_timeout_ms", 15_000, 1)?,
            api: domain.map_or_else(|| "$JS.API".to_owned(), |domain| format!("$JS.{domain}.API")),
            identity: settings.get("identity")?.unwrap_or_else(|| "nats".to_owned()),
            base: PathBuf::from(opening.base),
            settings: settings.clone(),
        };
        one_way_in(settings)?;
        config.read(&Settings::new(), String::new())?;
        Ok(config)
    }

    /// This end of the system, as a stream to receive from or a subject to send to.
    pub(crate) fn end(&self, endpoint: &Endpoint) -> Result<End> {
        endpoint.settings.only_at_end(SETTINGS)?;
        if endpoint.channel.is_empty()
            || endpoint.channel.contains(char::is_whitespace)
            || !endpoint.channel.split('.').all(is_token)
        {
            return Err(Error::invalid(
                "expected the name of a stream to receive from, or a subject to send to, without spaces, wildcards and empty parts",
            )
            .with("channel", &endpoint.channel));
        }
        self.read(&endpoint.settings, endpoint.channel.clone())
    }

    fn read(&self, settings: &Settings, channel: String) -> Result<End> {
        let settings = self.settings.overridden_by(settings);
        let subjects: Vec<String> = settings
            .get("subjects")?
            .map(|text| text.split(',').map(|subject| subject.trim().to_owned()).collect())
            .unwrap_or_default();
        if let Some(bad) = subjects.iter().find(|subject| !is_pattern(subject)) {
            return Err(Error::invalid(format!(
                "expected subjects such as `orders.*` or `orders.>`, separated by commas, found `{bad}`"
            ))
            .with("setting", "subjects"));
        }
        let stream = settings.get("stream")?;
        if let Some(stream) = &stream {
            plain_name("stream", stream)?;
        }
        let ack_wait = Duration::from_millis(settings.number("ack_wait_ms")?.unwrap_or(6_000));
        if ack_wait < Duration::from_secs(1) {
            return Err(Error::invalid(
                "expected at least 1000 milliseconds, found less: a receiver must have time to say that it is still at work",
            )
            .with("setting", "ack_wait_ms"));
        }
        let max_ack_pending = settings.number("max_ack_pending")?;
        if max_ack_pending == Some(0) {
            return Err(
                Error::invalid("expected at least one unsettled message, found none")
                    .with("setting", "max_ack_pending"),
            );
        }
        let replicas = settings.number("replicas")?.unwrap_or(1);
        if !(1..=5).contains(&replicas) {
            return Err(Error::invalid("expected 1 to 5 copies of a stream").with("setting", "replicas"));
        }
        Ok(End {
            channel,
            create: settings
                .choice("topology", &[("verify", false), ("create", true)])?
                .unwrap_or(false),
            escape: settings
                .choice("headers", &[("refuse", false), ("escape", true)])?
                .unwrap_or(false),
            subjects,
            stream,
            replicas,
            retention: settings
                .choice(
                    "retention",
                    &[
                        ("limits", Retention::Limits),
                        ("workqueue", Retention::WorkQueue),
                        ("interest", Retention::Interest),
                    ],
                )?
                .unwrap_or(Retention::Limits),
            duplicate_window: Duration::from_millis(
                settings.number("duplicate_window_ms")?.unwrap_or(120_000),
            ),
            ack_wait,
            max_ack_pending,
        })
    }

    /// User and password, nkey or credentials file, read now.
    pub(crate) fn login(&self) -> Result<Login> {
        let get = |name| self.settings.get(name);
        Ok(if let Some(seed) = get("nkey")? {
            Login::Nkey {
                seed: seed.trim().to_owned(),
            }
        } else if let Some(path) = get("credentials")? {
            Login::Credentials {
                path: self.base.join(path),
            }
        } else if let (Some(user), Some(password)) = (get("user")?, get("password")?) {
            Login::Password { user, password }
        } else {
            Login::Nobody
        })
    }

    /// What this end can do, as far as it is known without asking the server.
    pub(crate) fn resolved(&self, end: &End) -> Resolved {
        let mut servers = self.servers.clone();
        servers.sort_unstable();
        self.resolved_as(
            end,
            Limits::default(),
            format!("nats:{}/{}", servers.join(","), end.channel),
        )
    }

    /// What this end can do.
    pub(crate) fn resolved_as(&self, end: &End, limits: Limits, canonical: String) -> Resolved {
        let limits = match end.max_ack_pending.and_then(|most| usize::try_from(most).ok()) {
            Some(most) => limits.unsettled(most),
            None => limits,
        };
        Resolved::new(
            capabilities(end.max_ack_pending == Some(1), end.retention != Retention::Limits),
            limits,
            self.identity.clone(),
            canonical,
            CARRIES,
        )
    }
}

/// User and password, or one of the two other ways to get in.
fn one_way_in(settings: &Settings) -> Result<()> {
    let ways: Vec<_> = (["user", "nkey", "credentials"].iter())
        .filter(|name| settings.has(name))
        .map(|name| format!("`{name}`"))
        .collect();
    if ways.len() > 1 {
        return Err(Error::invalid(format!(
            "expected one of `user`, `nkey` and `credentials`, found {}",
            ways.join(" and ")
        )));
    }
    for (one, other) in [("user", "password"), ("password", "user")] {
        if settings.has(one) && !settings.has(other) {
            return Err(
                Error::invalid(format!("expected `{other}` beside `{one}`, found none"))
                    .with("setting", other),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
