//! Kafka by rdkafka alone.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use dunlin_servers::{Kind, Server, shared};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders, Timestamp};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::broker::Broker;
use super::item::Item;

const PATIENCE: Duration = Duration::from_secs(30);
/// More than one, so that order and keys mean something.
const PARTITIONS: i32 = 3;

/// Clients of the shared server.
pub(crate) struct Kafka {
    server: &'static Server,
    admin: AdminClient<DefaultClientContext>,
    producer: FutureProducer,
    consumer: BaseConsumer,
}

impl Kafka {
    pub(crate) async fn open() -> Result<Self> {
        let server = shared(Kind::Kafka).await?;
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", server.hosts())
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random");
        Ok(Self {
            server,
            admin: config.create()?,
            producer: config.create()?,
            consumer: config.create()?,
        })
    }

    /// Where each partition begins and ends. The client is told to ask: it keeps in mind that there was no such topic.
    fn ends(&self, topic: &str) -> Result<Vec<(i64, i64)>> {
        let known = self.consumer.fetch_metadata(Some(topic), PATIENCE)?;
        let partitions = known.topics().first().map_or(&[][..], |topic| topic.partitions());
        ensure!(!partitions.is_empty(), "{topic}: there is no such topic");
        let mut numbers: Vec<i32> = partitions.iter().map(|partition| partition.id()).collect();
        numbers.sort_unstable();
        numbers
            .into_iter()
            .map(|partition| Ok(self.consumer.fetch_watermarks(topic, partition, PATIENCE)?))
            .collect()
    }
}

#[async_trait]
impl Broker for Kafka {
    fn url(&self) -> String {
        self.server.url()
    }

    fn system(&self) -> String {
        format!(
            "{{ url: '{}', settings: {{ headers: escape }} }}",
            self.server.url()
        )
    }

    fn native(&self, item: &Item) -> Item {
        let time = item.properties.get_key_value("time");
        Item {
            payload: item.payload.clone(),
            key: item.key.clone(),
            properties: time
                .into_iter()
                .map(|(name, value)| (*name, value.clone()))
                .collect(),
            headers: item.headers.clone(),
            ..Item::default()
        }
    }

    async fn make(&mut self, channel: &str) -> Result<()> {
        // The messages of these tests are years old, and half a minute after its start a broker deletes what is older than a week.
        let topic = NewTopic::new(channel, PARTITIONS, TopicReplication::Fixed(1)).set("retention.ms", "-1");
        let made = self
            .admin
            .create_topics(&[topic], &AdminOptions::new().operation_timeout(Some(PATIENCE)))
            .await?;
        for topic in made {
            topic.map_err(|(name, code)| anyhow::anyhow!("{name}: {code}"))?;
        }
        // It is known to all parts of the broker, and to this client, a moment later.
        let begun = Instant::now();
        while self.ends(channel).is_err() {
            ensure!(begun.elapsed() < PATIENCE, "{channel} is not there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn write(&mut self, channel: &str, items: &[Item]) -> Result<()> {
        for some in items.chunks(5_000) {
            let mut answers = Vec::with_capacity(some.len());
            for item in some {
                let mut headers = OwnedHeaders::new_with_capacity(item.headers.len());
                for (name, value) in &item.headers {
                    headers = headers.insert(Header {
                        key: name,
                        value: Some(value),
                    });
                }
                let mut record = FutureRecord::<[u8], [u8]>::to(channel).headers(headers);
                record.key = item.key.as_deref();
                record.payload = item.payload.as_deref();
                record.timestamp = item.properties.get("time").map(|time| time.parse()).transpose()?;
                let sent = self.producer.send_result(record);
                answers.push(sent.map_err(|(error, _)| error)?);
            }
            for answer in answers {
                answer.await?.map_err(|(error, _)| error)?;
            }
        }
        Ok(())
    }

    async fn count(&mut self, channel: &str) -> Result<usize> {
        let all: i64 = self.ends(channel)?.iter().map(|(low, high)| high - low).sum();
        Ok(usize::try_from(all)?)
    }

    /// Partition after partition, each in its order.
    async fn read(&mut self, channel: &str) -> Result<Vec<Item>> {
        let ends = self.ends(channel)?;
        let mut list = TopicPartitionList::new();
        for (partition, _) in (0..).zip(&ends) {
            list.add_partition_offset(channel, partition, Offset::Beginning)?;
        }
        self.consumer.assign(&list)?;
        let mut found = Vec::new();
        let wanted: i64 = ends.iter().map(|(low, high)| high - low).sum();
        let wanted = usize::try_from(wanted)?;
        let begun = Instant::now();
        while found.len() < wanted {
            ensure!(
                begun.elapsed() < PATIENCE,
                "{} of {wanted} messages in {channel}",
                found.len()
            );
            match self.consumer.poll(Duration::from_millis(200)) {
                None | Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::PartitionEOF))) => {}
                Some(Err(error)) => bail!(error),
                Some(Ok(record)) => found.push((record.partition(), record.offset(), item(&record)?)),
            }
        }
        self.consumer.unassign()?;
        found.sort_by_key(|(partition, offset, _)| (*partition, *offset));
        Ok(found.into_iter().map(|(_, _, item)| item).collect())
    }
}

fn item(record: &rdkafka::message::BorrowedMessage<'_>) -> Result<Item> {
    let mut item = Item {
        payload: record.payload().map(<[u8]>::to_vec),
        key: record.key().map(<[u8]>::to_vec),
        ..Item::default()
    };
    let Timestamp::CreateTime(time) = record.timestamp() else {
        bail!("a record without the time of its making");
    };
    item.properties.insert("time", time.to_string());
    for header in record.headers().iter().flat_map(|headers| headers.iter()) {
        let value = header.value.context("a header has a value")?;
        item.headers.push((header.key.to_owned(), value.to_vec()));
    }
    // A time that is finer than a millisecond stands beside the record's.
    item.arrived(&["key", "tombstone"])
}
