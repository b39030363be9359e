//! `apply` as a part of a pipe.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::machine::{dunlin, package, run, text};

/// The command with a pipe at either side.
fn applying() -> Command {
    let mut command = dunlin();
    command
        .args(["apply", "migrations/orders.yaml"])
        .current_dir(package().join("tests/project"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

#[test]
fn documents_stay_in_order_and_none_is_lost() {
    let documents = 20_000;
    let input: String = (0..documents)
        .map(|id| format!("{{\"id\":{id},\"zip\":\"1\"}}\n"))
        .collect();
    let project = package().join("tests/project");
    let output = run(&project, ["apply", "migrations/orders.yaml"], input.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let expected: String = (0..documents)
        .map(|id| format!("{{\"id\":{id},\"postcode\":\"1\"}}\n"))
        .collect();
    assert!(text(&output.stdout) == expected);
}

#[test]
fn what_is_done_is_written_before_more_is_waited_for() {
    let mut child = applying().spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for id in 0..3 {
        writeln!(input, "{{\"id\":{id}}}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{{\"id\":{id}}}\n"));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_without_a_word() {
    let mut child = applying().stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // The command ends on the way, and its input with it.
    while input.write_all(b"{\"zip\":\"1\"}\n").is_ok() {}
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(told, "");
}

#[test]
fn a_failure_is_told_by_its_line_in_exactly_these_words() {
    let project = package().join("tests/project");
    let input = b"{}\n{}\n{\"lines\":[\"x\"]}\n";
    let output = run(&project, ["apply", "migrations/orders.yaml"], input);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "{}\n{}\n");
    assert_eq!(
        text(&output.stderr),
        "line 3: mismatch in 0002-lines#1 at lines[0]: expected an object, found a string\n"
    );
    let output = run(
        &project,
        ["apply", "migrations/orders.yaml", "--format", "json"],
        input,
    );
    assert_eq!(
        text(&output.stderr),
        "{\"line\":3,\"kind\":\"mismatch\",\"transformation\":\"0002-lines#1\",\"path\":\"lines[0]\",\"found\":\"string\",\"message\":\"expected an object, found a string\"}\n"
    );
}

#[test]
fn failures_are_told_in_the_order_of_their_lines_however_many_threads_work() {
    let documents = 40_000;
    let (mut input, mut kept, mut told) = (String::new(), String::new(), String::new());
    for line in 1..=documents {
        if line % 7 == 0 {
            input.push_str("{\"lines\":[\"x\"]}\n");
            told.push_str(&format!(
                "line {line}: mismatch in 0002-lines#1 at lines[0]: expected an object, found a string\n"
            ));
        } else {
            // Uneven, so that one block has more to do than the next.
            let text = "x".repeat(line % 97);
            input.push_str(&format!("{{\"id\":{line},\"text\":\"{text}\"}}\n"));
            kept.push_str(&format!("{{\"id\":{line},\"text\":\"{text}\"}}\n"));
        }
    }
    let project = package().join("tests/project");
    let folder = tempfile::tempdir().unwrap();
    let dead = folder.path().join("dead.ndjson");
    let output = run(
        &project,
        [
            "apply",
            "migrations/orders.yaml",
            "--dead-letter",
            dead.to_str().unwrap(),
        ],
        input.as_bytes(),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout) == kept);
    assert!(text(&output.stderr) == told);
    let dead = std::fs::read_to_string(dead).unwrap();
    let expected: Vec<String> = (1..=documents)
        .filter(|line| line % 7 == 0)
        .map(|line| format!("standard input:{line}\""))
        .collect();
    assert_eq!(dead.lines().count(), expected.len());
    assert!(
        dead.lines()
            .zip(&expected)
            .all(|(line, place)| line.contains(place.as_str()))
    );
}

#[test]
fn a_file_that_is_read_or_written_already_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::copy(
        package().join("tests/project/migrations/orders.yaml"),
        path("m.yaml"),
    )
    .unwrap();
    std::fs::write(path("in.ndjson"), "{}\n").unwrap();
    std::fs::hard_link(path("in.ndjson"), path("same.ndjson")).unwrap();
    std::fs::create_dir(path("sub")).unwrap();
    let migration = std::fs::read(path("m.yaml")).unwrap();
    for (arguments, what) in [
        (&["in.ndjson", "--report", "in.ndjson"][..], "the input"),
        (&["in.ndjson", "--dead-letter", "same.ndjson"], "the input"),
        (&["in.ndjson", "--dead-letter", "sub/../m.yaml"], "the migration"),
        (
            &[
                "in.ndjson",
                "--report",
                "new.ndjson",
                "--dead-letter",
                "./new.ndjson",
            ],
            "the report",
        ),
    ] {
        let output = run(folder.path(), ["apply", "m.yaml"].iter().chain(arguments), b"");
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(
            told.contains(what) && told.contains("nothing was written"),
            "{told}"
        );
        assert_eq!(std::fs::read(path("in.ndjson")).unwrap(), b"{}\n");
        assert_eq!(std::fs::read(path("m.yaml")).unwrap(), migration);
        assert!(!path("new.ndjson").exists());
    }
    // What standard input and output were connected to is a file, too.
    let mut command = dunlin();
    command.args(["apply", "m.yaml", "--report", "in.ndjson"]);
    command
        .current_dir(folder.path())
        .stdin(std::fs::File::open(path("in.ndjson")).unwrap());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(path("in.ndjson")).unwrap(), b"{}\n");
}

#[test]
fn it_ends_when_its_output_is_closed_though_its_input_stays_open() {
    let mut child = applying().spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"{\"zip\":\"1\"}\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(input);
}
