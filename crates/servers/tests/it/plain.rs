//! Plain servers keep over a kill what they confirmed.

use anyhow::Result;
use dunlin_servers::{Kind, Login, Options, Server, shared};

use crate::wire::{AMQP, KAFKA_SASL, say, skipped};

#[tokio::test]
async fn redis_keeps_an_entry_over_a_kill() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let mut server = Server::start(Kind::Redis, Options::new().own()).await?;
    let hosts = server.hosts();
    say(&hosts, "XADD orders 1-1 body one\r\n", "1-1").await?;
    server.kill().await?;
    assert!(
        say(&hosts, "PING\r\n", "PONG").await.is_err(),
        "a killed server answers nobody"
    );
    server.start_again().await?;
    assert_eq!(server.hosts(), hosts, "the port stays the same");
    say(&hosts, "XLEN orders\r\n", ":1\r\n").await?;
    server.stop().await
}

#[tokio::test]
async fn nats_keeps_a_message_over_a_kill() -> Result<()> {
    if skipped(&[Kind::Nats]) {
        return Ok(());
    }
    let mut server = Server::start(Kind::Nats, Options::new().own()).await?;
    let hosts = server.hosts();
    let create = r#"{"name":"S","subjects":["orders"],"storage":"file"}"#;
    say(&hosts, &request("$JS.API.STREAM.CREATE.S", create), "\"created\"").await?;
    say(&hosts, &request("orders", "one"), "\"seq\":1").await?;
    server.kill().await?;
    assert!(say(&hosts, "", "INFO").await.is_err());
    server.start_again().await?;
    say(&hosts, &request("$JS.API.STREAM.INFO.S", ""), "\"messages\":1,").await?;
    server.stop().await
}

/// A NATS request with its answer subscribed before.
fn request(subject: &str, body: &str) -> String {
    format!(
        "CONNECT {{\"verbose\":false}}\r\nSUB answers 1\r\nPUB {subject} answers {}\r\n{body}\r\n",
        body.len()
    )
}

#[tokio::test]
async fn rabbitmq_offers_its_protocol_again_after_a_kill() -> Result<()> {
    if skipped(&[Kind::RabbitMq]) {
        return Ok(());
    }
    let mut server = Server::start(Kind::RabbitMq, Options::new().own()).await?;
    let hosts = server.hosts();
    assert_eq!(server.user_and_password(), Some(("guest", "guest")));
    say(&hosts, AMQP, "RabbitMQ").await?;
    server.kill().await?;
    assert!(say(&hosts, AMQP, "RabbitMQ").await.is_err());
    server.start_again().await?;
    say(&hosts, AMQP, "RabbitMQ").await?;
    server.change_password("second").await?;
    server.stop().await
}

#[tokio::test]
async fn kafka_answers_again_after_a_kill() -> Result<()> {
    if skipped(&[Kind::Kafka]) {
        return Ok(());
    }
    let options = Options::new().login(Login::password("alice", "first"));
    let mut server = Server::start(Kind::Kafka, options).await?;
    let hosts = server.hosts();
    say(&hosts, KAFKA_SASL, "SCRAM-SHA-512").await?;
    server.change_password("second").await?;
    server.kill().await?;
    assert!(say(&hosts, KAFKA_SASL, "SCRAM").await.is_err());
    server.start_again().await?;
    say(&hosts, KAFKA_SASL, "SCRAM-SHA-512").await?;
    server.stop().await
}

#[tokio::test]
async fn mosquitto_lets_a_client_in_after_a_kill() -> Result<()> {
    if skipped(&[Kind::Mosquitto]) {
        return Ok(());
    }
    let mut server = Server::start(Kind::Mosquitto, Options::new().own()).await?;
    server.kill_and_start_again().await?;
    say(
        &server.hosts(),
        "\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0",
        "\x20\x02\0\0",
    )
    .await?;
    server.stop().await
}

#[tokio::test]
async fn a_registry_answers_below_its_path() -> Result<()> {
    if skipped(&[Kind::Registry]) {
        return Ok(());
    }
    let server = shared(Kind::Registry).await?;
    let url = server.url();
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let request = format!("GET /{path}/subjects HTTP/1.1\r\nHost: registry\r\nConnection: close\r\n\r\n");
    say(&server.hosts(), &request, "200 OK").await.map(drop)
}

#[tokio::test]
async fn a_paused_server_answers_when_it_is_resumed() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let mut server = Server::start(Kind::Redis, Options::new().own()).await?;
    let hosts = server.hosts();
    server.pause()?;
    let early = tokio::time::timeout(
        std::time::Duration::from_millis(300),
        say(&hosts, "PING\r\n", "PONG"),
    )
    .await;
    assert!(early.is_err(), "paused, and answering all the same");
    server.resume()?;
    say(&hosts, "PING\r\n", "PONG").await?;
    Ok(())
}

#[tokio::test]
async fn a_limit_for_messages_is_told_to_clients() -> Result<()> {
    if skipped(&[Kind::Nats, Kind::Redis]) {
        return Ok(());
    }
    let server = Server::start(Kind::Nats, Options::new().largest_message(1000)).await?;
    say(&server.hosts(), "", "\"max_payload\":1000,").await?;
    let refused = Server::start(Kind::Redis, Options::new().largest_message(1000)).await;
    let error = format!("{:#}", refused.expect_err("Redis takes no such limit"));
    assert!(error.contains("no limit below 1048576 bytes"), "{error}");
    Ok(())
}

#[tokio::test]
async fn one_server_is_shared_by_a_process() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let (one, two) = tokio::join!(shared(Kind::Redis), shared(Kind::Redis));
    assert_eq!(one?.hosts(), two?.hosts());
    Ok(())
}

#[tokio::test]
async fn a_server_that_refuses_its_configuration_says_why() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let refused = Server::start(Kind::Redis, Options::new().line("no-such-setting 1")).await;
    let error = format!("{:#}", refused.expect_err("no such setting"));
    assert!(error.contains("no-such-setting"), "{error}");
    assert!(error.contains("it ended"), "{error}");
    Ok(())
}
