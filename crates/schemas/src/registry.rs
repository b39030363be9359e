//! Registries of schemas: what they have said, kept for those who may not wait.
//!
//! The engine asks a [`Cache`] and never waits; who runs the engine fetches what the cache lacks beforehand.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use dunlin_core::migration::{SchemaFormat, SchemaReference};

/// The registries of a configuration, by their names.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    caches: BTreeMap<Arc<str>, Arc<Cache>>,
}

impl Registries {
    /// Registries of these names, of which nothing is known yet.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let caches = names
            .into_iter()
            .map(|name| (Arc::from(name), Arc::new(Cache::new(name))))
            .collect();
        Self { caches }
    }

    /// What is known of a registry.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<Arc<Cache>> {
        self.caches.get(name).cloned()
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.caches.keys().map(|name| &**name)
    }
}

/// What one registry has said so far.
#[derive(Debug)]
pub struct Cache {
    name: Arc<str>,
    by_id: RwLock<HashMap<u32, Known>>,
    /// What the references of migrations were found to be; the index is that of `expected`.
    own: RwLock<HashMap<usize, Arc<Registered>>>,
    expected: Mutex<Vec<SchemaReference>>,
}

/// What a registry says of an id.
#[derive(Debug, Clone)]
pub enum Known {
    /// It is the id of this schema.
    Schema(Arc<Registered>),
    /// It is the id of none.
    Missing,
}

/// A schema as a registry keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its id.
    pub id: u32,
    /// Its language.
    pub format: SchemaFormat,
    /// Its text.
    pub text: String,
    /// The texts to which it refers, each behind those to which it refers itself.
    pub references: Vec<Referenced>,
}

/// A text to which a schema refers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referenced {
    /// The name by which it refers to it: a full name in Avro, a file in Protobuf, a URL in JSON Schema.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Cache {
    /// A registry of which nothing is known.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            by_id: RwLock::default(),
            own: RwLock::default(),
            expected: Mutex::default(),
        }
    }

    /// The name of the registry in the configuration.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What is known of an id. `None`: nothing, and the registry must be asked.
    #[must_use]
    pub fn writer(&self, id: u32) -> Option<Known> {
        self.by_id
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// The schema that a reference names. `None`: the registry must be asked.
    #[must_use]
    pub fn own(&self, reference: &SchemaReference) -> Option<Arc<Registered>> {
        let index = self.index(reference)?;
        self.own
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&index)
            .cloned()
    }

    /// Takes note of a reference, so that it is fetched before the first message.
    pub fn expect(&self, reference: &SchemaReference) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if !expected.contains(reference) {
            expected.push(reference.clone());
        }
    }

    /// The references that are to be fetched.
    #[must_use]
    pub fn expected(&self) -> Vec<SchemaReference> {
        self.expected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps what the registry said of an id.
    pub fn learn(&self, id: u32, known: Known) {
        self.by_id
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, known);
    }

    /// Keeps what a reference was found to be.
    pub fn learn_own(&self, reference: &SchemaReference, registered: Arc<Registered>) {
        self.expect(reference);
        if let Some(index) = self.index(reference) {
            self.learn(registered.id, Known::Schema(Arc::clone(&registered)));
            self.own
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(index, registered);
        }
    }

    fn index(&self, reference: &SchemaReference) -> Option<usize> {
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.iter().position(|other| other == reference)
    }
}
