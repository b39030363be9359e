//! Programs that are on this machine already.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{Program, introduction};
use crate::kind::Kind;

/// Older NATS servers lack what the client library asks of key-value buckets.
const OLDEST_NATS: (u32, u32) = (2, 12);

/// The program of this kind, if it is on the machine and new enough.
pub(super) fn program(kind: Kind) -> Result<Program> {
    let name = match kind {
        Kind::RabbitMq => "rabbitmq-server",
        Kind::Nats => "nats-server",
        Kind::Redis => "redis-server",
        Kind::Mosquitto => "mosquitto",
        Kind::Kafka | Kind::Registry => bail!("{kind} has no program of its own"),
    };
    let path = find(name).with_context(|| format!("`{name}` is not on PATH"))?;
    if kind == Kind::RabbitMq {
        return rabbitmq(&path);
    }
    let said = introduction(kind, &mut Command::new(&path))?;
    if kind == Kind::Nats {
        let found = version(&said).with_context(|| format!("`{name}` tells no version: {said}"))?;
        ensure!(
            found >= OLDEST_NATS,
            "`{name}` is {}.{}, and at least {}.{} is needed",
            found.0,
            found.1,
            OLDEST_NATS.0,
            OLDEST_NATS.1
        );
    }
    Ok(Program::new(
        format!("{} ({said})", path.display()),
        vec![path.into()],
    ))
}

/// RabbitMQ's own scripts: what Debian puts on PATH changes the user first.
fn rabbitmq(found: &Path) -> Result<Program> {
    let packaged = Path::new("/usr/lib/rabbitmq/lib");
    let folder = match super::entry(packaged, "rabbitmq_server-") {
        Ok(version) => version.join("sbin"),
        Err(_) => found
            .canonicalize()
            .ok()
            .and_then(|path| path.parent().map(Path::to_owned))
            .context("`rabbitmq-server` lies in no folder")?,
    };
    let mut path = folder.clone().into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    Ok(Program {
        origin: folder.display().to_string(),
        words: vec!["env".into()],
        root: None,
        path: Some(path.to_string_lossy().into_owned()),
        container: None,
    })
}

/// The first file of this name on PATH, or where servers often are without being on it.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // An absolute path stays what it is when it is joined to a folder.
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The first two numbers of the first thing that looks like a version.
fn version(text: &str) -> Option<(u32, u32)> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .find_map(|word| {
            let (major, rest) = word.split_once('.')?;
            let minor = rest.split('.').next()?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        })
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_version_is_read_from_what_a_server_says() {
        assert_eq!(version("nats-server: v2.15.1"), Some((2, 15)));
        assert_eq!(version("nats-server version 2.9.10-beta"), Some((2, 9)));
        assert_eq!(version("nothing."), None);
    }
}
