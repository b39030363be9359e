//! Named places between two stages of a route, at which a test can end the program as a crash would.
//!
//! A route promises that no message is lost wherever it dies. That can be shown only by dying everywhere, so the places
//! come in through the constructor instead of being compiled in for tests alone: what was tested is what runs.

use std::fmt;

/// A place between two stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailPoint {
    /// A batch was received, and nothing was done with it.
    AfterReceive,
    /// While a message is migrated: a panic here is one of the migration, and is caught.
    InMigrate,
    /// A message was migrated, and nothing of it was sent.
    AfterMigrate,
    /// A batch was taken by a client, and no answer has come.
    AfterSend,
    /// The target has confirmed a batch.
    AfterConfirm,
    /// Reports were confirmed.
    AfterReport,
    /// Dead letters were confirmed.
    AfterDeadLetter,
    /// Verdicts are ready, and none was handed over.
    BeforeSettle,
    /// Verdicts were taken by the source.
    AfterSettle,
}

impl FailPoint {
    /// All of them, in the order in which a message passes them.
    pub const ALL: [Self; 9] = [
        Self::AfterReceive,
        Self::InMigrate,
        Self::AfterMigrate,
        Self::AfterSend,
        Self::AfterConfirm,
        Self::AfterReport,
        Self::AfterDeadLetter,
        Self::BeforeSettle,
        Self::AfterSettle,
    ];
}

/// What happens at a fail point.
pub trait FailPoints: fmt::Debug + Send + Sync {
    /// Called whenever a route comes by. It returns, or ends the route: by a panic, or with the whole process.
    fn reach(&self, point: FailPoint);
}

/// Nothing ever happens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFailPoints;

impl FailPoints for NoFailPoints {
    fn reach(&self, _: FailPoint) {}
}
