//! The engine beside document object models doing the same, in one run.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{instructions, output, page, programs, release, succeed};
use crate::workspace;

/// Builds both sides, counts instructions, lets them take turns, and writes the page.
pub(super) fn run() -> Result<()> {
    let program = programs()?.bench;
    let rival = rival()?;
    let scratch = tempfile::tempdir().context("no scratch folder could be made")?;
    let counted = scratch.path().join("instructions");
    std::fs::write(&counted, instructions::all(&program)?).context("a file could not be written")?;
    let body = output(
        Command::new(&program)
            .arg("compare")
            .arg(&rival)
            .arg(&counted)
            .arg(workspace::root().join("config/webhooks"))
            .arg(data().join("github-webhooks.ndjson")),
        "the comparison failed",
    )?;
    page::publish("engine", "The engine", "cargo xtask bench engine", &body)
}

/// The rivals have a workspace of their own, so that no feature of ours changes them.
fn rival() -> Result<PathBuf> {
    let target = workspace::target_folder()?.join("rival");
    let mut build = workspace::cargo();
    build.args([
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        "bench/rival/Cargo.toml",
        "--target-dir",
    ]);
    build.arg(&target);
    succeed(&mut build, "the rivals did not build")?;
    let program = release(&target, "rival");
    ensure!(program.is_file(), "the rivals were built elsewhere");
    Ok(program)
}

/// The folder of real messages.
fn data() -> PathBuf {
    std::env::var_os("DUNLIN_DATA").map_or_else(|| workspace::root().join("../shared/data"), PathBuf::from)
}
