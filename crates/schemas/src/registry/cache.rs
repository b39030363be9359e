//! What a registry has said so far, kept for those who may not wait.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use dunlin_core::migration::{SchemaFormat, SchemaReference};

/// So many ids of no schema are remembered; whoever sends more of them has them asked for again.
const MOST_MISSING: usize = 1024;

/// What one registry has said so far.
#[derive(Debug)]
pub struct Cache {
    name: Arc<str>,
    by_id: RwLock<HashMap<u32, Known>>,
    /// What the references of migrations were found to be; the index is that of `expected`.
    own: RwLock<HashMap<usize, Arc<Registered>>>,
    expected: Mutex<Vec<Expected>>,
    /// Until when an id is taken for one of no schema.
    missing: Mutex<HashMap<u32, Instant>>,
    /// Their number, for those who look before every message.
    missing_count: AtomicUsize,
}

/// A reference of a migration, and the text of its file.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) reference: SchemaReference,
    pub(super) text: Option<String>,
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
            missing: Mutex::default(),
            missing_count: AtomicUsize::new(0),
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

    /// Takes note of a reference, so that it is fetched before the first message. `text` is that of its file, without which
    /// it can be found by its version only.
    pub fn expect(&self, reference: &SchemaReference, text: Option<String>) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        match expected.iter_mut().find(|known| known.reference == *reference) {
            Some(known) => known.text = text.or(known.text.take()),
            None => expected.push(Expected {
                reference: reference.clone(),
                text,
            }),
        }
    }

    /// The references that are to be fetched, those that were found included.
    pub(super) fn expected(&self) -> Vec<Expected> {
        self.expected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes an id for one of no schema until then.
    pub fn learn_missing(&self, id: u32, until: Instant) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.len() >= MOST_MISSING {
            self.forget(missing.drain().map(|(id, _)| id));
        }
        missing.insert(id, until);
        self.missing_count.store(missing.len(), Ordering::Release);
        self.learn(id, Known::Missing);
    }

    /// Forgets the ids of no schema whose time is over: somebody may have registered one since.
    pub fn expire(&self, now: Instant) {
        if self.missing_count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget(missing.extract_if(|_, until| *until <= now).map(|(id, _)| id));
        self.missing_count.store(missing.len(), Ordering::Release);
    }

    fn forget(&self, ids: impl Iterator<Item = u32>) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if matches!(by_id.get(&id), Some(Known::Missing)) {
                by_id.remove(&id);
            }
        }
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
        self.expect(reference, None);
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
        expected.iter().position(|other| other.reference == *reference)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_id_of_no_schema_is_asked_for_again_when_its_time_is_over() {
        let cache = Cache::new("main");
        let now = Instant::now();
        cache.learn_missing(7, now + Duration::from_secs(60));
        cache.expire(now + Duration::from_secs(59));
        assert!(matches!(cache.writer(7), Some(Known::Missing)));
        cache.expire(now + Duration::from_secs(60));
        assert!(cache.writer(7).is_none());
    }

    #[test]
    fn ids_of_no_schema_never_fill_the_memory() {
        let cache = Cache::new("main");
        let until = Instant::now() + Duration::from_secs(60);
        for id in 0..100_000 {
            cache.learn_missing(id, until);
        }
        assert!(cache.by_id.read().unwrap().len() <= MOST_MISSING);
    }
}
