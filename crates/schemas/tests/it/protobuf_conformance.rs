//! Protobuf's own conformance tests, driven through the example `protobuf_conformance`.

use std::path::PathBuf;

use dunlin_servers::protobuf_conformance;

/// Message sets of proto2, an encoding from before extensions, are neither read nor written.
const FAILURES: &str = "\
Required.Proto2.ProtobufInput.MessageSetEncoding.UnknownExtension.ProtobufOutput
Required.Proto2.ProtobufInput.ValidMessageSetEncoding.OutOfOrderGroupsEntries.ProtobufOutput
Required.Proto2.ProtobufInput.ValidMessageSetEncoding.ProtobufOutput
";

/// The program that is tested lies beside the folder of this one.
fn tested() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.parent().and_then(|folder| folder.parent()).unwrap();
    let program = target.join("examples/protobuf_conformance");
    assert!(
        program.is_file(),
        "expected {}; build it with `cargo build -p dunlin-schemas --example protobuf_conformance`",
        program.display()
    );
    program
}

#[test]
fn the_conformance_tests_of_protobuf_find_no_required_failure_but_message_sets() {
    let tests = protobuf_conformance().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let failures = folder.path().join("known.txt");
    std::fs::write(&failures, FAILURES).unwrap();
    let output = tests
        .command()
        .arg("--failure_list")
        .arg(&failures)
        .arg("--output_dir")
        .arg(folder.path())
        .arg(tested())
        .arg(&tests.include)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let summary: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("CONFORMANCE SUITE"))
        .collect();
    for line in &summary {
        println!("{line}");
    }
    assert!(output.status.success(), "{said}");
    assert!(
        !summary.is_empty(),
        "the tests say nothing of what they found: {said}"
    );
}
