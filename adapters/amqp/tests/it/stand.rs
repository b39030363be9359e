//! Brokers behind a bad network, and what a test does to both.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dunlin_conformance::{Access, Act, Hook, RuntimeClock, Stand, Wanted};
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Endpoint, MessagingSystem};
use dunlin_core::registry::Opening;
use dunlin_core::settings::{Setting, Settings};
use dunlin_core::{Error, ErrorKind, Result};
use dunlin_servers::{Authority, Kind, Login, Options, Proxy, Purpose, Server, Tls};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};

use crate::gate::Gate;

/// One broker, which its clients reach through a gate and a proxy, and further ones for who is let in and how.
pub(crate) struct RabbitStand {
    // In this order: servers end before the runtime that their processes live in.
    server: Mutex<Server>,
    guarded: OnceCell<Guarded>,
    secure: OnceCell<Secure>,
    proxy: Proxy,
    gate: Gate,
    clock: Arc<RuntimeClock>,
    runtime: Runtime,
}

/// A broker that lets in one user, behind a proxy.
struct Guarded {
    server: Mutex<Server>,
    proxy: Proxy,
}

/// A broker for each kind of certificate.
pub(crate) struct Secure {
    pub(crate) authority: Authority,
    stranger: Authority,
    good: Server,
    other_host: Server,
    expired: Server,
    demanding: Server,
}

const USER: &str = "clerk";

/// RabbitMQ 4.0 writes down which quorum queues it has some seconds after they were made. One that is younger when the broker
/// is killed comes back without its log, and never answers again.
const REMEMBERED: Duration = Duration::from_secs(4);

impl RabbitStand {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let proxy = Proxy::start(1).expect("a proxy");
        let (server, gate) = runtime.block_on(async {
            let server = Server::start(Kind::RabbitMq, Options::new().own())
                .await
                .expect("a broker");
            proxy.forward_to(server.address().await.expect("its address"));
            (server, Gate::start(proxy.address()).await)
        });
        Self {
            server: Mutex::new(server),
            guarded: OnceCell::new(),
            secure: OnceCell::new(),
            proxy,
            gate,
            clock: Arc::new(RuntimeClock::new()),
            runtime,
        }
    }

    async fn guarded(&self) -> Result<&Guarded> {
        let start = async {
            let proxy = Proxy::start(2)?;
            let options = Options::new().own().login(Login::password(USER, "at-first"));
            let server = on(&self.runtime, Server::start(Kind::RabbitMq, options)).await?;
            proxy.forward_to(server.address().await?);
            anyhow::Ok(Guarded {
                server: Mutex::new(server),
                proxy,
            })
        };
        self.guarded
            .get_or_try_init(|| start)
            .await
            .map_err(|error| failed(&error))
    }

    async fn secure(&self) -> Result<&Secure> {
        let start = on(&self.runtime, Secure::start());
        self.secure
            .get_or_try_init(|| start)
            .await
            .map_err(|error| failed(&error))
    }
}

/// Work that must live in the runtime of the stand: processes and their pipes belong to the one they were started in.
async fn on<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<T> {
    runtime.spawn(work).await?
}

impl Secure {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let authority = Authority::new()?;
        let tls = |purpose| Ok::<_, anyhow::Error>(Tls::new(&authority, authority.issue(purpose)?));
        let good = tls(Purpose::Server)?;
        let demanding = good.clone().client_certificates();
        let options = [
            good,
            tls(Purpose::AnotherHost)?,
            tls(Purpose::Expired)?,
            demanding,
        ]
        .map(|tls| Server::start(Kind::RabbitMq, Options::new().own().tls(tls)));
        let [good, other_host, expired, demanding] = options;
        let (good, other_host, expired, demanding) = tokio::try_join!(good, other_host, expired, demanding)?;
        Ok(Self {
            stranger: Authority::new()?,
            authority,
            good,
            other_host,
            expired,
            demanding,
        })
    }

    fn way(&self, access: &Access) -> anyhow::Result<(&Server, Settings)> {
        let known = Settings::new().with("tls_ca", self.authority.file().display().to_string());
        Ok(match access {
            Access::UnknownAuthority => {
                let other = self.stranger.file().display().to_string();
                (&self.good, Settings::new().with("tls_ca", other))
            }
            Access::OtherHost => (&self.other_host, known),
            Access::Expired => (&self.expired, known),
            Access::NoClientCertificate => (&self.demanding, known),
            Access::ClientCertificate => {
                let client = self.authority.issue(Purpose::Client("dunlin"))?;
                let known = known
                    .with("tls_certificate", client.certificate.display().to_string())
                    .with("tls_key", client.key.display().to_string());
                (&self.demanding, known)
            }
            Access::Trusted | Access::Password(_) => (&self.good, known),
        })
    }
}

/// Opens a system at this address.
pub(crate) fn open(url: &str, settings: &Settings) -> Result<Arc<dyn MessagingSystem>> {
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::new());
    open_at(url, settings, &clock)
}

fn open_at(url: &str, settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Arc<dyn MessagingSystem>> {
    (dunlin_amqp::PLUGIN.open)(&Opening {
        name: "rabbit",
        url,
        base: "/",
        settings,
        clock,
    })
}

pub(crate) fn failed(cause: &impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, "stand", format!("{cause:#}"))
}

/// A channel of a client of its own, to do at the broker what the adapter does not.
pub(crate) async fn client(url: &str) -> lapin::Result<(lapin::Connection, lapin::Channel)> {
    let connection = lapin::Connection::connect(url, lapin::ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

async fn make(url: &str, wanted: &Wanted) -> lapin::Result<()> {
    let (connection, channel) = client(url).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    if wanted.lanes >= 10 {
        // A queue has one lane. Where order is wanted over several receivers, one of them is served at a time.
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
    }
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(wanted.name.as_str().into(), durable, arguments)
        .await?;
    connection.close(200, "made".into()).await
}

#[async_trait]
impl Stand for RabbitStand {
    fn name(&self) -> String {
        "RabbitMQ, quorum queues".to_owned()
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        open_at(&format!("amqp://{}", self.gate.address), &Settings::new(), &clock)
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        make(&format!("amqp://{}", self.gate.address), wanted)
            .await
            .map_err(|error| failed(&error))?;
        if ["c07", "c18"]
            .iter()
            .any(|killing| wanted.name.starts_with(killing))
        {
            tokio::time::sleep(REMEMBERED).await;
        }
        let mut settings = Settings::new().with("headers", "escape");
        if let Some(limit) = wanted.payload_limit {
            settings = settings.with("max_payload", limit.to_string());
        }
        Ok(Endpoint::new(&wanted.name).with_settings(settings))
    }

    async fn open_by(
        &self,
        access: &Access,
        wanted: &Wanted,
    ) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        let endpoint = Endpoint::new(&wanted.name).with_settings(Settings::new().with("headers", "escape"));
        if let Access::Password(secret) = access {
            let guarded = self.guarded().await?;
            let server = guarded.server.lock().await;
            let (user, password) = server.user_and_password().expect("a user");
            let address = server.address().await.map_err(|error| failed(&error))?;
            make(&format!("amqp://{user}:{password}@{address}"), wanted)
                .await
                .map_err(|error| failed(&error))?;
            let mut settings = Settings::new().with("user", USER);
            settings.set("password", Setting::clone(secret));
            return Ok((
                open(&format!("amqp://{}", guarded.proxy.address()), &settings)?,
                endpoint,
            ));
        }
        let (server, settings) = self.secure().await?.way(access).map_err(|error| failed(&error))?;
        let address = server.address().await.map_err(|error| failed(&error))?;
        let settings = settings.with("topology", "create");
        let system = open(&format!("amqps://localhost:{}", address.port()), &settings)?;
        if matches!(access, Access::Trusted | Access::ClientCertificate) {
            let session = system.connect(dunlin_core::messaging::Events::ignored()).await?;
            let declare = session.declare().expect("an adapter that declares");
            declare
                .declare(&endpoint, dunlin_core::messaging::Purpose::Receive)
                .await?;
            session.close().await?;
        }
        Ok((system, endpoint))
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"nobody-takes-this"))
    }

    fn hooks(&self) -> &[Hook] {
        &[
            Hook::Restart,
            Hook::Cut,
            Hook::DropFlow,
            Hook::HoldConfirms,
            Hook::Delete,
            Hook::Group,
            Hook::Tls,
            Hook::Credentials,
            Hook::Limit,
            Hook::Process,
            Hook::Clock,
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
            Act::JumpClock(seconds) => self.clock.jump(seconds),
            Act::Cut => {
                self.proxy.cut();
                // The gate must have met the end before it is told to let go what it holds.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Act::DropFlow => self.proxy.drop_flow(),
            Act::HoldConfirms => self.gate.hold(true),
            Act::ReleaseConfirms => self.gate.hold(false),
            Act::Delete(endpoint) => {
                let (_connection, channel) = client(&format!("amqp://{}", self.gate.address))
                    .await
                    .map_err(|error| failed(&error))?;
                channel
                    .queue_delete(endpoint.channel.as_str().into(), QueueDeleteOptions::default())
                    .await
                    .map_err(|error| failed(&error))?;
            }
            Act::Password(new) => {
                let guarded = self.guarded().await?;
                let mut server = guarded.server.lock().await;
                server
                    .change_password(new)
                    .await
                    .map_err(|error| failed(&error))?;
                guarded.proxy.cut();
            }
            other => return Err(failed(&format!("{other:?} is not offered"))),
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(700)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(20)
    }
}
