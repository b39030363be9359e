//! JetStream's own questions: JSON to a subject of its own, JSON back.
//!
//! They are asked here directly, so that every refusal keeps its code and is classified in one place. Fields that nobody
//! needs are not read, and fields that a later server adds do not matter.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Request, RequestErrorKind};
use bytes::Bytes;
use dunlin_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::plain_name;
use crate::error::{Fault, disconnected, late, nobody, refused};
use crate::link::Line;

/// A stream as the server tells of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: StreamConfig,
    /// When it was made, as text; it tells this stream from a later one of the same name.
    pub(crate) created: String,
    pub(crate) state: StreamState,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StreamConfig {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) subjects: Vec<String>,
    #[serde(default)]
    pub(crate) retention: String,
    #[serde(default)]
    pub(crate) storage: String,
    #[serde(default)]
    pub(crate) num_replicas: u64,
    #[serde(default)]
    pub(crate) max_msg_size: i64,
    /// In nanoseconds, as all times here.
    #[serde(default)]
    pub(crate) duplicate_window: u64,
    #[serde(default)]
    pub(crate) max_age: u64,
    #[serde(default)]
    pub(crate) no_ack: bool,
    #[serde(default)]
    pub(crate) sealed: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

/// A consumer as the server tells of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConsumerInfo {
    pub(crate) name: String,
    pub(crate) config: ConsumerConfig,
    pub(crate) delivered: Place,
    #[serde(default)]
    pub(crate) num_ack_pending: u64,
    #[serde(default)]
    pub(crate) num_pending: u64,
    #[serde(default)]
    pub(crate) paused: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ConsumerConfig {
    #[serde(default)]
    pub(crate) ack_policy: String,
    #[serde(default)]
    pub(crate) ack_wait: u64,
    #[serde(default)]
    pub(crate) max_deliver: i64,
    #[serde(default)]
    pub(crate) max_ack_pending: i64,
    #[serde(default)]
    pub(crate) deliver_subject: Option<String>,
    #[serde(default)]
    pub(crate) filter_subject: Option<String>,
    #[serde(default)]
    pub(crate) filter_subjects: Vec<String>,
    #[serde(default)]
    pub(crate) headers_only: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Place {
    pub(crate) consumer_seq: u64,
    pub(crate) stream_seq: u64,
}

impl StreamInfo {
    /// What tells this stream's sequence numbers from all others.
    pub(crate) fn log(&self) -> Arc<str> {
        format!("{}/{}", self.config.name, self.created).into()
    }

    /// Names the stream however it was reached.
    pub(crate) fn canonical(&self) -> String {
        format!("nats:{}", self.log())
    }
}

impl ConsumerConfig {
    /// The subjects that it delivers; none: everything.
    pub(crate) fn filters(&self) -> Vec<String> {
        let mut filters = self.filter_subjects.clone();
        filters.extend(self.filter_subject.clone().filter(|subject| !subject.is_empty()));
        filters.sort_unstable();
        filters
    }
}

impl Line {
    /// Asks JetStream.
    ///
    /// # Errors
    /// No answer in time, nobody there to answer, or a refusal.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        question: &str,
        body: &Value,
    ) -> Result<T> {
        let asked = format!("{}.{question}", self.config.api);
        let payload = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = Request::new()
            .payload(payload)
            .timeout(Some(self.config.confirm_timeout));
        let answer = tokio::select! {
            answer = self.client.send_request(asked, request) => answer,
            () = self.lost() => return Err(disconnected(operation)),
        };
        let answer = answer.map_err(|cause| match cause.kind() {
            RequestErrorKind::TimedOut => late(operation, "an answer of JetStream"),
            RequestErrorKind::NoResponders => nobody(operation),
            RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => Error::new(
                ErrorKind::InvalidSetting,
                operation,
                "the question cannot be asked; look at the names",
            )
            .caused_by(cause),
            RequestErrorKind::Other => disconnected(operation).caused_by(cause),
        })?;
        #[derive(Deserialize)]
        struct Refusal {
            error: Fault,
        }
        if let Ok(refusal) = serde_json::from_slice::<Refusal>(&answer.payload) {
            return Err(refused(operation, &refusal.error));
        }
        serde_json::from_slice(&answer.payload).map_err(|cause| {
            Error::new(
                ErrorKind::Unsupported,
                operation,
                "expected an answer of JetStream, found one that is not understood; servers from 2.10 on are",
            )
            .caused_by(cause)
        })
    }

    pub(crate) async fn stream(&self, operation: &'static str, name: &str) -> Result<StreamInfo> {
        if plain_name("stream", name).is_err() {
            // Asked for it, no part of the server would answer: the name stands in the subject of the question.
            let taker = match self.stream_of(operation, name).await? {
                Some(stream) => format!("the stream that takes it is `{stream}`"),
                None => "no stream takes it".to_owned(),
            };
            let message =
                format!("expected the name of a stream, which has no dot, found a subject; {taker}");
            return Err(Error::invalid(message).with("channel", name));
        }
        let found = self
            .ask(operation, &format!("STREAM.INFO.{name}"), &Value::Null)
            .await;
        found.map_err(|error: Error| error.with("stream", name))
    }

    /// The name of the stream that takes this subject.
    pub(crate) async fn stream_of(&self, operation: &'static str, subject: &str) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Names {
            #[serde(default)]
            streams: Option<Vec<String>>,
        }
        let names: Names = self
            .ask(operation, "STREAM.NAMES", &json!({ "subject": subject }))
            .await?;
        Ok(names.streams.unwrap_or_default().into_iter().next())
    }

    pub(crate) async fn consumer(
        &self,
        operation: &'static str,
        stream: &str,
        name: &str,
    ) -> Result<Option<ConsumerInfo>> {
        let asked: Result<ConsumerInfo> = self
            .ask(operation, &format!("CONSUMER.INFO.{stream}.{name}"), &Value::Null)
            .await;
        match asked {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.kind() == ErrorKind::ChannelMissing => Ok(None),
            Err(error) => Err(error.with("stream", stream).with("consumer", name)),
        }
    }

    /// Makes a consumer; one of the same name and the same settings may be there.
    pub(crate) async fn make_consumer(
        &self,
        operation: &'static str,
        stream: &str,
        name: &str,
        config: Value,
    ) -> Result<ConsumerInfo> {
        let body = json!({ "stream_name": stream, "config": config, "action": "create" });
        let made = self
            .ask(operation, &format!("CONSUMER.CREATE.{stream}.{name}"), &body)
            .await;
        made.map_err(|error: Error| error.with("stream", stream).with("consumer", name))
    }
}

/// A time in the nanoseconds that JetStream counts in.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
