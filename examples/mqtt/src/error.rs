//! What the client and the broker say, in the words of the contract.

use dunlin_core::{Error, ErrorKind};
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, DisconnectReasonCode, PubAckReason};
use rumqttc::v5::{ConnectionError, StateError};

/// A setting that cannot be.
pub(crate) fn invalid(name: &'static str, message: impl Into<String>) -> Error {
    Error::invalid(message.into()).with("setting", name)
}

/// A connection that could not be made, or broke.
pub(crate) fn connection(cause: ConnectionError) -> Error {
    let denied = "expected to be let in, found user and password refused; check `user` and `password`";
    let (kind, message) = match &cause {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::Banned,
        ) => (ErrorKind::AccessDenied, denied),
        ConnectionError::ConnectionRefused(ConnectReturnCode::ClientIdentifierNotValid) => (
            ErrorKind::InvalidSetting,
            "expected the broker to take the name of the session, found it refused; set `session` to another",
        ),
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        }) => (
            ErrorKind::Disconnected,
            "expected a session of one's own, found that another receiver took it; give each receiver its own `session`",
        ),
        ConnectionError::MqttState(StateError::AwaitPingResp) | ConnectionError::Timeout(_) => (
            ErrorKind::Timeout,
            "expected a sign of life from the broker, found none in time",
        ),
        _ => (
            ErrorKind::Disconnected,
            "expected a connection to the broker, found it broken",
        ),
    };
    Error::new(kind, "connect", message).caused_by(cause)
}

/// Whether another client came with the same name.
pub(crate) fn is_taken_over(cause: &ConnectionError) -> bool {
    matches!(
        cause,
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        })
    )
}

/// What a broker answered to a message that it did not take; none where it did.
pub(crate) fn refusal(reason: PubAckReason) -> Option<Error> {
    let (kind, message) = match reason {
        PubAckReason::Success => return None,
        PubAckReason::NoMatchingSubscribers => (
            ErrorKind::Unroutable,
            "expected a session that is subscribed to this topic, found none, so that nobody would ever get the message",
        ),
        PubAckReason::NotAuthorized => (
            ErrorKind::AccessDenied,
            "expected the right to send to this topic",
        ),
        PubAckReason::QuotaExceeded => (ErrorKind::Full, "expected room at the broker, found none"),
        PubAckReason::TopicNameInvalid => (
            ErrorKind::ChannelMissing,
            "expected a topic that the broker takes, found it refused",
        ),
        PubAckReason::PayloadFormatInvalid => (
            ErrorKind::NotRepresentable,
            "expected a payload that the broker takes, found it refused",
        ),
        PubAckReason::PacketIdentifierInUse
        | PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError => (
            ErrorKind::Rejected,
            "expected the broker to store the message, found it refused",
        ),
    };
    Some(Error::new(kind, "send", message))
}
