//! Payloads and schemas that are made to do harm: refused, without a crash and within bounds.

use std::time::Duration;

use dunlin_core::migration::{Codec, FailureKind, Limits};

use super::{compiled, decode, document, schema};

const TREE: &str = r#"syntax = "proto3"; package shop;
import "google/protobuf/struct.proto";
message Order { Order inner = 1; repeated bool flags = 2; repeated Order all = 3; string text = 4;
  map<int32, Order> map = 5; google.protobuf.Value value = 6; repeated int64 numbers = 7; }"#;

/// A message in a message in a message.
fn nested(key: u8, depth: usize) -> Vec<u8> {
    let mut payload = Vec::new();
    for _ in 0..depth {
        let mut outer = vec![key];
        let mut length = payload.len();
        while length >= 0x80 {
            outer.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        outer.push(u8::try_from(length).unwrap());
        outer.extend_from_slice(&payload);
        payload = outer;
    }
    payload
}

/// Runs on a stack of the size that workers have.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(work)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn lengths_that_lie_are_refused_at_their_offset() {
    let schema = schema(TREE);
    for (payload, offset) in [
        (&[0x22, 5, b'a'][..], 1),
        (&[0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 1),
        (&[0x0a, 2, 0x22, 9], 3),
        (&[0x22], 1),
        (&[0x12, 1, 0x80], 2),
        (&[0x22, 1, 0xff], 2),
        (&[0x00], 0),
        (&[0x07], 0),
        (&[0x0c], 1),
        (&[0xff, 0xff, 0xff, 0xff, 0x7f], 0),
        (
            &[
                0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x01,
            ],
            0,
        ),
    ] {
        let failure = decode(&schema, payload).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Decode, "{payload:?}");
        if offset > 0 {
            assert_eq!(failure.offset, Some(offset), "{payload:?}: {failure}");
        }
    }
}

#[test]
fn varints_of_more_than_ten_bytes_are_refused() {
    let failure = decode(
        &schema(TREE),
        &[
            0x38, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1,
        ],
    )
    .unwrap_err();
    assert!(
        failure
            .to_string()
            .contains("expected a varint of at most 64 bits"),
        "{failure}"
    );
}

#[test]
fn messages_nested_a_hundred_thousand_deep_are_refused() {
    let schema = schema(TREE);
    on_a_small_stack(move || {
        // Lengths grow with the depth, so that ten thousand are as many as fit the time of a test; groups are cheaper.
        for key in [0x0a, 0x1a, 0x2a, 0x32] {
            let failure = decode(&schema, &nested(key, 10_000)).unwrap_err();
            assert!(
                matches!(failure.kind, FailureKind::Limit | FailureKind::Decode),
                "{failure}"
            );
        }
        let groups = [vec![0x4b; 100_000], vec![0x4c; 100_000]].concat();
        assert_eq!(decode(&schema, &groups).unwrap_err().kind, FailureKind::Limit);
        assert_eq!(
            decode(&schema, &vec![0x4b; 100_000]).unwrap_err().kind,
            FailureKind::Limit
        );
    });
}

#[test]
fn documents_as_deep_as_any_limit_allows_fit_the_stack_of_a_worker() {
    let schema = schema(TREE);
    on_a_small_stack(move || {
        let limits = Limits::new(Limits::MOST_DEPTH, 1 << 24).unwrap();
        let json = format!("{}{}", "{\"inner\":".repeat(255) + "{}", "}".repeat(255));
        let payload = schema.encode(&document(&json), &limits).unwrap();
        assert_eq!(schema.decode(&payload, &limits).unwrap().to_json(), json);
        assert_eq!(
            schema.decode(&payload, &Limits::default()).unwrap_err().kind,
            FailureKind::Limit
        );
        let json = format!("{{\"value\":{}{}}}", "[".repeat(255), "]".repeat(255));
        let payload = schema.encode(&document(&json), &limits).unwrap();
        assert_eq!(schema.decode(&payload, &limits).unwrap().to_json(), json);
    });
}

#[test]
fn blocks_and_empty_messages_that_would_fill_memory_are_held_to_the_limit_of_sizes() {
    let schema = schema(TREE);
    let limits = Limits::new(128, 1024).unwrap();
    // Each byte becomes `true,`, and each pair of bytes an object.
    let mut block = vec![0x12, 0x80, 0x80, 0x80, 0x04];
    block.extend(std::iter::repeat_n(1, 8 * 1024 * 1024));
    let objects = [0x1a, 0].repeat(1024 * 1024);
    for payload in [block, objects] {
        let started = std::time::Instant::now();
        let failure = schema.decode(&payload, &limits).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Limit);
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it ends where the limit is reached"
        );
    }
}

#[test]
fn schemas_of_messages_nested_as_deep_as_a_file_can_hold_are_refused_at_their_line() {
    let nested = format!(
        "syntax = \"proto3\";\n{}{}",
        "message A{".repeat(90_000),
        "}".repeat(90_000)
    );
    let findings = compiled(&nested, None).unwrap_err();
    assert!(
        findings.contains("schemas/shop.proto:2:"),
        "{}",
        &findings[..findings.len().min(500)]
    );
    let option = format!(
        "syntax = \"proto3\";\nmessage A {{ option (x) = {{ {}{} }}; }}",
        "a: <".repeat(100_000),
        ">".repeat(100_000)
    );
    assert!(
        compiled(&option, None)
            .unwrap_err()
            .contains("expected braces at most 100 deep")
    );
}

#[test]
fn sets_of_descriptors_that_are_none_are_refused() {
    use dunlin_core::finding::Findings;
    use dunlin_core::migration::load::MemoryResolver;
    for bytes in [
        &b"not a set"[..],
        &[0x0a, 0xff, 0xff, 0xff, 0x7f],
        &[0x0a, 2, 0x62, 9],
    ] {
        let mut reference = super::reference(None);
        reference.file = Some("schemas/shop.binpb".to_owned());
        let files = MemoryResolver::new().with("schemas/shop.binpb", bytes);
        let mut findings = Findings::new();
        assert!(crate::protobuf::Protobuf::new(&reference, None, &files, &mut findings).is_none());
        assert!(
            findings.render().contains("expected a set of file descriptors"),
            "{findings}"
        );
    }
}

#[test]
fn a_set_of_descriptors_in_an_edition_is_refused_by_that_name() {
    use dunlin_core::finding::Findings;
    use dunlin_core::migration::load::MemoryResolver;
    use prost::Message as _;
    for syntax in ["editions", ""] {
        let file = prost_types::FileDescriptorProto {
            name: Some("order.proto".to_owned()),
            syntax: Some(syntax.to_owned()),
            ..Default::default()
        };
        let set = prost_types::FileDescriptorSet { file: vec![file] };
        let mut reference = super::reference(None);
        reference.file = Some("schemas/shop.binpb".to_owned());
        let files = MemoryResolver::new().with("schemas/shop.binpb", set.encode_to_vec());
        let mut findings = Findings::new();
        assert!(crate::protobuf::Protobuf::new(&reference, None, &files, &mut findings).is_none());
        let told = findings.render();
        assert!(
            told.contains("`order.proto`") && told.contains("editions are not read"),
            "{told}"
        );
    }
}
