//! What an error of the client means for a message, a channel and a route, and which setting changes it.
//!
//! The client tells much only beside its calls: a wrong password or an unreachable broker is a line of its log and a
//! timeout. [`Trouble`] keeps the last such word, so that an answer that did not come can say why.

use std::sync::{Mutex, PoisonError};

use dunlin_core::{Class, Error, ErrorKind};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Work that was moved off the asynchronous threads and did not come back.
pub(crate) fn lost(operation: &'static str, cause: tokio::task::JoinError) -> Error {
    Error::new(
        ErrorKind::Internal,
        operation,
        "expected an answer from the thread that talks to the broker, found none",
    )
    .caused_by(cause)
}

/// The code of a client's error, if it has one.
pub(crate) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code)
        | KafkaError::ConsumerCommit(code)
        | KafkaError::ConsumerQueueClose(code)
        | KafkaError::Flush(code)
        | KafkaError::Global(code)
        | KafkaError::GroupListFetch(code)
        | KafkaError::MessageConsumption(code)
        | KafkaError::MessageConsumptionFatal(code)
        | KafkaError::MessageProduction(code)
        | KafkaError::MetadataFetch(code)
        | KafkaError::OffsetFetch(code)
        | KafkaError::Rebalance(code)
        | KafkaError::SetPartitionOffset(code)
        | KafkaError::StoreOffset(code) => Some(*code),
        _ => None,
    }
}

/// An error of the client, in the words of the contract.
pub(crate) fn classify(operation: &'static str, error: &KafkaError) -> Error {
    match (code(error), error) {
        (Some(code), _) => of_code(operation, code),
        (None, KafkaError::ClientConfig(_, reason, name, _)) => Error::new(
            ErrorKind::InvalidSetting,
            operation,
            format!("the client refuses the option `{name}`: {reason}"),
        ),
        (None, KafkaError::ClientCreation(reason)) => of_creation(operation, reason),
        (None, KafkaError::Subscription(reason)) => Error::new(
            ErrorKind::InvalidSetting,
            operation,
            format!(
                "expected the name of a topic or a pattern that begins with `^`, the client says: {reason}"
            ),
        ),
        (None, other) => Error::new(
            ErrorKind::Internal,
            operation,
            format!("the client failed in a way that was not expected: {other}"),
        )
        .class_of(Class::Temporary),
    }
}

/// A client that could not be made: options that do not fit together, or a certificate that cannot be read.
fn of_creation(operation: &'static str, reason: &str) -> Error {
    let advice = if reason.contains("ssl") {
        "; look at `tls_ca`, `tls_certificate` and `tls_key`"
    } else {
        ""
    };
    Error::new(
        ErrorKind::InvalidSetting,
        operation,
        format!("the client cannot be made with these settings: {reason}{advice}"),
    )
}

/// What a code says, and what to do about it.
pub(crate) fn of_code(operation: &'static str, code: Code) -> Error {
    let (kind, sentence) = sentence(code);
    Error::new(kind, operation, sentence).with("code", code)
}

fn sentence(code: Code) -> (ErrorKind, &'static str) {
    match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => (
            ErrorKind::ChannelMissing,
            "expected a topic that exists, found none of this name; make it, or set `topology: create` at this end",
        ),
        Code::InvalidTopic => (
            ErrorKind::InvalidSetting,
            "expected a topic that takes messages, found one that the broker refuses: it is one of its own, such as `__consumer_offsets`, or has another name than letters, digits, `.`, `_` and `-`",
        ),
        Code::Authentication | Code::SaslAuthenticationFailed => (
            ErrorKind::AccessDenied,
            "expected credentials that the broker takes, it refused them; look at `user`, `password` and `sasl_mechanism`",
        ),
        Code::UnsupportedSASLMechanism | Code::IllegalSASLState => (
            ErrorKind::AccessDenied,
            "the broker does not take this way of authentication; set `sasl_mechanism` to one that it offers",
        ),
        Code::SSL => (
            ErrorKind::AccessDenied,
            "no TLS connection could be made; look at `tls_ca`, `tls_certificate`, `tls_key`, the host in `url`, and whether the port speaks TLS",
        ),
        Code::SecurityDisabled => (
            ErrorKind::InvalidSetting,
            "the broker offers no authentication on this port; leave out `user`, or name another port in `url`",
        ),
        Code::TopicAuthorizationFailed => (
            ErrorKind::AccessDenied,
            "this `user` may not use the topic; grant Read to receive, Write to send, Describe to look",
        ),
        Code::GroupAuthorizationFailed => (
            ErrorKind::AccessDenied,
            "this `user` may not join the group; grant Read on it, or choose another `group`",
        ),
        Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::PolicyViolation => (
            ErrorKind::AccessDenied,
            "this `user` lacks a right on the cluster (IdempotentWrite to send to a broker before 2.8, Create to make topics)",
        ),
        Code::InconsistentGroupProtocol | Code::InvalidGroupId | Code::FencedInstanceId => (
            ErrorKind::InvalidSetting,
            "the group is in use by members of another kind; choose another `group`, or the `partition.assignment.strategy` of its members",
        ),
        Code::InvalidSessionTimeout => (
            ErrorKind::InvalidSetting,
            "the broker does not take this session timeout; set `session.timeout.ms` between its `group.min.session.timeout.ms` and `group.max.session.timeout.ms`",
        ),
        Code::GroupMaxSizeReached => (
            ErrorKind::AccessDenied,
            "the group has as many members as the broker's `group.max.size` allows",
        ),
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => (
            ErrorKind::TooLarge,
            "the message is larger than the topic takes; raise the topic's `max.message.bytes`",
        ),
        Code::InvalidTimestamp => (
            ErrorKind::NotRepresentable,
            "the broker refuses the message's time; raise the topic's `message.timestamp.before.max.ms` or `message.timestamp.after.max.ms`",
        ),
        Code::InvalidRecord => (
            ErrorKind::NotRepresentable,
            "the broker refuses the message as it is; a compacted topic takes none without a key",
        ),
        Code::InvalidDifferentRecord => (
            ErrorKind::Rejected,
            "one message of a batch was refused, and this one with it; they are told apart when they are sent again",
        ),
        Code::QueueFull => (ErrorKind::Full, "the client holds as many messages as it may"),
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => (
            ErrorKind::Rejected,
            "fewer replicas are in sync than the topic's `min.insync.replicas` asks for",
        ),
        Code::KafkaStorageError => (ErrorKind::Full, "the broker cannot write to its disk"),
        Code::ThrottlingQuotaExceeded => (ErrorKind::Blocked, "the broker asks to wait: a quota is used up"),
        Code::MessageTimedOut
        | Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::TimedOutQueue
        | Code::PurgeQueue
        | Code::PurgeInflight => (ErrorKind::Timeout, "no answer came from the broker in time"),
        Code::Resolve => (
            ErrorKind::Disconnected,
            "no address is known for a broker's host; look at the hosts in `url` and at the broker's `advertised.listeners`",
        ),
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::NetworkException
        | Code::BrokerNotAvailable
        | Code::NodeUpdate => (
            ErrorKind::Disconnected,
            "no broker can be reached; look at the hosts and ports in `url`, and at the brokers' `advertised.listeners`",
        ),
        Code::UnsupportedFeature | Code::UnsupportedVersion | Code::NotImplemented => (
            ErrorKind::Unsupported,
            "the broker, or this build of the client, cannot do that; SCRAM and TLS need a build with `ssl`",
        ),
        // Leaders move, coordinators load, sessions end: all of it passes by itself.
        _ => (ErrorKind::Rejected, "the broker could not do it now"),
    }
}

/// The last thing that the client told beside its calls.
#[derive(Debug, Default)]
pub(crate) struct Trouble(Mutex<Option<(Code, String)>>);

impl Trouble {
    pub(crate) fn heard(&self, code: Code, reason: &str) {
        // A handshake that the broker breaks off is no lost connection: it would break off the next one, too.
        let broken_off = reason.contains("SSL routines") && reason.contains("alert");
        let code = if broken_off { Code::SSL } else { code };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // That all brokers are down follows from whatever came before it, and says less.
        if code != Code::AllBrokersDown || last.is_none() {
            *last = Some((code, reason.to_owned()));
        }
    }

    pub(crate) fn over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether waiting longer cannot help: the broker is there and says no.
    pub(crate) fn is_refusal(&self) -> bool {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_some_and(|(code, _)| is_refusal(*code))
    }

    /// That no answer came, with what was heard meanwhile as the reason.
    pub(crate) fn explain(&self, operation: &'static str, or: impl FnOnce() -> Error) -> Error {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((code, reason)) => of_code(operation, *code).with("client", first_line(reason)),
            None => or(),
        }
    }
}

/// Codes that say no to a client as it is, so that only a new one with other settings can get further.
pub(crate) fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
    )
}

/// The client's reasons run over several lines and repeat themselves.
pub(crate) fn first_line(reason: &str) -> &str {
    reason.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
