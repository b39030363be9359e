//! Asking a consumer for messages, and counting what was asked for and has not come.
//!
//! The server answers a request message by message, then with one status that says how many it did not give. Requests end
//! by themselves after [`EXPIRES`], so a subscription that is silent for longer has been forgotten by the server.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_nats::{Message, StatusCode, Subject, Subscriber};
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::{Error, ErrorKind, Result};
use futures_util::{FutureExt, StreamExt};
use serde_json::json;

use crate::api::nanoseconds;
use crate::error::disconnected;
use crate::link::Line;

/// How long the server keeps a request.
const EXPIRES: Duration = Duration::from_secs(10);
/// How much later than that its end may be told.
const GRACE: Duration = Duration::from_secs(3);

/// A subscription through which one consumer is asked.
pub(crate) struct Pull {
    pub(crate) line: Arc<Line>,
    subscriber: Subscriber,
    inbox: String,
    subject: Subject,
    requests: u64,
    /// Messages that were asked for and have not come.
    pub(crate) outstanding: usize,
    heard: Instant,
    clock: Arc<dyn Clock>,
}

/// A message of a stream, with what its reply subject says about it.
pub(crate) struct Fetched {
    pub(crate) message: Message,
    pub(crate) reply: Subject,
    pub(crate) sequence: u64,
    pub(crate) consumer_sequence: u64,
    /// How often it was delivered, this time included.
    pub(crate) attempt: u32,
    pub(crate) time: SystemTime,
}

/// What came.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are messages, and a box would be an allocation for each"
)]
pub(crate) enum Came {
    Message(Fetched),
    /// Nothing for us to see.
    Nothing,
    /// The consumer is not there, or does not answer: look again.
    Gone,
}

impl Pull {
    pub(crate) async fn start(
        line: Arc<Line>,
        stream: &str,
        consumer: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self> {
        let inbox = line.client.new_inbox();
        let subscriber = line
            .client
            .subscribe(format!("{inbox}.*"))
            .await
            .map_err(|cause| disconnected("receive").caused_by(cause))?;
        Ok(Self {
            subscriber,
            inbox,
            subject: Subject::from(format!(
                "{}.CONSUMER.MSG.NEXT.{stream}.{consumer}",
                line.config.api
            )),
            line,
            requests: 0,
            outstanding: 0,
            heard: clock.now(),
            clock: Arc::clone(clock),
        })
    }

    /// Asks for this many more.
    pub(crate) async fn ask(&mut self, messages: usize) -> Result<()> {
        let body = json!({ "batch": messages, "expires": nanoseconds(EXPIRES) });
        let reply = format!("{}.{}", self.inbox, self.requests);
        let asked = self
            .line
            .client
            .publish_with_reply(self.subject.clone(), reply, Bytes::from(body.to_string()))
            .await;
        asked.map_err(|cause| disconnected("receive").caused_by(cause))?;
        self.requests += 1;
        self.outstanding += messages;
        self.heard = self.clock.now();
        Ok(())
    }

    /// The next of what the server sends; none when the connection is gone. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Result<Came>> {
        let message = self.subscriber.next().await?;
        self.heard = self.clock.now();
        Some(self.read(message))
    }

    /// The same, if it is there already: asked for right after the one before, so that no clock is looked at.
    pub(crate) fn ready(&mut self) -> Option<Result<Came>> {
        let message = self.subscriber.next().now_or_never()??;
        Some(self.read(message))
    }

    /// Nothing has come for longer than the server may be silent.
    pub(crate) fn is_stalled(&self) -> bool {
        self.outstanding > 0 && self.clock.now().saturating_duration_since(self.heard) > EXPIRES + GRACE
    }

    /// Tells the server to send no more. What it has sent by then still comes, then the end.
    pub(crate) async fn drain(&mut self) {
        // Without a connection there is nothing to drain.
        let _ = self.subscriber.drain().await;
    }

    fn read(&mut self, message: Message) -> Result<Came> {
        match message.status {
            None | Some(StatusCode::OK) => {
                self.outstanding = self.outstanding.saturating_sub(1);
                fetched(message).map(Came::Message)
            }
            Some(StatusCode::IDLE_HEARTBEAT) => Ok(Came::Nothing),
            Some(StatusCode::NO_RESPONDERS) => Ok(Came::Gone),
            Some(status) => self.ended(status, &message),
        }
    }

    /// A request has ended.
    fn ended(&mut self, status: StatusCode, message: &Message) -> Result<Came> {
        let said = message.description.clone().unwrap_or_default();
        let headers = message.headers.as_ref();
        let left = headers
            .and_then(|headers| headers.get_last("Nats-Pending-Messages"))
            .and_then(|value| value.as_str().parse::<usize>().ok());
        if let Some(left) = left {
            self.outstanding = self.outstanding.saturating_sub(left);
            return Ok(Came::Nothing);
        }
        if ["Consumer Deleted", "Server Shutdown", "Leadership Change"].contains(&said.as_str())
            || matches!(status, StatusCode::TIMEOUT | StatusCode::NOT_FOUND)
        {
            return Ok(Came::Gone);
        }
        Err(Error::new(
            ErrorKind::Unsupported,
            "receive",
            "the server refuses to be asked for messages; look at the limits of the consumer, or choose another `group`",
        )
        .with("answer", format!("{said} ({status})")))
    }
}

/// Reads a reply subject: `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`, from
/// later servers with domain and account behind `ACK`, and with more at the end.
fn fetched(mut message: Message) -> Result<Fetched> {
    let strange = || {
        Error::new(
            ErrorKind::Damaged,
            "receive",
            "expected a message of a stream, found one that somebody sent into this subscription",
        )
    };
    let reply = message.reply.take().ok_or_else(strange)?;
    let mut numbers = [0_u64; 4];
    {
        let rest = reply.as_str().strip_prefix("$JS.ACK.").ok_or_else(strange)?;
        let skip = if rest.bytes().filter(|byte| *byte == b'.').count() == 6 {
            2
        } else {
            4
        };
        let mut parts = rest.split('.').skip(skip);
        for number in &mut numbers {
            *number = parts
                .next()
                .and_then(|part| part.parse().ok())
                .ok_or_else(strange)?;
        }
    }
    let [attempt, sequence, consumer_sequence, time] = numbers;
    Ok(Fetched {
        message,
        reply,
        sequence,
        consumer_sequence,
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
        time: SystemTime::UNIX_EPOCH + Duration::from_nanos(time),
    })
}

#[cfg(test)]
mod tests;
