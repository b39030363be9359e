//! What others wrote about JSON Schema, for tests: the official suite, and the validator of Python.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{entry, path, run};
use crate::cache;

const VERSION: &str = "4.25.1";

/// The folder of JSON-Schema-Test-Suite, with `tests` and `remotes`. Python's source package holds it.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn json_schema_suite() -> Result<PathBuf> {
    let folder = cache::once(&format!("json-schema-suite-{VERSION}"), |folder| {
        let python = path::find("python3").context("`python3` is not on PATH")?;
        run(Command::new(&python)
            .args([
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                "--no-binary",
                "jsonschema",
                "--dest",
            ])
            .arg(folder)
            .arg(format!("jsonschema=={VERSION}")))?;
        let archive = entry(folder, "jsonschema-")?;
        run(Command::new(&python)
            .args(["-m", "tarfile", "-e"])
            .arg(&archive)
            .arg(folder))?;
        std::fs::remove_file(&archive).context("the archive could not be removed")
    })?;
    Ok(folder.join(format!("jsonschema-{VERSION}")).join("json"))
}

/// Python with its package `jsonschema`. The first argument is a file of Python's source, or `-c` and the source.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn python_jsonschema() -> Result<Command> {
    let python = path::find("python3").context("`python3` is not on PATH")?;
    let folder = cache::once(&format!("python-jsonschema-{VERSION}"), |folder| {
        // A folder of its own is none of the machine's environments, which Debian lets nobody change.
        run(Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--target"])
            .arg(folder)
            .arg(format!("jsonschema=={VERSION}")))
        .map(drop)
    })?;
    let mut command = Command::new(python);
    command.env("PYTHONPATH", folder);
    Ok(command)
}
