//! What is known of this system without opening one: its settings, what it can do, and where it carries what.

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::registry::Facts;
use dunlin_core::settings::{SettingFact, TlsFiles};
use dunlin_core::{Capabilities, HeaderValues};

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

pub(super) const CAPABILITIES: Capabilities = Capabilities {
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

pub(super) const CARRIES: &Table = &[
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

pub(super) const SETTINGS: &[SettingFact] = &[
    SettingFact::at_system("user", "the server's `default`", "The name of the ACL user."),
    SettingFact::at_system("password", "none", "The password, read again at each connect."),
    TlsFiles::AUTHORITIES,
    TlsFiles::CERTIFICATE,
    TlsFiles::KEY,
    SettingFact::at_system(
        "connect_timeout_ms",
        "10000",
        "After how many milliseconds a connection that is not made is given up.",
    ),
    SettingFact::at_system(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds a message that was not answered is in doubt.",
    ),
    SettingFact::at_system(
        "liveness_timeout_ms",
        "15000",
        "Within how many milliseconds a connection that went silent is noticed, at least 1500.",
    ),
    SettingFact::at_system(
        "identity",
        "redis",
        "What the server is called in deduplication ids; keep it when the server moves.",
    ),
    SettingFact::at_end(
        "consumer",
        "the host's name",
        "The name of this instance inside its group. It must be stable, since what was unsettled at a crash is kept under it, and different for each instance that runs at the same time.",
    ),
    SettingFact::at_end(
        "claim_idle_ms",
        "60000",
        "After how many milliseconds without a sign of life the messages of another consumer are taken over, at least 1000.",
    ),
    SettingFact::at_end(
        "payload",
        "payload",
        "The field of an entry that is the message's payload.",
    ),
    SettingFact::at_end(
        "topology",
        "verify",
        "With `create`, a stream that is missing is made; with `verify` it is an error.",
    ),
    SettingFact::at_end(
        "headers",
        "refuse",
        "`refuse` or `escape`, as on every system; a stream can hold every header, so it changes nothing here.",
    ),
    SettingFact::at_end(
        "max_length",
        "none: nothing is deleted",
        "At how many entries, about, sending begins to delete the oldest of the stream. They are deleted for every group, also where nobody has read them.",
    ),
    SettingFact::at_end(
        "max_payload",
        "512MiB",
        "The most bytes of a payload; no more than the server's `proto-max-bulk-len`.",
    ),
];
