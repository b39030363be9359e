//! `dunlin init`: a small project that works, to be looked at, run and changed.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use super::new::make;
use crate::ending::{Ending, Exit};
use crate::shell::Shell;

/// Makes a small project that works: a configuration, a migration, a few messages, a test
///
/// It needs no server: its messages come from a file and go to files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin init              in the current folder
  dunlin init orders       in the folder orders
  cd orders && dunlin check && dunlin test && dunlin run")]
pub(crate) struct Init {
    /// The folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// The files of the project; the data of the program, in a form that people can read and tests can run.
const FILES: [(&str, &str); 6] = [
    ("dunlin.yaml", include_str!("init/dunlin.yaml")),
    ("data/orders.ndjson", include_str!("init/orders.ndjson")),
    (
        "migrations/orders/orders.yaml",
        include_str!("init/migration.yaml"),
    ),
    (
        "migrations/orders/0001-customer.yaml",
        include_str!("init/0001-customer.yaml"),
    ),
    (
        "migrations/orders/0002-lines.yaml",
        include_str!("init/0002-lines.yaml"),
    ),
    (
        "migrations/orders/tests/orders.yaml",
        include_str!("init/test.yaml"),
    ),
];

impl Init {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let files = FILES.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let here = self.folder == Path::new(".");
        let folder = if here { Path::new("") } else { &self.folder };
        make(folder, &files, shell)?;
        let change = if here {
            String::new()
        } else {
            format!("cd {} && ", self.folder.display())
        };
        writeln!(
            shell.err,
            "next: {change}dunlin check && dunlin test && dunlin run"
        )?;
        Ok(Exit::Done)
    }
}
