//! Builds the book with mdbook as a library, so that no tool has to be installed, and checks all links.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use mdbook_driver::MDBook;

use crate::{links, workspace};

/// What `cargo xtask docs` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// First puts the generated tables of the pages in anew.
    #[arg(long)]
    write: bool,
}

/// Builds the book into the target folder and checks that every link leads somewhere.
///
/// # Errors
/// When the book does not build, or a link is broken; all broken links are printed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let root = workspace::root();
    if options.write {
        write_tables()?;
    }
    let book_folder = workspace::target_folder()?.join("book");
    build(&root.join("docs"), &book_folder)?;

    let report = links::check(root)?;
    for broken in &report.broken {
        println!("{broken}");
    }
    println!("book: {}", book_folder.join("index.html").display());
    println!(
        "links: {} checked, {} broken",
        report.checked,
        report.broken.len()
    );
    if !report.broken.is_empty() {
        bail!("{} links lead nowhere", report.broken.len());
    }
    Ok(())
}

/// Runs the test that compares the tables, and tells it to replace what differs.
///
/// The tables come from the crates and the command themselves; only the tests are linked with all of them.
fn write_tables() -> Result<()> {
    let status = workspace::cargo()
        .args([
            "test",
            "--quiet",
            "--workspace",
            "--features",
            &workspace::features(),
            "--all-targets",
            "generated_tables_are_up_to_date",
        ])
        .env("DUNLIN_WRITE_DOCS", "1")
        .status()
        .context("cargo could not be started")?;
    ensure!(status.success(), "the tables could not be written ({status})");
    Ok(())
}

/// Renders the book in `source` to HTML in `destination`.
fn build(source: &Path, destination: &Path) -> Result<()> {
    let mut book =
        MDBook::load(source).with_context(|| format!("loading the book in {}", source.display()))?;
    book.config.build.build_dir = destination.to_owned();
    // A page named in SUMMARY.md that does not exist is a mistake, not an invitation to write an empty one.
    book.config.build.create_missing = false;
    book.build().context("building the book")
}
