//! Servers in containers, where Docker or Podman answers.
//!
//! A container is used as a way to have a program, and as nothing else: it gets the host's network and the scratch folder
//! under its own name, so that ports, files and commands are the same as for a program on the machine. That works on
//! Linux only; elsewhere engines run in a machine of their own, whose network is not the host's.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Program, path, run};
use crate::kind::Kind;

/// Names the engine: a name on `PATH`, or a path; `none` for no containers at all.
const VARIABLE: &str = "DUNLIN_CONTAINER_ENGINE";

/// An engine whose service does not run may take long to say so.
const ANSWER: Duration = Duration::from_secs(10);

/// What makes a program one that runs in a container.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) engine: PathBuf,
    pub(crate) image: &'static str,
}

impl Container {
    /// The words before a program's own: everything up to the image, with the program as entry point.
    pub(crate) fn run(
        &self,
        name: Option<&str>,
        folder: &str,
        environment: &[(String, String)],
        program: &str,
    ) -> Vec<String> {
        let id = format!(
            "{}:{}",
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw()
        );
        let mut words: Vec<String> = ["run", "--rm", "--network", "host", "--user", &id]
            .into_iter()
            .map(str::to_owned)
            .collect();
        if self.engine.ends_with("podman") && !rustix::process::geteuid().is_root() {
            // Otherwise the user outside is root inside, and ours is somebody else.
            words.extend(["--userns".to_owned(), "keep-id".to_owned()]);
        }
        if let Some(name) = name {
            words.extend(["--name".to_owned(), name.to_owned()]);
        }
        for (name, value) in environment {
            words.extend(["--env".to_owned(), format!("{name}={value}")]);
        }
        for (option, value) in [
            ("--security-opt", "label=disable".to_owned()),
            ("--volume", format!("{folder}:{folder}")),
            ("--workdir", folder.to_owned()),
            ("--entrypoint", program.to_owned()),
        ] {
            words.extend([option.to_owned(), value]);
        }
        words.push(self.image.to_owned());
        words
    }

    /// Does something to a running container.
    pub(crate) fn tell(&self, words: &[&str]) -> Result<()> {
        run(Command::new(&self.engine).args(words)).map(drop)
    }
}

/// The image of this kind, fetched if it is not there yet.
pub(super) fn program(kind: Kind) -> Result<Program> {
    ensure!(cfg!(target_os = "linux"), "used on Linux only");
    let engine = engine()?;
    let (image, words): (&'static str, &[&str]) = match kind {
        // `env` starts what follows; RabbitMQ is several programs.
        Kind::RabbitMq => ("docker.io/library/rabbitmq:4.1", &["env"]),
        Kind::Nats => ("docker.io/library/nats:2.12-alpine", &["nats-server"]),
        Kind::Kafka => (
            "docker.io/apache/kafka:4.1.1",
            &[
                "java",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                "/opt/kafka/libs/*",
            ],
        ),
        Kind::Redis => ("docker.io/library/redis:8", &["redis-server"]),
        Kind::Mosquitto => ("docker.io/library/eclipse-mosquitto:2.0", &["mosquitto"]),
        Kind::Registry => bail!("{kind} is run from its archive"),
    };
    let container = Container { engine, image };
    if container.tell(&["image", "inspect", image]).is_err() {
        container.tell(&["pull", "--quiet", image])?;
    }
    Ok(Program {
        origin: format!("a container of {image}, run by {}", container.engine.display()),
        words: words.iter().map(Into::into).collect(),
        root: None,
        path: None,
        container: Some(container),
    })
}

/// An engine that answers; asked once per process.
fn engine() -> Result<PathBuf> {
    static KNOWN: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    KNOWN
        .get_or_init(|| search().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(anyhow::Error::msg)
}

fn search() -> Result<PathBuf> {
    let names = match std::env::var(VARIABLE) {
        Ok(name) if name == "none" => bail!("{VARIABLE} is `none`"),
        Ok(name) => vec![name],
        Err(_) => vec!["docker".to_owned(), "podman".to_owned()],
    };
    let mut tried = Vec::new();
    for name in names {
        let Some(engine) = path::find(&name) else {
            tried.push(format!("`{name}` is not on PATH"));
            continue;
        };
        match answers(&engine) {
            Ok(()) => return Ok(engine),
            Err(error) => tried.push(format!("{error:#}")),
        }
    }
    bail!("{}", tried.join(", "))
}

/// The program alone says nothing: often it is there, and its service is not.
fn answers(engine: &PathBuf) -> Result<()> {
    let mut asking = Command::new(engine)
        .arg("info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{} could not be started", engine.display()))?;
    let started = Instant::now();
    while started.elapsed() < ANSWER {
        if let Some(status) = asking.try_wait().context("waiting for a container engine")? {
            ensure!(status.success(), "{} has no service that runs", engine.display());
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    asking.kill().context("a container engine could not be ended")?;
    asking.wait().context("waiting for a container engine")?;
    bail!(
        "{} does not answer within {} s",
        engine.display(),
        ANSWER.as_secs()
    )
}

#[cfg(test)]
mod tests;
