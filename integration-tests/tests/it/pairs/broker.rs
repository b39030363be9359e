//! What a test does to a system by hand, with nothing of Dunlin in between.

use anyhow::Result;
use async_trait::async_trait;
use dunlin_integration_tests::skipped;
use dunlin_servers::{Kind, LEFT_OUT, left_out};

use super::amqp::Amqp;
use super::file::Files;
use super::item::Item;
#[cfg(feature = "kafka")]
use super::kafka::Kafka;
use super::nats::Nats;
use super::redis::Redis;

/// An independent writer and reader of one system.
#[async_trait]
pub(crate) trait Broker: Send {
    /// Its address in a configuration.
    fn url(&self) -> String;

    /// The system as a configuration has it.
    fn system(&self) -> String;

    /// What is left of a message that is published here by a program that knows nothing of Dunlin.
    fn native(&self, item: &Item) -> Item;

    /// Makes an empty channel of this name: a queue, a stream of one subject, a topic, a file.
    async fn make(&mut self, channel: &str) -> Result<()>;

    /// Publishes messages in this order, and returns when the system has confirmed all of them.
    async fn write(&mut self, channel: &str, items: &[Item]) -> Result<()>;

    /// How many messages are there.
    async fn count(&mut self, channel: &str) -> Result<usize>;

    /// All messages that are there. A queue is empty afterwards.
    async fn read(&mut self, channel: &str) -> Result<Vec<Item>>;
}

/// The systems that the tests go through: all but those that a run of the tests does without, which is told.
pub(crate) fn systems() -> Vec<&'static str> {
    let mut systems = vec!["file"];
    for kind in [Kind::Redis, Kind::Kafka, Kind::Nats, Kind::RabbitMq] {
        if left_out(kind) {
            skipped(&format!("{kind} among other systems: {LEFT_OUT} names it"));
        } else if kind == Kind::Kafka && !cfg!(feature = "kafka") {
            skipped("Kafka among other systems: built without the feature `kafka`");
        } else {
            systems.push(kind.name());
        }
    }
    systems.reverse();
    systems
}

/// Opens a system by the scheme of its addresses.
///
/// # Errors
/// When its server cannot be had.
pub(crate) async fn open(system: &str) -> Result<Box<dyn Broker>> {
    Ok(match system {
        "amqp" => Box::new(Amqp::open().await?),
        "nats" => Box::new(Nats::open().await?),
        #[cfg(feature = "kafka")]
        "kafka" => Box::new(Kafka::open().await?),
        "redis" => Box::new(Redis::open().await?),
        "file" => Box::new(Files::open()?),
        other => anyhow::bail!("no test knows the system `{other}`"),
    })
}
