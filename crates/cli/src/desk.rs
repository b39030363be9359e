//! Schemas at a desk: registries are those of a configuration, which is read when the first migration names one, so that a
//! migration without any needs none.
//!
//! Nothing is registered from here; a route that runs does that.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use dunlin_core::finding::{Finding, Findings};
use dunlin_core::migration::load::Resolver;
use dunlin_core::migration::{Migration, Schema, SchemaCompiler, SchemaReference};
use dunlin_router::config::{Loaded, Sources};
use dunlin_router::plan::registries;
use dunlin_router::registries::fetch_for;
use dunlin_schemas::Schemas;
use dunlin_schemas::registry::{Purpose, Registries};

use crate::ending::Trouble;
use crate::project::clock;

/// The names under which a configuration lies in the root of a project.
const CONFIGURATIONS: [&str; 3] = ["dunlin.yaml", "dunlin.toml", "dunlin.json"];

/// Makes schemas of what migration files say.
#[derive(Debug)]
pub(crate) struct DeskSchemas {
    /// The configuration, if there is one.
    file: Option<PathBuf>,
    schemas: OnceCell<Option<Schemas>>,
}

impl DeskSchemas {
    /// With the registries of this configuration, or else of the one in the root.
    pub(crate) fn of(config: Option<&Path>, root: &Path) -> Self {
        let in_root = || {
            let mut all = CONFIGURATIONS.iter().map(|name| root.join(name));
            all.find(|file| file.is_file())
        };
        Self {
            file: config.map(Path::to_owned).or_else(in_root),
            schemas: OnceCell::new(),
        }
    }

    /// The registries, as far as a migration has named one.
    pub(crate) fn into_registries(self) -> Registries {
        match self.schemas.into_inner().flatten() {
            Some(schemas) => schemas.registries().clone(),
            None => Registries::default(),
        }
    }

    fn read(&self, reference: &SchemaReference, findings: &mut Findings) -> Option<Schemas> {
        let Some(file) = &self.file else {
            let message = "a registry is named in a configuration, and there is none here";
            let help = "name one with `--config`, or put `dunlin.yaml` into the project's root";
            findings.push(Finding::error(&reference.place, message).help(help));
            return None;
        };
        let sources = Sources::of_process(Some(file.clone()), Vec::new());
        let loaded = Loaded::read(&sources, findings)?;
        Some(Schemas::new(registries(&loaded, findings)))
    }
}

impl SchemaCompiler for DeskSchemas {
    fn compile(
        &self,
        reference: &SchemaReference,
        files: &dyn Resolver,
        findings: &mut Findings,
    ) -> Option<Arc<dyn Schema>> {
        if reference.registry.is_none() {
            return Schemas::default().compile(reference, files, findings);
        }
        // What is wrong with the configuration is told once.
        let schemas = self.schemas.get_or_init(|| self.read(reference, findings));
        schemas.as_ref()?.compile(reference, files, findings)
    }
}

/// Fetches what a migration awaits, before a message with this payload or before any, and waits for it.
///
/// # Errors
/// What a registry did not say.
pub(crate) fn fetch(
    migration: &Migration,
    payload: Option<&Bytes>,
    registries: &Registries,
) -> Result<(), Trouble> {
    if migration.awaits(payload).is_none() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Trouble::Failed(format!("the runtime cannot be started: {error}")))?;
    let clock = clock();
    runtime
        .block_on(fetch_for(migration, payload, registries, Purpose::Look, &*clock))
        .map_err(|error| Trouble::Failed(error.to_string()))
}
