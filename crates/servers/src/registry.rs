//! Apicurio Registry, which speaks the interface of Confluent's schema registry below a path of its own. It keeps its
//! schemas in memory.

use std::process::Command;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::setup::Setup;

/// Below this path stands what clients ask.
pub(crate) const BASE: &str = "/apis/ccompat/v7";

/// Refuses what this server is not started with here; its settings are all in its environment.
pub(crate) fn prepare(setup: &Setup) -> Result<()> {
    let options = &setup.options;
    ensure!(
        setup.login.is_none()
            && options.tls.is_none()
            && options.largest_message.is_none()
            && options.advertised.is_none()
            && options.lines.is_empty(),
        "a registry is started plain; what logins and TLS do is tried on an HTTP server of the test"
    );
    Ok(())
}

pub(crate) fn command(setup: &Setup) -> Command {
    let environment = [
        ("QUARKUS_HTTP_HOST", "127.0.0.1".to_owned()),
        ("QUARKUS_HTTP_PORT", setup.client.number.to_string()),
    ];
    setup.server(
        Vec::<String>::new(),
        &environment.map(|(name, value)| (name.to_owned(), value)),
    )
}

/// Ready when it lists its subjects.
pub(crate) async fn ready(setup: &Setup) -> Result<()> {
    let port = setup.client.number;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("GET {BASE}/subjects HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or_default();
    ensure!(
        status.split(' ').nth(1) == Some("200"),
        "the registry answers `{status}`"
    );
    Ok(())
}
