//! One line of each protocol, by hand: whoever speaks here must not be a client library with opinions.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use dunlin_servers::{Authority, Identity, Kind, left_out};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How a client of AMQP 0-9-1 begins.
pub(crate) const AMQP: &str = "AMQP\0\0\x09\x01";

/// SaslHandshake (17) of Kafka, version 1, correlation 7, no client id, for a mechanism that is not there: the answer
/// lists those that are.
pub(crate) const KAFKA_SASL: &str = "\0\0\0\x10\0\x11\0\x01\0\0\0\x07\0\0\0\x04NONE";

/// Metadata (3) of Kafka, version 1, correlation 7, no client id, no topics: the answer names the brokers.
pub(crate) const KAFKA_METADATA: &str = "\0\0\0\x0e\0\x03\0\x01\0\0\0\x07\0\0\0\0\0\0";

/// Whether one of these servers was left out of this run; then it is said, and the test has nothing to do.
pub(crate) fn skipped(kinds: &[Kind]) -> bool {
    let Some(kind) = kinds.iter().find(|kind| left_out(**kind)) else {
        return false;
    };
    println!("skipped: a test of servers, because {kind} is left out");
    true
}

/// Connects, sends `request`, and reads until the answer holds `until`.
pub(crate) async fn say(hosts: &str, request: &str, until: &str) -> Result<String> {
    let mut stream = connect(hosts).await?;
    converse(&mut stream, request, until).await
}

/// A connection, unless nobody answers.
pub(crate) async fn connect(hosts: &str) -> Result<TcpStream> {
    TcpStream::connect(hosts)
        .await
        .with_context(|| format!("{hosts} does not let anybody in"))
}

/// Sends `request`, and reads until the answer holds `until`.
pub(crate) async fn converse(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &str,
    until: &str,
) -> Result<String> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = String::new();
    let reading = async {
        let mut buffer = vec![0; 4096];
        while !answer.contains(until) {
            let length = stream.read(&mut buffer).await?;
            ensure!(length > 0, "closed after `{answer}`");
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

/// Speaks TLS on a connection, trusting one authority only.
pub(crate) async fn secured(
    stream: TcpStream,
    authority: &Authority,
    client: Option<&Identity>,
) -> Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(identity) => config.with_client_auth_cert(
            vec![CertificateDer::from_pem_file(&identity.certificate)?],
            PrivateKeyDer::from_pem_file(&identity.key)?,
        )?,
    };
    let name = ServerName::try_from("127.0.0.1")?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .context("no TLS with this server")
}
