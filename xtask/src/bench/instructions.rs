//! Instructions per byte of input, counted by callgrind. They do not depend on the load of the machine, so they can be held
//! against committed figures in every run of the tests.
//!
//! A figure comes from N and 3N messages, so that starting up cancels out. It belongs to the code path that the engine takes:
//! a machine with other vectors has figures of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use dunlin_servers::{Ready, Tool};

use crate::workspace;

/// Contestants, documents and messages for which instructions are gated.
const GATED: [(&str, &str, usize); 10] = [
    ("generic", "flat", 2_000),
    ("generic", "nested", 600),
    ("generic", "large", 100),
    ("shape", "flat", 2_000),
    ("shape", "nested", 600),
    ("shape", "large", 100),
    ("shape", "scattered", 1_000),
    ("validate", "flat", 2_000),
    ("validate", "nested", 600),
    ("validate", "large", 100),
];
/// Further ones that are told.
const TOLD: [(&str, &str, usize); 10] = [
    ("generic", "scattered", 1_000),
    ("generic", "mixed", 2_000),
    ("generic", "pretty", 600),
    ("shape", "mixed", 2_000),
    ("outcomes", "nested", 600),
    ("shape", "pretty", 600),
    ("whole", "nested", 600),
    ("interpreter", "flat", 150),
    ("interpreter", "nested", 50),
    ("interpreter", "large", 10),
];
const OPERATIONS: &str = "20";
/// How much above a committed figure is still the same: the compiler and its library move a little.
const SLACK: f64 = 1.02;

/// The committed figures.
fn committed_path() -> PathBuf {
    workspace::root().join("bench/engine/instructions.txt")
}

/// All figures, as the benchmark reads them: a contestant, a document and a figure on each line.
pub(super) fn all(program: &Path) -> Result<String> {
    let valgrind = Tool::Valgrind.ready()?;
    let mut text = String::new();
    for (contestant, document, messages) in GATED.into_iter().chain(TOLD) {
        let figure = per_byte(&valgrind, program, contestant, document, messages)?;
        text.push_str(&format!("{contestant} {document} {figure:.2}\n"));
    }
    Ok(text)
}

/// Commits what is counted for the code path of this machine; figures of other paths stay.
pub(super) fn write(program: &Path) -> Result<()> {
    let valgrind = Tool::Valgrind.ready()?;
    let path = path_under(&valgrind, program)?;
    let mut figures = committed()?;
    for (contestant, document, messages) in GATED {
        let figure = per_byte(&valgrind, program, contestant, document, messages)?;
        figures.insert(format!("{path} {contestant} {document}"), figure);
    }
    let mut text = String::from(
        "# Instructions per byte of input, 20 operations: code path, contestant, document, figure.\n\
         # Written by `cargo xtask bench instructions --write`; `cargo xtask test` fails above them.\n",
    );
    for (key, figure) in figures {
        text.push_str(&format!("{key} {figure:.2}\n"));
    }
    print!("{text}");
    std::fs::write(committed_path(), text).context("the figures could not be written")
}

/// Whether no figure is above the committed one. Prints all of them, and the code path; what is left out is told with a reason.
pub(crate) fn gate(program: &Path, leave_out: &mut dyn FnMut(String)) -> Result<bool> {
    let valgrind = Tool::Valgrind.ready()?;
    let path = path_under(&valgrind, program)?;
    println!(
        "callgrind: {}; the engine takes the path `{path}` under it",
        valgrind.describe()
    );
    let figures = committed()?;
    let mut holds = true;
    for (contestant, document, messages) in GATED {
        let Some(most) = figures.get(&format!("{path} {contestant} {document}")) else {
            leave_out(format!(
                "instructions of {contestant}, {document}: none are committed for the path `{path}`"
            ));
            continue;
        };
        let figure = per_byte(&valgrind, program, contestant, document, messages)?;
        let verdict = if figure <= most * SLACK { "ok" } else { "FAILED" };
        holds &= figure <= most * SLACK;
        println!(
            "instructions per byte, {contestant}, {document}: {figure:.2}, committed {most:.2} ... {verdict}"
        );
    }
    Ok(holds)
}

fn committed() -> Result<BTreeMap<String, f64>> {
    let path = committed_path();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).context("the committed figures cannot be read"),
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (key, figure) = line.rsplit_once(' ').with_context(|| {
                format!("expected a figure in bench/engine/instructions.txt, found `{line}`")
            })?;
            Ok((key.to_owned(), figure.parse()?))
        })
        .collect()
}

/// The code path that the engine takes where instructions are counted: fewer vectors may be there.
fn path_under(valgrind: &Ready, program: &Path) -> Result<String> {
    let output = valgrind
        .command()
        .args(["--tool=none", "--quiet"])
        .arg(program)
        .arg("vectors")
        .output()
        .context("valgrind could not be started")?;
    ensure!(
        output.status.success(),
        "the engine does not run under valgrind: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Instructions for each byte of input, from N and 3N messages.
fn per_byte(
    valgrind: &Ready,
    program: &Path,
    contestant: &str,
    document: &str,
    messages: usize,
) -> Result<f64> {
    let (few, few_bytes) = count(valgrind.command(), program, contestant, document, messages)?;
    let (many, many_bytes) = count(valgrind.command(), program, contestant, document, 3 * messages)?;
    ensure!(
        many > few && many_bytes > few_bytes,
        "three times as many messages took no more instructions"
    );
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53 in so short a run")]
    Ok((many - few) as f64 / (many_bytes - few_bytes) as f64)
}

/// Instructions of one run, and the bytes that it took in.
fn count(
    mut valgrind: Command,
    program: &Path,
    contestant: &str,
    document: &str,
    messages: usize,
) -> Result<(u64, u64)> {
    let scratch = tempfile::tempdir().context("no scratch folder could be made")?;
    let out = scratch.path().join("callgrind.out");
    let output = valgrind
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["spin", contestant, document, OPERATIONS, &messages.to_string()])
        .output()
        .context("valgrind could not be started")?;
    ensure!(
        output.status.success(),
        "valgrind failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .context("the benchmark printed no bytes")?;
    let text = std::fs::read_to_string(&out).context("callgrind wrote nothing")?;
    let totals = text.lines().find_map(|line| {
        line.strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))
    });
    let totals = totals.context("callgrind told no totals")?;
    Ok((
        totals
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .parse()
            .context("callgrind told no number")?,
        bytes,
    ))
}
