//! Who is not let in, or finds a group in use: told in one clear sentence by `check --online`, and by `run`, with the setting
//! to change and without a secret.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dunlin_servers::{Authority, Kind, Login, Options, Purpose, Server, Tls};
use rustix::process::Signal;

use crate::pairs::broker::{open, systems};
use crate::pairs::corpus::order;
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
fn a_server_that_nobody_vouches_for_is_told_with_the_setting_for_its_authority() -> Result<()> {
    for kind in kinds() {
        if kind == Kind::Kafka {
            // TLS is in the build where the machine has what that needs. One without it has its own sentence.
            let secure = route_from("{ url: 'kafka+tls://localhost' }", "orders");
            let checked = project(&secure).run(&["check", "--allow-warnings"]);
            if checked.status == Some(1) {
                ensure!(checked.out.contains("`kafka-ssl`"), "{checked:?}");
                continue;
            }
        }
        block_on(async {
            let (authority, stranger) = (Authority::new()?, Authority::new()?);
            let tls = Tls::new(&authority, authority.issue(Purpose::Server)?);
            let options = match kind {
                Kind::RabbitMq => Options::new().own().tls(tls),
                Kind::Nats | Kind::Kafka | Kind::Redis | Kind::Mosquitto | Kind::Registry => {
                    Options::new().tls(tls)
                }
            };
            let server = Server::start(kind, options).await?;
            let system = |file: &Authority| {
                let url = server.url();
                let file = file.file();
                format!(
                    "{{ url: '{url}', settings: {{ tls_ca: '{}', connect_timeout_ms: 5000 }} }}",
                    file.display()
                )
            };
            both_say(&route_from(&system(&stranger), "orders"), &["`tls_ca`"])
                .with_context(|| kind.to_string())?;
            // With the right authority it gets past the door, and finds that the channel is missing.
            both_say(
                &route_from(&system(&authority), "orders"),
                &["`topology: create`"],
            )
            .with_context(|| kind.to_string())?;
            // A port for TLS that is spoken to without it.
            let (scheme, secure) = (kind.scheme(false), format!("{}:", kind.scheme(true)));
            let plain = server.url().replacen(&secure, &format!("{scheme}:"), 1);
            let said = finding(
                &route_from(&format!("{{ url: '{plain}' }}"), "orders"),
                &["--online"],
            )?;
            ensure!(said.contains("`url`") || said.contains(&secure), "{kind}: {said}");
            anyhow::Ok(())
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
            ran.status == Some(1) && ran.out.contains("`one` and `two` read one channel"),
            "{name}: {ran:?}"
        );
    }
    Ok(())
}

/// Two routes that read in one group, each with settings of its own, of which the second is the one that comes too late.
fn clashing(system: &str, channel: &str, first: &str, second: &str) -> [String; 2] {
    [first, second].map(|settings| {
        format!(
            "systems:
  a: {system}
  files: {{ url: 'file:out' }}
routes:
  r:
    from: {{ system: a, channel: {channel}, group: clash, start: earliest, settings: {{ {settings} }} }}
    to: files/out
"
        )
    })
}

#[test]
fn a_group_that_is_in_use_in_another_way_is_told_with_the_way_out() -> Result<()> {
    for (system, first, second) in [
        ("nats", "subjects: group-clash", "subjects: group-other"),
        (
            "kafka",
            "partition.assignment.strategy: range",
            "partition.assignment.strategy: cooperative-sticky",
        ),
    ] {
        if !systems().contains(&system) {
            continue;
        }
        block_on(async {
            let mut broker = open(system).await?;
            broker.make("group-clash").await?;
            let [first, second] = clashing(&broker.system(), "group-clash", first, second);
            let before = project(&first);
            let mut running = before.start(&["run"]);
            // Its group is there once the first message has passed.
            let message = broker.native(&order(0));
            broker.write("group-clash", &[message]).await?;
            let written = before.path("out/out.ndjson");
            running.until("the first route has the group", || {
                std::fs::read(&written).is_ok_and(|bytes| !bytes.is_empty())
            });
            let said = run_says(&second, &["another `group`"]).with_context(|| system.to_owned());
            running.signal_if_alive(Signal::TERM);
            let ran = running.wait();
            ensure!(ran.status == Some(0), "{ran:?}");
            said
        })?;
    }
    Ok(())
}
