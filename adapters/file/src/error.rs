//! What an error of the operating system means for a message, a channel and a route.

use std::io;
use std::path::Path;

use dunlin_core::{Error, ErrorKind};

/// An error of the operating system, with its class.
pub(crate) fn io(operation: &'static str, message: &'static str, path: &Path, cause: io::Error) -> Error {
    Error::new(kind(&cause), operation, message)
        .with("path", path.display())
        .caused_by(cause)
}

/// A full disk passes; a missing file or a missing right does not pass by waiting.
pub(crate) fn kind(cause: &io::Error) -> ErrorKind {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            ErrorKind::ChannelMissing
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::AccessDenied,
        io::ErrorKind::InvalidInput => ErrorKind::InvalidSetting,
        io::ErrorKind::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Io,
    }
}

/// Work that was moved off the asynchronous threads and did not come back.
pub(crate) fn lost(operation: &'static str, cause: tokio::task::JoinError) -> Error {
    Error::new(
        ErrorKind::Internal,
        operation,
        "expected an answer from the thread that reads and writes, found none",
    )
    .caused_by(cause)
}
