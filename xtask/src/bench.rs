//! Runs the benchmarks: builds what takes part in release mode, and writes what was measured to `docs/benchmarks`.

mod apply;
mod engine;
pub(crate) mod instructions;
mod page;
mod watched;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// What `cargo xtask bench` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The engine beside document object models doing the same, in one run.
    Engine,
    /// Judging real webhooks with their JSON Schema beside the crate that judges, doing it alone, in one run.
    Schemas,
    /// Instructions per byte of input, held against the committed figures.
    Instructions {
        /// Commits what is counted instead.
        #[arg(long)]
        write: bool,
    },
    /// `dunlin apply` as a whole process beside `jq -c` doing the same.
    Apply {
        /// Messages in the file.
        #[arg(long, default_value_t = 300_000)]
        messages: usize,
        /// Turns of each contestant; the median counts.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Routes over real servers beside a bare loop of the same client libraries, taking turns in one run.
    Routes {
        /// Messages of each measurement.
        #[arg(long, default_value_t = 60_000)]
        messages: usize,
        /// Turns of each contestant; the median counts.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Leaves out a system; Kafka is the one that builds C++.
        #[arg(long, value_parser = ["kafka"])]
        without: Option<String>,
    },
}

/// Runs a benchmark and prints its table.
///
/// # Errors
/// When one side does not build, or does something else than the reference interpreter.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    match options.what {
        What::Engine => engine::run()?,
        What::Schemas => schemas()?,
        What::Instructions { write } => {
            let program = programs()?.bench;
            if write {
                instructions::write(&program)?;
            } else if !instructions::gate(&program, &mut |reason| println!("left out: {reason}"))? {
                return Ok(ExitCode::FAILURE);
            }
        }
        What::Apply { messages, rounds } => apply::run(messages, rounds)?,
        What::Routes {
            messages,
            rounds,
            ref without,
        } => routes(messages, rounds, without.is_none())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The programs that take part, of the release build.
struct Programs {
    bench: PathBuf,
    dunlin: PathBuf,
}

/// Builds them.
fn programs() -> Result<Programs> {
    build(&["dunlin", "dunlin-bench"], &workspace::features())?;
    let target = workspace::target_folder()?;
    Ok(Programs {
        bench: release(&target, "dunlin-bench"),
        dunlin: release(&target, "dunlin"),
    })
}

/// Builds programs of the workspace in release mode.
///
/// Programs are named and never a package: cargo then takes the features of the whole workspace, as the tests build them, and builds
/// nothing that they have a second time.
fn build(programs: &[&str], features: &str) -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--features", features]);
    for program in programs {
        build.args(["--bin", program]);
    }
    succeed(&mut build, "the benchmark did not build")
}

fn schemas() -> Result<()> {
    build(&["dunlin-bench-schemas"], &workspace::features())?;
    let target = workspace::target_folder()?;
    let mut measure = Command::new(release(&target, "dunlin-bench-schemas"));
    measure.current_dir(workspace::root());
    succeed(&mut measure, "the benchmark failed")
}

fn routes(messages: usize, rounds: usize, kafka: bool) -> Result<()> {
    let features = if kafka {
        format!("{},dunlin-bench-routes/kafka", workspace::features())
    } else {
        String::new()
    };
    build(&["dunlin-bench-routes"], &features)?;
    let program = release(&workspace::target_folder()?, "dunlin-bench-routes");
    let mut compare = Command::new(program);
    compare
        .arg("compare")
        .args([messages.to_string(), rounds.to_string()]);
    let mut table = output(&mut compare, "the comparison failed")?;
    if !kafka {
        table.push_str("\nleft out: kafka\n");
    }
    page::publish("routes", "Routes", "cargo xtask bench routes", &table)
}

/// Where a program of the release build is.
pub(crate) fn release(target: &Path, name: &str) -> PathBuf {
    target
        .join("release")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn succeed(command: &mut Command, otherwise: &'static str) -> Result<()> {
    let status = command.status().context(otherwise)?;
    ensure!(status.success(), "{otherwise} ({status})");
    Ok(())
}

/// The output of a program that must succeed.
fn output(command: &mut Command, otherwise: &'static str) -> Result<String> {
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context(otherwise)?;
    ensure!(output.status.success(), "{otherwise} ({})", output.status);
    String::from_utf8(output.stdout).context(otherwise)
}
