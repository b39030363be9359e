//! Where things are: the root of the workspace, and the folder that cargo builds into.
//!
//! Nothing here guesses. The target folder is asked of cargo, which knows of `CARGO_TARGET_DIR` and of
//! `.cargo/config.toml`; a path put together by hand would be right on one machine only.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What builds of the whole workspace have beside the defaults, here and in `.ci/run`: the adapter that builds C++, with TLS
/// where the machine has what that needs, and the tests that need its client.
pub(crate) fn features() -> String {
    let adapter = if has_openssl() { "kafka-ssl" } else { "kafka" };
    format!("dunlin/{adapter},dunlin-integration-tests/kafka")
}

/// Whether a build finds the headers of OpenSSL, which Kafka's client has its TLS from.
pub(crate) fn has_openssl() -> bool {
    Command::new("pkg-config")
        .args(["--exists", "openssl"])
        .status()
        .is_ok_and(|status| status.success())
}

/// The root of the workspace this task was built from.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the folder of this package lies in the workspace")
}

/// A call of the cargo that started this task, in the root of the workspace.
///
/// It is not told what package this task is: the build script of `ring` asks for `CARGO_MANIFEST_DIR`, and with another answer
/// than that of a build by hand TLS and everything behind it would be built anew, each time one follows the other.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// The folder that cargo builds into.
///
/// # Errors
/// When cargo cannot read the workspace.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let metadata = metadata()?;
    let folder = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target folder")?;
    Ok(PathBuf::from(folder))
}

/// What cargo knows of the workspace.
fn metadata() -> Result<serde_json::Value> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cargo metadata could not be started")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("cargo metadata did not print JSON")
}
