//! Tried with a script that stands in for an engine, since few machines that run tests have one: it starts the server in
//! a session of its own, as an engine would, so that only the engine's commands reach it.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::VARIABLE;
use crate::{Kind, Options, Server, install};

const ENGINE: &str = r#"#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case $1 in
info | image) exit 0 ;;
run)
    shift
    while :; do
        case $1 in
        --rm) shift ;;
        --name) name=$2; shift 2 ;;
        --env) export "$2"; shift 2 ;;
        --*) shift 2 ;;
        *) break ;;
        esac
    done
    shift
    setsid PROGRAM "$@" &
    echo $! > "$here/$name"
    wait $! ;;
kill) kill -s "$3" "$(cat "$here/$4")" ;;
pause) kill -s STOP "$(cat "$here/$2")" ;;
unpause) kill -s CONT "$(cat "$here/$2")" ;;
rm) kill -s KILL "$(cat "$here/$3")" ;;
*) exit 1 ;;
esac
"#;

/// Set in the copy of this test's process that has the script as its engine: an engine is asked for once per process.
const INNER: &str = "DUNLIN_SERVERS_TEST_ENGINE";

#[test]
fn a_container_is_started_killed_paused_and_removed_through_its_engine() -> Result<()> {
    if std::env::var_os(INNER).is_some() {
        return tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(in_a_container());
    }
    if install::left_out(Kind::Redis) {
        println!("skipped: a server in a container, because Redis is left out");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let engine = folder.path().join("engine");
    let redis = install::on_the_machine(Kind::Redis).or_else(|_| install::install(Kind::Redis))?;
    let words: Vec<String> = redis
        .words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    std::fs::write(&engine, ENGINE.replace("PROGRAM", &words.join(" ")))?;
    std::fs::set_permissions(&engine, std::fs::Permissions::from_mode(0o755))?;

    let output = Command::new(std::env::current_exe()?)
        .args(["--exact", "--nocapture"])
        .arg("install::container::tests::a_container_is_started_killed_paused_and_removed_through_its_engine")
        .env(INNER, "yes")
        .env(VARIABLE, &engine)
        .output()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );

    let calls = std::fs::read_to_string(folder.path().join("calls"))?;
    let calls: Vec<&str> = calls.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(
        calls,
        [
            "info", "image", "run", "kill", "run", "pause", "unpause", "kill", "run", "rm"
        ]
    );
    Ok(())
}

async fn in_a_container() -> Result<()> {
    let mut server = Server::start(Kind::Redis, Options::new().own()).await?;
    let hosts = server.hosts();
    say(&hosts, "SET kept yes\r\n", "+OK").await?;
    server.kill_and_start_again().await?;
    say(&hosts, "GET kept\r\n", "yes").await?;
    server.pause()?;
    ensure!(
        say(&hosts, "PING\r\n", "+PONG").await.is_err(),
        "paused, and answering"
    );
    server.resume()?;
    server.stop().await?;
    ensure!(
        TcpStream::connect(&hosts).await.is_err(),
        "stopped, and answering"
    );
    server.start_again().await?;
    let folder = server.folder().map(std::path::Path::to_owned);
    drop(server);
    ensure!(
        TcpStream::connect(&hosts).await.is_err(),
        "dropped, and answering"
    );
    ensure!(folder.is_some_and(|folder| !folder.exists()), "the folder stayed");
    Ok(())
}

async fn say(hosts: &str, request: &str, answer: &str) -> Result<()> {
    let asking = async {
        let mut stream = TcpStream::connect(hosts).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut buffer = [0; 64];
        let length = stream.read(&mut buffer).await?;
        let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
        ensure!(said.contains(answer), "answered `{said}`");
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(2), asking).await?
}
