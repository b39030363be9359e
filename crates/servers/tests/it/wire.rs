//! One line of each protocol, by hand: whoever speaks here must not be a client library with opinions.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Connects, sends `request`, and reads until the answer holds `until`.
pub(crate) async fn say(hosts: &str, request: &str, until: &str) -> Result<String> {
    let mut stream = TcpStream::connect(hosts)
        .await
        .with_context(|| format!("{hosts} does not let anybody in"))?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    let reading = async {
        let mut buffer = vec![0; 4096];
        while !answer.contains(until) {
            let length = stream.read(&mut buffer).await?;
            anyhow::ensure!(length > 0, "closed after `{answer}`");
            answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        Ok(())
    };
    let outcome = tokio::time::timeout(Duration::from_secs(10), reading).await;
    outcome
        .context("no answer")
        .and_then(|inner| inner)
        .with_context(|| format!("`{until}` did not come"))?;
    Ok(answer)
}
