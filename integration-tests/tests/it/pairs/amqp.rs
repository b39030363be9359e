//! RabbitMQ by lapin alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use dunlin_servers::{Kind, Server, shared};
use futures_util::StreamExt as _;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind};

use super::broker::Broker;
use super::item::Item;

/// What a message has a place for beside headers.
const OWN: [&str; 9] = [
    "id",
    "time",
    "content-type",
    "content-encoding",
    "kind",
    "correlation-id",
    "reply-to",
    "priority",
    "expiry",
];

/// A client of the shared server.
pub(crate) struct Amqp {
    server: &'static Server,
    channel: Channel,
    /// It ends with this.
    _connection: Connection,
}

impl Amqp {
    pub(crate) async fn open() -> Result<Self> {
        let server = shared(Kind::RabbitMq).await?;
        let (user, password) = server.user_and_password().context("RabbitMQ has a user")?;
        let url = server.url().replacen("://", &format!("://{user}:{password}@"), 1);
        let runtime = lapin::runtime::default_runtime()?;
        let connection =
            Connection::connect_with_runtime(&url, ConnectionProperties::default(), runtime).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            server,
            channel,
            _connection: connection,
        })
    }

    /// Makes an exchange that routes by patterns, and binds a queue to it.
    pub(crate) async fn bind(&mut self, exchange: &str, pattern: &str, queue: &str) -> Result<()> {
        self.channel
            .exchange_declare(
                exchange.into(),
                ExchangeKind::Topic,
                ExchangeDeclareOptions {
                    durable: true,
                    ..ExchangeDeclareOptions::default()
                },
                FieldTable::default(),
            )
            .await?;
        self.channel
            .queue_bind(
                queue.into(),
                exchange.into(),
                pattern.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(())
    }

    /// Publishes to an exchange by a routing key.
    pub(crate) async fn publish(&mut self, exchange: &str, key: &str, items: &[Item]) -> Result<()> {
        for some in items.chunks(1_000) {
            let mut confirms = Vec::with_capacity(some.len());
            for item in some {
                let options = BasicPublishOptions {
                    mandatory: true,
                    ..BasicPublishOptions::default()
                };
                let payload = item.payload.as_deref().unwrap_or_default();
                confirms.push(
                    self.channel
                        .basic_publish(exchange.into(), key.into(), options, payload, properties(item)?)
                        .await?,
                );
            }
            for confirm in confirms {
                let confirmed = confirm.await?;
                ensure!(matches!(confirmed, Confirmation::Ack(None)), "{confirmed:?}");
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Broker for Amqp {
    fn url(&self) -> String {
        self.server.url()
    }

    fn system(&self) -> String {
        let (user, password) = self.server.user_and_password().unwrap_or_default();
        format!(
            "{{ url: '{}', user: '{user}', password: '{password}', settings: {{ headers: escape }} }}",
            self.server.url()
        )
    }

    fn native(&self, item: &Item) -> Item {
        let mut item = item.clone();
        item.key = None;
        item.payload.get_or_insert_default();
        // A header table has each name once.
        let mut seen = std::collections::BTreeSet::new();
        item.headers.retain(|(name, _)| seen.insert(name.clone()));
        if let Some(time) = item.properties.get_mut("time") {
            // In seconds.
            time.truncate(time.len() - 3);
            time.push_str("000");
        }
        item
    }

    async fn make(&mut self, channel: &str) -> Result<()> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        // What the page on delivery asks of operators, too.
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(-1));
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        self.channel
            .queue_declare(channel.into(), options, arguments)
            .await?;
        Ok(())
    }

    async fn write(&mut self, channel: &str, items: &[Item]) -> Result<()> {
        self.publish("", channel, items).await
    }

    async fn count(&mut self, channel: &str) -> Result<usize> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let queue = self
            .channel
            .queue_declare(channel.into(), options, FieldTable::default())
            .await?;
        Ok(usize::try_from(queue.message_count())?)
    }

    async fn read(&mut self, channel: &str) -> Result<Vec<Item>> {
        let wanted = self.count(channel).await?;
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let mut consumer = self
            .channel
            .basic_consume(channel.into(), "reader".into(), options, FieldTable::default())
            .await?;
        let mut items = Vec::with_capacity(wanted);
        while items.len() < wanted {
            let delivery = tokio::time::timeout(Duration::from_secs(20), consumer.next())
                .await
                .with_context(|| format!("{} of {wanted} messages in {channel}", items.len()))?
                .context("the consumer was cancelled")??;
            items.push(item(&delivery.properties, delivery.data)?);
        }
        self.channel
            .basic_cancel("reader".into(), BasicCancelOptions::default())
            .await?;
        Ok(items)
    }
}

fn properties(item: &Item) -> Result<BasicProperties> {
    let mut table = FieldTable::default();
    for (name, value) in &item.headers {
        table.insert(name.as_str().into(), AMQPValue::LongString(value.clone().into()));
    }
    let mut to = BasicProperties::default()
        .with_delivery_mode(2)
        .with_headers(table);
    if let Some(id) = &item.id {
        to = to.with_message_id(std::str::from_utf8(id)?.into());
    }
    for (name, value) in &item.properties {
        let text = value.as_str();
        to = match *name {
            "time" => to.with_timestamp(text.parse::<u64>()? / 1_000),
            "content-type" => to.with_content_type(text.into()),
            "content-encoding" => to.with_content_encoding(text.into()),
            "kind" => to.with_type(text.into()),
            "correlation-id" => to.with_correlation_id(text.into()),
            "reply-to" => to.with_reply_to(text.into()),
            "priority" => to.with_priority(text.parse()?),
            "expiry" => to.with_expiration(text.into()),
            other => anyhow::bail!("AMQP has no property `{other}`"),
        };
    }
    Ok(to)
}

fn item(properties: &BasicProperties, payload: Vec<u8>) -> Result<Item> {
    let mut item = Item {
        payload: Some(payload),
        ..Item::default()
    };
    for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
        // The broker's own count of deliveries.
        if name.as_str().starts_with("x-") {
            continue;
        }
        let AMQPValue::LongString(value) = value else {
            anyhow::bail!("a header that is no text: {name}");
        };
        item.headers
            .push((name.as_str().to_owned(), value.as_bytes().to_vec()));
    }
    item.id = (properties.message_id().as_ref()).map(|id| id.as_str().as_bytes().to_vec());
    let mut put = |name, value: Option<String>| {
        if let Some(value) = value {
            item.properties.insert(name, value);
        }
    };
    let text = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string);
    let timestamp = properties.timestamp().as_ref();
    put("time", timestamp.map(|seconds| format!("{seconds}000")));
    put("content-type", text(properties.content_type()));
    put("content-encoding", text(properties.content_encoding()));
    put("kind", text(properties.kind()));
    put("correlation-id", text(properties.correlation_id()));
    put("reply-to", text(properties.reply_to()));
    put("priority", properties.priority().map(|number| number.to_string()));
    put("expiry", text(properties.expiration()));
    // A time that is finer than a second stands beside the property.
    let fine: Vec<&str> = OWN.into_iter().filter(|name| *name != "time").collect();
    item.arrived(&fine)
}
