#![doc = include_str!("../README.md")]

mod config;
mod error;
mod headers;
mod receiver;
mod sender;
mod session;
mod topology;

mod address;
mod answers;
mod asker;
mod browse;
mod client;
mod copies;
mod flight;
mod lane;
mod line;
mod offsets;
mod options;
mod poller;
mod rebalance;
mod supervisor;

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Resolved, Session};
use dunlin_core::registry::{Opening, Plugin};

use crate::config::{Config, FACTS};
use crate::session::KafkaSession;

/// A Kafka cluster, under the scheme `kafka`, and over TLS under `kafka+tls`.
pub const PLUGIN: Plugin = Plugin {
    scheme: "kafka",
    secure_scheme: Some("kafka+tls"),
    open: |opening| open(opening),
    facts: &FACTS,
};

fn open(opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
    Ok(Arc::new(KafkaSystem {
        config: Arc::new(Config::new(opening)?),
        clock: Arc::clone(opening.clock),
    }))
}

/// A cluster as it was typed, not yet connected.
#[derive(Clone, Debug)]
struct KafkaSystem {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl MessagingSystem for KafkaSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        let end = self.config.end(endpoint)?;
        Ok(end.resolved(&self.config.identity_offline(), &self.config.bootstrap, None))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        Ok(Arc::new(KafkaSession::connect(self.clone(), events).await?))
    }
}
