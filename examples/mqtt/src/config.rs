//! What was typed: the address, the settings, and the names of topics. All of it is judged here, without a network.

use std::sync::Arc;
use std::time::Duration;

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Resolved, Start};
use dunlin_core::registry::{Facts, Opening};
use dunlin_core::settings::{SettingFact, Settings};
use dunlin_core::{Capabilities, HeaderValues, Limits, Result};

use crate::error::invalid;

/// What people are told about this system.
pub(crate) static FACTS: Facts = Facts {
    title: "MQTT 5",
    example: "mqtt://localhost:1883",
    channel: "a topic to send to, a topic filter to receive from",
    capabilities: CAPABILITIES,
    conditions: &[],
    carries: CARRIES,
    settings: SETTINGS,
};

const CAPABILITIES: Capabilities = Capabilities {
    header_values: HeaderValues::Text,
    ordered_lanes: true,
    confirms: true,
    ..Capabilities::NONE
};

const CARRIES: &Table = &[
    (Part::Tombstone, Way::Header),
    (Part::Key, Way::Header),
    (Part::Id, Way::Header),
    (Part::Time, Way::Header),
    (Part::ContentType, Way::Own("property `content type`")),
    (Part::ContentEncoding, Way::Header),
    (Part::Kind, Way::Header),
    (Part::CorrelationId, Way::Own("property `correlation data`")),
    (Part::ReplyTo, Way::Header),
    (Part::Priority, Way::Header),
    (Part::Expiry, Way::Header),
    (Part::Address, Way::Own("the topic")),
    (Part::Dedup, Way::Header),
    (Part::Headers, Way::Own("user properties")),
    (Part::BinaryHeaders, Way::Header),
    (Part::RepeatedHeaders, Way::Own("user properties")),
];

/// Parts that the adapter puts into properties of their own.
pub(crate) const OWN: &[Part] = &[Part::ContentType, Part::CorrelationId];

/// The most that one client may leave unacknowledged: the protocol counts it in two bytes.
const MOST_UNSETTLED: usize = u16::MAX as usize;

const SETTINGS: &[SettingFact] = &[
    SettingFact::at_system("user", "none", "The name of the user."),
    SettingFact::at_system(
        "password",
        "none",
        "The user's password; a secret, read again at each connection.",
    ),
    SettingFact::at_system(
        "connect_timeout_ms",
        "10000",
        "After how many milliseconds a connection that was not accepted is given up.",
    ),
    SettingFact::at_system(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds a message that was not acknowledged is in doubt.",
    ),
    SettingFact::at_system(
        "liveness_timeout_ms",
        "12000",
        "After how many milliseconds without a sign of life a connection is taken for dead; at least 10000.",
    ),
    SettingFact::at_end(
        "session",
        "the group",
        "The client id of the session in which the broker keeps what was not settled; each receiver needs one of its own.",
    ),
    SettingFact::at_end(
        "max_payload",
        "1048576",
        "The most bytes of a payload that are sent; a larger one is refused.",
    ),
    SettingFact::at_end(
        "headers",
        "refuse",
        "What is done with a header that is no text: `refuse` the message, or `escape` it into one that is.",
    ),
];

/// A broker, and how to speak to it.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Kept as they came: the password is read from them at each connection.
    pub(crate) settings: Settings,
    pub(crate) connect_timeout: Duration,
    pub(crate) confirm_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One end of a route.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) topic: String,
    pub(crate) session: Option<String>,
    pub(crate) max_payload: usize,
    pub(crate) escapes: bool,
}

impl Config {
    pub(crate) fn new(opening: &Opening<'_>) -> Result<Self> {
        let settings = opening.settings;
        settings.only(SETTINGS)?;
        let expected = "expected an address such as `mqtt://localhost:1883`";
        let rest = opening.rest().strip_prefix("//");
        let rest = rest.ok_or_else(|| invalid("url", format!("{expected}, found no `//` in it")))?;
        if rest.contains('@') {
            let advice = "without user and password, which would be printed with it; use the settings `user` and `password`";
            return Err(invalid("url", format!("{expected} {advice}")));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse();
                (
                    host,
                    port.map_err(|_| invalid("url", format!("{expected}, found no number as its port")))?,
                )
            }
            None => (rest, 1883),
        };
        if host.is_empty() || host.contains('/') {
            return Err(invalid(
                "url",
                format!("{expected}, found another host than a name or a number"),
            ));
        }
        let liveness = settings.milliseconds("liveness_timeout_ms", 12_000, 1)?;
        if liveness < Duration::from_secs(10) {
            return Err(invalid(
                "liveness_timeout_ms",
                "expected at least 10000, since the client asks for a sign of life every five seconds at most",
            ));
        }
        let config = Self {
            host: host.to_owned(),
            port,
            settings: settings.clone(),
            connect_timeout: settings.milliseconds("connect_timeout_ms", 10_000, 1)?,
            confirm_timeout: settings.milliseconds("confirm_timeout_ms", 10_000, 1)?,
            // A connection is dead when a ping was not answered before the next one is due.
            keep_alive: Duration::from_secs((liveness / 2).as_secs()),
            clock: Arc::clone(opening.clock),
        };
        config.end(&Endpoint::new("any"))?;
        Ok(config)
    }

    /// An end with its own settings in front of the system's.
    pub(crate) fn end(&self, endpoint: &Endpoint) -> Result<End> {
        endpoint.settings.only_at_end(SETTINGS)?;
        let settings = self.settings.overridden_by(&endpoint.settings);
        if endpoint.channel.is_empty() || !is_name(&endpoint.channel) {
            return Err(invalid(
                "channel",
                "expected a topic of at most 65535 bytes without control characters",
            ));
        }
        Ok(End {
            topic: endpoint.channel.clone(),
            session: settings.get("session")?,
            max_payload: settings.bytes("max_payload")?.unwrap_or(1 << 20),
            escapes: settings
                .choice("headers", &[("refuse", false), ("escape", true)])?
                .unwrap_or(false),
        })
    }

    pub(crate) fn resolved(&self, end: &End) -> Resolved {
        let limits = Limits::default()
            .payload(end.max_payload)
            .unsettled(MOST_UNSETTLED);
        let identity = format!("mqtt://{}:{}", self.host, self.port);
        let canonical = format!("{identity}/{}", end.topic);
        // A session that is not there yet begins with the next message: nothing else is kept.
        Resolved::new(CAPABILITIES, limits, identity, canonical, CARRIES).starting(Start::Latest)
    }
}

/// A text that the protocol can carry as a topic or as a name.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= usize::from(u16::MAX) && !text.chars().any(is_refused)
}

/// Characters at which brokers close the connection: controls and what Unicode has no character for.
pub(crate) fn is_refused(character: char) -> bool {
    let code = u32::from(character);
    character.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}
