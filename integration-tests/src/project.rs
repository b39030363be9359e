//! A folder with a configuration, in which the command is run as a user would run it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::lines;

/// After so long a test gives up waiting; nothing is decided by it but that something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A scratch folder; it is removed when this is dropped.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
    program: PathBuf,
}

/// A command that runs. It is killed when this is dropped before it ended.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// The exit status; none where a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub errors: String,
}

impl Project {
    /// An empty folder, in which this program is run.
    ///
    /// # Panics
    /// When there is no place for it.
    #[must_use]
    pub fn of(program: PathBuf) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a scratch folder can be made"),
            program,
        }
    }

    /// A folder with this text as `dunlin.yaml`, in which the command that was built with the tests is run.
    #[must_use]
    pub fn with(configuration: &str) -> Self {
        let project = Self::of(crate::dunlin());
        project.write("dunlin.yaml", configuration);
        project
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and makes its folders.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it lies in the folder")).expect("folders can be made");
        fs::write(path, text).expect("a file can be written");
    }

    /// Writes this behind what is in a file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn append(&self, name: &str, text: &str) {
        let file = OpenOptions::new().append(true).create(true).open(self.path(name));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// The text of a file; empty where there is none.
    ///
    /// # Panics
    /// When it is no text.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        let path = self.path(name);
        if !path.exists() {
            return String::new();
        }
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The lines of a file as JSON.
    #[must_use]
    pub fn json(&self, name: &str) -> Vec<Value> {
        lines::read(&self.text(name))
    }

    /// The payloads of a file of envelopes.
    ///
    /// # Panics
    /// When a line is no envelope.
    #[must_use]
    pub fn payloads(&self, name: &str) -> Vec<Value> {
        let payload = |envelope: lines::Envelope<Value>| envelope.payload.unwrap_or_default();
        lines::read(&self.text(name)).into_iter().map(payload).collect()
    }

    /// Every file below the folder, by its path, with its bytes.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        gather(self.folder.path(), &mut files);
        files
    }

    /// The program, about to be run in the folder and cut off from what surrounds the test.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path());
        for (name, _) in std::env::vars_os() {
            let ours = name.to_str().is_some_and(|name| name.starts_with("DUNLIN__"));
            if ours || name == "RUST_LOG" {
                command.env_remove(name);
            }
        }
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).stdin(Stdio::null()).output();
        Ran::from(output.expect("the command can be started"))
    }

    /// Starts it in the background.
    #[must_use]
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        Running::of(command.stdin(Stdio::null()))
    }
}

impl Running {
    /// Starts a command whose output is kept for its end. Of that there must not be more than a pipe holds.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        Self::beside(command.stdout(Stdio::piped()))
    }

    /// Starts a command whose standard output goes where the caller has sent it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn beside(command: &mut Command) -> Self {
        Self::attached(command.stderr(Stdio::piped()))
    }

    /// Starts a command whose output goes where the caller has sent it, all of it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn attached(command: &mut Command) -> Self {
        let child = command.spawn();
        Self {
            child: Some(child.expect("the command can be started")),
        }
    }

    /// Waits until this holds.
    ///
    /// # Panics
    /// When the command ends before, or it takes too long.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            if self
                .child()
                .try_wait()
                .expect("a child can be waited for")
                .is_some()
            {
                let ran = self.end();
                assert!(holds(), "it ended before {what}: {ran:?}");
                return;
            }
            if begun.elapsed() > PATIENCE {
                self.child().kill().expect("a child can be killed");
                panic!("never: {what}: {:?}", self.end());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The child itself.
    ///
    /// # Panics
    /// When it was waited for.
    pub fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("it was not waited for yet")
    }

    /// Its process.
    pub fn process(&mut self) -> Pid {
        Pid::from_child(self.child())
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&mut self, signal: Signal) {
        kill_process(self.process(), signal).expect("the process is there");
    }

    /// Sends it a signal, unless it has ended already.
    ///
    /// # Panics
    /// When it cannot be asked whether it has.
    pub fn signal_if_alive(&mut self, signal: Signal) {
        let ended = self.child().try_wait().expect("a child can be waited for");
        if ended.is_none() {
            self.signal(signal);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it takes too long.
    pub fn wait(mut self) -> Ran {
        let begun = Instant::now();
        while self
            .child()
            .try_wait()
            .expect("a child can be waited for")
            .is_none()
        {
            if begun.elapsed() > PATIENCE {
                self.child().kill().expect("a child can be killed");
                panic!("it did not end: {:?}", self.end());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.end()
    }

    fn end(&mut self) -> Ran {
        let child = self.child.take().expect("it was not waited for yet");
        Ran::from(child.wait_with_output().expect("a child can be waited for"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may be gone already, and a test that panics has said more than this could.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Ran {
    /// The summary of one route, from `--format json`.
    ///
    /// # Panics
    /// When standard output is something else.
    #[must_use]
    pub fn route(&self, name: &str) -> Value {
        let summary: Value =
            serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        let routes = summary["routes"].as_array().cloned().unwrap_or_default();
        let found = routes.into_iter().find(|route| route["route"] == name);
        found.unwrap_or_else(|| panic!("no route {name}: {self:?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
        let status: ExitStatus = output.status;
        Self {
            status: status.code(),
            signal: status.signal(),
            out: text(output.stdout),
            errors: text(output.stderr),
        }
    }
}

fn gather(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            gather(&path, files);
        } else {
            let bytes = fs::read(&path).expect("a file can be read");
            files.insert(path, bytes);
        }
    }
}
