//! A broker behind a proxy, and what a test does to both.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Act, Hook, RuntimeClock, Stand, Wanted};
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, MessagingSystem};
use dunlin_core::registry::Opening;
use dunlin_core::settings::Settings;
use dunlin_core::{Error, ErrorKind, Result};
use dunlin_servers::{Kind, Options, Proxy, Server};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// How long the broker waits for a consumer that is cut off, and so how long a cut has to last to be more than a hiccup.
const SESSION: Duration = Duration::from_secs(6);

/// One broker, which its clients reach through a proxy alone.
pub(crate) struct KafkaStand {
    // In this order: the server ends before the runtime that its process lives in.
    server: Mutex<Server>,
    proxy: Proxy,
    _runtime: Runtime,
}

impl KafkaStand {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let proxy = Proxy::start(1).expect("a proxy");
        let server = runtime.block_on(async {
            let options = Options::new().own().advertise(proxy.address());
            let server = Server::start(Kind::Kafka, options).await.expect("a broker");
            proxy.forward_to(server.address().await.expect("its address"));
            server
        });
        Self {
            server: Mutex::new(server),
            proxy,
            _runtime: runtime,
        }
    }

    /// Opens the system with these settings.
    pub(crate) fn open_with(&self, settings: &Settings) -> Result<Arc<dyn MessagingSystem>> {
        open(&format!("kafka://{}", self.proxy.address()), settings)
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new()
            .set("bootstrap.servers", self.proxy.address().to_string())
            .create()
            .expect("a client for administration")
    }

    /// Makes a topic, with the largest batch that it takes.
    pub(crate) async fn topic(&self, name: &str, partitions: usize, limit: Option<usize>) -> Result<()> {
        let limit = limit.map(|limit| limit.to_string());
        let partitions = i32::try_from(partitions).expect("few partitions");
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        if let Some(limit) = &limit {
            topic = topic.set("max.message.bytes", limit);
        }
        let made = self.admin().create_topics([&topic], &AdminOptions::new()).await;
        for result in made.map_err(|error| failed(&error))? {
            result.map_err(|(name, code)| failed(&format!("{name}: {code}")))?;
        }
        Ok(())
    }
}

/// Opens a system at this address.
pub(crate) fn open(url: &str, settings: &Settings) -> Result<Arc<dyn MessagingSystem>> {
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::new());
    let opening = Opening {
        name: "kafka",
        url,
        base: ".",
        settings,
        clock: &clock,
    };
    (dunlin_kafka::PLUGIN.open)(&opening)
}

pub(crate) fn failed(cause: &impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, "stand", cause.to_string())
}

#[async_trait]
impl Stand for KafkaStand {
    fn name(&self) -> String {
        "kafka 4.3.1, one broker".to_owned()
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        self.open_with(
            &Settings::new()
                .with("session.timeout.ms", SESSION.as_millis().to_string())
                .with("confirm_timeout_ms", "5000"),
        )
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        // A payload, alone in its record and in its batch, has so many bytes around it.
        let limit = wanted.payload_limit.map(|payload| payload + 70);
        self.topic(&wanted.name, wanted.lanes, limit).await?;
        Ok(Endpoint::new(wanted.name.clone()))
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"no-such-topic"))
    }

    fn hooks(&self) -> &[Hook] {
        &[
            Hook::Restart,
            Hook::Cut,
            Hook::DropFlow,
            Hook::HoldConfirms,
            Hook::Trim,
            Hook::Delete,
            Hook::Group,
            Hook::Limit,
            Hook::Process,
        ]
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::Restart => {
                let mut server = self.server.lock().await;
                server
                    .kill_and_start_again()
                    .await
                    .map_err(|error| failed(&error))?;
            }
            Act::Cut => {
                // A client that is back within its session goes on as if nothing had been. The contract's cut is one after
                // which deliveries come again.
                self.proxy.refuse(true).await.map_err(|error| failed(&error))?;
                self.proxy.cut();
                tokio::time::sleep(SESSION + Duration::from_secs(2)).await;
                self.proxy.refuse(false).await.map_err(|error| failed(&error))?;
            }
            Act::DropFlow => self.proxy.drop_flow(),
            Act::HoldConfirms => self.proxy.hold_answers_to(b"dunlin-producer"),
            Act::ReleaseConfirms => self.proxy.release_answers(),
            Act::Trim { endpoint, keep } => {
                let admin = self.admin();
                let (_, end) = admin
                    .inner()
                    .fetch_watermarks(&endpoint.channel, 0, Duration::from_secs(10))
                    .map_err(|error| failed(&error))?;
                let keep = i64::try_from(keep).expect("few records");
                let mut list = TopicPartitionList::new();
                list.add_partition_offset(&endpoint.channel, 0, Offset::Offset(end - keep))
                    .map_err(|error| failed(&error))?;
                admin
                    .delete_records(&list, &AdminOptions::new())
                    .await
                    .map_err(|error| failed(&error))?;
            }
            Act::Delete(endpoint) => {
                let deleted = self
                    .admin()
                    .delete_topics(&[&endpoint.channel], &AdminOptions::new())
                    .await;
                deleted.map_err(|error| failed(&error))?;
            }
            other => return Err(failed(&format!("{other:?} is not offered"))),
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(25)
    }
}
