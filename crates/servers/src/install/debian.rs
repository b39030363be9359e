//! Servers from packages of Debian 13, unpacked in the cache folder: nothing of the machine changes.
//!
//! A private apt resolves and fetches the packages as if nothing were installed, so that what is unpacked is complete
//! down to the C library and runs on an older system too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::tool::Tool;
use super::{Program, cached, introduction, path, run};
use crate::cache;
use crate::kind::Kind;

const RELEASE: &str = "trixie";
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Packages of older lists may be gone from the mirror.
const LISTS_LAST: Duration = Duration::from_secs(600);
const MIRROR: &str = "http://deb.debian.org/debian";

/// Redis 8, which needs no root: it runs through the loader that was unpacked with it.
pub(super) fn redis() -> Result<Program> {
    through_loader(
        Kind::Redis,
        "redis-debian13",
        &["redis-server"],
        "usr/bin/redis-server",
    )
}

/// NATS 2.10, in the same way.
pub(super) fn nats() -> Result<Program> {
    through_loader(
        Kind::Nats,
        "nats-debian13",
        &["nats-server"],
        "usr/sbin/nats-server",
    )
}

/// Mosquitto, in the same way.
pub(super) fn mosquitto() -> Result<Program> {
    through_loader(
        Kind::Mosquitto,
        "mosquitto-debian13",
        &["mosquitto"],
        "usr/sbin/mosquitto",
    )
}

/// RabbitMQ 4.0, in a root folder of its own, because Erlang looks for its parts below `/usr/lib`. As root only.
pub(super) fn rabbitmq() -> Result<Program> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "RabbitMQ is installed into a folder that becomes its `/`, which only root can do"
    );
    let chroot = path::find("chroot").context("`chroot` is not on PATH")?;
    let packages = [
        "rabbitmq-server",
        "base-files",
        "dash",
        "coreutils",
        "sed",
        "grep",
        "hostname",
    ];
    let root = unpacked("rabbitmq-debian13", &packages, |root| {
        for (name, minor) in [("null", "3"), ("zero", "5"), ("random", "8"), ("urandom", "9")] {
            let device = root.join("dev").join(name);
            run(Command::new("mknod")
                .args(["-m", "666"])
                .arg(&device)
                .args(["c", "1", minor]))?;
        }
        std::fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n")
            .context("the file `hosts` could not be written")
    })?;
    let version = super::entry(&root.join("usr/lib/rabbitmq/lib"), "rabbitmq_server-")?;
    let version = version
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Program {
        origin: format!("installed, {} ({version})", cached(&root)),
        words: vec![chroot.into(), root.clone().into()],
        // Not the wrapper in /usr/sbin, which changes the user.
        path: Some(format!(
            "/usr/lib/rabbitmq/lib/{version}/sbin:/usr/lib/erlang/bin:/usr/bin:/bin"
        )),
        root: Some(root),
        container: None,
    })
}

/// A tool, and the variables that it needs to find its parts where they were unpacked.
pub(super) fn tool(tool: Tool) -> Result<(Program, Vec<(&'static str, OsString)>)> {
    let (name, program) = match tool {
        Tool::Valgrind => ("valgrind-debian13", "usr/bin/valgrind.bin"),
        Tool::Jq => ("jq-debian13", "usr/bin/jq"),
    };
    let root = unpacked(name, &[tool.name()], |_| Ok(()))?;
    let variables = match tool {
        // What watches a program is a static one, and needs no loader.
        Tool::Valgrind => vec![("VALGRIND_LIB", root.join("usr/libexec/valgrind").into())],
        Tool::Jq => Vec::new(),
    };
    let program = Program::new(format!("installed, {}", cached(&root)), loaded(&root, program)?);
    Ok((program, variables))
}

fn through_loader(kind: Kind, name: &str, packages: &[&str], program: &str) -> Result<Program> {
    let root = unpacked(name, packages, |_| Ok(()))?;
    let words = loaded(&root, program)?;
    let said = introduction(kind, Command::new(&words[0]).args(&words[1..]))?;
    Ok(Program::new(
        format!("installed, {} ({said})", cached(&root)),
        words,
    ))
}

/// What comes before the name of a program that needs newer libraries than this machine's: the loader of an unpacked C and
/// C++ library.
pub(super) fn loader_of_cpp() -> Result<Vec<OsString>> {
    let root = unpacked("libstdc++-debian13", &["libstdc++6"], |_| Ok(()))?;
    let libraries = root.join("usr/lib").join(triplet()?);
    Ok(vec![
        loader(&root)?.into(),
        "--library-path".into(),
        libraries.into(),
    ])
}

/// The words that run a program with the loader and the libraries that were unpacked with it.
fn loaded(root: &Path, program: &str) -> Result<Vec<OsString>> {
    let libraries = root.join("usr/lib").join(triplet()?);
    Ok(vec![
        loader(root)?.into(),
        "--argv0".into(),
        program.into(),
        "--library-path".into(),
        libraries.into(),
        root.join(program).into(),
    ])
}

/// The packages and all that they need, unpacked in a folder of the cache, and then completed by `finish`.
fn unpacked(name: &str, packages: &[&str], finish: impl Fn(&Path) -> Result<()>) -> Result<PathBuf> {
    cache::once(name, |folder| {
        let apt = path::find("apt-get").context("`apt-get` is not on PATH")?;
        let dpkg = path::find("dpkg").context("`dpkg` is not on PATH")?;
        let work = tempfile::tempdir().context("no scratch folder could be made")?;
        let options = prepare_apt(work.path())?;
        update(&apt, &options)?;
        run(Command::new(&apt)
            .args(&options)
            .args([
                "-qq",
                "install",
                "--yes",
                "--download-only",
                "--no-install-recommends",
            ])
            .args(packages))?;
        let archives = work.path().join("cache/archives");
        let entries =
            std::fs::read_dir(&archives).with_context(|| format!("{} cannot be read", archives.display()))?;
        let mut unpacked = 0;
        for entry in entries {
            let file = entry.context("the packages cannot be listed")?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                run(Command::new(&dpkg).arg("-x").arg(&file).arg(folder))?;
                unpacked += 1;
            }
        }
        ensure!(unpacked > 0, "apt fetched no package for {}", packages.join(", "));
        finish(folder)
    })
}

/// Fetches the lists of packages, unless that was done a moment ago for another server.
fn update(apt: &Path, options: &[String]) -> Result<()> {
    let _one_at_a_time = cache::lock("apt")?;
    let done = lists()?.join("done");
    let age = std::fs::metadata(&done)
        .and_then(|data| data.modified())
        .ok()
        .and_then(|written| written.elapsed().ok());
    if age.is_some_and(|age| age < LISTS_LAST) {
        return Ok(());
    }
    run(Command::new(apt).args(options).args(["-qq", "update"]))?;
    std::fs::write(&done, "").with_context(|| format!("{} could not be written", done.display()))
}

/// The folder of the lists of packages.
fn lists() -> Result<PathBuf> {
    let folder = cache::folder()?.join("apt-lists");
    std::fs::create_dir_all(folder.join("partial")).context("a folder for apt could not be made")?;
    Ok(folder)
}

/// Options that keep apt inside `work` and the cache folder.
fn prepare_apt(work: &Path) -> Result<Vec<String>> {
    ensure!(
        Path::new(KEYS).is_file(),
        "{KEYS}, by which packages are verified, is missing: this is no Debian"
    );
    std::fs::create_dir_all(work.join("cache/archives/partial"))
        .context("a folder for apt could not be made")?;
    std::fs::write(work.join("status"), "").context("a file for apt could not be written")?;
    std::fs::write(
        work.join("sources.list"),
        format!("deb [signed-by={KEYS}] {} {RELEASE} main\n", mirror()),
    )
    .context("a file for apt could not be written")?;
    let at = |name: &str| work.join(name).display().to_string();
    Ok([
        format!("Dir::Etc::sourcelist={}", at("sources.list")),
        "Dir::Etc::sourceparts=/dev/null".to_owned(),
        format!("Dir::State::lists={}", lists()?.display()),
        format!("Dir::State::status={}", at("status")),
        format!("Dir::Cache={}", at("cache")),
        "Acquire::Languages=none".to_owned(),
        "Acquire::Retries=3".to_owned(),
        // Root's apt would fetch as another user, who may not write into our folder.
        "APT::Sandbox::User=".to_owned(),
    ]
    .into_iter()
    .flat_map(|option| ["-o".to_owned(), option])
    .collect())
}

/// The mirror that the machine's own sources name, since another one may be out of reach.
fn mirror() -> String {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path())));
    }
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .find_map(|text| mirror_in(&text))
        .unwrap_or_else(|| MIRROR.to_owned())
}

fn mirror_in(sources: &str) -> Option<String> {
    sources
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(str::split_whitespace)
        .find(|word| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian"))
        .map(|word| word.trim_end_matches('/').to_owned())
}

/// The folder name that Debian gives this machine's libraries.
fn triplet() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64-linux-gnu"),
        "aarch64" => Ok("aarch64-linux-gnu"),
        other => anyhow::bail!("packages for the processor `{other}` were never tried"),
    }
}

fn loader(root: &Path) -> Result<PathBuf> {
    let libraries = root.join("usr/lib").join(triplet()?);
    super::entry(&libraries, "ld-linux-")
}

#[cfg(test)]
mod tests {
    use super::mirror_in;

    #[test]
    fn the_mirror_is_taken_from_either_form_of_sources() {
        let new =
            "Types: deb\n# http://snapshot.example/debian\nURIs: http://mirror.example/debian\nSuites: x\n";
        assert_eq!(mirror_in(new).as_deref(), Some("http://mirror.example/debian"));
        let old = "deb https://mirror.example/debian/ bookworm main\n";
        assert_eq!(mirror_in(old).as_deref(), Some("https://mirror.example/debian"));
        assert_eq!(mirror_in("URIs: http://deb.debian.org/debian-security"), None);
    }
}
