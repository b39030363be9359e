//! Looking at a queue.
//!
//! AMQP cannot look without taking. What is shown is taken, held unsettled, and given back when the look ends: until then
//! nobody else gets it, and afterwards it is marked as delivered before. A quorum queue counts that, and drops a message that
//! was given back more often than its delivery limit says, so a queue that may have such a limit is looked at only if the
//! settings say what it is. A consumer is used and not `basic.get`, because a quorum queue puts what a consumer held back in
//! its order, and what was got one by one in any.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Browse, Delivery, Endpoint, Lane, Receiver, Room, Start};
use dunlin_core::{Error, ErrorKind, Result};
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use crate::config::{DeliveryLimit, End};
use crate::error::{broker, within};
use crate::flight::token;
use crate::headers;
use crate::link::Live;
use crate::session::{AmqpSession, CLOSE_LIMIT};

/// The most messages that a look holds: what it holds is kept from those who work.
const MOST: u16 = 1_000;

/// After how long without a message the queue is asked whether it has more.
const QUIET: Duration = Duration::from_millis(100);

/// How often in a row a queue may say that it has more and hand out nothing.
const PATIENCE: u32 = 50;

#[async_trait]
impl Browse for AmqpSession {
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>> {
        let end = self.config.end(endpoint)?;
        end.must_be_a_source()?;
        if *start != Start::Earliest {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "browse",
                "expected a look from the front of the queue, which has no other place; leave `--start` out",
            )
            .with("channel", &end.channel));
        }
        if end.delivery_limit == DeliveryLimit::Unsaid && !self.is_safe_to_look_at(&end.channel).await? {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "browse",
                "expected a queue that gives messages back for ever, found one that may be a quorum queue with a delivery limit: \
                 each look would bring its messages nearer to being dropped; to look all the same, set `delivery_limit` to that \
                 of the queue (20 is RabbitMQ's default since 4.0), or to `none`",
            )
            .with("channel", &end.channel));
        }
        let limit = self.config.connect_timeout;
        let (live, channel) = within(&self.clock, limit, "browse", async {
            let live = self.consume.up("browse").await?;
            let channel = live.connection().create_channel().await;
            Ok((live, channel.map_err(|cause| broker("browse", cause))?))
        })
        .await?;
        Ok(Box::new(Onlooker {
            _live: live,
            channel,
            consumer: None,
            end,
            clock: Arc::clone(&self.clock),
            limit,
            follow,
            shown: 0,
            allowed: 0,
            ended: None,
        }))
    }
}

/// Shows what it takes, and gives it back when it is closed or dropped.
struct Onlooker {
    _live: Arc<Live>,
    channel: Channel,
    consumer: Option<Consumer>,
    end: End,
    clock: Arc<dyn Clock>,
    limit: Duration,
    follow: bool,
    shown: u16,
    /// How many messages the consumers so far may hold; no more are taken than somebody wants to see.
    allowed: u16,
    /// Why nothing more is shown.
    ended: Option<Error>,
}

impl Onlooker {
    /// Takes more only as far as they are wanted, since what is held is kept from those who work.
    async fn consume(&mut self, wanted: usize) -> Result<()> {
        let left = MOST - self.shown;
        let wanted = match self.follow {
            true => left,
            false => u16::try_from(wanted).unwrap_or(MOST).min(left),
        };
        let queue = self.end.channel.as_str();
        let (channel, former) = (&self.channel, self.consumer.take());
        let opened = within(&self.clock, self.limit, "browse", async {
            let opening = async {
                if let Some(former) = former {
                    channel
                        .basic_cancel(former.tag(), BasicCancelOptions::default())
                        .await?;
                }
                channel.basic_qos(wanted, BasicQosOptions::default()).await?;
                channel
                    .basic_consume(
                        queue.into(),
                        "".into(),
                        BasicConsumeOptions::default(),
                        FieldTable::default(),
                    )
                    .await
            };
            opening.await.map_err(|cause| broker("browse", cause))
        });
        self.consumer = Some(opened.await.map_err(|error| error.with("channel", queue))?);
        self.allowed = self.shown + wanted;
        Ok(())
    }

    /// The next message; none when everything that was there was shown.
    async fn next(&mut self, wanted: usize) -> Result<Option<Delivery>> {
        if self.shown == MOST {
            return Err(Error::closed(
                "browse",
                format!("{MOST} messages are shown, which is the most that a look may keep from others"),
            ));
        }
        if self.shown == self.allowed {
            self.consume(wanted).await?;
        }
        let mut looks = 0;
        loop {
            let Some(consumer) = &mut self.consumer else {
                return Ok(None);
            };
            let came = tokio::select! {
                biased;
                came = consumer.next() => came,
                () = self.clock.sleep(QUIET), if !self.follow => {
                    let has_more = has_more(&self.channel, &self.end.channel, &self.clock, self.limit).await?;
                    // What was on its way has come before the answer.
                    match consumer.next().now_or_never() {
                        Some(came) => came,
                        None if !has_more => return Ok(None),
                        None if looks < PATIENCE => {
                            looks += 1;
                            continue;
                        }
                        None => return Err(Error::new(
                            ErrorKind::Unsupported,
                            "browse",
                            "expected a queue that hands out what it has; another consumer is its single active one",
                        )
                        .with("channel", &self.end.channel)),
                    }
                }
            };
            return match came {
                Some(Ok(taken)) => self.show(taken).map(Some),
                Some(Err(cause)) => Err(broker("browse", cause).with("channel", &self.end.channel)),
                // Cancelled by the broker: the queue was deleted.
                None => Ok(None),
            };
        }
    }

    fn show(&mut self, taken: lapin::message::Delivery) -> Result<Delivery> {
        self.shown += 1;
        let read = headers::read(&taken.properties, taken.data);
        let returns = read.returns_before.unwrap_or(0);
        if let Some(alarm) = self.end.delivery_limit.alarm()
            && self.end.delivery_limit != DeliveryLimit::Unsaid
            && returns >= alarm
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "browse",
                format!(
                    "expected a message that was given back less than {alarm} times, found one with {returns}: at its \
                     `delivery_limit` the queue drops it, so nobody should look any longer"
                ),
            )
            .with("channel", &self.end.channel));
        }
        Ok(Delivery::new(token(), Lane(0), read.message)
            .addressed(Bytes::copy_from_slice(taken.routing_key.as_str().as_bytes())))
    }
}

/// Whether messages are in the queue that no consumer has.
async fn has_more(channel: &Channel, queue: &str, clock: &Arc<dyn Clock>, limit: Duration) -> Result<bool> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let asked = channel.queue_declare(queue.into(), passive, FieldTable::default());
    let found = within(clock, limit, "browse", async {
        asked.await.map_err(|cause| broker("browse", cause))
    });
    Ok(found
        .await
        .map_err(|error| error.with("channel", queue))?
        .message_count()
        > 0)
}

#[async_trait]
impl Receiver for Onlooker {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        if let Some(ended) = self.ended.take() {
            return Err(ended);
        }
        let (mut taken, mut bytes) = (0, 0);
        while taken < room.messages && (taken == 0 || bytes < room.bytes) {
            // Whoever follows is shown what is there, and not kept waiting until the room is full. A consumer that is being opened
            // must not be dropped half-way.
            let next = if self.follow && taken > 0 {
                if self.shown == self.allowed {
                    return Ok(());
                }
                match self.next(room.messages).now_or_never() {
                    Some(next) => next,
                    None => return Ok(()),
                }
            } else {
                self.next(room.messages - taken).await
            };
            let ended = match next {
                Ok(Some(delivery)) => {
                    bytes += delivery.message.size();
                    taken += 1;
                    batch.push(delivery);
                    continue;
                }
                Ok(None) => Error::closed("browse", "everything in the queue was shown"),
                Err(error) => error,
            };
            if taken == 0 {
                return Err(ended);
            }
            self.ended = Some(ended);
            return Ok(());
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        within(&self.clock, CLOSE_LIMIT, "close", async {
            // Not by `basic.nack`: what that gives back to a queue without a delivery limit goes to its end.
            let closed = self.channel.close(200, "closed".into()).await;
            closed.map_err(|cause| broker("close", cause))
        })
        .await
    }
}
