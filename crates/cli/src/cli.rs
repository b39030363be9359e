//! What can be typed, and which command it starts.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command::{
    apply, check, compat, completions, explain, init, invert, lock, look, man, new, run, schema, systems,
    test,
};
use crate::ending::Ending;
use crate::logs;
use crate::shell::{Format, Shell};

/// Moves messages from one channel to another and migrates their schema on the way
///
/// Dunlin receives messages from one messaging system, applies an ordered chain of declarative transformations to each, and
/// forwards it to a channel of the same or another system.
#[derive(Debug, Parser)]
#[command(
    name = "dunlin",
    bin_name = "dunlin",
    version,
    max_term_width = 100,
    subcommand_value_name = "COMMAND",
    after_help = "Examples:
  dunlin init orders                      makes a small project that works
  dunlin check                            says what is wrong with dunlin.yaml, and what its routes promise
  dunlin run                              runs the routes of dunlin.yaml
  dunlin apply orders.yaml < old > new    migrates a file of documents, one per line

Exit status:
  0  done; also after a signal, when everything in flight was finished
  1  something failed, or something was found
  2  bad usage, or a file that does not load; for `check` such a file is a finding, and ends with 1
  130, 143  a second signal ended the command before it was done

Environment:
  RUST_LOG    what is logged to standard error [default: warn]
  NO_COLOR    no colours"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Check(check::Check),
    Compat(compat::Compat),
    Apply(apply::Apply),
    Test(test::Test),
    Explain(explain::Explain),
    Peek(look::Peek),
    Tail(look::Tail),
    Lock(lock::Lock),
    Invert(invert::Invert),
    Init(init::Init),
    New(new::New),
    Schema(schema::Schema),
    Systems(systems::Systems),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Cli {
    /// Runs the command to its end.
    pub(crate) fn run(self) -> ExitCode {
        logs::start();
        let command = self.command;
        let mut shell = Shell::new(command.format());
        let ending = command.run(&mut shell);
        // What is left in the buffers is part of the result: that it cannot be written is told like any other trouble.
        let ending = ending.and_then(|exit| match shell.flush() {
            Ok(()) => Ok(exit),
            Err(error) => Err(error.into()),
        });
        let status = match ending {
            Ok(exit) => exit.status(),
            Err(trouble) => {
                let told = shell.complain(&trouble).and_then(|()| shell.flush());
                // Nobody is left to be told that standard error is gone.
                drop(told);
                trouble.status()
            }
        };
        ExitCode::from(status)
    }
}

impl Command {
    fn format(&self) -> Format {
        match self {
            Self::Run(command) => command.format,
            Self::Check(command) => command.format,
            Self::Compat(command) => command.format,
            Self::Apply(command) => command.format,
            Self::Test(command) => command.format,
            Self::Explain(command) => command.format,
            Self::Lock(command) => command.format,
            Self::Invert(command) => command.format,
            Self::Systems(command) => command.format,
            Self::Peek(_)
            | Self::Tail(_)
            | Self::Init(_)
            | Self::New(_)
            | Self::Schema(_)
            | Self::Completions(_)
            | Self::Man(_) => Format::Text,
        }
    }

    fn run(&self, shell: &mut Shell) -> Ending {
        match self {
            Self::Run(command) => command.run(shell),
            Self::Check(command) => command.run(shell),
            Self::Compat(command) => command.run(shell),
            Self::Apply(command) => command.run(shell),
            Self::Test(command) => command.run(shell),
            Self::Explain(command) => command.run(shell),
            Self::Peek(command) => command.run(shell),
            Self::Tail(command) => command.run(shell),
            Self::Lock(command) => command.run(shell),
            Self::Invert(command) => command.run(shell),
            Self::Init(command) => command.run(shell),
            Self::New(command) => command.run(shell),
            Self::Schema(command) => command.run(shell),
            Self::Systems(command) => command.run(shell),
            Self::Completions(command) => command.run(shell),
            Self::Man(command) => command.run(shell),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_commands_are_those_that_the_page_on_formats_lists() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, section) = page.split_once("## 13 Command line\n\n").unwrap();
        let list = section.lines().next().unwrap();
        let mut listed: Vec<&str> = list
            .split(" · ")
            .flat_map(|entry| {
                entry
                    .split_once('(')
                    .map_or(entry, |(commands, _)| commands)
                    .split('/')
            })
            .filter_map(|command| command.trim().strip_prefix('`')?.split([' ', '`']).next())
            .collect();
        let whole = Cli::command();
        let mut built: Vec<&str> = whole.get_subcommands().map(clap::Command::get_name).collect();
        listed.sort_unstable();
        built.sort_unstable();
        assert_eq!(listed, built);
    }

    #[test]
    fn every_command_has_an_example_that_begins_with_its_name() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.starts_with("Examples:\n") && help.contains(&format!("dunlin {name}")),
                "`{name}` has no example"
            );
        }
    }
}
