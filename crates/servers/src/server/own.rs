//! A server that this process runs: its process, its guardian, and which module knows what of which kind.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::guardian::Guardian;
use crate::install::{self, Found};
use crate::kind::Kind;
use crate::options::{Login, Options};
use crate::ports::Port;
use crate::process::Running;
use crate::setup::Setup;
use crate::{kafka, mosquitto, nats, rabbitmq, redis, registry};

/// What is dropped first comes first: the process is waited for, then the guardian cleans up, then the ports are free.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) process: Option<Running>,
    pub(super) guardian: Guardian,
    pub(super) setup: Setup,
}

impl Own {
    /// Finds a program, prepares a folder for it, starts it, and waits until it answers.
    pub(super) async fn start(kind: Kind, options: Options) -> Result<Own> {
        let found = tokio::task::spawn_blocking(move || install::ensure_own(kind))
            .await
            .context("the search for a server was broken off")??;
        let Found::Program(program) = found else {
            bail!("the search for a {kind} server of one's own ended with an address");
        };
        let client = Port::take()?;
        let further = (0..further_ports(kind))
            .map(|_| Port::take())
            .collect::<Result<_>>()?;
        let folder = program.scratch_folder(kind)?;
        let setup = Setup {
            program,
            login: options.login.clone().or_else(|| default_login(kind)),
            options,
            folder,
            client,
            further,
        };
        let last = match &setup.program.container {
            None => Vec::new(),
            Some(container) => vec![
                container.engine.display().to_string(),
                "rm".to_owned(),
                "--force".to_owned(),
                setup.container_name(),
            ],
        };
        let mut own = Own {
            process: None,
            guardian: Guardian::start(&setup.folder, &last)?,
            setup,
        };
        prepare(kind, &own.setup)
            .await
            .with_context(|| format!("the {kind} server could not be configured"))?;
        own.run(kind).await?;
        Ok(own)
    }

    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.setup.client.number))
    }

    /// Sends a signal where it is meant to go: orders to the server alone, force to all that it started, and all of them
    /// through the engine if it runs in a container, where no signal of ours reaches it.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let process = self.process.as_ref().context("the server does not run")?;
        if let Some(container) = &self.setup.program.container {
            let name = self.setup.container_name();
            return match signal {
                Signal::STOP => container.tell(&["pause", &name]),
                Signal::CONT => container.tell(&["unpause", &name]),
                Signal::HUP => container.tell(&["kill", "--signal", "HUP", &name]),
                Signal::TERM => container.tell(&["kill", "--signal", "TERM", &name]),
                _ => container.tell(&["kill", "--signal", "KILL", &name]),
            };
        }
        match signal {
            Signal::TERM | Signal::HUP => process.signal(signal),
            _ => process.signal_group(signal),
        }
    }

    /// Gives a user another password. The setup has it already, for what is written into files.
    pub(super) async fn change_password(&self, kind: Kind, user: &str, new: &str) -> Result<()> {
        match kind {
            Kind::Redis => redis::change_password(&self.setup, user, new).await,
            Kind::Nats => {
                let before = nats::reloads(&self.setup)?;
                nats::prepare(&self.setup)?;
                self.signal(Signal::HUP)?;
                nats::reloaded(&self.setup, before + 1).await
            }
            Kind::RabbitMq => rabbitmq::change_password(&self.setup, user, new).await,
            Kind::Kafka => kafka::change_password(&self.setup, user, new).await,
            Kind::Mosquitto | Kind::Registry => {
                bail!("the password of a running {kind} server cannot be changed")
            }
        }
    }

    /// Starts the process and waits until it answers.
    pub(super) async fn run(&mut self, kind: Kind) -> Result<()> {
        let output = self.setup.folder.join("output.txt");
        let mut command = command(kind, &self.setup);
        let process = Running::spawn(&mut command, &output)?;
        self.guardian.watch(process.id())?;
        let process = self.process.insert(process);

        let started = Instant::now();
        loop {
            let attempt = tokio::time::timeout(Duration::from_secs(5), ready(kind, &self.setup)).await;
            let Err(error) = attempt.unwrap_or_else(|_| bail!("no answer within five seconds")) else {
                return Ok(());
            };
            let ended = process.ended()?;
            if ended.is_some() || started.elapsed() > kind.start_limit() {
                let state = match ended {
                    Some(status) => format!("it ended ({status})"),
                    None => format!("not ready after {} s", started.elapsed().as_secs()),
                };
                self.process = None;
                return Err(error.context(format!(
                    "the {kind} server ({}) did not start: {state}; it printed last:\n{}",
                    self.setup.program.origin,
                    last_lines(&std::fs::read(&output).unwrap_or_default())
                )));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn further_ports(kind: Kind) -> usize {
    match kind {
        Kind::RabbitMq => rabbitmq::FURTHER_PORTS,
        Kind::Kafka => kafka::FURTHER_PORTS,
        Kind::Redis => redis::FURTHER_PORTS,
        Kind::Nats | Kind::Mosquitto | Kind::Registry => 0,
    }
}

/// Whom a plain server lets in.
fn default_login(kind: Kind) -> Option<Login> {
    match kind {
        Kind::RabbitMq => Some(rabbitmq::default_login()),
        Kind::Nats | Kind::Kafka | Kind::Redis | Kind::Mosquitto | Kind::Registry => None,
    }
}

/// Fills the scratch folder before the first start.
async fn prepare(kind: Kind, setup: &Setup) -> Result<()> {
    match kind {
        Kind::RabbitMq => rabbitmq::prepare(setup),
        Kind::Nats => nats::prepare(setup),
        Kind::Kafka => {
            kafka::prepare(setup)?;
            kafka::format(setup).await
        }
        Kind::Redis => redis::prepare(setup),
        Kind::Mosquitto => mosquitto::prepare(setup),
        Kind::Registry => registry::prepare(setup),
    }
}

fn command(kind: Kind, setup: &Setup) -> std::process::Command {
    match kind {
        Kind::RabbitMq => rabbitmq::command(setup),
        Kind::Nats => nats::command(setup),
        Kind::Kafka => kafka::command(setup),
        Kind::Redis => redis::command(setup),
        Kind::Mosquitto => mosquitto::command(setup),
        Kind::Registry => registry::command(setup),
    }
}

async fn ready(kind: Kind, setup: &Setup) -> Result<()> {
    match kind {
        Kind::RabbitMq => rabbitmq::ready(setup).await,
        Kind::Nats => nats::ready(setup).await,
        Kind::Kafka => kafka::ready(setup).await,
        Kind::Redis => redis::ready(setup).await,
        Kind::Mosquitto => mosquitto::ready(setup).await,
        Kind::Registry => registry::ready(setup).await,
    }
}
