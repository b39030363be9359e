//! `dunlin check`: everything that is wrong with a configuration or a migration, in one go, and what it promises.
//!
//! It touches no message and, with `--online` alone, the network.

mod proof;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::migration::fused::Program;
use dunlin_core::migration::load::is_meant_as_migration;
use dunlin_core::migration::{Complements, Loss, Migration, Undoing};
use dunlin_core::source::{self, Format as TextFormat};
use dunlin_router::check::{Report, check, warn_of_missing_sources};
use dunlin_router::config::{DEFAULT_FILE, top_keys};
use dunlin_router::online::{Online, Standing, online};
use dunlin_router::registries::fetch_for;
use dunlin_schemas::registry::Purpose;
use serde_json::{Value, json};

use crate::desk::fetch;
use crate::ending::{Ending, Exit, Trouble};
use crate::project::{ConfigArgs, Loading, clock, load_migration};
use crate::shell::{Format, Shell, Tone};
use crate::systems::{is_file, registry};
use crate::wording::counted;

/// How long a system is waited for that is asked how it stands: longer than a connection may take by default, so that the
/// system itself says why there is none.
const PATIENCE: Duration = Duration::from_secs(12);

/// Says what is wrong with a configuration or a migration, and what its routes promise
///
/// Everything is reported in one go, with file, line and column. A lock file beside a migration is used.
/// The exit status is 1 if anything is found, a warning included.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin check                              checks dunlin.yaml and the migrations of its routes
  dunlin check config/orders.toml --resolved
  dunlin check migrations/orders.yaml       checks one migration, or one file of transformations
  dunlin check migrations/orders.yaml --print-schema > order-v3.json
  dunlin check --format json | jq '.findings[].message'")]
pub(crate) struct Check {
    /// The configuration, or a migration [default: dunlin.yaml]
    file: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    /// Prints the configuration with its defaults, secrets masked
    #[arg(long)]
    resolved: bool,
    /// Asks the systems what is there, what is missing and how much each route would read; takes and makes nothing
    #[arg(long)]
    online: bool,
    /// Prints the schema of what a migration produces, in the language of its last schema, and nothing else
    #[arg(long)]
    print_schema: bool,
    /// The configuration that names the schema registries of a migration [default: dunlin.yaml of the project's root]
    #[arg(long = "config", value_name = "FILE")]
    registries: Option<PathBuf>,
    /// Ends with 0 where there are warnings and no errors
    #[arg(long)]
    allow_warnings: bool,
    /// How results are written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl Check {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let findings = match &self.file {
            Some(file) if !file.exists() => self.missing(file, shell)?,
            Some(file) if is_migration(file) => self.migration(file, shell)?,
            Some(file) if self.print_schema => {
                return Err(Trouble::Usage(format!(
                    "`--print-schema` prints what a migration produces, and {} is none",
                    file.display()
                )));
            }
            _ if self.print_schema => {
                let message =
                    "`--print-schema` prints what a migration produces; name the migration".to_owned();
                return Err(Trouble::Usage(message));
            }
            _ if self.registries.is_some() => {
                let message = "`--config` names the configuration of a migration; a configuration needs none";
                return Err(Trouble::Usage(message.to_owned()));
            }
            _ => self.configuration(shell)?,
        };
        let found = findings.has_errors() || (findings.warnings() > 0 && !self.allow_warnings);
        Ok(Exit::failed_if(found))
    }

    fn missing(&self, file: &Path, shell: &mut Shell) -> Result<Findings, Trouble> {
        let mut findings = Findings::new();
        let place = Place::whole(file.display().to_string());
        findings.error(
            &place,
            "expected a configuration or a migration, found no such file",
        );
        if shell.is_json() {
            shell.json(&json!({"findings": findings.to_json()}))?;
            return Ok(findings);
        }
        let rendered = shell.rendered(&findings);
        if self.print_schema {
            shell.err.write_all(rendered.as_bytes())?;
        } else {
            shell.out.write_all(rendered.as_bytes())?;
            conclude(shell, file, "nothing checked", &findings)?;
        }
        Ok(findings)
    }

    fn configuration(&self, shell: &mut Shell) -> Result<Findings, Trouble> {
        let registry = registry().map_err(|error| Trouble::Failed(error.to_string()))?;
        let mut report = check(&self.config.sources(self.file.as_ref()), &registry, &clock());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Trouble::Failed(format!("the runtime cannot be started: {error}")))?;
        let asked = if self.online {
            runtime.block_on(asked(&mut report))
        } else {
            runtime.block_on(warn_of_missing_sources(&mut report, &clock(), is_file));
            Vec::new()
        };
        let mut notes = Findings::new();
        // What was asked and did not answer is an error already.
        let planned = report.plan.iter().filter(|_| !self.online);
        for choice in planned
            .flat_map(|plan| &plan.routes)
            .flat_map(|route| &route.migrations)
        {
            note_what_was_not_asked(&choice.migration, &mut notes);
        }
        report.findings.append(notes);
        if shell.is_json() {
            let mut all = with_losses(&report);
            if self.resolved {
                all["resolved"] = report.resolved.clone().unwrap_or_default();
            }
            if self.online {
                all["online"] = asked.iter().map(online_to_json).collect();
            }
            shell.json(&all)?;
            return Ok(report.findings);
        }
        let name = self.file.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let rendered = shell.rendered(&report.findings);
        if self.resolved {
            shell.err.write_all(rendered.as_bytes())?;
            let resolved = report.resolved_as_yaml().map_err(|error| {
                Trouble::Failed(format!("the configuration cannot be written as YAML: {error}"))
            })?;
            shell.out.write_all(resolved.as_bytes())?;
            return Ok(report.findings);
        }
        shell.out.write_all(rendered.as_bytes())?;
        for route in &report.routes {
            write!(shell.out, "{route}")?;
            for migration in migrations_of(&report, &route.name) {
                let line = loss_line(migration);
                writeln!(shell.out, "  {:<12} {}: {line}", "way back", migration.name())?;
                for reason in unfused(migration) {
                    writeln!(
                        shell.out,
                        "  {:<12} {}: {reason}",
                        "interpreted",
                        migration.name()
                    )?;
                }
            }
        }
        for route in &asked {
            writeln!(shell.out, "{route}")?;
        }
        conclude(
            shell,
            name,
            &counted(report.routes.len(), "route"),
            &report.findings,
        )?;
        Ok(report.findings)
    }

    fn migration(&self, file: &Path, shell: &mut Shell) -> Result<Findings, Trouble> {
        if self.resolved || !self.config.set.is_empty() {
            let message = format!(
                "`--resolved` and `--set` are for configurations, and {} is a migration",
                file.display()
            );
            return Err(Trouble::Usage(message));
        }
        let loaded = load_migration(
            file,
            &Loading {
                root: self.config.root.as_deref(),
                config: self.registries.as_deref(),
                ..Loading::default()
            },
        );
        let (migration, mut findings) = match loaded {
            Ok(mut loaded) => {
                if self.online {
                    match fetch(&loaded.migration, None, &loaded.registries) {
                        Ok(()) => {}
                        Err(Trouble::Failed(why)) => {
                            let place = Place::whole(file.display().to_string());
                            loaded.warnings.error(&place, why);
                        }
                        Err(trouble) => return Err(trouble),
                    }
                }
                (Some(loaded.migration), loaded.warnings)
            }
            Err(findings) => (None, findings),
        };
        if let Some(migration) = migration.as_ref().filter(|_| !self.online) {
            note_what_was_not_asked(migration, &mut findings);
        }
        let mut proof = migration.as_ref().and_then(Migration::prove);
        if let Some(proof) = &mut proof {
            findings.append(std::mem::take(&mut proof.findings));
        }
        if self.print_schema {
            let rendered = shell.rendered(&findings);
            shell.err.write_all(rendered.as_bytes())?;
            if let Some(migration) = &migration {
                let text = proof::schema(migration, proof.as_ref())?;
                writeln!(shell.out, "{}", text.trim_end())?;
            }
            return Ok(findings);
        }
        if shell.is_json() {
            let mut migration = migration.as_ref().map(migration_to_json);
            if let (Some(migration), Some(proof)) = (&mut migration, &proof) {
                migration["proof"] = proof::to_json(proof);
            }
            shell.json(&json!({"findings": findings.to_json(), "migration": migration}))?;
            return Ok(findings);
        }
        let rendered = shell.rendered(&findings);
        shell.out.write_all(rendered.as_bytes())?;
        let mut what = "1 migration".to_owned();
        if let Some(migration) = &migration {
            writeln!(shell.out, "{}: {}", migration.chain_id(), loss_line(migration))?;
            for reason in unfused(migration) {
                writeln!(shell.out, "interpreted, not fused: {reason}")?;
            }
            if let Some(proof) = &proof {
                proof::show(proof, shell)?;
            }
            what = counted(migration.length(), "transformation");
        }
        conclude(shell, file, &what, &findings)?;
        Ok(findings)
    }
}

/// Says of each schema that only a registry knows, and that was not asked for, that it counts as one that admits anything.
fn note_what_was_not_asked(migration: &Migration, findings: &mut Findings) {
    for version in migration.versions() {
        if let Some(awaited) = version.schema.awaits(None) {
            let message = format!(
                "`{}` counts as a schema that admits anything: the registry `{}` was not asked for it",
                version.name, awaited.registry
            );
            let help = "`--online` asks the registry, and proves the chain against what it says";
            findings.push(Finding::note(&version.place, message).help(help));
        }
    }
}

/// The migrations of a route that is right.
fn migrations_of<'a>(report: &'a Report, route: &str) -> impl Iterator<Item = &'a Migration> {
    let routes = report.plan.iter().flat_map(|plan| &plan.routes);
    let route = routes.into_iter().find(move |planned| planned.name == route);
    route
        .into_iter()
        .flat_map(|route| &route.migrations)
        .map(|choice| &*choice.migration)
}

/// The report for a program, each migration with what is lost on the way back.
fn with_losses(report: &Report) -> Value {
    let mut all = report.to_json();
    for (index, route) in report.routes.iter().enumerate() {
        for (place, migration) in migrations_of(report, &route.name).enumerate() {
            let entry = &mut all["routes"][index]["migrations"][place];
            entry["loss"] = migration.loss().name().into();
            if let Some(awaited) = migration.awaits(None) {
                entry["registry_not_asked"] = (*awaited.registry).into();
            }
        }
    }
    all
}

/// The last line: what was checked, and how it stands.
fn conclude(shell: &mut Shell, file: &Path, what: &str, findings: &Findings) -> io::Result<()> {
    let verdict = match (findings.errors(), findings.warnings()) {
        (0, 0) if findings.notes() > 0 => counted(findings.notes(), "note"),
        (0, 0) => shell.paint(Tone::Good, "nothing found"),
        (0, warnings) => shell.paint(Tone::Warning, counted(warnings, "warning")),
        (errors, 0) => shell.paint(Tone::Bad, counted(errors, "error")),
        (errors, warnings) => shell.paint(
            Tone::Bad,
            format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
        ),
    };
    writeln!(shell.out, "{}: {what}, {verdict}", file.display())
}

/// What keeps a chain from being fused, so that the interpreter takes its messages.
pub(super) fn unfused(migration: &Migration) -> Vec<String> {
    let program = Program::compile(Arc::new(migration.clone()));
    let whole = program.unfused_as_a_whole().map(str::to_owned);
    whole
        .into_iter()
        .chain(program.unfused().iter().map(ToString::to_string))
        .collect()
}

/// What is lost on the way there and back, and where.
fn loss_line(migration: &Migration) -> String {
    let undoings = migration.undoings();
    let loss = Undoing::worst(&undoings);
    let kept = match migration.complements() {
        Complements::Kept { .. } => "; complements are kept, and restore it",
        Complements::None | Complements::Required => "",
    };
    let Some(why) = loss_reason(&loss) else {
        return loss.name().to_owned();
    };
    let weakest = migration
        .transformations()
        .iter()
        .zip(&undoings)
        .find(|(_, undoing)| undoing.loss == loss);
    match weakest {
        Some((one, _)) => format!("{}: {} ({}): {why}{kept}", loss.name(), one.id(), one.operation()),
        None => format!("{}: {why}{kept}", loss.name()),
    }
}

fn loss_reason(loss: &Loss) -> Option<&'static str> {
    match loss {
        Loss::Lossless => None,
        Loss::Restorable(why) | Loss::Lossy(why) => Some(why),
    }
}

fn migration_to_json(migration: &Migration) -> Value {
    let undoings = migration.undoings();
    let transformations: Vec<Value> = migration
        .transformations()
        .iter()
        .zip(&undoings)
        .map(|(one, undoing)| {
            let loss = &undoing.loss;
            json!({
                "id": one.id(),
                "operation": one.operation(),
                "digest": one.digest().to_string(),
                "flagged": one.flagged(),
                "loss": loss.name(),
                "reason": loss_reason(loss),
            })
        })
        .collect();
    json!({
        "name": migration.name(),
        "chain": migration.chain_id(),
        "loss": Undoing::worst(&undoings).name(),
        "complement": matches!(migration.complements(), Complements::Kept { .. }),
        "transformations": transformations,
    })
}

/// Asks the systems; what cannot be used is found like anything else that is wrong.
async fn asked(report: &mut Report) -> Vec<Online> {
    let Some(plan) = &report.plan else {
        return Vec::new();
    };
    for registry in plan.registries.iter() {
        for looked in registry.look(Purpose::Look, &*clock()).await {
            if let Err(error) = looked.standing {
                report.findings.error(&looked.reference.place, error.to_string());
            }
        }
    }
    // What the registries have said is proved now; what was found before is not told twice.
    for route in &plan.routes {
        for choice in &route.migrations {
            let fetched = fetch_for(
                &choice.migration,
                None,
                &plan.registries,
                Purpose::Look,
                &*clock(),
            )
            .await;
            if let (Ok(()), Some(proof)) = (fetched, choice.migration.prove()) {
                report.findings.append(proof.findings);
            }
        }
    }
    let asked = online(plan, &clock(), PATIENCE).await;
    for (route, end) in asked
        .iter()
        .flat_map(|route| route.ends.iter().map(move |end| (route, end)))
    {
        if let Standing::Unusable(reason) = &end.standing
            && let Some(planned) = plan.routes.iter().find(|planned| planned.name == route.route)
        {
            let message = format!(
                "`{}`, the `{}` of `{}`, cannot be used: {reason}",
                end.channel, end.key, route.route
            );
            report.findings.error(&planned.place, message);
        }
    }
    asked
}

fn online_to_json(route: &Online) -> Value {
    let ends: Vec<Value> = (route.ends.iter())
        .map(|end| {
            let (standing, reason) = match &end.standing {
                Standing::There => ("there", None),
                Standing::ToBeMade | Standing::MadeBySending => ("to_be_made", None),
                Standing::Unusable(reason) => ("unusable", Some(reason)),
            };
            json!({"end": end.key, "channel": end.channel, "standing": standing, "reason": reason})
        })
        .collect();
    match &route.source {
        Ok(state) => {
            json!({"route": route.route, "ends": ends, "messages": state.depth, "to_read": state.lag})
        }
        Err(error) => json!({"route": route.route, "ends": ends, "error": error}),
    }
}

/// Whether a file is a migration or a file of transformations, and no configuration.
///
/// A file that cannot be read is taken for a configuration, whose findings never show a line that might hold a secret, unless
/// it says itself what it is.
fn is_migration(file: &Path) -> bool {
    let name = file.display().to_string();
    let Ok(bytes) = std::fs::read(file) else {
        return false;
    };
    let format = match TextFormat::of_name(&name) {
        Some(format @ (TextFormat::Yaml | TextFormat::Json)) => format,
        Some(TextFormat::Toml) | None => return false,
    };
    match source::read(&name, &bytes, format, &mut Findings::new()) {
        Some(node) => is_meant_as_migration(&node, &top_keys()),
        None => String::from_utf8_lossy(&bytes).lines().any(|line| {
            let line = line.trim_start_matches([' ', '{', '"']);
            ["migration", "transformation"]
                .iter()
                .any(|key| line.starts_with(key))
        }),
    }
}
