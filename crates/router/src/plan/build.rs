//! From the configuration to the plan: every route assembled from its parts, and everything wrong with it reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunlin_core::clock::Clock;
use dunlin_core::finding::{Finding, Findings};
use dunlin_core::messaging::Room;
use dunlin_core::migration::Limits;
use dunlin_core::registry::Registry;
use dunlin_schemas::Schemas;
use dunlin_schemas::registry::Purpose as RegistryPurpose;

use super::ends::Typed;
use super::migrations::Loading;
use super::{
    AddressPlan, Breaker, Dedup, Guarantee, Plan, ReportPlan, RetryPlan, RoutePlan, TargetPlan, graph, rules,
};
use crate::address::AddressTemplate;
use crate::config::{Loaded, RouteConfig, Sources, ToConfig};
use crate::secrets::RouteSecrets;

impl Plan {
    /// Reads a configuration and plans it. What is found although it can be run stands in [`Plan::warnings`].
    ///
    /// # Errors
    /// Everything that is wrong with it, warnings included.
    pub fn read(sources: &Sources, registry: &Registry, clock: &Arc<dyn Clock>) -> Result<Self, Findings> {
        let mut findings = Findings::new();
        let plan = Loaded::read(sources, &mut findings)
            .map(|loaded| Self::of(&loaded, registry, clock, &mut findings));
        match plan {
            Some(plan) if !findings.has_errors() => Ok(Self {
                warnings: findings,
                ..plan
            }),
            _ => Err(findings),
        }
    }

    /// Plans a configuration as far as it is right: a system that cannot be opened and a route with an error are missing,
    /// and the findings say why. With errors among them the plan must not be run.
    pub fn of(loaded: &Loaded, registry: &Registry, clock: &Arc<dyn Clock>, findings: &mut Findings) -> Self {
        let mut secrets = RouteSecrets::default();
        for (name, text) in &loaded.config.secrets {
            secrets.set(name, text.reader(&loaded.folder));
        }
        let folder = loaded.folder.display().to_string();
        let registries = super::registries(loaded, findings);
        let mut planner = Planner {
            loaded,
            registry,
            clock,
            base: &folder,
            secrets: Arc::new(secrets),
            plan: Self {
                systems: BTreeMap::new(),
                routes: Vec::new(),
                registries: registries.clone(),
                warnings: Findings::new(),
            },
            loading: Loading::default(),
            schemas: Schemas::new(registries),
            findings,
        };
        planner.open_systems();
        planner.routes();
        planner.plan
    }
}

/// A plan in the making.
pub(super) struct Planner<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) registry: &'a Registry,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) base: &'a str,
    pub(super) secrets: Arc<RouteSecrets>,
    pub(super) plan: Plan,
    pub(super) loading: Loading,
    pub(super) schemas: Schemas,
    pub(super) findings: &'a mut Findings,
}

impl Planner<'_> {
    fn routes(&mut self) {
        let loaded = self.loaded;
        // Whoever misspelt the key has been told already.
        if loaded.config.routes.is_empty() && !loaded.is_said(&["routes"]) && !self.findings.has_errors() {
            self.findings.warning(
                &loaded.place(&[]),
                "expected `routes`, found none: there is nothing to run",
            );
        }
        self.ids();
        for (name, config) in &loaded.config.routes {
            let errors = self.findings.errors();
            if let Some(route) = self.route(name, config)
                && self.findings.errors() == errors
            {
                self.plan.routes.push(route);
            }
        }
        graph::check(&self.plan, loaded, self.findings);
        self.groups();
    }

    /// Two routes with one id would give different messages the same ids.
    fn ids(&mut self) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, config) in &self.loaded.config.routes {
            let id = config.id.as_deref().unwrap_or(name);
            if let Some(other) = seen.insert(id, name) {
                let place = match config.id {
                    Some(_) => self.loaded.place(&["routes", name, "id"]),
                    None => self.loaded.named(&["routes", name]),
                };
                let message = format!(
                    "expected an id of its own for each route, found `{id}` for `{other}` and `{name}`"
                );
                self.findings.error(&place, message);
            }
        }
    }

    /// Two routes that read one channel in one group share its messages, which is seldom meant. A channel that deletes what is
    /// settled knows no groups: whoever reads it shares it.
    fn groups(&mut self) {
        let mut seen: BTreeMap<[&str; 3], &str> = BTreeMap::new();
        for route in &self.plan.routes {
            let from = &route.from;
            let deletes = from.resolved.capabilities.settling_deletes;
            let (group, together) = match deletes {
                true => ("", "read one channel, which keeps nothing that was settled"),
                false => (from.source.group.as_str(), "read one channel in one group"),
            };
            let key = [from.resolved.identity.as_str(), &from.resolved.canonical, group];
            if let Some(other) = seen.insert(key, &route.name) {
                let place = self.loaded.place(&["routes", &route.name, "from"]);
                let message = format!(
                    "`{other}` and `{}` {together}: each message goes to one of them only",
                    route.name
                );
                self.findings.warning(&place, message);
            }
        }
    }

    fn route(&mut self, name: &str, config: &RouteConfig) -> Option<RoutePlan> {
        let id = config.id.as_deref().unwrap_or(name);
        let window = Room {
            messages: config.window,
            bytes: config.window_bytes.0,
        };
        // All parts are looked at before one that is missing ends the route, so that everything is reported.
        let from = self.source(name, id, &config.from, window);
        let to = &config.to;
        let target = self.output(name, id, "to", &typed(&to.system, &to.channel, &to.settings));
        let address = self.address(name, to);
        let report = config.report.as_ref().map(|report| {
            let end = self.output(
                name,
                id,
                "report",
                &typed(&report.system, &report.channel, &report.settings),
            );
            end.map(|end| ReportPlan {
                end,
                detail: report.detail,
            })
        });
        let dead_letter = config.dead_letter.as_ref().map(|end| {
            self.output(
                name,
                id,
                "dead_letter",
                &typed(&end.system, &end.channel, &end.settings),
            )
        });
        let limits = self.limits(name, config);
        let migrations = self.migrations(name, config);

        let (from, target) = (from?, target?);
        let mut route = RoutePlan {
            name: name.to_owned(),
            id: id.to_owned(),
            place: self.loaded.named(&["routes", name]),
            guarantee: Guarantee::between(&from.resolved, &target.resolved),
            dedup: if from.resolved.capabilities.stable_position {
                Dedup::ByPosition
            } else {
                Dedup::None
            },
            from,
            unmatched: config.unmatched,
            to: TargetPlan {
                end: target,
                address: address?,
            },
            report: transpose(report)?,
            dead_letter: transpose(dead_letter)?,
            on_error: config.on_error,
            unroutable: config.unroutable,
            order: config.order,
            window,
            batch: config.batch,
            epoch: config.epoch,
            empty_payload: config.empty_payload,
            drops: config.drops,
            breaker: Breaker {
                row: config.breaker.row.0,
                share: config.breaker.share.0,
            },
            applied_record: config.applied_record,
            own_channel: false,
            max_hops: config.limits.hops,
            limits: limits?,
            retry: RetryPlan {
                first: config.retry.first.0,
                cap: config.retry.cap.0,
                attempts: config.retry.attempts.0,
            },
            drain: config.drain.0,
            secrets: Arc::clone(&self.secrets),
            registries: self.plan.registries.clone(),
            registry_purpose: RegistryPurpose::Run,
            notes: Vec::new(),
            migrations: Vec::new(),
        };
        let known = migrations.is_some();
        route.migrations = migrations.unwrap_or_default();
        rules::check(&mut route, config, self.loaded, known, self.findings);
        known.then_some(route)
    }

    fn limits(&mut self, name: &str, config: &RouteConfig) -> Option<Limits> {
        let limits = Limits::new(config.limits.depth, config.limits.size.0);
        if limits.is_none() {
            let place = self.loaded.place(&["routes", name, "limits", "depth"]);
            self.findings.error(
                &place,
                format!("expected a depth of at most {}", Limits::MOST_DEPTH),
            );
        }
        limits
    }

    fn address(&mut self, name: &str, config: &ToConfig) -> Option<AddressPlan> {
        let Some(text) = &config.address else {
            return Some(AddressPlan::Own);
        };
        if text == "same" {
            return Some(AddressPlan::Same);
        }
        let place = self.loaded.place(&["routes", name, "to", "address"]);
        match AddressTemplate::parse(text, config.allow.clone()) {
            Ok(template) if template.depends_on_message() && config.allow.is_empty() => {
                let message = "expected `allow` beside an `address` that is made from messages, found none: a publisher \
                               would decide where messages go";
                let help = "list the addresses that may come out, such as `allow: [\"orders.*\"]`";
                self.findings.push(Finding::error(&place, message).help(help));
                None
            }
            Ok(template) => Some(AddressPlan::Template(template)),
            Err(error) => {
                self.findings.error(
                    &place,
                    format!(
                        "the address cannot be read: {error}, at its byte {}",
                        error.offset + 1
                    ),
                );
                None
            }
        }
    }
}

fn typed<'a>(
    system: &'a Option<String>,
    channel: &'a Option<String>,
    settings: &'a BTreeMap<String, crate::config::Text>,
) -> Typed<'a> {
    Typed {
        system: system.as_deref(),
        channel: channel.as_deref(),
        settings,
    }
}

/// An end that was not asked for is fine; one that was asked for and could not be had is not.
fn transpose<T>(end: Option<Option<T>>) -> Option<Option<T>> {
    match end {
        None => Some(None),
        Some(end) => end.map(Some),
    }
}
