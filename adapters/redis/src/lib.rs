#![doc = include_str!("../README.md")]

mod config;
mod error;
mod headers;
mod receiver;
mod sender;

mod browse;
mod connection;
mod flight;
mod group;
mod reader;
mod reply;
mod session;
mod topology;
mod upkeep;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::Result;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Resolved, Session};
use dunlin_core::registry::{Opening, Plugin};

use crate::config::{Config, FACTS};
use crate::connection::Connector;
use crate::session::RedisSession;

/// Streams of a Redis server, under the schemes `redis` and, over TLS, `rediss`.
pub const PLUGIN: Plugin = Plugin {
    scheme: "redis",
    secure_scheme: Some("rediss"),
    open: |opening| open(opening),
    facts: &FACTS,
};

fn open(opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
    Ok(Arc::new(RedisSystem {
        config: Arc::new(Config::new(opening)?),
        clock: Arc::clone(opening.clock),
    }))
}

#[derive(Debug)]
struct RedisSystem {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl MessagingSystem for RedisSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        Ok(self.config.resolved(&self.config.end(endpoint)?, None))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        let connector = Connector::new(Arc::clone(&self.config), Arc::clone(&self.clock));
        Ok(Arc::new(RedisSession::connect(connector, events).await?))
    }
}
