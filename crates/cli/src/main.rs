//! The command `dunlin`.
//!
//! Results go to standard output, everything else to standard error, and the exit status says which of the two to look at.
//! Each command is one file under `command`; what messaging systems there are is said in `systems` alone.

mod blocks;
mod cli;
mod command;
mod desk;
mod difference;
mod ending;
mod engine;
mod lines;
mod logs;
mod pretty;
mod project;
mod shell;
mod systems;
mod wording;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
