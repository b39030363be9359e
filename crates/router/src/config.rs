//! What was typed: a configuration from a file, environment variables and `--set`, in layers of which a later one wins.
//!
//! Each layer is read into a tree with places and judged by the list of [`keys`], so that one pass reports everything that is
//! wrong, each at its line or by the name of the variable that said it. What is right is merged and read into the structs
//! below, which refuse what the list does not know. What it all means is the business of the plan.

mod choice;
mod describe;
mod interpolate;
mod judge;
pub mod keys;
mod shown;
mod sources;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use dunlin_core::finding::{Findings, Place};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::{Deserialize, Serialize};

pub use choice::{AppliedRecord, Drops, EmptyPayload, OnError, Order, ReportDetail, Unmatched, Unroutable};
pub use describe::{json_schema, markdown_table};
pub use interpolate::{MASK, Text};
pub use sources::{DEFAULT_FILE, PREFIX, Sources};

/// The keys at the top of a configuration.
pub fn top_keys() -> Vec<&'static str> {
    keys::below("").map(|(name, _)| name).collect()
}

pub use values::{CountOrOff, Pause, ShareOrOff, Size, Start};

use keys::{KEYS, Kind};
use sources::Layers;

/// A configuration, defaults filled in.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// The systems by name.
    pub systems: BTreeMap<String, SystemConfig>,
    /// The schema registries by name.
    pub registries: BTreeMap<String, RegistryConfig>,
    /// The secrets that transformations name.
    pub secrets: BTreeMap<String, Text>,
    /// The routes by name.
    pub routes: BTreeMap<String, RouteConfig>,
}

/// One system.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SystemConfig {
    /// Its address.
    pub url: String,
    /// The name to log in with.
    pub user: Option<Text>,
    /// The password to log in with.
    pub password: Option<Text>,
    /// What it is called in deduplication ids.
    pub identity: Option<String>,
    /// Settings by the adapter's names.
    #[serde(default)]
    pub settings: BTreeMap<String, Text>,
}

/// One schema registry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RegistryConfig {
    /// Its address.
    pub url: String,
    /// The name to log in with.
    pub user: Option<Text>,
    /// The password to log in with.
    pub password: Option<Text>,
    /// The token to log in with.
    pub token: Option<Text>,
    /// The authorities that may vouch for it.
    pub tls_ca: Option<String>,
    /// The certificate to show to it.
    pub tls_certificate: Option<String>,
    /// Its key.
    pub tls_key: Option<String>,
    /// How long one answer is waited for.
    pub timeout: Pause,
}

/// One route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RouteConfig {
    /// What group and message ids are made from.
    pub id: Option<String>,
    /// Where the messages come from.
    pub from: FromConfig,
    /// The migrations to choose from.
    #[serde(default)]
    pub migrate: Vec<ChoiceConfig>,
    /// What becomes of a message that no condition fits.
    pub unmatched: Unmatched,
    /// Where the messages go.
    pub to: ToConfig,
    /// Where is told what was done.
    pub report: Option<ReportConfig>,
    /// Where failed messages go.
    pub dead_letter: Option<EndConfig>,
    /// What a failed message does without a dead letter.
    pub on_error: OnError,
    /// What an address does that the target does not know.
    pub unroutable: Unroutable,
    /// What is promised about order.
    pub order: Order,
    /// Unconfirmed messages at most.
    pub window: usize,
    /// Unconfirmed bytes at most.
    pub window_bytes: Size,
    /// Messages of one call at most.
    pub batch: usize,
    /// Part of every deduplication id.
    pub epoch: u64,
    /// What becomes of a message without payload.
    pub empty_payload: EmptyPayload,
    /// Whether a migration may drop messages.
    pub drops: Drops,
    /// When failures stop the route.
    pub breaker: BreakerConfig,
    /// How the record of an arriving message is taken.
    pub applied_record: AppliedRecord,
    /// What a message may be at most.
    pub limits: LimitsConfig,
    /// How a send is tried again.
    pub retry: RetryConfig,
    /// How long a stop waits.
    pub drain: Pause,
}

/// The end that a route receives from.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FromConfig {
    /// The system's name; without it the channel is split.
    pub system: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The group.
    pub group: Option<String>,
    /// Where a new group begins.
    pub start: Option<Start>,
    /// Settings of this end.
    #[serde(default)]
    pub settings: BTreeMap<String, Text>,
}

/// The end that a route sends to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ToConfig {
    /// The system's name; without it the channel is split.
    pub system: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The way of each message.
    pub address: Option<String>,
    /// The addresses that may be made from messages.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Settings of this end.
    #[serde(default)]
    pub settings: BTreeMap<String, Text>,
}

/// The end that a route reports to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReportConfig {
    /// The system's name; without it the channel is split.
    pub system: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// How much is listed.
    pub detail: ReportDetail,
    /// Settings of this end.
    #[serde(default)]
    pub settings: BTreeMap<String, Text>,
}

/// An end that something else is sent to.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EndConfig {
    /// The system's name; without it the channel is split.
    pub system: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// Settings of this end.
    #[serde(default)]
    pub settings: BTreeMap<String, Text>,
}

/// One migration to choose from.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ChoiceConfig {
    /// The condition.
    pub when: Option<String>,
    /// The file.
    pub file: String,
}

/// When failures stop a route.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BreakerConfig {
    /// Failures in a row.
    pub row: CountOrOff,
    /// Share of failures.
    pub share: ShareOrOff,
}

/// What a message may be at most.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// Open containers.
    pub depth: usize,
    /// Bytes.
    pub size: Size,
    /// Forwards by routes.
    pub hops: u32,
}

/// How a send is tried again.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryConfig {
    /// The first pause.
    pub first: Pause,
    /// The longest pause.
    pub cap: Pause,
    /// Attempts before the message is given back.
    pub attempts: CountOrOff,
}

/// A configuration that was read, with the places of everything in it.
pub struct Loaded {
    /// What it says, as far as it is right.
    pub config: Config,
    /// The folder of the configuration.
    pub folder: PathBuf,
    /// The project's root.
    pub root: PathBuf,
    merged: Dict,
    layers: Layers,
}

impl Loaded {
    /// Reads a configuration, and reports everything that is wrong with it.
    ///
    /// What was refused is left out (a key has its default then, a system without an address and a route without an end are
    /// missing), so that the plan can find what else is wrong. With errors among the findings it must not be run. None where
    /// the file cannot be read at all.
    pub fn read(sources: &Sources, findings: &mut Findings) -> Option<Self> {
        let layers = Layers::read(sources, findings)?;
        let said: Vec<Dict> = layers
            .0
            .iter()
            .map(|layer| judge::judge(layer, &sources.environment, findings))
            .collect();
        let mut figment = Figment::from(Said(defaults(&said)));
        for layer in said {
            figment = figment.merge(Said(layer));
        }
        let mut merged = match figment.extract::<Dict>() {
            Ok(merged) => merged,
            Err(error) => {
                report(error, &layers, findings);
                return None;
            }
        };
        require(&mut merged, &layers, "systems", &["url"], findings);
        require(&mut merged, &layers, "registries", &["url"], findings);
        require(&mut merged, &layers, "routes", &["from", "to"], findings);
        let config = match Figment::from(Said(merged.clone())).extract::<Config>() {
            Ok(config) => config,
            Err(error) => {
                report(error, &layers, findings);
                return None;
            }
        };
        let folder = sources.folder();
        Some(Self {
            config,
            root: sources.root.clone().unwrap_or_else(|| folder.clone()),
            folder,
            merged,
            layers,
        })
    }

    /// Where the value of a key was said, such as `["routes", "orders", "window"]`; where that is not said, where the nearest
    /// key around it stands.
    pub fn place(&self, path: &[&str]) -> Place {
        self.layers.place(path)
    }

    /// Whether somebody said this key, so that it is more than a default.
    pub fn is_said(&self, path: &[&str]) -> bool {
        self.layers.said(path).is_some()
    }

    /// Where the name of a key stands: of a system or a route.
    pub fn named(&self, path: &[&str]) -> Place {
        self.layers.named(path).unwrap_or_else(|| self.layers.place(path))
    }

    /// All of it with its defaults, secrets masked: what `check --resolved` prints.
    pub fn shown(&self) -> serde_json::Value {
        shown::shown(&self.merged)
    }

    /// The same as YAML.
    ///
    /// # Errors
    /// What the writer refuses; no configuration is known that it does.
    pub fn shown_as_yaml(&self) -> Result<String, serde_saphyr::SerializeError> {
        serde_saphyr::to_string(&self.shown())
    }
}

/// Shows the configuration, whose texts show nothing, and not the layers, which hold secrets as they were written.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("config", &self.config)
            .field("folder", &self.folder)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

/// What one layer says, for figment to merge.
struct Said(Dict);

impl Provider for Said {
    fn metadata(&self) -> Metadata {
        Metadata::named("configuration")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

/// The defaults of what has a name of its own: of the registries and the routes.
fn defaults(said: &[Dict]) -> Dict {
    let mut all = defaults_of("registries", said);
    all.extend(defaults_of("routes", said));
    all
}

/// The defaults of the members of a group that are said, and of the objects in them that are said or always there.
fn defaults_of(group: &str, said: &[Dict]) -> Dict {
    let member = |dict: &Dict, name: &str| {
        dict.get(name)
            .and_then(Value::as_dict)
            .cloned()
            .unwrap_or_default()
    };
    let groups: Vec<Dict> = said.iter().map(|layer| member(layer, group)).collect();
    let names: BTreeSet<&String> = groups.iter().flat_map(Dict::keys).collect();
    let mut all = Dict::new();
    for name in names {
        let has = |key: &str| groups.iter().any(|layer| member(layer, name).contains_key(key));
        let mut one = Dict::new();
        for key in KEYS {
            let keys::Default::Is(default) = key.default else {
                continue;
            };
            let Some(path) = key
                .path
                .strip_prefix(group)
                .and_then(|rest| rest.strip_prefix(".*."))
            else {
                continue;
            };
            let value = match (key.kind, default.parse::<u64>()) {
                (Kind::Count { .. }, Ok(number)) => Value::from(number),
                _ => Value::from(default),
            };
            match path.split_once('.') {
                None => {
                    one.insert(path.to_owned(), value);
                }
                Some((parent, member)) => {
                    let parent_key = keys::at(&[group, name, parent]);
                    let always =
                        parent_key.is_some_and(|key| matches!(key.kind, Kind::Table | Kind::Switches));
                    if always || has(parent) {
                        let inner = one
                            .entry(parent.to_owned())
                            .or_insert_with(|| Value::from(Dict::new()));
                        if let Value::Dict(_, inner) = inner {
                            inner.insert(member.to_owned(), value);
                        }
                    }
                }
            }
        }
        all.insert(name.clone(), Value::from(one));
    }
    if all.is_empty() {
        Dict::new()
    } else {
        Dict::from([(group.to_owned(), Value::from(all))])
    }
}

/// Reports the members of `group` that lack a key, and takes them out.
fn require(merged: &mut Dict, layers: &Layers, group: &str, required: &[&str], findings: &mut Findings) {
    let Some(Value::Dict(_, members)) = merged.get_mut(group) else {
        return;
    };
    members.retain(|name, value| {
        let mut complete = true;
        for key in required {
            if value.find_ref(key).is_some() {
                continue;
            }
            complete = false;
            // A key that was said and refused has its finding already, and so has one that was misspelt.
            let path = [group, name.as_str()];
            if layers.said(&[group, name, key]).is_none() && !layers.misspells(&path, key) {
                let place = layers.named(&path).unwrap_or_else(|| layers.place(&path));
                findings.error(&place, format!("expected `{key}` in `{name}`, found none"));
            }
        }
        complete
    });
}

/// Reports what figment and serde found, which the check by the list has not: a defect of the list, told like any finding.
fn report(errors: figment::Error, layers: &Layers, findings: &mut Findings) {
    for error in errors {
        let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
        findings.error(&layers.place(&path), error.kind.to_string());
    }
}

#[cfg(test)]
mod tests;
