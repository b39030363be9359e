//! What an answer of the server or of its client means for a message, a channel and a route.
//!
//! Every code that JetStream answers with is classified here and nowhere else, each with what to do about it.

use async_nats::{ConnectError, ConnectErrorKind, rustls};
use dunlin_core::{Class, Error, ErrorKind};
use serde::Deserialize;

/// The connection is gone.
pub(crate) fn disconnected(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Disconnected,
        operation,
        "the connection to the server was lost; it is made again",
    )
}

/// The session has ended.
pub(crate) fn closed(operation: &'static str) -> Error {
    Error::closed(operation, "the session was closed")
}

/// The server did not answer in time.
pub(crate) fn late(operation: &'static str, what: &'static str) -> Error {
    Error::new(
        ErrorKind::Timeout,
        operation,
        format!(
            "expected {what} in time, found no answer; if this lasts, the stream has no leader, or the user lacks a right that the server's log names"
        ),
    )
}

/// A connection that could not be made.
pub(crate) fn connecting(servers: &[String], cause: ConnectError) -> Error {
    let untrusted = refused_certificate(&cause);
    let (kind, message) = match cause.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => (
            ErrorKind::AccessDenied,
            "the server refused the credentials; look at `user` and `password`, `nkey` or `credentials`, whichever the server wants",
        ),
        ConnectErrorKind::Dns => (
            ErrorKind::Disconnected,
            "the name of the server was not found; look at the host in `url`",
        ),
        ConnectErrorKind::TimedOut => (
            ErrorKind::Timeout,
            "the server did not answer within `connect_timeout_ms`; look at `url`, and whether something else than NATS listens there",
        ),
        _ if untrusted => (
            ErrorKind::AccessDenied,
            "the two sides did not accept each other's certificate; look at `tls_ca`, at the host in `url`, and at `tls_certificate` and `tls_key` if the server wants to know its clients",
        ),
        ConnectErrorKind::Tls => (
            ErrorKind::AccessDenied,
            "TLS could not be set up; look at `tls_ca`, `tls_certificate` and `tls_key`",
        ),
        ConnectErrorKind::ServerParse => (
            ErrorKind::InvalidSetting,
            "expected addresses of servers, found something else; look at `url`",
        ),
        ConnectErrorKind::MaxReconnects | ConnectErrorKind::Io => (
            ErrorKind::Disconnected,
            "no connection could be made; look at `url`, and whether the server runs there",
        ),
    };
    Error::new(kind, "connect", message)
        .with("servers", servers.join(", "))
        .caused_by(cause)
}

/// Whether a failure comes from looking at certificates. It reaches us as an ordinary error of input and output.
fn refused_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(cause);
    while let Some(found) = cause {
        let inner = found
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if inner.is_some() || found.is::<rustls::Error>() {
            return true;
        }
        cause = found.source();
    }
    false
}

/// What JetStream says when it refuses.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Fault {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

/// A refusal by JetStream, with its class. The codes are those of the server's `errors.json`.
pub(crate) fn refused(operation: &'static str, fault: &Fault) -> Error {
    let (kind, message) = match fault.err_code {
        10_059 => (
            ErrorKind::ChannelMissing,
            "the stream does not exist; make it, or set `topology: create`",
        ),
        10_014 => (ErrorKind::ChannelMissing, "the consumer does not exist"),
        10_060 => (
            ErrorKind::Unroutable,
            "another stream than before takes this subject; it is looked up again",
        ),
        10_054 => (
            ErrorKind::TooLarge,
            "the message is larger than the stream's `max_msg_size`",
        ),
        10_097 => (
            ErrorKind::TooLarge,
            "the headers are larger than the 64 KiB that the server takes",
        ),
        // The stream is full and discards what is new, or the account or the server have no room left.
        10_002 | 10_023 | 10_028 | 10_047 => (
            ErrorKind::Full,
            "the server or the account has no room left for streams",
        ),
        10_077 if fault.description.starts_with("maximum") => (
            ErrorKind::Full,
            "the stream is full and refuses what is new; raise its limits, or let it discard the old",
        ),
        10_039 | 10_076 => (
            ErrorKind::Unsupported,
            "the server has no JetStream for this account; start it with `-js`, or enable it for the account",
        ),
        10_035 | 10_109 => (ErrorKind::AccessDenied, "the stream takes no messages"),
        10_099..=10_101 => (
            ErrorKind::InvalidSetting,
            "a work-queue stream has one consumer for each subject; share its group, or set `subjects` to others",
        ),
        10_065 => (
            ErrorKind::InvalidSetting,
            "another stream has these subjects already; look at `subjects` and `stream`",
        ),
        10_074 | 10_005 => (
            ErrorKind::InvalidSetting,
            "the cluster has not so many servers with room; lower `replicas`",
        ),
        10_003 | 10_025 | 10_052 => (
            ErrorKind::InvalidSetting,
            "the server did not understand the request",
        ),
        _ => match fault.code {
            401 | 403 => (ErrorKind::AccessDenied, "the user lacks a right"),
            408 | 503 | 500 => (ErrorKind::Rejected, "JetStream cannot do it at this moment"),
            404 => (ErrorKind::ChannelMissing, "what was asked for does not exist"),
            _ => (ErrorKind::Rejected, "the server refused"),
        },
    };
    let error = Error::new(kind, operation, message)
        .with("answer", format!("{} ({})", fault.description, fault.err_code));
    match kind {
        // It passes by itself: a lookup later the message goes to where the subject is now.
        ErrorKind::Unroutable => error.class_of(Class::Temporary),
        // Unknown refusals of a setting stop the route rather than being tried for ever.
        ErrorKind::Rejected if fault.code == 400 => error.class_of(Class::Unhealthy),
        _ => error,
    }
}

/// Nobody listens where JetStream should.
pub(crate) fn nobody(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        operation,
        "no JetStream answers; start the server with `-js`, enable it for the account, or look at `domain`",
    )
}

/// The server's word that the user may not do something; it names the subject.
pub(crate) fn forbidden(operation: &'static str, text: &str) -> Error {
    Error::new(
        ErrorKind::AccessDenied,
        operation,
        "the user may not do this; give `user` the right that the server names",
    )
    .with("answer", text)
}

#[cfg(test)]
mod tests;
