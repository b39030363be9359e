//! Holds every messaging system to the contract, all at the same time, and puts the outcomes into one table.
//!
//! Each system's tests run in a process of their own: most of the time goes into waiting for brokers, and one that hangs or
//! ends badly takes no other with it. How many scenarios have to pass is written in those tests; fewer fail them, and this.

mod table;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;
use table::Table;

/// What `cargo xtask conformance` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only these: `memory`, or the folder of an adapter, such as `file` or `nats`. Everything otherwise.
    systems: Vec<String>,
    /// Leaves a system out. The last lines say so.
    #[arg(long)]
    without: Vec<String>,
    /// Kills each broker in twenty runs of a scenario instead of three.
    #[arg(long)]
    full: bool,
    /// Puts the table into the page about conformance.
    #[arg(long)]
    write: bool,
}

/// A system with conformance tests.
struct System {
    name: String,
    package: String,
    folder: PathBuf,
    /// The test binary, and which of its tests are meant.
    target: &'static str,
    filter: &'static str,
}

/// One process with the tests of a system.
struct Finished {
    name: String,
    /// How it failed, if it did.
    fault: Option<String>,
    seconds: f64,
}

/// Runs the tests, and prints the table and what failed.
///
/// # Errors
/// When a system is not known, the tests do not build, or their outcomes cannot be read. Failed scenarios are in the
/// status.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let systems = chosen(options)?;
    let programs = build(&systems)?;
    let scratch = tempfile::tempdir().context("no scratch folder for the outcomes")?;
    let finished: Vec<Result<Finished>> = std::thread::scope(|scope| {
        let running: Vec<_> = (systems.iter().zip(&programs))
            .map(|(system, program)| {
                let folder = scratch.path().join(&system.name);
                scope.spawn(move || run_one(system, program, &folder, options.full))
            })
            .collect();
        let joined = running.into_iter().map(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| bail!("the thread that watched a test ended badly"))
        });
        joined.collect()
    });
    let mut table = Table::default();
    let mut faults = Vec::new();
    for ended in finished {
        let Finished { name, fault, seconds } = ended?;
        let outcomes = table.read(&name, &scratch.path().join(&name))?;
        println!("{name}: {seconds:.0} s");
        match fault {
            Some(fault) => faults.push(format!("{name}: {fault}")),
            None if outcomes == 0 => faults.push(format!("{name}: its tests wrote no outcome")),
            None => {}
        }
    }
    println!("\n{}", table.text());
    if options.write {
        table::write_into(
            &workspace::root().join("docs/reference/conformance.md"),
            &table.markdown(),
        )?;
    }
    for name in &options.without {
        println!("skipped: everything about {name} (--without {name})");
    }
    for fault in &faults {
        println!("failed: {fault}");
    }
    println!("conformance: {}", table.totals());
    Ok(if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The systems that are meant, memory first.
fn chosen(options: &Options) -> Result<Vec<System>> {
    let all = all()?;
    let known: Vec<&str> = all.iter().map(|system| system.name.as_str()).collect();
    for name in options.systems.iter().chain(&options.without) {
        ensure!(
            known.contains(&name.as_str()),
            "expected one of {}, found `{name}`",
            known.join(", ")
        );
    }
    let meant = |system: &System| {
        (options.systems.is_empty() || options.systems.contains(&system.name))
            && !options.without.contains(&system.name)
    };
    Ok(all.into_iter().filter(meant).collect())
}

/// Everything that has conformance tests: memory, and each adapter or example with a test of that name.
fn all() -> Result<Vec<System>> {
    let root = workspace::root();
    let mut systems = vec![System {
        name: "memory".to_owned(),
        package: "dunlin-conformance".to_owned(),
        folder: root.join("crates/conformance"),
        target: "it",
        filter: "memory::a_",
    }];
    for place in ["adapters", "examples"] {
        let Ok(entries) = std::fs::read_dir(root.join(place)) else {
            continue;
        };
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()
            .with_context(|| format!("reading {place}"))?;
        folders.sort();
        systems.extend(folders.into_iter().filter_map(system));
    }
    Ok(systems)
}

fn system(folder: PathBuf) -> Option<System> {
    let name = folder.file_name()?.to_str()?.to_owned();
    let (target, filter) = if folder.join("tests/conformance.rs").exists() {
        ("conformance", "")
    } else if folder.join("tests/it/conformance.rs").exists() {
        ("it", "conformance::")
    } else {
        return None;
    };
    Some(System {
        package: format!("dunlin-{name}"),
        name,
        folder,
        target,
        filter,
    })
}

/// Builds the tests of these systems, and says where each binary is, in their order.
///
/// The whole workspace is named, as by `cargo xtask test`, so that neither builds anew what the other has built. The adapter that
/// builds C++ is left out where nobody asks for it.
fn build(systems: &[System]) -> Result<Vec<PathBuf>> {
    let mut command = workspace::cargo();
    command.args([
        "test",
        "--no-run",
        "--tests",
        "--message-format=json-render-diagnostics",
        "--workspace",
    ]);
    if systems.iter().any(|system| system.name == "kafka") {
        command.args(["--features", &workspace::features()]);
    } else {
        command.args(["--exclude", "dunlin-kafka"]);
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be started")?;
    ensure!(output.status.success(), "the conformance tests did not build");
    let messages: Vec<serde_json::Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    systems
        .iter()
        .map(|system| {
            let manifest = system.folder.join("Cargo.toml");
            let mut built = messages.iter().filter(|message| {
                message["manifest_path"].as_str().map(Path::new) == Some(&manifest)
                    && message["target"]["name"] == system.target
                    && message["target"]["kind"][0] == "test"
            });
            let program = built.find_map(|message| message["executable"].as_str());
            program.map(PathBuf::from).with_context(|| {
                format!(
                    "cargo named no test binary `{}` of {}",
                    system.target, system.package
                )
            })
        })
        .collect()
}

/// Runs the conformance tests of one system; what they print passes by with its name in front.
fn run_one(system: &System, program: &Path, folder: &Path, full: bool) -> Result<Finished> {
    std::fs::create_dir_all(folder).context("no folder for the outcomes")?;
    let started = Instant::now();
    let mut command = Command::new(program);
    command
        .args([system.filter, "--nocapture"])
        .current_dir(&system.folder)
        .env("DUNLIN_CONFORMANCE_TABLE", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if full {
        command.env("DUNLIN_CONFORMANCE", "full");
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("the tests of {} could not be started", system.name))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let mut ran = false;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for line in lines(errors) {
                eprintln!("{:<8}| {line}", system.name);
            }
        });
        for line in lines(output) {
            // libtest is content when a filter fits no test at all.
            ran |= line.starts_with("test ") && line.contains(" ... ");
            println!("{:<8}| {line}", system.name);
        }
    });
    let status = child.wait().context("waiting for a test")?;
    let fault = match (status.success(), ran) {
        (false, _) => Some(format!("the tests failed ({status})")),
        (true, false) => Some("no test of conformance ran".to_owned()),
        (true, true) => None,
    };
    Ok(Finished {
        name: system.name.clone(),
        fault,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// The lines of a pipe until it ends. What is no text is shown as far as it is.
fn lines(pipe: Option<impl std::io::Read>) -> impl Iterator<Item = String> {
    let mut reader = pipe.map(BufReader::new);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        // A pipe that breaks has ended; how the process ended is asked of itself.
        let read = reader.as_mut()?.read_until(b'\n', &mut line).unwrap_or(0);
        (read > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    })
}
