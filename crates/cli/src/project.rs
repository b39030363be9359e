//! What commands read: a configuration, a migration, a document; and the options that say where they are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use dunlin_core::clock::Clock;
use dunlin_core::finding::{Finding, Findings, Place};
use dunlin_core::migration::{LoadOptions, Migration, Secrets};
use dunlin_router::config::Sources;
use dunlin_router::files::ProjectFiles;
use dunlin_router::secrets::EnvironmentSecrets;
use dunlin_router::tokio_clock::TokioClock;
use dunlin_schemas::avro::container::Lines;
use dunlin_schemas::registry::Registries;

use crate::desk::DeskSchemas;
use crate::ending::Trouble;

/// Which configuration is read, and what overrides it.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Overrides a key of the configuration; can be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The folder that migrations may not leave [default: the folder of the configuration; of a migration alone, the nearest
    /// one with a dunlin.yaml, else its own]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

impl ConfigArgs {
    /// The sources of this configuration, with the environment of the process.
    pub(crate) fn sources(&self, file: Option<&PathBuf>) -> Sources {
        Sources {
            root: self.root.clone(),
            ..Sources::of_process(file.cloned(), self.set.clone())
        }
    }
}

/// Which migration is loaded.
#[derive(Clone, Debug, Args)]
pub(crate) struct MigrationArgs {
    /// The migration's file, or a file of transformations
    pub(crate) migration: PathBuf,
    /// The folder that its files may not leave [default: the nearest one with a dunlin.yaml, else the migration's own]
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// The configuration that names the schema registries [default: dunlin.yaml of that folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// A migration that was loaded.
pub(crate) struct Loaded {
    pub(crate) migration: Migration,
    /// Warnings, and no errors.
    pub(crate) warnings: Findings,
    /// The registries that its schemas may name; none was asked yet.
    pub(crate) registries: Registries,
}

/// How a migration is loaded.
#[derive(Clone, Copy, Default)]
pub(crate) struct Loading<'a> {
    /// The folder that its files may not leave.
    pub(crate) root: Option<&'a Path>,
    /// The configuration that names the registries.
    pub(crate) config: Option<&'a Path>,
    /// It is not held against its lock.
    pub(crate) without_lock: bool,
}

impl MigrationArgs {
    /// Loads the migration, held against its lock where it has one.
    pub(crate) fn load(&self) -> Result<Loaded, Findings> {
        load_migration(&self.migration, &self.loading())
    }

    /// How it is loaded.
    pub(crate) fn loading(&self) -> Loading<'_> {
        Loading {
            root: self.root.as_deref(),
            config: self.config.as_deref(),
            without_lock: false,
        }
    }
}

/// Loads a migration from its file.
pub(crate) fn load_migration(file: &Path, loading: &Loading<'_>) -> Result<Loaded, Findings> {
    let root = loading.root;
    let (files, name) = ProjectFiles::of_migration(file, root).map_err(|error| {
        let mut findings = Findings::new();
        let place = Place::whole(file.display().to_string());
        let message = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
            _ => error.to_string(),
        };
        findings.push(Finding::error(&place, message));
        findings
    })?;
    let schemas = DeskSchemas::of(loading.config, files.root());
    let options = LoadOptions {
        lock: !loading.without_lock,
        schemas: &schemas,
    };
    let loaded = Migration::load(&name, &files, &options)?;
    Ok(Loaded {
        migration: loaded.migration,
        warnings: loaded.warnings,
        registries: schemas.into_registries(),
    })
}

/// The secrets of this process: `mail-salt` is `DUNLIN_SECRET_MAIL_SALT`.
pub(crate) fn secrets() -> EnvironmentSecrets {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    EnvironmentSecrets::new(&environment)
}

/// The same, for a migration that is about to be performed; a secret that it needs and that is not there is told at once.
pub(crate) fn secrets_for(migration: &Migration) -> Result<EnvironmentSecrets, Trouble> {
    let secrets = secrets();
    for one in migration.transformations().iter().filter(|one| !one.flagged()) {
        if let Some(name) = one
            .secrets()
            .into_iter()
            .find(|name| secrets.secret(name).is_none())
        {
            return Err(Trouble::Usage(format!(
                "`{}` needs the secret `{name}`: set the environment variable DUNLIN_SECRET_{}",
                one.id(),
                name.to_uppercase().replace(['-', '.'], "_")
            )));
        }
    }
    Ok(secrets)
}

/// The clock of this process.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(TokioClock)
}

/// A file that is read, or standard input.
pub(crate) struct Input {
    /// Its name for people.
    pub(crate) name: String,
    /// Its bytes.
    pub(crate) bytes: Box<dyn Read + Send>,
}

impl Input {
    /// Opens a file; `-` and no name at all are standard input. Of a container file of Avro, told by its name, the documents
    /// are read as lines.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, Trouble> {
        match file {
            None => Ok(Self::standard()),
            Some(path) if path == Path::new("-") => Ok(Self::standard()),
            Some(path) => {
                let shown = path.display();
                let file = File::open(path)
                    .and_then(|file| match file.metadata()?.is_dir() {
                        true => Err(io::Error::new(
                            io::ErrorKind::IsADirectory,
                            "expected a file, found a folder",
                        )),
                        false => Ok(file),
                    })
                    .map_err(|error| Trouble::Usage(format!("{shown} cannot be read: {error}")))?;
                let name = shown.to_string();
                let bytes: Box<dyn Read + Send> =
                    if path.extension().is_some_and(|extension| extension == "avro") {
                        let lines = Lines::new(&name, io::BufReader::new(file))
                            .map_err(|error| Trouble::Usage(format!("{name} cannot be read: {error}")))?;
                        Box::new(lines)
                    } else {
                        Box::new(file)
                    };
                Ok(Self { name, bytes })
            }
        }
    }

    fn standard() -> Self {
        Self {
            name: "standard input".to_owned(),
            bytes: Box::new(io::stdin()),
        }
    }

    /// All of it.
    pub(crate) fn read_all(mut self) -> Result<Vec<u8>, Trouble> {
        let mut all = Vec::new();
        match self.bytes.read_to_end(&mut all) {
            Ok(_) => Ok(all),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// That reading it failed on the way.
    pub(crate) fn unreadable(&self, error: &io::Error) -> Trouble {
        Trouble::Failed(format!("{} cannot be read: {error}", self.name))
    }
}
