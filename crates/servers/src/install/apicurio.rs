//! Apicurio Registry from Maven Central: one archive with everything that it needs.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Program, cached, java, path, run};
use crate::cache;

const VERSION: &str = "3.0.9";

pub(super) fn install() -> Result<Program> {
    let java = java::find()?;
    let folder = cache::once(&format!("apicurio-registry-{VERSION}"), |folder| {
        let tar = path::find("tar").context("`tar`, which unpacks Apicurio Registry, is not on PATH")?;
        let name = format!("apicurio-registry-app-{VERSION}-all.tar.gz");
        run(java::maven("Apicurio Registry")?
            .arg("dependency:copy")
            .arg(format!(
                "-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
            ))
            .arg(format!("-DoutputDirectory={}", folder.display())))?;
        let archive = folder.join(name);
        run(Command::new(&tar).arg("-xzf").arg(&archive).arg("-C").arg(folder))?;
        std::fs::remove_file(&archive).with_context(|| format!("{} could not be removed", archive.display()))
    })?;
    let jar = folder.join(format!("apicurio-registry-app-{VERSION}-runner.jar"));
    let words: Vec<OsString> = vec![
        java.into(),
        "-Xmx384m".into(),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-jar".into(),
        jar.into(),
    ];
    Ok(Program::new(format!("installed, {}", cached(&folder)), words))
}
