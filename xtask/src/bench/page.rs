//! The page of a benchmark: what machine it was, and what was measured.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// Prints a page and writes it to `docs/benchmarks`.
pub(super) fn publish(name: &str, title: &str, task: &str, body: &str) -> Result<()> {
    let page = format!(
        "# {title}\n\n\
         Written by `{task}`. Ratios hold for one run on one machine; no number of one day is divided by a number of another.\n\n\
         {}\n\n{}\n",
        machine(),
        body.trim_end()
    );
    println!("{page}");
    let path = folder().join(format!("{name}.md"));
    std::fs::create_dir_all(folder()).context("docs/benchmarks could not be made")?;
    std::fs::write(&path, page).with_context(|| format!("{} could not be written", path.display()))
}

/// The folder of what was measured.
fn folder() -> PathBuf {
    workspace::root().join("docs/benchmarks")
}

/// What the figures depend on.
fn machine() -> String {
    let processor = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| "a processor without a name".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or_else(
            || "an unknown amount of".to_owned(),
            |kilobytes| format!("{} GiB of", (kilobytes + (1 << 19)) >> 20),
        );
    let compiler = Command::new("rustc")
        .arg("--version")
        .output()
        .ok()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .filter(|version| !version.is_empty())
        .unwrap_or_else(|| "an unknown compiler".to_owned());
    format!(
        "Machine: {processor}, {cores} cores, {memory} memory, {} {}; {compiler}, release profile, no flags for one processor.",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}
