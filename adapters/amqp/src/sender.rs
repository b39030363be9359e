//! Sending: a batch is handed to the client as a whole, and its confirms are waited for elsewhere.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Confirm, Outgoing, Receipt, Sender};
use dunlin_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use lapin::Channel;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use tokio::sync::{mpsc, oneshot};

use crate::config::End;
use crate::confirms::{Batch, Collector, Published};
use crate::error::{broker, within};
use crate::headers::{self, Wire};
use crate::link::{Link, Live};
use crate::session::{CLOSE_LIMIT, Task};

/// Puts messages into a queue or an exchange.
pub(crate) struct AmqpSender {
    link: Arc<Link>,
    end: End,
    exchange: ShortString,
    clock: Arc<dyn Clock>,
    limit: Duration,
    open: Option<Open>,
}

/// A channel with confirms, and the task that waits for them.
struct Open {
    live: Arc<Live>,
    channel: Arc<Channel>,
    batches: mpsc::UnboundedSender<Batch>,
    collector: Task<()>,
}

impl AmqpSender {
    /// Opens a channel for publishing. That the queue or exchange exists is told by the first answer.
    pub(crate) async fn open(
        link: Arc<Link>,
        end: End,
        clock: Arc<dyn Clock>,
        limit: Duration,
    ) -> Result<Self> {
        let mut sender = Self {
            link,
            exchange: end.exchange.as_str().into(),
            end,
            clock,
            limit,
            open: None,
        };
        sender.ready().await?;
        Ok(sender)
    }

    /// The open channel of the present incarnation.
    async fn ready(&mut self) -> Result<&Open> {
        let usable = |open: &Open| {
            open.live.is_connected() && open.channel.status().connected() && !open.batches.is_closed()
        };
        if !self.open.as_ref().is_some_and(usable) {
            if let Some(old) = self.open.take() {
                // Its answers still come: errors for all that is unanswered.
                drop(old.batches);
                old.collector.detach();
            }
            let opened = within(&self.clock, self.limit, "send", self.reopen()).await?;
            self.open = Some(opened);
        }
        self.open.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "send",
                "expected an open channel, found none",
            )
        })
    }

    async fn reopen(&self) -> Result<Open> {
        let live = self.link.up("send").await?;
        let opening = async {
            let channel = live.connection().create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(Arc::new(channel))
        };
        let channel = opening.await.map_err(|cause| broker("send", cause))?;
        let (batches, receiver) = mpsc::unbounded_channel();
        let collector = Collector {
            channel: Arc::clone(&channel),
            live: Arc::clone(&live),
            clock: Arc::clone(&self.clock),
            limit: self.end.confirm_timeout,
            batches: receiver,
        };
        Ok(Open {
            live,
            channel,
            batches,
            collector: Task::spawn(collector.run()),
        })
    }

    /// Waits while the broker asks publishers to wait, up to the time of a confirm.
    async fn unblocked(&mut self) -> Result<()> {
        let end = self.clock.now() + self.end.confirm_timeout;
        while self.ready().await?.live.is_blocked() {
            if self.clock.now() >= end {
                return Err(Error::new(
                    ErrorKind::Blocked,
                    "send",
                    "the broker asks publishers to wait: it is short of memory or disk (`rabbitmqctl status` shows the alarm)",
                ));
            }
            self.clock.sleep(BLOCKED_LOOK).await;
        }
        Ok(())
    }
}

const BLOCKED_LOOK: Duration = Duration::from_millis(100);

#[async_trait]
impl Sender for AmqpSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        self.unblocked().await?;
        let named = |error: Error, end: &End| error.with("channel", &end.channel);
        let (end, exchange) = (self.end.clone(), self.exchange.clone());
        let open = self.ready().await.map_err(|error| named(error, &end))?;
        let frame_max = open.live.frame_max();
        // One answer for each message; those that are published get theirs later.
        let mut refused: Vec<Option<Error>> = Vec::with_capacity(batch.len());
        let mut published = Vec::with_capacity(batch.len());
        for outgoing in batch {
            let handed = match headers::write(&end, frame_max, outgoing) {
                Err(error) => Err(error),
                Ok(wire) => publish(&open.channel, &exchange, wire),
            };
            match handed {
                Ok(message) => {
                    published.push(message);
                    refused.push(None);
                }
                Err(error) => refused.push(Some(named(error, &end))),
            }
        }
        if published.is_empty() {
            let answers = refused.into_iter().flatten().map(Err);
            return Ok(Confirm::ready(answers.collect()));
        }
        let count = published.len();
        let (reply, answers) = oneshot::channel();
        // If the collector has just given up, the reply is dropped with the batch, and that is the answer.
        let _ = open.batches.send(Batch { published, reply });
        Ok(Confirm::new(batch.len(), async move {
            let answers = answers
                .await
                .unwrap_or_else(|_| (0..count).map(|_| Err(abandoned())).collect());
            let mut answers = answers.into_iter();
            refused
                .into_iter()
                .map(|refused| match refused {
                    Some(error) => Err(error),
                    None => answers
                        .next()
                        .unwrap_or_else(|| Err(abandoned()))
                        .map_err(|error| named(error, &end)),
                })
                .collect::<Vec<Result<Receipt>>>()
        }))
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        drop(open.batches);
        let waited = within(
            &self.clock,
            self.end.confirm_timeout + CLOSE_LIMIT,
            "close",
            async {
                open.collector.await;
                Ok(())
            },
        );
        if let Err(error) = waited.await {
            tracing::debug!(%error, "the outstanding messages were not answered before the end");
        }
        let closing = async {
            let closed = open.channel.close(200, "closed".into()).await;
            closed.map_err(|cause| broker("close", cause))
        };
        if let Err(error) = within(&self.clock, CLOSE_LIMIT, "close", closing).await {
            tracing::debug!(%error, "the channel had ended before it was closed");
        }
        Ok(())
    }
}

/// Hands one message to the client. lapin takes it at the first poll, whole and in order; its future then waits until the
/// message is written and confirmed. Waiting for each would cost a change of threads for every message.
fn publish(channel: &Arc<Channel>, exchange: &ShortString, wire: Wire) -> Result<Published> {
    let Wire {
        key,
        properties,
        headers,
        payload,
    } = wire;
    let (channel, exchange) = (Arc::clone(channel), exchange.clone());
    let (sent_key, sent_payload) = (key.clone(), payload.clone());
    let mut answer = async move {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let confirm = channel
            .basic_publish(exchange, sent_key, options, &sent_payload, properties)
            .await?;
        confirm.await
    }
    .boxed();
    let answer = match (&mut answer).now_or_never() {
        None => answer,
        // Refused at once: the channel is closed, and the message was not taken.
        Some(Err(cause)) => return Err(broker("send", cause)),
        Some(done) => std::future::ready(done).boxed(),
    };
    Ok(Published {
        key,
        headers,
        payload,
        answer,
    })
}

fn abandoned() -> Error {
    Error::new(
        ErrorKind::Disconnected,
        "send",
        "the connection was given up before the broker had answered",
    )
    .doubtful()
}
