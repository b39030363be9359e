//! What is there at the broker, and what is made there if it is missing and wished for.
//!
//! AMQP answers a question for something that is missing by closing the channel, so each question has a channel of its own.

use std::error::Error as _;

use async_trait::async_trait;
use dunlin_core::messaging::{ChannelState, Declare, Endpoint, Purpose, Resolved};
use dunlin_core::{ErrorKind, Result};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind, Queue};

use crate::config::{Config, DeliveryLimit, End};
use crate::error::{broker, within};
use crate::session::{AmqpSession, CLOSE_LIMIT};

impl AmqpSession {
    /// What the broker says of this end.
    pub(crate) async fn look_for(&self, end: &End, purpose: Purpose) -> Result<Resolved> {
        if purpose == Purpose::Receive {
            end.must_be_a_source()?;
        }
        if end.exchange.is_empty() {
            self.queue("verify", &end.channel).await?;
        } else {
            self.exchange("verify", &end.exchange).await?;
        }
        let live = self.consume.up("verify").await?;
        Ok(resolved(end, &self.config, live.frame_max()))
    }

    pub(crate) async fn count(&self, end: &End) -> Result<ChannelState> {
        let mut state = ChannelState::default();
        if !end.exchange.is_empty() {
            self.exchange("inspect", &end.exchange).await?;
            state.settings = vec![("exchange".to_owned(), end.exchange.clone())];
            return Ok(state);
        }
        let queue = self.queue("inspect", &end.channel).await?;
        // What is handed out to somebody and unsettled is not counted by the broker, so that nothing is said of it.
        state.depth = Some(u64::from(queue.message_count()));
        state.settings = vec![
            ("ready messages".to_owned(), queue.message_count().to_string()),
            ("consumers".to_owned(), queue.consumer_count().to_string()),
        ];
        Ok(state)
    }

    async fn queue(&self, operation: &'static str, name: &str) -> Result<Queue> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        self.ask(operation, async |channel: &Channel| {
            channel
                .queue_declare(name.into(), passive, FieldTable::default())
                .await
        })
        .await
        .map_err(|error| error.with("queue", name))
    }

    async fn exchange(&self, operation: &'static str, name: &str) -> Result<()> {
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        self.ask(operation, async |channel: &Channel| {
            // Its type does not matter to the question.
            channel
                .exchange_declare(name.into(), ExchangeKind::Topic, passive, FieldTable::default())
                .await
        })
        .await
        .map_err(|error| error.with("exchange", name))
    }

    /// One question on a channel of its own.
    async fn ask<T>(
        &self,
        operation: &'static str,
        question: impl AsyncFnOnce(&Channel) -> lapin::Result<T>,
    ) -> Result<T> {
        let limit = self.config.connect_timeout;
        within(&self.clock, limit, operation, async {
            let live = self.consume.up(operation).await?;
            let failed = |cause| broker(operation, cause);
            let channel = live.connection().create_channel().await.map_err(failed)?;
            let answer = question(&channel).await.map_err(failed)?;
            let closing = async {
                let closed = channel.close(200, "closed".into()).await;
                closed.map_err(|cause| broker(operation, cause))
            };
            if let Err(error) = within(&self.clock, CLOSE_LIMIT, operation, closing).await {
                tracing::debug!(%error, "the channel of a question had ended before it was closed");
            }
            Ok(answer)
        })
        .await
    }

    async fn make_queue(&self, name: &str, limit: DeliveryLimit) -> Result<Option<String>> {
        if is_there(self.queue("declare", name).await)? {
            return Ok(None);
        }
        let made = self.declare_quorum("declare", name, Some(limit)).await;
        let made = match made {
            // A broker before 4.0 has no limit by default, and refuses to be told so.
            Err(error) if error.kind() == ErrorKind::InvalidSetting && limit.argument() < 0 => {
                self.declare_quorum("declare", name, None).await
            }
            made => made,
        };
        made?;
        Ok(Some(format!("made the durable quorum queue `{name}`")))
    }

    /// Whether a queue is known to give messages back without counting: a quorum queue without a delivery limit, or none that is
    /// a quorum queue.
    ///
    /// No question of AMQP tells that. But to declare a queue that is there changes nothing, and is refused with the first
    /// argument that differs.
    ///
    /// # Errors
    /// A queue that is not there, or a broker that does not answer.
    pub(crate) async fn is_safe_to_look_at(&self, name: &str) -> Result<bool> {
        const LOOKING: &str = "browse";
        self.queue(LOOKING, name).await?;
        let declared = self
            .declare_quorum(LOOKING, name, Some(DeliveryLimit::None))
            .await;
        match declared {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Disconnected || error.kind() == ErrorKind::Timeout => {
                Err(error)
            }
            Err(error) => {
                let refusal = error.source().map(ToString::to_string).unwrap_or_default();
                // All of these are fixed for quorum queues, and what they are was just said.
                let fixed = ["'x-queue-type'", "'durable'", "'auto_delete'"];
                Ok(refusal.contains("inequivalent arg")
                    && fixed.iter().any(|argument| refusal.contains(argument)))
            }
        }
    }

    async fn declare_quorum(
        &self,
        operation: &'static str,
        name: &str,
        limit: Option<DeliveryLimit>,
    ) -> Result<()> {
        let durable = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        if let Some(limit) = limit {
            // With the default of 20 a queue drops what was in flight in twenty crashes, or in twenty stops of a route whose
            // target was down.
            arguments.insert(
                "x-delivery-limit".into(),
                AMQPValue::LongLongInt(limit.argument()),
            );
        }
        self.ask(operation, async |channel: &Channel| {
            channel
                .queue_declare(name.into(), durable, arguments.clone())
                .await
        })
        .await
        .map(drop)
        .map_err(|error| error.with("queue", name))
    }

    async fn make_exchange(&self, name: &str, end: &End) -> Result<Option<String>> {
        if is_there(self.exchange("declare", name).await)? {
            return Ok(None);
        }
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let kind = end.exchange_type.kind();
        let made = self.ask("declare", async |channel: &Channel| {
            channel
                .exchange_declare(name.into(), kind.clone(), durable, FieldTable::default())
                .await
        });
        made.await.map_err(|error| error.with("exchange", name))?;
        Ok(Some(format!(
            "made the durable exchange `{name}` of type {}",
            end.exchange_type.name()
        )))
    }

    async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<String> {
        let bound = self.ask("declare", async |channel: &Channel| {
            channel
                .queue_bind(
                    queue.into(),
                    exchange.into(),
                    key.into(),
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await
        });
        bound
            .await
            .map_err(|error| error.with("queue", queue).with("exchange", exchange))?;
        // The broker does not tell whether it was so before.
        Ok(format!(
            "bound the queue `{queue}` to the exchange `{exchange}` by `{key}`, if it was not yet"
        ))
    }
}

#[async_trait]
impl Declare for AmqpSession {
    async fn declare(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Vec<String>> {
        let end = self.config.end(endpoint)?;
        if !end.create {
            return Ok(Vec::new());
        }
        if purpose == Purpose::Receive {
            end.must_be_a_source()?;
        }
        let mut made = Vec::new();
        let mut bindings = Vec::from_iter(end.binding.clone());
        if !end.exchange.is_empty() {
            bindings.push((end.exchange.clone(), end.channel.clone()));
        }
        made.extend(self.make_queue(&end.channel, end.delivery_limit).await?);
        for (exchange, key) in &bindings {
            made.extend(self.make_exchange(exchange, &end).await?);
            made.push(self.bind(&end.channel, exchange, key).await?);
        }
        Ok(made)
    }
}

fn is_there<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::ChannelMissing => Ok(false),
        Err(error) => Err(error),
    }
}

/// The end with the room for headers that this broker really has.
fn resolved(end: &End, config: &Config, frame_max: usize) -> Resolved {
    let mut resolved = end.resolved(config);
    // Properties are in the same frame: eight texts of 255 bytes at most.
    resolved.limits = resolved.limits.headers(frame_max.saturating_sub(4_096));
    resolved
}
