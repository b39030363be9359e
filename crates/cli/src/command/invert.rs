//! `dunlin invert`: the downward migration of a migration, as text to be read, mended and kept.

use std::io::Write;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use dunlin_core::migration::{Loss, NoWayBack, Undoing};
use serde_json::{Value, json};

use crate::ending::{Ending, Exit, Trouble};
use crate::project::MigrationArgs;
use crate::shell::{Format, Shell};
use crate::wording::counted;

/// Writes the downward migration, which takes messages back
///
/// What cannot be undone is left out, with a comment that says why, and told on standard error.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin invert migrations/orders.yaml > migrations/orders-down.yaml
  dunlin invert migrations/orders.yaml --from 20 --to 12")]
pub(crate) struct Invert {
    #[command(flatten)]
    migration: MigrationArgs,
    /// How many transformations are behind a message on arrival [default: all]
    #[arg(long, value_name = "COUNT")]
    from: Option<usize>,
    /// How many are behind it on leaving
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    to: usize,
    /// The folder that the downward migration will lie in [default: that of the migration]
    #[arg(long = "in", value_name = "DIR")]
    folder: Option<PathBuf>,
    /// How results are written: as a migration, or what is lost by each transformation
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl Invert {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let loaded = self.migration.load()?;
        shell.tell(&loaded.warnings)?;
        let migration = &loaded.migration;
        let from = self.from.unwrap_or(migration.length());
        let text = match migration.invert(&self.of()?, from, self.to) {
            Ok(text) => Some(text),
            // What each transformation is undone by is JSON all the same.
            Err(NoWayBack::NotYaml { .. }) if shell.is_json() => None,
            Err(error) => return Err(Trouble::Usage(error.to_string())),
        };
        let undoings = migration.undoings();
        let all: Vec<_> = migration.transformations().iter().zip(&undoings).collect();
        let part = all.get(self.to..from).unwrap_or_default();
        if shell.is_json() {
            let undone: Vec<Value> = part
                .iter()
                .rev()
                .map(|(one, undoing)| {
                    let reason = match &undoing.loss {
                        Loss::Lossless => None,
                        Loss::Restorable(why) | Loss::Lossy(why) => Some(*why),
                    };
                    let transformations: Vec<Value> = undoing
                        .transformations
                        .iter()
                        .map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()))
                        .collect();
                    json!({
                        "undoes": one.id(),
                        "operation": one.operation(),
                        "loss": undoing.loss.name(),
                        "reason": reason,
                        "transformations": transformations,
                    })
                })
                .collect();
            shell.json(&json!({
                "migration": migration.name(),
                "from": from,
                "to": self.to,
                "loss": Undoing::worst(&undoings).name(),
                "undoing": undone,
                "text": text,
            }))?;
            return Ok(Exit::Done);
        }
        shell.out.write_all(text.unwrap_or_default().as_bytes())?;
        let lost = part
            .iter()
            .filter(|(_, undoing)| undoing.transformations.is_empty())
            .count();
        if lost > 0 {
            let cannot = counted(lost, "transformation");
            writeln!(
                shell.err,
                "{cannot} cannot be undone; the comments say which and why"
            )?;
        }
        Ok(Exit::Done)
    }

    /// The name of the migration's file as the downward migration has to write it.
    fn of(&self) -> Result<String, Trouble> {
        let file = &self.migration.migration;
        let Some(folder) = &self.folder else {
            let name = file.file_name().unwrap_or_default();
            return Ok(name.to_string_lossy().into_owned());
        };
        let real = |path: &Path| {
            path.canonicalize()
                .map_err(|error| Trouble::Usage(format!("{} cannot be read: {error}", path.display())))
        };
        let relative = relative(&real(folder)?, &real(file)?);
        Ok(relative.to_string_lossy().into_owned())
    }
}

/// The way from a folder to a file; both have no links and no `..` in them.
fn relative(folder: &Path, file: &Path) -> PathBuf {
    let shared = folder
        .components()
        .zip(file.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = folder.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(file.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_file_is_told_from_the_folder() {
        let way = |folder: &str, file: &str| relative(Path::new(folder), Path::new(file));
        assert_eq!(way("/a/b", "/a/b/c.yaml"), Path::new("c.yaml"));
        assert_eq!(way("/a/b/down", "/a/b/c.yaml"), Path::new("../c.yaml"));
        assert_eq!(way("/a/x/y", "/a/b/c.yaml"), Path::new("../../b/c.yaml"));
    }
}
