//! Which options of the client a configuration may set, and which of them would break the contract.
//!
//! The client knows two hundred options. Those in the list are passed on under their own names; everything that decides
//! when a message counts as stored or as read is set here, and naming it is an error that says why.

use dunlin_core::settings::SettingFact;

/// Options that are handed to the client's consumers as they were typed.
pub(crate) const CONSUMER: &[SettingFact] = &[
    SettingFact::at_end(
        "session.timeout.ms",
        "10000",
        "Consumer: after how many milliseconds without a sign of life the group gives its partitions to others.",
    ),
    SettingFact::at_end(
        "heartbeat.interval.ms",
        "a third of `session.timeout.ms`, at most 3000",
        "Consumer: how often a sign of life is sent, in milliseconds.",
    ),
    SettingFact::at_end(
        "max.poll.interval.ms",
        "300000",
        "Consumer: how many milliseconds a change in the group may take before a member counts as stuck.",
    ),
    SettingFact::at_end(
        "partition.assignment.strategy",
        "range,roundrobin",
        "Consumer: how partitions are shared in the group; `cooperative-sticky` moves only those that must. All members of a group need one in common.",
    ),
    SettingFact::at_end(
        "auto.commit.interval.ms",
        "500",
        "Consumer: how often settled places are committed, in milliseconds; a crash brings again what was settled since.",
    ),
    SettingFact::at_end(
        "fetch.min.bytes",
        "1",
        "Consumer: how many bytes the broker collects before it answers.",
    ),
    SettingFact::at_end(
        "fetch.wait.max.ms",
        "50",
        "Consumer: how many milliseconds the broker waits for records; as long may idle partitions hold up busy ones.",
    ),
    SettingFact::at_end(
        "fetch.max.bytes",
        "52428800",
        "Consumer: the most bytes of one answer of the broker.",
    ),
    SettingFact::at_end(
        "max.partition.fetch.bytes",
        "1048576",
        "Consumer: the most bytes of one partition in one answer.",
    ),
    SettingFact::at_end(
        "queued.min.messages",
        "100000",
        "Consumer: how many messages are fetched ahead of the window, for each partition.",
    ),
    SettingFact::at_end(
        "queued.max.messages.kbytes",
        "65536, divided among the partitions, from 1024 to 16384",
        "Consumer: how many KiB are fetched ahead of the window, for each partition.",
    ),
    SettingFact::at_end(
        "client.rack",
        "none",
        "Consumer: the rack it stands in, to read from a replica near by.",
    ),
];

/// Options that are handed to the client's producers as they were typed.
pub(crate) const PRODUCER: &[SettingFact] = &[
    SettingFact::at_end(
        "linger.ms",
        "5",
        "Producer: how many milliseconds messages are collected for a batch.",
    ),
    SettingFact::at_end(
        "batch.num.messages",
        "10000",
        "Producer: the most messages of one batch.",
    ),
    SettingFact::at_end(
        "batch.size",
        "1000000",
        "Producer: the most bytes of one batch; never more than the topic's `max.message.bytes`.",
    ),
    SettingFact::at_end(
        "compression.type",
        "none",
        "Producer: `none`, `gzip`, `snappy`, `lz4` or `zstd`.",
    ),
    SettingFact::at_end(
        "message.max.bytes",
        "the topic's `max.message.bytes`, or 1000000 where that cannot be read",
        "Producer: the most bytes of one message with key and headers, where that is to be less than the topic takes.",
    ),
    SettingFact::at_end(
        "queue.buffering.max.messages",
        "100000",
        "Producer: how many messages wait in the client at most.",
    ),
    SettingFact::at_end(
        "queue.buffering.max.kbytes",
        "1048576",
        "Producer: how many KiB wait in the client at most.",
    ),
];

/// Options that go to both.
pub(crate) const BOTH: &[SettingFact] = &[
    SettingFact::at_end(
        "client.id",
        "dunlin-consumer, dunlin-producer",
        "The name under which the broker logs this client and keeps its quotas.",
    ),
    SettingFact::at_end(
        "broker.address.family",
        "any",
        "Which addresses of a broker's host are tried: `any`, `v4` or `v6`.",
    ),
];

/// Why an option of the client cannot be set; none where it is simply not known.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    Some(match name {
        "enable.auto.offset.store" | "enable.auto.commit" | "auto.commit.enable" => {
            "a place is committed behind what was settled, never behind what was merely read; leave it out"
        }
        "acks" | "request.required.acks" => {
            "a message counts as stored once all replicas in sync have it; leave it out"
        }
        "enable.idempotence"
        | "max.in.flight"
        | "max.in.flight.requests.per.connection"
        | "retries"
        | "message.send.max.retries"
        | "enable.gapless.guarantee" => {
            "the producer is idempotent, so that its own retries neither repeat nor reorder messages; leave it out"
        }
        "message.timeout.ms" | "delivery.timeout.ms" | "request.timeout.ms" => {
            "the client must not drop a message on its own; set `confirm_timeout_ms`"
        }
        "isolation.level" => "records of aborted transactions are no messages; leave it out",
        "auto.offset.reset" => "where a group begins is said by `start` at the route's source",
        "group.id" | "group.instance.id" => "the group is named by `group` at the route's source",
        "group.protocol" | "group.remote.assignor" => {
            "the group protocol is `classic`: the new one ends this version of the client with a fatal error when it rejoins"
        }
        "transactional.id" | "transaction.timeout.ms" => "transactions are not offered",
        "partitioner" | "partitioner_cb" => {
            "keys go to the partitions to which Java producers send them; leave it out"
        }
        "allow.auto.create.topics" => {
            "topics are never made by the way; set `topology: create` with `partitions` and `replication`"
        }
        "bootstrap.servers" | "metadata.broker.list" => "the brokers stand in the system's `url`",
        "security.protocol" => "TLS is asked for by the scheme `kafka+tls://`",
        "sasl.username" => "set `user`",
        "sasl.password" => "set `password`, as a reference to a secret",
        "sasl.mechanism" | "sasl.mechanisms" => "set `sasl_mechanism`",
        "ssl.ca.location" | "ssl.ca.pem" => "set `tls_ca`",
        "ssl.certificate.location" | "ssl.certificate.pem" => "set `tls_certificate`",
        "ssl.key.location" | "ssl.key.pem" => "set `tls_key`",
        "enable.ssl.certificate.verification" | "ssl.endpoint.identification.algorithm" => {
            "the broker's certificate is always checked; name its authority with `tls_ca`"
        }
        "socket.timeout.ms" | "socket.keepalive.enable" | "socket.max.fails" => "set `liveness_timeout_ms`",
        "socket.connection.setup.timeout.ms" => "set `connect_timeout_ms`",
        _ => return None,
    })
}
