//! What an answer of the broker, or of its client, means for a message, a channel and a route.
//!
//! RabbitMQ answers with a number and a sentence. The number decides the class; the sentence goes along as the cause. Each
//! error names the setting by which a person can mend it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use dunlin_core::clock::Clock;
use dunlin_core::{Class, Error, ErrorKind, Result};
use lapin::protocol::AMQPError;

/// An answer of lapin, with its class.
pub(crate) fn broker(operation: &'static str, cause: lapin::Error) -> Error {
    let (kind, message) = match cause.kind() {
        lapin::ErrorKind::ProtocolError(answer) => refusal(answer),
        lapin::ErrorKind::IOError(cause) => {
            let (kind, message) = network(cause);
            return Error::new(kind, operation, message).caused_by(Arc::clone(cause));
        }
        lapin::ErrorKind::ChannelsLimitReached => (
            ErrorKind::InvalidSetting,
            "expected room for one more channel on the connection; raise `channel_max` of the broker, or spread the routes over several systems",
        ),
        lapin::ErrorKind::InvalidProtocolVersion(_) => (
            ErrorKind::InvalidSetting,
            "expected a broker that speaks AMQP 0-9-1; check host and port in `url`",
        ),
        lapin::ErrorKind::ParsingError(_) => (
            ErrorKind::Damaged,
            "expected frames of AMQP 0-9-1, found what cannot be read; check the port in `url` and whether it wants `amqps:`; on a connection that worked, a property that is no UTF-8 does this",
        ),
        lapin::ErrorKind::SerialisationError(_) => (
            ErrorKind::Internal,
            "expected a frame that can be written, found one that cannot",
        ),
        lapin::ErrorKind::AuthProviderError(_) => (
            ErrorKind::AccessDenied,
            "expected the broker to take user and password as they are, found a way to log in that is not supported",
        ),
        lapin::ErrorKind::MissingHeartbeatError => (
            ErrorKind::Disconnected,
            "the broker was silent for too long, so the connection was given up",
        ),
        _ => (ErrorKind::Disconnected, "the connection or its channel is closed"),
    };
    let class = class_of(&cause).unwrap_or(kind.default_class());
    Error::new(kind, operation, message)
        .class_of(class)
        .caused_by(cause)
}

/// What RabbitMQ's number means. The sentences are those of its versions 3.10 to 4.3.
fn refusal(answer: &AMQPError) -> (ErrorKind, &'static str) {
    let text = answer.get_message().as_str();
    match answer.get_id() {
        311 => (
            ErrorKind::TooLarge,
            "expected a message within the broker's limit; raise `max_message_size` of the broker or lower `max_payload`",
        ),
        320 => (ErrorKind::Disconnected, "the broker has ended the connection"),
        403 => (
            ErrorKind::AccessDenied,
            "expected to be let in; check `user`, `password`, and the user's rights on this virtual host",
        ),
        404 => (
            ErrorKind::ChannelMissing,
            "expected a queue or an exchange that exists; correct the name, make it, or set `topology: create`",
        ),
        405 => (
            ErrorKind::AccessDenied,
            "expected a queue that several connections may use, found one that is exclusive to another connection",
        ),
        406 if text.contains("timed out") => (
            ErrorKind::Timeout,
            "a message was held unsettled for longer than the broker's `consumer_timeout`; it comes again",
        ),
        406 if text.contains("larger than") => (
            ErrorKind::TooLarge,
            "expected a message within the broker's limit; raise `max_message_size` of the broker or lower `max_payload`",
        ),
        406 => (
            ErrorKind::InvalidSetting,
            "expected something that this queue or exchange allows; compare its type and arguments with the settings of this end",
        ),
        506 => (ErrorKind::Full, "the broker has not the means to go on"),
        530 => (
            ErrorKind::AccessDenied,
            "expected a virtual host that exists and that `user` may use; check the path of `url`, where `/` is written `%2F`",
        ),
        540 => (
            ErrorKind::Unsupported,
            "expected a broker with all of AMQP 0-9-1 that RabbitMQ has; found one without",
        ),
        _ => (
            ErrorKind::Disconnected,
            "the broker has closed the connection or its channel",
        ),
    }
}

/// The size of one message closes the channel of all, so that it says nothing of those beside it.
fn class_of(cause: &lapin::Error) -> Option<Class> {
    match cause.kind() {
        lapin::ErrorKind::ProtocolError(answer) if refusal(answer).0 == ErrorKind::TooLarge => {
            Some(Class::Unhealthy)
        }
        _ => None,
    }
}

fn network(cause: &io::Error) -> (ErrorKind, &'static str) {
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => (
            ErrorKind::Disconnected,
            "expected a broker, found nobody who listens there; start it, or correct host and port in `url`",
        ),
        io::ErrorKind::InvalidData => tls(cause),
        _ if cause.to_string().contains("alert") => tls(cause),
        _ => (
            ErrorKind::Disconnected,
            "the connection was lost; if that is so at the first try, check the port in `url` and whether it wants `amqps:`",
        ),
    }
}

fn tls(cause: &io::Error) -> (ErrorKind, &'static str) {
    let text = cause.to_string();
    // An authority of the same name, but with another key, is told by the signature.
    let message = if text.contains("UnknownIssuer") || text.contains("BadSignature") {
        "expected a server certificate of a known authority; name the authority's PEM file in `tls_ca`"
    } else if text.contains("NotValidForName") || text.contains("not valid for name") {
        "expected a server certificate for the host in `url`, found one for another"
    } else if text.contains("Expired") || text.contains("expired") {
        "expected a server certificate that is valid now, found one that has expired"
    } else if text.contains("alert") {
        "the broker refused the TLS connection; check `tls_certificate` and `tls_key`, and whether it wants them at all"
    } else {
        "expected TLS at this port; check the port in `url`, or write `amqp:` for a connection without TLS"
    };
    (ErrorKind::AccessDenied, message)
}

/// The session was closed.
pub(crate) fn closed(operation: &'static str) -> Error {
    Error::closed(operation, "the session was closed")
}

/// The value of a future, or a temporary error when this much time has passed.
pub(crate) async fn within<T>(
    clock: &Arc<dyn Clock>,
    limit: Duration,
    operation: &'static str,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        answer = future => answer,
        () = clock.sleep(limit) => Err(Error::new(
            ErrorKind::Timeout,
            operation,
            format!("expected an answer of the broker within {limit:?}, found none"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(number: u16, text: &str) -> Error {
        let answer = AMQPError::from_id(number, text.into()).expect("a number that AMQP knows");
        broker("send", lapin::ErrorKind::ProtocolError(answer).into())
    }

    #[test]
    fn every_refusal_has_a_class_and_names_what_to_change() {
        for (number, text, kind, class, setting) in [
            (
                403,
                "ACCESS_REFUSED",
                ErrorKind::AccessDenied,
                Class::Unhealthy,
                "`password`",
            ),
            (
                404,
                "NOT_FOUND - no queue",
                ErrorKind::ChannelMissing,
                Class::Unhealthy,
                "`topology: create`",
            ),
            (
                530,
                "NOT_ALLOWED - vhost",
                ErrorKind::AccessDenied,
                Class::Unhealthy,
                "`url`",
            ),
            (
                406,
                "PRECONDITION_FAILED - inequivalent arg",
                ErrorKind::InvalidSetting,
                Class::Unhealthy,
                "settings of this end",
            ),
            (
                406,
                "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out",
                ErrorKind::Timeout,
                Class::Temporary,
                "`consumer_timeout`",
            ),
            (
                406,
                "PRECONDITION_FAILED - message size 9 is larger than configured max size 8",
                ErrorKind::TooLarge,
                Class::Unhealthy,
                "`max_payload`",
            ),
            (
                320,
                "CONNECTION_FORCED",
                ErrorKind::Disconnected,
                Class::Temporary,
                "ended",
            ),
        ] {
            let error = answer(number, text);
            assert_eq!((error.kind(), error.class()), (kind, class), "{error}");
            assert!(error.to_string().contains(setting), "{error}");
        }
    }

    #[test]
    fn a_certificate_that_nobody_vouches_for_is_told_with_the_setting_for_its_authority() {
        for reason in ["UnknownIssuer", "BadSignature"] {
            let text = format!("invalid peer certificate: {reason}");
            let cause = io::Error::new(io::ErrorKind::InvalidData, text);
            let error = broker("connect", cause.into());
            assert_eq!(error.kind(), ErrorKind::AccessDenied);
            assert!(error.to_string().contains("`tls_ca`"), "{error}");
        }
    }

    #[test]
    fn a_lost_connection_passes_by_itself() {
        let cause = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(broker("receive", cause.into()).class(), Class::Temporary);
    }
}
