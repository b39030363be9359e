//! Starts the command that was built for these tests.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder of this package.
pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    package().join("../..")
}

/// A file of the folder of real documents; where it is missing, says so in the words that the totals count.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DUNLIN_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
    let path = root().join(folder).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {name}: not in the folder that DUNLIN_DATA names");
    None
}

/// The command, without anything that the environment of the tests might tell it.
pub(crate) fn dunlin() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DUNLIN_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").env_remove("NO_COLOR");
    command
}

/// Runs the command in a folder with this input.
pub(crate) fn run<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = S>,
    input: &[u8],
) -> Output {
    let mut child = dunlin()
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Written by the side, since both pipes may fill.
    let writing = std::thread::spawn(move || {
        // A command that does not read its input closes it.
        drop(stdin.write_all(&input));
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

/// Writes a file, and the folders around it.
pub(crate) fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::write(target, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Standard output or standard error as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
