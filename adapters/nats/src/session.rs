//! A session: receivers, senders, and answers about streams as the server gives them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{
    Browse, ChannelState, Declare, Endpoint, Events, Lane, Purpose, Receiver, Resolved, Sender, Session,
    Settler, Source, Start, Target,
};
use dunlin_core::position::Position;
use dunlin_core::{ErrorKind, Result};

use crate::api::StreamInfo;
use crate::browse::Looker;
use crate::config::{Config, plain_name};
use crate::error::disconnected;
use crate::gaps::Left;
use crate::link::{CLOSE_LIMIT, Keeper, Line, Link, within};
use crate::pump::Pump;
use crate::receiver::{NatsReceiver, NatsSettler, Shared};
use crate::sender::NatsSender;
use crate::topology;

pub(crate) struct NatsSession {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    events: Events,
    link: Link,
    keeper: Mutex<Option<Keeper>>,
    lanes: AtomicU64,
    left: Left,
}

impl NatsSession {
    pub(crate) async fn connect(
        config: &Arc<Config>,
        clock: &Arc<dyn Clock>,
        events: Events,
    ) -> Result<Self> {
        let (link, keeper) = Link::start(config, clock, events.clone()).await?;
        Ok(Self {
            config: Arc::clone(config),
            clock: Arc::clone(clock),
            events,
            link,
            keeper: Mutex::new(Some(keeper)),
            lanes: AtomicU64::new(0),
            left: Left::default(),
        })
    }

    /// Does this over the present connection, and once more over the next one where the connection was lost meanwhile.
    async fn over<T, F>(&self, operation: &'static str, work: impl Fn(Arc<Line>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut link = self.link.clone();
        let line = link.line(operation).await?;
        match work(Arc::clone(&line)).await {
            Err(error) if error.kind() == ErrorKind::Disconnected => {
                // The client may know of the break a moment before we are told.
                if within(&self.clock, CLOSE_LIMIT, line.lost()).await.is_none() {
                    return Err(error);
                }
                work(link.line(operation).await?).await
            }
            done => done,
        }
    }

    fn lane(&self) -> Lane {
        Lane(self.lanes.fetch_add(1, Ordering::Relaxed))
    }
}

#[async_trait]
impl Session for NatsSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        const VERIFYING: &str = "verify";
        let end = self.config.end(endpoint)?;
        let channel = end.channel.as_str();
        let asked = self.over(VERIFYING, |line| async move {
            let stream = match purpose {
                Purpose::Receive => line.stream(VERIFYING, channel).await?,
                Purpose::Send => topology::stream_for(&line, VERIFYING, channel).await?,
            };
            Ok((line, stream))
        });
        let (line, stream) = asked.await?;
        let found = topology::as_found(&end, &stream);
        let limits = topology::limits(&line, &stream);
        let mut resolved = self.config.resolved_as(&found, limits, stream.canonical());
        resolved.capabilities.dedup_by_id = stream.config.duplicate_window > 0;
        Ok(resolved)
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let end = self.config.end(&source.endpoint)?;
        plain_name("group", &source.group)?;
        let wanted = &end;
        let opened = self.over("receiver", |line| async move {
            let consumer = topology::consumer(&line, wanted, &source.group, &source.start, None).await?;
            Ok((line, consumer))
        });
        let (line, consumer) = opened.await?;
        let shared = Shared::new(source.window, self.lane());
        let pump = Pump {
            shared: Arc::clone(&shared),
            link: self.link.clone(),
            end,
            group: source.group.clone(),
            start: source.start.clone(),
            clock: Arc::clone(&self.clock),
            events: self.events.clone(),
            left: Arc::clone(&self.left),
        };
        let receiver = NatsReceiver {
            shared: Arc::clone(&shared),
            task: tokio::spawn(pump.run(line, consumer)),
            clock: Arc::clone(&self.clock),
        };
        let settler = NatsSettler {
            shared,
            clock: Arc::clone(&self.clock),
        };
        Ok((Box::new(receiver), Box::new(settler)))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let end = self.config.end(&target.endpoint)?;
        let channel = end.channel.as_str();
        let asked = self.over("sender", |line| async move {
            let taker = topology::taker(&line, "sender", channel)
                .await
                .map_err(|error| error.with("subject", channel))?;
            Ok((line.number, taker))
        });
        let (number, taker) = asked.await?;
        let clock = Arc::clone(&self.clock);
        Ok(Box::new(NatsSender::new(
            self.link.clone(),
            end,
            clock,
            number,
            taker,
        )))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        const INSPECTING: &str = "inspect";
        let end = self.config.end(endpoint)?;
        let channel = end.channel.as_str();
        let asked = self.over(INSPECTING, |line| async move {
            let stream = match line.stream(INSPECTING, channel).await {
                // No stream of that name: perhaps a subject.
                Err(error) if error.kind() == ErrorKind::ChannelMissing => {
                    topology::stream_for(&line, INSPECTING, channel).await?
                }
                other => other?,
            };
            let consumer = match group {
                Some(group) => line.consumer(INSPECTING, &stream.config.name, group).await?,
                None => None,
            };
            Ok((stream, consumer))
        });
        let (stream, consumer) = asked.await?;
        let mut state = ChannelState::default();
        let log = stream.log();
        state.depth = Some(stream.state.messages);
        state.lag = consumer.map(|consumer| consumer.num_pending + consumer.num_ack_pending);
        if stream.state.messages > 0 {
            state.first = Some(Position::new(Arc::clone(&log), stream.state.first_seq));
            state.last = Some(Position::new(log, stream.state.last_seq));
        }
        state.settings = settings(&stream);
        Ok(state)
    }

    fn browse(&self) -> Option<&dyn Browse> {
        Some(self)
    }

    fn declare(&self) -> Option<&dyn Declare> {
        Some(self)
    }

    async fn close(&self) -> Result<()> {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(keeper);
        let Ok(line) = self.link.now("close") else {
            return Ok(());
        };
        let ended = async {
            line.client
                .flush()
                .await
                .map_err(|cause| disconnected("close").caused_by(cause))?;
            line.client
                .drain()
                .await
                .map_err(|cause| disconnected("close").caused_by(cause))?;
            line.lost().await;
            Ok(())
        };
        within(&self.clock, CLOSE_LIMIT, ended)
            .await
            .unwrap_or_else(|| Err(crate::error::late("close", "the end of the connection")))
    }
}

#[async_trait]
impl Browse for NatsSession {
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>> {
        let end = self.config.end(endpoint)?;
        let clock = Arc::clone(&self.clock);
        let looker = Looker::open(self.link.clone(), end, start.clone(), follow, clock, self.lane()).await?;
        Ok(Box::new(looker))
    }
}

#[async_trait]
impl Declare for NatsSession {
    async fn declare(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Vec<String>> {
        let end = self.config.end(endpoint)?;
        let end = &end;
        self.over("declare", |line| async move {
            topology::declare(&line, end, purpose).await
        })
        .await
    }
}

impl std::fmt::Debug for NatsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NatsSession({})", self.config.name)
    }
}

/// What people want to know of a stream.
fn settings(stream: &StreamInfo) -> Vec<(String, String)> {
    let config = &stream.config;
    let time = |nanoseconds: u64| format!("{:?}", Duration::from_nanos(nanoseconds));
    let mut told = vec![
        ("stream", config.name.clone()),
        ("subjects", config.subjects.join(", ")),
        ("storage", config.storage.clone()),
        ("replicas", config.num_replicas.to_string()),
        ("retention", config.retention.clone()),
        ("duplicate_window", time(config.duplicate_window)),
        ("bytes", stream.state.bytes.to_string()),
    ];
    if config.max_age > 0 {
        told.push(("max_age", time(config.max_age)));
    }
    if config.max_msg_size > 0 {
        told.push(("max_msg_size", config.max_msg_size.to_string()));
    }
    told.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
