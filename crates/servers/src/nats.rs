//! NATS with JetStream, its streams in files.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::options::Login;
use crate::setup::Setup;

const FILE: &str = "nats.conf";

/// Writes the configuration; also for a reload, which reads the same file again.
pub(crate) fn prepare(setup: &Setup) -> Result<()> {
    let mut file = format!(
        "listen: \"127.0.0.1:{}\"\nserver_name: \"test-{}\"\njetstream {{ store_dir: {} }}\n",
        setup.client.number,
        setup.client.number,
        quoted(&setup.inside().join("streams").display().to_string()),
    );
    if let Some(address) = setup.options.advertised {
        writeln!(file, "client_advertise: \"{address}\"")?;
    }
    if let Some(bytes) = setup.options.largest_message {
        writeln!(file, "max_payload: {bytes}")?;
    }
    if let Some(Login::Password { user, password }) = &setup.login {
        writeln!(
            file,
            "authorization {{ user: {}, password: {} }}",
            quoted(user),
            quoted(password)
        )?;
    }
    file.push_str(&setup.asked_lines());
    setup.write(FILE, &file)
}

pub(crate) fn command(setup: &Setup) -> Command {
    setup.command(["-c".into(), setup.inside().join(FILE)])
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

/// Waits until the server lets this user in: it takes up changed settings some time after it was told to.
pub(crate) async fn lets_in(setup: &Setup, user: &str, password: &str) -> Result<()> {
    let connect = serde_json::json!({ "user": user, "pass": password, "verbose": false });
    let stream = TcpStream::connect(("127.0.0.1", setup.client.number)).await?;
    let mut stream = BufReader::new(stream);
    stream
        .write_all(format!("CONNECT {connect}\r\nPING\r\n").as_bytes())
        .await?;
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        if line.starts_with("PONG") {
            return Ok(());
        }
        line.clear();
    }
    bail!("NATS does not let `{user}` in with the new password")
}

/// A string of the configuration file, which takes JSON's escapes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
