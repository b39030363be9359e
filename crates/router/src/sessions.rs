//! The connections of a run: one session per system, shared by the routes that use it, and made when the first one asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use dunlin_core::clock::Clock;
use dunlin_core::error::{Error, ErrorKind, Result};
use dunlin_core::messaging::{Event, Events, MessagingSystem, Session};
use tokio::sync::{OnceCell, mpsc};

use crate::limit::closed;
use crate::plan::PlannedSystem;

/// Something that a session told, and of which system. The event is shared by the routes of that session; a question in it
/// is answered when the last of them has let it go.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) system: Arc<str>,
    pub(crate) event: Arc<Event>,
}

/// The sessions of a run by the names of their systems.
#[derive(Debug)]
pub(crate) struct Sessions(BTreeMap<String, Shared>);

#[derive(Debug)]
struct Shared {
    system: Arc<dyn MessagingSystem>,
    session: OnceCell<Arc<dyn Session>>,
    listeners: Listeners,
}

#[derive(Clone, Debug)]
struct Listeners {
    system: Arc<str>,
    listening: Arc<Mutex<Vec<mpsc::UnboundedSender<Told>>>>,
}

impl Sessions {
    /// Systems that nobody has connected to yet.
    pub(crate) fn new<'a>(systems: impl IntoIterator<Item = &'a PlannedSystem>) -> Self {
        let shared = |planned: &PlannedSystem| Shared {
            system: Arc::clone(&planned.system),
            session: OnceCell::new(),
            listeners: Listeners {
                system: planned.name.as_str().into(),
                listening: Arc::default(),
            },
        };
        Self(
            systems
                .into_iter()
                .map(|planned| (planned.name.clone(), shared(planned)))
                .collect(),
        )
    }

    /// The same systems, connected to by nobody yet.
    pub(crate) fn unconnected(&self) -> Self {
        let anew = |(name, shared): (&String, &Shared)| {
            let shared = Shared {
                system: Arc::clone(&shared.system),
                session: OnceCell::new(),
                listeners: Listeners {
                    system: Arc::clone(&shared.listeners.system),
                    listening: Arc::default(),
                },
            };
            (name.clone(), shared)
        };
        Self(self.0.iter().map(anew).collect())
    }

    /// Hears from now on what the sessions of these systems tell.
    pub(crate) fn listen<'a>(
        &self,
        systems: impl IntoIterator<Item = &'a str>,
    ) -> mpsc::UnboundedReceiver<Told> {
        let (telling, hearing) = mpsc::unbounded_channel();
        let mut named: Vec<_> = systems.into_iter().collect();
        named.sort_unstable();
        named.dedup();
        for shared in named.into_iter().filter_map(|name| self.0.get(name)) {
            shared.listeners.add(telling.clone());
        }
        hearing
    }

    /// The session of a system, connected by the first who asks.
    pub(crate) async fn get(&self, system: &str) -> Result<Arc<dyn Session>> {
        let Some(shared) = self.0.get(system) else {
            return Err(Error::new(
                ErrorKind::Internal,
                "connect",
                format!("expected a system of the plan, found `{system}`"),
            ));
        };
        let listeners = shared.listeners.clone();
        let connect = || {
            shared
                .system
                .connect(Events::to(move |event| listeners.tell(event)))
        };
        shared.session.get_or_try_init(connect).await.cloned()
    }

    /// Closes what was connected, and returns what went wrong by the names of the systems.
    pub(crate) async fn close(self, clock: &dyn Clock) -> Vec<(String, Error)> {
        let mut failed = Vec::new();
        for (name, shared) in self.0 {
            if let Some(session) = shared.session.get()
                && let Err(error) = closed(clock, session.close()).await
            {
                failed.push((name, error));
            }
        }
        failed
    }
}

impl Listeners {
    fn add(&self, listener: mpsc::UnboundedSender<Told>) {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    fn tell(&self, event: Event) {
        let told = Told {
            system: Arc::clone(&self.system),
            event: Arc::new(event),
        };
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        // A route that has ended hears nothing any more.
        listening.retain(|listener| listener.send(told.clone()).is_ok());
    }
}
