//! JetStream with async-nats: a durable pull consumer, and every answer to a publish awaited.

use std::collections::VecDeque;

use anyhow::{Context, Result};
use async_nats::header;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::{self, AckKind};
use futures_util::{FutureExt, StreamExt};

use super::{BATCH, Confirm, Place, Received, WINDOW};
use crate::measure::End;

/// As a route has it.
async fn connect(end: &End) -> Result<jetstream::Context> {
    let options = async_nats::ConnectOptions::new().client_capacity(4096);
    Ok(jetstream::new(options.connect(&end.url).await?))
}

pub(super) struct Source {
    messages: pull::Stream,
    placed: bool,
    ackers: VecDeque<Acker>,
}

impl Source {
    pub(super) async fn open(end: &End, group: &str, placed: bool) -> Result<Self> {
        let context = connect(end).await?;
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
            placed,
            ackers: VecDeque::new(),
        })
    }

    pub(super) async fn receive(&mut self, batch: &mut Vec<Received>) -> Result<()> {
        let mut next = self.messages.next().await;
        loop {
            let message = next.context("the consumer ended")??;
            let place = if self.placed {
                Place::Sequence(message.info().map_err(anyhow::Error::from_boxed)?.stream_sequence)
            } else {
                Place::Unknown
            };
            let (message, acker) = message.split();
            self.ackers.push_back(acker);
            batch.push(Received {
                payload: message.payload,
                place,
            });
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
    /// The channel of the source, as part of the ids.
    source: String,
}

impl Target {
    pub(super) async fn open(end: &End, source: &str) -> Result<Self> {
        Ok(Self {
            context: connect(end).await?,
            subject: end.channel.clone(),
            source: source.to_owned(),
        })
    }

    /// Each message has the id by which the server knows it again, made of its place in the source as a route makes it, and
    /// names the stream that it is for, without which whoever else listens to the subject could answer for it.
    pub(super) async fn send(&mut self, batch: Vec<Received>) -> Result<Confirm> {
        let mut answers = Vec::with_capacity(batch.len());
        for Received { payload, place } in batch {
            let source = &self.source;
            let id = match place {
                Place::Unknown => None,
                Place::Sequence(sequence) => Some(format!("{source}@{sequence}")),
                Place::Entry(id) => Some(format!("{source}@{id}")),
            };
            let mut headers = async_nats::HeaderMap::new();
            if let Some(id) = id {
                headers.insert(header::NATS_MESSAGE_ID, id);
            }
            headers.insert(header::NATS_EXPECTED_STREAM, self.subject.as_str());
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
