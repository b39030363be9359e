//! Looking at a topic: a consumer that belongs to no group and moves nobody's place.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use dunlin_core::messaging::{Delivery, Lane, Receiver, Room, Start, Token};
use dunlin_core::{Error, ErrorKind, Result};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::client::{self, Listener};
use crate::config::{Channel, End};
use crate::copies::Copies;
use crate::error::{classify, code, of_code};
use crate::headers;
use crate::lane::{LaneState, Partition};
use crate::offsets;
use crate::session::KafkaSession;

/// How many messages wait for whoever looks.
const AHEAD: usize = 256;

/// Hands out what is there, and settles nothing.
pub(crate) struct Onlooker {
    messages: mpsc::Receiver<Result<Delivery>>,
    closed: Arc<AtomicBool>,
}

/// Begins to look. Without `follow` it ends at what was the end of each partition.
pub(crate) fn look(
    session: &KafkaSession,
    end: &End,
    partitions: &[Partition],
    start: &Start,
    follow: bool,
) -> Result<Onlooker> {
    if let Channel::Pattern(..) = end.channel {
        return Err(Error::invalid("expected one topic to look at, found a pattern"));
    }
    let failed = |error: KafkaError| classify("browse", &error);
    let consumer: BaseConsumer<Listener> = client::onlooker(&session.system.config, end)?
        .create_with_context(Listener::default())
        .map_err(failed)?;
    let limit = session.system.config.connect_timeout;
    let places = places(&consumer, partitions, start, &session.cluster, limit)?;
    let mut ends = HashSet::new();
    let mut from_here = TopicPartitionList::new();
    for element in places.elements() {
        let (topic, number) = (element.topic(), element.partition());
        let (first, end) = session.asker.range("browse", topic, number)?;
        // The end of this moment, not of the one in which the client gets to ask: what comes after the call is shown.
        let from = match element.offset() {
            Offset::Offset(from) => from,
            Offset::End => end,
            _ => first,
        };
        from_here
            .add_partition_offset(topic, number, Offset::Offset(from))
            .map_err(failed)?;
        if from < end {
            ends.insert(number);
        }
    }
    consumer.assign(&from_here).map_err(failed)?;
    let (messages, receiver) = mpsc::channel(AHEAD);
    let closed = Arc::new(AtomicBool::new(false));
    let eye = Eye {
        consumer,
        cluster: session.cluster.to_string(),
        messages,
        closed: Arc::clone(&closed),
        ends: (!follow).then_some(ends),
        token: 0,
    };
    let spawned = thread::Builder::new()
        .name("dunlin-kafka-browse".to_owned())
        .spawn(move || eye.run());
    match spawned {
        Ok(_) => Ok(Onlooker {
            messages: receiver,
            closed,
        }),
        Err(cause) => Err(Error::new(
            ErrorKind::Io,
            "browse",
            "expected a thread to look with, the system gives none",
        )
        .caused_by(cause)),
    }
}

fn places(
    consumer: &BaseConsumer<Listener>,
    partitions: &[Partition],
    start: &Start,
    cluster: &str,
    limit: Duration,
) -> Result<TopicPartitionList> {
    match start {
        Start::Earliest => offsets::list(partitions, Offset::Beginning),
        Start::Latest => offsets::list(partitions, Offset::End),
        Start::Time(time) => offsets::of_time(consumer, partitions, *time, limit),
        Start::Position(position) => offsets::of_position(partitions, position, cluster),
    }
}

/// The thread that looks.
struct Eye {
    consumer: BaseConsumer<Listener>,
    cluster: String,
    messages: mpsc::Sender<Result<Delivery>>,
    closed: Arc<AtomicBool>,
    /// The partitions whose end is not reached; none where more is waited for.
    ends: Option<HashSet<i32>>,
    token: u64,
}

impl Eye {
    fn run(mut self) {
        let mut copies = Copies::default();
        while !self.closed.load(Ordering::Acquire) {
            if self.ends.as_ref().is_some_and(HashSet::is_empty) {
                return;
            }
            let seen = match self.consumer.poll(Duration::from_millis(100)) {
                None => continue,
                Some(Ok(record)) => headers::message(&record, &mut copies).map(|message| {
                    (
                        message,
                        Partition {
                            topic: record.topic().into(),
                            number: record.partition(),
                        },
                        record.offset(),
                    )
                }),
                Some(Err(KafkaError::PartitionEOF(number))) => {
                    self.at_end(number);
                    continue;
                }
                Some(Err(error)) => match told(&error) {
                    Some(error) => Err(error),
                    None => continue,
                },
            };
            let stops = seen.is_err();
            let delivery = seen.map(|(message, partition, offset)| self.delivery(message, partition, offset));
            // It waits while nobody takes; whoever looked may be gone.
            if self.messages.blocking_send(delivery).is_err() || stops {
                return;
            }
        }
    }

    fn delivery(&mut self, message: dunlin_core::Message, partition: Partition, offset: i64) -> Delivery {
        self.token += 1;
        let lane = u64::try_from(partition.number).unwrap_or(0);
        let state = LaneState::new(partition, &self.cluster);
        Delivery::new(Token(self.token), Lane(lane), message)
            .at(state.position(offset))
            .addressed(state.address)
    }

    /// The client names the partition that ended, and not its topic; there is only one topic here.
    fn at_end(&mut self, number: i32) {
        if let Some(ends) = &mut self.ends {
            ends.remove(&number);
        }
    }
}

/// What the one who looks has to be told; the rest passes by itself.
fn told(error: &KafkaError) -> Option<Error> {
    let error = of_code("browse", code(error)?);
    (error.class() != dunlin_core::Class::Temporary).then_some(error)
}

#[async_trait]
impl Receiver for Onlooker {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        room.for_any()?;
        let Some(first) = self.messages.recv().await else {
            return Err(Error::closed("receive", "everything that was there was shown"));
        };
        let first = first?;
        let (mut taken, mut bytes) = (1, first.message.size());
        batch.push(first);
        while taken < room.messages
            && bytes < room.bytes
            && let Ok(next) = self.messages.try_recv()
        {
            let next = next?;
            taken += 1;
            bytes += next.message.size();
            batch.push(next);
        }
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

impl Drop for Onlooker {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
    }
}
