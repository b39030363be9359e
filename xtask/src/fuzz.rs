//! Tries the engines against each other for as long as one likes, on any compiler: the functions of the fuzz targets, run by
//! the tests of the engine with other seeds each time.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::workspace;

/// What `cargo xtask fuzz` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed; seeds follow each other. [default: the time of day]
    #[arg(long)]
    first: Option<u64>,
}

/// Runs until the time is over or the engines differ; then the pair is printed with its seed.
///
/// # Errors
/// When the tests could not be started.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let first = match options.first {
        Some(first) => first,
        None => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?
            .as_secs()
            .wrapping_mul(1_000_000),
    };
    println!(
        "seeds from {first}; one of them again: DUNLIN_SEED=<seed> cargo test -p dunlin-core every_pair"
    );
    let status = workspace::cargo()
        .args(["test", "--package", "dunlin-core", "--test", "it", "--"])
        .args([
            "engines::both_engines_come_to_the_same_for_every_pair",
            "--nocapture",
        ])
        .env("DUNLIN_MINUTES", options.minutes.to_string())
        .env("DUNLIN_FIRST", first.to_string())
        .env_remove("DUNLIN_SEED")
        .status()
        .context("cargo could not be started")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
