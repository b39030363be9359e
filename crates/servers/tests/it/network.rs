//! The proxy's faults, each seen from a client of Redis, and servers that tell their clients to come through it.

use std::time::Duration;

use anyhow::Result;
use dunlin_servers::{Kind, Options, Proxy, Server, shared};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::wire::{KAFKA_METADATA, connect, converse, say, skipped};

const PING: &str = "PING\r\n";

async fn proxied() -> Result<(Proxy, String)> {
    let proxy = Proxy::start(1)?;
    proxy.forward_to(shared(Kind::Redis).await?.address().await?);
    let hosts = proxy.address().to_string();
    Ok((proxy, hosts))
}

#[tokio::test]
async fn a_cut_breaks_old_connections_and_lets_new_ones_in() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let (proxy, hosts) = proxied().await?;
    let mut stream = connect(&hosts).await?;
    converse(&mut stream, PING, "PONG").await?;
    proxy.connected(1).await?;
    proxy.cut();
    let broken = stream.read_u8().await.expect_err("the connection was cut");
    assert_eq!(broken.kind(), std::io::ErrorKind::ConnectionReset);
    say(&hosts, PING, "PONG").await.map(drop)
}

#[tokio::test]
async fn a_proxy_that_refuses_keeps_old_connections() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let (proxy, hosts) = proxied().await?;
    let mut stream = connect(&hosts).await?;
    converse(&mut stream, PING, "PONG").await?;
    proxy.refuse(true).await?;
    assert!(connect(&hosts).await.is_err());
    converse(&mut stream, PING, "PONG").await?;
    proxy.refuse(false).await?;
    say(&hosts, PING, "PONG").await.map(drop)
}

#[tokio::test]
async fn held_answers_come_after_their_release_and_what_was_asked_is_done() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let (proxy, hosts) = proxied().await?;
    let mut stream = connect(&hosts).await?;
    proxy.hold_answers();
    let early = timeout(
        Duration::from_millis(200),
        converse(&mut stream, "SET held yes\r\n", "+OK"),
    )
    .await;
    assert!(early.is_err(), "held, and answered all the same");
    say(&shared(Kind::Redis).await?.hosts(), "GET held\r\n", "yes").await?;
    proxy.release_answers();
    converse(&mut stream, "", "+OK").await.map(drop)
}

#[tokio::test]
async fn a_dropped_flow_is_silent_and_open_and_new_ones_work() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let (proxy, hosts) = proxied().await?;
    let mut stream = connect(&hosts).await?;
    converse(&mut stream, PING, "PONG").await?;
    proxy.drop_flow();
    let early = timeout(
        Duration::from_millis(200),
        converse(&mut stream, "SET dropped yes\r\n", "+OK"),
    )
    .await;
    assert!(early.is_err(), "neither an answer nor an end may come");
    say(&hosts, "EXISTS dropped\r\n", ":0").await?;
    proxy.cut();
    assert!(stream.read_u8().await.is_err(), "a cut ends a dropped flow too");
    Ok(())
}

#[tokio::test]
async fn delays_and_slices_change_nothing_but_the_pace() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let (proxy, hosts) = proxied().await?;
    proxy.delay(Duration::from_millis(50), Duration::from_millis(10));
    let before = Instant::now();
    say(&hosts, PING, "PONG").await?;
    assert!(
        before.elapsed() >= Duration::from_millis(80),
        "40 ms each way at least"
    );
    proxy.delay(Duration::ZERO, Duration::ZERO);
    proxy.slice(1);
    say(&hosts, "ECHO every-byte-alone\r\n", "every-byte-alone")
        .await
        .map(drop)
}

#[tokio::test]
async fn a_client_that_is_done_gets_the_rest_of_its_answer() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let (_proxy, hosts) = proxied().await?;
    let mut stream = connect(&hosts).await?;
    stream.write_all(b"ECHO last-words\r\n").await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.contains("last-words"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn kafka_and_nats_tell_clients_to_come_through_the_proxy() -> Result<()> {
    if skipped(&[Kind::Kafka, Kind::Nats]) {
        return Ok(());
    }
    for (kind, question) in [(Kind::Kafka, KAFKA_METADATA), (Kind::Nats, "")] {
        let proxy = Proxy::start(1)?;
        let server = Server::start(kind, Options::new().advertise(proxy.address())).await?;
        proxy.forward_to(server.address().await?);
        let answer = say(&proxy.address().to_string(), question, "127.0.0.1").await?;
        if kind == Kind::Nats {
            let told = format!("\"port\":{},", proxy.address().port());
            assert!(answer.contains(&told), "{answer}");
        } else {
            assert_eq!(advertised_port(&proxy).await?, proxy.address().port());
        }
    }
    Ok(())
}

/// The port that Kafka names, read from the bytes of its answer.
async fn advertised_port(proxy: &Proxy) -> Result<u16> {
    let mut stream = connect(&proxy.address().to_string()).await?;
    stream.write_all(KAFKA_METADATA.as_bytes()).await?;
    // Size, correlation, number of brokers, id of the broker, then its host.
    let mut head = [0; 16];
    stream.read_exact(&mut head).await?;
    let mut host = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut host).await?;
    Ok(u16::try_from(stream.read_u32().await?)?)
}
