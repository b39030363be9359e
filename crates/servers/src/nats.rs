//! NATS with JetStream, its streams in files.

pub(crate) mod keys;

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

use crate::options::Login;
use crate::setup::Setup;

const FILE: &str = "nats.conf";

/// What a user with credentials reads.
pub(crate) const CREDENTIALS: &str = "user.creds";

/// Writes the configuration; also for a reload, which reads the same file again.
pub(crate) fn prepare(setup: &Setup) -> Result<()> {
    let mut file = format!(
        "listen: \"127.0.0.1:{}\"\nserver_name: \"test-{}\"\njetstream {{ store_dir: {} }}\n",
        setup.client.number,
        setup.client.number,
        quoted(&setup.at("streams")),
    );
    if let Some(address) = setup.options.advertised {
        writeln!(file, "client_advertise: \"{address}\"")?;
    }
    if let Some(bytes) = setup.options.largest_message {
        writeln!(file, "max_payload: {bytes}")?;
    }
    if let Some(tls) = setup.tls()? {
        writeln!(
            file,
            "tls {{ ca_file: {}, cert_file: {}, key_file: {}, verify: {} }}",
            quoted(&tls.authority),
            quoted(&tls.certificate),
            quoted(&tls.key),
            tls.client_certificates
        )?;
    }
    match &setup.login {
        None => {}
        Some(Login::Password { user, password }) => writeln!(
            file,
            "authorization {{ user: {}, password: {} }}",
            quoted(user),
            quoted(password)
        )?,
        Some(Login::Key { seed }) => writeln!(
            file,
            "authorization {{ users: [ {{ nkey: {} }} ] }}",
            keys::public(seed)?
        )?,
        Some(Login::Credentials(credentials)) => {
            file.push_str(&credentials.configuration);
            setup.write(CREDENTIALS, &credentials.file)?;
        }
    }
    file.push_str(&setup.asked_lines());
    setup.write(FILE, &file)
}

pub(crate) fn command(setup: &Setup) -> Command {
    setup.server(["-c".to_owned(), setup.at(FILE)], &[])
}

/// Ready when the greeting says that streams are there: they come before the port is opened.
pub(crate) async fn ready(setup: &Setup) -> Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", setup.client.number)).await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    let greeting = line
        .strip_prefix("INFO ")
        .with_context(|| format!("NATS greets with `{}`", line.trim_end()))?;
    let greeting: serde_json::Value =
        serde_json::from_str(greeting).context("the greeting of NATS is no JSON")?;
    ensure!(greeting["jetstream"] == true, "this NATS server has no JetStream");
    Ok(())
}

/// Waits until the server says that it read its configuration again: it does so some time after it was told to.
pub(crate) async fn reloaded(setup: &Setup, times: usize) -> Result<()> {
    let started = Instant::now();
    while reloads(setup)? < times {
        ensure!(
            started.elapsed() < Duration::from_secs(30),
            "NATS does not take up its new configuration"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// How often the server has read its configuration again.
pub(crate) fn reloads(setup: &Setup) -> Result<usize> {
    let output = setup.folder.join("output.txt");
    let output = std::fs::read(&output).with_context(|| format!("{} cannot be read", output.display()))?;
    Ok(String::from_utf8_lossy(&output)
        .matches("Reloaded server configuration")
        .count())
}

/// A string of the configuration file, which takes JSON's escapes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
