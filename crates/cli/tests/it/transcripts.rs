//! Transcripts: commands, and exactly what they print.
//!
//! A transcript is a file of `transcripts/`. It is run in a copy of `tests/project`, command by command. A line that begins
//! with `$ ` is a command for the shell; what follows is its standard output, then its standard error with `! ` before each
//! line, then `? ` and the exit status unless that is 0. What changes from run to run (times, the scratch folder, the identity
//! of a file, and with the features which systems there are) is replaced by a word in brackets on both sides, and nothing else is: a transcript is compared byte for byte.
//!
//! `DUNLIN_BLESS=1` writes the transcripts anew from what the commands print. Read the difference before it is committed.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;

use crate::machine::{copy, dunlin, package, text};

/// What changes from run to run, or from one choice of features to another, and the word that stands for it.
const CHANGING: [(&str, &str); 3] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z", "[TIME]"),
    (r"#[0-9a-f]+-[0-9a-f]+@", "#[FILE]@"),
    (
        r"systems that are built in \([^)]*\)",
        "systems that are built in ([SYSTEMS])",
    ),
];

fn transcript(name: &str) {
    let file = package().join(format!("tests/it/transcripts/{name}.console"));
    let wanted = std::fs::read_to_string(&file).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(&package().join("tests/project"), folder.path());
    let mut found = String::new();
    for line in wanted.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            perform(command, folder.path(), &mut found);
        } else if line.starts_with('#') && found.lines().all(|line| line.starts_with('#')) {
            // What a transcript is about stands at its top.
            writeln!(found, "{line}").unwrap();
        }
    }
    if std::env::var_os("DUNLIN_BLESS").is_some() {
        std::fs::write(&file, found).unwrap();
        return;
    }
    if wanted != found {
        let first = wanted
            .lines()
            .zip(found.lines())
            .position(|(wanted, found)| wanted != found)
            .unwrap_or_else(|| wanted.lines().count().min(found.lines().count()));
        panic!(
            "{name}.console differs from line {}:\nexpected {:?}\nfound    {:?}\n\nAll that was found:\n{found}",
            first + 1,
            wanted.lines().nth(first),
            found.lines().nth(first)
        );
    }
}

fn perform(command: &str, folder: &Path, found: &mut String) {
    let program = Path::new(env!("CARGO_BIN_EXE_dunlin")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    for (name, value) in dunlin().get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let output = shell
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    writeln!(found, "$ {command}").unwrap();
    found.push_str(&elided(&text(&output.stdout), folder));
    if !found.ends_with('\n') {
        found.push('\n');
    }
    for line in elided(&text(&output.stderr), folder).lines() {
        writeln!(found, "! {line}").unwrap();
    }
    match output.status.code() {
        Some(0) => {}
        Some(status) => writeln!(found, "? {status}").unwrap(),
        None => writeln!(found, "? ended by a signal").unwrap(),
    }
}

fn elided(text: &str, folder: &Path) -> String {
    let mut text = text.to_owned();
    for folder in [folder.to_owned(), folder.canonicalize().unwrap()] {
        text = text.replace(folder.to_str().unwrap(), "[FOLDER]");
    }
    for (pattern, word) in CHANGING {
        text = Regex::new(pattern).unwrap().replace_all(&text, word).into_owned();
    }
    text
}

macro_rules! transcripts {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            transcript($name);
        })*

        #[test]
        fn every_transcript_is_run() {
            let mut files: Vec<String> = std::fs::read_dir(package().join("tests/it/transcripts"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let mut run = vec![$(concat!($name, ".console").to_owned()),*];
            run.sort();
            assert_eq!(files, run);
        }
    };
}

transcripts! {
    apply_migrates_and_tells_what_fails: "apply",
    check_tells_what_is_wrong_and_what_is_promised: "check",
    compat_compares_schemas: "compat",
    completions_and_manual_pages_are_printed: "completions-man",
    explain_shows_each_step: "explain",
    the_help_shows_examples: "help",
    init_and_new_make_files_that_work: "init-new",
    invert_writes_the_way_back: "invert",
    lock_holds_a_chain: "lock",
    logs_go_to_standard_error: "logs",
    peek_and_tail_show_envelopes: "look",
    check_proves_a_chain_against_its_schemas: "proof",
    run_moves_messages_and_sums_up: "run",
    schema_is_printed: "schema",
    systems_are_listed: "systems",
    test_compares_documents_by_meaning: "test",
}
