//! The ends of a route, resolved offline.

use std::collections::BTreeMap;

use dunlin_core::finding::{Finding, did_you_mean};
use dunlin_core::messaging::{Endpoint, Resolved, Room, Source, Start, Target};

use super::build::Planner;
use super::{EndPlan, SourcePlan};
use crate::config::{FromConfig, Text};

/// An end as it was typed, whichever it is.
pub(super) struct Typed<'a> {
    pub(super) system: Option<&'a str>,
    pub(super) channel: Option<&'a str>,
    pub(super) settings: &'a BTreeMap<String, Text>,
}

/// An end that was found.
struct Found {
    system: String,
    channel: String,
    endpoint: Endpoint,
    resolved: Resolved,
    identity: String,
}

impl Planner<'_> {
    pub(super) fn source(
        &mut self,
        route: &str,
        id: &str,
        config: &FromConfig,
        window: Room,
    ) -> Option<SourcePlan> {
        let typed = Typed {
            system: config.system.as_deref(),
            channel: config.channel.as_deref(),
            settings: &config.settings,
        };
        let found = self.end(route, "from", &typed)?;
        let start = self.start(route, config, &found.resolved)?;
        let group = config.group.clone().unwrap_or_else(|| format!("dunlin-{id}"));
        Some(SourcePlan {
            system: found.system,
            channel: found.channel,
            source: Source::new(found.endpoint, group)
                .starting(start)
                .with_window(window),
            resolved: found.resolved,
            identity: found.identity,
        })
    }

    pub(super) fn output(&mut self, route: &str, id: &str, key: &str, typed: &Typed<'_>) -> Option<EndPlan> {
        let found = self.end(route, key, typed)?;
        Some(EndPlan {
            system: found.system,
            channel: found.channel,
            target: Target::new(found.endpoint, id),
            resolved: found.resolved,
        })
    }

    fn end(&mut self, route: &str, key: &str, typed: &Typed<'_>) -> Option<Found> {
        let path = ["routes", route, key];
        let place = self.loaded.place(&path);
        // A channel without its system is `system/channel`, as the short form is.
        let (name, channel) = match (typed.system, typed.channel) {
            (Some(system), channel) => (system, channel.unwrap_or_default()),
            (None, Some(both)) => both.split_once('/').unwrap_or((both, "")),
            (None, None) => {
                self.findings.error(
                    &place,
                    format!("expected a `system` and a `channel` in `{key}`, found neither"),
                );
                return None;
            }
        };
        let Some(config) = self.loaded.config.systems.get(name) else {
            // A system without an address was taken out, and reported.
            if !self.loaded.is_said(&["systems", name]) {
                let known = &self.loaded.config.systems;
                let meant = did_you_mean(name, known.keys().map(String::as_str));
                let finding = Finding::error(
                    &place,
                    format!("expected a system of this configuration, found `{name}`{meant}"),
                );
                let names: Vec<_> = known.keys().map(|name| format!("`{name}`")).collect();
                self.findings.push(match (meant.is_empty(), names.is_empty()) {
                    (true, false) => finding.help(format!("the systems here are {}", names.join(", "))),
                    _ => finding,
                });
            }
            return None;
        };
        let plugin = self.registry.plugin(&config.url);
        let errors = self.findings.errors();
        let settings = self.settings(&[&path[..], &["settings"]].concat(), typed.settings, plugin, true);
        let is_right = self.findings.errors() == errors;
        let planned = self.plan.systems.get(name)?;
        let endpoint = Endpoint::new(channel).with_settings(settings);
        match planned.system.resolve(&endpoint) {
            Ok(_) if !is_right => None,
            Err(error) if !is_right => {
                if self.setting_of(&error, &path).is_some() {
                    self.refused(&error, &path, "channel");
                }
                None
            }
            Ok(resolved) => Some(Found {
                system: name.to_owned(),
                channel: channel.to_owned(),
                endpoint,
                identity: planned
                    .identity
                    .clone()
                    .unwrap_or_else(|| resolved.identity.clone()),
                resolved,
            }),
            // Where any channel would do, it is the channel that is missing.
            Err(_) if channel.is_empty() && self.takes_a_channel(name, &endpoint) => {
                let message =
                    format!("expected a channel behind the system, as in `{name}/orders`, found none");
                self.findings.error(&place, message);
                None
            }
            Err(error) => {
                self.refused(&error, &path, "channel");
                None
            }
        }
    }

    /// Whether a system would take this end if it named a channel.
    fn takes_a_channel(&self, system: &str, endpoint: &Endpoint) -> bool {
        let mut named = endpoint.clone();
        named.channel = "channel".to_owned();
        self.plan
            .systems
            .get(system)
            .is_some_and(|planned| planned.system.resolve(&named).is_ok())
    }

    /// Where a new group begins. Where all of the past and none of it can both be a costly mistake, a person has to say.
    fn start(&mut self, route: &str, config: &FromConfig, resolved: &Resolved) -> Option<Start> {
        let can = &resolved.capabilities;
        let keeps_history = can.stable_position && !can.settling_deletes;
        match (&config.start, &resolved.default_start) {
            (Some(start), _) => {
                if can.settling_deletes {
                    let place = self.loaded.place(&["routes", route, "from", "start"]);
                    let message =
                        "`start` has no effect: the channel keeps no history (capability `settling_deletes`)";
                    self.findings.warning(&place, message);
                }
                Some(start.start.clone())
            }
            (None, Some(start)) => Some(start.clone()),
            (None, None) if keeps_history => {
                let place = self.loaded.place(&["routes", route, "from"]);
                let message = "expected `start` in `from`, found none: the channel keeps its history (capability \
                               `stable_position`), and a new group could begin anywhere in it";
                let help = "say `start: earliest` to take all of it, `start: latest` to take none, or a time or a position";
                self.findings.push(Finding::error(&place, message).help(help));
                None
            }
            (None, None) => Some(Start::Earliest),
        }
    }
}
