//! Redis Streams with the redis crate: reads of whole batches on a connection of their own, pipelined writes.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, AsyncConnectionConfig, RedisResult};
use std::time::Duration;

use super::{BATCH, Confirm, Place, Received};
use crate::measure::End;

type Reading = BoxFuture<'static, (MultiplexedConnection, RedisResult<Option<StreamReadReply>>)>;

async fn connect(end: &End) -> Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(7)));
    let client = redis::Client::open(end.url.as_str())?;
    Ok(client
        .get_multiplexed_async_connection_with_config(&config)
        .await?)
}

pub(super) struct Source {
    reader: Option<MultiplexedConnection>,
    reading: Option<Reading>,
    settler: MultiplexedConnection,
    key: String,
    group: String,
    placed: bool,
    ids: VecDeque<String>,
}

impl Source {
    pub(super) async fn open(end: &End, group: &str, placed: bool) -> Result<Self> {
        let mut settler = connect(end).await?;
        let _: () = settler.xgroup_create(&end.channel, group, "0").await?;
        Ok(Self {
            reader: Some(connect(end).await?),
            reading: None,
            settler,
            key: end.channel.clone(),
            group: group.to_owned(),
            placed,
            ids: VecDeque::new(),
        })
    }

    /// The read goes on where the future is dropped: what it takes would be pending for ever.
    pub(super) async fn receive(&mut self, batch: &mut Vec<Received>) -> Result<()> {
        loop {
            if self.reading.is_none() {
                let mut reader = self.reader.take().context("the reader is lost")?;
                let (key, group) = (self.key.clone(), self.group.clone());
                self.reading = Some(Box::pin(async move {
                    let options = StreamReadOptions::default()
                        .group(group, "bare")
                        .count(BATCH)
                        .block(5_000);
                    let reply = reader.xread_options(&[key], &[">"], &options).await;
                    (reader, reply)
                }));
            }
            let Some(reading) = self.reading.as_mut() else {
                continue;
            };
            let (reader, reply) = reading.await;
            self.reading = None;
            self.reader = Some(reader);
            for entry in reply?
                .into_iter()
                .flat_map(|reply| reply.keys)
                .flat_map(|key| key.ids)
            {
                let payload: Vec<u8> = entry.get("payload").context("an entry without payload")?;
                batch.push(Received {
                    payload: Bytes::from(payload),
                    place: if self.placed {
                        Place::Entry(entry.id.clone())
                    } else {
                        Place::Unknown
                    },
                });
                self.ids.push_back(entry.id);
            }
            if !batch.is_empty() {
                return Ok(());
            }
        }
    }

    pub(super) async fn settle(&mut self, messages: usize) -> Result<()> {
        let ids: Vec<String> = self.ids.drain(..messages).collect();
        let _: usize = self.settler.xack(&self.key, &self.group, &ids).await?;
        Ok(())
    }
}

pub(super) struct Target {
    writer: MultiplexedConnection,
    key: String,
}

impl Target {
    pub(super) async fn open(end: &End) -> Result<Self> {
        Ok(Self {
            writer: connect(end).await?,
            key: end.channel.clone(),
        })
    }

    /// Nothing is written before it is polled, so a task of its own drives it.
    pub(super) fn send(&mut self, batch: &[Received]) -> Confirm {
        // One transaction: the server then syncs its file once for the batch, and not once for each of its reads.
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for Received { payload, .. } in batch {
            pipeline
                .xadd(&self.key, "*", &[("payload", &payload[..])])
                .ignore();
        }
        let mut writer = self.writer.clone();
        let written = tokio::spawn(async move { pipeline.query_async::<()>(&mut writer).await });
        Box::pin(async move { Ok(written.await??) })
    }
}
