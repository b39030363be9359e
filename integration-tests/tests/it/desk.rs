//! A scratch copy of the example files, in which a reader's commands are run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dunlin_integration_tests::{dunlin, root};

/// A fresh copy of what the pages talk about.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    /// An empty scratch folder with the example files in it.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let desk = Self { folder };
        desk.copy(&root().join("config"), &desk.path().join("config"));
        desk
    }

    /// The scratch folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn copy(&self, from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder in the scratch folder");
        for entry in from.read_dir().expect("the folder can be read") {
            let from = entry.expect("the folder can be read").path();
            let name = from.file_name().expect("an entry of a folder has a name");
            if from.is_dir() {
                // What an earlier run of the examples wrote is not part of them.
                if name != "out" {
                    self.copy(&from, &to.join(name));
                }
            } else {
                std::fs::copy(&from, to.join(name)).expect("the file can be copied");
            }
        }
    }

    /// Runs a command as a reader would type it, and gives its status and everything it printed.
    pub(crate) fn run(&self, command: &str) -> (i32, String) {
        let command = ["cargo run --release -- ", "cargo run -- "]
            .iter()
            .fold(command.to_owned(), |command, start| {
                command.replace(start, "dunlin ")
            });
        let binary = dunlin();
        let folder = binary.parent().expect("a file lies in a folder").to_owned();
        let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        )))
        .expect("folders without the separator in their names");
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1; {command}")])
            .current_dir(self.path())
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .env("DUNLIN_DATA", root().join("../shared/data"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout).replace(&self.path().display().to_string(), ".");
        (output.status.code().unwrap_or(-1), text)
    }

    /// Writes a file below the scratch folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("a folder in the scratch folder");
        std::fs::write(&path, text).expect("a file in the scratch folder");
        path
    }
}
