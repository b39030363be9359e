//! The list of all keys.

use dunlin_core::migration::Limits;

use super::{Default, Key, Kind};

const MOST: u64 = u32::MAX as u64;

const fn key(path: &'static str, kind: Kind, default: Default, meaning: &'static str) -> Key {
    Key {
        path,
        kind,
        default,
        unit: "",
        meaning,
    }
}

const fn counted(
    path: &'static str,
    kind: Kind,
    default: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        path,
        kind,
        default: Default::Is(default),
        unit,
        meaning,
    }
}

const END_SYSTEM: &str =
    "The system's name under `systems`; without it, `channel` is split at its first `/`.";
const END_CHANNEL: &str =
    "The channel as the system knows it: queue, stream, topic, file. Left out where a system has but one.";
const END_SETTINGS: &str = "Settings of this end, by the adapter's names; they win over the system's own.";
const END_SETTING: &str = "One setting of this end.";

/// All keys, each behind the one it is part of.
pub const KEYS: &[Key] = &[
    key(
        "systems",
        Kind::Table,
        Default::None,
        "The messaging systems, by names of your own.",
    ),
    key("systems.*", Kind::Table, Default::None, "One messaging system."),
    key(
        "systems.*.url",
        Kind::Text,
        Default::Required,
        "Its address; the scheme chooses the kind of system. Credentials have their own keys.",
    ),
    key(
        "systems.*.user",
        Kind::Readable,
        Default::None,
        "The name to log in with.",
    ),
    key(
        "systems.*.password",
        Kind::Secret,
        Default::None,
        "The password to log in with; read again at each reconnect.",
    ),
    key(
        "systems.*.identity",
        Kind::Text,
        Default::Described("what the system says it is"),
        "What the system is called in deduplication ids. Keep it when a system moves to another address.",
    ),
    key(
        "systems.*.settings",
        Kind::Table,
        Default::None,
        "Settings by the adapter's names; `dunlin systems` lists them.",
    ),
    key(
        "systems.*.settings.*",
        Kind::Readable,
        Default::Described("the adapter's own"),
        "One setting.",
    ),
    key(
        "registries",
        Kind::Table,
        Default::None,
        "The schema registries that migrations name, by names of your own.",
    ),
    key(
        "registries.*",
        Kind::Table,
        Default::None,
        "One registry with the interface of Confluent's schema registry.",
    ),
    key(
        "registries.*.url",
        Kind::Text,
        Default::Required,
        "Its address, with the path of the interface: `https://registry.example:8081`, or for Apicurio one that ends in `/apis/ccompat/v7`.",
    ),
    key(
        "registries.*.user",
        Kind::Readable,
        Default::None,
        "The name to log in with.",
    ),
    key(
        "registries.*.password",
        Kind::Secret,
        Default::None,
        "The password to log in with; read again for each question.",
    ),
    key(
        "registries.*.token",
        Kind::Secret,
        Default::None,
        "The bearer token to log in with, instead of user and password; read again for each question.",
    ),
    key(
        "registries.*.tls_ca",
        Kind::Text,
        Default::Described("the authorities of the system"),
        "A file with the certificates (PEM) of the authorities that may vouch for it.",
    ),
    key(
        "registries.*.tls_certificate",
        Kind::Text,
        Default::None,
        "A file with the certificate (PEM) to show to it.",
    ),
    key(
        "registries.*.tls_key",
        Kind::Text,
        Default::None,
        "A file with the key (PEM) of that certificate.",
    ),
    counted(
        "registries.*.timeout",
        Kind::Pause,
        "10s",
        "time",
        "How long one answer is waited for; a question is asked up to three times.",
    ),
    key(
        "secrets",
        Kind::Table,
        Default::None,
        "The secrets that transformations name, such as the `key` of `hash`.",
    ),
    key(
        "secrets.*",
        Kind::Secret,
        Default::None,
        "One secret; read when it is needed.",
    ),
    key(
        "routes",
        Kind::Table,
        Default::None,
        "The routes, by names of your own.",
    ),
    key(
        "routes.*",
        Kind::Table,
        Default::None,
        "One route: from a channel, through a migration, to a channel.",
    ),
    key(
        "routes.*.id",
        Kind::Text,
        Default::Described("the route's name"),
        "What group and message ids are made from. Set it to the old name when a route is renamed.",
    ),
    key(
        "routes.*.from",
        Kind::End,
        Default::Required,
        "Where the messages come from.",
    ),
    key("routes.*.from.system", Kind::Text, Default::None, END_SYSTEM),
    key("routes.*.from.channel", Kind::Text, Default::None, END_CHANNEL),
    key(
        "routes.*.from.group",
        Kind::Text,
        Default::Described("`dunlin-` and the route's id"),
        "Receivers of one group share the messages, and the group's place is remembered.",
    ),
    key(
        "routes.*.from.start",
        Kind::Start,
        Default::Described("what the system says; must be given where a channel keeps history"),
        "Where a new group begins: `earliest`, `latest`, a time such as `2026-01-31T00:00:00Z`, or a position such as `log@7`.",
    ),
    key("routes.*.from.settings", Kind::Table, Default::None, END_SETTINGS),
    key(
        "routes.*.from.settings.*",
        Kind::Readable,
        Default::Described("the system's own"),
        END_SETTING,
    ),
    key(
        "routes.*.migrate",
        Kind::Migrations,
        Default::Described("none: a plain bridge"),
        "The migration's file, or a list of which the first whose `when` holds is taken. Files are relative to the configuration.",
    ),
    key(
        "routes.*.migrate.*",
        Kind::Table,
        Default::None,
        "One migration to choose from.",
    ),
    key(
        "routes.*.migrate.*.when",
        Kind::Text,
        Default::Described("always"),
        "A CEL condition over the message as it arrives: `headers`, `key`, `payload`.",
    ),
    key(
        "routes.*.migrate.*.file",
        Kind::Text,
        Default::Required,
        "The migration's file.",
    ),
    key(
        "routes.*.unmatched",
        Kind::Choice(&["pass", "drop", "dead_letter"]),
        Default::Is("pass"),
        "What becomes of a message that no `when` fits: forwarded as it is, acknowledged and counted, or treated as failed.",
    ),
    key(
        "routes.*.to",
        Kind::End,
        Default::Required,
        "Where the messages go.",
    ),
    key("routes.*.to.system", Kind::Text, Default::None, END_SYSTEM),
    key("routes.*.to.channel", Kind::Text, Default::None, END_CHANNEL),
    key(
        "routes.*.to.address",
        Kind::Text,
        Default::Described("the channel's own"),
        "The way of each message (routing key, subject): a text with `{headers.NAME}`, `{key}`, `{address}`; or `same`, to keep the way it came.",
    ),
    key(
        "routes.*.to.allow",
        Kind::Texts,
        Default::None,
        "The addresses that may be made from messages, as patterns: `*` is any text without a dot, `**` any text.",
    ),
    key("routes.*.to.settings", Kind::Table, Default::None, END_SETTINGS),
    key(
        "routes.*.to.settings.*",
        Kind::Readable,
        Default::Described("the system's own"),
        END_SETTING,
    ),
    key(
        "routes.*.report",
        Kind::End,
        Default::None,
        "Where is told what was done to each message.",
    ),
    key("routes.*.report.system", Kind::Text, Default::None, END_SYSTEM),
    key("routes.*.report.channel", Kind::Text, Default::None, END_CHANNEL),
    key(
        "routes.*.report.detail",
        Kind::Choice(&["changes", "all", "count"]),
        Default::Is("changes"),
        "Lists what was applied or dropped and counts the rest, lists every transformation, or only counts.",
    ),
    key(
        "routes.*.report.settings",
        Kind::Table,
        Default::None,
        END_SETTINGS,
    ),
    key(
        "routes.*.report.settings.*",
        Kind::Readable,
        Default::Described("the system's own"),
        END_SETTING,
    ),
    key(
        "routes.*.dead_letter",
        Kind::End,
        Default::None,
        "Where failed messages go, with their original bytes.",
    ),
    key(
        "routes.*.dead_letter.system",
        Kind::Text,
        Default::None,
        END_SYSTEM,
    ),
    key(
        "routes.*.dead_letter.channel",
        Kind::Text,
        Default::None,
        END_CHANNEL,
    ),
    key(
        "routes.*.dead_letter.settings",
        Kind::Table,
        Default::None,
        END_SETTINGS,
    ),
    key(
        "routes.*.dead_letter.settings.*",
        Kind::Readable,
        Default::Described("the system's own"),
        END_SETTING,
    ),
    key(
        "routes.*.on_error",
        Kind::Choice(&["stop", "unsafe_forward"]),
        Default::Is("stop"),
        "What a failed message does without a dead letter: the route ends and the message stays unacknowledged, or the original bytes go to the target.",
    ),
    key(
        "routes.*.unroutable",
        Kind::Choice(&["down", "dead_letter"]),
        Default::Is("down"),
        "What an address that the target does not know does: the route is down and says so, or the message is treated as failed. Only with an `address` made from messages.",
    ),
    key(
        "routes.*.order",
        Kind::Choice(&["none", "per_lane", "strict"]),
        Default::Is("per_lane"),
        "What is promised: nothing, order while nothing fails, or order through failures (window 1, no dead letter).",
    ),
    counted(
        "routes.*.window",
        Kind::Count {
            least: 1,
            most: 1_000_000,
        },
        "4096",
        "messages",
        "Unconfirmed messages at most: what may come twice after a crash.",
    ),
    counted(
        "routes.*.window_bytes",
        Kind::Size,
        "64MiB",
        "bytes",
        "Unconfirmed bytes at most; one message always passes.",
    ),
    counted(
        "routes.*.batch",
        Kind::Count {
            least: 1,
            most: 1_000_000,
        },
        "256",
        "messages",
        "Messages that are received or sent with one call, at most; never more than the window.",
    ),
    counted(
        "routes.*.epoch",
        Kind::Count {
            least: 0,
            most: u64::MAX,
        },
        "0",
        "",
        "Part of every deduplication id; raise it to send history again as new messages.",
    ),
    key(
        "routes.*.empty_payload",
        Kind::Choice(&["forward", "drop", "fail"]),
        Default::Is("forward"),
        "What becomes of a message without payload.",
    ),
    key(
        "routes.*.drops",
        Kind::Choice(&["forbid", "allow"]),
        Default::Is("forbid"),
        "Whether a migration may drop messages; one that could is refused otherwise.",
    ),
    key(
        "routes.*.breaker",
        Kind::Switches,
        Default::None,
        "When failures stop the route; `off` for never.",
    ),
    counted(
        "routes.*.breaker.row",
        Kind::CountOrOff,
        "100",
        "messages",
        "Failures in a row.",
    ),
    counted(
        "routes.*.breaker.share",
        Kind::ShareOrOff,
        "0.5",
        "",
        "Share of failures in the last 1,000 messages.",
    ),
    key(
        "routes.*.applied_record",
        Kind::Choice(&["trust", "ignore", "required"]),
        Default::Is("trust"),
        "How the record of an arriving message is taken: what it says is done, it is not looked at, or a message without one fails. A publisher can forge it.",
    ),
    key(
        "routes.*.limits",
        Kind::Table,
        Default::None,
        "What a message may be at most.",
    ),
    counted(
        "routes.*.limits.depth",
        Kind::Count {
            least: 1,
            most: Limits::MOST_DEPTH as u64,
        },
        "128",
        "open containers",
        "How deep a document may be, on arrival and as a result.",
    ),
    counted(
        "routes.*.limits.size",
        Kind::Size,
        "16MiB",
        "bytes",
        "How large a document may be, on arrival and as a result.",
    ),
    counted(
        "routes.*.limits.hops",
        Kind::Count { least: 1, most: MOST },
        "8",
        "forwards",
        "How often a message may have been forwarded by routes before it fails as caught in a loop.",
    ),
    key(
        "routes.*.retry",
        Kind::Table,
        Default::None,
        "How a send that failed for a moment is tried again, in place.",
    ),
    counted(
        "routes.*.retry.first",
        Kind::Pause,
        "100ms",
        "time",
        "The first pause; each further one is twice as long.",
    ),
    counted(
        "routes.*.retry.cap",
        Kind::Pause,
        "30s",
        "time",
        "The longest pause.",
    ),
    counted(
        "routes.*.retry.attempts",
        Kind::CountOrOff,
        "off",
        "attempts",
        "After so many the message is given back to the source; `off` holds it until the target takes it.",
    ),
    counted(
        "routes.*.drain",
        Kind::Pause,
        "30s",
        "time",
        "How long a stop waits for what is in flight; the rest stays unacknowledged and comes again.",
    ),
];
