//! One connection to the server, from its making to its end.
//!
//! A connection is never mended: on any failure of the transport, and on any answer that does not come in time, it is dead,
//! everything that waits on it is told so, and whoever needs it makes another. The client's own recovery is not used. What
//! waits here is bounded by the clock that the system was opened with; the client's own time limits are switched off, since
//! its half second would end every blocking read.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::settings::TlsFiles;
use dunlin_core::{Error, ErrorKind, Result};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, TlsCertificates, Value,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::watch;

use crate::config::Config;
use crate::error::{disconnected, failed, refused, silent};
use crate::reply;

/// Makes connections.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// One connection. Everyone who holds it sees its end.
pub(crate) struct Link {
    /// None once it is dead. The socket is closed when the last clone is dropped, and calls drop theirs when it dies.
    connection: Mutex<Option<MultiplexedConnection>>,
    dead: watch::Sender<bool>,
    clock: Arc<dyn Clock>,
    answer_timeout: Duration,
    pub(crate) server: Server,
}

/// What a server told of itself, as far as the user may know it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    /// Major and minor version; none where it is not told, as by Redis 5.
    pub(crate) version: Option<(u32, u32)>,
    /// The name of this run of the server: another after each restart.
    pub(crate) run: Option<String>,
    /// The server's number for this connection.
    pub(crate) client: Option<i64>,
    /// Whether it follows another server.
    pub(crate) replica: bool,
}

impl Connector {
    pub(crate) fn new(config: Arc<Config>, clock: Arc<dyn Clock>) -> Self {
        Self { config, clock }
    }

    /// A new connection, with the credentials and certificates as they are now.
    pub(crate) async fn link(&self) -> Result<Arc<Link>> {
        let limit = self.config.connect_timeout;
        let made = tokio::select! {
            made = self.open() => made,
            () = self.clock.sleep(limit) => Err(self.no_connection(limit)),
        };
        made.map_err(|error| error.with("server", self.config.shown()))
    }

    fn no_connection(&self, limit: Duration) -> Error {
        // Redis without TLS takes the handshake for the beginning of a command, and waits for its end.
        let hint = match self.config.tls {
            Some(_) => "check that the port in `url` is the one for TLS, write `redis://` if it is not",
            None => "check `url`",
        };
        let message = format!(
            "expected a connection within {limit:?}, found none; {hint}, or raise `connect_timeout_ms`"
        );
        Error::new(ErrorKind::Timeout, "connect", message)
    }

    async fn open(&self) -> Result<Arc<Link>> {
        let client = self.client().await?;
        let settings = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connection = client
            .get_multiplexed_async_connection_with_config(&settings)
            .await
            .map_err(|cause| failed("connect", cause))?;
        let mut link = Link {
            connection: Mutex::new(Some(connection)),
            dead: watch::Sender::new(false),
            clock: Arc::clone(&self.clock),
            answer_timeout: self.config.answer_timeout(),
            server: Server::default(),
        };
        link.server = link.ask_server().await?;
        Ok(Arc::new(link))
    }

    async fn client(&self) -> Result<Client> {
        let config = &self.config;
        let mut login = RedisConnectionInfo::default()
            .set_db(config.database)
            .set_lib_name("dunlin", env!("CARGO_PKG_VERSION"));
        let (user, password) = config.credentials()?;
        if let Some(user) = user {
            login = login.set_username(user);
        }
        if let Some(password) = password {
            login = login.set_password(password);
        }
        let (host, port) = (config.host.clone(), config.port);
        let address = match config.tls {
            None => ConnectionAddr::Tcp(host, port),
            Some(_) => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
        };
        let beat = config.liveness_timeout / 5;
        let tcp = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(
                socket2::TcpKeepalive::new()
                    .with_time(beat.max(Duration::from_secs(1)))
                    .with_interval(beat.max(Duration::from_secs(1))),
            )
            .set_user_timeout(config.liveness_timeout * 2 / 3);
        let info = address
            .into_connection_info()
            .map_err(|cause| failed("connect", cause))?
            .set_tcp_settings(tcp)
            .set_redis_settings(login);
        match &config.tls {
            None => Client::open(info),
            Some(tls) => {
                // The client takes the process's provider, and panics at the first handshake where there is none.
                if rustls::crypto::CryptoProvider::get_default().is_none() {
                    let installed = rustls::crypto::ring::default_provider().install_default();
                    tracing::trace!(first = installed.is_ok(), "a provider of cryptography was installed");
                }
                Client::build_with_tls(info, certificates(tls).await?)
            }
        }
        .map_err(|cause| {
            Error::new(
                ErrorKind::InvalidSetting,
                "connect",
                "expected PEM certificates and keys in the files of `tls_ca`, `tls_certificate` and `tls_key`",
            )
            .caused_by(cause)
        })
    }
}

async fn certificates(tls: &TlsFiles) -> Result<TlsCertificates> {
    let root_cert = match &tls.authorities {
        Some(path) => Some(authorities(path).await?),
        None => None,
    };
    let client_tls = match &tls.client {
        Some((certificate, key)) => Some(ClientTlsConfig {
            client_cert: file("tls_certificate", certificate).await?,
            client_key: file("tls_key", key).await?,
        }),
        None => None,
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert,
    })
}

/// The client takes a file without any certificate for nobody to be trusted, which is found out too late to say why.
async fn authorities(path: &Path) -> Result<Vec<u8>> {
    let pem = file("tls_ca", path).await?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(pem),
        Ok(_) | Err(_) => Err(Error::new(
            ErrorKind::InvalidSetting,
            "connect",
            "expected certificates in a PEM file, found none",
        )
        .with("setting", "tls_ca")
        .with("path", path.display())),
    }
}

async fn file(setting: &'static str, path: &Path) -> Result<Vec<u8>> {
    tokio::fs::read(path).await.map_err(|cause| {
        Error::new(
            ErrorKind::InvalidSetting,
            "connect",
            "expected a PEM file that can be read",
        )
        .with("setting", setting)
        .with("path", path.display())
        .caused_by(cause)
    })
}

impl Link {
    /// One command, and its answer, for which the server has the usual time.
    pub(crate) async fn call(&self, operation: &'static str, command: &Cmd) -> Result<Value> {
        self.call_within(operation, self.answer_timeout, command).await
    }

    /// One command that may take so long.
    pub(crate) async fn call_within(
        &self,
        operation: &'static str,
        limit: Duration,
        command: &Cmd,
    ) -> Result<Value> {
        let mut connection = self.connection(operation)?;
        let answer = self
            .answered(operation, limit, async move {
                connection.send_packed_command(command).await
            })
            .await?;
        match answer {
            Value::ServerError(cause) => Err(refused(operation, &cause)),
            answer => Ok(answer),
        }
    }

    /// Commands sent at once, and the answers in their order; what the server refused stands in its place.
    pub(crate) async fn calls(&self, operation: &'static str, commands: &Pipeline) -> Result<Vec<Value>> {
        let connection = self.connection(operation)?;
        self.calls_on(connection, operation, self.answer_timeout, commands)
            .await
    }

    /// The same, on a clone that was taken before.
    pub(crate) async fn calls_on(
        &self,
        mut connection: MultiplexedConnection,
        operation: &'static str,
        limit: Duration,
        commands: &Pipeline,
    ) -> Result<Vec<Value>> {
        let count = commands.len();
        let answers = self
            .answered(operation, limit, async move {
                connection.send_packed_commands(commands, 0, count).await
            })
            .await?;
        if answers.len() == count {
            return Ok(answers);
        }
        self.kill();
        Err(crate::error::unexpected(operation, "one answer for each command"))
    }

    /// A clone of the client's connection.
    pub(crate) fn connection(&self, operation: &'static str) -> Result<MultiplexedConnection> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        connection.clone().ok_or_else(|| disconnected(operation))
    }

    async fn answered<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        asked: impl Future<Output = redis::RedisResult<T>>,
    ) -> Result<T> {
        let error = tokio::select! {
            answer = asked => match answer {
                Ok(answer) => return Ok(answer),
                Err(cause) => failed(operation, cause),
            },
            () = self.died() => disconnected(operation),
            () = self.clock.sleep(limit) => silent(operation, limit),
        };
        self.kill();
        Err(error)
    }

    /// Ends the connection for everyone.
    pub(crate) fn kill(&self) {
        drop(
            self.connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.dead.send_replace(true);
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Returns once the connection is dead.
    pub(crate) async fn died(&self) {
        let mut dead = self.dead.subscribe();
        // The sender lives in `self`, so that waiting cannot fail.
        if dead.wait_for(|dead| *dead).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn ask_server(&self) -> Result<Server> {
        let mut commands = redis::pipe();
        commands.cmd("HELLO");
        commands.cmd("INFO").arg("server");
        let mut answers = self.calls("connect", &commands).await?.into_iter();
        let mut server = Server::default();
        match answers.next() {
            Some(Value::ServerError(cause)) if cause.code() == "NOAUTH" => {
                return Err(refused("connect", &cause));
            }
            // Redis 5 does not know it; a user without the right to it is nobody's fault.
            Some(Value::ServerError(_)) | None => {}
            Some(hello) => {
                let mut told = reply::map(hello);
                server.version = told
                    .remove("version")
                    .and_then(reply::text)
                    .and_then(|text| version(&text));
                server.client = told.remove("id").and_then(|id| reply::int(&id));
                let role = told.remove("role").and_then(reply::text);
                server.replica = role.is_some_and(|role| role != "master");
            }
        }
        match answers.next() {
            Some(Value::ServerError(cause)) if matches!(cause.code(), "NOAUTH" | "LOADING") => {
                return Err(refused("connect", &cause));
            }
            Some(Value::ServerError(_)) | None => {}
            Some(info) => {
                let info = reply::text(info).unwrap_or_default();
                let run = info.lines().find_map(|line| line.strip_prefix("run_id:"));
                server.run = run.map(|run| run.trim().to_owned());
            }
        }
        Ok(server)
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

impl Server {
    /// Whether it is at least of this version; a server that does not tell is taken for an old one.
    pub(crate) fn is_at_least(&self, major: u32, minor: u32) -> bool {
        self.version.is_some_and(|version| version >= (major, minor))
    }
}

#[cfg(test)]
impl Link {
    /// A connection that is dead from its beginning.
    pub(crate) fn broken() -> Arc<Self> {
        Arc::new(Self {
            connection: Mutex::new(None),
            dead: watch::Sender::new(true),
            clock: Arc::new(dunlin_core::clock::ManualClock::new()),
            answer_timeout: Duration::ZERO,
            server: Server::default(),
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("dead", &self.is_dead())
            .finish_non_exhaustive()
    }
}

/// A number that another process, or another call, does not give.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_tells_no_version_is_taken_for_an_old_one() {
        assert_eq!(version("7.0.15"), Some((7, 0)));
        assert_eq!(version("unknown"), None);
        assert!(!Server::default().is_at_least(6, 2));
    }
}
