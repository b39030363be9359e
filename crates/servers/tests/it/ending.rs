//! Nothing is left behind: not after a drop, and not after the process that started a server was killed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dunlin_servers::{Kind, Options, Server, shared};

use crate::wire::{say, skipped};

/// Set for a copy of this test binary that is about to be killed: the file that it writes the address to.
const VICTIM: &str = "DUNLIN_SERVERS_TEST_VICTIM";

#[tokio::test]
async fn a_dropped_server_leaves_neither_a_process_nor_a_folder() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    let server = Server::start(Kind::Redis, Options::new().own()).await?;
    let hosts = server.hosts();
    let folder = server.folder().context("the server is our own")?.to_owned();
    assert!(folder.is_dir());
    drop(server);
    assert!(say(&hosts, "PING\r\n", "PONG").await.is_err());
    assert!(!folder.exists());
    Ok(())
}

#[tokio::test]
async fn a_killed_test_process_leaves_neither_a_server_nor_a_folder() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    if let Some(note) = std::env::var_os(VICTIM) {
        return be_the_victim(Path::new(&note)).await;
    }
    let scratch = tempfile::tempdir()?;
    let note = scratch.path().join("note");
    let mut victim = Command::new(std::env::current_exe()?)
        .args([
            "--exact",
            "ending::a_killed_test_process_leaves_neither_a_server_nor_a_folder",
        ])
        .env_remove(Kind::Redis.variable())
        .env(VICTIM, &note)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let (hosts, folder) = wait_for(&note)?;
    say(&hosts, "PING\r\n", "PONG").await?;
    victim.kill()?;
    victim.wait()?;
    let started = Instant::now();
    while folder.exists() || say(&hosts, "PING\r\n", "PONG").await.is_ok() {
        anyhow::ensure!(
            started.elapsed() < Duration::from_secs(10),
            "the server outlived its test"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn wait_for(note: &Path) -> Result<(String, PathBuf)> {
    let started = Instant::now();
    loop {
        if let Ok(text) = std::fs::read_to_string(note)
            && let Some((hosts, folder)) = text.trim_end_matches('\n').split_once('\n')
            && text.ends_with('\n')
        {
            return Ok((hosts.to_owned(), PathBuf::from(folder)));
        }
        anyhow::ensure!(
            started.elapsed() < Duration::from_secs(60),
            "no server was started"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What this test binary does when it is started to be killed.
async fn be_the_victim(note: &Path) -> Result<()> {
    let server = shared(Kind::Redis).await?;
    let folder = server.folder().context("the server is our own")?;
    std::fs::write(note, format!("{}\n{}\n", server.hosts(), folder.display()))?;
    tokio::time::sleep(Duration::from_secs(60)).await;
    Ok(())
}
