//! What was typed for a channel of the in-process system, and what it means.

use std::time::Duration;

use crate::capability::{Capabilities, HeaderValues, Limits};
use crate::carried::{Part, Table, Way};
use crate::error::{Error, ErrorKind, Result};
use crate::settings::{SettingFact, Settings};

/// What a channel can do where no setting says otherwise.
pub(super) const DEFAULT: Capabilities = Capabilities {
    header_values: HeaderValues::Binary,
    ordered_lanes: true,
    ordered_redelivery: true,
    ordered_batches: true,
    delayed_retry: true,
    broker_reject: true,
    confirms: true,
    dedup_by_id: true,
    stable_position: true,
    settling_deletes: false,
};

/// A message is kept as it is handed over, so nothing of it needs another place.
pub(super) const CARRIES: &Table = &kept(Way::Own("kept"));

/// The same without headers.
pub(super) const CARRIES_NO_HEADERS: &Table = &kept(Way::Lost("`header_values: none`"));

const fn kept(headers: Way) -> [(Part, Way); Part::ALL.len()] {
    let mut table = [(Part::Key, Way::Own("kept")); Part::ALL.len()];
    let mut row = 0;
    while row < table.len() {
        table[row].0 = Part::ALL[row];
        if matches!(
            Part::ALL[row],
            Part::Headers | Part::BinaryHeaders | Part::RepeatedHeaders
        ) {
            table[row].1 = headers;
        }
        row += 1;
    }
    table
}

/// Every setting, all of which may stand at the system or at one end.
pub(super) const SETTINGS: &[SettingFact] = &[
    SettingFact::at_end(
        "mode",
        "log",
        "`log` keeps messages and remembers a place per group; `queue` deletes what is settled, for everyone.",
    ),
    SettingFact::at_end(
        "lanes",
        "1",
        "The number of lanes; a message's key chooses its lane.",
    ),
    SettingFact::at_end(
        "capabilities",
        "all",
        "Capabilities to do without, each with a minus in front, such as `-confirms,-dedup_by_id`.",
    ),
    SettingFact::at_end(
        "header_values",
        "binary",
        "What a header may hold: `none`, `text` or `binary`.",
    ),
    SettingFact::at_end(
        "must_exist",
        "false",
        "Refuses a channel that was not made before, instead of making it.",
    ),
    SettingFact::at_end(
        "topology",
        "verify",
        "With `must_exist`: `create` makes a missing channel when a route starts, and says so; `verify` does not.",
    ),
    SettingFact::at_end(
        "addresses",
        "any",
        "The addresses that are routed, separated by commas, each a text or a beginning followed by `*`.",
    ),
    SettingFact::at_end("payload_limit", "none", "The largest payload, in bytes."),
    SettingFact::at_end(
        "headers_limit",
        "none",
        "The largest size of all header names and values together, in bytes.",
    ),
    SettingFact::at_end("batch_limit", "none", "The most messages of one batch."),
    SettingFact::at_end(
        "unsettled_limit",
        "none",
        "The most deliveries that one receiver may hold unsettled.",
    ),
    SettingFact::at_end(
        "depth_limit",
        "none",
        "The most messages in a queue; what happens then is said by `full`.",
    ),
    SettingFact::at_end(
        "full",
        "refuse",
        "What a full queue does: `refuse` each message, or let `send` `wait` for room.",
    ),
    SettingFact::at_end(
        "retain",
        "all",
        "The most messages that each lane of a log keeps; the oldest go first, read or not.",
    ),
    SettingFact::at_end(
        "dedup_window",
        "100000",
        "The number of deduplication ids that a channel remembers.",
    ),
    SettingFact::at_end(
        "reject_to",
        "CHANNEL.rejected",
        "The channel that takes what was rejected.",
    ),
    SettingFact::at_end(
        "confirm_timeout_ms",
        "30000",
        "The longest wait for a confirm, in milliseconds.",
    ),
    SettingFact::at_end(
        "revoke_deadline_ms",
        "5000",
        "The time that a receiver has to settle what is in flight on a lane that goes to another, in milliseconds.",
    ),
];

/// What the settings of a channel mean. The first end that makes the channel fixes it; see [`Config::agrees`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) lanes: usize,
    pub(super) capabilities: Capabilities,
    pub(super) limits: Limits,
    pub(super) must_exist: bool,
    pub(super) declared: bool,
    pub(super) addresses: Option<Vec<String>>,
    pub(super) depth: Option<usize>,
    pub(super) wait_when_full: bool,
    pub(super) retain: Option<usize>,
    pub(super) dedup_window: usize,
    pub(super) reject_to: String,
    pub(super) confirm_timeout: Duration,
    pub(super) revoke_deadline: Duration,
}

impl Config {
    /// Reads the settings of a channel; those of the end are in front already.
    pub(super) fn read(settings: &Settings, channel: &str) -> Result<Self> {
        settings.only(SETTINGS)?;
        let queue = settings
            .choice("mode", &[("log", false), ("queue", true)])?
            .unwrap_or(false);
        let lanes = count(settings, "lanes")?.unwrap_or(1);
        if !(1..=1024).contains(&lanes) {
            return Err(invalid("lanes", format!("expected 1 to 1024, found {lanes}")));
        }
        let depth = count(settings, "depth_limit")?;
        let retain = count(settings, "retain")?;
        if depth.is_some() && !queue {
            return Err(invalid(
                "depth_limit",
                "expected mode `queue`, found `log`, which never empties by settling; use `retain`",
            ));
        }
        if retain.is_some() && queue {
            return Err(invalid(
                "retain",
                "expected mode `log`, found `queue`; use `depth_limit`",
            ));
        }
        if depth == Some(0) || retain == Some(0) {
            let name = if depth == Some(0) { "depth_limit" } else { "retain" };
            return Err(invalid(name, "expected at least 1, found 0"));
        }
        let mut capabilities = DEFAULT;
        capabilities.settling_deletes = queue;
        if let Some(without) = settings.get("capabilities")? {
            switch_off(&mut capabilities, &without)?;
        }
        if let Some(values) = settings.choice(
            "header_values",
            &[
                ("none", HeaderValues::None),
                ("text", HeaderValues::Text),
                ("binary", HeaderValues::Binary),
            ],
        )? {
            capabilities.header_values = values;
        }
        let limits = Limits {
            payload: count(settings, "payload_limit")?,
            headers: count(settings, "headers_limit")?,
            batch: count(settings, "batch_limit")?,
            unsettled: count(settings, "unsettled_limit")?,
        };
        let millis = |name, default| -> Result<Duration> {
            Ok(Duration::from_millis(settings.number(name)?.unwrap_or(default)))
        };
        Ok(Self {
            lanes,
            capabilities,
            limits,
            must_exist: settings.flag("must_exist")?.unwrap_or(false),
            declared: settings
                .choice("topology", &[("verify", false), ("create", true)])?
                .unwrap_or(false),
            addresses: settings
                .get("addresses")?
                .filter(|list| list != "any")
                .map(|list| list.split(',').map(|one| one.trim().to_owned()).collect()),
            depth,
            wait_when_full: settings
                .choice("full", &[("refuse", false), ("wait", true)])?
                .unwrap_or(false),
            retain,
            dedup_window: count(settings, "dedup_window")?.unwrap_or(100_000),
            reject_to: settings
                .get("reject_to")?
                .unwrap_or_else(|| format!("{channel}.rejected")),
            confirm_timeout: millis("confirm_timeout_ms", 30_000)?,
            revoke_deadline: millis("revoke_deadline_ms", 5_000)?,
        })
    }

    /// Refuses an end that asks for another channel than the one that is there.
    ///
    /// Two ends of one channel that read different things out of their settings would each promise what the other
    /// breaks, so they are refused instead of the later one silently losing.
    pub(super) fn agrees(&self, asked: &Self, channel: &str, operation: &'static str) -> Result<()> {
        let differs = if self.capabilities.settling_deletes != asked.capabilities.settling_deletes {
            "mode"
        } else if self.lanes != asked.lanes {
            "lanes"
        } else if self.capabilities.header_values != asked.capabilities.header_values {
            "header_values"
        } else if self.capabilities != asked.capabilities {
            "capabilities"
        } else if self.limits != asked.limits {
            "limits"
        } else if (self.depth, self.wait_when_full, self.retain)
            != (asked.depth, asked.wait_when_full, asked.retain)
        {
            "depth_limit, full or retain"
        } else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::InvalidSetting,
            operation,
            "expected the settings that the channel was made with; give both ends the same, or set them at the system",
        )
        .with("channel", channel)
        .with("setting", differs))
    }

    /// Whether a message of this address is routed to the channel.
    pub(super) fn routes(&self, address: Option<&[u8]>) -> bool {
        let (Some(routed), Some(address)) = (&self.addresses, address) else {
            return true;
        };
        routed.iter().any(|one| match one.strip_suffix('*') {
            Some(beginning) => address.starts_with(beginning.as_bytes()),
            None => address == one.as_bytes(),
        })
    }
}

fn switch_off(capabilities: &mut Capabilities, without: &str) -> Result<()> {
    for item in without.split(',').map(str::trim).filter(|item| *item != "all") {
        let fact = match item {
            "-ordered_lanes" => &mut capabilities.ordered_lanes,
            "-ordered_redelivery" => &mut capabilities.ordered_redelivery,
            "-ordered_batches" => &mut capabilities.ordered_batches,
            "-delayed_retry" => &mut capabilities.delayed_retry,
            "-broker_reject" => &mut capabilities.broker_reject,
            "-confirms" => &mut capabilities.confirms,
            "-dedup_by_id" => &mut capabilities.dedup_by_id,
            "-stable_position" => &mut capabilities.stable_position,
            other => {
                return Err(invalid(
                    "capabilities",
                    format!(
                        "expected `all`, or capabilities with a minus in front, out of ordered_lanes, \
                         ordered_redelivery, ordered_batches, delayed_retry, broker_reject, confirms, dedup_by_id and \
                         stable_position, found `{other}`; settling_deletes goes by `mode`, and header_values is a \
                         setting of its own"
                    ),
                ));
            }
        };
        *fact = false;
    }
    Ok(())
}

fn count(settings: &Settings, name: &'static str) -> Result<Option<usize>> {
    settings
        .number(name)?
        .map(|number| {
            usize::try_from(number).map_err(|_| invalid(name, "expected a number that fits this machine"))
        })
        .transpose()
}

fn invalid(name: &'static str, message: impl Into<String>) -> Error {
    Error::invalid(message.into()).with("setting", name)
}
