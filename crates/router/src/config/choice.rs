//! The words that people choose from.

use serde::{Deserialize, Serialize};

/// What becomes of a message that no condition of `migrate` fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// It is forwarded as it is.
    Pass,
    /// It is acknowledged and counted.
    Drop,
    /// It is a failed message.
    DeadLetter,
}

/// How much a report lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportDetail {
    /// `applied` and `dropped` one by one, the rest as counts.
    Changes,
    /// Every transformation.
    All,
    /// Counts alone.
    Count,
}

/// What becomes of a failed message without a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The route ends with the error, the message stays unacknowledged.
    Stop,
    /// The original bytes go to the target, with the headers of a dead letter.
    UnsafeForward,
}

/// What becomes of a message that the target has no way for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unroutable {
    /// The route is down and says so; nothing is settled.
    Down,
    /// It is a failed message.
    DeadLetter,
}

/// What is promised about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Nothing.
    None,
    /// Kept inside a lane while nothing fails.
    PerLane,
    /// Kept inside a lane through failures.
    Strict,
}

/// What becomes of a message without payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyPayload {
    /// It is migrated, as far as operations on headers go, and forwarded.
    Forward,
    /// It is acknowledged and counted.
    Drop,
    /// It is a failed message.
    Fail,
}

/// Whether a migration may drop messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drops {
    /// It may not; a plan with one that could is refused.
    Forbid,
    /// It may.
    Allow,
}

/// How the applied record of an arriving message is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AppliedRecord {
    /// What it says is behind is not done again.
    Trust,
    /// Messages are unmigrated whatever they say.
    Ignore,
    /// A message without one fails.
    Required,
}
