//! One connection, kept alive: made, watched, thrown away at the first error, and made anew.
//!
//! The client would connect again by itself and go on with what it has in memory. We do not let it: after a break nobody
//! knows what reached the broker, so what was begun is in doubt, tokens of before mean nothing, and a new client begins empty.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::messaging::{Event, Events};
use dunlin_core::{Error, ErrorKind, Result};
use rumqttc::v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event as Came, EventLoop, MqttOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::Config;
use crate::error;

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a connection may take to say farewell.
pub(crate) const FAREWELL: Duration = Duration::from_secs(5);

/// What a connection is for.
pub(crate) trait Role: Send + Sync + 'static {
    /// Its name at the broker, and what else it wants to be asked for; also how many requests may wait.
    fn options(&self, host: &str, port: u16) -> (MqttOptions, usize);
    /// The filter that it subscribes to, if any.
    fn filter(&self) -> Option<&str>;
    /// It is connected and subscribed.
    fn opened(&self, client: AsyncClient);
    /// Something came, or went out.
    fn event(&self, event: Came);
    /// It broke: whatever was begun is in doubt.
    fn lost(&self);
}

/// A connection with its task, which ends with it.
#[derive(Debug)]
pub(crate) struct Link {
    task: JoinHandle<()>,
    leaving: watch::Sender<bool>,
}

impl Link {
    /// Connects once, and from then on stays connected.
    pub(crate) async fn start(config: Arc<Config>, events: Events, role: Arc<dyn Role>) -> Result<Self> {
        let event_loop = dial(&config, &*role).await?;
        let (leaving, told) = watch::channel(false);
        let supervisor = Supervisor {
            config,
            events,
            role,
            leaving: told,
        };
        Ok(Self {
            task: tokio::spawn(supervisor.run(event_loop)),
            leaving,
        })
    }

    /// Ends it after the requests that wait were written.
    pub(crate) async fn close(mut self, client: Option<AsyncClient>) {
        self.leaving.send_replace(true);
        // A connection that is down, or has no room left for a farewell, is simply dropped.
        if client.is_some_and(|client| client.try_disconnect().is_ok()) {
            let _ = timeout(FAREWELL, &mut self.task).await;
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Supervisor {
    config: Arc<Config>,
    events: Events,
    role: Arc<dyn Role>,
    leaving: watch::Receiver<bool>,
}

impl Supervisor {
    async fn run(self, mut event_loop: EventLoop) {
        loop {
            let broken = loop {
                match event_loop.poll().await {
                    // Also after the farewell, until the broker closes: then it has read all that came before. Whoever comes back
                    // under this name earlier takes the session over, and what the broker has not read of this connection is gone.
                    Ok(event) => self.role.event(event),
                    Err(cause) => break cause,
                }
            };
            self.role.lost();
            if *self.leaving.borrow() {
                return;
            }
            // Whoever comes back at once takes the session from the other, who does the same.
            let pause = if error::is_taken_over(&broken) {
                LONGEST_PAUSE
            } else {
                Duration::from_millis(50)
            };
            self.events.tell(Event::Unhealthy {
                error: error::connection(broken),
            });
            event_loop = self.revive(pause).await;
            self.events.tell(Event::Reconnected);
            self.events.tell(Event::Healthy);
        }
    }

    /// Tries until it is connected, with pauses that double; each reason is told once.
    async fn revive(&self, mut pause: Duration) -> EventLoop {
        let mut told = None;
        loop {
            self.config.clock.sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match dial(&self.config, &*self.role).await {
                Ok(event_loop) => return event_loop,
                Err(error) => {
                    tracing::debug!(%error, "the broker cannot be reached");
                    if told != Some(error.kind()) {
                        told = Some(error.kind());
                        self.events.tell(Event::Unhealthy { error });
                    }
                }
            }
        }
    }
}

/// Between a half and the whole, so that many clients do not come at the same moment.
fn jittered(pause: Duration) -> Duration {
    let chance = RandomState::new().build_hasher().finish() % 512;
    pause / 2 + pause.mul_f64(f64::from(u16::try_from(chance).unwrap_or(0)) / 1024.0)
}

/// Connects and subscribes, within the time for it.
async fn dial(config: &Config, role: &dyn Role) -> Result<EventLoop> {
    let (mut options, requests) = role.options(&config.host, config.port);
    options
        .set_keep_alive(config.keep_alive)
        .set_connection_timeout(config.connect_timeout.as_secs().max(1))
        // The client's own default is ten kilobytes; the protocol's limit is this.
        .set_max_packet_size(Some(268_435_455));
    if let Some(user) = config.settings.get("user")? {
        options.set_credentials(user, config.settings.get("password")?.unwrap_or_default());
    }
    let (client, mut event_loop) = AsyncClient::new(options, requests);
    let connected = timeout(config.connect_timeout, greet(&client, &mut event_loop, role)).await;
    match connected {
        Ok(connected) => connected.map(|()| event_loop),
        Err(_) => Err(Error::new(
            ErrorKind::Timeout,
            "connect",
            "expected the broker to answer in time, found no answer; check the address, or raise `connect_timeout_ms`",
        )),
    }
}

async fn greet(client: &AsyncClient, event_loop: &mut EventLoop, role: &dyn Role) -> Result<()> {
    while !matches!(
        event_loop.poll().await.map_err(error::connection)?,
        Came::Incoming(Packet::ConnAck(_))
    ) {}
    // Before anything else comes: a session that was there brings its messages at once.
    role.opened(client.clone());
    let Some(filter) = role.filter() else {
        return Ok(());
    };
    let subscribed = client.try_subscribe(filter, rumqttc::v5::mqttbytes::QoS::AtLeastOnce);
    subscribed.map_err(|cause| {
        Error::new(ErrorKind::InvalidSetting, "receiver", "expected a topic filter").caused_by(cause)
    })?;
    loop {
        match event_loop.poll().await.map_err(error::connection)? {
            Came::Incoming(Packet::SubAck(answer)) => {
                return match answer.return_codes.first() {
                    Some(SubscribeReasonCode::Success(_)) => Ok(()),
                    Some(SubscribeReasonCode::NotAuthorized) => Err(Error::new(
                        ErrorKind::AccessDenied,
                        "receiver",
                        "expected the right to subscribe to this topic",
                    )),
                    other => Err(Error::new(
                        ErrorKind::ChannelMissing,
                        "receiver",
                        format!("expected to be subscribed to this topic, found {other:?}"),
                    )),
                };
            }
            event => role.event(event),
        }
    }
}
