//! Runs the command beside clients that look at what it does.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use dunlin_integration_tests::dunlin;
use dunlin_integration_tests::project::{Project, Ran};
use rustix::process::Signal;

/// After so long without the last message a run counts as stuck.
const PATIENCE: Duration = Duration::from_secs(180);

/// The command that is tested: the one that `cargo xtask test` names, else the one that was built with the tests.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("DUNLIN_RELEASE_BINARY").map_or_else(dunlin, PathBuf::from)
}

/// A folder with this configuration.
pub(crate) fn project(configuration: &str) -> Project {
    let project = Project::of(program());
    project.write("dunlin.yaml", configuration);
    project
}

/// Runs this on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
        .block_on(future)
}

/// Runs the routes of a project until nothing is missing any more, and ends them in good order. `look` tells what is.
///
/// # Errors
/// The routes ended before, or did not end well, or something is missing for too long.
pub(crate) async fn run_until(
    project: &Project,
    mut look: impl AsyncFnMut(&mut Vec<String>) -> Result<()>,
) -> Result<Ran> {
    let mut running = project.start(&["run", "--format", "json"]);
    let begun = Instant::now();
    loop {
        let mut missing = Vec::new();
        look(&mut missing).await?;
        if missing.is_empty() {
            break;
        }
        if running.child().try_wait()?.is_some() || begun.elapsed() > PATIENCE {
            running.signal_if_alive(Signal::TERM);
            anyhow::bail!(
                "{} after {:?}: {:?}",
                missing.join(", "),
                begun.elapsed(),
                running.wait()
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.signal(Signal::TERM);
    let ran = running.wait();
    ensure!(ran.status == Some(0), "{ran:?}");
    Ok(ran)
}
