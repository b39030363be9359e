//! `dunlin apply` as a whole process beside `jq -c` doing the same to the same file.

mod filters;

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use dunlin_servers::Tool;
use serde_json::Value;

use super::watched::{self, Taken};
use super::{Programs, output, page, programs, succeed};

/// Documents for which both are held against each other before anything is timed.
const COMPARED: usize = 500;
/// The kinds of documents, with what jq is told to do.
const CASES: [(&str, &str); 2] = [("flat", filters::FLAT), ("nested", filters::NESTED)];

/// Runs the comparison and writes the page.
pub(super) fn run(messages: usize, rounds: usize) -> Result<()> {
    ensure!(rounds > 0, "expected at least one round");
    let programs = programs()?;
    let jq = Tool::Jq.ready()?;
    let mut body = format!(
        "A file of {messages} messages, standard output thrown away; median of {rounds} rounds in which the contestants take turns. \
         Processor time is that of all threads. Before anything was timed, {COMPARED} outputs of both were held against each other: \
         they differ in the order of members, and in the digits of long numbers, which `dunlin` keeps and jq rounds.\n\n\
         jq: {}.\n",
        jq.describe()
            .rsplit_once('(')
            .map_or("", |(_, version)| version.trim_end_matches(')'))
    );
    for (document, filter) in CASES {
        let scratch = tempfile::tempdir().context("no scratch folder could be made")?;
        let (chain, file) = (
            scratch.path().join("chain.json"),
            scratch.path().join("in.ndjson"),
        );
        write_files(&programs, document, COMPARED, &chain, &file)?;
        let mut theirs = jq.command();
        theirs.args(["-c", filter]).arg(&file);
        compare(
            &output(
                &mut apply(&programs, &chain, &file, None),
                "`dunlin apply` failed",
            )?,
            &output(&mut theirs, "jq failed")?,
        )?;
        let bytes = write_files(&programs, document, messages, &chain, &file)?;
        let mut contestants: [(&str, Command); 3] = [
            ("`dunlin apply`", apply(&programs, &chain, &file, None)),
            (
                "`dunlin apply --engine interpreter`",
                apply(&programs, &chain, &file, Some("interpreter")),
            ),
            ("`jq -c`", {
                let mut command = jq.command();
                command.args(["-c", filter]).arg(&file);
                command
            }),
        ];
        let mut taken: [Vec<Taken>; 3] = [Vec::new(), Vec::new(), Vec::new()];
        for round in 0..rounds {
            for ((name, command), taken) in contestants.iter_mut().zip(&mut taken) {
                eprintln!("{document}, round {}: {name}", round + 1);
                let (status, took) = watched::run(command)?;
                ensure!(status.success(), "{name} failed ({status})");
                taken.push(took);
            }
        }
        let names = contestants.each_ref().map(|(name, _)| *name);
        body.push_str(&table(document, bytes, names, &taken));
    }
    page::publish("apply", "The filter", "cargo xtask bench apply", &body)
}

fn apply(programs: &Programs, chain: &Path, file: &Path, engine: Option<&str>) -> Command {
    let mut command = Command::new(&programs.dunlin);
    command.arg("apply").arg(chain).arg(file);
    if let Some(engine) = engine {
        command.args(["--engine", engine]);
    }
    command
}

/// Writes a chain and a file of documents; how many bytes these have.
fn write_files(
    programs: &Programs,
    document: &str,
    messages: usize,
    chain: &Path,
    file: &Path,
) -> Result<u64> {
    let printed = output(
        Command::new(&programs.bench).args(["chain", document]),
        "the chain could not be had",
    )?;
    std::fs::write(chain, printed).context("a file could not be written")?;
    let documents = File::create(file).context("a file could not be made")?;
    succeed(
        Command::new(&programs.bench)
            .args(["documents", document, &messages.to_string()])
            .stdout(documents),
        "the documents could not be made",
    )?;
    Ok(std::fs::metadata(file).context("a file is not there")?.len())
}

/// Holds both outputs against each other.
fn compare(ours: &str, theirs: &str) -> Result<()> {
    ensure!(
        ours.lines().count() == COMPARED && theirs.lines().count() == COMPARED,
        "one of both left documents out"
    );
    for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
        let (one, other): (Value, Value) = (serde_json::from_str(ours)?, serde_json::from_str(theirs)?);
        if !is_same(&one, &other) {
            bail!("document {number} differs:\n{ours}\n{theirs}");
        }
    }
    Ok(())
}

/// The same but for the order of members and the last digits of numbers.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|same| is_same(value, same)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Number(one), Value::Number(other)) => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= other.abs() * 1e-12,
            _ => false,
        },
        (one, other) => one == other,
    }
}

fn table(document: &str, bytes: u64, names: [&str; 3], taken: &[Vec<Taken>; 3]) -> String {
    let mut text = format!(
        "\n## {document}, {} MB\n\n| | wall, s | processor, s | peak memory, MiB | times the wall of the first | times its processor |\n|---|--:|--:|--:|--:|--:|\n",
        bytes / 1_000_000
    );
    let medians = taken.each_ref().map(|taken| {
        let median = |figure: &dyn Fn(&Taken) -> f64| {
            let mut figures: Vec<f64> = taken.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        let memory = taken
            .iter()
            .map(|taken| taken.memory >> 20)
            .max()
            .unwrap_or_default();
        (
            median(&|taken| taken.wall.as_secs_f64()),
            median(&|taken| taken.processor.as_secs_f64()),
            memory,
        )
    });
    for (name, (wall, processor, memory)) in names.iter().zip(medians) {
        text.push_str(&format!(
            "| {name} | {wall:.2} | {processor:.2} | {memory} | {:.1} | {:.1} |\n",
            wall / medians[0].0,
            processor / medians[0].1
        ));
    }
    text
}
