//! The source as the checks see it: files by their path, and Rust split into code and comments.
//!
//! A tree is either the project or a few lines made up by a test, so that each check can be seen to fail.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use dunlin_integration_tests::root;

/// Text files by their path from the root, with `/` between the parts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
}

/// Something that breaks a rule, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) file: String,
    /// From 1; 0 stands for the file as a whole.
    pub(super) line: usize,
    pub(super) what: String,
}

impl Finding {
    pub(super) fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// One line of a Rust file.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    /// What the compiler reads, strings included.
    pub(super) code: String,
    /// What it does not read, documentation included.
    pub(super) comment: String,
}

impl Tree {
    /// The project this test was built from, read once for all tests.
    pub(super) fn project() -> &'static Self {
        static PROJECT: LazyLock<Tree> = LazyLock::new(|| {
            let mut tree = Tree::default();
            tree.collect(root(), "");
            assert!(
                tree.files.contains_key("crates/core/src/lib.rs"),
                "the walk must have found the project"
            );
            tree
        });
        &PROJECT
    }

    /// A tree made up for one test.
    pub(super) fn sample(files: &[(&str, &str)]) -> Self {
        Self {
            files: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
                .collect(),
        }
    }

    fn collect(&mut self, folder: &Path, prefix: &str) {
        for entry in folder.read_dir().expect("the folder can be read") {
            let entry = entry.expect("the folder can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            if [".git", "target", "out"].contains(&name.as_str()) {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.path().is_dir() {
                self.collect(&entry.path(), &format!("{path}/"));
            } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
                self.files.insert(path, text);
            }
        }
    }

    /// All files, in the order of their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The Rust files below a folder that end up in the product: no tests, no benches.
    pub(super) fn product(&self, folder: &str) -> impl Iterator<Item = (&str, Vec<Line>)> {
        self.files()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(".rs") && !is_test_file(path))
            .map(|(path, text)| (path, without_test_modules(split(text))))
    }

    /// Names of the folders directly below `folder` that hold a package.
    pub(super) fn packages(&self, folder: &str) -> Vec<&str> {
        self.files()
            .filter_map(|(path, _)| path.strip_prefix(folder)?.strip_suffix("/Cargo.toml"))
            .filter(|name| !name.contains('/'))
            .collect()
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/benches/")
}

/// Leaves out what stands in `#[cfg(test)] mod … { … }`; rustfmt puts its closing brace at the same column.
fn without_test_modules(lines: Vec<Line>) -> Vec<Line> {
    let mut kept = Vec::new();
    let mut lines = lines.into_iter();
    while let Some(line) = lines.next() {
        if line.code.trim() != "#[cfg(test)]" {
            kept.push(line);
            continue;
        }
        let indent = line.code.len() - line.code.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let opens = lines
            .next()
            .is_some_and(|next| next.code.trim_end().ends_with('{'));
        if opens {
            lines.by_ref().find(|line| line.code.trim_end() == end);
        }
    }
    kept
}

/// Splits Rust into code and comments. Strings are code, whatever stands in them.
pub(super) fn split(text: &str) -> Vec<Line> {
    let mut lines = vec![Line {
        number: 1,
        ..Line::default()
    }];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, comment) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), true)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), true)
        } else if first == '"' {
            (string_length(rest), false)
        } else if let Some(hashes) = raw_string(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            (
                rest[start..]
                    .find(&end)
                    .map_or(rest.len(), |found| start + found + end.len()),
                false,
            )
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\''") {
            (if rest.starts_with("'\"'") { 3 } else { 4 }, false)
        } else {
            (first.len_utf8(), false)
        };
        let (piece, after) = rest.split_at(length);
        for (index, part) in piece.split('\n').enumerate() {
            if index > 0 {
                let number = lines.len() + 1;
                lines.push(Line {
                    number,
                    ..Line::default()
                });
            }
            let line = lines.last_mut().expect("there is a first line");
            if comment {
                &mut line.comment
            } else {
                &mut line.code
            }
            .push_str(part);
        }
        rest = after;
    }
    lines
}

/// Length of the string literal at the beginning, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// The number of `#` of the raw string literal at the beginning.
fn raw_string(text: &str) -> Option<usize> {
    let text = text.strip_prefix('r')?;
    let hashes = text.len() - text.trim_start_matches('#').len();
    text[hashes..].starts_with('"').then_some(hashes)
}

#[test]
fn comments_are_told_from_code_and_strings() {
    let text =
        "let a = \"// no\"; // yes \"\nlet b = r#\"/* \" no\n*/\"#; /* yes\nyes */ let c = '\"';\nlet d = 1;";
    let lines = split(text);
    let code: Vec<&str> = lines.iter().map(|line| line.code.trim()).collect();
    let comments: Vec<&str> = lines.iter().map(|line| line.comment.trim()).collect();
    assert_eq!(
        code,
        [
            "let a = \"// no\";",
            "let b = r#\"/* \" no",
            "*/\"#;",
            "let c = '\"';",
            "let d = 1;"
        ]
    );
    assert_eq!(comments, ["// yes \"", "", "/* yes", "yes */", ""]);
}

#[test]
fn modules_of_tests_are_no_part_of_the_product() {
    let tree = Tree::sample(&[
        (
            "crates/a/src/lib.rs",
            "fn one() {}\n#[cfg(test)]\nmod tests {\n    fn two() {}\n}\nfn three() {}\n",
        ),
        ("crates/a/src/lib/tests.rs", "fn four() {}"),
        ("crates/a/tests/it.rs", "fn five() {}"),
    ]);
    let code: String = tree
        .product("crates/a/")
        .flat_map(|(_, lines)| lines)
        .map(|line| line.code)
        .collect();
    assert_eq!(code, "fn one() {}fn three() {}");
}
