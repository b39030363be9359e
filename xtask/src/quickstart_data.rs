//! Writes the order stream of the quick start, and tells whether the committed one is still what it writes.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::{orders, workspace};

/// What `cargo xtask quickstart-data` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Replaces the committed file; without it, the file is only compared.
    #[arg(long)]
    write: bool,
}

/// Where the quick start reads its orders.
fn file() -> PathBuf {
    workspace::root().join("config/quickstart/orders.ndjson")
}

/// Writes the file, or compares it.
///
/// # Errors
/// When the file cannot be read or written, or differs from what is generated.
pub(crate) fn run(options: &Options) -> Result<()> {
    let path = file();
    let orders = orders::stream();
    if options.write {
        std::fs::write(&path, &orders).with_context(|| format!("writing {}", path.display()))?;
        println!("{}: {} lines", path.display(), orders.lines().count());
        return Ok(());
    }
    let committed = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    if committed != orders {
        bail!(
            "{} is not what is generated; `cargo xtask quickstart-data --write` replaces it",
            path.display()
        );
    }
    println!("{}: as generated", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_orders_are_the_generated_ones() -> anyhow::Result<()> {
        let committed = std::fs::read_to_string(super::file())?;
        assert!(
            committed == crate::orders::stream(),
            "`cargo xtask quickstart-data --write` brings them up to date"
        );
        Ok(())
    }
}
