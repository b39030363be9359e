//! Ends a server and removes its scratch folder when the test process is gone, however it went.
//!
//! Destructors run after a panic, but not after SIGKILL, and not for what a process keeps in a static. So each server
//! has a guardian: a shell that reads from a pipe of which the test process has the only other end. The pipe closes
//! when the handle is dropped and when the process dies; then the guardian kills the server's process group and
//! removes the folder. It has a process group of its own, so that an interrupt at the terminal or the killing of the
//! test's group does not reach it. A signal at the parent's death (`PR_SET_PDEATHSIG`) would do less: it comes when
//! the spawning thread ends, exists on Linux only, and cleans nothing up.
//!
//! Not promised: a process killed in the moment between starting a server and telling the guardian leaves it running.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

/// Reads the process group to end, one a line, the last counts, 0 is none. `$1` is the folder, the rest a command that
/// ends what no signal reaches (a container).
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
folder=$1; shift
group=0
while read -r line; do group=$line; done
[ "$group" -gt 0 ] && kill -s KILL -- "-$group" 2>/dev/null
[ $# -gt 0 ] && "$@" >/dev/null 2>&1
# What was just killed may still be writing.
rm -rf -- "$folder" 2>/dev/null || { sleep 0.2; rm -rf -- "$folder"; }
"#;

/// The guardian of one server.
#[derive(Debug)]
pub(crate) struct Guardian {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    /// Starts a guardian that removes `folder` in the end, after running `last` if that is not empty.
    pub(crate) fn start(folder: &Path, last: &[String]) -> Result<Guardian> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guardian"])
            .arg(folder)
            .args(last)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("the shell that guards a server could not be started")?;
        let pipe = shell.stdin.take();
        Ok(Guardian { shell, pipe })
    }

    /// Names the process group to end; 0 when nothing runs.
    pub(crate) fn watch(&mut self, group: u32) -> Result<()> {
        self.pipe
            .as_mut()
            .context("the pipe to the guardian is closed")?
            .write_all(format!("{group}\n").as_bytes())
            .context("the guardian of a server has gone away")
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The folder is gone and the ports are free when this returns. Nobody is left to hear of an error.
        let _ = self.shell.wait();
    }
}
