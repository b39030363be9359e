//! Runs the benchmarks: builds both sides in release mode, lets them take turns, and counts instructions where valgrind is there.

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
    /// The engine beside `serde_json::Value` doing the same, in one run.
    Engine,
    /// Judging real webhooks with their JSON Schema beside the crate that judges, doing it alone, in one run.
    Schemas,
    /// Routes over real servers beside a bare loop of the same client libraries, taking turns in one run.
    Routes {
        /// Messages of each measurement.
        #[arg(long, default_value_t = 20_000)]
        messages: usize,
        /// Turns of each contestant; the median counts.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Leaves out a system; Kafka is the one that builds C++.
        #[arg(long, value_parser = ["kafka"])]
        without: Option<String>,
    },
}

/// The documents and messages for which instructions are counted.
const COUNTED: [(&str, usize); 3] = [("flat", 300), ("nested", 100), ("large", 20)];
const OPERATIONS: &str = "20";

/// Runs a benchmark and prints its table.
///
/// # Errors
/// When one side does not build, or does something else than the reference interpreter.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    match options.what {
        What::Engine => engine()?,
        What::Schemas => schemas()?,
        What::Routes {
            messages,
            rounds,
            ref without,
        } => routes(messages, rounds, without.is_none())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn schemas() -> Result<()> {
    let target = workspace::target_folder()?;
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--package", "dunlin-bench-schemas"]);
    succeed(&mut build, "the benchmark did not build")?;
    let mut measure = Command::new(release(&target, "dunlin-bench-schemas"));
    measure.current_dir(workspace::root());
    succeed(&mut measure, "the benchmark failed")
}

fn engine() -> Result<()> {
    let target = workspace::target_folder()?;
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--package", "dunlin-bench"]);
    succeed(&mut build, "the benchmark did not build")?;
    let program = release(&target, "dunlin-bench");

    let rival_target = target.join("rival");
    let mut build = workspace::cargo();
    build.args([
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        "bench/rival/Cargo.toml",
        "--target-dir",
    ]);
    build.arg(&rival_target);
    succeed(&mut build, "the rival did not build")?;
    let rival = release(&rival_target, "rival");

    succeed(
        Command::new(&program).arg("compare").arg(&rival),
        "the comparison failed",
    )?;
    instructions(&program)
}

fn routes(messages: usize, rounds: usize, kafka: bool) -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--package", "dunlin-bench-routes"]);
    if kafka {
        build.args(["--features", "kafka"]);
    }
    succeed(&mut build, "the benchmark did not build")?;
    let program = release(&workspace::target_folder()?, "dunlin-bench-routes");
    succeed(
        Command::new(program)
            .arg("compare")
            .args([messages.to_string(), rounds.to_string()]),
        "the comparison failed",
    )?;
    if !kafka {
        println!("\nleft out: kafka");
    }
    Ok(())
}

fn release(target: &Path, name: &str) -> PathBuf {
    target
        .join("release")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

fn succeed(command: &mut Command, otherwise: &'static str) -> Result<()> {
    let status = command.status().context(otherwise)?;
    ensure!(status.success(), "{otherwise} ({status})");
    Ok(())
}

/// Instructions for each byte of input, from N and 3N messages, so that starting up cancels out.
fn instructions(program: &Path) -> Result<()> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: instructions per byte, because valgrind is not installed");
        return Ok(());
    }
    println!("instructions per byte of input, {OPERATIONS} operations (callgrind)");
    for (document, messages) in COUNTED {
        let (few, few_bytes) = count(program, document, messages)?;
        let (many, many_bytes) = count(program, document, 3 * messages)?;
        let tenths = (many - few) * 10 / (many_bytes - few_bytes).max(1);
        println!("  {document:<8} {:>6}.{}", tenths / 10, tenths % 10);
    }
    Ok(())
}

/// Instructions of one run, and the bytes that it took in.
fn count(program: &Path, document: &str, messages: usize) -> Result<(u64, u64)> {
    let scratch = tempfile::tempdir().context("no scratch folder could be made")?;
    let out = scratch.path().join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["spin", document, OPERATIONS, &messages.to_string()])
        .output()
        .context("valgrind could not be started")?;
    ensure!(
        output.status.success(),
        "valgrind failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .context("the benchmark printed no bytes")?;
    let text = std::fs::read_to_string(&out).context("callgrind wrote nothing")?;
    let totals = text.lines().find_map(|line| {
        line.strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))
    });
    let totals = totals.context("callgrind told no totals")?;
    Ok((
        totals
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .parse()
            .context("callgrind told no number")?,
        bytes,
    ))
}
