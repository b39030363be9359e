//! What a test may want of a server beyond its being there.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;

use crate::certificates::{Authority, Identity};
use crate::nats::keys::{self, Credentials};

/// How a server is to be configured. The default is a plain server on which everybody may do everything.
///
/// A server with anything but the default is always started, even where the environment names one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) own: bool,
    pub(crate) login: Option<Login>,
    pub(crate) tls: Option<Tls>,
    pub(crate) largest_message: Option<u32>,
    pub(crate) advertised: Option<SocketAddr>,
    pub(crate) lines: Vec<String>,
}

/// What a client must show to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A user name and a password; on Kafka by SASL PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, whichever a client takes.
    Password {
        /// The name of the user.
        user: String,
        /// Its password at the start; [`Server::change_password`](crate::Server::change_password) changes it.
        password: String,
    },
    /// A key pair of NATS ("nkey"); NATS only.
    Key {
        /// The secret, from which the public key follows.
        seed: String,
    },
    /// A token of NATS, signed by an account that an operator vouches for; NATS only.
    Credentials(Credentials),
}

/// How a server shows who it is, and whether clients must do so too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub(crate) authority: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) client_certificates: bool,
}

impl Tls {
    /// A server with this certificate, good or bad. The authority's files must live until the server has started.
    #[must_use]
    pub fn new(authority: &Authority, identity: Identity) -> Tls {
        Tls {
            authority: authority.file(),
            identity,
            client_certificates: false,
        }
    }

    /// Lets in only who shows a certificate of the same authority.
    #[must_use]
    pub fn client_certificates(mut self) -> Tls {
        self.client_certificates = true;
        self
    }
}

impl Login {
    /// A user name and a password.
    #[must_use]
    pub fn password(user: &str, password: &str) -> Login {
        Login::Password {
            user: user.to_owned(),
            password: password.to_owned(),
        }
    }

    /// A new key pair of NATS.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn nats_key() -> Result<Login> {
        Ok(Login::Key {
            seed: keys::new_user()?,
        })
    }

    /// A new operator, account and user of NATS; the user's file is
    /// [`Server::credentials_file`](crate::Server::credentials_file).
    ///
    /// # Errors
    /// When no key can be made.
    pub fn nats_credentials() -> Result<Login> {
        Ok(Login::Credentials(keys::chain()?))
    }
}

impl Options {
    /// A plain server.
    #[must_use]
    pub fn new() -> Options {
        Options::default()
    }

    /// A server of one's own, to be killed and paused: an address in the environment is not used.
    #[must_use]
    pub fn own(mut self) -> Options {
        self.own = true;
        self
    }

    /// Lets only this user in.
    #[must_use]
    pub fn login(mut self, login: Login) -> Options {
        self.login = Some(login);
        self
    }

    /// Speaks TLS on the port for clients, and nothing else there.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Options {
        self.tls = Some(tls);
        self
    }

    /// The largest message that is taken, in bytes: `max_message_size` of RabbitMQ, `max_payload` of NATS,
    /// `message.max.bytes` of Kafka, `proto-max-bulk-len` of Redis (which takes no less than one MiB).
    #[must_use]
    pub fn largest_message(mut self, bytes: u32) -> Options {
        self.largest_message = Some(bytes);
        self
    }

    /// The address that the server tells its clients to come back to: that of a proxy in front of it.
    #[must_use]
    pub fn advertise(mut self, address: SocketAddr) -> Options {
        self.advertised = Some(address);
        self
    }

    /// One more line of the server's own configuration file, put last, in the server's own language.
    #[must_use]
    pub fn line(mut self, line: &str) -> Options {
        self.lines.push(line.to_owned());
        self
    }

    /// Whether a server that the environment names will do.
    pub(crate) fn any_server_will_do(&self) -> bool {
        let Options {
            own,
            login,
            tls,
            largest_message,
            advertised,
            lines,
        } = self;
        !own && login.is_none()
            && tls.is_none()
            && largest_message.is_none()
            && advertised.is_none()
            && lines.is_empty()
    }
}
