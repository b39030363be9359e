//! One connection, made by hand: socket, TLS, and the greeting of AMQP, each within its limit.
//!
//! lapin could connect by itself, but it has no limit for the socket, trusts the system's authorities beside one's own, and
//! lets go of a connection that is half dead only when the kernel does. So the socket is ours: a second handle on it ends it
//! at once, and with it the thread that lapin runs for each connection.

use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::settings::TlsFiles;
use dunlin_core::{Error, ErrorKind, Result};
use lapin::tcp::{AsyncTcpStream, RustlsConnector, RustlsConnectorConfig};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Config;
use crate::error::{broker, within};

/// A connection, and the plug that ends it whatever state it is in.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) plug: Plug,
}

/// A second handle on the socket.
#[derive(Debug)]
pub(crate) struct Plug(TcpStream);

impl Plug {
    /// Ends the connection at once, without a word to the broker.
    pub(crate) fn pull(&self) {
        // It fails where the connection has ended already, which is what was wanted.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Connects once. `role` is what the connection is for, as the broker's lists show it.
pub(crate) async fn connect(
    config: &Arc<Config>,
    clock: &Arc<dyn Clock>,
    role: &'static str,
) -> Result<Connected> {
    let limit = config.connect_timeout;
    let connected = within(clock, limit, "connect", attempt(config, clock, role)).await;
    connected.map_err(|error| error.with("host", &config.host).with("port", config.port))
}

async fn attempt(config: &Arc<Config>, clock: &Arc<dyn Clock>, role: &'static str) -> Result<Connected> {
    let runtime = lapin::runtime::default_runtime().map_err(|cause| broker("connect", cause))?;
    let tls = match config.tls.clone() {
        Some(files) => {
            // They are read anew at each connection, so that renewed certificates are picked up.
            let read = tokio::task::spawn_blocking(move || connector(&files)).await;
            Some(read.map_err(|cause| {
                Error::new(
                    ErrorKind::Internal,
                    "connect",
                    "reading certificates was broken off",
                )
                .caused_by(cause)
            })??)
        }
        None => None,
    };
    let network = |cause: std::io::Error| broker("connect", cause.into());
    let places = tokio::net::lookup_host((config.host.as_str(), config.port))
        .await
        .map_err(|cause| {
            Error::new(
                ErrorKind::Disconnected,
                "connect",
                "expected a host that has an address, found none; correct the host in `url`",
            )
            .caused_by(cause)
        })?;
    let mut stream = Err(std::io::Error::from(std::io::ErrorKind::AddrNotAvailable));
    for place in places {
        stream = AsyncTcpStream::connect(&runtime, place).await;
        if stream.is_ok() {
            break;
        }
    }
    let mut stream = stream.map_err(network)?;
    let plug = match &stream {
        AsyncTcpStream::Plain(plain) => {
            let socket = plain.get_ref().as_fd().try_clone_to_owned().map_err(network)?;
            Plug(TcpStream::from(socket))
        }
        _ => return Err(Error::invalid("expected a socket before TLS begins")),
    };
    give_up_after(&plug.0, config.liveness_timeout)?;
    if let Some(tls) = tls {
        stream = stream.into_rustls(&tls, &config.host).await.map_err(network)?;
    }
    let ready = Mutex::new(Some(stream));
    let connecting = Connection::connector(
        uri(config)?,
        runtime,
        // Asked a second time only if the broker hangs up during the greeting; that is an error here, not a retry.
        async move |_, _| {
            let stream = ready.lock().unwrap_or_else(PoisonError::into_inner).take();
            stream.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into())
        },
        ConnectionProperties::default()
            .with_connection_name(format!("dunlin {} ({role})", config.name).into()),
    );
    // The plug is pulled also where this future is dropped: else the thread would wait for the broker for ever.
    let guard = Guard(Some(plug));
    let connection = within(clock, config.connect_timeout, "connect", async {
        connecting.await.map_err(|cause| broker("connect", cause))
    })
    .await?;
    Ok(Connected {
        connection,
        plug: guard.keep(),
    })
}

/// Pulls the plug unless it is taken out.
struct Guard(Option<Plug>);

impl Guard {
    fn keep(mut self) -> Plug {
        // It is put in when the guard is made, and this is the only way to take it out.
        self.0.take().expect("a guard holds its plug until it is kept")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(plug) = &self.0 {
            plug.pull();
        }
    }
}

/// The kernel gives up what stays unanswered for this long, instead of after a quarter of an hour.
fn give_up_after(socket: &TcpStream, limit: Duration) -> Result<()> {
    let millis = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(socket, millis)
        .and_then(|()| rustix::net::sockopt::set_socket_keepalive(socket, true))
        .map_err(|cause| {
            Error::new(
                ErrorKind::Io,
                "connect",
                "the time limit of the socket cannot be set",
            )
            .caused_by(std::io::Error::from(cause))
        })
}

fn uri(config: &Config) -> Result<AMQPUri> {
    let (username, password) = config.credentials()?;
    Ok(AMQPUri {
        scheme: match config.tls {
            Some(_) => AMQPScheme::AMQPS,
            None => AMQPScheme::AMQP,
        },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username, password },
            host: config.host.clone(),
            port: config.port,
        },
        vhost: config.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(config.heartbeat()),
            ..AMQPQueryString::default()
        },
    })
}

fn connector(files: &TlsFiles) -> Result<RustlsConnector> {
    let failed = |cause: std::io::Error| {
        Error::new(
            ErrorKind::InvalidSetting,
            "connect",
            "expected authorities, certificate and key that fit together; check `tls_ca`, `tls_certificate` and `tls_key`",
        )
        .caused_by(cause)
    };
    let roots = match &files.authorities {
        Some(path) => {
            RustlsConnectorConfig::default().with_parsable_certificates(certificates(path, "tls_ca")?)
        }
        None => RustlsConnectorConfig::new_with_native_certs().map_err(|cause| {
            Error::new(
                ErrorKind::InvalidSetting,
                "connect",
                "expected authorities of the system, found none; name a PEM file in `tls_ca`",
            )
            .caused_by(cause)
        })?,
    };
    match &files.client {
        None => roots.connector_with_no_client_auth().map_err(failed),
        Some((certificate, key)) => {
            let chain = certificates(certificate, "tls_certificate")?;
            let key =
                PrivateKeyDer::from_pem_file(key).map_err(|cause| unreadable("tls_key", key, &cause))?;
            roots.connector_with_single_cert(chain, key).map_err(failed)
        }
    }
}

fn certificates(path: &Path, setting: &'static str) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|cause| unreadable(setting, path, &cause))?;
    if found.is_empty() {
        return Err(
            Error::invalid("expected a PEM file with a certificate, found none in it")
                .with("setting", setting)
                .with("path", path.display()),
        );
    }
    Ok(found)
}

fn unreadable(setting: &'static str, path: &Path, cause: &rustls_pki_types::pem::Error) -> Error {
    Error::invalid("expected a PEM file that can be read")
        .with("setting", setting)
        .with("path", path.display())
        .caused_by(cause.to_string())
}
