//! What tests of the whole share: the command that was built, the root of the project, the folder of real documents.
//!
//! Whole routes are tested through the command, as a user would run them; what a part promises is tested beside it.

pub mod lines;
pub mod project;

use std::path::{Path, PathBuf};

/// The root of the project.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the folder of this package lies in the project")
}

/// The `dunlin` that was built together with the running test.
///
/// Not promised: that it is newer than the source when one package is tested alone, because cargo then builds only
/// the tests. `cargo test --workspace --all-targets` builds both.
///
/// # Panics
/// When there is no such file.
#[must_use]
pub fn dunlin() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a file");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("cargo puts tests into `<profile>/deps`");
    let path = profile.join(format!("dunlin{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is not built; `cargo test --workspace --all-targets` builds it",
        path.display()
    );
    path
}

/// The `dunlin` that the quick start builds, for tests that kill and time: the one that `cargo xtask test` names, else the
/// one beside the tests, however old it is.
///
/// Where there is none, says so on standard output with the words that `cargo xtask test` counts.
#[must_use]
pub fn release_dunlin() -> Option<PathBuf> {
    let named = std::env::var_os("DUNLIN_RELEASE_BINARY").map(PathBuf::from);
    let path = named.or_else(|| {
        let debug = dunlin();
        let target = debug.parent().and_then(Path::parent)?;
        Some(target.join("release").join(debug.file_name()?))
    });
    let found = path.filter(|path| path.is_file());
    if found.is_none() {
        skipped("the release binary: not built; `cargo build --release --bin dunlin` builds it");
    }
    found
}

/// Says that something is left out, and why, in the words that `cargo xtask test` counts.
#[expect(
    clippy::print_stdout,
    reason = "a test that leaves something out says so where the totals are counted"
)]
pub fn skipped(reason: &str) {
    println!("skipped: {reason}");
}

/// A file of the folder of real documents, `DUNLIN_DATA` or `../shared/data` seen from the root.
///
/// Where it is missing, says so on standard output with the words that `cargo xtask test` counts.
#[must_use]
pub fn data(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DUNLIN_DATA").map_or_else(|| "../shared/data".into(), PathBuf::from);
    let path = root().join(folder).join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("{name}: not in the folder that DUNLIN_DATA names"));
    None
}
