//! A broker behind a proxy, and what a test does to both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Access, Act, Hook, RuntimeClock, Stand, Wanted};
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, Events, MessagingSystem, Session};
use dunlin_core::registry::Opening;
use dunlin_core::settings::{Setting, Settings};
use dunlin_core::{Error, ErrorKind, Result};
use dunlin_servers::{Authority, Identity, Kind, Login, Options, Proxy, Purpose, Server, Tls};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
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
    /// A broker that asks for a password, and the one that is right; started when first needed.
    guarded: Mutex<Option<(Server, Proxy, String)>>,
    /// Brokers with certificates, kept until the end.
    encrypted: Mutex<Vec<Server>>,
    authority: Authority,
    stranger: Authority,
    _runtime: Runtime,
}

/// The user of the guarded broker.
const USER: &str = "alice";

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
            guarded: Mutex::new(None),
            encrypted: Mutex::default(),
            authority: Authority::new().expect("an authority"),
            stranger: Authority::new().expect("another authority"),
            _runtime: runtime,
        }
    }

    /// Opens the system with these settings.
    pub(crate) fn open_with(&self, settings: &Settings) -> Result<Arc<dyn MessagingSystem>> {
        open(&format!("kafka://{}", self.proxy.address()), settings)
    }

    /// A session with the settings of the stand alone.
    pub(crate) async fn session(&self) -> Arc<dyn Session> {
        let system = self.open_with(&Settings::new()).expect("settings that are right");
        system
            .connect(Events::ignored())
            .await
            .expect("a broker that is there")
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
        make(&self.admin(), &topic).await
    }

    /// Has only the last record of each key kept, which needs every record to have one.
    pub(crate) async fn compact(&self, name: &str) -> Result<()> {
        let change = AlterConfig::new(ResourceSpecifier::Topic(name)).set("cleanup.policy", "compact");
        let changed = self.admin().alter_configs([&change], &AdminOptions::new()).await;
        for result in changed.map_err(|error| failed(&error))? {
            result.map_err(|(_, code)| failed(&code))?;
        }
        Ok(())
    }

    /// Breaks every connection once, for less than a session lasts.
    pub(crate) fn hiccup(&self) {
        self.proxy.cut();
    }

    /// A broker that asks for a password, behind a proxy.
    async fn guard(&self) -> Result<()> {
        let mut guarded = self.guarded.lock().await;
        if guarded.is_none() {
            let proxy = Proxy::start(2).map_err(|error| failed(&error))?;
            let options = Options::new()
                .own()
                .advertise(proxy.address())
                .login(Login::password(USER, "initial"));
            let server = Server::start(Kind::Kafka, options)
                .await
                .map_err(|error| failed(&error))?;
            proxy.forward_to(server.address().await.map_err(|error| failed(&error))?);
            *guarded = Some((server, proxy, "initial".to_owned()));
        }
        Ok(())
    }

    async fn open_guarded(&self, password: &Setting, name: &str) -> Result<Arc<dyn MessagingSystem>> {
        self.guard().await?;
        let guarded = self.guarded.lock().await;
        let (_, proxy, current) = guarded.as_ref().ok_or_else(|| failed(&"no broker"))?;
        let admin = ClientConfig::new()
            .set("bootstrap.servers", proxy.address().to_string())
            .set("security.protocol", "sasl_plaintext")
            .set("sasl.mechanisms", "SCRAM-SHA-512")
            .set("sasl.username", USER)
            .set("sasl.password", current)
            .create()
            .map_err(|error| failed(&error))?;
        make(&admin, &NewTopic::new(name, 1, TopicReplication::Fixed(1))).await?;
        let mut settings = ordinary().with("user", USER);
        settings.set("password", password.clone());
        open(&format!("kafka://{}", proxy.address()), &settings)
    }

    async fn open_encrypted(&self, access: &Access, name: &str) -> Result<Arc<dyn MessagingSystem>> {
        let issue = |purpose| self.authority.issue(purpose).map_err(|error| failed(&error));
        let identity = issue(match access {
            Access::OtherHost => Purpose::AnotherHost,
            Access::Expired => Purpose::Expired,
            _ => Purpose::Server,
        })?;
        let mut tls = Tls::new(&self.authority, identity);
        if matches!(access, Access::ClientCertificate | Access::NoClientCertificate) {
            tls = tls.client_certificates();
        }
        let server = Server::start(Kind::Kafka, Options::new().own().tls(tls))
            .await
            .map_err(|error| failed(&error))?;
        let url = format!("kafka+tls://{}", server.hosts());
        let own = issue(Purpose::Client("conformance"))?;
        let trusted = match access {
            Access::UnknownAuthority => &self.stranger,
            _ => &self.authority,
        };
        let mut settings = ordinary().with("tls_ca", path(&trusted.file()));
        if let Access::ClientCertificate = access {
            settings = settings
                .with("tls_certificate", path(&own.certificate))
                .with("tls_key", path(&own.key));
        }
        if let Access::Trusted | Access::ClientCertificate = access {
            let admin = encrypted_admin(&server.hosts(), &self.authority, &own)?;
            make(&admin, &NewTopic::new(name, 1, TopicReplication::Fixed(1))).await?;
        }
        self.encrypted.lock().await.push(server);
        open(&url, &settings)
    }
}

/// The settings of an ordinary system of these tests.
fn ordinary() -> Settings {
    Settings::new()
        .with("session.timeout.ms", SESSION.as_millis().to_string())
        .with("confirm_timeout_ms", "5000")
}

fn path(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

fn encrypted_admin(
    hosts: &str,
    authority: &Authority,
    own: &Identity,
) -> Result<AdminClient<DefaultClientContext>> {
    ClientConfig::new()
        .set("bootstrap.servers", hosts)
        .set("security.protocol", "ssl")
        .set("ssl.ca.location", path(&authority.file()))
        .set("ssl.certificate.location", path(&own.certificate))
        .set("ssl.key.location", path(&own.key))
        .create()
        .map_err(|error| failed(&error))
}

async fn make(admin: &AdminClient<DefaultClientContext>, topic: &NewTopic<'_>) -> Result<()> {
    let made = admin.create_topics([topic], &AdminOptions::new()).await;
    for result in made.map_err(|error| failed(&error))? {
        result.map_err(|(name, code)| failed(&format!("{name}: {code}")))?;
    }
    // The controller answers before the broker itself knows the topic, on a busy machine by seconds.
    let deadline = Instant::now() + SOON;
    while !is_known(admin, topic.name)? {
        if Instant::now() > deadline {
            return Err(failed(&format!(
                "{}: made, and not known within {SOON:?}",
                topic.name
            )));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Whether the broker knows a topic, with a leader for each partition.
fn is_known(admin: &AdminClient<DefaultClientContext>, name: &str) -> Result<bool> {
    let known = admin.inner().fetch_metadata(Some(name), SOON);
    let known = known.map_err(|error| failed(&error))?;
    Ok(known.topics().iter().any(|topic| {
        topic.error().is_none()
            && !topic.partitions().is_empty()
            && topic.partitions().iter().all(|partition| partition.leader() >= 0)
    }))
}

/// How long the broker may take to know a topic.
const SOON: Duration = Duration::from_secs(30);

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
        self.open_with(&ordinary())
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
            // Both need OpenSSL.
            #[cfg(feature = "ssl")]
            Hook::Credentials,
            #[cfg(feature = "ssl")]
            Hook::Tls,
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
            Act::Password(password) => {
                self.guard().await?;
                let mut guarded = self.guarded.lock().await;
                let (server, proxy, current) = guarded.as_mut().ok_or_else(|| failed(&"no broker"))?;
                server
                    .change_password(password)
                    .await
                    .map_err(|error| failed(&error))?;
                password.clone_into(current);
                proxy.cut();
            }
            other => return Err(failed(&format!("{other:?} is not offered"))),
        }
        Ok(())
    }

    async fn open_by(
        &self,
        access: &Access,
        wanted: &Wanted,
    ) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        let system = match access {
            Access::Password(password) => self.open_guarded(password, &wanted.name).await?,
            other => self.open_encrypted(other, &wanted.name).await?,
        };
        Ok((system, Endpoint::new(wanted.name.clone())))
    }

    fn quiet(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(25)
    }
}
