//! NATS by async-nats without its JetStream: the subjects of its interface, and JSON.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::{Client, HeaderMap, HeaderValue, Message};
use async_trait::async_trait;
use bytes::Bytes;
use dunlin_servers::{Kind, Server, shared};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::broker::Broker;
use super::item::Item;

const PATIENCE: Duration = Duration::from_secs(20);

/// A client of the shared server.
pub(crate) struct Nats {
    server: &'static Server,
    client: Client,
}

impl Nats {
    pub(crate) async fn open() -> Result<Self> {
        let server = shared(Kind::Nats).await?;
        let client = async_nats::connect(server.url()).await?;
        Ok(Self { server, client })
    }

    async fn ask(&self, subject: String, question: &Value) -> Result<Value> {
        let answer = self
            .client
            .request(subject, Bytes::from(question.to_string()))
            .await?;
        let answer: Value = serde_json::from_slice(&answer.payload)?;
        ensure!(answer.get("error").is_none(), "{answer}");
        Ok(answer)
    }

    /// Makes a stream that takes these subjects.
    pub(crate) async fn stream(&self, name: &str, subjects: &[&str]) -> Result<()> {
        let stream = json!({"name": name, "subjects": subjects, "storage": "file", "num_replicas": 1});
        self.ask(format!("$JS.API.STREAM.CREATE.{name}"), &stream)
            .await
            .map(drop)
    }

    /// Publishes to a subject, in order, and waits until the stream has it all.
    pub(crate) async fn publish(&self, subject: &str, items: &[Item]) -> Result<()> {
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(inbox.clone()).await?;
        for some in items.chunks(1_000) {
            for item in some {
                let payload = Bytes::from(item.payload.clone().unwrap_or_default());
                self.client
                    .publish_with_reply_and_headers(
                        subject.to_owned(),
                        inbox.clone(),
                        headers(item)?,
                        payload,
                    )
                    .await?;
            }
            for _ in some {
                let answer = tokio::time::timeout(PATIENCE, answers.next())
                    .await?
                    .context("the inbox ended")?;
                let answer: Value = serde_json::from_slice(&answer.payload)?;
                ensure!(answer.get("seq").is_some(), "{answer}");
            }
        }
        Ok(())
    }

    /// Everything that a stream holds, with the subject of each message.
    pub(crate) async fn everything(&self, stream: &str) -> Result<Vec<(String, Item)>> {
        let wanted = self.depth(stream).await?;
        let consumer =
            json!({"stream_name": stream, "config": {"ack_policy": "none", "deliver_policy": "all"}});
        let made = self
            .ask(format!("$JS.API.CONSUMER.CREATE.{stream}"), &consumer)
            .await?;
        let consumer = made["name"].as_str().context("a consumer has a name")?;
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let inbox = self.client.new_inbox();
        let mut messages = self.client.subscribe(inbox.clone()).await?;
        let mut items = Vec::with_capacity(wanted);
        while items.len() < wanted {
            let batch = (wanted - items.len()).min(1_000);
            let pull = Bytes::from(json!({"batch": batch, "expires": 20_000_000_000_u64}).to_string());
            self.client
                .publish_with_reply(next.clone(), inbox.clone(), pull)
                .await?;
            for _ in 0..batch {
                let message = tokio::time::timeout(PATIENCE, messages.next())
                    .await
                    .with_context(|| format!("{} of {wanted} messages in {stream}", items.len()))?
                    .context("the inbox ended")?;
                ensure!(message.status.is_none(), "{:?}", message.description);
                items.push((message.subject.to_string(), item(&message)?));
            }
        }
        Ok(items)
    }

    async fn depth(&self, stream: &str) -> Result<usize> {
        let info = self
            .ask(format!("$JS.API.STREAM.INFO.{stream}"), &json!({}))
            .await?;
        let messages = info["state"]["messages"]
            .as_u64()
            .context("a stream has a depth")?;
        Ok(usize::try_from(messages)?)
    }
}

#[async_trait]
impl Broker for Nats {
    fn url(&self) -> String {
        self.server.url()
    }

    fn system(&self) -> String {
        format!(
            "{{ url: '{}', settings: {{ headers: escape }} }}",
            self.server.url()
        )
    }

    /// An id is what a publisher lets the server find copies by. Headers are text.
    fn native(&self, item: &Item) -> Item {
        let text = |value: &[u8]| value.is_ascii() && !value.iter().any(u8::is_ascii_control);
        let headers = item.headers.iter().filter(|(_, value)| text(value));
        Item {
            payload: Some(item.payload.clone().unwrap_or_default()),
            id: item.id.clone(),
            headers: headers.cloned().collect(),
            ..Item::default()
        }
    }

    async fn make(&mut self, channel: &str) -> Result<()> {
        self.stream(channel, &[channel]).await
    }

    async fn write(&mut self, channel: &str, items: &[Item]) -> Result<()> {
        self.publish(channel, items).await
    }

    async fn count(&mut self, channel: &str) -> Result<usize> {
        self.depth(channel).await
    }

    async fn read(&mut self, channel: &str) -> Result<Vec<Item>> {
        let all = self.everything(channel).await?;
        Ok(all.into_iter().map(|(_, item)| item).collect())
    }
}

fn headers(item: &Item) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &item.headers {
        headers.append(name.as_str(), std::str::from_utf8(value)?.parse::<HeaderValue>()?);
    }
    if let Some(id) = &item.id {
        headers.insert("Nats-Msg-Id", std::str::from_utf8(id)?);
    }
    Ok(headers)
}

fn item(message: &Message) -> Result<Item> {
    let mut item = Item {
        payload: Some(message.payload.to_vec()),
        ..Item::default()
    };
    let mut message_id = None;
    let mut routed = false;
    for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
        let name: &str = name.as_ref();
        for value in values {
            let value = value.as_str().to_owned();
            match name {
                "Nats-Msg-Id" => message_id = Some(value.into_bytes()),
                // Only a program that cares which stream it writes to sets this.
                "Nats-Expected-Stream" => routed = true,
                _ => item.headers.push((name.to_owned(), value.into_bytes())),
            }
        }
    }
    let mut item = item.arrived(&[])?;
    if !routed {
        item.id = item.id.or(message_id);
    }
    // The client's headers have no order, so that the one of their names is given.
    Ok(item.sorted())
}
