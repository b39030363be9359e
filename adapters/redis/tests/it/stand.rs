//! A Redis server behind a bad network, and what can be done to both.

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
use redis::{Cmd, FromRedisValue, Pipeline};
use tokio::sync::Mutex;

/// The user that the server with a login knows.
const USER: &str = "dunlin";

/// Notices a dead connection in half of the usual time; a machine that is busy with other tests would fail at less.
const LIVENESS_MS: &str = "7500";

/// A server of our own behind a proxy.
pub(crate) struct RedisStand {
    server: Mutex<Server>,
    hosts: String,
    proxy: Proxy,
    settings: Settings,
    hooks: &'static [Hook],
    clock: Arc<dyn Clock>,
    guarded: Mutex<Option<Guarded>>,
    secured: Mutex<Vec<Secured>>,
}

/// A server that asks for a password, behind a proxy of its own.
struct Guarded {
    server: Server,
    proxy: Proxy,
}

impl Guarded {
    /// The server with a login, started when it is first asked for.
    async fn started(place: &mut Option<Self>) -> Result<&mut Self> {
        if place.is_none() {
            let options = Options::new().login(Login::password(USER, "before-any-test"));
            let server = Server::start(Kind::Redis, options).await.map_err(failed)?;
            let proxy = Proxy::start(2).map_err(failed)?;
            proxy.forward_to(server.address().await.map_err(failed)?);
            *place = Some(Self { server, proxy });
        }
        Ok(place.as_mut().expect("it was just started"))
    }
}

/// A server that speaks TLS, and the files that belong to it.
struct Secured {
    _server: Server,
    _authority: Authority,
}

/// Opens a system as a configuration would.
pub(crate) fn open(
    url: &str,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn MessagingSystem>> {
    let opening = Opening {
        name: "stand",
        url,
        base: "/",
        settings,
        clock,
    };
    (dunlin_redis::PLUGIN.open)(&opening)
}

/// A clock of the runtime in which it is asked.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(RuntimeClock::new())
}

/// Says a command to a server directly, past the adapter.
pub(crate) async fn say<T: FromRedisValue>(hosts: &str, command: &Cmd) -> T {
    let client = redis::Client::open(format!("redis://{hosts}")).expect("an address");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("a connection");
    command.query_async(&mut connection).await.expect("an answer")
}

/// Makes an empty stream, as an administrator would.
pub(crate) async fn make_stream(hosts: &str, key: &str) {
    let client = redis::Client::open(format!("redis://{hosts}")).expect("an address");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("a connection");
    let mut commands = Pipeline::new();
    commands
        .cmd("XGROUP")
        .arg(&["CREATE", key, "made", "$", "MKSTREAM"])
        .ignore();
    commands.cmd("XGROUP").arg(&["DESTROY", key, "made"]).ignore();
    commands
        .query_async::<()>(&mut connection)
        .await
        .expect("a stream");
}

impl RedisStand {
    /// Starts a server, and puts a proxy before it.
    pub(crate) fn start(hooks: &'static [Hook]) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (server, address) = runtime.block_on(async {
            let server = Server::start(Kind::Redis, Options::new().own())
                .await
                .expect("a Redis server");
            let address = server.address().await.expect("its address");
            (server, address)
        });
        let proxy = Proxy::start(1).expect("a proxy");
        proxy.forward_to(address);
        Self {
            hosts: server.hosts(),
            server: Mutex::new(server),
            proxy,
            settings: Settings::new().with("liveness_timeout_ms", LIVENESS_MS),
            hooks,
            clock: clock(),
            guarded: Mutex::new(None),
            secured: Mutex::new(Vec::new()),
        }
    }

    async fn by_password(
        &self,
        password: Setting,
        wanted: &Wanted,
    ) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        let mut guarded = self.guarded.lock().await;
        let guarded = Guarded::started(&mut guarded).await?;
        let mut settings = self
            .settings
            .clone()
            .with("user", USER)
            .with("topology", "create");
        settings.set("password", password);
        let url = format!("redis://{}", guarded.proxy.address());
        Ok((open(&url, &settings, &self.clock)?, Endpoint::new(&wanted.name)))
    }

    async fn by_tls(&self, access: &Access, wanted: &Wanted) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        let (purpose, clients) = match access {
            Access::OtherHost => (Purpose::AnotherHost, false),
            Access::Expired => (Purpose::Expired, false),
            Access::ClientCertificate | Access::NoClientCertificate => (Purpose::Server, true),
            _ => (Purpose::Server, false),
        };
        let authority = Authority::new().map_err(failed)?;
        let mut tls = Tls::new(&authority, authority.issue(purpose).map_err(failed)?);
        if clients {
            tls = tls.client_certificates();
        }
        let server = Server::start(Kind::Redis, Options::new().tls(tls))
            .await
            .map_err(failed)?;
        let other = Authority::new().map_err(failed)?;
        let trusted = match access {
            Access::UnknownAuthority => &other,
            _ => &authority,
        };
        let copy = wanted_file(&self.server, trusted, &wanted.name).await?;
        let mut settings = self
            .settings
            .clone()
            .with("topology", "create")
            .with("tls_ca", copy);
        if matches!(access, Access::ClientCertificate) {
            let identity = authority.issue(Purpose::Client("dunlin")).map_err(failed)?;
            settings = settings
                .with("tls_certificate", identity.certificate.display().to_string())
                .with("tls_key", identity.key.display().to_string());
        }
        let system = open(&server.url(), &settings, &self.clock)?;
        self.secured.lock().await.push(Secured {
            _server: server,
            _authority: authority,
        });
        Ok((system, Endpoint::new(&wanted.name)))
    }
}

/// A copy of an authority's certificate that lives as long as the stand.
async fn wanted_file(server: &Mutex<Server>, authority: &Authority, name: &str) -> Result<String> {
    let server = server.lock().await;
    let folder = server.folder().expect("a server of our own has a folder");
    let copy = folder.join(format!("{name}.pem"));
    std::fs::copy(authority.file(), &copy).map_err(failed)?;
    Ok(copy.display().to_string())
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Io, "stand", format!("{cause:#}"))
}

#[async_trait]
impl Stand for RedisStand {
    fn name(&self) -> String {
        format!("redis at {}", self.hosts)
    }

    fn open(&self) -> Result<Arc<dyn MessagingSystem>> {
        open(
            &format!("redis://{}", self.proxy.address()),
            &self.settings,
            &self.clock,
        )
    }

    async fn channel(&self, wanted: &Wanted) -> Result<Endpoint> {
        make_stream(&self.hosts, &wanted.name).await;
        let mut settings = Settings::new();
        if let Some(limit) = wanted.payload_limit {
            settings = settings.with("max_payload", limit.to_string());
        }
        Ok(Endpoint::new(&wanted.name).with_settings(settings))
    }

    fn unroutable(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"no-such-stream"))
    }

    fn hooks(&self) -> &[Hook] {
        self.hooks
    }

    async fn act(&self, act: Act<'_>) -> Result<()> {
        match act {
            Act::Restart => {
                let mut server = self.server.lock().await;
                server.kill_and_start_again().await.map_err(failed)?;
            }
            Act::Cut => self.proxy.cut(),
            Act::DropFlow => self.proxy.drop_flow(),
            // The connection that writes and no other: a source behind the same port goes on.
            Act::HoldConfirms => self.proxy.hold_answers_to(b"XADD"),
            Act::ReleaseConfirms => self.proxy.release_answers(),
            Act::Trim { endpoint, keep } => {
                let mut command = redis::cmd("XTRIM");
                command.arg(&endpoint.channel).arg("MAXLEN").arg(keep);
                say::<u64>(&self.hosts, &command).await;
            }
            Act::Delete(endpoint) => {
                say::<u64>(&self.hosts, redis::cmd("DEL").arg(&endpoint.channel)).await;
            }
            Act::Password(password) => {
                let mut guarded = self.guarded.lock().await;
                let guarded = Guarded::started(&mut guarded).await?;
                guarded.server.change_password(password).await.map_err(failed)?;
                // Redis lets connections be that were made with the old one.
                guarded.proxy.cut();
            }
            other => panic!("not offered: {other:?}"),
        }
        Ok(())
    }

    fn quiet(&self) -> Duration {
        Duration::from_millis(500)
    }

    fn liveness(&self) -> Duration {
        Duration::from_millis(7_500)
    }

    async fn open_by(
        &self,
        access: &Access,
        wanted: &Wanted,
    ) -> Result<(Arc<dyn MessagingSystem>, Endpoint)> {
        match access {
            Access::Password(password) => self.by_password(password.clone(), wanted).await,
            access => self.by_tls(access, wanted).await,
        }
    }
}
