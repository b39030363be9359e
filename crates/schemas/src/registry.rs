//! Registries of schemas: how they are asked, and what they have said.
//!
//! They speak the interface of Confluent's schema registry
//! (<https://docs.confluent.io/platform/current/schema-registry/develop/api.html>), below any path. The engine asks a
//! [`Cache`] and never waits; who runs the engine lets a [`Registry`] fetch what the cache lacks beforehand.
//!
//! Nothing is ever written to a registry but a schema whose reference says `register: true`, and that only where it is
//! compatible by the registry's own word.

mod answer;
mod cache;
mod client;
mod error;
mod fetch;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use cache::{Cache, Known, Referenced, Registered};
pub use error::{RegistryError, Trouble};
pub use fetch::{Looked, Purpose, Registry, Standing};
pub use settings::{Login, ReadText, RegistrySettings};

/// The registries of a configuration, by their names.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    all: BTreeMap<Arc<str>, Arc<Registry>>,
}

impl Registries {
    /// Registries with what they are asked by.
    pub fn new(registries: impl IntoIterator<Item = Registry>) -> Self {
        let all = registries
            .into_iter()
            .map(|registry| (Arc::clone(registry.cache().name()), Arc::new(registry)))
            .collect();
        Self { all }
    }

    /// Registries of these names that cannot be asked: what is known of them is what their caches are taught.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(names.into_iter().map(Registry::offline))
    }

    /// A registry.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Registry>> {
        self.all.get(name)
    }

    /// What is known of a registry.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<Arc<Cache>> {
        self.get(name).map(|registry| Arc::clone(registry.cache()))
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(|name| &**name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Registry>> {
        self.all.values()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}
