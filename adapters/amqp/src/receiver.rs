//! Receiving and settling: a consumer on its own channel, and the words that answer its deliveries.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Delivery, Lane, Receiver, Room, Settler, Token, Verdict};
use dunlin_core::{Class, Error, ErrorKind, Result};
use futures_util::future::try_join_all;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use crate::config::End;
use crate::error::{broker, within};
use crate::flight::{Again, Answer, Flight, token};
use crate::headers;
use crate::link::{Link, Live};
use crate::session::{CLOSE_LIMIT, Task};

/// Takes messages from a queue.
pub(crate) struct AmqpReceiver {
    opener: Opener,
    state: State,
    flight: Arc<Flight>,
    lane: Lane,
    /// When something last came, or was looked for.
    heard: Instant,
    /// How often in a row the broker had messages and handed out none.
    stalls: u32,
    told: Told,
}

/// Answers the deliveries of an [`AmqpReceiver`].
pub(crate) struct AmqpSettler {
    flight: Arc<Flight>,
    clock: Arc<dyn Clock>,
    limit: Duration,
}

/// What a consumer is opened with, again at each incarnation.
#[derive(Clone)]
pub(crate) struct Opener {
    pub(crate) link: Arc<Link>,
    pub(crate) end: End,
    pub(crate) prefetch: u16,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limit: Duration,
    pub(crate) liveness: Duration,
}

enum State {
    Open(Box<Open>),
    /// Opened by a task of its own, so that a `receive` that is dropped again and again does not begin it anew each time.
    Opening(Task<Result<Box<Open>>>),
    Shut,
}

struct Open {
    /// Keeps the connection while the consumer lives.
    _live: Arc<Live>,
    channel: Channel,
    consumer: Consumer,
}

/// What was told once about this queue.
#[derive(Default)]
struct Told {
    untyped: bool,
    left_out: bool,
    /// The most often that a message had come back when it was told.
    returns: u64,
}

impl Opener {
    async fn open(self) -> Result<Box<Open>> {
        let live = self.link.up("receive").await?;
        let opening = async {
            let channel = live.connection().create_channel().await?;
            // Before the consumer, else the broker sends all it has, and the client keeps it.
            channel
                .basic_qos(self.prefetch, BasicQosOptions::default())
                .await?;
            let consumer = channel
                .basic_consume(
                    self.end.channel.as_str().into(),
                    "".into(),
                    BasicConsumeOptions::default(),
                    FieldTable::default(),
                )
                .await?;
            Ok((channel, consumer))
        };
        let (channel, consumer) = within(&self.clock, self.limit, "receive", async {
            opening.await.map_err(|cause| broker("receive", cause))
        })
        .await
        .map_err(|error| error.with("channel", &self.end.channel))?;
        Ok(Box::new(Open {
            _live: live,
            channel,
            consumer,
        }))
    }
}

impl AmqpReceiver {
    /// Begins to consume. The queue must be there.
    pub(crate) async fn open(opener: Opener) -> Result<(Self, AmqpSettler)> {
        static LANES: AtomicU64 = AtomicU64::new(1);
        let flight = Arc::new(Flight::new(opener.end.broker_dead_letter));
        let open = opener.clone().open().await?;
        flight.begin(open.channel.clone());
        let settler = AmqpSettler {
            flight: Arc::clone(&flight),
            clock: Arc::clone(&opener.clock),
            limit: opener.limit,
        };
        let receiver = Self {
            heard: opener.clock.now(),
            opener,
            state: State::Open(open),
            flight,
            lane: Lane(LANES.fetch_add(1, Ordering::Relaxed)),
            stalls: 0,
            told: Told::default(),
        };
        Ok((receiver, settler))
    }

    fn shut(&mut self) {
        self.flight.end();
        self.state = State::Shut;
    }

    fn reopen(&mut self) {
        let opener = self.opener.clone();
        self.state = State::Opening(Task::spawn(async move {
            // A queue that lets a consumer in and throws it out at once must not keep both busy.
            opener.clock.sleep(REOPEN_PAUSE).await;
            opener.open().await
        }));
    }

    /// Takes one delivery over from the client.
    fn take(&mut self, taken: lapin::message::Delivery, batch: &mut Vec<Delivery>) -> usize {
        let now = self.opener.clock.now();
        self.heard = now;
        self.stalls = 0;
        let read = headers::read(&taken.properties, taken.data);
        self.told
            .once(&self.opener.end.channel, read.untyped, read.left_out);
        self.told.returns(&self.opener.end, read.returns_before);
        let size = read.message.size();
        let mut delivery = Delivery::new(token(), self.lane, read.message)
            .addressed(Bytes::copy_from_slice(taken.routing_key.as_str().as_bytes()));
        // Queues that do not count say only that it is not the first time.
        delivery.attempt = match (read.deliveries_before, taken.redelivered) {
            (Some(before), _) => Some(u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)),
            (None, false) => Some(1),
            (None, true) => None,
        };
        batch.push(self.flight.hand_out(taken.delivery_tag, now, delivery));
        size
    }

    /// Asks the broker whether it has messages that it does not hand out: a consumer can die without a word.
    async fn look(&mut self) {
        self.heard = self.opener.clock.now();
        let State::Open(open) = &self.state else { return };
        if !self.flight.is_idle() {
            return;
        }
        let name = self.opener.end.channel.as_str();
        let asked = open
            .channel
            .queue_declare(name.into(), passive(), FieldTable::default());
        let found = within(&self.opener.clock, self.opener.limit, "receive", async {
            asked.await.map_err(|cause| broker("receive", cause))
        })
        .await;
        match found {
            // Another consumer may be the active one; then there is nothing wrong with waiting.
            Ok(queue) if queue.message_count() > 0 && queue.consumer_count() <= 1 => self.stalls += 1,
            Ok(_) => self.stalls = 0,
            Err(error) => {
                tracing::debug!(%error, "a silent consumer did not answer");
                self.shut();
            }
        }
        if self.stalls > 1 {
            tracing::warn!(channel = %self.opener.end.channel, "the broker hands out nothing of what it has; consuming anew");
            self.stalls = 0;
            self.shut();
        }
    }
}

const REOPEN_PAUSE: Duration = Duration::from_millis(20);

/// What ended a wait.
#[expect(
    clippy::large_enum_variant,
    reason = "it lives for one turn of a loop; a box would be an allocation for each message"
)]
enum Woken {
    Came(Option<lapin::Result<lapin::message::Delivery>>),
    Opened(Result<Box<Open>>),
    Again,
    Look,
}

#[async_trait]
impl Receiver for AmqpReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        let flight = Arc::clone(&self.flight);
        let clock = Arc::clone(&self.opener.clock);
        loop {
            let returned = flight.returned.notified();
            tokio::pin!(returned);
            // From here on a message that comes back is noticed, also between the look and the wait.
            returned.as_mut().enable();
            let again = match flight.again(clock.now(), room, batch) {
                Again::Taken => return Ok(()),
                Again::In(time) => Some(time),
                Again::Nothing => None,
            };
            let until_look = self
                .opener
                .liveness
                .saturating_sub(clock.now().saturating_duration_since(self.heard));
            let woken = match &mut self.state {
                State::Shut => {
                    self.reopen();
                    continue;
                }
                State::Opening(task) => Woken::Opened(task.await),
                State::Open(open) => tokio::select! {
                    biased;
                    came = open.consumer.next() => Woken::Came(came),
                    () = returned => Woken::Again,
                    () = sleep(&clock, again) => Woken::Again,
                    () = clock.sleep(until_look) => Woken::Look,
                },
            };
            match woken {
                Woken::Again => {}
                Woken::Look => self.look().await,
                Woken::Opened(Ok(open)) => {
                    flight.begin(open.channel.clone());
                    self.heard = clock.now();
                    self.state = State::Open(open);
                }
                Woken::Opened(Err(error)) => {
                    self.shut();
                    return Err(error);
                }
                Woken::Came(Some(Ok(first))) => {
                    let mut bytes = self.take(first, batch);
                    let mut taken = 1;
                    while taken < room.messages && bytes < room.bytes {
                        let State::Open(open) = &mut self.state else { break };
                        match open.consumer.next().now_or_never() {
                            Some(Some(Ok(next))) => bytes += self.take(next, batch),
                            // The end is met again at the next call, after what came before it.
                            Some(Some(Err(_)) | None) => self.shut(),
                            None => break,
                        }
                        taken += 1;
                    }
                    return Ok(());
                }
                // Cancelled by the broker: the queue was deleted or has moved. Opening it again tells which.
                Woken::Came(None) => self.shut(),
                Woken::Came(Some(Err(cause))) => {
                    self.shut();
                    let error = broker("receive", cause).with("channel", &self.opener.end.channel);
                    if error.class() != Class::Temporary {
                        return Err(error);
                    }
                    tracing::debug!(%error, "the consumer has ended; consuming anew");
                }
            }
        }
    }

    async fn close(mut self: Box<Self>) -> Result<()> {
        let State::Open(open) = std::mem::replace(&mut self.state, State::Shut) else {
            return Ok(());
        };
        let queue = self.opener.end.channel.as_str();
        let closing = async {
            // A quorum queue takes a few dozen acknowledgements at a time; RabbitMQ keeps further ones back, and forgets them
            // when the channel closes. Ending the consumer goes through the queue's log behind those on their way, and the
            // question after it comes behind those that were kept back.
            open.channel
                .basic_cancel(open.consumer.tag(), BasicCancelOptions::default())
                .await?;
            open.channel
                .queue_declare(queue.into(), passive(), FieldTable::default())
                .await?;
            open.channel.close(200, "closed".into()).await
        };
        let closing = async { closing.await.map_err(|cause| broker("close", cause)) };
        if let Err(error) = within(&self.opener.clock, CLOSE_LIMIT, "close", closing).await {
            // A channel that is gone has given back all that was unsettled.
            tracing::debug!(%error, "the channel had ended before it was closed");
        }
        self.flight.end();
        Ok(())
    }
}

fn passive() -> QueueDeclareOptions {
    QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    }
}

async fn sleep(clock: &Arc<dyn Clock>, time: Option<Duration>) {
    match time {
        Some(time) => clock.sleep(time).await,
        None => std::future::pending().await,
    }
}

impl Told {
    /// Warns of a message that the queue may soon drop, each time it gets worse.
    fn returns(&mut self, end: &End, returns: Option<u64>) {
        let (Some(alarm), Some(returns)) = (end.delivery_limit.alarm(), returns) else {
            return;
        };
        if returns < alarm || returns <= self.returns {
            return;
        }
        self.returns = returns;
        tracing::warn!(
            channel = %end.channel,
            "a message was given back {returns} times; a quorum queue drops it at its delivery limit, which is 20 where nobody says \
             otherwise: set the policy `delivery-limit` of the queue to -1, and `delivery_limit: none` here"
        );
    }

    fn once(&mut self, channel: &str, untyped: bool, left_out: bool) {
        if untyped && !self.untyped {
            self.untyped = true;
            tracing::warn!(
                channel,
                "a header is not text but a number, a time or a table: its value is kept as text, and its type is lost"
            );
        }
        if left_out && !self.left_out {
            self.left_out = true;
            tracing::warn!(
                channel,
                "a message has `app-id`, `user-id`, `cluster-id`, or an expiration that is no number: they are left out"
            );
        }
    }
}

#[async_trait]
impl Settler for AmqpSettler {
    async fn settle(&mut self, verdicts: &[(Token, Verdict)]) -> Result<()> {
        let Some((channel, answers)) = self.flight.decide(verdicts, self.clock.now())? else {
            return Ok(());
        };
        let words = answers.into_iter().map(|answer| say(&channel, answer));
        within(&self.clock, self.limit, "settle", async {
            let said = try_join_all(words).await;
            said.map(drop).map_err(|cause| {
                // The channel is gone, and every message on it comes again.
                Error::new(
                    ErrorKind::Disconnected,
                    "settle",
                    "the connection was lost; what was to be settled comes again",
                )
                .caused_by(cause)
            })
        })
        .await
    }

    /// Nothing is held back: each answer was written before its `settle` ended.
    async fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

type Word<'a> = Pin<Box<dyn Future<Output = lapin::Result<()>> + Send + 'a>>;

fn say(channel: &Channel, answer: Answer) -> Word<'_> {
    let nack = |tag, requeue| -> Word<'_> {
        Box::pin(channel.basic_nack(
            tag,
            BasicNackOptions {
                multiple: false,
                requeue,
            },
        ))
    };
    match answer {
        Answer::Ack { tag, and_before } => {
            Box::pin(channel.basic_ack(tag, BasicAckOptions { multiple: and_before }))
        }
        Answer::Requeue { tag } => nack(tag, true),
        Answer::Reject { tag } => nack(tag, false),
    }
}
