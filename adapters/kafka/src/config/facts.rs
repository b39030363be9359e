//! What is known of this system without opening one: its settings, what it can do, and where it carries what.

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::registry::Facts;
use dunlin_core::settings::{SettingFact, TlsFiles};
use dunlin_core::{Capabilities, HeaderValues};

use crate::options;

/// What people are told about this system.
pub(crate) static FACTS: Facts = Facts {
    title: "Kafka",
    example: "kafka://broker-1:9092,broker-2:9092",
    channel: "a topic; to receive also a pattern of topics that begins with `^`",
    capabilities: CAPABILITIES,
    conditions: &[],
    carries: CARRIES,
    settings: SETTINGS,
};

/// What every topic can do.
pub(super) const CAPABILITIES: Capabilities = Capabilities {
    header_values: HeaderValues::Binary,
    ordered_lanes: true,
    ordered_redelivery: true,
    ordered_batches: false,
    delayed_retry: false,
    broker_reject: false,
    confirms: true,
    dedup_by_id: false,
    stable_position: true,
    settling_deletes: false,
};

/// Where a record has the parts of a message.
pub(super) const CARRIES: &Table = &[
    (Part::Tombstone, Way::Own("no value")),
    (Part::Key, Way::Own("record key")),
    (Part::Id, Way::Header),
    (Part::Time, Way::Own("record time, in milliseconds")),
    (Part::ContentType, Way::Header),
    (Part::ContentEncoding, Way::Header),
    (Part::Kind, Way::Header),
    (Part::CorrelationId, Way::Header),
    (Part::ReplyTo, Way::Header),
    (Part::Priority, Way::Header),
    (Part::Expiry, Way::Header),
    (Part::Address, Way::Own("topic")),
    (Part::Dedup, Way::Header),
    (Part::Headers, Way::Own("record headers")),
    (Part::BinaryHeaders, Way::Own("record headers")),
    (Part::RepeatedHeaders, Way::Own("record headers")),
];

pub(super) const SETTINGS: &[SettingFact] = &joined();

const OWN: &[SettingFact] = &[
    SettingFact::at_system("user", "none", "The name to log in with, by SASL."),
    SettingFact::at_system(
        "password",
        "none",
        "The password of `user`; a reference to a secret, read again at each connection.",
    ),
    SettingFact::at_system(
        "sasl_mechanism",
        "SCRAM-SHA-512",
        "How `user` and `password` are shown: `SCRAM-SHA-512`, `SCRAM-SHA-256`, or `PLAIN`, which sends the password itself.",
    ),
    TlsFiles::AUTHORITIES,
    TlsFiles::CERTIFICATE,
    TlsFiles::KEY,
    SettingFact::at_system(
        "connect_timeout_ms",
        "10000",
        "How many milliseconds a connection, or a question to the brokers, may take.",
    ),
    SettingFact::at_system(
        "liveness_timeout_ms",
        "15000",
        "After how many milliseconds a connection on which nothing comes any more counts as dead.",
    ),
    SettingFact::at_system(
        "identity",
        "the cluster's id",
        "What names this cluster in positions and deduplication ids; set it to keep them when the cluster moves.",
    ),
    SettingFact::at_end(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds a message that the brokers have not confirmed is in doubt.",
    ),
    SettingFact::at_end(
        "topology",
        "verify",
        "`verify` expects the topic to be there, `create` makes it where it is missing.",
    ),
    SettingFact::at_end(
        "partitions",
        "1",
        "With `topology: create`, how many partitions the topic gets.",
    ),
    SettingFact::at_end(
        "replication",
        "the broker's default",
        "With `topology: create`, on how many brokers each partition is kept.",
    ),
    SettingFact::at_end(
        "headers",
        "refuse",
        "What becomes of a header whose name has a NUL in it: `refuse` the message, or `escape` the header.",
    ),
];

const COUNT: usize = OWN.len() + options::CONSUMER.len() + options::PRODUCER.len() + options::BOTH.len();

/// The adapter's own settings, and behind them the client's options that may be set.
const fn joined() -> [SettingFact; COUNT] {
    let mut all = [OWN[0]; COUNT];
    let lists = [OWN, options::CONSUMER, options::PRODUCER, options::BOTH];
    let (mut list, mut place) = (0, 0);
    while list < lists.len() {
        let mut item = 0;
        while item < lists[list].len() {
            all[place] = lists[list][item];
            place += 1;
            item += 1;
        }
        list += 1;
    }
    all
}
