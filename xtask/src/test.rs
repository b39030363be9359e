//! Runs every test of the workspace, and says at the end how many there were.
//!
//! One feature set for everything: the whole workspace is always named, never one package, because a changed feature
//! of a shared crate builds half the tree again. Tests that kill or time the router use its release binary, which
//! the quick start builds anyway.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::totals::Totals;
use crate::workspace;

/// What `cargo xtask test` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Runs only tests whose name holds this text.
    filter: Option<String>,
}

/// Runs all tests, passing their output on, and prints the line of totals last.
///
/// # Errors
/// When a step could not be run at all. Failed tests are in the totals, and in the status.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let target = workspace::target_folder()?;
    install()?;

    let mut totals = Totals::default();
    let release = target
        .join("release")
        .join(format!("dunlin{}", std::env::consts::EXE_SUFFIX));
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--bin", "dunlin"]);
    step(
        "the release binary, for tests that kill and time",
        build,
        &release,
        &mut totals,
    )?;

    let mut tests = workspace::cargo();
    tests.args(["test", "--workspace", "--all-targets", "--no-fail-fast"]);
    step("tests", with_filter(tests, options), &release, &mut totals)?;

    let mut examples = workspace::cargo();
    examples.args(["test", "--workspace", "--doc", "--no-fail-fast"]);
    step(
        "examples in the documentation",
        with_filter(examples, options),
        &release,
        &mut totals,
    )?;

    for reason in &totals.left_out {
        println!("skipped: {reason}");
    }
    println!("{totals}");
    // Nothing may follow: scripts read the last line.
    Ok(if totals.failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Brings what the tests need besides the toolchain.
///
/// Nothing yet: memory and files are the only systems. Servers of brokers are fetched and started from here.
#[expect(
    clippy::unnecessary_wraps,
    reason = "fetching a server can fail, and callers must be ready for it"
)]
fn install() -> Result<()> {
    println!("== what the tests need: the Rust toolchain, which is here");
    Ok(())
}

/// Output of passing tests is shown too: they print what they counted and what they left out.
fn with_filter(mut command: Command, options: &Options) -> Command {
    command.arg("--").arg("--show-output");
    command.args(&options.filter);
    command
}

/// Runs one step, copies its standard output through, and adds what it says to the totals.
fn step(name: &str, mut command: Command, release: &Path, totals: &mut Totals) -> Result<()> {
    println!("== {name}");
    let failed_before = totals.failed;
    let mut child = command
        .env("DUNLIN_RELEASE_BINARY", release)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo could not be started")?;
    let output = child
        .stdout
        .take()
        .context("the output of cargo was not captured")?;

    let mut screen = std::io::stdout().lock();
    let mut line = Vec::new();
    let mut reader = BufReader::new(output);
    while reader
        .read_until(b'\n', &mut line)
        .context("reading the output of cargo")?
        > 0
    {
        // A reader of ours that went away must not stop the tests half-way.
        let _ = screen.write_all(&line).and_then(|()| screen.flush());
        totals.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = child.wait().context("waiting for cargo")?;
    if !status.success() {
        totals.note_failed_step(failed_before);
        println!("== {name}: failed ({status})");
    }
    Ok(())
}
