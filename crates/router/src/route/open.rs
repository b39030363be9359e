//! How a route begins: every end is asked whether it is what the plan says, and only then is one opened.

use std::collections::HashMap;
use std::sync::Arc;

use dunlin_core::clock::Clock;
use dunlin_core::error::Result;
use dunlin_core::messaging::{Endpoint, Purpose, Receiver, Resolved, Sender, Session, Settler};

use super::Route;
use super::choices::Migrations;
use super::ended::{End, RouteError};
use super::in_flight::InFlight;
use super::intake::Intake;
use super::judge::Judge;
use super::lookup::Lookup;
use super::outputs::{Outputs, Senders};
use super::settling::Settling;
use super::standing::systems_of;
use crate::breaker::FailureWatch;
use crate::fail_points::FailPoints;
use crate::plan::{EndPlan, RoutePlan};
use crate::progress::Progress;
use crate::registries::fetch_for;
use crate::sessions::Sessions;
use crate::shutdown::Shutdown;

/// What a route is made with, apart from its plan.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fail_points: Arc<dyn FailPoints>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) shutdown: Shutdown,
    pub(crate) migrations: Migrations,
}

impl Route {
    /// Fetches the schemas of the migrations, verifies every end, and opens them.
    pub(crate) async fn open(
        plan: Arc<RoutePlan>,
        sessions: &Sessions,
        around: Surroundings,
    ) -> Result<Self, RouteError> {
        let events = sessions.listen(systems_of(&plan));
        // Nothing is received before the schemas are there.
        for choice in &plan.migrations {
            let clock = &*around.clock;
            fetch_for(
                &choice.migration,
                None,
                &plan.registries,
                plan.registry_purpose,
                clock,
            )
            .await
            .map_err(RouteError::Registry)?;
        }
        let opened = open(&plan, sessions).await?;
        let Surroundings {
            clock,
            fail_points,
            progress,
            shutdown,
            migrations,
        } = around;
        Ok(Self {
            judge: Judge::new(
                Arc::clone(&plan),
                Arc::clone(&clock),
                Arc::clone(&fail_points),
                Arc::clone(&progress),
            ),
            receiver: opened.receiver,
            settling: Settling::new(opened.settler, &plan.retry, Arc::clone(&clock)),
            outputs: Outputs::new(opened.senders, &plan, &clock),
            intake: Intake::new(&plan.retry),
            lookup: Lookup::new(&plan, &clock),
            in_flight: InFlight::new(
                plan.window,
                plan.batch,
                !plan.from.resolved.capabilities.settling_deletes,
            ),
            batch: Vec::with_capacity(plan.batch),
            breaker: FailureWatch::new(plan.breaker),
            returned: HashMap::new(),
            migrations,
            ending: None,
            plan,
            clock,
            fail_points,
            progress,
            shutdown,
            events,
        })
    }
}

/// What a route works with.
struct Opened {
    receiver: Box<dyn Receiver>,
    settler: Box<dyn Settler>,
    senders: Senders,
}

/// Verifies every end of the route, the dead letter too, then opens the senders, then the receiver.
///
/// # Errors
/// The first end that cannot be used, or that can do less than was planned. Nothing was received then.
async fn open(plan: &RoutePlan, sessions: &Sessions) -> Result<Opened, RouteError> {
    let from = &plan.from;
    let source = Side {
        end: End::Source,
        system: &from.system,
        channel: &from.channel,
        endpoint: &from.source.endpoint,
        planned: &from.resolved,
    };
    let report = plan.report.as_ref().map(|report| &report.end);
    let outputs = [
        (End::Target, Some(&plan.to.end)),
        (End::Report, report),
        (End::DeadLetter, plan.dead_letter.as_ref()),
    ];
    let (source_session, found) = source.verified(sessions, Purpose::Receive).await?;
    for (end, output) in outputs {
        if let Some(output) = output {
            let (_, output) = Side::of(end, output).verified(sessions, Purpose::Send).await?;
            if output.canonical == found.canonical && !(plan.own_channel && end == End::Target) {
                return Err(RouteError::OwnChannel {
                    end,
                    channel: output.canonical,
                });
            }
        }
    }
    let senders = Senders {
        target: sender(End::Target, &plan.to.end, sessions).await?,
        report: optional_sender(End::Report, report, sessions).await?,
        dead_letter: optional_sender(End::DeadLetter, plan.dead_letter.as_ref(), sessions).await?,
    };
    let opened = source_session.receiver(&from.source).await;
    let (receiver, settler) = opened.map_err(|error| source.unusable(error))?;
    Ok(Opened {
        receiver,
        settler,
        senders,
    })
}

async fn optional_sender(
    end: End,
    plan: Option<&EndPlan>,
    sessions: &Sessions,
) -> Result<Option<Box<dyn Sender>>, RouteError> {
    match plan {
        Some(plan) => sender(end, plan, sessions).await.map(Some),
        None => Ok(None),
    }
}

async fn sender(end: End, plan: &EndPlan, sessions: &Sessions) -> Result<Box<dyn Sender>, RouteError> {
    let side = Side::of(end, plan);
    let session = side.session(sessions).await?;
    session
        .sender(&plan.target)
        .await
        .map_err(|error| side.unusable(error))
}

/// One end with what the plan says of it.
struct Side<'a> {
    end: End,
    system: &'a str,
    channel: &'a str,
    endpoint: &'a Endpoint,
    planned: &'a Resolved,
}

impl<'a> Side<'a> {
    fn of(end: End, plan: &'a EndPlan) -> Self {
        Self {
            end,
            system: &plan.system,
            channel: &plan.channel,
            endpoint: &plan.target.endpoint,
            planned: &plan.resolved,
        }
    }

    async fn session(&self, sessions: &Sessions) -> Result<Arc<dyn Session>, RouteError> {
        sessions
            .get(self.system)
            .await
            .map_err(|error| RouteError::Connect {
                system: self.system.to_owned(),
                error,
            })
    }

    /// Makes what is missing, where the end's settings say so, and asks whether the end is what was planned.
    async fn verified(
        &self,
        sessions: &Sessions,
        purpose: Purpose,
    ) -> Result<(Arc<dyn Session>, Resolved), RouteError> {
        let session = self.session(sessions).await?;
        if let Some(declare) = session.declare() {
            let made = declare.declare(self.endpoint, purpose).await;
            for made in made.map_err(|error| self.unusable(error))? {
                tracing::warn!(channel = self.name(), "{made}");
            }
        }
        let found = session.verify(self.endpoint, purpose).await;
        let found = found.map_err(|error| self.unusable(error))?;
        let missing = self.planned.capabilities.missing_in(&found.capabilities);
        if !missing.is_empty() {
            return Err(RouteError::Downgrade {
                end: self.end,
                channel: self.name(),
                missing,
            });
        }
        Ok((session, found))
    }

    fn unusable(&self, error: dunlin_core::error::Error) -> RouteError {
        RouteError::Unusable {
            end: self.end,
            channel: self.name(),
            error,
        }
    }

    fn name(&self) -> String {
        format!("{}/{}", self.system, self.channel)
    }
}
