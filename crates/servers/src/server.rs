//! A running server, and what a test does to it.

mod own;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::address::{self, Address};
use crate::install;
use crate::kind::Kind;
use crate::nats;
use crate::options::{Login, Options};
use crate::registry;
use own::Own;

/// A server that answers. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Somebody else runs it.
    Elsewhere(Address),
    /// This process runs it.
    Here(Box<Own>),
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// When there is no such server to be had (the error lists what was tried), when it does not take the options, or
    /// when it does not answer in time (the error ends with the last lines that it printed).
    pub async fn start(kind: Kind, options: Options) -> Result<Server> {
        ensure!(
            !install::left_out(kind),
            "{kind} was left out of this run ({}), and a test asks for it",
            install::LEFT_OUT
        );
        if options.any_server_will_do()
            && let Some(address) = address::from_environment(kind)?
        {
            return Ok(Server {
                kind,
                place: Place::Elsewhere(address),
            });
        }
        let own = Own::start(kind, options).await?;
        Ok(Server {
            kind,
            place: Place::Here(Box::new(own)),
        })
    }

    /// The kind of the server.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether this process runs it, so that it can be killed, paused and changed.
    #[must_use]
    pub fn is_own(&self) -> bool {
        matches!(self.place, Place::Here(_))
    }

    /// `host:port`, several separated by commas where the environment named several: what Kafka calls bootstrap.
    #[must_use]
    pub fn hosts(&self) -> String {
        match &self.place {
            Place::Elsewhere(address) => address.hosts.clone(),
            Place::Here(own) => own.address().to_string(),
        }
    }

    /// Where a proxy reaches the server.
    ///
    /// # Errors
    /// When somebody else runs it and its name has no address.
    pub async fn address(&self) -> Result<SocketAddr> {
        match &self.place {
            Place::Here(own) => Ok(own.address()),
            Place::Elsewhere(address) => {
                let first = address.hosts.split(',').next().unwrap_or_default();
                tokio::net::lookup_host(first)
                    .await
                    .with_context(|| format!("{first} was not found"))?
                    .next()
                    .with_context(|| format!("{first} has no address"))
            }
        }
    }

    /// The address as a configuration names it, without user and password.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.place {
            Place::Elsewhere(address) => address.url.clone(),
            Place::Here(own) => self.url_at(own.address()),
        }
    }

    /// The same server reached at another address: that of a proxy in front of it.
    #[must_use]
    pub fn url_at(&self, address: SocketAddr) -> String {
        let tls = match &self.place {
            Place::Elsewhere(address) => address.tls,
            Place::Here(own) => own.setup.options.tls.is_some(),
        };
        let path = match self.kind {
            Kind::Registry => registry::BASE,
            Kind::RabbitMq | Kind::Nats | Kind::Kafka | Kind::Redis | Kind::Mosquitto => "",
        };
        format!("{}://{address}{path}", self.kind.scheme(tls))
    }

    /// The scratch folder with data, configuration and output, if this process runs the server.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Elsewhere(_) => None,
            Place::Here(own) => Some(&own.setup.folder),
        }
    }

    /// What [`Kind::variable`] is set to for programs that shall use this server.
    #[must_use]
    pub fn variable_value(&self) -> String {
        let url = self.url();
        match (self.kind, self.user_and_password()) {
            (Kind::Kafka, _) => self.hosts(),
            (_, None) => url,
            (_, Some((user, password))) => url.replacen("://", &format!("://{user}:{password}@"), 1),
        }
    }

    /// User and password that are let in, if the server wants any.
    #[must_use]
    pub fn user_and_password(&self) -> Option<(&str, &str)> {
        let login = match &self.place {
            Place::Elsewhere(address) => address.login.as_ref(),
            Place::Here(own) => own.setup.login.as_ref(),
        };
        match login? {
            Login::Password { user, password } => Some((user, password)),
            Login::Key { .. } | Login::Credentials(_) => None,
        }
    }

    /// The secret of the user with a key pair ([`Login::nats_key`]).
    #[must_use]
    pub fn key_seed(&self) -> Option<&str> {
        match &self.place {
            Place::Here(own) => match &own.setup.login {
                Some(Login::Key { seed }) => Some(seed),
                _ => None,
            },
            Place::Elsewhere(_) => None,
        }
    }

    /// The file with token and secret of the user with credentials ([`Login::nats_credentials`]).
    #[must_use]
    pub fn credentials_file(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Here(own) => match &own.setup.login {
                Some(Login::Credentials(_)) => Some(own.setup.folder.join(nats::CREDENTIALS)),
                _ => None,
            },
            Place::Elsewhere(_) => None,
        }
    }

    /// Kills it with SIGKILL, as a crash of the machine's process would; what was written to disk stays.
    ///
    /// # Errors
    /// When somebody else runs it, or it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        let own = self.own()?;
        own.signal(Signal::KILL)?;
        let mut process = own.process.take().context("the server does not run")?;
        process.end(Duration::from_secs(10)).await?;
        own.guardian.watch(0)
    }

    /// Tells it to end in good order, and waits for that.
    ///
    /// # Errors
    /// When somebody else runs it, it does not run, or it does not end in time.
    pub async fn stop(&mut self) -> Result<()> {
        let limit = self.kind.stop_limit();
        let own = self.own()?;
        own.signal(Signal::TERM)?;
        let mut process = own.process.take().context("the server does not run")?;
        process.end(limit).await?;
        // A helper that the server started ends with it.
        let _ = process.signal_group(Signal::KILL);
        own.guardian.watch(0)
    }

    /// Starts it again after [`kill`](Server::kill) or [`stop`](Server::stop): same port, same data, same settings.
    ///
    /// # Errors
    /// When somebody else runs it, it runs already, or it does not answer in time.
    pub async fn start_again(&mut self) -> Result<()> {
        let kind = self.kind;
        let own = self.own()?;
        ensure!(own.process.is_none(), "the {kind} server runs already");
        own.run(kind).await
    }

    /// Kills it and starts it again.
    ///
    /// # Errors
    /// As the two.
    pub async fn kill_and_start_again(&mut self) -> Result<()> {
        self.kill().await?;
        self.start_again().await
    }

    /// Stops its processes where they are (SIGSTOP): connections stay, and nothing is answered.
    ///
    /// # Errors
    /// When somebody else runs it, or it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.own()?.signal(Signal::STOP)
    }

    /// Lets it go on after [`pause`](Server::pause).
    ///
    /// # Errors
    /// When somebody else runs it, or it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.own()?.signal(Signal::CONT)
    }

    /// Gives the user of [`Options::login`] another password while the server runs.
    ///
    /// Connections that were let in with the old one: NATS closes them, the others leave them alone. Kafka changes SCRAM at
    /// once, and keeps the old password for SASL PLAIN until the next start.
    ///
    /// # Errors
    /// When somebody else runs it, it has no such user, or it refuses.
    pub async fn change_password(&mut self, new: &str) -> Result<()> {
        let kind = self.kind;
        let own = self.own()?;
        let Some(Login::Password { user, password }) = &mut own.setup.login else {
            bail!("the {kind} server was started without a user, so that no password can be changed");
        };
        let user = user.clone();
        new.clone_into(password);
        own.change_password(kind, &user, new).await
    }

    fn own(&mut self) -> Result<&mut Own> {
        let kind = self.kind;
        match &mut self.place {
            Place::Here(own) => Ok(own),
            Place::Elsewhere(address) => bail!(
                "the {kind} server at {} is not this process's own, so that it cannot be killed or changed; \
                 start one with `Options::new().own()`",
                address.hosts
            ),
        }
    }
}
