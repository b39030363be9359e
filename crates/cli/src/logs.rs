//! What the program logs: to standard error, its own warnings and errors unless `RUST_LOG` asks for something else.
//!
//! Client libraries log what they meet, also what was asked for and expected, such as a queue that is missing; what of it
//! matters is told by the adapter, once and with the setting to change.
//!
//! While progress is drawn on a terminal, log lines go through it, so that neither is torn.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;

use crate::shell::colours_wanted;

/// The progress that is being drawn, if any.
static DRAWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

/// What is never logged, whatever is asked for: lapin prints a message that comes back unroutable with its payload.
const NEVER: &str = "lapin::returned_messages=off";

/// Starts logging. A `RUST_LOG` that cannot be read is told, and the default is used.
pub(crate) fn start() {
    let builder = EnvFilter::builder().with_default_directive(default());
    let (filter, fault) = match builder.try_from_env() {
        Ok(filter) => (filter, None),
        Err(error) => (
            EnvFilter::default().add_directive(default()),
            std::env::var_os("RUST_LOG").map(|_| error),
        ),
    };
    let filter = match NEVER.parse::<Directive>() {
        Ok(never) => filter.add_directive(never),
        // It is a constant, and a test reads it.
        Err(_) => filter,
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Around)
        .with_ansi(colours_wanted() && io::stderr().is_terminal())
        .init();
    if let Some(error) = fault {
        tracing::warn!("RUST_LOG cannot be read, warnings and errors are logged: {error}");
    }
}

/// Warnings of this program's own packages, whose names all begin alike.
fn default() -> Directive {
    "dunlin=warn".parse().unwrap_or_else(|_| LevelFilter::WARN.into())
}

/// Draws log lines around this progress from now on; `None` ends that.
pub(crate) fn draw_around(progress: Option<MultiProgress>) {
    *DRAWN.lock().unwrap_or_else(PoisonError::into_inner) = progress;
}

/// Standard error, with the progress put aside for each line.
#[derive(Clone, Copy, Debug)]
struct Around;

impl<'a> MakeWriter<'a> for Around {
    type Writer = Self;

    fn make_writer(&'a self) -> Self::Writer {
        *self
    }
}

impl Write for Around {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let drawn = DRAWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let write = || io::stderr().write_all(line);
        match drawn {
            Some(progress) => progress.suspend(write)?,
            None => write()?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_logged_is_a_directive_that_can_be_read() {
        assert!(NEVER.parse::<Directive>().is_ok());
    }
}
