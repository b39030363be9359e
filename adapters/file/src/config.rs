//! What was typed: the address, the settings, and the names of channels and groups.
//!
//! All of it is judged here, without touching the disk.

use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dunlin_core::carried::{Part, Table, Way};
use dunlin_core::messaging::{Endpoint, Resolved, Start};
use dunlin_core::registry::{Facts, Opening};
use dunlin_core::settings::{SettingFact, Settings};
use dunlin_core::{Capabilities, Error, HeaderValues, Limits, Result};

use crate::container::{Formats, Kind};

/// What people are told about this system.
pub(crate) static FACTS: Facts = Facts {
    title: "files of lines, container files, standard input and standard output",
    example: "file:data",
    channel: "a file `<channel>.ndjson` in the folder, one message per line, or a container file `<channel>.avro`",
    capabilities: capabilities(false, false),
    conditions: &[
        "`envelope: true`: header_values is binary; not with `container`",
        "`url: file:-`: neither confirms nor stable_position",
    ],
    carries: PLAIN,
    settings: SETTINGS,
};

const ENVELOPE: &Table = &[
    (Part::Tombstone, Way::Own("no `payload`")),
    (Part::Key, Way::Own("`key`")),
    (Part::Id, Way::Own("`id`")),
    (Part::Time, Way::Own("`time`")),
    (Part::ContentType, Way::Own("`properties`")),
    (Part::ContentEncoding, Way::Own("`properties`")),
    (Part::Kind, Way::Own("`properties`")),
    (Part::CorrelationId, Way::Own("`properties`")),
    (Part::ReplyTo, Way::Own("`properties`")),
    (Part::Priority, Way::Own("`properties`")),
    (Part::Expiry, Way::Own("`properties`")),
    (Part::Address, Way::Own("`address`")),
    (Part::Dedup, Way::Lost("a file knows no deduplication")),
    (Part::Headers, Way::Own("`headers`")),
    (Part::BinaryHeaders, Way::Own("`headers`")),
    (Part::RepeatedHeaders, Way::Own("`headers`")),
];

/// A line without an envelope.
const NO_ENVELOPE: Way = Way::Lost("a line is the payload alone unless `envelope: true`");

const PLAIN: &Table = &[
    (
        Part::Tombstone,
        Way::Refused("a line of bare payload cannot be empty; set `envelope: true`"),
    ),
    (Part::Key, NO_ENVELOPE),
    (Part::Id, NO_ENVELOPE),
    (Part::Time, NO_ENVELOPE),
    (Part::ContentType, NO_ENVELOPE),
    (Part::ContentEncoding, NO_ENVELOPE),
    (Part::Kind, NO_ENVELOPE),
    (Part::CorrelationId, NO_ENVELOPE),
    (Part::ReplyTo, NO_ENVELOPE),
    (Part::Priority, NO_ENVELOPE),
    (Part::Expiry, NO_ENVELOPE),
    (Part::Address, NO_ENVELOPE),
    (Part::Dedup, NO_ENVELOPE),
    (Part::Headers, NO_ENVELOPE),
    (Part::BinaryHeaders, NO_ENVELOPE),
    (Part::RepeatedHeaders, NO_ENVELOPE),
];

/// A message of a container.
const NO_ROOM: Way = Way::Lost("a container holds payloads alone");

const CONTAINER: &Table = &[
    (
        Part::Tombstone,
        Way::Refused("a container holds payloads of its schema alone"),
    ),
    (Part::Key, NO_ROOM),
    (Part::Id, NO_ROOM),
    (Part::Time, NO_ROOM),
    (Part::ContentType, NO_ROOM),
    (Part::ContentEncoding, NO_ROOM),
    (Part::Kind, NO_ROOM),
    (Part::CorrelationId, NO_ROOM),
    (Part::ReplyTo, NO_ROOM),
    (Part::Priority, NO_ROOM),
    (Part::Expiry, NO_ROOM),
    (Part::Address, NO_ROOM),
    (Part::Dedup, NO_ROOM),
    (Part::Headers, NO_ROOM),
    (Part::BinaryHeaders, NO_ROOM),
    (Part::RepeatedHeaders, NO_ROOM),
];

const SETTINGS: &[SettingFact] = &[
    SettingFact::at_end(
        "envelope",
        "false",
        "Lines are envelopes, with key, headers and the rest, instead of bare payloads.",
    ),
    SettingFact::at_end(
        "container",
        "none",
        "`avro`: the channel is the object container file `<channel>.avro`. Its messages are single objects of Avro: the fingerprint of the file's schema, and the datum.",
    ),
    SettingFact::at_end(
        "schema",
        "none",
        "For a container that is written: the file with its schema, relative to the configuration.",
    ),
    SettingFact::at_end(
        "compression",
        "null",
        "How the blocks of a new container are compressed: `null`, `deflate`, `snappy` or `zstandard`.",
    ),
    SettingFact::at_end(
        "follow",
        "false",
        "At the end of the file, waits for more lines instead of ending.",
    ),
    SettingFact::at_end(
        "poll_interval_ms",
        "200",
        "How often a followed file is looked at, in milliseconds.",
    ),
    SettingFact::at_end(
        "max_line",
        "16MiB; with `envelope` 24MiB",
        "The most bytes a line may have, without its line feed, or a message of a container.",
    ),
    SettingFact::at_end(
        "sync",
        "always",
        "When written lines are made to reach the disk: `always` before they are confirmed; `unsafe_interval` now and then; `unsafe_never` leaves it to the system.",
    ),
    SettingFact::at_end(
        "sync_interval_ms",
        "1000",
        "With `sync: unsafe_interval`, how many milliseconds of confirmed messages a power failure may cost.",
    ),
    SettingFact::at_end(
        "confirm_timeout_ms",
        "30000",
        "After how many milliseconds a message that the disk has not taken is in doubt.",
    ),
    SettingFact::at_system(
        "places",
        ".dunlin in the folder",
        "The folder in which the places of groups are kept, relative to the configuration.",
    ),
];

/// What a file can do; standard input and output can do less, because nothing can be read or looked at again.
pub(crate) const fn capabilities(envelope: bool, standard: bool) -> Capabilities {
    Capabilities {
        header_values: if envelope {
            HeaderValues::Binary
        } else {
            HeaderValues::None
        },
        ordered_lanes: true,
        ordered_redelivery: true,
        ordered_batches: true,
        delayed_retry: false,
        broker_reject: false,
        confirms: !standard,
        dedup_by_id: false,
        stable_position: !standard,
        settling_deletes: false,
    }
}

/// A system as it was typed.
#[derive(Debug)]
pub(crate) struct Config {
    /// The folder of the channels; none for standard input and output.
    pub(crate) folder: Option<PathBuf>,
    /// Where the places of groups are kept.
    pub(crate) places: PathBuf,
    /// The folder of the configuration.
    base: PathBuf,
    formats: Formats,
    settings: Settings,
}

/// One end as it was typed, with what it takes over from its system.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// The channel's name; empty for standard input and output.
    pub(crate) channel: String,
    /// The channel's file, not yet looked at; none for standard input and output.
    pub(crate) path: Option<PathBuf>,
    pub(crate) envelope: bool,
    /// The container that the file is; none for a file of lines.
    pub(crate) container: Option<Kind>,
    pub(crate) follow: bool,
    pub(crate) poll_interval: Duration,
    pub(crate) max_line: usize,
    pub(crate) sync: Sync,
    pub(crate) confirm_timeout: Duration,
}

/// When written lines are made to reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Before they are confirmed.
    Always,
    /// This often; a power failure costs what was confirmed since.
    Interval(Duration),
    /// When the operating system likes.
    Never,
}

impl Config {
    pub(crate) fn new(opening: &Opening<'_>, formats: Formats) -> Result<Self> {
        opening.settings.only(SETTINGS)?;
        let base = Path::new(opening.base);
        let folder = match opening.rest() {
            "-" => None,
            "" => {
                return Err(Error::invalid(
                    "expected `file:DIR` or `file:-`, found no folder; `file:.` is the configuration's own",
                ));
            }
            rest if rest.contains('\0') => {
                return Err(Error::invalid(
                    "expected the path of a folder, found one with a NUL in it",
                ));
            }
            rest if rest.starts_with("//") && !rest.starts_with("///") => {
                return Err(Error::invalid(
                    "expected a folder of this machine, found a host; write `file:/path` or `file:path`",
                ));
            }
            rest => Some(absolute(&base.join(rest))?),
        };
        let places = match (opening.settings.get("places")?, &folder) {
            (Some(places), _) => absolute(&base.join(places))?,
            (None, Some(folder)) => folder.join(".dunlin"),
            (None, None) => PathBuf::new(),
        };
        let config = Self {
            folder,
            places,
            base: base.to_owned(),
            formats,
            settings: opening.settings.clone(),
        };
        config.read(&Settings::new(), String::new())?;
        Ok(config)
    }

    /// This end of the system.
    pub(crate) fn end(&self, endpoint: &Endpoint) -> Result<End> {
        endpoint.settings.only_at_end(SETTINGS)?;
        let channel = endpoint.channel.clone();
        let mut end = self.read(&endpoint.settings, channel)?;
        end.path = match &self.folder {
            Some(folder) => {
                let file = file_of(&end.channel, &end.ending("", ".ndjson"));
                Some(folder.join(file.map_err(|error| error.with("channel", &end.channel))?))
            }
            None if end.channel.is_empty() => None,
            None => {
                return Err(Error::invalid("expected no channel with `file:-`, found one")
                    .with("channel", &end.channel));
            }
        };
        Ok(end)
    }

    /// An end without its path.
    fn read(&self, settings: &Settings, channel: String) -> Result<End> {
        let settings = self.settings.overridden_by(settings);
        let container = Kind::read(&settings, self.formats, &self.base)?;
        let envelope = settings.flag("envelope")?.unwrap_or(false);
        let follow = settings.flag("follow")?.unwrap_or(false);
        if follow && self.folder.is_none() {
            return Err(Error::invalid(
                "expected no `follow` with `file:-`: a pipe is open until its writer closes it",
            )
            .with("setting", "follow"));
        }
        if container.is_some() && (envelope || self.folder.is_none()) {
            return Err(Error::invalid(
                "expected a container in a folder and without `envelope`, found one of both",
            )
            .with("setting", "container"));
        }
        let interval = settings.milliseconds("sync_interval_ms", 1_000, 0)?;
        let sync = settings
            .choice(
                "sync",
                &[
                    ("always", Sync::Always),
                    ("unsafe_interval", Sync::Interval(interval)),
                    ("unsafe_never", Sync::Never),
                ],
            )?
            .unwrap_or(Sync::Always);
        // A document of the largest size that is no line of JSON grows by a third in an envelope.
        let default_line = if envelope { 24 << 20 } else { 16 << 20 };
        Ok(End {
            channel,
            path: None,
            envelope,
            container,
            follow,
            poll_interval: settings.milliseconds("poll_interval_ms", 200, 1)?,
            max_line: settings.bytes("max_line")?.unwrap_or(default_line),
            sync,
            confirm_timeout: settings.milliseconds("confirm_timeout_ms", 30_000, 0)?,
        })
    }

    /// The folder below the places in which this group keeps its own.
    pub(crate) fn group(&self, group: &str) -> Result<PathBuf> {
        // A writer's notes stand beside the groups under a name with a dot in front.
        if group.is_empty() || group.starts_with('.') || group.len() > 255 || group.contains(['/', '\0']) {
            return Err(Error::invalid(
                "expected a group that can be the name of a folder, without `/` and not beginning with a dot",
            )
            .with("group", group));
        }
        Ok(self.places.join(group))
    }
}

impl End {
    /// How names of files end that belong to this channel. Those of a container have its format in front of `more`.
    pub(crate) fn ending(&self, more: &str, of_lines: &str) -> String {
        match &self.container {
            Some(container) => container.ending(more),
            None => of_lines.to_owned(),
        }
    }

    /// The most bytes a payload may have. In an envelope it must fit as base64, too, beside headers of some size.
    pub(crate) fn max_payload(&self) -> usize {
        if self.envelope {
            self.max_line / 3 * 2
        } else {
            self.max_line
        }
    }

    /// What this end can do. `real` is its path with all links followed, once somebody has looked.
    pub(crate) fn resolved(&self, real: Option<&Path>) -> Resolved {
        // Standard input and standard output are two channels under one address: no two ends of it are ever the same.
        static STANDARD: AtomicU64 = AtomicU64::new(0);
        let canonical = match real.or(self.path.as_deref()) {
            Some(path) => format!("file:{}", path.display()),
            None => format!("file:-#{}", STANDARD.fetch_add(1, Ordering::Relaxed)),
        };
        Resolved::new(
            capabilities(self.envelope, self.path.is_none()),
            Limits::default().payload(self.max_payload()),
            "file",
            canonical,
            match (&self.container, self.envelope) {
                (Some(_), _) => CONTAINER,
                (None, true) => ENVELOPE,
                (None, false) => PLAIN,
            },
        )
        .starting(Start::Earliest)
    }
}

/// The file of a channel, relative to the folder: a `/` in the name is a subfolder.
pub(crate) fn file_of(channel: &str, ending: &str) -> Result<PathBuf> {
    let plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.contains('\0') && part.len() <= 240
    };
    if !channel.split('/').all(plain) {
        return Err(Error::invalid(
            "expected the name of a file below the folder, without an empty part, `.`, `..` or NUL, each part of at most 240 bytes",
        ));
    }
    if channel.split('/').next() == Some(".dunlin") {
        return Err(Error::invalid(
            "expected a channel, found the folder in which places are kept",
        ));
    }
    Ok(PathBuf::from(format!("{channel}{ending}")))
}

/// The absolute path, with `.` and `..` taken out of the text; links are followed only once the disk may be touched.
fn absolute(path: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(path).map_err(|cause| {
        Error::invalid("expected a path that can be made absolute")
            .with("path", path.display())
            .caused_by(cause)
    })?;
    let mut plain = PathBuf::new();
    for part in whole.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
