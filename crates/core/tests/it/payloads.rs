//! The reader of payloads against the public JSON parsing test suite.
//!
//! What the suite leaves to each reader (`i_`) is decided in `docs/decisions/payloads.md`: everything that RFC 8259
//! lets a text hold is taken, and what is no UTF-8, begins with a byte order mark or is too deep is not.

use std::path::{Path, PathBuf};

use dunlin_core::migration::document::{ParseErrorKind, Reading, parse};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of the suite whose names begin with this letter, by their names; none, and a word about it, where the folder
/// of real documents is missing.
fn files(letter: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let folder = suite()?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of the suite can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with(letter) {
            files.push((
                name,
                std::fs::read(&path).expect("a file of the suite can be read"),
            ));
        }
    }
    files.sort();
    Some(files)
}

/// The folder of the suite, where it is there.
pub(crate) fn suite() -> Option<PathBuf> {
    let folder = std::env::var("DUNLIN_DATA").unwrap_or_else(|_| "../shared/data".to_owned());
    let folder = root().join(folder).join("json-test-suite/test_parsing");
    if folder.exists() {
        return Some(folder);
    }
    #[expect(clippy::print_stdout, reason = "the totals of a run count such lines")]
    {
        println!("skipped: the JSON test suite: not in the folder that DUNLIN_DATA names");
    }
    None
}

#[test]
fn what_is_json_is_read_and_printed_so_that_it_is_read_as_the_same() {
    let Some(files) = files("y_") else { return };
    assert!(files.len() > 90, "only {} files", files.len());
    for (name, bytes) in files {
        let value =
            parse(&bytes, &Reading::default()).unwrap_or_else(|error| panic!("{name} was refused: {error}"));
        let printed = value.to_json();
        assert_eq!(
            parse(printed.as_bytes(), &Reading::default()),
            Ok(value),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_json_is_refused_at_a_byte_of_it() {
    let Some(files) = files("n_") else { return };
    assert!(files.len() > 180, "only {} files", files.len());
    for (name, bytes) in files {
        match parse(&bytes, &Reading::default()) {
            Ok(_) => panic!("{name} was read"),
            Err(error) => assert!(error.offset <= bytes.len(), "{name}: {error}"),
        }
    }
}

#[test]
fn what_the_suite_leaves_open_is_decided_as_the_page_says() {
    let page = std::fs::read_to_string(root().join("docs/decisions/payloads.md")).unwrap();
    let Some(files) = files("i_") else { return };
    assert!(files.len() > 30, "only {} files", files.len());
    let mut missing = Vec::new();
    for (name, bytes) in files {
        let decision = match parse(&bytes, &Reading::default()).map_err(|error| error.kind) {
            Ok(_) => "taken",
            Err(ParseErrorKind::Syntax) => "refused: `syntax`",
            Err(ParseErrorKind::Depth) => "refused: `limit`",
        };
        let line = format!("| `{name}` | {decision} |");
        if !page.contains(&line) {
            missing.push(line);
        }
    }
    assert!(
        missing.is_empty(),
        "the page does not say:\n{}",
        missing.join("\n")
    );
}
