//! What the tests of registries have in common: references, settings, and a clock that never waits.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use dunlin_core::clock::Clock;
use dunlin_core::finding::Place;
use dunlin_core::migration::{
    Awaited, Framing, RegistryReference, RegistryVersion, SchemaFormat, SchemaReference,
};
use dunlin_schemas::registry::{Login, Registry, RegistryError, RegistrySettings};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// Notes every pause, and skips it.
#[derive(Debug, Default)]
pub(crate) struct Hurried {
    pauses: Mutex<Vec<Duration>>,
}

impl Hurried {
    pub(crate) fn pauses(&self) -> Vec<u128> {
        let pauses = self.pauses.lock().unwrap();
        pauses.iter().map(Duration::as_millis).collect()
    }
}

impl Clock for Hurried {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.pauses.lock().unwrap().push(duration);
        std::future::ready(()).boxed()
    }
}

pub(crate) fn settings(url: &str) -> RegistrySettings {
    RegistrySettings {
        name: "main".to_owned(),
        url: RegistrySettings::parse_url(url).unwrap(),
        login: Login::Nobody,
        authority: None,
        identity: None,
        timeout: Duration::from_secs(30),
    }
}

pub(crate) fn registry(url: &str) -> Registry {
    Registry::new(settings(url))
}

/// Asks for the schema with this id.
pub(crate) async fn ask_for(registry: &Registry, id: u32, clock: &Hurried) -> Result<(), RegistryError> {
    let awaited = Awaited {
        registry: Arc::from("main"),
        id: Some(id),
    };
    let purpose = dunlin_schemas::registry::Purpose::Run;
    registry.fetch(&awaited, purpose, clock).await
}

/// A reference to a version of a subject.
pub(crate) fn version(format: SchemaFormat, subject: &str, version: RegistryVersion) -> SchemaReference {
    SchemaReference {
        format,
        file: None,
        imports: Vec::new(),
        message: None,
        framing: Framing::Confluent,
        registry: Some(RegistryReference {
            registry: "main".to_owned(),
            subject: subject.to_owned(),
            version: Some(version),
            register: false,
        }),
        place: Place::whole("m.yaml"),
    }
}

/// A reference to a file whose schema a subject has, or is to have.
pub(crate) fn file(format: SchemaFormat, subject: &str, register: bool) -> SchemaReference {
    let mut reference = version(format, subject, RegistryVersion::Latest);
    reference.file = Some("order.avsc".to_owned());
    if let Some(named) = &mut reference.registry {
        named.version = None;
        named.register = register;
    }
    reference
}
