//! The in-process system behind a connection: one that can die in silence, wants a password, and asks for certificates.
//!
//! It does what an adapter does about these three, well or badly in one chosen way.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dunlin_conformance::Access;
use dunlin_core::messaging::{
    Browse, ChannelState, Confirm, Declare, Delivery, Endpoint, Event, Events, MessagingSystem, Outgoing,
    Purpose, Receiver, Resolved, Room, Sender, Session, Settler, Source, Target,
};
use dunlin_core::settings::Setting;
use dunlin_core::{Class, Error, ErrorKind, Result};
use tokio::sync::watch;
use tokio::time::sleep;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LeavesASocketOpen,
    NeverNotices,
    NoticesTooLate,
    NeedsARestart,
    LosesWhatItSendsThen,
    TakesAnyPassword,
    CallsADenialTemporary,
    NeverTellsThatItIsDenied,
    TriesWithoutAPause,
    RemembersTheFirstPassword,
    PrintsThePasswordInItsError,
    PrintsThePasswordInItsDebug,
    LogsThePassword,
    TrustsAnyAuthority,
    TakesAnyHost,
    TakesWhatExpired,
    TrustsNobody,
    ShowsNoCertificate,
    AsksNoCertificate,
    DoesNotSayWhyItRefuses,
    CallsARefusalTemporary,
}

/// After so long without a word from the other side, a connection is taken for dead.
const PATIENCE: Duration = Duration::from_millis(200);

/// What is outside: connections are numbered as they are made, and all up to one number are dead.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) made: u64,
    pub(crate) dead: u64,
    pub(crate) password: String,
}

pub(crate) struct GuardedSystem {
    pub(crate) inner: Arc<dyn MessagingSystem>,
    pub(crate) world: watch::Sender<World>,
    pub(crate) access: Option<Access>,
    pub(crate) fault: Fault,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Dead,
    Denied,
}

struct GuardedSession {
    inner: Arc<dyn Session>,
    state: watch::Sender<State>,
    fault: Fault,
    shown: String,
    supervisor: tokio::task::JoinHandle<()>,
}

struct GuardedReceiver {
    inner: Box<dyn Receiver>,
    state: watch::Receiver<State>,
    fault: Fault,
    died: bool,
}

struct GuardedSender {
    inner: Box<dyn Sender>,
    state: watch::Receiver<State>,
    fault: Fault,
}

impl fmt::Debug for GuardedSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardedSystem")
    }
}

impl fmt::Debug for GuardedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuardedSession({})", self.shown)
    }
}

impl GuardedSystem {
    fn denied(&self, password: &str) -> Error {
        let class = match self.fault {
            Fault::CallsADenialTemporary => Class::Temporary,
            _ => Class::Unhealthy,
        };
        let error = Error::new(
            ErrorKind::AccessDenied,
            "connect",
            "expected user and password to be let in, found them refused; check `password`",
        )
        .class_of(class);
        match self.fault {
            Fault::PrintsThePasswordInItsError => error.with("password", password),
            _ => error,
        }
    }

    /// Whether the certificate, or the lack of one, is accepted.
    fn handshake(&self, access: &Access) -> Result<()> {
        let accepted = match access {
            Access::Password(_) => true,
            Access::Trusted => self.fault != Fault::TrustsNobody,
            Access::ClientCertificate => self.fault != Fault::ShowsNoCertificate,
            Access::UnknownAuthority => self.fault == Fault::TrustsAnyAuthority,
            Access::OtherHost => self.fault == Fault::TakesAnyHost,
            Access::Expired => self.fault == Fault::TakesWhatExpired,
            Access::NoClientCertificate => self.fault == Fault::AsksNoCertificate,
        };
        if accepted {
            return Ok(());
        }
        let message = match self.fault {
            Fault::DoesNotSayWhyItRefuses => "expected a connection, found it closed",
            _ => "expected a certificate of `tls_ca`, found another",
        };
        let class = match self.fault {
            Fault::CallsARefusalTemporary => Class::Temporary,
            _ => Class::Unhealthy,
        };
        Err(Error::new(ErrorKind::AccessDenied, "connect", message).class_of(class))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MessagingSystem for GuardedSystem {
    fn resolve(&self, endpoint: &Endpoint) -> Result<Resolved> {
        self.inner.resolve(endpoint)
    }

    async fn connect(&self, events: Events) -> Result<Arc<dyn Session>> {
        if let Some(access) = &self.access {
            self.handshake(access)?;
        }
        let secret = match &self.access {
            Some(Access::Password(secret)) => Some(secret.clone()),
            _ => None,
        };
        let password = secret.as_ref().map(read).transpose()?;
        if let Some(password) = &password
            && self.fault != Fault::TakesAnyPassword
            && *password != self.world.borrow().password
        {
            return Err(self.denied(password));
        }
        if self.fault == Fault::LeavesASocketOpen {
            std::mem::forget(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        }
        let (state, _) = watch::channel(State::Open);
        let supervisor = Supervisor {
            world: self.world.clone(),
            state: state.clone(),
            events: events.clone(),
            secret,
            password: password.clone(),
            denial: self.denied(password.as_deref().unwrap_or_default()).to_string(),
            fault: self.fault,
        };
        let mut number = 0;
        self.world.send_if_modified(|world| {
            world.made += 1;
            number = world.made;
            false
        });
        Ok(Arc::new(GuardedSession {
            inner: self.inner.connect(events).await?,
            state,
            fault: self.fault,
            shown: match (self.fault, password) {
                (Fault::PrintsThePasswordInItsDebug, Some(password)) => password,
                _ => "..".to_owned(),
            },
            supervisor: tokio::spawn(supervisor.run(number)),
        }))
    }
}

fn read(secret: &Setting) -> Result<String> {
    match secret {
        Setting::Plain(text) => Ok(text.clone()),
        Setting::Secret(read) => read(),
    }
}

/// Watches over one connection, and makes it anew.
struct Supervisor {
    world: watch::Sender<World>,
    state: watch::Sender<State>,
    events: Events,
    secret: Option<Setting>,
    password: Option<String>,
    denial: String,
    fault: Fault,
}

impl Supervisor {
    async fn run(mut self, mut number: u64) {
        let mut world = self.world.subscribe();
        loop {
            let now = world.borrow_and_update().clone();
            if number <= now.dead {
                number = self.revive().await;
            } else if (self.password.as_ref()).is_some_and(|password| *password != now.password)
                && self.fault != Fault::TakesAnyPassword
            {
                self.be_let_in_again().await;
            } else if world.changed().await.is_err() {
                return;
            }
        }
    }

    async fn revive(&self) -> u64 {
        self.state.send_replace(State::Dead);
        match self.fault {
            Fault::NeverNotices => std::future::pending().await,
            Fault::NoticesTooLate => sleep(PATIENCE * 10).await,
            _ => sleep(PATIENCE).await,
        }
        let lost = Error::new(
            ErrorKind::Disconnected,
            "connect",
            "expected a sign of life, found none",
        );
        self.events.tell(Event::Unhealthy { error: lost });
        let mut number = 0;
        self.world.send_if_modified(|world| {
            world.made += 1;
            number = world.made;
            false
        });
        self.state.send_replace(State::Open);
        self.events.tell(Event::Reconnected);
        self.events.tell(Event::Healthy);
        number
    }

    async fn be_let_in_again(&mut self) {
        self.state.send_replace(State::Denied);
        if self.fault != Fault::NeverTellsThatItIsDenied {
            let error = Error::new(ErrorKind::AccessDenied, "connect", self.denial.clone());
            self.events.tell(Event::Unhealthy { error });
        }
        let mut pause = Duration::from_millis(20);
        loop {
            let secret = self.secret.as_ref().expect("only who has a password is denied");
            let found = read(secret).expect("the secret of a test can be read");
            if self.fault == Fault::LogsThePassword {
                tracing::debug!(password = found, "trying again");
            }
            let password = match self.fault {
                Fault::RemembersTheFirstPassword => self.password.clone().unwrap_or_default(),
                _ => found,
            };
            if password == self.world.borrow().password {
                self.password = Some(password);
                break;
            }
            if self.fault != Fault::TriesWithoutAPause {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            } else {
                sleep(Duration::from_millis(1)).await;
            }
        }
        self.state.send_replace(State::Open);
        self.events.tell(Event::Reconnected);
        self.events.tell(Event::Healthy);
    }
}

impl Drop for GuardedSession {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Session for GuardedSession {
    async fn verify(&self, endpoint: &Endpoint, purpose: Purpose) -> Result<Resolved> {
        self.inner.verify(endpoint, purpose).await
    }

    async fn receiver(&self, source: &Source) -> Result<(Box<dyn Receiver>, Box<dyn Settler>)> {
        let (inner, settler) = self.inner.receiver(source).await?;
        let receiver = GuardedReceiver {
            inner,
            state: self.state.subscribe(),
            fault: self.fault,
            died: false,
        };
        Ok((Box::new(receiver), settler))
    }

    async fn sender(&self, target: &Target) -> Result<Box<dyn Sender>> {
        Ok(Box::new(GuardedSender {
            inner: self.inner.sender(target).await?,
            state: self.state.subscribe(),
            fault: self.fault,
        }))
    }

    async fn inspect(&self, endpoint: &Endpoint, group: Option<&str>) -> Result<ChannelState> {
        self.inner.inspect(endpoint, group).await
    }

    fn browse(&self) -> Option<&dyn Browse> {
        self.inner.browse()
    }

    fn declare(&self) -> Option<&dyn Declare> {
        self.inner.declare()
    }

    async fn close(&self) -> Result<()> {
        self.supervisor.abort();
        self.inner.close().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Receiver for GuardedReceiver {
    async fn receive(&mut self, room: Room, batch: &mut Vec<Delivery>) -> Result<()> {
        loop {
            let state = *self.state.borrow_and_update();
            if self.died && self.fault == Fault::NeedsARestart {
                return std::future::pending().await;
            }
            if state == State::Denied {
                return Err(Error::new(
                    ErrorKind::AccessDenied,
                    "receive",
                    "expected to be let in",
                ));
            }
            self.died |= state == State::Dead;
            tokio::select! {
                biased;
                changed = self.state.changed() => {
                    if changed.is_err() {
                        return Err(Error::closed("receive", "the session was closed"));
                    }
                }
                received = self.inner.receive(room, batch), if state == State::Open => return received,
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Sender for GuardedSender {
    async fn send(&mut self, batch: &[Outgoing]) -> Result<Confirm> {
        let state = *self.state.borrow_and_update();
        match state {
            State::Open => self.inner.send(batch).await,
            State::Denied => Err(Error::new(
                ErrorKind::AccessDenied,
                "send",
                "expected to be let in",
            )),
            State::Dead if self.fault == Fault::LosesWhatItSendsThen => Ok(Confirm::ready(
                batch
                    .iter()
                    .map(|_| Ok(dunlin_core::messaging::Receipt::stored()))
                    .collect(),
            )),
            State::Dead => {
                let (count, mut state) = (batch.len(), self.state.clone());
                Ok(Confirm::new(count, async move {
                    while *state.borrow_and_update() == State::Dead {
                        if state.changed().await.is_err() {
                            break;
                        }
                    }
                    let lost = || {
                        let error =
                            Error::new(ErrorKind::Disconnected, "send", "expected an answer, found none");
                        Err(error.doubtful())
                    };
                    (0..count).map(|_| lost()).collect()
                }))
            }
        }
    }

    async fn close(self: Box<Self>) -> Result<()> {
        self.inner.close().await
    }
}
