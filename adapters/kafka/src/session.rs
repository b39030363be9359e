//! A session: receivers, senders, and answers about topics as the brokers give them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::messaging::{
    Browse, ChannelState, Declare, Endpoint, Events, Purpose, Receiver, Resolved, Sender, Session, Settler,
    Source, Start, Target,
};
use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::topic_partition_list::Offset;

use crate::KafkaSystem;
use crate::asker::Asker;
use crate::browse;
use crate::config::{Channel, End};
use crate::error::lost;
use crate::lane::{LaneState, Partition};
use crate::offsets;
use crate::rebalance::Shared;
use crate::receiver::pair;
use crate::sender::KafkaSender;
use crate::supervisor::{self, Recipe};
use crate::topology::Admin;

/// How long closing waits for the client's threads.
const CLOSING: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub(crate) struct KafkaSession {
    pub(crate) system: KafkaSystem,
    pub(crate) asker: Arc<Asker>,
    /// What the cluster is called, in positions and deduplication ids.
    pub(crate) cluster: Arc<str>,
    /// What tells channels of this cluster from those of others, whatever `identity` says.
    place: Arc<str>,
    /// Made when first needed, and again after a failure.
    pub(crate) admin: Arc<Mutex<Option<Arc<Admin>>>>,
    events: Events,
}

impl KafkaSession {
    pub(crate) async fn connect(system: KafkaSystem, events: Events) -> Result<Self> {
        let config = Arc::clone(&system.config);
        let (asker, place) = tokio::task::spawn_blocking(move || -> Result<_> {
            let asker = Asker::new(config);
            let place = asker.cluster()?;
            Ok((asker, place))
        })
        .await
        .map_err(|cause| lost("connect", cause))?
        .map_err(|error| error.with("brokers", &system.config.bootstrap))?;
        let cluster = system.config.identity.clone().unwrap_or_else(|| place.clone());
        Ok(Self {
            system,
            asker: Arc::new(asker),
            cluster: Arc::from(cluster),
            place: Arc::from(place),
            admin: Arc::default(),
            events,
        })
    }

    /// Runs what asks the brokers where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let session = self.clone();
        tokio::task::spawn_blocking(move || work(&session))
            .await
            .map_err(|cause| lost(operation, cause))?
    }

    /// The partitions of an end's topic, or of all topics that its pattern matches.
    pub(crate) fn partitions(&self, operation: &'static str, end: &End) -> Result<Vec<Partition>> {
        let of = |topic: &str, numbers: Vec<i32>| {
            let topic: Arc<str> = Arc::from(topic);
            numbers
                .into_iter()
                .map(move |number| Partition {
                    topic: Arc::clone(&topic),
                    number,
                })
                .collect::<Vec<_>>()
        };
        match &end.channel {
            Channel::Topic(name) => Ok(of(name, self.asker.partitions(operation, name)?)),
            Channel::Pattern(text, pattern) => {
                let mut found = Vec::new();
                for (name, numbers) in self.asker.topics(operation)? {
                    // The brokers' own topics are nobody's messages.
                    if !name.starts_with("__") && pattern.is_match(&name) {
                        found.extend(of(&name, numbers));
                    }
                }
                if found.is_empty() {
                    return Err(Error::new(
                        ErrorKind::ChannelMissing,
                        operation,
                        "expected a topic that matches the pattern, found none; make one, or look at the channel's name",
                    )
                    .with("pattern", text));
                }
                Ok(found)
            }
        }
    }

    /// The first offset of each partition, and the one behind its last.
    fn ranges(&self, partitions: &[Partition]) -> Result<Vec<(i64, i64)>> {
        partitions
            .iter()
            .map(|partition| self.asker.range("inspect", &partition.topic, partition.number))
            .collect()
    }

    fn count(&self, end: &End, group: Option<&str>) -> Result<ChannelState> {
        let partitions = self.partitions("inspect", end)?;
        let ranges = self.ranges(&partitions)?;
        let committed = match group {
            Some(group) => Some(self.committed(end, group, &partitions)?),
            None => None,
        };
        let mut state = ChannelState::default();
        let (mut depth, mut lag) = (0_u64, 0_u64);
        for (place, (partition, (first, end))) in partitions.iter().zip(ranges).enumerate() {
            let count = |from: i64| u64::try_from(end - from).unwrap_or(0);
            depth += count(first);
            let place = committed.as_ref().and_then(|places| places[place]);
            lag += count(place.map_or(first, |place| place.max(first)));
            let names = LaneState::new(partition.clone(), &self.cluster);
            if end > first {
                state.first.get_or_insert_with(|| names.position(first));
                state.last = Some(names.position(end - 1));
            }
            let at = place.map_or_else(String::new, |place| format!(", read to {place}"));
            state.settings.push((
                format!("{} partition {}", partition.topic, partition.number),
                format!("offsets {first} to {end}{at}"),
            ));
        }
        state.depth = Some(depth);
        state.lag = group.map(|_| lag);
        Ok(state)
    }

    /// The places of a group, which is not joined for that.
    fn committed(&self, end: &End, group: &str, partitions: &[Partition]) -> Result<Vec<Option<i64>>> {
        let limit = self.system.config.connect_timeout;
        let failed = |error| crate::error::classify("inspect", &error);
        let consumer: rdkafka::consumer::BaseConsumer<crate::client::Listener> =
            crate::client::consumer(&self.system.config, end, group, partitions.len())?
                .create_with_context(crate::client::Listener::default())
                .map_err(failed)?;
        let found = offsets::committed(&consumer, partitions, limit).map_err(failed)?;
        Ok(partitions
            .iter()
            .map(
                |partition| match found.find_partition(&partition.topic, partition.number)?.offset() {
                    Offset::Offset(next) => Some(next),
                    _ => None,
                },
            )
            .collect())
    }

    /// Joins the group, after it got its place where it has none.
    fn join(&self, source: &Source, end: End) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let shared = Arc::new(Shared::new(&self.cluster, self.events.clone()));
        let partitions = self.partitions("receiver", &end)?;
        let recipe = Recipe {
            config: Arc::clone(&self.system.config),
            end,
            group: source.group.clone(),
            window: source.window,
            partitions: partitions.len(),
            shared: Arc::clone(&shared),
        };
        let consumer = recipe.consumer()?;
        let limit = self.system.config.connect_timeout;
        offsets::begin(&consumer, &partitions, &source.start, &self.cluster, limit)
            .map_err(|error| error.with("group", &source.group))?;
        let ended = supervisor::start(recipe, consumer)?;
        let (receiver, settler) = pair(shared, Arc::clone(&self.system.clock), ended);
        Ok((Box::new(receiver), Box::new(settler)))
    }
}

#[async_trait]
impl Session for KafkaSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        let end = self.system.config.end(endpoint)?;
        if let (Channel::Pattern(..), Purpose::Send) = (&end.channel, purpose) {
            return Err(Error::invalid("expected a topic to send to, found a pattern"));
        }
        let asked = end.clone();
        self.blocking("verify", move |session| session.partitions("verify", &asked))
            .await?;
        let limit = match &end.channel {
            Channel::Topic(name) => self.topic_limit(name).await,
            Channel::Pattern(..) => None,
        };
        Ok(end.resolved(&self.cluster, &self.place, limit))
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let end = self.system.config.end(&source.endpoint)?;
        if source.group.is_empty() || source.group.contains('\0') {
            return Err(Error::invalid("expected the name of a group, found none").with("setting", "group"));
        }
        let source = source.clone();
        self.blocking("receiver", move |session| session.join(&source, end))
            .await
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        let end = self.system.config.end(&target.endpoint)?;
        Ok(Box::new(KafkaSender::open(self.clone(), end).await?))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        let end = self.system.config.end(endpoint)?;
        let group = group.map(ToOwned::to_owned);
        self.blocking("inspect", move |session| session.count(&end, group.as_deref()))
            .await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        Some(self)
    }

    fn declare(&self) -> Option<&dyn Declare> {
        Some(self)
    }

    async fn close(&self) -> Result<()> {
        // The connection for questions ends with the last clone of the session; nothing is held back in it.
        let admin = Arc::clone(&self.admin);
        let dropped = tokio::task::spawn_blocking(move || {
            admin.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        tokio::select! {
            dropped = dropped => dropped.map_err(|cause| lost("close", cause)),
            () = self.system.clock.sleep(CLOSING) => Ok(()),
        }
    }
}

#[async_trait]
impl Browse for KafkaSession {
    async fn look(&self, endpoint: &Endpoint, start: &Start, follow: bool) -> Result<Box<dyn Receiver>> {
        let end = self.system.config.end(endpoint)?;
        let start = start.clone();
        self.blocking("browse", move |session| {
            let partitions = session.partitions("browse", &end)?;
            Ok(Box::new(browse::look(session, &end, &partitions, &start, follow)?) as Box<dyn Receiver>)
        })
        .await
    }
}
