//! What others wrote about JSON Schema, for tests: the official suite, and the validator of Python.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{entry, python, run};
use crate::cache;

const PACKAGE: &str = "jsonschema";
const VERSION: &str = "4.25.1";

/// The folder of JSON-Schema-Test-Suite, with `tests` and `remotes`. Python's source package holds it.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn json_schema_suite() -> Result<PathBuf> {
    let folder = cache::once(&format!("json-schema-suite-{VERSION}"), |folder| {
        let python = python::find()?;
        python::source(&python, PACKAGE, VERSION, folder)?;
        let archive = entry(folder, "jsonschema-")?;
        run(Command::new(&python)
            .args(["-m", "tarfile", "-e"])
            .arg(&archive)
            .arg(folder))?;
        std::fs::remove_file(&archive).context("the archive could not be removed")
    })?;
    Ok(folder.join(format!("{PACKAGE}-{VERSION}")).join("json"))
}

/// Python with its package `jsonschema`. The first argument is a file of Python's source, or `-c` and the source.
///
/// # Errors
/// When it cannot be had; with what was tried.
pub fn python_jsonschema() -> Result<Command> {
    python::with(
        &format!("python-{PACKAGE}-{VERSION}"),
        &format!("{PACKAGE}=={VERSION}"),
    )
}
