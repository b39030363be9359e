//! A connection that comes back.
//!
//! lapin can recover by itself, and is told not to: its recovery can hang, answers what is in doubt only when it is done, and
//! knows nothing of tokens. Here a connection that fails is thrown away with everything on it, and a new one is made: each is
//! an incarnation, and nothing of one is ever used with another. Whoever receives or sends asks for the present one, and opens
//! its channel on it anew.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::messaging::{Event, Events};
use dunlin_core::reconnect::Pauses;
use dunlin_core::{Class, Error, ErrorKind, Result};
use futures_util::StreamExt;
use lapin::Connection;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::connect::{Connected, Plug, connect};
use crate::error::{broker, closed};

/// A connection for one purpose that is made again whenever it fails, until the link is dropped or closed.
pub(crate) struct Link {
    shared: Arc<Shared>,
    watcher: JoinHandle<()>,
}

struct Shared {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    events: Events,
    role: &'static str,
    state: watch::Sender<State>,
    /// How many links of the session are down: it is healthy when none is.
    down: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum State {
    Up(Arc<Live>),
    Down(Arc<Error>),
    Closed,
}

/// One incarnation of a connection.
pub(crate) struct Live {
    connection: Connection,
    plug: Plug,
    given_up: Notify,
    why: Mutex<Option<Error>>,
}

impl Link {
    /// Connects, and keeps connected from then on. The first try is the caller's to judge.
    pub(crate) async fn open(
        config: &Arc<Config>,
        clock: &Arc<dyn Clock>,
        events: &Events,
        role: &'static str,
        down: &Arc<AtomicUsize>,
    ) -> Result<Self> {
        let live = Arc::new(Live::new(connect(config, clock, role).await?));
        let shared = Arc::new(Shared {
            config: Arc::clone(config),
            clock: Arc::clone(clock),
            events: events.clone(),
            role,
            state: watch::Sender::new(State::Up(Arc::clone(&live))),
            down: Arc::clone(down),
        });
        let watcher = tokio::spawn(Arc::clone(&shared).keep(live));
        Ok(Self { shared, watcher })
    }

    /// The present incarnation, as soon as there is one. What does not pass by waiting is told at once.
    pub(crate) async fn up(&self, operation: &'static str) -> Result<Arc<Live>> {
        let mut state = self.shared.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Up(live) => return Ok(Arc::clone(live)),
                State::Down(error) if error.class() != Class::Temporary => {
                    return Err(Error::clone(error).during(operation));
                }
                State::Down(_) => {}
                State::Closed => return Err(closed(operation)),
            }
            if state.changed().await.is_err() {
                return Err(closed(operation));
            }
        }
    }

    /// Ends the connection in good order within this time, else without.
    pub(crate) async fn close(&self, limit: Duration) {
        self.watcher.abort();
        let State::Up(live) = self.shared.state.send_replace(State::Closed) else {
            return;
        };
        let farewell = live.connection.close(200, "closed".into());
        tokio::select! {
            answer = farewell => {
                if let Err(error) = answer {
                    tracing::debug!(%error, "the connection had ended before it was closed");
                }
            }
            () = self.shared.clock.sleep(limit) => {}
        }
        live.plug.pull();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.shared.role)
    }
}

impl Live {
    fn new(connected: Connected) -> Self {
        Self {
            connection: connected.connection,
            plug: connected.plug,
            given_up: Notify::new(),
            why: Mutex::default(),
        }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The most bytes of one frame, as the broker and the client have agreed.
    pub(crate) fn frame_max(&self) -> usize {
        usize::try_from(self.connection.configuration().frame_max()).unwrap_or(usize::MAX)
    }

    /// Whether the broker has asked publishers to wait.
    pub(crate) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Throws this incarnation away, with everything that it still holds unsent, and has a new one made.
    pub(crate) fn give_up(&self, why: Error) {
        self.why
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(why);
        self.given_up.notify_one();
    }
}

impl Shared {
    async fn keep(self: Arc<Self>, mut live: Arc<Live>) {
        loop {
            let why = self.outlast(&live).await;
            live.plug.pull();
            drop(live);
            live = self.again(why).await;
        }
    }

    /// Waits for the end of this incarnation, and tells what the broker says beside the data until then.
    async fn outlast(&self, live: &Live) -> Error {
        // lapin hands each event to one listener alone, so there must not be a second one.
        let mut told = Box::pin(live.connection.events_listener());
        let mut last = None;
        let mut blocked = false;
        loop {
            tokio::select! {
                event = told.next() => match event {
                    Some(lapin::Event::ConnectionBlocked(reason)) => {
                        blocked = true;
                        self.events.tell(Event::Blocked { reason });
                    }
                    Some(lapin::Event::ConnectionUnblocked) => {
                        blocked = false;
                        self.events.tell(Event::Unblocked);
                    }
                    // Also the errors of single channels come this way; their owners see them, too.
                    Some(lapin::Event::Error(error)) => last = Some(error),
                    Some(_) => {}
                    None => self.clock.sleep(LOOK).await,
                },
                () = live.given_up.notified() => {}
                () = self.clock.sleep(LOOK) => {}
            }
            let given_up = live.why.lock().unwrap_or_else(PoisonError::into_inner).take();
            if given_up.is_some() || !live.is_connected() {
                if blocked {
                    self.events.tell(Event::Unblocked);
                }
                return given_up
                    .or_else(|| last.map(|cause| broker("connection", cause)))
                    .unwrap_or_else(|| {
                        Error::new(ErrorKind::Disconnected, "connection", "the connection was lost")
                    });
            }
        }
    }

    /// Makes the next incarnation, however long it takes.
    async fn again(&self, why: Error) -> Arc<Live> {
        let mut kind = why.kind();
        self.down.fetch_add(1, Ordering::Relaxed);
        self.say_down(why);
        let mut pauses = Pauses::new();
        loop {
            match connect(&self.config, &self.clock, self.role).await {
                Ok(connected) => {
                    let live = Arc::new(Live::new(connected));
                    self.state.send_replace(State::Up(Arc::clone(&live)));
                    self.events.tell(Event::Reconnected);
                    if self.down.fetch_sub(1, Ordering::Relaxed) == 1 {
                        self.events.tell(Event::Healthy);
                    }
                    return live;
                }
                Err(error) => {
                    let pause = pauses.after(&error);
                    if error.kind() != kind {
                        kind = error.kind();
                        self.say_down(error);
                    }
                    self.clock.sleep(pause).await;
                }
            }
        }
    }

    fn say_down(&self, why: Error) {
        self.events.tell(Event::Unhealthy {
            error: why.clone().during("connection"),
        });
        self.state.send_replace(State::Down(Arc::new(why)));
    }
}

/// How often a connection is looked at of which nothing is heard.
const LOOK: Duration = Duration::from_millis(250);
