//! What was typed: the address, the settings, and the names of channels and groups.
//!
//! All of it is judged here, without touching the network or the disk. Secrets are only found, and read at each connect.

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
    title: "NATS JetStream",
    example: "nats://localhost:4222",
    channel: "to receive: a stream; to send: a subject that a stream takes",
    capabilities: capabilities(false, false),
    conditions: &[
        "`retention: workqueue` or `retention: interest`: settling_deletes",
        "`max_ack_pending: 1`: ordered_redelivery",
        "dedup_by_id reaches as far back as the stream's duplicate window",
    ],
    carries: CARRIES,
    settings: SETTINGS,
};

/// Where the parts of a message go. The time that the server gives is read, but cannot be set, so ours is a header.
pub(crate) const CARRIES: &Table = &[
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
    (Part::Address, Way::Own("the subject")),
    (Part::Dedup, Way::Own("the header `Nats-Msg-Id`")),
    (Part::Headers, Way::Own("headers")),
    (Part::BinaryHeaders, Way::Header),
    (Part::RepeatedHeaders, Way::Own("headers")),
];

const SETTINGS: &[SettingFact] = &[
    system("user", "none", "The user."),
    system("password", "none", "The user's password; name it by reference."),
    system(
        "nkey",
        "none",
        "The seed of an nkey instead of user and password; name it by reference.",
    ),
    system(
        "credentials",
        "none",
        "A credentials file (`.creds`) instead of user and password.",
    ),
    system(
        "tls_ca",
        "the system's",
        "A PEM file with the authorities that the server's certificate may come from.",
    ),
    system(
        "tls_certificate",
        "none",
        "A PEM file with the certificate that this client shows; with `tls_key`.",
    ),
    system("tls_key", "none", "A PEM file with the key of `tls_certificate`."),
    system(
        "domain",
        "none",
        "The JetStream domain, where streams are behind a leaf node.",
    ),
    system(
        "identity",
        "nats",
        "What the system is called for ever, as part of deduplication ids; the same from every host.",
    ),
    system(
        "connect_timeout_ms",
        "10000",
        "How long one server may take to let a client in, in milliseconds.",
    ),
    system(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds without an answer a message is in doubt, and any other question has failed.",
    ),
    system(
        "liveness_timeout_ms",
        "15000",
        "Within how many milliseconds a dead connection is noticed.",
    ),
    end(
        "topology",
        "verify",
        "`create` makes a stream that is missing; `verify` says that it is.",
    ),
    end(
        "headers",
        "refuse",
        "A message with a header that NATS cannot hold: `refuse` it, or `escape` those headers into one.",
    ),
    end(
        "subjects",
        "all",
        "Which subjects of the stream are received, separated by commas, with wildcards; with `topology: create` also what the stream takes.",
    ),
    end(
        "stream",
        "from the subject",
        "The name of the stream that `topology: create` makes for a subject to send to.",
    ),
    end(
        "replicas",
        "1",
        "How many servers of a cluster keep the stream, with `topology: create`.",
    ),
    end(
        "retention",
        "limits",
        "`limits`, `workqueue` or `interest`: what the stream does with settled messages, so that it is known offline; with `topology: create` it is made so.",
    ),
    end(
        "duplicate_window_ms",
        "120000",
        "How far back the stream knows deduplication ids, with `topology: create`.",
    ),
    end(
        "ack_wait_ms",
        "6000",
        "After how many milliseconds the server gives an unsettled message of a dead receiver to another; at least 1000. It is fixed when the group is made.",
    ),
    end(
        "max_ack_pending",
        "unlimited",
        "How many messages of a group may be unsettled at all its receivers together. It is fixed when the group is made.",
    ),
];

const fn system(name: &'static str, default: &'static str, meaning: &'static str) -> SettingFact {
    SettingFact {
        name,
        default,
        meaning,
        at_end: false,
    }
}

const fn end(name: &'static str, default: &'static str, meaning: &'static str) -> SettingFact {
    SettingFact {
        name,
        default,
        meaning,
        at_end: true,
    }
}

/// What a stream can do.
pub(crate) const fn capabilities(one_by_one: bool, settling_deletes: bool) -> Capabilities {
    Capabilities {
        header_values: HeaderValues::Text,
        ordered_lanes: true,
        ordered_redelivery: one_by_one,
        ordered_batches: false,
        delayed_retry: true,
        broker_reject: false,
        confirms: true,
        dedup_by_id: true,
        stable_position: true,
        settling_deletes,
    }
}

/// A system as it was typed.
#[derive(Debug)]
pub(crate) struct Config {
    /// The name of the system in the configuration, which the server shows as that of the connection.
    pub(crate) name: String,
    /// Each `host:port`.
    pub(crate) servers: Vec<String>,
    pub(crate) tls: bool,
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

/// Files for TLS.
pub(crate) struct Certificates {
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) own: Option<(PathBuf, PathBuf)>,
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

impl Config {
    pub(crate) fn new(opening: &Opening<'_>) -> Result<Self> {
        let settings = opening.settings;
        settings.only(SETTINGS)?;
        let scheme = opening.url.split(':').next().unwrap_or_default();
        let tls = scheme == "nats+tls";
        let servers = opening
            .url
            .split(',')
            .map(|address| server(address.trim(), scheme))
            .collect::<Result<Vec<_>>>()?;
        let millis = |name, default| {
            Ok(Duration::from_millis(
                settings.number(name)?.unwrap_or(default).max(1),
            ))
        };
        let domain = settings.get("domain")?;
        if let Some(domain) = &domain {
            plain_name("domain", domain)?;
        }
        let config = Self {
            name: opening.name.to_owned(),
            servers,
            tls,
            connect_timeout: millis("connect_timeout_ms", 10_000)?,
            confirm_timeout: millis("confirm_timeout_ms", 10_000)?,
            liveness_timeout: millis("liveness_timeout_ms", 15_000)?,
            api: domain.map_or_else(|| "$JS.API".to_owned(), |domain| format!("$JS.{domain}.API")),
            identity: settings.get("identity")?.unwrap_or_else(|| "nats".to_owned()),
            base: PathBuf::from(opening.base),
            settings: settings.clone(),
        };
        let given = |name: &&&str| settings.names().any(|have| have == **name);
        let ways: Vec<_> = ["user", "nkey", "credentials"].iter().filter(given).collect();
        if ways.len() > 1 {
            return Err(invalid(format!(
                "expected one of `user`, `nkey` and `credentials`, found {}",
                ways.iter()
                    .map(|way| format!("`{way}`"))
                    .collect::<Vec<_>>()
                    .join(" and ")
            )));
        }
        for (one, other) in [
            ("user", "password"),
            ("password", "user"),
            ("tls_certificate", "tls_key"),
            ("tls_key", "tls_certificate"),
        ] {
            if given(&&one) && !given(&&other) {
                return Err(
                    invalid(format!("expected `{other}` beside `{one}`, found none")).with("setting", other)
                );
            }
        }
        if let Some(setting) = ["tls_ca", "tls_certificate"].iter().find(given).filter(|_| !tls) {
            return Err(invalid(format!(
                "expected an address that begins with `nats+tls:` where `{setting}` is set, found `{scheme}:`"
            ))
            .with("setting", setting));
        }
        config.read(&Settings::new(), String::new())?;
        Ok(config)
    }

    /// This end of the system, as a stream to receive from or a subject to send to.
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
        if endpoint.channel.is_empty()
            || endpoint.channel.contains(char::is_whitespace)
            || !endpoint.channel.split('.').all(is_token)
        {
            return Err(invalid(
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
            return Err(invalid(format!(
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
            return Err(invalid(
                "expected at least 1000 milliseconds, found less: a receiver must have time to say that it is still at work",
            )
            .with("setting", "ack_wait_ms"));
        }
        let max_ack_pending = settings.number("max_ack_pending")?;
        if max_ack_pending == Some(0) {
            return Err(invalid("expected at least one unsettled message, found none")
                .with("setting", "max_ack_pending"));
        }
        let replicas = settings.number("replicas")?.unwrap_or(1);
        if !(1..=5).contains(&replicas) {
            return Err(invalid("expected 1 to 5 copies of a stream").with("setting", "replicas"));
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

    pub(crate) fn certificates(&self) -> Result<Certificates> {
        let path = |name| {
            Ok(self
                .settings
                .get(name)?
                .map(|path| Path::new(&self.base).join(path)))
        };
        let own: Result<(Option<PathBuf>, Option<PathBuf>)> =
            Ok((path("tls_certificate")?, path("tls_key")?));
        Ok(Certificates {
            authorities: path("tls_ca")?,
            own: own.map(|(certificate, key)| certificate.zip(key))?,
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

/// The `host:port` of one address, with or without the scheme that the first one has.
fn server(address: &str, scheme: &str) -> Result<String> {
    let wrong = || {
        invalid("expected `nats://host:port`, several hosts separated by commas, or the same with `nats+tls:`, found something else")
            .with("setting", "url")
    };
    let rest = address
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_prefix(':'))
        .unwrap_or(address);
    let host = rest.trim_start_matches('/').trim_end_matches('/');
    let url = Url::parse(&format!("nats://{host}")).map_err(|_| wrong())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(
            "expected no user and password in the address, where they would be printed; set `user` and `password`, the latter by reference",
        )
        .with("setting", "url"));
    }
    if !url.path().trim_matches('/').is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let name = url.host_str().filter(|name| !name.is_empty()).ok_or_else(wrong)?;
    Ok(format!("{}:{}", name.to_lowercase(), url.port().unwrap_or(4222)))
}

/// A part of a subject between its dots, without wildcards.
pub(crate) fn is_token(token: &str) -> bool {
    !token.is_empty()
        && token != "*"
        && token != ">"
        && !token.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn is_pattern(subject: &str) -> bool {
    let mut parts = subject.split('.').peekable();
    while let Some(part) = parts.next() {
        if !(is_token(part) || part == "*" || (part == ">" && parts.peek().is_none())) {
            return false;
        }
    }
    true
}

/// Whether a subject is one of those that a pattern means.
pub(crate) fn is_matched(pattern: &str, subject: &str) -> bool {
    let mut subject = subject.split('.');
    for part in pattern.split('.') {
        match (part, subject.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(found)) if part == found => {}
            _ => return false,
        }
    }
    subject.next().is_none()
}

/// A name of a stream, a consumer or a domain: it stands in subjects, so a dot or a wildcard would change whom we ask.
pub(crate) fn plain_name(what: &'static str, name: &str) -> Result<()> {
    let plain = |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '.' | '*' | '>' | '/' | '\\'));
    if !name.is_empty() && name.len() <= 255 && name.chars().all(plain) {
        return Ok(());
    }
    Err(
        invalid("expected a name without spaces, dots, `*`, `>` and slashes, as NATS has it")
            .with(what, name),
    )
}

#[cfg(test)]
mod tests;
