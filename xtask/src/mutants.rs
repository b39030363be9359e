//! Shows that the tests bite: makes one deliberate fault after the other, and expects a named test to fail for each.
//!
//! The faults are made in a copy of the tree, so that no run can leave one behind. Before each, its test must pass; a fault that
//! does not compile counts as not caught, because no test has said anything about it.

mod faults;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;
use faults::{FAULTS, Fault};

/// What `cargo xtask mutants` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Makes only faults whose name holds this text.
    filter: Option<String>,
}

/// Makes every fault, and prints which test caught it.
///
/// # Errors
/// When a fault no longer fits the source, or a test does not pass without one.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let target = workspace::target_folder()?.join("mutants");
    let tree = target.join("tree");
    copy_tree(&tree)?;
    let wanted = |fault: &&Fault| {
        options
            .filter
            .as_ref()
            .is_none_or(|filter| fault.name.contains(filter.as_str()))
    };
    let (mut caught, mut missed) = (0, 0);
    for fault in FAULTS.iter().filter(wanted) {
        let file = tree.join(fault.file);
        let right =
            std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let times = right.matches(fault.right).count();
        ensure!(
            times == 1,
            "the fault `{}` fits {} at {times} places instead of one",
            fault.name,
            fault.file
        );
        ensure!(
            test(&tree, &target, fault)? == Verdict::Passed,
            "`{}` does not pass without a fault, so that it shows nothing",
            fault.test
        );
        std::fs::write(&file, right.replace(fault.right, fault.wrong))
            .context("the fault could not be made")?;
        let verdict = test(&tree, &target, fault);
        std::fs::write(&file, right).context("the fault could not be taken back")?;
        match verdict? {
            Verdict::Failed => {
                caught += 1;
                println!("caught: {} ({})", fault.name, fault.test);
            }
            Verdict::Passed => {
                missed += 1;
                println!("MISSED: {}: {} passes all the same", fault.name, fault.test);
            }
            Verdict::NotBuilt => {
                missed += 1;
                println!("MISSED: {}: the fault does not compile", fault.name);
            }
        }
    }
    println!("faults: {caught} caught, {missed} missed");
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What a test said.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    NotBuilt,
}

fn test(tree: &Path, target: &Path, fault: &Fault) -> Result<Verdict> {
    let output = workspace::cargo()
        .current_dir(tree)
        .args([
            "test",
            "--package",
            fault.package,
            "--all-targets",
            "--target-dir",
        ])
        .arg(target.join("build"))
        .arg(fault.test)
        // A fault may bring a warning; that is not what is asked here.
        .env("RUSTFLAGS", "--cap-lints warn")
        .output()
        .context("cargo could not be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = |ending: &str| {
        said.lines()
            .any(|line| line.contains(fault.test) && line.ends_with(ending))
    };
    if line("FAILED") {
        Ok(Verdict::Failed)
    } else if line("ok") {
        Ok(Verdict::Passed)
    } else if String::from_utf8_lossy(&output.stderr).contains("could not compile") {
        Ok(Verdict::NotBuilt)
    } else {
        bail!("no test of {} is named `{}`", fault.package, fault.test)
    }
}

/// Copies what git knows and what is new, with the changes that were not committed.
fn copy_tree(tree: &Path) -> Result<()> {
    let listed = Command::new("git")
        .current_dir(workspace::root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .output()
        .context("git could not be started")?;
    ensure!(listed.status.success(), "git could not list the files");
    for name in String::from_utf8_lossy(&listed.stdout)
        .split('\0')
        .filter(|name| !name.is_empty())
    {
        let from: PathBuf = workspace::root().join(name);
        let to = tree.join(name);
        if !from.is_file() {
            continue;
        }
        let bytes = std::fs::read(&from).with_context(|| format!("{name} cannot be read"))?;
        if std::fs::read(&to).is_ok_and(|there| there == bytes) {
            // What is written anew is built anew.
            continue;
        }
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).context("a folder could not be made")?;
        }
        std::fs::write(&to, bytes).with_context(|| format!("{name} could not be copied"))?;
    }
    Ok(())
}
