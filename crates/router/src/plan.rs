//! What a configuration means: systems opened, ends resolved, capabilities checked, the guarantee of each route computed.
//!
//! A plan is made offline, so that `dunlin check` and `dunlin run` judge by the same rules. It holds everything that the
//! loop of a route needs, and nothing that has to be looked up again. It promises nothing about the world outside: that a
//! channel exists is asked when the route starts.

mod build;
mod by_hand;
mod condition;
mod ends;
mod graph;
mod guarantee;
mod migrations;
mod registries;
mod rules;
mod systems;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::finding::{Findings, Place};
use dunlin_core::messaging::{MessagingSystem, Resolved, Room, Source, Target};
use dunlin_core::migration::fused::Engine;
use dunlin_core::migration::{Limits, Migration};
use dunlin_schemas::registry::{Purpose as RegistryPurpose, Registries};

use crate::address::AddressTemplate;
use crate::secrets::RouteSecrets;

pub use crate::config::{
    AppliedRecord, Drops, EmptyPayload, OnError, Order, ReportDetail, Unmatched, Unroutable,
};
pub use condition::Condition;
pub use guarantee::{Guarantee, Level};
pub use registries::registries;

/// A configuration that can be run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Plan {
    /// The systems by their names in the configuration, those without a route included.
    pub systems: BTreeMap<String, PlannedSystem>,
    /// The routes in the order of their names.
    pub routes: Vec<RoutePlan>,
    /// The schema registries.
    pub registries: Registries,
    /// What the author of the configuration will want to know although it can be run.
    pub warnings: Findings,
}

impl Plan {
    /// The same plan, with this engine for the migrations of all its routes.
    #[must_use]
    pub fn by_engine(mut self, engine: Engine) -> Self {
        for choice in self.routes.iter_mut().flat_map(|route| &mut route.migrations) {
            choice.engine = engine;
        }
        self
    }
}

/// A system that was opened and not yet connected.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlannedSystem {
    /// Its name in the configuration.
    pub name: String,
    /// The system.
    pub system: Arc<dyn MessagingSystem>,
    /// What it is to be called in deduplication ids, where the configuration says so; else each end's own word is used.
    pub identity: Option<String>,
    /// Whether its own settings let it make channels that are missing, where an end says nothing else.
    pub makes_channels: bool,
}

/// The setting by which all systems with channels to make are told whether to, and the word for it.
pub(crate) const TOPOLOGY: &str = "topology";
pub(crate) const CREATE: &str = "create";

/// One route with everything that its loop needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RoutePlan {
    /// Its name in the configuration: what people are shown.
    pub name: String,
    /// What deduplication ids, the default group and the producer are made from. It is the name unless the configuration
    /// keeps an older one by `id:`.
    pub id: String,
    /// Where the configuration describes it.
    pub place: Place,
    /// Where its messages come from.
    pub from: SourcePlan,
    /// The migrations, of which the first whose condition holds is taken. Empty for a plain bridge.
    pub migrations: Vec<MigrationChoice>,
    /// What becomes of a message that no condition fits.
    pub unmatched: Unmatched,
    /// Where its messages go.
    pub to: TargetPlan,
    /// Where it tells what was done to each message.
    pub report: Option<ReportPlan>,
    /// Where failed messages go.
    pub dead_letter: Option<EndPlan>,
    /// What becomes of a failed message without a dead letter.
    pub on_error: OnError,
    /// Whether a message that the target calls unroutable, or whose address cannot be made, is a failed message. Else the
    /// route is down, as with any channel that is missing.
    pub unroutable: Unroutable,
    /// What is promised about order, as far as the source can keep it.
    pub order: Order,
    /// Unconfirmed messages and bytes at most.
    pub window: Room,
    /// Messages of one receive, and of one send, at most.
    pub batch: usize,
    /// Raised by a person to send history again as new messages.
    pub epoch: u64,
    /// What becomes of a message without payload.
    pub empty_payload: EmptyPayload,
    /// Whether a migration may drop messages.
    pub drops: Drops,
    /// When a run of failures stops the route.
    pub breaker: Breaker,
    /// How the applied record of an arriving message is taken.
    pub applied_record: AppliedRecord,
    /// Target and source are the same channel: what is done already is settled and not forwarded again.
    pub own_channel: bool,
    /// The greatest `dunlin-hops` that is still forwarded.
    pub max_hops: u32,
    /// What a document may be at most.
    pub limits: Limits,
    /// Whether outgoing messages get a deduplication id.
    pub dedup: Dedup,
    /// How a temporary failure of a send is tried again.
    pub retry: RetryPlan,
    /// How long a stop waits for what is in flight; the rest stays unacknowledged.
    pub drain: Duration,
    /// The secrets that transformations name.
    pub secrets: Arc<RouteSecrets>,
    /// The schema registries that its migrations may name.
    pub registries: Registries,
    /// Whether schemas are registered that migrations want registered.
    pub registry_purpose: RegistryPurpose,
    /// What may be said about loss and duplicates, and why not more.
    pub guarantee: Guarantee,
    /// What people are told about this route although nothing is wrong with it: one sentence each.
    pub notes: Vec<String>,
}

/// The end that a route receives from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SourcePlan {
    /// The system's name in the configuration.
    pub system: String,
    /// The channel as it was written.
    pub channel: String,
    /// What the session is asked for.
    pub source: Source,
    /// What the end was found to be, offline.
    pub resolved: Resolved,
    /// The source system's identity in deduplication ids: the override of the configuration, or what the end says.
    pub identity: String,
}

/// The end that a route sends to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TargetPlan {
    /// Which end it is.
    pub end: EndPlan,
    /// The way each message goes.
    pub address: AddressPlan,
}

/// An end that something is sent to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndPlan {
    /// The system's name in the configuration.
    pub system: String,
    /// The channel as it was written.
    pub channel: String,
    /// What the session is asked for.
    pub target: Target,
    /// What the end was found to be, offline.
    pub resolved: Resolved,
}

/// The way (routing key, subject) a forwarded message goes.
#[derive(Clone, Debug)]
pub enum AddressPlan {
    /// The target's own: none is given.
    Own,
    /// That of the delivery; the target's own where it has none.
    Same,
    /// Made from the message, and allowed only if it fits the list.
    Template(AddressTemplate),
}

/// One of a route's migrations, and when it is taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MigrationChoice {
    /// When it is taken; none: always.
    pub when: Option<Condition>,
    /// The migration's file, as it was written.
    pub file: String,
    /// The migration.
    pub migration: Arc<Migration>,
    /// What takes messages through it.
    pub engine: Engine,
}

/// Where a route tells what was done to each message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReportPlan {
    /// The end it is sent to.
    pub end: EndPlan,
    /// How much it lists.
    pub detail: ReportDetail,
}

/// When a run of failures stops the route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker {
    /// This many failures in a row; none: never.
    pub row: Option<u32>,
    /// This share of the last [`Breaker::SPAN`] messages, above 0 and at most 1; none: never.
    pub share: Option<f64>,
}

impl Breaker {
    /// The number of messages that the share is taken of; before that many were seen it stops nothing.
    pub const SPAN: usize = 1_000;
}

/// Whether outgoing messages get a deduplication id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dedup {
    /// Made from the route's id, the epoch and the source position.
    ByPosition,
    /// None: the source has no stable position.
    None,
}

/// How a temporary failure of a send is tried again, in place, while the lane is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub cap: Duration,
    /// After this many attempts the message is given back to the source; none: it is held until the target takes it.
    pub attempts: Option<u32>,
}
