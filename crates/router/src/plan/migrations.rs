//! The migrations of a route: loaded with their locks, and held against what the route allows.

use std::collections::BTreeMap;
use std::sync::Arc;

use dunlin_core::finding::{Finding, Findings};
use dunlin_core::migration::fused::Engine;
use dunlin_core::migration::load::Resolver as _;
use dunlin_core::migration::{Direction, LoadOptions, Migration, Transformation};

use super::build::Planner;
use super::{Condition, Drops, MigrationChoice};
use crate::config::{ChoiceConfig, RouteConfig};
use crate::files::ProjectFiles;

/// Operations that do the same to a message that they were applied to already (rules of the formats page, section 4).
const REPEATABLE: [&str; 9] = [
    "add", "modify", "remove", "rename", "move", "copy", "pick", "cast", "redact",
];

/// The files of the project, and the migrations that were loaded from them so far.
#[derive(Default)]
pub(super) struct Loading {
    files: Option<ProjectFiles>,
    /// By the name of the file; none for one that has errors, which were reported.
    loaded: BTreeMap<String, Option<Arc<Migration>>>,
}

impl Planner<'_> {
    /// The migrations of a route; none where one of them cannot be used.
    pub(super) fn migrations(&mut self, route: &str, config: &RouteConfig) -> Option<Vec<MigrationChoice>> {
        let choices: Vec<_> = (0..)
            .zip(&config.migrate)
            .map(|(index, choice): (usize, _)| self.choice(route, config, &index.to_string(), choice))
            .collect();
        let unconditional = config.migrate.iter().position(|choice| choice.when.is_none());
        if let Some(index) = unconditional.filter(|index| index + 1 < config.migrate.len()) {
            let place = self
                .loaded
                .place(&["routes", route, "migrate", &(index + 1).to_string()]);
            let message =
                "this migration is never taken: one before it has no `when`, and takes every message";
            self.findings.warning(&place, message);
        }
        choices.into_iter().collect()
    }

    fn choice(
        &mut self,
        route: &str,
        config: &RouteConfig,
        index: &str,
        choice: &ChoiceConfig,
    ) -> Option<MigrationChoice> {
        let when = choice.when.as_ref().map(|text| {
            let place = self.loaded.place(&["routes", route, "migrate", index, "when"]);
            Condition::compile(text, &place, self.findings)
        });
        let migration = self.migration(&["routes", route, "migrate", index, "file"], &choice.file);
        let when = match when {
            None => None,
            Some(condition) => Some(condition?),
        };
        let migration = migration?;
        self.judge(route, config, index, &migration);
        Some(MigrationChoice {
            when,
            file: choice.file.clone(),
            migration,
            engine: Engine::default(),
        })
    }

    /// Loads a migration, or finds it among those that were.
    fn migration(&mut self, path: &[&str], file: &str) -> Option<Arc<Migration>> {
        let place = self.loaded.place(path);
        if self.loading.files.is_none() {
            match ProjectFiles::below(&self.loaded.root) {
                Ok(files) => self.loading.files = Some(files),
                Err(error) => {
                    let root = self.loaded.root.display();
                    self.findings.error(
                        &place,
                        format!("the project's root `{root}` cannot be read: {error}"),
                    );
                    return None;
                }
            }
        }
        let files = self.loading.files.as_ref()?;
        let Some(name) = files.name_in(&self.loaded.folder, file) else {
            let message = format!("expected a file below the project's root, found `{file}`");
            self.findings
                .push(Finding::error(&place, message).help("name a root above it with `--root`"));
            return None;
        };
        if let Some(loaded) = self.loading.loaded.get(&name) {
            return loaded.clone();
        }
        // A file that is not there is the configuration's fault, and told at its line.
        if let Err(error) = files.read(&name) {
            let shown = files.shown(&name);
            self.findings.error(&place, format!("{shown}: {error}"));
            self.loading.loaded.insert(name, None);
            return None;
        }
        let migration = match Migration::load(
            &name,
            files,
            &LoadOptions {
                lock: true,
                schemas: &self.schemas,
            },
        ) {
            Ok(loaded) => {
                self.findings.append(loaded.warnings);
                // A chain that does not fit its schemas never starts.
                if let Some(proof) = loaded.migration.prove() {
                    self.findings.append(proof.findings);
                }
                Some(Arc::new(loaded.migration))
            }
            Err(findings) => {
                self.findings.append(findings);
                None
            }
        };
        self.loading.loaded.insert(name, migration.clone());
        migration
    }

    /// Holds a migration against what the route allows and has.
    fn judge(&mut self, route: &str, config: &RouteConfig, index: &str, migration: &Migration) {
        let place = self.loaded.place(&["routes", route, "migrate", index, "file"]);
        let active = || migration.transformations().iter().filter(|one| !one.flagged());
        if config.drops == Drops::Forbid
            && let Some(drop) = active().find(|one| one.operation() == "drop")
        {
            let message = format!(
                "the migration `{}` may drop messages (`{}`), and the route does not allow it",
                migration.name(),
                drop.id()
            );
            self.findings
                .push(Finding::error(&place, message).help("say `drops: allow` in the route"));
        }
        for one in active() {
            for name in one.secrets() {
                if !self.loaded.config.secrets.contains_key(name) {
                    let message = format!(
                        "expected `{name}` under `secrets`, found none: `{}` needs it",
                        one.id()
                    );
                    missing_secret(self.findings, one, message);
                }
            }
        }
    }
}

fn missing_secret(findings: &mut Findings, transformation: &Transformation, message: String) {
    findings.push(
        Finding::error(transformation.place(), message)
            .help("name the secret under `secrets` of the configuration"),
    );
}

/// The first transformation of a migration that would do more if it were applied a second time: only the applied record
/// protects from that.
pub(super) fn protected_by_record_alone(migration: &Migration) -> Option<&Transformation> {
    migration
        .transformations()
        .iter()
        .filter(|one| !one.flagged())
        .find(|one| {
            let canonical = one.canonical();
            match one.operation() {
                // Behind a wildcard a second move or rename may meet what the first one made.
                "rename" | "move" | "copy" => canonical.contains('*'),
                "wrap" => canonical.contains("\"in\":"),
                "drop" => false,
                other => !REPEATABLE.contains(&other),
            }
        })
}

/// Whether a message that was migrated carries a record of it.
pub(super) fn leaves_record(migration: &Migration) -> bool {
    migration.length() > 0 && !matches!(migration.direction(), Direction::Down { to: 0, .. })
}
