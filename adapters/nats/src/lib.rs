#![doc = include_str!("../README.md")]

mod answers;
mod api;
mod browse;
mod config;
mod error;
mod gaps;
mod headers;
mod link;
mod pull;
mod pump;
mod receiver;
mod sender;
mod session;
mod topology;

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Resolved, Session};
use dunlin_core::registry::{Opening, Plugin};

use crate::config::{Config, FACTS};
use crate::session::NatsSession;

/// Streams of NATS JetStream, under the schemes `nats` and, over TLS, `nats+tls`.
pub const PLUGIN: Plugin = Plugin {
    scheme: "nats",
    secure_scheme: Some("nats+tls"),
    open: |opening| open(opening),
    facts: &FACTS,
};

fn open(opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
    Ok(Arc::new(NatsSystem {
        config: Arc::new(Config::new(opening)?),
        clock: Arc::clone(opening.clock),
    }))
}

#[derive(Debug)]
struct NatsSystem {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl MessagingSystem for NatsSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        Ok(self.config.resolved(&self.config.end(endpoint)?))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        let session = NatsSession::connect(&self.config, &self.clock, events).await?;
        Ok(Arc::new(session))
    }
}
