//! `dunlin schema`: JSON Schemas of the files that people write, for editors.

use std::io::Write;

use clap::{Args, ValueEnum};

use crate::ending::{Ending, Exit, Trouble};
use crate::shell::Shell;

/// Prints the JSON Schema of a configuration or of migrations, for editors
///
/// It is looser than `check`, which knows more than a schema can say.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin schema config > dunlin.schema.json
  dunlin schema migration > migration.schema.json

Then begin a YAML file with
  # yaml-language-server: $schema=migration.schema.json")]
pub(crate) struct Schema {
    /// Of what
    #[arg(value_enum)]
    of: Of,
}

/// What there is a schema of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Of {
    /// A configuration
    Config,
    /// A migration, or a file of transformations
    Migration,
}

impl Schema {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        let schema = match self.of {
            Of::Config => dunlin_router::config::json_schema(),
            Of::Migration => dunlin_core::migration::load::json_schema(),
        };
        let text = serde_json::to_string_pretty(&schema)
            .map_err(|error| Trouble::Failed(format!("the schema cannot be written: {error}")))?;
        writeln!(shell.out, "{text}")?;
        Ok(Exit::Done)
    }
}
