//! A project in a folder, for tests of what is planned from it.

use std::fmt::Write;
use std::sync::Arc;

use dunlin_core::clock::{Clock, ManualClock};
use dunlin_core::finding::Findings;
use dunlin_core::memory;
use dunlin_core::registry::Registry;
use dunlin_router::config::Sources;
use dunlin_router::plan::Plan;
use tempfile::TempDir;

/// A migration of one step.
pub(crate) const MIGRATION: &str = "transformations: [{ remove: name }]\n";

/// The systems that these tests need.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add(memory::PLUGIN).unwrap();
    registry
}

/// A clock that stands still.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new())
}

/// A project in a folder of its own, with the memory system built in.
pub(crate) struct Project {
    pub(crate) folder: TempDir,
    pub(crate) sources: Sources,
}

impl Project {
    pub(crate) fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources {
            file: Some(folder.path().join("dunlin.yaml")),
            ..Sources::default()
        };
        let project = Self { folder, sources };
        project.file("dunlin.yaml", configuration)
    }

    /// Systems `log`, which keeps its history, and `queue`, which deletes what is settled; and this route between them.
    pub(crate) fn route(route: &str) -> Self {
        let mut text = String::from(
            "systems:\n  log: { url: 'memory:log' }\n  queue: { url: 'memory:queue', settings: { mode: queue } }\nroutes:\n  orders:\n",
        );
        for line in route.lines() {
            writeln!(text, "    {line}").unwrap();
        }
        Self::new(&text)
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn set(mut self, text: &str) -> Self {
        self.sources.set.push(text.to_owned());
        self
    }

    pub(crate) fn plan(&self) -> Result<Plan, Findings> {
        Plan::read(&self.sources, &registry(), &clock())
    }

    pub(crate) fn good(&self) -> Plan {
        self.plan().unwrap_or_else(|findings| panic!("{findings}"))
    }

    /// The findings, each in one line: what is wrong, or what is warned of.
    pub(crate) fn findings(&self) -> Vec<String> {
        let findings = self.plan().map_or_else(|findings| findings, |plan| plan.warnings);
        let folder = format!("{}/", self.folder.path().display());
        findings
            .sorted()
            .into_iter()
            .map(|finding| finding.to_string().replace(&folder, ""))
            .collect()
    }

    /// Exactly one finding, which contains this text.
    pub(crate) fn refused(&self, expected: &str) {
        let findings = self.findings();
        assert!(
            findings.len() == 1 && findings[0].contains(expected),
            "expected `{expected}` alone, found {findings:#?}"
        );
    }
}
