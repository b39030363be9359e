//! Java, and what Maven brings for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{path, run};
use crate::cache;

/// Java itself.
pub(super) fn find() -> Result<PathBuf> {
    path::find("java").context("`java`, version 17 or later, is not on PATH")
}

/// A call of Maven without the goal. `what` it fetches, for people.
pub(super) fn maven(what: &str) -> Result<Command> {
    let maven = path::find("mvn").with_context(|| format!("`mvn`, which fetches {what}, is not on PATH"))?;
    let mut command = Command::new(maven);
    command.args(["-q", "-B"]);
    Ok(command)
}

/// A folder of the cache that holds these artifacts (`group:artifact:version`), and what they need at run time.
///
/// # Errors
/// When they cannot be fetched.
pub(super) fn jars(name: &str, what: &str, artifacts: &[&str]) -> Result<PathBuf> {
    cache::once(name, |folder| {
        let project = folder.join("pom.xml");
        std::fs::write(&project, pom(artifacts)?).context("the project for Maven could not be written")?;
        run(maven(what)?.arg("-f").arg(&project).args([
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            "-DoutputDirectory=libs",
        ]))
        .map(drop)
    })
}

/// The class path of such a folder. Java itself resolves it: all jars below.
pub(super) fn class_path(folder: &Path) -> OsString {
    folder.join("libs").join("*").into_os_string()
}

/// A project of which nothing counts but what it depends on.
fn pom(artifacts: &[&str]) -> Result<String> {
    let mut dependencies = String::new();
    for coordinates in artifacts {
        let [group, artifact, version] = coordinates.split(':').collect::<Vec<_>>()[..] else {
            anyhow::bail!("expected `group:artifact:version`, found `{coordinates}`");
        };
        dependencies.push_str(&format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        ));
    }
    Ok(format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>test</artifactId><version>1</version>
  <dependencies>
{dependencies}  </dependencies>
</project>
"
    ))
}
