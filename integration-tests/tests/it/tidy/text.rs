//! What must not stand in any file, and what every package has.
//!
//! Words that are forbidden here are put together from pieces, so that this file does not accuse itself.

use super::house::has_word;
use super::tree::{Finding, Tree, split};

/// Comments name things, not lines: the number is wrong after the next edit.
pub(super) fn no_line_numbers_in_comments(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".rs")) {
        for line in split(text) {
            let comment = &line.comment;
            let after = |mark: &str| {
                comment.match_indices(mark).any(|(start, found)| {
                    comment[start + found.len()..].starts_with(|c: char| c.is_ascii_digit())
                })
            };
            if after(".rs:")
                || after(".rs line ")
                || after(".rs, line ")
                || after("see line ")
                || after("see lines ")
            {
                findings.push(Finding::new(
                    path,
                    line.number,
                    "a comment names a line by its number",
                ));
            }
        }
    }
    findings
}

/// Nothing unfinished, nothing left over from a search for a fault, no test switched off without a reason.
pub(super) fn nothing_unfinished(tree: &Tree) -> Vec<Finding> {
    let macros = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("db", "g!("),
        concat!("#[ign", "ore]"),
    ];
    let words = [concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")];
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".rs")) {
        for line in split(text) {
            let in_code = macros.iter().filter(|mark| line.code.contains(**mark));
            let in_comment = words.iter().filter(|word| has_word(&line.comment, word));
            for mark in in_code.chain(in_comment) {
                findings.push(Finding::new(path, line.number, format!("left over: `{mark}`")));
            }
        }
    }
    findings
}

/// No path of one machine. A scratch folder comes from the `tempfile` crate, a folder of data from the environment.
pub(super) fn no_private_paths(tree: &Tree) -> Vec<Finding> {
    let folders = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/tm", "p/"),
        concat!("/Us", "ers/"),
    ];
    let mut findings = Vec::new();
    for (path, text) in tree
        .files()
        .filter(|(path, _)| !path.ends_with(".lock") && !path.ends_with(".ndjson"))
    {
        for (number, line) in (1..).zip(text.lines()) {
            for folder in folders {
                // `crates/work/` would be a folder of the project, and `//tmp/` a part of an address.
                let alone = |start: usize| {
                    !line[..start].ends_with(|c: char| c.is_alphanumeric() || "./-_}".contains(c))
                };
                if line.match_indices(folder).any(|(start, _)| alone(start)) {
                    findings.push(Finding::new(
                        path,
                        number,
                        format!("a path of one machine: `{folder}`"),
                    ));
                }
            }
        }
    }
    findings
}

/// The project speaks of itself, not of the tools and conversations in which it was written.
pub(super) fn no_foreign_words(tree: &Tree) -> Vec<Finding> {
    let words = [
        concat!("cla", "ude"),
        concat!("chat", "gpt"),
        concat!("open", "ai"),
        concat!("anthro", "pic"),
        concat!("sub", "agent"),
        concat!("sub", "-agent"),
        concat!("sub", "agents"),
        concat!("language ", "model"),
        concat!("language ", "models"),
        concat!("this ", "session of work"),
        concat!("helper ", "agent"),
    ];
    let mut findings = Vec::new();
    for (path, text) in tree
        .files()
        .filter(|(path, _)| !path.ends_with(".lock") && !path.ends_with(".ndjson"))
    {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.to_lowercase();
            for word in words.iter().filter(|word| has_word(&line, word)) {
                findings.push(Finding::new(
                    path,
                    number,
                    format!("a word from outside the project: `{word}`"),
                ));
            }
        }
    }
    findings
}

/// Every package takes the lints of the workspace, so that none is judged more mildly.
///
/// A package that is a workspace by itself cannot; it is built for a comparison and linked into nothing.
pub(super) fn lints_are_inherited(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|(path, text)| path.ends_with("/Cargo.toml") && text.contains("[package]"))
        .filter(|(_, text)| !text.lines().any(|line| line.trim() == "[workspace]"))
        .filter(|(_, text)| !text.replace("\r\n", "\n").contains("[lints]\nworkspace = true"))
        .map(|(path, _)| Finding::new(path, 0, "the lints of the workspace are not inherited"))
        .collect()
}

/// One binary of integration tests per package: each further one links the whole tree again.
pub(super) fn one_test_binary_per_package(tree: &Tree) -> Vec<Finding> {
    let mut binaries: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for (path, _) in tree.files() {
        let Some((package, file)) = path.split_once("/tests/") else {
            continue;
        };
        let is_root = file.ends_with(".rs") && !file.contains('/') || file.ends_with("/main.rs");
        if is_root && tree.text(&format!("{package}/Cargo.toml")).is_some() {
            binaries.entry(package).or_default().push(path);
        }
    }
    binaries
        .into_values()
        .filter(|files| files.len() > 1)
        .map(|files| Finding::new(files[1], 0, format!("a second test binary beside {}", files[0])))
        .collect()
}

/// The name of a test is a sentence; `test_` in front of it says nothing.
pub(super) fn tests_are_named_as_sentences(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".rs")) {
        let mut marked = false;
        for line in split(text) {
            let code = line.code.trim();
            if code.starts_with("#[test]") || code.starts_with("#[tokio::test") {
                marked = true;
            } else if let Some((_, name)) = code.split_once("fn ").filter(|_| marked) {
                marked = false;
                let name = name.split('(').next().unwrap_or_default();
                if name.starts_with("test") || name.split('_').count() < 2 {
                    findings.push(Finding::new(
                        path,
                        line.number,
                        format!("`{name}` is no sentence"),
                    ));
                }
            }
        }
    }
    findings
}

/// `serde_json/arbitrary_precision` changes how every crate of the binary reads numbers.
pub(super) fn numbers_are_not_retyped(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        for (number, line) in (1..).zip(text.lines()) {
            let code = line.split('#').next().unwrap_or_default();
            if code.contains("arbitrary") && code.contains("precision") {
                findings.push(Finding::new(
                    path,
                    number,
                    "this feature changes numbers in the whole binary",
                ));
            }
        }
    }
    findings
}

/// Files of the product by the number of their lines, longest first.
pub(super) fn sizes(tree: &Tree) -> Vec<(usize, &str)> {
    let mut sizes: Vec<(usize, &str)> = ["crates/", "adapters/", "xtask/"]
        .into_iter()
        .flat_map(|folder| tree.product(folder))
        .map(|(path, lines)| (lines.len(), path))
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}
