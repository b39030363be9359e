//! A server's process: signals to its whole group, and waiting for its end.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A process that was started, the leader of a group of its own.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    pid: Pid,
}

impl Running {
    /// Starts the command; what it prints is added to the file `output`.
    pub(crate) fn spawn(command: &mut Command, output: &Path) -> Result<Running> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(output)
            .with_context(|| format!("{} could not be opened", output.display()))?;
        let errors = file.try_clone().context("the output file could not be shared")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} could not be started", command.get_program().display()))?;
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("the process has an id out of range")?;
        Ok(Running { child, pid })
    }

    /// The id of the process, which is the id of its group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process and everything that it started.
    pub(crate) fn signal_group(&self, signal: Signal) -> Result<()> {
        kill_process_group(self.pid, signal).context("the server could not be signalled")
    }

    /// Sends a signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid, signal).context("the server could not be signalled")
    }

    /// The exit status, if the process has ended.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .context("the state of the server could not be read")
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub(crate) async fn end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if started.elapsed() > limit {
                bail!(
                    "the server still runs {} s after it was told to end",
                    limit.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The guardian kills the group as well; here the child is waited for, so that no zombie is left.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(self.pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Runs a command to its end without blocking the tests beside it, and returns what it printed.
///
/// # Errors
/// When it cannot be started, takes longer than a minute (it is killed then), or fails; with what it said.
pub(crate) async fn run(command: Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let mut command = tokio::process::Command::from(command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(60), command.output())
        .await
        .with_context(|| format!("`{program}` did not end within a minute"))?
        .with_context(|| format!("`{program}` could not be started"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "`{program}` failed ({}): {}{said}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(said)
}
