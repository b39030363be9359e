//! What is known of this system without opening one: its settings, what it can do, and where it carries what.

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::registry::Facts;
use dunlin_core::settings::{SettingFact, TlsFiles};
use dunlin_core::{Capabilities, HeaderValues};

/// What people are told about this system.
pub(crate) static FACTS: Facts = Facts {
    title: "RabbitMQ (AMQP 0-9-1)",
    example: "amqp://localhost:5672/shop",
    channel: "a queue; to send, with `exchange: NAME`, the routing key at that exchange",
    capabilities: capabilities(false),
    conditions: &["`broker_dead_letter: true`: broker_reject"],
    carries: CARRIES,
    settings: SETTINGS,
};

/// Where the parts of a message are in AMQP 0-9-1.
pub(super) const CARRIES: &Table = &[
    (Part::Tombstone, Way::Header),
    (Part::Key, Way::Header),
    (Part::Id, Way::Own("property `message-id`")),
    (
        Part::Time,
        Way::Own("property `timestamp`, in seconds; finer ones beside it in `dunlin-time`"),
    ),
    (Part::ContentType, Way::Own("property `content-type`")),
    (Part::ContentEncoding, Way::Own("property `content-encoding`")),
    (Part::Kind, Way::Own("property `type`")),
    (Part::CorrelationId, Way::Own("property `correlation-id`")),
    (Part::ReplyTo, Way::Own("property `reply-to`")),
    (Part::Priority, Way::Own("property `priority`")),
    (Part::Expiry, Way::Own("property `expiration`")),
    (Part::Address, Way::Own("routing key")),
    (Part::Dedup, Way::Header),
    (Part::Headers, Way::Own("header table, in the order of the names")),
    (Part::BinaryHeaders, Way::Own("header table")),
    (Part::RepeatedHeaders, Way::Header),
];

pub(super) const SETTINGS: &[SettingFact] = &[
    SettingFact::at_system("user", "guest", "The user."),
    SettingFact::at_system(
        "password",
        "guest",
        "The password, read again at each connection.",
    ),
    TlsFiles::AUTHORITIES,
    TlsFiles::CERTIFICATE,
    TlsFiles::KEY,
    SettingFact::at_system(
        "connect_timeout_ms",
        "10000",
        "After how many milliseconds a connection, or opening a queue on it, is given up and tried anew.",
    ),
    SettingFact::at_system(
        "liveness_timeout_ms",
        "15000",
        "After how many milliseconds of silence at most a connection counts as lost; a fifth of it is the heartbeat.",
    ),
    SettingFact::at_system(
        "identity",
        "the address",
        "What the broker is called in deduplication ids and in the names of channels, if it has several addresses.",
    ),
    SettingFact::at_end(
        "confirm_timeout_ms",
        "10000",
        "After how many milliseconds without the broker's confirm a message is in doubt; while the broker blocks publishers, time stands still.",
    ),
    SettingFact::at_end(
        "topology",
        "verify",
        "`verify`: queues and exchanges must be there; `create`: missing ones are made, durable, queues as quorum queues.",
    ),
    SettingFact::at_end(
        "headers",
        "refuse",
        "What is done with a message whose headers do not fit a table of AMQP: `refuse` it, or `escape` them reversibly into one header.",
    ),
    SettingFact::at_end(
        "exchange",
        "the default exchange",
        "For sending: the exchange; the channel is then the routing key. With `topology: create`, a queue of the channel's name is bound to it.",
    ),
    SettingFact::at_end(
        "exchange_type",
        "topic",
        "With `topology: create`: the type of a missing exchange, `direct`, `topic`, `fanout` or `headers`.",
    ),
    SettingFact::at_end(
        "bind_to",
        "none",
        "With `topology: create`: the exchange to which the queue is bound, made if it is missing.",
    ),
    SettingFact::at_end(
        "binding_key",
        "the channel",
        "With `bind_to`: the key of the binding.",
    ),
    SettingFact::at_end(
        "prefetch",
        "the window of the route",
        "How many messages the broker hands out beyond those that are settled, 1 to 65535.",
    ),
    SettingFact::at_end(
        "max_payload",
        "16MiB",
        "The most bytes a payload may have; larger ones are refused before the wire. The broker's limit is `max_message_size`.",
    ),
    SettingFact::at_end(
        "broker_dead_letter",
        "false",
        "The queue has a dead-letter exchange, so that the broker keeps what is rejected; without one it would drop it.",
    ),
    SettingFact::at_end(
        "delivery_limit",
        "20, RabbitMQ's own since 4.0",
        "After how many deliveries a quorum queue drops a message, or `none`. A queue that `topology: create` makes gets this limit, and none where nothing is said.",
    ),
];

/// A queue takes what is settled away from everyone, has no position, and brings back what was given back in any order.
pub(super) const fn capabilities(broker_reject: bool) -> Capabilities {
    Capabilities {
        header_values: HeaderValues::Binary,
        ordered_lanes: true,
        ordered_redelivery: false,
        ordered_batches: false,
        delayed_retry: false,
        broker_reject,
        confirms: true,
        dedup_by_id: false,
        stable_position: false,
        settling_deletes: true,
    }
}
