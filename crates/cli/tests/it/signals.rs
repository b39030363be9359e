//! Signals: the first drains, the second aborts.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{dunlin, write};

/// How long anything here is waited for; far more than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Messages that come one after the other without an end, to a target that takes them.
const FOLLOWING: &str = "
systems:
  here: { url: 'file:.', settings: { poll_interval_ms: 10 } }
routes:
  a: { from: { system: here, channel: in, settings: { follow: true } }, to: here/out }
";

/// Messages to a pipe that nobody reads.
const STUCK: &str = "
systems:
  here: { url: 'file:.' }
  pipe: { url: 'file:-' }
routes:
  a: { from: here/in, to: pipe }
";

fn start(folder: &Path, configuration: &str, messages: usize) -> Child {
    write(folder, "dunlin.yaml", configuration);
    let message = format!("{{\"text\":\"{}\"}}\n", "x".repeat(1000));
    write(folder, "in.ndjson", message.repeat(messages));
    dunlin()
        .arg("run")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn lines(path: &Path) -> usize {
    std::fs::read(path).map_or(0, |text| text.split(|byte| *byte == b'\n').count() - 1)
}

#[test]
fn the_first_signal_drains_and_ends_with_success() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let child = start(folder.path(), FOLLOWING, 500);
        until("all messages are out", || {
            lines(&folder.path().join("out.ndjson")) == 500
        });
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{told}");
        assert_eq!(told, "finishing what is in flight; a second signal aborts\n");
        let summary = String::from_utf8(output.stdout).unwrap();
        assert!(
            summary.contains("a: stopped, everything in flight was finished"),
            "{summary}"
        );
    }
}

#[test]
fn the_second_signal_aborts_with_its_own_status() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start(folder.path(), STUCK, 2000);
        // A byte shows that the pipe is being filled; it stays full, since nobody reads the rest.
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut [0]).unwrap();
        send(&child, signal);
        let mut told = BufReader::new(child.stderr.take().unwrap());
        // Before it stands the warning that a pipe confirms nothing.
        let mut line = String::new();
        while line != "finishing what is in flight; a second signal aborts\n" {
            line.clear();
            assert_ne!(
                told.read_line(&mut line).unwrap(),
                0,
                "the note of the first signal never came"
            );
        }
        send(&child, signal);
        until("the command has ended", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap().code(), Some(status));
        drop(output);
    }
}

#[test]
fn a_tail_ends_with_success_at_its_first_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "dunlin.yaml", FOLLOWING);
        write(folder.path(), "in.ndjson", "{}\n");
        let mut child = dunlin()
            .args(["tail", "here/in", "--start", "earliest"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Signals are listened to before the first message is shown.
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "{\"payload\":{}}\n");
        send(&child, signal);
        until("the command has ended", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_route_that_is_stopped_before_it_got_to_its_work_says_what_it_waited_for() {
    // A port that nobody listens on, because who did has let go of it.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let configuration = format!(
        "
systems:
  here: {{ url: 'file:.' }}
  gone: {{ url: 'redis://127.0.0.1:{port}' }}
routes:
  a: {{ from: here/in, to: gone/out }}
"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &configuration, 1);
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting: ") {
        line.clear();
        assert_ne!(
            told.read_line(&mut line).unwrap(),
            0,
            "it is never said that the route waits"
        );
    }
    send(&child, Signal::TERM);
    let mut summary = String::new();
    child.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        summary.contains("while it waited: system `gone` cannot be connected to"),
        "{summary}"
    );
    assert!(!summary.contains("nothing new"), "{summary}");
}
