//! Standard input and output, in a process whose own they are.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

const ROLE: &str = "DUNLIN_TEST_FILTER";

/// Run by itself it starts itself once more, as a filter between two pipes.
#[test]
fn standard_input_goes_line_by_line_to_standard_output() {
    if std::env::var_os(ROLE).is_some() {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(filter());
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::standard::standard_input_goes_line_by_line_to_standard_output",
            "--nocapture",
        ])
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"{\"n\": 1.10}\r\n\n{\"n\":2}\n{\"n\":").unwrap();
    input.write_all(b"3}").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("\"n\"")).collect();
    assert_eq!(lines, [r#"{"n": 1.10}"#, r#"{"n":2}"#, r#"{"n":3}"#], "{text}");
    assert!(output.status.success());
}

async fn filter() {
    let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::new());
    let settings = Settings::new();
    let opening = Opening {
        name: "pipe",
        url: "file:-",
        base: "/",
        settings: &settings,
        clock: &clock,
    };
    let system = (crate::PLUGIN.open)(&opening).unwrap();
    let session = system.connect(Events::ignored()).await.unwrap();
    let source = Source::new(Endpoint::new(""), "group");
    let target = Target::new(Endpoint::new(""), "test");
    refused(session.receiver(&source.clone().starting(Start::Latest)).await);
    assert!(
        session
            .browse()
            .unwrap()
            .look(&source.endpoint, &Start::Earliest, false)
            .await
            .is_err()
    );
    let (mut receiver, mut settler) = session.receiver(&source).await.unwrap();
    let mut sender = session.sender(&target).await.unwrap();
    let first = receive(&mut receiver, 1).await;
    settler
        .settle(&[(
            first[0].token,
            Verdict::Retry {
                after: Duration::ZERO,
            },
        )])
        .await
        .unwrap();
    let all = drain(&mut receiver).await;
    assert_eq!((all[0].attempt, &all[0].position), (Some(2), &None));
    sent(&mut sender, &texts(&all)).await;
    settle(&mut settler, &all).await;
    sender.close().await.unwrap();
    settler.close().await.unwrap();
    receiver.close().await.unwrap();
}
