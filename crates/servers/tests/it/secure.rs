//! TLS on every server: the right certificate is taken, the wrong ones are not, and a client must show its own where
//! that is asked.

use anyhow::{Context, Result};
use dunlin_servers::{Authority, Identity, Kind, Login, Options, Purpose, Server, Tls};

use crate::wire::{AMQP, KAFKA_SASL, connect, converse, secured, skipped};

/// A first line of the protocol over TLS, and a part of the answer.
async fn greet(server: &Server, authority: &Authority, client: Option<&Identity>) -> Result<()> {
    let mut stream = connect(&server.hosts()).await?;
    if server.kind() == Kind::Nats {
        // NATS greets in the clear, and only then speaks TLS.
        converse(&mut stream, "", "\"tls_required\":true").await?;
    }
    let mut stream = secured(stream, authority, client).await?;
    let (request, answer) = match server.kind() {
        Kind::RabbitMq => (AMQP, "RabbitMQ"),
        Kind::Nats => ("CONNECT {\"verbose\":false}\r\nPING\r\n", "PONG"),
        Kind::Kafka => (KAFKA_SASL, "SCRAM-SHA-256"),
        Kind::Redis => ("PING\r\n", "PONG"),
        Kind::Mosquitto | Kind::Registry => anyhow::bail!("no test asks for TLS there"),
    };
    converse(&mut stream, request, answer).await.map(drop)
}

async fn speaks_tls(kind: Kind, options: Options) -> Result<()> {
    let authority = Authority::new()?;
    let stranger = Authority::new()?;
    let good = authority.issue(Purpose::Server)?;
    let client = authority.issue(Purpose::Client("alice"))?;
    let strange = stranger.issue(Purpose::Client("alice"))?;
    let tls = Tls::new(&authority, good).client_certificates();
    let mut server = Server::start(kind, options.tls(tls)).await?;
    assert!(server.url().starts_with(kind.scheme(true)), "{}", server.url());

    greet(&server, &authority, Some(&client)).await?;
    assert!(
        greet(&server, &authority, None).await.is_err(),
        "{kind}: no certificate was shown"
    );
    assert!(
        greet(&server, &authority, Some(&strange)).await.is_err(),
        "{kind}: the client's certificate is a stranger's"
    );
    assert!(
        greet(&server, &stranger, Some(&client)).await.is_err(),
        "{kind}: the server's certificate is not from whom the client trusts"
    );
    server.kill_and_start_again().await?;
    greet(&server, &authority, Some(&client)).await
}

#[tokio::test]
async fn redis_speaks_tls_with_clients_of_its_authority() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    speaks_tls(Kind::Redis, Options::new()).await
}

#[tokio::test]
async fn nats_speaks_tls_with_clients_of_its_authority() -> Result<()> {
    if skipped(&[Kind::Nats]) {
        return Ok(());
    }
    speaks_tls(Kind::Nats, Options::new()).await
}

#[tokio::test]
async fn rabbitmq_speaks_tls_with_clients_of_its_authority() -> Result<()> {
    if skipped(&[Kind::RabbitMq]) {
        return Ok(());
    }
    speaks_tls(Kind::RabbitMq, Options::new()).await
}

#[tokio::test]
async fn kafka_asks_for_a_password_over_tls_with_clients_of_its_authority() -> Result<()> {
    if skipped(&[Kind::Kafka]) {
        return Ok(());
    }
    speaks_tls(
        Kind::Kafka,
        Options::new().login(Login::password("alice", "secret")),
    )
    .await
}

#[tokio::test]
async fn bad_certificates_are_bad_to_a_client() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let authority = Authority::new()?;
    for (purpose, fault) in [
        (Purpose::Expired, "expired"),
        (Purpose::AnotherHost, "not valid for name"),
    ] {
        let tls = Tls::new(&authority, authority.issue(purpose)?);
        let server = Server::start(Kind::Redis, Options::new().tls(tls)).await?;
        let refused = greet(&server, &authority, None)
            .await
            .err()
            .with_context(|| format!("{purpose:?} was taken"))?;
        let text = format!("{refused:#}");
        assert!(text.contains(fault), "{purpose:?}: {text}");
    }
    Ok(())
}
