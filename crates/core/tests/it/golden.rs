//! Runs the golden cases: examples that were written from the text of the page, not printed by the code.
//!
//! Their form is described in `golden/README.md`. Every case that fails is printed, with everything that is wrong
//! with it, so that one run says how far code and text are apart.

mod case;
mod check;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

pub(crate) use case::File;

/// The folder of the cases.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All files of cases, by their names.
pub(crate) fn files() -> Vec<(String, File)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder()).expect("the folder of the cases is there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).expect("a file of cases is text");
            let file = serde_saphyr::from_str(&text)
                .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
            files.push((
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                file,
            ));
        }
    }
    files.sort_by(|left, right| left.0.cmp(&right.0));
    files
}

#[test]
fn every_golden_case_holds() {
    let mut report = String::new();
    let (mut cases, mut failed) = (0, 0);
    for (name, file) in files() {
        for case in &file.cases {
            cases += 1;
            let faults = check::faults(case);
            if !faults.is_empty() {
                failed += 1;
                writeln!(report, "{name}: {} [{}]", case.name, case.rules.join(", ")).unwrap();
                for fault in faults {
                    writeln!(report, "    {}", fault.trim_end().replace('\n', "\n    ")).unwrap();
                }
            }
        }
    }
    assert!(cases > 0, "no cases were found");
    println!("{cases} golden cases, {failed} failed");
    assert!(failed == 0, "{failed} of {cases} golden cases failed:\n{report}");
}

#[test]
fn no_two_cases_of_a_file_have_one_name() {
    for (name, file) in files() {
        let mut names: Vec<_> = file.cases.iter().map(|case| case.name.as_str()).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            assert_ne!(pair[0], pair[1], "{name} has two cases of this name");
        }
    }
}
