//! Kafka with rdkafka: stored offsets, an idempotent producer, and every delivery report awaited.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use futures_util::FutureExt;
use rdkafka::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;

use super::{BATCH, Confirm, Place, Received};
use crate::measure::End;

fn config(end: &End) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", end.url.trim_start_matches("kafka://"));
    config
}

pub(super) struct Source {
    consumer: StreamConsumer,
    topic: String,
    offsets: VecDeque<(i32, i64)>,
}

impl Source {
    pub(super) fn open(end: &End, group: &str) -> Result<Self> {
        let consumer: StreamConsumer = config(end)
            .set("group.id", group)
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "500")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("queued.min.messages", "100000")
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.queue.backoff.ms", "5")
            .create()?;
        consumer.subscribe(&[&end.channel])?;
        Ok(Self {
            consumer,
            topic: end.channel.clone(),
            offsets: VecDeque::new(),
        })
    }

    pub(super) async fn receive(&mut self, batch: &mut Vec<Received>) -> Result<()> {
        let mut next = self.consumer.recv().await?;
        loop {
            self.offsets.push_back((next.partition(), next.offset()));
            batch.push(Received {
                payload: Bytes::copy_from_slice(next.payload().unwrap_or_default()),
                place: Place::Unknown,
            });
            if batch.len() == BATCH {
                return Ok(());
            }
            match self.consumer.recv().now_or_never() {
                Some(ready) => next = ready?,
                None => return Ok(()),
            }
        }
    }

    pub(super) fn settle(&mut self, messages: usize) -> Result<()> {
        let mut last = std::collections::BTreeMap::new();
        last.extend(self.offsets.drain(..messages));
        for (partition, offset) in last {
            self.consumer.store_offset(&self.topic, partition, offset)?;
        }
        Ok(())
    }
}

pub(super) struct Target {
    producer: FutureProducer,
    topic: String,
}

impl Target {
    pub(super) fn open(end: &End) -> Result<Self> {
        let producer = config(end)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("partitioner", "murmur2_random")
            .set("message.timeout.ms", "0")
            .set("linger.ms", "5")
            .set("batch.num.messages", "10000")
            .create()?;
        Ok(Self {
            producer,
            topic: end.channel.clone(),
        })
    }

    pub(super) async fn send(&mut self, batch: Vec<Received>) -> Result<Confirm> {
        let mut reports = Vec::with_capacity(batch.len());
        for Received { payload, .. } in batch {
            loop {
                let record = FutureRecord::<[u8], [u8]>::to(&self.topic).payload(&payload[..]);
                match self.producer.send_result(record) {
                    Ok(report) => {
                        reports.push(report);
                        break;
                    }
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Err((error, _)) => bail!(error),
                }
            }
        }
        Ok(Box::pin(async move {
            for report in reports {
                report.await?.map_err(|(error, _)| error)?;
            }
            Ok(())
        }))
    }
}
