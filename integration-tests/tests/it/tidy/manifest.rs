//! What a `Cargo.toml` depends on, read line by line.
//!
//! Manifests of this project give one dependency per line, so no TOML reader is needed, and a finding has its line.

use super::tree::Tree;

/// Which dependencies of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manifest {
    /// What is linked into the product, build scripts included.
    Product,
    /// What only its tests see.
    Tests,
}

/// One line of a manifest.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// From 1.
    pub(super) line: usize,
}

/// The dependencies of the package in `folder`.
pub(super) fn dependencies(tree: &Tree, folder: &str, which: Manifest) -> Vec<Dependency> {
    let text = tree.text(&format!("{folder}/Cargo.toml")).unwrap_or_default();
    let mut section = String::new();
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(title) = line.trim().strip_prefix('[') {
            section = title.trim_end_matches(']').to_owned();
            continue;
        }
        let tests = section.ends_with("dev-dependencies");
        let product = section.ends_with("dependencies") && !tests;
        let wanted = match which {
            Manifest::Product => product,
            Manifest::Tests => tests,
        };
        let name: String = line
            .chars()
            .take_while(|c| c.is_alphanumeric() || "-_".contains(*c))
            .collect();
        if wanted && !name.is_empty() {
            found.push(Dependency { name, line: number });
        }
    }
    found
}
