//! The folder for what is installed, and the locks that let several test binaries ask at once.
//!
//! It lies beside the target folder: outside the clone, so that the checkout stays clean, and kept between runs.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Names another folder than the one beside the clone.
const VARIABLE: &str = "DUNLIN_SERVERS_CACHE";
const NAME: &str = "dunlin-servers";

/// The folder in which servers are installed; it is made if it is missing.
///
/// `DUNLIN_SERVERS_CACHE` names it. Otherwise it is `dunlin-servers` beside the clone, and where that cannot be written,
/// in the user's cache.
///
/// # Errors
/// When it can be made nowhere.
pub fn folder() -> Result<PathBuf> {
    let make = |folder: PathBuf| {
        std::fs::create_dir_all(folder.join("ports"))
            .with_context(|| format!("the cache folder {} could not be made", folder.display()))
            .map(|()| folder)
    };
    if let Some(folder) = std::env::var_os(VARIABLE) {
        return make(PathBuf::from(folder));
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(3)
        .context("the folder of this package lies too high for a cache beside the clone")?
        .join(NAME);
    make(beside).or_else(|error| {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
        make(cache.ok_or(error)?.join(NAME))
    })
}

/// Holds the lock of this name until it is dropped. Blocks while another process holds it.
pub(crate) fn lock(name: &str) -> Result<File> {
    let path = folder()?.join(format!("{name}.lock"));
    let file = File::create(&path).with_context(|| format!("{} could not be made", path.display()))?;
    file.lock()
        .with_context(|| format!("{} could not be locked", path.display()))?;
    Ok(file)
}

/// Makes the folder `name` in the cache once, through `make`, which gets an empty folder to fill.
///
/// The folder appears under its name only when it is complete: whoever is killed half-way leaves nothing that a
/// later run takes for an installation.
pub(crate) fn once(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let complete = folder()?.join(name);
    if complete.is_dir() {
        return Ok(complete);
    }
    let _lock = lock(name)?;
    if complete.is_dir() {
        return Ok(complete);
    }
    let fresh = folder()?.join(format!("{name}.new"));
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh)
            .with_context(|| format!("the remains in {} could not be removed", fresh.display()))?;
    }
    std::fs::create_dir_all(&fresh).with_context(|| format!("{} could not be made", fresh.display()))?;
    make(&fresh)?;
    std::fs::rename(&fresh, &complete)
        .with_context(|| format!("{} could not be put in its place", complete.display()))?;
    Ok(complete)
}
