//! Plans that a program makes itself, without a configuration. They begin as a plain bridge with every default; what should be
//! otherwise is a public field.
//!
//! Nothing is checked here that the configuration's checks refuse: who makes a plan by hand answers for it.

use std::sync::Arc;
use std::time::Duration;

use dunlin_core::error::Result;
use dunlin_core::finding::{Findings, Place};
use dunlin_core::messaging::{Endpoint, MessagingSystem, Room, Source, Target};
use dunlin_core::migration::fused::Engine;
use dunlin_core::migration::{Limits, Migration};
use dunlin_schemas::registry::{Purpose as RegistryPurpose, Registries};

use super::{
    AddressPlan, AppliedRecord, Breaker, Condition, Dedup, Drops, EmptyPayload, EndPlan, Guarantee,
    MigrationChoice, OnError, Order, Plan, PlannedSystem, ReportDetail, ReportPlan, RetryPlan, RoutePlan,
    SourcePlan, TargetPlan, Unmatched, Unroutable,
};

impl Plan {
    /// These routes over these systems.
    pub fn by_hand(
        systems: impl IntoIterator<Item = PlannedSystem>,
        routes: impl IntoIterator<Item = RoutePlan>,
    ) -> Self {
        Self {
            systems: systems
                .into_iter()
                .map(|system| (system.name.clone(), system))
                .collect(),
            routes: routes.into_iter().collect(),
            registries: Registries::default(),
            warnings: Findings::new(),
        }
    }
}

impl PlannedSystem {
    /// This system, under this name.
    pub fn of(name: impl Into<String>, system: Arc<dyn MessagingSystem>) -> Self {
        Self {
            name: name.into(),
            system,
            identity: None,
            makes_channels: false,
        }
    }
}

impl SourcePlan {
    /// This channel of a system, for this group.
    ///
    /// # Errors
    /// The system cannot have such an end.
    pub fn of(system: &PlannedSystem, endpoint: Endpoint, group: impl Into<String>) -> Result<Self> {
        let resolved = system.system.resolve(&endpoint)?;
        Ok(Self {
            system: system.name.clone(),
            channel: endpoint.channel.clone(),
            identity: system
                .identity
                .clone()
                .unwrap_or_else(|| resolved.identity.clone()),
            source: Source::new(endpoint, group),
            resolved,
        })
    }
}

impl EndPlan {
    /// This channel of a system, for this producer.
    ///
    /// # Errors
    /// The system cannot have such an end.
    pub fn of(system: &PlannedSystem, endpoint: Endpoint, producer: impl Into<String>) -> Result<Self> {
        let resolved = system.system.resolve(&endpoint)?;
        Ok(Self {
            system: system.name.clone(),
            channel: endpoint.channel.clone(),
            target: Target::new(endpoint, producer),
            resolved,
        })
    }
}

impl ReportPlan {
    /// Reports at this end, in so much detail.
    pub fn of(end: EndPlan, detail: ReportDetail) -> Self {
        Self { end, detail }
    }
}

impl MigrationChoice {
    /// This migration, for every message.
    pub fn always(migration: Arc<Migration>) -> Self {
        Self {
            when: None,
            file: migration.name().to_owned(),
            migration,
            engine: Engine::default(),
        }
    }

    /// This migration, for the messages of which this condition holds.
    ///
    /// # Errors
    /// What is wrong with the condition.
    pub fn when(condition: &str, migration: Arc<Migration>) -> Result<Self, Findings> {
        let mut findings = Findings::new();
        match Condition::compile(condition, &Place::whole("when"), &mut findings) {
            Some(condition) => Ok(Self {
                when: Some(condition),
                ..Self::always(migration)
            }),
            None => Err(findings),
        }
    }
}

impl RoutePlan {
    /// A plain bridge between these ends, with every default of the configuration.
    pub fn bridge(name: impl Into<String>, from: SourcePlan, to: EndPlan) -> Self {
        let name = name.into();
        Self {
            id: name.clone(),
            place: Place::whole(name.clone()),
            name,
            migrations: Vec::new(),
            unmatched: Unmatched::Pass,
            report: None,
            dead_letter: None,
            on_error: OnError::Stop,
            unroutable: Unroutable::Down,
            order: Order::PerLane,
            window: Room {
                messages: 4096,
                bytes: 64 << 20,
            },
            batch: 256,
            epoch: 0,
            empty_payload: EmptyPayload::Forward,
            drops: Drops::Forbid,
            breaker: Breaker {
                row: Some(100),
                share: Some(0.5),
            },
            applied_record: AppliedRecord::Trust,
            own_channel: from.system == to.system && from.resolved.canonical == to.resolved.canonical,
            max_hops: 8,
            limits: Limits::default(),
            dedup: if from.resolved.capabilities.stable_position {
                Dedup::ByPosition
            } else {
                Dedup::None
            },
            retry: RetryPlan {
                first: Duration::from_millis(100),
                cap: Duration::from_secs(30),
                attempts: None,
            },
            drain: Duration::from_secs(30),
            secrets: Arc::default(),
            registries: Registries::default(),
            registry_purpose: RegistryPurpose::Run,
            guarantee: Guarantee::between(&from.resolved, &to.resolved),
            notes: Vec::new(),
            to: TargetPlan {
                end: to,
                address: AddressPlan::Own,
            },
            from,
        }
    }
}
