//! `dunlin completions`: what a shell needs to complete commands and options.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell as Kind;

use crate::cli::Cli;
use crate::ending::{Ending, Exit};
use crate::shell::Shell;

/// Prints the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dunlin completions bash > ~/.local/share/bash-completion/completions/dunlin
  dunlin completions zsh > ~/.zfunc/_dunlin")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    kind: Kind,
}

impl Completions {
    /// Runs the command.
    pub(crate) fn run(&self, shell: &mut Shell) -> Ending {
        // It is made in memory first, because the generator panics where its output cannot be written.
        let mut text = Vec::new();
        clap_complete::generate(self.kind, &mut Cli::command(), "dunlin", &mut text);
        shell.out.write_all(&text)?;
        Ok(Exit::Done)
    }
}
