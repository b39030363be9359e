//! What a test may want of a server beyond its being there.

use std::net::SocketAddr;

/// How a server is to be configured. The default is a plain server on which everybody may do everything.
///
/// A server with anything but the default is always started, even where the environment names one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) own: bool,
    pub(crate) login: Option<Login>,
    pub(crate) largest_message: Option<u32>,
    pub(crate) advertised: Option<SocketAddr>,
    pub(crate) lines: Vec<String>,
}

/// What a client must show to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A user name and a password; on Kafka by SASL PLAIN.
    Password {
        /// The name of the user.
        user: String,
        /// Its password at the start; [`Server::change_password`](crate::Server::change_password) changes it.
        password: String,
    },
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
            largest_message,
            advertised,
            lines,
        } = self;
        !own && login.is_none() && largest_message.is_none() && advertised.is_none() && lines.is_empty()
    }
}
