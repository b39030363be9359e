//! What `dunlin check` says of a configuration: everything that is wrong, and for each route what it would do.
//!
//! It touches no network; [`online`](crate::online) asks the systems themselves.

use std::fmt::{self, Write};
use std::sync::Arc;

use dunlin_core::capability::Capabilities;
use dunlin_core::clock::Clock;
use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::messaging::{Purpose, Resolved, Start};
use dunlin_core::registry::Registry;
use serde_json::{Value, json};

use crate::config::{Loaded, Sources};
use crate::plan::{EndPlan, Guarantee, Order, Plan, RoutePlan};
use crate::sessions::Sessions;

/// What was found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Everything that is wrong or worth a warning.
    pub findings: Findings,
    /// The routes that are right, in the order of their names.
    pub routes: Vec<RouteReport>,
    /// The configuration with its defaults, secrets masked; none where it could not be read.
    pub resolved: Option<Value>,
    /// The plan of those routes, to look further with.
    pub plan: Option<Plan>,
}

/// What a route would do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouteReport {
    /// Its name.
    pub name: String,
    /// What is promised about loss and duplicates, and why not more.
    pub guarantee: Guarantee,
    /// What is promised about order.
    pub order: Order,
    /// Its ends in the order of the way: `from`, `to`, `report`, `dead_letter`.
    pub ends: Vec<EndReport>,
    /// Its migrations as `name@length:hash`, with their conditions.
    pub migrations: Vec<(String, Option<String>)>,
    /// Where a group that has no place yet begins.
    pub start: String,
    /// Where the configuration names its source.
    pub source_place: Place,
    /// What else people should know, one sentence each.
    pub notes: Vec<String>,
}

/// One end of a route.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndReport {
    /// Its key in the route.
    pub key: &'static str,
    /// The system's name and the channel, as `system/channel`.
    pub channel: String,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// Checks a configuration offline.
pub fn check(sources: &Sources, registry: &Registry, clock: &Arc<dyn Clock>) -> Report {
    let mut findings = Findings::new();
    let loaded = Loaded::read(sources, &mut findings);
    let plan = loaded
        .as_ref()
        .map(|loaded| Plan::of(loaded, registry, clock, &mut findings));
    Report {
        routes: plan
            .iter()
            .flat_map(|plan| &plan.routes)
            .map(|route| {
                let place = loaded
                    .as_ref()
                    .map(|loaded| loaded.place(&["routes", &route.name, "from"]));
                RouteReport::of(route, place.unwrap_or_else(|| route.place.clone()))
            })
            .collect(),
        resolved: loaded.map(|loaded| as_planned(loaded.shown(), plan.as_ref())),
        findings,
        plan,
    }
}

/// The configuration with what its systems made of the defaults of a route, so that it can be read again as it stands.
fn as_planned(mut resolved: Value, plan: Option<&Plan>) -> Value {
    for route in plan.iter().flat_map(|plan| &plan.routes) {
        let Some(shown) = resolved
            .get_mut("routes")
            .and_then(|routes| routes.get_mut(&route.name))
        else {
            continue;
        };
        shown["order"] = order(route.order).into();
        shown["window"] = route.window.messages.into();
    }
    resolved
}

/// Warns of sources that a run would refuse, as far as that can be seen without a network: those for which `is_at_hand`
/// holds, such as files.
pub async fn warn_of_missing_sources(
    report: &mut Report,
    clock: &Arc<dyn Clock>,
    is_at_hand: impl Fn(&Resolved) -> bool,
) {
    let Some(plan) = &report.plan else { return };
    let sessions = Sessions::new(plan.systems.values());
    for (route, told) in plan.routes.iter().zip(&report.routes) {
        let (from, endpoint) = (&route.from, &route.from.source.endpoint);
        if !is_at_hand(&from.resolved) {
            continue;
        }
        let verified = match sessions.get(&from.system).await {
            Ok(session) => session.verify(endpoint, Purpose::Receive).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = verified {
            let message = format!(
                "the source `{}/{}` cannot be used: {error}",
                from.system, from.channel
            );
            let help = "`run` refuses it as long as that is so";
            report
                .findings
                .push(Finding::warning(&told.source_place, message).help(help));
        }
    }
    for (system, error) in sessions.close(&**clock).await {
        tracing::warn!(system, %error, "a session did not close as it should");
    }
}

impl RouteReport {
    fn of(route: &RoutePlan, source_place: Place) -> Self {
        let end = |key, system: &str, channel: &str, resolved: &Resolved| EndReport {
            key,
            channel: match channel {
                "" => system.to_owned(),
                channel => format!("{system}/{channel}"),
            },
            capabilities: resolved.capabilities,
        };
        let output = |key, output: &EndPlan| end(key, &output.system, &output.channel, &output.resolved);
        let from = &route.from;
        let mut ends = vec![
            end("from", &from.system, &from.channel, &from.resolved),
            output("to", &route.to.end),
        ];
        ends.extend(route.report.as_ref().map(|report| output("report", &report.end)));
        ends.extend(route.dead_letter.as_ref().map(|end| output("dead_letter", end)));
        Self {
            name: route.name.clone(),
            guarantee: route.guarantee.clone(),
            order: route.order,
            ends,
            migrations: route
                .migrations
                .iter()
                .map(|choice| {
                    (
                        choice.migration.chain_id(),
                        choice.when.as_ref().map(|when| when.text().to_owned()),
                    )
                })
                .collect(),
            start: match &from.source.start {
                Start::Earliest => "earliest".to_owned(),
                Start::Latest => "latest".to_owned(),
                Start::Time(time) => jiff::Timestamp::try_from(*time)
                    .map_or_else(|_| "a time".to_owned(), |time| time.to_string()),
                Start::Position(position) => position.to_string(),
            },
            source_place,
            notes: route.notes.clone(),
        }
    }

    /// The report for a program.
    pub fn to_json(&self) -> Value {
        let ends: serde_json::Map<String, Value> = self
            .ends
            .iter()
            .map(|end| {
                let facts: serde_json::Map<String, Value> = end
                    .capabilities
                    .facts()
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into()))
                    .collect();
                (
                    end.key.to_owned(),
                    json!({"channel": end.channel, "capabilities": facts}),
                )
            })
            .collect();
        let migrations: Vec<Value> = self
            .migrations
            .iter()
            .map(|(chain, when)| json!({"chain": chain, "when": when}))
            .collect();
        json!({
            "route": self.name,
            "guarantee": {"level": self.guarantee.level.to_string(), "reason": self.guarantee.reason},
            "order": order(self.order),
            "start": self.start,
            "ends": ends,
            "migrations": migrations,
            "notes": self.notes,
        })
    }
}

impl Report {
    /// The whole report for a program: `findings` and `routes`.
    pub fn to_json(&self) -> Value {
        let routes: Vec<Value> = self.routes.iter().map(RouteReport::to_json).collect();
        json!({"findings": self.findings.to_json(), "routes": routes})
    }

    /// The configuration with its defaults as YAML, secrets masked; empty where it could not be read.
    ///
    /// # Errors
    /// What the writer refuses; no configuration is known that it does.
    pub fn resolved_as_yaml(&self) -> Result<String, serde_saphyr::SerializeError> {
        match &self.resolved {
            Some(resolved) => serde_saphyr::to_string(resolved),
            None => Ok(String::new()),
        }
    }
}

fn order(order: Order) -> &'static str {
    match order {
        Order::None => "none",
        Order::PerLane => "per_lane",
        Order::Strict => "strict",
    }
}

/// A few lines for people: the way, the guarantee with its reason, order, migrations, notes.
impl fmt::Display for RouteReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = |key| {
            self.ends
                .iter()
                .find(|end| end.key == key)
                .map_or("", |end| end.channel.as_str())
        };
        writeln!(f, "{}: {} -> {}", self.name, channel("from"), channel("to"))?;
        let mut line = |name: &str, text: &str| writeln!(f, "  {name:<12} {text}");
        line(
            "guarantee",
            &format!("{}: {}", self.guarantee.level, self.guarantee.reason),
        )?;
        line("order", order(self.order))?;
        line("start", &self.start)?;
        for (chain, when) in &self.migrations {
            match when {
                Some(when) => line("migration", &format!("{chain} when {when}"))?,
                None => line("migration", chain)?,
            }
        }
        for key in ["report", "dead_letter"] {
            if !channel(key).is_empty() {
                line(key, channel(key))?;
            }
        }
        for end in &self.ends {
            let mut facts = String::new();
            for (name, value) in end.capabilities.facts() {
                let gap = if facts.is_empty() { "" } else { ", " };
                match value.as_str() {
                    "yes" => write!(facts, "{gap}{name}")?,
                    "no" => {}
                    value => write!(facts, "{gap}{name}: {value}")?,
                }
            }
            line("can", &format!("{} ({facts})", end.channel))?;
        }
        for note in &self.notes {
            line("note", note)?;
        }
        Ok(())
    }
}
