//! JetStream with async-nats: a durable pull consumer, and every answer to a publish awaited.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::{self, AckKind};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};

use super::{BATCH, Confirm, WINDOW};
use crate::measure::End;

pub(super) struct Source {
    messages: pull::Stream,
    ackers: VecDeque<Acker>,
}

impl Source {
    pub(super) async fn open(end: &End, group: &str) -> Result<Self> {
        let context = jetstream::new(async_nats::connect(&end.url).await?);
        let consumer: PullConsumer = context
            .get_stream(&end.channel)
            .await?
            .create_consumer(pull::Config {
                durable_name: Some(group.to_owned()),
                ack_policy: AckPolicy::Explicit,
                max_ack_pending: i64::try_from(WINDOW + BATCH)?,
                ..pull::Config::default()
            })
            .await?;
        let messages = consumer.stream().max_messages_per_batch(1_000).messages().await?;
        Ok(Self {
            messages,
            ackers: VecDeque::new(),
        })
    }

    pub(super) async fn receive(&mut self, batch: &mut Vec<Bytes>) -> Result<()> {
        let mut next = self.messages.next().await;
        loop {
            let (message, acker) = next.context("the consumer ended")??.split();
            self.ackers.push_back(acker);
            batch.push(message.payload);
            if batch.len() == BATCH {
                return Ok(());
            }
            match self.messages.next().now_or_never() {
                Some(ready) => next = ready,
                None => return Ok(()),
            }
        }
    }

    pub(super) async fn settle(&mut self, messages: usize) -> Result<()> {
        for acker in self.ackers.drain(..messages) {
            acker
                .ack_with(AckKind::Ack)
                .await
                .map_err(anyhow::Error::from_boxed)?;
        }
        Ok(())
    }
}

pub(super) struct Target {
    context: jetstream::Context,
    subject: String,
    name: String,
    /// A route gives each message an id by which the server knows it again, so the loop does, too.
    sent: u64,
}

impl Target {
    pub(super) async fn open(end: &End, name: &str) -> Result<Self> {
        Ok(Self {
            context: jetstream::new(async_nats::connect(&end.url).await?),
            subject: end.channel.clone(),
            name: name.to_owned(),
            sent: 0,
        })
    }

    pub(super) async fn send(&mut self, batch: Vec<Bytes>) -> Result<Confirm> {
        let mut answers = Vec::with_capacity(batch.len());
        for payload in batch {
            self.sent += 1;
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Msg-Id", format!("{}-{}", self.name, self.sent));
            answers.push(
                self.context
                    .publish_with_headers(self.subject.clone(), headers, payload)
                    .await?,
            );
        }
        Ok(Box::pin(async move {
            for answer in answers {
                answer.await?;
            }
            Ok(())
        }))
    }
}
