//! The stand of the in-process system: what the suite itself is tried with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::memory::MemoryBroker;
use dunlin_core::messaging::{Endpoint, MessagingSystem};
use dunlin_core::settings::Settings;
use dunlin_core::{Error, ErrorKind, Result};

use crate::clock::RuntimeClock;
use crate::stand::{Act, Hook, Stand, Wanted};

/// An in-process broker with one set of settings.
#[derive(Debug)]
pub struct MemoryStand {
    name: String,
    settings: Settings,
    clock: Arc<RuntimeClock>,
    broker: MemoryBroker,
}

impl MemoryStand {
    /// A broker of its own whose channels have these settings.
    pub fn new(settings: &[(&str, &str)]) -> Self {
        let clock = Arc::new(RuntimeClock::new());
        let shown: Vec<_> = settings
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let broker = MemoryBroker::new("stand", &(Arc::clone(&clock) as Arc<dyn Clock>));
        Self {
            name: format!("memory {{{}}}", shown.join(", ")),
            settings: (settings.iter())
                .fold(Settings::new(), |all, (name, value)| all.with(*name, *value))
                .with("addresses", "routed.*"),
            clock,
            broker,
        }
    }

    /// The broker itself.
    pub fn broker(&self) -> &MemoryBroker {
        &self.broker
    }
}

#[async_trait]
impl Stand for MemoryStand {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        self.broker.system(&self.settings)
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        let mut settings = Settings::new();
        if wanted.lanes > 1 {
            settings = settings.with("lanes", wanted.lanes.to_string());
        }
        if let Some(limit) = wanted.payload_limit {
            settings = settings.with("payload_limit", limit.to_string());
        }
        let made = Endpoint::new(&wanted.name).with_settings(self.settings.overridden_by(&settings));
        self.broker.create(&made)?;
        Ok(Endpoint::new(&wanted.name).with_settings(settings))
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"elsewhere"))
    }

    fn hooks(&self) -> &[Hook] {
        &[
            Hook::Restart,
            Hook::Cut,
            Hook::HoldConfirms,
            Hook::Trim,
            Hook::Delete,
            Hook::Group,
            Hook::Limit,
            Hook::Process,
            Hook::Clock,
        ]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::Restart => {
                self.broker.stop();
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.broker.start();
            }
            Act::Cut => self.broker.cut(),
            Act::HoldConfirms => self.broker.hold_confirms(),
            Act::ReleaseConfirms => self.broker.release_confirms(),
            Act::Trim { endpoint, keep } => self.broker.trim(&endpoint.channel, keep),
            Act::Delete(endpoint) => {
                self.broker.delete(&endpoint.channel);
            }
            Act::JumpClock(seconds) => self.clock.jump(seconds),
            // There is no socket here and no password, so neither hook is offered.
            Act::DropFlow | Act::Password(_) => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "act",
                    format!("expected something that can be done in memory, found {act:?}"),
                ));
            }
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(60)
    }
}
