//! `dunlin new migration`: the files of a migration, ready to be filled in; and what writes such files without writing over others.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use dunlin_core::migration::load::is_migration_name;

use crate::ending::{Ending, Exit, Trouble};
use crate::shell::Shell;

/// Makes the files of something new
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin new migration customers               makes migrations/customers, or customers where there are no migrations
  dunlin new migration customers --in schema   makes schema/customers")]
pub(crate) struct New {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Makes a migration: its file, a first file of transformations, and a test
    #[command(after_help = "Examples:
  dunlin new migration customers               makes migrations/customers, or customers where there are no migrations
  dunlin new migration customers --in schema   makes schema/customers")]
    Migration {
        /// Its name: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, the first a letter or a digit
        name: String,
        /// The folder that it is made in [default: migrations if that is there, else the current folder]
        #[arg(long = "in", value_name = "DIR")]
        folder: Option<PathBuf>,
    },
}

impl New {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let What::Migration { name, folder } = &self.what;
        if !is_migration_name(name) {
            return Err(Trouble::Usage(format!(
                "expected a name of 1 to 64 of a-z, 0-9, `.`, `_` and `-` that begins with a letter or a digit, found `{name}`"
            )));
        }
        let usual = Path::new("migrations");
        let folder = match folder {
            Some(folder) => folder.join(name),
            None if usual.is_dir() => usual.join(name),
            None => PathBuf::from(name),
        };
        let files = [
            (
                format!("{name}.yaml"),
                format!(
                    "migration: {name}
transformations: # in the order in which they are applied; append to this list, and change nothing that is in use
  - file: 0001-first.yaml
"
                ),
            ),
            (
                "0001-first.yaml".to_owned(),
                "description: What the next version of the schema gets.
transformations:
  - add: version
    value: 2
"
                .to_owned(),
            ),
            (
                format!("tests/{name}.yaml"),
                format!(
                    "migration: ../{name}.yaml
cases:
  - name: a document gets a version
    in: {{ id: 1 }}
    out: {{ id: 1, version: 2 }}
"
                ),
            ),
        ];
        make(&folder, &files, shell)?;
        let shown = folder.display();
        writeln!(
            shell.err,
            "next: dunlin check {shown}/{name}.yaml, dunlin test {shown}"
        )?;
        Ok(Exit::Done)
    }
}

/// Makes these files below a folder, and prints their names. Where one of them is there already, none is made.
pub(super) fn make(folder: &Path, files: &[(String, String)], shell: &mut Shell) -> Result<(), Trouble> {
    for (name, _) in files {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(Trouble::Usage(format!(
                "{} is there already; nothing was made",
                path.display()
            )));
        }
    }
    for (name, text) in files {
        let path = folder.join(name);
        let made = (|| -> io::Result<()> {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(text.as_bytes())
        })();
        made.map_err(|error| Trouble::Failed(format!("{} cannot be made: {error}", path.display())))?;
        writeln!(shell.out, "{}", path.display())?;
    }
    Ok(())
}
