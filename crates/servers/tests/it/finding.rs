//! Where a server comes from, and what is said when there is none. The environment belongs to a whole process, so each
//! of these tests runs itself once more in a process with another one.

use std::process::Command;

use anyhow::Result;
use dunlin_servers::{Kind, Options, Server, shared};

use crate::wire::{say, skipped};

/// Set in the process that was started by the test itself.
const INNER: &str = "DUNLIN_SERVERS_TEST_INNER";

fn is_inner() -> bool {
    std::env::var_os(INNER).is_some()
}

/// Runs one test of this binary in a process with these variables.
#[track_caller]
fn passes_with(test: &str, variables: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--exact", test, "--nocapture"])
        .env(INNER, "yes")
        .envs(variables.iter().copied());
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_the_environment_names_is_used_and_never_killed() -> Result<()> {
    if skipped(&[Kind::Redis]) {
        return Ok(());
    }
    if !is_inner() {
        let server = Server::start(Kind::Redis, Options::new().own()).await?;
        let test = "finding::a_server_that_the_environment_names_is_used_and_never_killed";
        return passes_with(test, &[(Kind::Redis.variable(), &server.variable_value())]);
    }
    let named = std::env::var(Kind::Redis.variable())?;
    let server = shared(Kind::Redis).await?;
    assert!(!server.is_own());
    assert_eq!(server.url(), named);
    say(&server.hosts(), "PING\r\n", "PONG").await?;
    let mut server = Server::start(Kind::Redis, Options::new()).await?;
    let error = server.kill().await.expect_err("it is somebody else's");
    assert!(error.to_string().contains("not this process's own"), "{error}");
    let own = Server::start(Kind::Redis, Options::new().own()).await?;
    assert!(own.is_own());
    assert_ne!(own.hosts(), server.hosts());
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_be_had_is_an_error_that_says_what_was_tried() -> Result<()> {
    if !is_inner() {
        let empty = tempfile::tempdir()?;
        let folder = empty.path().display().to_string();
        let test = "finding::a_server_that_cannot_be_had_is_an_error_that_says_what_was_tried";
        return passes_with(
            test,
            &[
                ("PATH", &folder),
                ("DUNLIN_SERVERS_CACHE", &folder),
                ("DUNLIN_CONTAINER_ENGINE", "none"),
                (Kind::Kafka.variable(), ""),
                ("DUNLIN_WITHOUT", ""),
            ],
        );
    }
    let error = Server::start(Kind::Kafka, Options::new())
        .await
        .expect_err("there is no Java on an empty path")
        .to_string();
    for part in [
        "DUNLIN_KAFKA_BOOTSTRAP is not set",
        "a container: DUNLIN_CONTAINER_ENGINE is `none`",
        "Kafka has no program of its own",
        "`java`, version 17 or later, is not on PATH",
    ] {
        assert!(error.contains(part), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn a_kind_that_was_left_out_is_not_started() -> Result<()> {
    if !is_inner() {
        let test = "finding::a_kind_that_was_left_out_is_not_started";
        return passes_with(test, &[("DUNLIN_WITHOUT", "amqp,kafka")]);
    }
    let error = shared(Kind::Kafka)
        .await
        .expect_err("it was left out")
        .to_string();
    assert!(
        error.contains("Kafka was left out of this run (DUNLIN_WITHOUT)"),
        "{error}"
    );
    Ok(())
}
