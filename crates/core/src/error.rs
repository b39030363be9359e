//! One error for every messaging system.
//!
//! The adapter knows what its broker meant, so it decides the class once; the router asks only the class. The message
//! says what was expected, what was found and what to do. It holds no payload and no secret.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The result of a call on a messaging system.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, how it is to be treated, and where.
///
/// A copy, for one more message or listener, says the same and shares the cause.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    class: Class,
    in_doubt: bool,
    operation: &'static str,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// How an error is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Ask again after a pause; the message is fine and so is the channel.
    Temporary,
    /// The channel or the credentials are wrong: the route is down and says so, nothing is settled.
    Unhealthy,
    /// This one message can never pass; others may.
    Permanent,
    /// The source has ended, or the session was closed: no further call will succeed.
    Closed,
}

/// What went wrong, in words that all systems share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The connection is gone or was never there.
    Disconnected,
    /// No answer came in time.
    Timeout,
    /// The broker asked to wait (flow control, an alarm).
    Blocked,
    /// The broker or the disk is full.
    Full,
    /// The broker answered that it could not store the message.
    Rejected,
    /// No queue, stream or topic takes a message of this address.
    Unroutable,
    /// The channel does not exist.
    ChannelMissing,
    /// The credentials were refused, or lack a right.
    AccessDenied,
    /// The message is larger than the channel takes.
    TooLarge,
    /// A header cannot be carried as it is.
    HeaderNotRepresentable,
    /// The payload, key or property cannot be carried as it is.
    NotRepresentable,
    /// The system cannot do what was asked.
    Unsupported,
    /// A setting is unknown, malformed, or would break the contract.
    InvalidSetting,
    /// Stored data is damaged or was changed by somebody else.
    Damaged,
    /// Reading or writing failed in the operating system.
    Io,
    /// The source has ended or the session was closed.
    Closed,
    /// Something that the contract does not allow happened; a defect.
    Internal,
}

impl ErrorKind {
    /// The class of this kind where the adapter knows nothing better.
    pub const fn default_class(self) -> Class {
        match self {
            Self::Disconnected | Self::Timeout | Self::Blocked | Self::Full | Self::Rejected | Self::Io => {
                Class::Temporary
            }
            Self::Unroutable
            | Self::ChannelMissing
            | Self::AccessDenied
            | Self::Unsupported
            | Self::InvalidSetting
            | Self::Damaged
            | Self::Internal => Class::Unhealthy,
            Self::TooLarge | Self::HeaderNotRepresentable | Self::NotRepresentable => Class::Permanent,
            Self::Closed => Class::Closed,
        }
    }
}

impl Error {
    /// An error of this kind and its default class.
    ///
    /// `operation` names the call (`"send"`), `message` says what was expected, then what was found, in lower case and
    /// without a full stop.
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            class: kind.default_class(),
            in_doubt: false,
            operation,
            message: message.into(),
            context: Vec::new(),
            source: None,
        }))
    }

    /// The end of a source, or of a session that was closed.
    pub fn closed(operation: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Closed, operation, message)
    }

    /// A setting, a channel, a group or an address that cannot be, found where a system or one of its ends is opened.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidSetting, "open", message)
    }

    /// The same error in another class.
    #[must_use]
    pub fn class_of(mut self, class: Class) -> Self {
        self.0.class = class;
        self
    }

    /// The same error, found by another call.
    #[must_use]
    pub fn during(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    /// The same error, marked: the message was handed over and may or may not be stored.
    #[must_use]
    pub fn doubtful(mut self) -> Self {
        self.0.in_doubt = true;
        self
    }

    /// The same error with one more fact about the place: system, channel, position, setting. Never a payload or a secret.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// How it is to be treated.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Whether the message may have been stored although no answer says so. It must be sent again with the same id.
    pub fn in_doubt(&self) -> bool {
        self.0.in_doubt
    }

    /// The call that failed.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The message without operation, context and cause.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The facts about the place, in the order in which they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Display for Error {
    /// `send to file/orders: no space is left (path: out.ndjson): No space left on device (os error 28)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.operation, self.0.message)?;
        for (place, (name, value)) in self.context().enumerate() {
            let open = if place == 0 { " (" } else { ", " };
            write!(f, "{open}{name}: {value}")?;
        }
        if !self.0.context.is_empty() {
            f.write_str(")")?;
        }
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{self} [{:?}, {:?}{}]",
            self.0.kind,
            self.0.class,
            if self.0.in_doubt { ", in doubt" } else { "" }
        )
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_operation_message_place_and_cause() {
        let error = Error::new(ErrorKind::Full, "send", "no space is left")
            .with("system", "out")
            .with("channel", "orders")
            .caused_by(std::io::Error::other("disk quota"));
        assert_eq!(
            error.to_string(),
            "send: no space is left (system: out, channel: orders): disk quota"
        );
        assert_eq!(error.class(), Class::Temporary);
        assert!(!error.in_doubt());
        assert!(error.doubtful().in_doubt());
    }

    #[test]
    fn a_copy_says_the_same_with_its_cause() {
        let error = Error::new(ErrorKind::Full, "send", "no space is left")
            .class_of(Class::Unhealthy)
            .with("system", "out")
            .caused_by(std::io::Error::other("disk quota"))
            .doubtful();
        let copy = error.clone();
        assert_eq!(format!("{copy:?}"), format!("{error:?}"));
        assert!(copy.during("open").to_string().starts_with("open: no space"));
    }

    #[test]
    fn a_message_that_can_never_pass_is_permanent_and_a_missing_channel_is_not() {
        assert_eq!(ErrorKind::TooLarge.default_class(), Class::Permanent);
        assert_eq!(ErrorKind::ChannelMissing.default_class(), Class::Unhealthy);
        assert_eq!(ErrorKind::Closed.default_class(), Class::Closed);
    }
}
