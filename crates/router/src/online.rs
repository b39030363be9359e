//! What the systems themselves say of a plan, before it runs: each end as it is, and how much a route would read.
//!
//! Nothing is consumed and nothing is made. An answer that does not come is reported as such, and the others are asked all
//! the same.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::error::{Error, ErrorKind, Result};
use dunlin_core::messaging::{ChannelState, Endpoint, Purpose, Resolved};
use futures_util::future::{Either, select};

use crate::plan::{CREATE, EndPlan, Plan, RoutePlan, TOPOLOGY};
use crate::sessions::Sessions;

/// A route as its systems see it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Online {
    /// The route's name.
    pub route: String,
    /// Its ends in the order of the way.
    pub ends: Vec<EndOnline>,
    /// How much it would read, or why that cannot be told.
    pub source: Result<ChannelState, String>,
}

/// One end, asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct EndOnline {
    /// Its key in the route: `from`, `to`, `report`, `dead_letter`.
    pub key: &'static str,
    /// The system's name and the channel, as `system/channel`.
    pub channel: String,
    /// How it stands.
    pub standing: Standing,
}

/// How an end stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there and can be used as planned.
    There,
    /// It is not there, and the route makes it when it starts, because its settings say `topology: create`.
    ToBeMade,
    /// It is not there, and comes to be when it is sent to.
    MadeBySending,
    /// It cannot be used, for this reason.
    Unusable(String),
}

/// Asks every end of every route. Each answer is waited for no longer than `patience`.
pub async fn online(plan: &Plan, clock: &Arc<dyn Clock>, patience: Duration) -> Vec<Online> {
    let sessions = Sessions::new(plan.systems.values());
    let asking = Asking {
        plan,
        sessions: &sessions,
        clock,
        patience,
    };
    let mut routes = Vec::new();
    for route in &plan.routes {
        routes.push(asking.route(route).await);
    }
    for (system, error) in sessions.close(&**clock).await {
        tracing::warn!(system, %error, "a session did not close as it should");
    }
    routes
}

struct Asking<'a> {
    plan: &'a Plan,
    sessions: &'a Sessions,
    clock: &'a Arc<dyn Clock>,
    patience: Duration,
}

impl Asking<'_> {
    async fn route(&self, route: &RoutePlan) -> Online {
        let from = &route.from;
        let endpoint = &from.source.endpoint;
        let source = self.end(
            "from",
            &from.system,
            &from.channel,
            endpoint,
            &from.resolved,
            Purpose::Receive,
        );
        let mut ends = vec![source.await];
        let outputs = [
            ("to", Some(&route.to.end)),
            ("report", route.report.as_ref().map(|report| &report.end)),
            ("dead_letter", route.dead_letter.as_ref()),
        ];
        for (key, output) in outputs {
            if let Some(EndPlan {
                system,
                channel,
                target,
                resolved,
            }) = output
            {
                let end = self.end(key, system, channel, &target.endpoint, resolved, Purpose::Send);
                ends.push(end.await);
            }
        }
        let inspected = self.within(async {
            let session = self.sessions.get(&from.system).await?;
            session.inspect(endpoint, Some(&from.source.group)).await
        });
        // What the route makes when it starts is empty until then, and asking for more would only say that it is missing.
        let is_made = ends.first().is_some_and(|end| end.standing == Standing::ToBeMade);
        let source = match is_made {
            true => {
                let mut nothing = ChannelState::default();
                nothing.depth = Some(0);
                Ok(nothing)
            }
            false => inspected.await.map_err(|error| error.to_string()),
        };
        Online {
            route: route.name.clone(),
            ends,
            source,
        }
    }

    async fn end(
        &self,
        key: &'static str,
        system: &str,
        channel: &str,
        endpoint: &Endpoint,
        planned: &Resolved,
        purpose: Purpose,
    ) -> EndOnline {
        let verified = self.within(async {
            let session = self.sessions.get(system).await?;
            session.verify(endpoint, purpose).await
        });
        let standing = match verified.await {
            Ok(found) => match planned.capabilities.missing_in(&found.capabilities) {
                missing if missing.is_empty() && found.is_made_by_sending => Standing::MadeBySending,
                missing if missing.is_empty() => Standing::There,
                missing => Standing::Unusable(format!(
                    "it was planned with {}, and the system itself has not got that",
                    missing.join(", ")
                )),
            },
            Err(error) if is_missing(&error) && self.is_made(system, endpoint) => Standing::ToBeMade,
            Err(error) => Standing::Unusable(error.to_string()),
        };
        EndOnline {
            key,
            channel: match channel {
                "" => system.to_owned(),
                channel => format!("{system}/{channel}"),
            },
            standing,
        }
    }

    /// Whether the settings of an end, or else of its system, let the system make it.
    fn is_made(&self, system: &str, endpoint: &Endpoint) -> bool {
        match endpoint.settings.get(TOPOLOGY) {
            Ok(Some(word)) => word == CREATE,
            Ok(None) => self
                .plan
                .systems
                .get(system)
                .is_some_and(|system| system.makes_channels),
            // It is told where the end is read.
            Err(_) => false,
        }
    }

    async fn within<T>(&self, asking: impl Future<Output = Result<T>>) -> Result<T> {
        let patience = self.patience;
        match select(Box::pin(asking), self.clock.sleep(patience)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(Error::new(
                ErrorKind::Timeout,
                "check",
                format!("expected an answer within {patience:?}, found none"),
            )),
        }
    }
}

/// Whether an error means that something is not there: the channel itself, or whatever would take what is sent to it.
fn is_missing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ChannelMissing | ErrorKind::Unroutable)
}

fn messages(count: u64) -> String {
    match count {
        1 => "1 message".to_owned(),
        _ => format!("{count} messages"),
    }
}

/// In a few words; the reason of what cannot be used is told with the findings.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There => f.write_str("there"),
            Self::ToBeMade => f.write_str("missing, and made when the route starts (`topology: create`)"),
            Self::MadeBySending => f.write_str("missing, and made when the route starts"),
            Self::Unusable(_) => f.write_str("cannot be used"),
        }
    }
}

/// A line for the source, `orders reads: 1200 messages, 300 of them to read`, and one for each end.
impl fmt::Display for Online {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} reads: ", self.route)?;
        match &self.source {
            Err(error) => write!(f, "cannot be told: {error}")?,
            Ok(state) => match (state.depth, state.lag) {
                (Some(depth), Some(lag)) => write!(f, "{}, {lag} of them to read", messages(depth))?,
                (Some(depth), None) => write!(f, "{}", messages(depth))?,
                (None, Some(lag)) => write!(f, "{} to read", messages(lag))?,
                (None, None) => f.write_str("the system does not tell how much there is to read")?,
            },
        }
        for end in &self.ends {
            write!(f, "\n  {:<12} {}: {}", end.key, end.channel, end.standing)?;
        }
        Ok(())
    }
}
