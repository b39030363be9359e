//! Python, and what its package index has.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{path, run};
use crate::cache;

/// Python itself.
pub(super) fn find() -> Result<PathBuf> {
    path::find("python3").context("`python3` is not on PATH")
}

/// Python with a package, and what that needs, in a folder `name` of the cache. The folder is none of the machine's
/// environments, which Debian lets nobody change.
///
/// # Errors
/// When it cannot be had.
pub(super) fn with(name: &str, package: &str) -> Result<Command> {
    let python = find()?;
    let folder = cache::once(name, |folder| {
        pip(&python, &["install", "--target"], folder, package)
    })?;
    let mut command = Command::new(python);
    command.env("PYTHONPATH", folder);
    Ok(command)
}

/// Puts the wheel of a package into a folder, as it is.
pub(super) fn wheel(python: &Path, package: &str, folder: &Path) -> Result<()> {
    pip(python, &["download", "--no-deps", "--dest"], folder, package)
}

/// Puts the source of a version of a package into a folder, as an archive.
pub(super) fn source(python: &Path, package: &str, version: &str, folder: &Path) -> Result<()> {
    let task = ["download", "--no-deps", "--no-binary", package, "--dest"];
    pip(python, &task, folder, &format!("{package}=={version}"))
}

fn pip(python: &Path, task: &[&str], folder: &Path, package: &str) -> Result<()> {
    run(Command::new(python)
        .args(["-m", "pip", "--quiet"])
        .args(task)
        .arg(folder)
        .arg(package))
    .map(drop)
}
