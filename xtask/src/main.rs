//! Every build task of Dunlin, in Rust, so that a fresh machine needs nothing but the toolchain.
//!
//! `cargo xtask <task>`; each task is one file here. A task says what it does, runs it in the foreground and ends
//! with a status that a script can trust. What the product does at run time has no place here.
#![expect(
    clippy::print_stdout,
    reason = "the tasks talk to the person who started them"
)]
#![expect(
    clippy::print_stderr,
    reason = "the tasks talk to the person who started them"
)]

mod bench;
mod conformance;
mod docs;
mod fuzz;
mod links;
mod mutants;
mod orders;
mod quickstart_data;
mod servers;
mod test;
mod totals;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build tasks of Dunlin.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Installs what the tests need, runs all of them, and ends with one line of totals.
    Test(test::Options),
    /// Holds every system to the contract, and prints one table.
    Conformance(conformance::Options),
    /// Starts message servers on loopback for people, and ends them.
    Servers(servers::Options),
    /// Makes deliberate faults, and expects a named test to catch each.
    Mutants(mutants::Options),
    /// Measures speed, as ratios in one run.
    Bench(bench::Options),
    /// Tries the engines against each other for as long as one likes.
    Fuzz(fuzz::Options),
    /// Builds the book and checks every link in it and in the pages at the root.
    Docs(docs::Options),
    /// Writes the orders of the quick start, the same bytes each time.
    QuickstartData(quickstart_data::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Test(options) => test::run(&options),
        Task::Conformance(options) => conformance::run(&options),
        Task::Servers(options) => servers::run(&options).map(|()| ExitCode::SUCCESS),
        Task::Bench(options) => bench::run(&options),
        Task::Mutants(options) => mutants::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Docs(options) => docs::run(&options).map(|()| ExitCode::SUCCESS),
        Task::QuickstartData(options) => quickstart_data::run(&options).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
