//! Who knows the secret gets in, nobody else does, and a password changes while a server runs.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dunlin_servers::{Kind, Login, Options, Server};
use nkeys::KeyPair;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::wire::{AMQP, connect, converse, say, skipped};

#[tokio::test]
async fn redis_and_nats_let_in_whoever_knows_the_password_of_now() -> Result<()> {
    if skipped(&[Kind::Redis, Kind::Nats]) {
        return Ok(());
    }
    let options = Options::new().login(Login::password("alice", "first"));
    let mut redis = Server::start(Kind::Redis, options.clone()).await?;
    say(&redis.hosts(), "PING\r\n", "NOAUTH").await?;
    say(&redis.hosts(), "AUTH alice first\r\n", "+OK").await?;
    redis.change_password("second").await?;
    say(&redis.hosts(), "AUTH alice first\r\n", "WRONGPASS").await?;
    say(&redis.hosts(), "AUTH alice second\r\n", "+OK").await?;
    assert_eq!(redis.user_and_password(), Some(("alice", "second")));

    let mut nats = Server::start(Kind::Nats, options).await?;
    let connect = |password: &str| {
        format!("CONNECT {{\"user\":\"alice\",\"pass\":\"{password}\",\"verbose\":false}}\r\nPING\r\n")
    };
    say(&nats.hosts(), &connect("wrong"), "Authorization Violation").await?;
    say(&nats.hosts(), &connect("first"), "PONG").await?;
    nats.change_password("second").await?;
    say(&nats.hosts(), &connect("first"), "Authorization Violation").await?;
    say(&nats.hosts(), &connect("second"), "PONG").await?;
    Ok(())
}

/// Whether RabbitMQ goes on after a login by PLAIN: with `tune` (30), where it refuses with `close` or cuts off.
async fn rabbitmq_lets_in(hosts: &str, password: &str) -> Result<bool> {
    let mut stream = connect(hosts).await?;
    converse(&mut stream, AMQP, "en_US").await?;
    // Class 10 (connection), method 11 (start-ok): no properties of the client, mechanism, response, locale.
    let response = format!("\0alice\0{password}");
    let mut method = b"\0\x0a\0\x0b\0\0\0\0\x05PLAIN".to_vec();
    method.extend(u32::try_from(response.len())?.to_be_bytes());
    method.extend(response.as_bytes());
    method.extend(b"\x05en_US");
    let mut frame = vec![1, 0, 0];
    frame.extend(u32::try_from(method.len())?.to_be_bytes());
    frame.extend(method);
    frame.push(0xce);
    stream.write_all(&frame).await?;
    Ok(converse(&mut stream, "", "\0\x0a\0\x1e").await.is_ok())
}

#[tokio::test]
async fn rabbitmq_lets_in_whoever_knows_the_password_of_now() -> Result<()> {
    if skipped(&[Kind::RabbitMq]) {
        return Ok(());
    }
    let options = Options::new().login(Login::password("alice", "first"));
    let mut server = Server::start(Kind::RabbitMq, options).await?;
    let hosts = server.hosts();
    assert!(rabbitmq_lets_in(&hosts, "first").await?);
    assert!(!rabbitmq_lets_in(&hosts, "second").await?);
    server.change_password("second").await?;
    assert!(!rabbitmq_lets_in(&hosts, "first").await?);
    assert!(rabbitmq_lets_in(&hosts, "second").await?);
    Ok(())
}

/// The nonce that NATS wants signed.
async fn nonce(stream: &mut TcpStream) -> Result<String> {
    let greeting = converse(stream, "", "\r\n").await?;
    let greeting: serde_json::Value = serde_json::from_str(greeting.trim_start_matches("INFO ").trim_end())?;
    Ok(greeting["nonce"].as_str().context("no nonce")?.to_owned())
}

#[tokio::test]
async fn nats_lets_in_whoever_holds_the_key() -> Result<()> {
    if skipped(&[Kind::Nats]) {
        return Ok(());
    }
    let server = Server::start(Kind::Nats, Options::new().login(Login::nats_key()?)).await?;
    let right = KeyPair::from_seed(server.key_seed().context("the server has a key")?)?;
    for (key, answer) in [(right, "PONG"), (KeyPair::new_user(), "Authorization Violation")] {
        let mut stream = connect(&server.hosts()).await?;
        let nonce = nonce(&mut stream).await?;
        let login = serde_json::json!({
            "nkey": key.public_key(),
            "sig": URL_SAFE_NO_PAD.encode(key.sign(nonce.as_bytes())?),
            "verbose": false,
        });
        converse(&mut stream, &format!("CONNECT {login}\r\nPING\r\n"), answer).await?;
    }
    Ok(())
}

#[tokio::test]
async fn nats_lets_in_whoever_holds_credentials_and_gives_them_streams() -> Result<()> {
    if skipped(&[Kind::Nats]) {
        return Ok(());
    }
    let server = Server::start(Kind::Nats, Options::new().login(Login::nats_credentials()?)).await?;
    let file = server.credentials_file().context("the server has credentials")?;
    let text = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let (token, seed) = (lines[1], lines[5]);
    let key = KeyPair::from_seed(seed)?;
    let mut stream = connect(&server.hosts()).await?;
    let nonce = nonce(&mut stream).await?;
    let login = serde_json::json!({
        "jwt": token,
        "sig": URL_SAFE_NO_PAD.encode(key.sign(nonce.as_bytes())?),
        "verbose": false,
    });
    converse(&mut stream, &format!("CONNECT {login}\r\nPING\r\n"), "PONG").await?;
    let create = r#"{"name":"S","subjects":["orders"]}"#;
    let request = format!(
        "SUB answers 1\r\nPUB $JS.API.STREAM.CREATE.S answers {}\r\n{create}\r\n",
        create.len()
    );
    converse(&mut stream, &request, "\"created\"").await?;
    Ok(())
}

#[tokio::test]
async fn a_login_that_a_server_does_not_know_is_refused() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let refused = Server::start(Kind::Redis, Options::new().login(Login::nats_key()?)).await;
    let error = format!("{:#}", refused.expect_err("Redis knows no such keys"));
    assert!(error.contains("logins of NATS"), "{error}");
    Ok(())
}
