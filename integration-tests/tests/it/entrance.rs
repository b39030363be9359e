//! Who is not let in, or finds a group in use: told in one clear sentence by `check --online`, and by `run`, with the setting
//! to change and without a secret.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dunlin_servers::{Kind, Login, Options, Server};
use rustix::process::Signal;

use crate::pairs::broker::systems;
use crate::pairs::running::{block_on, project};
use crate::refused::{finding, route_from};

/// How long a run may take to say what is wrong.
const SOON: Duration = Duration::from_secs(30);

/// The servers that the tests go through.
fn kinds() -> impl Iterator<Item = Kind> {
    [Kind::RabbitMq, Kind::Nats, Kind::Kafka, Kind::Redis]
        .into_iter()
        .filter(|kind| systems().contains(&kind.name()))
}

/// Runs this configuration, which must say all of these words in one line of its log, soon, and none of a secret.
fn run_says(configuration: &str, words: &[&str]) -> Result<()> {
    let project = project(configuration);
    let mut running = project.start(&["run"]);
    let begun = std::time::Instant::now();
    // A look a second: what a run has written is known once it has ended, so each look is a run of its own time.
    let mut patience = Duration::from_secs(3);
    loop {
        std::thread::sleep(patience);
        running.signal_if_alive(Signal::TERM);
        let ran = running.wait();
        ensure!(!ran.errors.contains("hunter2"), "a secret is shown: {ran:?}");
        let said = |line: &str| words.iter().all(|word| line.contains(word));
        if ran.errors.lines().any(said) {
            return Ok(());
        }
        ensure!(begun.elapsed() < SOON, "nothing says {words:?}: {ran:?}");
        patience *= 2;
        running = project.start(&["run"]);
    }
}

/// What both commands must say of a configuration that cannot get in.
fn both_say(configuration: &str, words: &[&str]) -> Result<()> {
    let said = finding(configuration, &["--online"])?;
    ensure!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
    ensure!(!said.contains("hunter2"), "a secret is shown: {said}");
    run_says(configuration, words)
}

#[test]
fn a_wrong_password_is_told_with_the_setting_and_without_the_password() -> Result<()> {
    for kind in kinds() {
        block_on(async {
            let server = match kind {
                // It has a user anyway.
                Kind::RabbitMq => None,
                Kind::Nats | Kind::Kafka | Kind::Redis | Kind::Mosquitto | Kind::Registry => {
                    Some(Server::start(kind, Options::new().login(Login::password("ana", "right"))).await?)
                }
            };
            let url = match &server {
                Some(server) => server.url(),
                None => dunlin_servers::shared(kind).await?.url(),
            };
            // On loopback a password may go as it is, which needs no TLS in the build.
            let plain = if kind == Kind::Kafka {
                ", settings: { sasl_mechanism: PLAIN }"
            } else {
                ""
            };
            let system = format!("{{ url: '{url}', user: ana, password: 'hunter2'{plain} }}");
            both_say(&route_from(&system, "orders"), &["`password`"]).with_context(|| kind.to_string())
        })?;
    }
    Ok(())
}

#[test]
fn two_routes_that_share_the_messages_of_one_group_are_told_without_a_network() -> Result<()> {
    for kind in kinds() {
        let name = kind.name();
        let text = format!(
            "systems:
  a: {{ url: '{name}://localhost' }}
  files: {{ url: 'file:out' }}
routes:
  one: {{ from: {{ system: a, channel: orders, group: g, start: earliest }}, to: files/one }}
  two: {{ from: {{ system: a, channel: orders, group: g, start: earliest }}, to: files/two }}
"
        );
        let ran = project(&text).run(&["check"]);
        ensure!(
            ran.status == Some(1) && ran.out.contains("read one channel in one group"),
            "{name}: {ran:?}"
        );
    }
    Ok(())
}
