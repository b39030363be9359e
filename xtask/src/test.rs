//! Runs every test of the workspace, and says at the end how many there were.
//!
//! One feature set for everything: the whole workspace is always named, never one package, because a changed feature
//! of a shared crate builds half the tree again. Tests that kill or time the router use its release binary, which
//! the quick start builds anyway.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dunlin_servers::{Found, Kind};

use crate::bench::{self, instructions};
use crate::totals::Totals;
use crate::{servers, workspace};

/// What `cargo xtask test` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Runs only tests whose name holds this text.
    filter: Option<String>,
    /// Leaves a system out: `amqp`, `nats`, `kafka`, `redis`, `mqtt` or `registry`. Neither its server is needed nor its adapter built.
    #[arg(long, value_parser = servers::kind)]
    without: Vec<Kind>,
}

/// The adapter that builds C++: a feature of the command that is named apart.
const NAMED_APART: Kind = Kind::Kafka;

/// Runs all tests, passing their output on, and prints the line of totals last.
///
/// # Errors
/// When a step could not be run at all. Failed tests are in the totals, and in the status.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let target = workspace::target_folder()?;
    let mut totals = Totals::default();
    install(options, &mut totals)?;
    let release = target
        .join("release")
        .join(format!("dunlin{}", std::env::consts::EXE_SUFFIX));
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--bin", "dunlin", "--bin", "dunlin-bench"]);
    let features = features(options, &mut totals);
    build.args(&features);
    step(
        "the release binaries, for tests that kill, time and count",
        with_left_out(build, options),
        &release,
        &mut totals,
    )?;

    let mut tests = workspace::cargo();
    // Not `--all-targets`: with it, cargo builds the examples as tests of themselves, and the program that a test drives
    // would be missing. This way the examples in the documentation are tested as well.
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    tests.args(&features).args(left_out_packages(options));
    step("tests", with_filter(tests, options), &release, &mut totals)?;

    count_instructions(options, &target, &mut totals)?;

    for reason in &totals.left_out {
        println!("skipped: {reason}");
    }
    for name in &totals.names {
        println!("failed: {name}");
    }
    println!("{totals}");
    // Nothing may follow: scripts read the last line.
    Ok(if totals.failed > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Holds the instructions of the engine against the committed figures. It is one test, named like its step.
fn count_instructions(options: &Options, target: &Path, totals: &mut Totals) -> Result<()> {
    const NAME: &str = "instructions_per_byte_are_not_above_the_committed_ones";
    if options
        .filter
        .as_deref()
        .is_some_and(|filter| !NAME.contains(filter))
    {
        return Ok(());
    }
    println!("== instructions of the engine");
    let holds = instructions::gate(&bench::release(target, "dunlin-bench"), &mut |reason| {
        totals.left_out.push(reason);
    })?;
    println!("test {NAME} ... {}", if holds { "ok" } else { "FAILED" });
    *(if holds {
        &mut totals.passed
    } else {
        &mut totals.failed
    }) += 1;
    Ok(())
}

/// Makes sure that every server can be had that the tests will start, before minutes are spent on building.
fn install(options: &Options, totals: &mut Totals) -> Result<()> {
    println!("== servers that the tests need");
    let (left_out, wanted): (Vec<Kind>, Vec<Kind>) = Kind::ALL
        .into_iter()
        .partition(|kind| options.without.contains(kind));
    // At once: most of the time goes into waiting for somebody else's server.
    let found: Vec<Result<(Found, Duration)>> = std::thread::scope(|scope| {
        let searches: Vec<_> = wanted
            .iter()
            .map(|&kind| {
                scope.spawn(move || {
                    let started = Instant::now();
                    dunlin_servers::ensure(kind).map(|found| (found, started.elapsed()))
                })
            })
            .collect();
        searches
            .into_iter()
            .map(|search| search.join().unwrap_or_else(|_| bail!("the search panicked")))
            .collect()
    });
    for (kind, found) in wanted.into_iter().zip(found) {
        let (found, took) = found?;
        println!("{kind}: {} ({:.1} s)", found.describe(), took.as_secs_f64());
    }
    for kind in left_out {
        println!("{kind}: left out");
        totals.left_out.push(format!(
            "everything that needs {kind}, its adapter and its server (--without {})",
            kind.name()
        ));
    }
    Ok(())
}

/// The features that the tests build: all adapters, unless one is left out.
///
/// The same in every step, because another set would build half the tree again.
fn features(options: &Options, totals: &mut Totals) -> Vec<String> {
    if options.without.contains(&NAMED_APART) {
        return Vec::new();
    }
    if !workspace::has_openssl() {
        totals.left_out.push(format!(
            "TLS and SCRAM of {NAMED_APART}: pkg-config knows of no OpenSSL, which libssl-dev brings"
        ));
    }
    vec!["--features".to_owned(), workspace::features()]
}

/// Keeps cargo from building the adapters that are left out.
fn left_out_packages(options: &Options) -> Vec<String> {
    options
        .without
        .iter()
        // A registry has no adapter.
        .filter(|kind| **kind != Kind::Registry)
        .flat_map(|kind| ["--exclude".to_owned(), format!("dunlin-{}", kind.name())])
        .collect()
}

/// Tells the tests which systems to leave out; they say so themselves, with a line of `skipped:`.
fn with_left_out(mut command: Command, options: &Options) -> Command {
    let names: Vec<&str> = options.without.iter().map(|kind| kind.name()).collect();
    command.env(dunlin_servers::LEFT_OUT, names.join(","));
    command
}

/// Output of passing tests is shown too: they print what they counted and what they left out.
fn with_filter(mut command: Command, options: &Options) -> Command {
    command.arg("--").arg("--show-output");
    command.args(&options.filter);
    with_left_out(command, options)
}

/// Runs one step, copies its standard output through, and adds what it says to the totals.
fn step(name: &str, mut command: Command, release: &Path, totals: &mut Totals) -> Result<()> {
    println!("== {name}");
    let failed_before = totals.failed;
    let mut child = command
        .env("DUNLIN_RELEASE_BINARY", release)
        // Tests panic on purpose, some of them a thousand times. Who needs the frames runs the one test by hand.
        .env("RUST_BACKTRACE", "0")
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
