//! Looking at a queue.
//!
//! AMQP cannot look without taking. What is shown is taken, held unsettled, and given back when the look ends: until then
//! nobody else gets it, and afterwards it is marked as delivered before. A quorum queue of RabbitMQ 4.0 to 4.2 counts that and
//! drops a message after twenty deliveries, so that looking again and again is not free.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Browse, Delivery, Endpoint, Lane, Receiver, Room, Start};
use dunlin_core::{Error, ErrorKind, Result};
use lapin::Channel;
use lapin::options::BasicGetOptions;
use lapin::types::ShortString;

use crate::error::{broker, within};
use crate::flight::token;
use crate::headers;
use crate::link::Live;
use crate::session::{AmqpSession, CLOSE_LIMIT};

/// The most messages that a look holds: what it holds is kept from those who work.
const MOST: usize = 1_000;
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);

#[async_trait]
impl Browse for AmqpSession {
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>> {
        let end = self.config.end(endpoint)?;
        end.must_be_a_source()?;
        if *start != Start::Earliest {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "browse",
                "expected a look from the front of the queue, which has no other place",
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
            queue: end.channel.as_str().into(),
            clock: Arc::clone(&self.clock),
            limit,
            follow,
            shown: 0,
        }))
    }
}

/// Shows what it takes, and gives it back when it is closed or dropped.
struct Onlooker {
    _live: Arc<Live>,
    channel: Channel,
    queue: ShortString,
    clock: Arc<dyn Clock>,
    limit: Duration,
    follow: bool,
    shown: usize,
}

impl Onlooker {
    async fn next(&mut self) -> Result<Option<Delivery>> {
        let asked = self
            .channel
            .basic_get(self.queue.clone(), BasicGetOptions::default());
        let found = within(&self.clock, self.limit, "browse", async {
            asked.await.map_err(|cause| broker("browse", cause))
        })
        .await
        .map_err(|error| error.with("channel", &self.queue))?;
        Ok(found.map(|got| {
            let got = got.delivery;
            let read = headers::read(&got.properties, got.data);
            Delivery::new(token(), Lane(0), read.message)
                .addressed(Bytes::copy_from_slice(got.routing_key.as_str().as_bytes()))
        }))
    }
}

#[async_trait]
impl Receiver for Onlooker {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        let (mut taken, mut bytes) = (0, 0);
        while taken < room.messages && (taken == 0 || bytes < room.bytes) {
            if self.shown == MOST {
                return match taken {
                    0 => Err(Error::closed(
                        "browse",
                        format!(
                            "{MOST} messages are shown, which is the most that a look may keep from others"
                        ),
                    )),
                    _ => Ok(()),
                };
            }
            match self.next().await? {
                Some(delivery) => {
                    bytes += delivery.message.size();
                    taken += 1;
                    self.shown += 1;
                    batch.push(delivery);
                }
                None if taken > 0 => return Ok(()),
                None if self.follow => self.clock.sleep(FOLLOW_PAUSE).await,
                None => return Err(Error::closed("browse", "everything in the queue was shown")),
            }
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        within(&self.clock, CLOSE_LIMIT, "close", async {
            let closed = self.channel.close(200, "closed".into()).await;
            closed.map_err(|cause| broker("close", cause))
        })
        .await
    }
}
