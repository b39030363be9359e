//! `dunlin lock`: the ids and digests of a chain, so that a later `check` can tell that it was only appended to.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use dunlin_core::migration::load::lock::lock_name;

use crate::ending::{Ending, Exit, Trouble};
use crate::project::{Loading, MigrationArgs, load_migration};
use crate::shell::{Format, Shell};
use crate::wording::counted;

/// Prints the lock of a migration: the ids and digests of its chain
///
/// With --write it is put beside the migration as FILE.lock; `check` and `run` use it from then on, and refuse a chain that
/// was not only appended to. A lock that the chain no longer fits is not written over: where that is meant, remove it first.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin lock migrations/orders.yaml
  dunlin lock migrations/orders.yaml --write    writes migrations/orders.yaml.lock")]
pub(crate) struct Lock {
    #[command(flatten)]
    migration: MigrationArgs,
    /// Writes it beside the migration
    #[arg(long)]
    write: bool,
    /// How errors are told on standard error; a lock is JSON always
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl Lock {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let loaded = load_migration(
            &self.migration.migration,
            &Loading {
                without_lock: !self.write,
                ..self.migration.loading()
            },
        )?;
        shell.tell(&loaded.warnings)?;
        let lock = loaded.migration.lock();
        let text = lock.to_json();
        if !self.write {
            shell.out.write_all(text.as_bytes())?;
            return Ok(Exit::Done);
        }
        let file = PathBuf::from(lock_name(&self.migration.migration.display().to_string()));
        replace(&file, &text)
            .map_err(|error| Trouble::Failed(format!("{} cannot be written: {error}", file.display())))?;
        let count = counted(lock.transformations.len(), "transformation");
        writeln!(shell.err, "wrote {}: {count}", file.display())?;
        Ok(Exit::Done)
    }
}

/// Puts the text under this name in one step, so that a crash leaves either the old lock or the new one.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut written = fs::File::create(&new)?;
    written.write_all(text.as_bytes())?;
    written.sync_all()?;
    fs::rename(&new, file)
}
