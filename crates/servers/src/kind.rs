//! The servers that can be had, and the facts that differ between them.

use std::fmt;
use std::time::Duration;

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// RabbitMQ, spoken to with AMQP 0-9-1.
    RabbitMq,
    /// NATS with JetStream.
    Nats,
    /// Apache Kafka, one node that is broker and controller.
    Kafka,
    /// Redis, every write synchronised to disk.
    Redis,
    /// Mosquitto, for the adapter that is written as an example.
    Mosquitto,
    /// Apicurio Registry, asked as Confluent's schema registry is.
    Registry,
}

impl Kind {
    /// All kinds, in the order in which tables name them.
    pub const ALL: [Kind; 6] = [
        Kind::RabbitMq,
        Kind::Nats,
        Kind::Kafka,
        Kind::Redis,
        Kind::Mosquitto,
        Kind::Registry,
    ];

    /// The place in [`Kind::ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Kind::RabbitMq => 0,
            Kind::Nats => 1,
            Kind::Kafka => 2,
            Kind::Redis => 3,
            Kind::Mosquitto => 4,
            Kind::Registry => 5,
        }
    }

    /// The short name, as argument of `cargo xtask servers`; but for the registry, the scheme of an address, too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::RabbitMq => "amqp",
            Kind::Nats => "nats",
            Kind::Kafka => "kafka",
            Kind::Redis => "redis",
            Kind::Mosquitto => "mqtt",
            Kind::Registry => "registry",
        }
    }

    /// The kind with this short name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The environment variable that names a server to use instead of starting one.
    ///
    /// Its value is a URL (`amqp://user:password@host:5672/vhost`); for Kafka it is `host:port`, separated by commas
    /// when there are several; for a registry it is the URL with the path below which clients ask.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Kind::RabbitMq => "DUNLIN_AMQP_URL",
            Kind::Nats => "DUNLIN_NATS_URL",
            Kind::Kafka => "DUNLIN_KAFKA_BOOTSTRAP",
            Kind::Redis => "DUNLIN_REDIS_URL",
            Kind::Mosquitto => "DUNLIN_MQTT_URL",
            Kind::Registry => "DUNLIN_REGISTRY_URL",
        }
    }

    /// The scheme of an address, plain or over TLS.
    #[must_use]
    pub fn scheme(self, tls: bool) -> &'static str {
        match (self, tls) {
            (Kind::Registry, false) => "http",
            (Kind::Registry, true) => "https",
            (kind, false) => kind.name(),
            (Kind::RabbitMq, true) => "amqps",
            (Kind::Nats, true) => "nats+tls",
            (Kind::Kafka, true) => "kafka+tls",
            (Kind::Redis, true) => "rediss",
            (Kind::Mosquitto, true) => "mqtts",
        }
    }

    /// How long a start may take before it counts as failed. Generous: a loaded machine with two cores starts RabbitMQ
    /// and Kafka ten times slower than an idle one.
    pub(crate) fn start_limit(self) -> Duration {
        match self {
            Kind::RabbitMq | Kind::Kafka | Kind::Registry => Duration::from_secs(120),
            Kind::Nats | Kind::Redis | Kind::Mosquitto => Duration::from_secs(30),
        }
    }

    /// How long an orderly stop may take before the server is killed.
    pub(crate) fn stop_limit(self) -> Duration {
        match self {
            Kind::RabbitMq | Kind::Kafka | Kind::Registry => Duration::from_secs(30),
            Kind::Nats | Kind::Redis | Kind::Mosquitto => Duration::from_secs(10),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::RabbitMq => "RabbitMQ",
            Kind::Nats => "NATS",
            Kind::Kafka => "Kafka",
            Kind::Redis => "Redis",
            Kind::Mosquitto => "Mosquitto",
            Kind::Registry => "Apicurio Registry",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn every_kind_has_its_place_and_its_name() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), place);
            assert_eq!(Kind::from_name(kind.name()), Some(kind));
        }
    }
}
