#![doc = include_str!("../README.md")]

mod config;
mod error;
mod headers;
mod receiver;
mod sender;

mod browse;
mod confirms;
mod connect;
mod flight;
mod link;
mod session;
mod topology;
mod value;

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Resolved, Session};
use dunlin_core::registry::{Opening, Plugin};

use crate::config::{Config, FACTS};
use crate::session::AmqpSession;

/// Queues and exchanges of RabbitMQ, under the schemes `amqp` and `amqps`.
pub const PLUGIN: Plugin = Plugin {
    scheme: "amqp",
    secure_scheme: Some("amqps"),
    open: |opening| open(opening),
    facts: &FACTS,
};

fn open(opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
    Ok(Arc::new(AmqpSystem {
        config: Arc::new(Config::new(opening)?),
        clock: Arc::clone(opening.clock),
    }))
}

#[derive(Clone, Debug)]
struct AmqpSystem {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl MessagingSystem for AmqpSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        Ok(self.config.end(endpoint)?.resolved(&self.config))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        let session = AmqpSession::open(Arc::clone(&self.config), Arc::clone(&self.clock), events).await?;
        Ok(Arc::new(session))
    }
}
