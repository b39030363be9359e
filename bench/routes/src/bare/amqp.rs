//! RabbitMQ with lapin: prefetch, confirms, `mandatory`, and one acknowledgement for a whole batch.

use std::collections::VecDeque;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{FutureExt, StreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};

use super::{BATCH, Confirm, Place, Received, WINDOW};
use crate::measure::End;

pub(super) struct Source {
    _connection: Connection,
    channel: lapin::Channel,
    consumer: lapin::Consumer,
    tags: VecDeque<u64>,
}

impl Source {
    pub(super) async fn open(end: &End) -> Result<Self> {
        let connection = Connection::connect(&end.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let prefetch = u16::try_from(WINDOW + BATCH)?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                end.channel.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self {
            _connection: connection,
            channel,
            consumer,
            tags: VecDeque::new(),
        })
    }

    pub(super) async fn receive(&mut self, batch: &mut Vec<Received>) -> Result<()> {
        let mut next = self.consumer.next().await;
        loop {
            let delivery = next.context("the consumer ended")??;
            self.tags.push_back(delivery.delivery_tag);
            batch.push(Received {
                payload: Bytes::from(delivery.data),
                place: Place::Unknown,
            });
            if batch.len() == BATCH {
                return Ok(());
            }
            match self.consumer.next().now_or_never() {
                Some(ready) => next = ready,
                None => return Ok(()),
            }
        }
    }

    pub(super) async fn settle(&mut self, messages: usize) -> Result<()> {
        let last = self.tags.drain(..messages).next_back();
        if let Some(tag) = last {
            self.channel
                .basic_ack(tag, BasicAckOptions { multiple: true })
                .await?;
        }
        Ok(())
    }
}

pub(super) struct Target {
    _connection: Connection,
    channel: lapin::Channel,
    queue: String,
}

impl Target {
    pub(super) async fn open(end: &End) -> Result<Self> {
        let connection = Connection::connect(&end.url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            _connection: connection,
            channel,
            queue: end.channel.clone(),
        })
    }

    pub(super) async fn send(&mut self, batch: Vec<Received>) -> Result<Confirm> {
        // Each is begun in its order, and none waits until the one before was written to the socket.
        let sent = batch.iter().map(|Received { payload, .. }| {
            let options = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            let properties = BasicProperties::default().with_delivery_mode(2);
            self.channel.basic_publish(
                "".into(),
                self.queue.as_str().into(),
                options,
                payload,
                properties,
            )
        });
        let confirms = try_join_all(sent).await?;
        Ok(Box::pin(async move {
            for confirm in confirms {
                match confirm.await? {
                    Confirmation::Ack(None) => {}
                    other => bail!("expected a confirm, found {other:?}"),
                }
            }
            Ok(())
        }))
    }
}
