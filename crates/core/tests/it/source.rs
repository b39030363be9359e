//! The reader of texts against public test data.

use dunlin_core::finding::Findings;
use dunlin_core::migration::document::{Reading, parse};
use dunlin_core::source::{Format, read};

use crate::payloads::suite;

#[test]
fn json_agrees_with_the_reader_of_payloads() {
    let Some(folder) = suite() else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let mut findings = Findings::new();
        let node = read("file", &bytes, Format::Json, &mut findings);
        let document = parse(&bytes, &Reading::default());
        // Members that stand twice are refused in what people write, and kept in what is forwarded.
        let twice = findings
            .sorted()
            .iter()
            .all(|finding| finding.message.contains("stands twice"));
        assert_eq!(
            node.is_some() && twice,
            document.is_ok(),
            "{}\n{findings}",
            path.display()
        );
        assert!(
            node.is_some() || findings.errors() == 1,
            "{}\n{findings}",
            path.display()
        );
        compared += 1;
    }
    assert!(compared > 300, "only {compared} files in {}", folder.display());
}
