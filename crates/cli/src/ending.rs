//! How a command ends: its exit status, and what it says when it could not do its work.

use std::io;

use dunlin_core::finding::Findings;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All of it is done.
    Done,
    /// Something failed or was found.
    Failed,
    /// It was ended by the second of two signals; the number is 128 and the signal.
    Signal(u8),
}

impl Exit {
    /// Failed, if this is so.
    pub(crate) fn failed_if(failed: bool) -> Self {
        if failed { Self::Failed } else { Self::Done }
    }

    /// The status that the process ends with.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Signal(status) => status,
        }
    }
}

/// Why a command could not do its work, or not to its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// A file does not load. Nothing was written to standard output.
    Findings(Findings),
    /// The command was asked for something that cannot be. Nothing was written to standard output.
    Usage(String),
    /// Something failed on the way.
    Failed(String),
    /// Standard output takes nothing more.
    Output(io::Error),
}

impl Trouble {
    /// The status that the process ends with.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Findings(_) | Self::Usage(_) => 2,
            Self::Failed(_) => 1,
            // Whoever read it has seen enough; `head` does this, and nothing is wrong.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 1,
        }
    }
}

/// Everything that a command writes by itself goes to standard output or standard error; other files have errors of their own.
impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Findings> for Trouble {
    fn from(findings: Findings) -> Self {
        Self::Findings(findings)
    }
}

/// What a command returns.
pub(crate) type Ending = Result<Exit, Trouble>;
