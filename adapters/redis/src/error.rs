//! What an answer of the server, or the lack of one, means for a message, a channel and a route.
//!
//! The texts of the server are quoted for known codes alone: an unknown command is answered with its arguments, and those
//! may be payload.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::{Class, Error, ErrorKind};
use redis::{RedisError, ServerError};

/// No answer came in this time.
pub(crate) fn silent(operation: &'static str, limit: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        operation,
        format!("expected an answer of the server within {limit:?}, found none"),
    )
}

/// The connection is gone.
pub(crate) fn disconnected(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Disconnected,
        operation,
        "the connection to the server was lost",
    )
}

/// An answer that Redis does not give.
pub(crate) fn unexpected(operation: &'static str, expected: &str) -> Error {
    Error::new(
        ErrorKind::Internal,
        operation,
        format!("expected {expected} from the server, found an answer of another form"),
    )
}

/// An error of the client: the connection could not be made, or broke.
pub(crate) fn failed(operation: &'static str, cause: RedisError) -> Error {
    if let Some(code) = cause.code() {
        let (code, detail) = (code.to_owned(), cause.detail().map(ToOwned::to_owned));
        return by_code(operation, &code, detail.as_deref());
    }
    match cause.kind() {
        redis::ErrorKind::AuthenticationFailed => Error::new(
            ErrorKind::AccessDenied,
            operation,
            "the server refused the credentials; check `user` and `password`",
        ),
        redis::ErrorKind::InvalidClientConfig => Error::new(
            ErrorKind::Disconnected,
            operation,
            "the connection cannot be made; check the host in `url`",
        )
        .caused_by(cause),
        redis::ErrorKind::Parse => Error::new(
            ErrorKind::Disconnected,
            operation,
            "expected the protocol of Redis, found something else; check host and port in `url`",
        ),
        _ => broken(operation, cause),
    }
}

fn broken(operation: &'static str, cause: RedisError) -> Error {
    match tls_fault(&cause) {
        Some(rustls::Error::InvalidMessage(_)) => Error::new(
            ErrorKind::InvalidSetting,
            operation,
            "expected TLS from the server, found something else; write `redis://` in `url`, or give the server's TLS port",
        ),
        Some(rustls::Error::InvalidCertificate(why)) => Error::new(
            ErrorKind::AccessDenied,
            operation,
            format!(
                "the server's certificate is not trusted ({why:?}); check `tls_ca`, and the host in `url`"
            ),
        ),
        Some(rustls::Error::AlertReceived(alert)) => Error::new(
            ErrorKind::AccessDenied,
            operation,
            format!("the server ended the TLS handshake ({alert:?}); check `tls_certificate` and `tls_key`"),
        ),
        Some(other) => Error::new(
            ErrorKind::AccessDenied,
            operation,
            format!("TLS failed ({other}); check `tls_ca`, `tls_certificate` and `tls_key`"),
        ),
        None => Error::new(
            ErrorKind::Disconnected,
            operation,
            "the connection to the server failed; check that it runs, and `url`",
        )
        .caused_by(cause),
    }
}

/// What rustls said, somewhere below an error of the client.
fn tls_fault(cause: &RedisError) -> Option<&rustls::Error> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(cause);
    while let Some(error) = next {
        // The client shares its causes, so that what it calls a source is a handle.
        let inner = match error.downcast_ref::<Arc<dyn StdError + Send + Sync>>() {
            Some(shared) => &**shared,
            None => error,
        };
        if let Some(fault) = inner.downcast_ref::<rustls::Error>() {
            return Some(fault);
        }
        // The source of an I/O error skips what it was made from.
        if let Some(made_from) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref)
            && let Some(fault) = made_from.downcast_ref::<rustls::Error>()
        {
            return Some(fault);
        }
        next = error.source();
    }
    None
}

/// The code with which a read that waits ends because its stream was deleted.
const STREAM_GONE: &str = "UNBLOCKED";

/// Whether a read that waited was told that its stream is gone.
pub(crate) fn is_stream_gone(error: &Error) -> bool {
    error
        .context()
        .any(|(name, said)| name == "server says" && said == STREAM_GONE)
}

/// The server refused a command.
pub(crate) fn refused(operation: &'static str, cause: &ServerError) -> Error {
    by_code(operation, cause.code(), cause.details())
}

fn by_code(operation: &'static str, code: &str, detail: Option<&str>) -> Error {
    let (kind, class, message): (ErrorKind, Option<Class>, &str) = match code {
        "OOM" => (
            ErrorKind::Full,
            None,
            "the server has no memory left; raise its `maxmemory`, read the streams faster, or set `max_length`",
        ),
        "READONLY" => (
            ErrorKind::Rejected,
            Some(Class::Unhealthy),
            "expected a server that takes writes, found a read-only replica; give the primary's address in `url`",
        ),
        "MISCONF" => (
            ErrorKind::Io,
            None,
            "the server takes no writes because it cannot write to its disk; look at the server's log",
        ),
        "NOREPLICAS" => (
            ErrorKind::Blocked,
            None,
            "the server takes no writes because too few replicas follow it (its `min-replicas-to-write`)",
        ),
        "LOADING" => (
            ErrorKind::Blocked,
            None,
            "the server is still reading its data from disk",
        ),
        "BUSY" => (ErrorKind::Blocked, None, "the server is busy with a script"),
        "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" => (
            ErrorKind::Blocked,
            None,
            "the server's cluster or primary is not ready",
        ),
        "MOVED" | "ASK" | "CROSSSLOT" => (
            ErrorKind::Unsupported,
            None,
            "expected a server that holds the stream itself, found a node of a cluster that does not; clusters are not supported, give the node's address in `url`",
        ),
        "NOAUTH" => (
            ErrorKind::AccessDenied,
            None,
            "the server asks for credentials; set `password`, and `user` where it has ACL users",
        ),
        "WRONGPASS" => (
            ErrorKind::AccessDenied,
            None,
            "the server refused the credentials; check `user` and `password`",
        ),
        "NOPERM" => (
            ErrorKind::AccessDenied,
            None,
            "the server's user may not do this; give the ACL user of `user` the commands and keys that the manual lists",
        ),
        "DENIED" => (
            ErrorKind::AccessDenied,
            None,
            "the server is in protected mode; give it a password and set `password`, or connect from its own host",
        ),
        "WRONGTYPE" => (
            ErrorKind::ChannelMissing,
            None,
            "expected a stream under this key, found another type of value; give another `channel`",
        ),
        STREAM_GONE => (
            ErrorKind::ChannelMissing,
            None,
            "the stream is gone; make it, or set `topology: create`",
        ),
        "NOGROUP" => (
            ErrorKind::ChannelMissing,
            None,
            "the stream or its group is gone; with `topology: create` a missing stream is made",
        ),
        "ERR" => return general(operation, detail.unwrap_or_default()),
        _ => (
            ErrorKind::Rejected,
            Some(Class::Unhealthy),
            "the server refused the command",
        ),
    };
    let error = Error::new(kind, operation, message.to_owned()).with("server says", code);
    match class {
        Some(class) => error.class_of(class),
        None => error,
    }
}

/// The code `ERR` stands for everything that has no code of its own; only its text tells more.
fn general(operation: &'static str, detail: &str) -> Error {
    let has = |text: &str| detail.contains(text);
    if has("unknown command") || has("unknown subcommand") || has("Unknown subcommand") {
        return Error::new(
            ErrorKind::Unsupported,
            operation,
            "expected a server that knows streams and groups (Redis 5 or later), found one that does not know a command",
        );
    }
    let (kind, class, message) = if has("no such key") || has("requires the key to exist") {
        (
            ErrorKind::ChannelMissing,
            None,
            "expected the stream to be there, found none; make it, or set `topology: create`",
        )
    } else if has("max number of clients") {
        (
            ErrorKind::Blocked,
            None,
            "the server has no room for another connection; raise its `maxclients`",
        )
    } else if has("DB index") || has("SELECT is not allowed") {
        (
            ErrorKind::InvalidSetting,
            None,
            "expected a database that the server has; check the number in `url`",
        )
    } else if has("AUTH") || has("invalid password") {
        (
            ErrorKind::AccessDenied,
            None,
            "the server refused the credentials as they are; it may know no password at all: check `user` and `password`",
        )
    } else if has("too large") || has("too big") || has("exceeds maximum") {
        (
            ErrorKind::TooLarge,
            None,
            "the entry is larger than the server takes; set `max_payload` so that it is known beforehand",
        )
    } else {
        (
            ErrorKind::Rejected,
            Some(Class::Unhealthy),
            "the server refused the command",
        )
    };
    // Only the errors of a command that Redis knows come here, and they quote no argument.
    let said: String = detail.chars().filter(|c| !c.is_control()).take(160).collect();
    let error = Error::new(kind, operation, message).with("server says", format!("ERR {said}"));
    match class {
        Some(class) => error.class_of(class),
        None => error,
    }
}

#[cfg(test)]
mod tests;
