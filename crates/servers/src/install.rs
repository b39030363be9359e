//! Finds a server's program on this machine, or brings it.

mod apicurio;
mod avro;
pub(crate) mod container;
mod debian;
mod java;
pub(crate) mod json_schema;
mod kafka;
mod nats;
mod path;
mod protobuf;
mod python;
mod tool;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

use crate::kind::Kind;
use crate::{address, cache};
pub use avro::{apache_avro, fastavro};
use container::Container;
pub use protobuf::{ProtobufConformance, protobuf_conformance};
pub use tool::{Ready, Tool};

/// Where a server comes from.
#[derive(Debug, Clone)]
pub enum Found {
    /// Somebody runs it: `host:port`.
    Address(String),
    /// A program that a test can start.
    Program(Program),
}

/// A program that can be started, as often as one likes.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program and what comes before its arguments.
    pub(crate) words: Vec<OsString>,
    /// The folder that is `/` for the program, if it is not the machine's.
    pub(crate) root: Option<PathBuf>,
    /// `PATH` for the program, where it starts others by name.
    pub(crate) path: Option<String>,
    /// The container that it runs in, if it does.
    pub(crate) container: Option<Container>,
    /// Where it was found and which version it is, for people.
    pub(crate) origin: String,
}

impl Found {
    /// Where the server comes from, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Found::Address(hosts) => format!("at {hosts}"),
            Found::Program(program) => program.origin.clone(),
        }
    }
}

impl Program {
    /// A program that sees the machine as it is.
    fn new(origin: String, words: Vec<OsString>) -> Self {
        Self {
            words,
            root: None,
            path: None,
            container: None,
            origin,
        }
    }

    /// A new folder for one server, where the program can see it.
    pub(crate) fn scratch_folder(&self, kind: Kind) -> Result<PathBuf> {
        let base = match &self.root {
            Some(root) => root.join("tmp"),
            None => std::env::temp_dir(),
        };
        std::fs::create_dir_all(&base).with_context(|| format!("{} could not be made", base.display()))?;
        // The guardian removes it, since it must go away even if this process is killed.
        let folder = tempfile::Builder::new()
            .prefix(&format!("dunlin-{}-", kind.name()))
            .disable_cleanup(true)
            .tempdir_in(&base)
            .with_context(|| format!("no scratch folder could be made in {}", base.display()))?;
        Ok(folder.path().to_owned())
    }
}

/// Names the kinds that a run of the tests does without, separated by commas.
pub const LEFT_OUT: &str = "DUNLIN_WITHOUT";

/// Whether this run of the tests does without servers of this kind, because somebody said so.
///
/// A test that leaves something out for this reason prints a line that begins with `skipped: `.
#[must_use]
pub fn left_out(kind: Kind) -> bool {
    std::env::var(LEFT_OUT).is_ok_and(|kinds| kinds.split(',').any(|name| name == kind.name()))
}

/// Makes sure that a server of this kind can be had, and says where from. Installing it can take a minute.
///
/// # Errors
/// When there is none to be had; the error lists what was tried.
pub fn ensure(kind: Kind) -> Result<Found> {
    match address::from_environment(kind)? {
        Some(address) => Ok(Found::Address(address.hosts)),
        None => ensure_own(kind),
    }
}

/// The same without the address in the environment.
pub(crate) fn ensure_own(kind: Kind) -> Result<Found> {
    // Looking takes time (programs are asked for their version), and the answer stays the same. A lock for each kind, so
    // that several are installed at once.
    static KNOWN: [Mutex<Option<Program>>; Kind::ALL.len()] = [const { Mutex::new(None) }; Kind::ALL.len()];
    let mut known = KNOWN[kind.index()]
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let program = match &*known {
        Some(program) => program.clone(),
        None => known.insert(search(kind)?).clone(),
    };
    Ok(Found::Program(program))
}

/// Tries one way after the other.
fn search(kind: Kind) -> Result<Program> {
    let mut tried = vec![format!("{} is not set", kind.variable())];
    match container::program(kind) {
        Ok(program) => return Ok(program),
        Err(error) => tried.push(format!("a container: {error:#}")),
    }
    match on_the_machine(kind) {
        Ok(program) => return Ok(program),
        Err(error) => tried.push(format!("the program on this machine: {error:#}")),
    }
    match install(kind) {
        Ok(program) => return Ok(program),
        Err(error) => tried.push(format!("an installation: {error:#}")),
    }
    bail!(
        "a {kind} server is needed and could not be had; tried:\n  {}\nset {} to the address of one that runs",
        tried.join("\n  "),
        kind.variable()
    )
}

fn on_the_machine(kind: Kind) -> Result<Program> {
    path::program(kind)
}

fn install(kind: Kind) -> Result<Program> {
    match kind {
        Kind::Nats => nats::install(),
        Kind::Redis => debian::redis(),
        Kind::Mosquitto => debian::mosquitto(),
        Kind::RabbitMq => debian::rabbitmq(),
        Kind::Kafka => kafka::install(),
        Kind::Registry => apicurio::install(),
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it could not be started or fails; with what it said.
fn run(command: &mut std::process::Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .with_context(|| format!("`{name}` could not be started"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().collect();
        bail!(
            "`{name}` failed ({}): {}",
            output.status,
            said[said.len().saturating_sub(5)..].join("; ")
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first line of what a program says of itself. Its exit status is not asked: Mosquitto ends its help with 3.
fn introduction(kind: Kind, command: &mut std::process::Command) -> Result<String> {
    let question = match kind {
        Kind::Mosquitto => "-h",
        Kind::RabbitMq | Kind::Nats | Kind::Kafka | Kind::Redis | Kind::Registry => "--version",
    };
    let name = command.get_program().display().to_string();
    let output = command
        .arg(question)
        .stdin(std::process::Stdio::null())
        .output()
        .with_context(|| format!("`{name}` could not be started"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .map(str::to_owned)
        .with_context(|| format!("`{name}` says nothing of itself"))
}

/// An entry of `folder` whose name begins so; for names that end with a version.
fn entry(folder: &Path, prefix: &str) -> Result<PathBuf> {
    std::fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .with_context(|| format!("{} holds nothing that begins with `{prefix}`", folder.display()))
}

/// The folder of the cache, for messages.
fn cached(folder: &Path) -> String {
    match cache::folder() {
        Ok(cache) => folder.strip_prefix(&cache).map_or_else(
            |_| folder.display().to_string(),
            |name| name.display().to_string(),
        ),
        Err(_) => folder.display().to_string(),
    }
}
