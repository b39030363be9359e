//! What is known of this system without opening one: its settings, what it can do, and where it carries what.

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::registry::Facts;
use dunlin_core::settings::{SettingFact, TlsFiles};
use dunlin_core::{Capabilities, HeaderValues};

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
    (Part::Address, Way::Own("the subject")),
    (Part::Dedup, Way::Own("the header `Nats-Msg-Id`")),
    (Part::Headers, Way::Own("headers")),
    (Part::BinaryHeaders, Way::Header),
    (Part::RepeatedHeaders, Way::Own("headers")),
];

pub(super) const SETTINGS: &[SettingFact] = &[
    SettingFact::at_system("user", "none", "The user."),
    SettingFact::at_system("password", "none", "The user's password; name it by reference."),
    SettingFact::at_system(
        "nkey",
        "none",
        "The seed of an nkey instead of user and password; name it by reference.",
    ),
    SettingFact::at_system(
        "credentials",
        "none",
        "A credentials file (`.creds`) instead of user and password.",
    ),
    TlsFiles::AUTHORITIES,
    TlsFiles::CERTIFICATE,
    TlsFiles::KEY,
    SettingFact::at_system(
        "domain",
        "none",
        "The JetStream domain, where streams are behind a leaf node.",
    ),
    SettingFact::at_system(
        "identity",
        "nats",
        "What the system is called for ever, as part of deduplication ids; the same from every host.",
    ),
    SettingFact::at_system(
        "connect_timeout_ms",
        "10000",
        "How long one server may take to let a client in, in milliseconds.",
    ),
    SettingFact::at_system(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds without an answer a message is in doubt, and any other question has failed.",
    ),
    SettingFact::at_system(
        "liveness_timeout_ms",
        "15000",
        "Within how many milliseconds a dead connection is noticed.",
    ),
    SettingFact::at_end(
        "topology",
        "verify",
        "`create` makes a stream that is missing; `verify` says that it is.",
    ),
    SettingFact::at_end(
        "headers",
        "refuse",
        "A message with a header that NATS cannot hold: `refuse` it, or `escape` those headers into one.",
    ),
    SettingFact::at_end(
        "subjects",
        "all",
        "Which subjects of the stream are received, separated by commas, with wildcards; with `topology: create` also what the stream takes.",
    ),
    SettingFact::at_end(
        "stream",
        "from the subject",
        "The name of the stream that `topology: create` makes for a subject to send to.",
    ),
    SettingFact::at_end(
        "replicas",
        "1",
        "How many servers of a cluster keep the stream, with `topology: create`.",
    ),
    SettingFact::at_end(
        "retention",
        "limits",
        "`limits`, `workqueue` or `interest`: what the stream does with settled messages, so that it is known offline; with `topology: create` it is made so.",
    ),
    SettingFact::at_end(
        "duplicate_window_ms",
        "120000",
        "How far back the stream knows deduplication ids, with `topology: create`.",
    ),
    SettingFact::at_end(
        "ack_wait_ms",
        "6000",
        "After how many milliseconds the server gives an unsettled message of a dead receiver to another; at least 1000. It is fixed when the group is made.",
    ),
    SettingFact::at_end(
        "max_ack_pending",
        "unlimited",
        "How many messages of a group may be unsettled at all its receivers together. It is fixed when the group is made.",
    ),
];

/// What a stream can do.
pub(super) const fn capabilities(one_by_one: bool, settling_deletes: bool) -> Capabilities {
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
