#![doc = include_str!("../README.md")]

mod config;
mod error;
mod headers;
mod link;
mod reader;
mod receiver;
mod sender;
mod session;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use dunlin_core::Result;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Resolved, Session};
use dunlin_core::registry::{Opening, Plugin};

use crate::config::{Config, FACTS};
use crate::session::MqttSession;

/// A broker of MQTT 5, under the scheme `mqtt`.
pub const PLUGIN: Plugin = Plugin {
    scheme: "mqtt",
    secure_scheme: None,
    open: |opening| open(opening),
    facts: &FACTS,
};

fn open(opening: &Opening<'_>) -> Result<Arc<dyn MessagingSystem>> {
    Ok(Arc::new(MqttSystem(Arc::new(Config::new(opening)?))))
}

#[derive(Debug)]
struct MqttSystem(Arc<Config>);

#[async_trait]
impl MessagingSystem for MqttSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        self.0.end(endpoint).map(|end| self.0.resolved(&end))
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        Ok(Arc::new(MqttSession::connect(Arc::clone(&self.0), events).await?))
    }
}
