//! The connection, watched and made again.
//!
//! One connection is one numbered incarnation with a client of its own. The client's own reconnecting is switched off,
//! because it keeps what was queued before the break and sends it afterwards: an acknowledgement or a message would then
//! go out after its token or its confirm was given up. A client that has lost its connection ends, and everything that it
//! held ends with it, so that a new incarnation owes nothing to the one before. Secrets and certificates are read again
//! for each.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::rustls::crypto::{CryptoProvider, ring};
use async_nats::{Client, ConnectOptions, ReconnectToServer, ServerError};
use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Event, Events};
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Error, ErrorKind, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answers::Answers;
use crate::config::{Config, Login};
use crate::error::{closed, connecting, disconnected};

/// How long orderly ends may take before they are cut short.
pub(crate) const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// One connection.
#[derive(Debug)]
pub(crate) struct Line {
    /// Counts up with each connection of a session.
    pub(crate) number: u64,
    pub(crate) client: Client,
    /// The answers to what was sent over it.
    pub(crate) answers: Answers,
    pub(crate) config: Arc<Config>,
    lost: watch::Receiver<bool>,
}

impl Line {
    /// Returns when the connection is gone, for ever.
    pub(crate) async fn lost(&self) {
        let mut lost = self.lost.clone();
        // An error is the end of the one who tells, which is the end of the connection, too.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    pub(crate) fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.answers.stop();
    }
}

#[derive(Clone)]
enum State {
    Up(Arc<Line>),
    /// Not connected; why the last attempt failed, once one has.
    Down(Option<Arc<Error>>),
}

/// Where the present connection is asked for. A clone asks the same.
#[derive(Clone)]
pub(crate) struct Link {
    state: watch::Receiver<State>,
}

/// Keeps a link connected for as long as it lives.
pub(crate) struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Connects once, and from then on again whenever the connection is lost.
    pub(crate) async fn start(
        config: &Arc<Config>,
        clock: &Arc<dyn Clock>,
        events: Events,
    ) -> Result<(Self, Keeper)> {
        let line = Arc::new(connect(config, 1).await?);
        let (tell, state) = watch::channel(State::Up(Arc::clone(&line)));
        let keeper = tokio::spawn(keep(line, Arc::clone(config), Arc::clone(clock), events, tell));
        Ok((Self { state }, Keeper(keeper)))
    }

    /// The present connection, waited for while there is none.
    ///
    /// # Errors
    /// Each attempt that fails meanwhile, and the end of the session.
    pub(crate) async fn line(&mut self, operation: &'static str) -> Result<Arc<Line>> {
        loop {
            if let State::Up(line) = &*self.state.borrow_and_update()
                && !line.is_lost()
            {
                return Ok(Arc::clone(line));
            }
            self.state.changed().await.map_err(|_| closed(operation))?;
            if let State::Down(Some(error)) = &*self.state.borrow() {
                return Err(Error::clone(error));
            }
        }
    }

    /// The present connection.
    ///
    /// # Errors
    /// There is none at this moment, for this reason.
    pub(crate) fn now(&self, operation: &'static str) -> Result<Arc<Line>> {
        match &*self.state.borrow() {
            State::Up(line) if !line.is_lost() => Ok(Arc::clone(line)),
            State::Down(Some(error)) => Err(Error::clone(error)),
            State::Up(_) | State::Down(None) => Err(disconnected(operation)),
        }
    }
}

async fn keep(
    mut line: Arc<Line>,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    events: Events,
    tell: watch::Sender<State>,
) {
    let mut losses = Losses::default();
    let mut restless = false;
    loop {
        if restless {
            tokio::select! {
                () = line.lost() => {}
                () = clock.sleep(Losses::WHILE) => {
                    events.tell(Event::Healthy);
                    restless = false;
                    continue;
                }
            }
        } else {
            line.lost().await;
        }
        restless = losses.are_many(clock.now());
        if restless {
            let error = Error::new(
                ErrorKind::Disconnected,
                "connect",
                "the connection is made and lost again and again; the server's log may say why, and a message with a header that is no UTF-8 does it, because the client takes it for damage of the connection",
            );
            tracing::warn!(system = config.name, %error);
            events.tell(Event::Unhealthy { error });
        }
        tracing::debug!(
            system = config.name,
            connection = line.number,
            "the connection was lost"
        );
        tell.send_replace(State::Down(None));
        let number = line.number + 1;
        drop(line);
        let mut pauses = Pauses::new();
        let mut told: Option<String> = None;
        line = loop {
            match connect(&config, number).await {
                Ok(line) => break Arc::new(line),
                Err(error) => {
                    let pause = pauses.after(&error);
                    // Said once for each reason: an outage of an hour is no thousand lines of log.
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        tracing::warn!(system = config.name, %error, "the connection could not be made again");
                        events.tell(Event::Unhealthy { error: error.clone() });
                        told = Some(text);
                    }
                    tell.send_replace(State::Down(Some(Arc::new(error))));
                    clock.sleep(pause).await;
                }
            }
        };
        tell.send_replace(State::Up(Arc::clone(&line)));
        events.tell(Event::Reconnected);
        if told.is_some() && !restless {
            events.tell(Event::Healthy);
        }
    }
}

/// When the connection was lost: one that holds is no trouble, one that never does is.
#[derive(Debug, Default)]
pub(crate) struct Losses(VecDeque<Instant>);

impl Losses {
    const MANY: usize = 3;
    /// How long a loss counts.
    pub(crate) const WHILE: Duration = Duration::from_secs(60);

    /// Counts one more, and says whether there were too many in a short time.
    pub(crate) fn are_many(&mut self, now: Instant) -> bool {
        self.0.push_back(now);
        self.were_many(now)
    }

    /// Whether there were too many in a short time before this moment.
    pub(crate) fn were_many(&mut self, now: Instant) -> bool {
        while (self.0.front()).is_some_and(|first| now.saturating_duration_since(*first) > Self::WHILE) {
            self.0.pop_front();
        }
        self.0.len() >= Self::MANY
    }
}

async fn connect(config: &Arc<Config>, number: u64) -> Result<Line> {
    let (tell_lost, lost) = watch::channel(false);
    let tell_lost = Arc::new(tell_lost);
    let answers = Answers::default();
    let told = (Arc::clone(&tell_lost), answers.clone(), config.name.clone());
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let options = ConnectOptions::new()
        .name(format!("dunlin {}", config.name))
        .connection_timeout(config.connect_timeout)
        // The connection is given up with the third ping that has no answer, one more interval later.
        .ping_interval((config.liveness_timeout / 5).max(Duration::from_millis(100)))
        .client_capacity(4096)
        .ignore_discovered_servers()
        .max_reconnects(config.servers.len())
        .reconnect_to_server_callback(move |servers, _| {
            let is_done = Arc::clone(&is_done);
            async move {
                // After the first connection every attempt goes to the address that nobody has, without a pause.
                let first = servers
                    .first()
                    .filter(|_| is_done.load(std::sync::atomic::Ordering::Relaxed));
                first.map(|server| ReconnectToServer {
                    addr: server.addr.clone(),
                    delay: Some(Duration::ZERO),
                })
            }
        })
        .event_callback(move |event| {
            heard(&event, &told.0, &told.1, &told.2);
            std::future::ready(())
        });
    let options = secured(authenticated(options, config).await?, config).await?;
    let scheme = if config.tls.is_some() { "tls" } else { "nats" };
    let addresses: Vec<String> = config
        .servers
        .iter()
        .map(|server| format!("{scheme}://{server}"))
        .collect();
    let client = options
        .connect(addresses)
        .await
        .map_err(|cause| connecting(&config.servers, cause))?;
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    // No server listens on port 0: this client never connects a second time, and ends when its connection does.
    client
        .set_server_pool(["nats://127.0.0.1:0"].as_slice())
        .await
        .map_err(|cause| {
            Error::new(
                ErrorKind::Disconnected,
                "connect",
                "the connection was lost while it was made",
            )
            .caused_by(cause)
        })?;
    answers.listen(&client).await?;
    Ok(Line {
        number,
        client,
        answers,
        config: Arc::clone(config),
        lost,
    })
}

/// What the client tells beside the data.
fn heard(event: &async_nats::Event, lost: &watch::Sender<bool>, answers: &Answers, system: &str) {
    match event {
        async_nats::Event::Disconnected | async_nats::Event::Closed => {
            lost.send_replace(true);
        }
        async_nats::Event::ServerError(ServerError::Other(text)) => {
            tracing::warn!(system, text, "the server complains");
            answers.forbidden(text);
        }
        async_nats::Event::SlowConsumer(_) => {
            tracing::warn!(
                system,
                "the client dropped messages that nobody took in time; they come again"
            );
        }
        _ => {}
    }
}

async fn authenticated(options: ConnectOptions, config: &Config) -> Result<ConnectOptions> {
    Ok(match config.login()? {
        Login::Nobody => options,
        Login::Password { user, password } => options.user_and_password(user, password),
        // The client only logs a seed that is none, and then says that the server refused it.
        Login::Nkey { seed } if !(seed.len() == 58 && seed.starts_with("SU")) => {
            return Err(Error::invalid("expected the seed of a user's nkey, 58 letters and digits that begin with `SU`, found something else")
                .with("setting", "nkey"));
        }
        Login::Nkey { seed } => options.nkey(seed),
        Login::Credentials { path } => {
            let text = read(&path, "credentials").await?;
            options.credentials(&text).map_err(|_| {
                Error::invalid(
                    "expected a credentials file with a user's token and seed, found something else",
                )
                .with("setting", "credentials")
                .with("path", path.display())
            })?
        }
    })
}

async fn secured(options: ConnectOptions, config: &Config) -> Result<ConnectOptions> {
    let Some(files) = &config.tls else {
        return Ok(options);
    };
    if CryptoProvider::get_default().is_none() {
        // Another task may have been faster, with the same one.
        let _ = ring::default_provider().install_default();
    }
    let mut options = options.require_tls(true);
    if let Some(path) = &files.authorities {
        pem(path, "tls_ca", "CERTIFICATE").await?;
        options = options.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = &files.client {
        pem(certificate, "tls_certificate", "CERTIFICATE").await?;
        pem(key, "tls_key", "PRIVATE KEY").await?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

/// The client takes a file without a certificate for an empty list, and fails later for a reason that names no file.
async fn pem(path: &Path, setting: &'static str, kind: &'static str) -> Result<()> {
    if read(path, setting).await?.contains(&format!("{kind}-----")) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "expected a PEM file with a {}, found none in it",
        kind.to_lowercase()
    ))
    .with("setting", setting)
    .with("path", path.display()))
}

async fn read(path: &Path, setting: &'static str) -> Result<String> {
    tokio::fs::read_to_string(path).await.map_err(|cause| {
        Error::invalid("expected a file that can be read")
            .with("setting", setting)
            .with("path", path.display())
            .caused_by(cause)
    })
}

/// The value of a future, if it comes in time.
pub(crate) async fn within<T>(
    clock: &Arc<dyn Clock>,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        value = future => Some(value),
        () = clock.sleep(limit) => None,
    }
}
