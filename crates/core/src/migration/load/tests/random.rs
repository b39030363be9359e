//! Whatever stands in the files: a draft, or findings, and never a panic.

use proptest::prelude::*;

use super::*;

/// A migration that uses much of what there is; mutations of it come deeper than random bytes.
const VALID: &str = r#"migration: orders
description: Orders v1 to v3
duplicate_names: allow
validate: [syntax]
accepts: ["orders@2:9f3ac41b7d02e6aa"]
transformations:
  - file: other.json
  - directory: later/
    status: applied
  - remove: items[*].sku
    id: drop-sku
    when: "payload.?region.orValue('') == 'EU'"
  - rename: "**.x_*"
    to: "y_*"
  - add: "@headers.type"
    value: { a: [1, 2.5, null, "x"], b: &anchor {c: "\ud83d\ude00"} }
  - {remove: '"a b".c', strict: true}
"#;

const OTHER: &str =
    r#"{"transformations": [{"remove": "a/b"}, {"rename": "/a~1b/c", "to": "\"content type\""}]}"#;

/// Loads two texts as a migration and a file of it, and renders whatever comes out.
fn survives(migration: &[u8], other: &[u8]) {
    let resolver = MemoryResolver::new()
        .with("m.yaml", migration)
        .with("other.json", other)
        .with("later/1.yml", other);
    let (_, findings) = load(&resolver, "m.yaml");
    let _ = (findings.render(), findings.to_json());
    let (_, findings) = load(&resolver, "other.json");
    let _ = findings.render();
}

/// One change to a text: bytes replaced, removed or doubled.
fn mutated(text: &str, changes: &[(usize, usize, u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, length, kind, new) in changes {
        let start = at % (bytes.len() + 1);
        let end = (start + length).min(bytes.len());
        match kind % 3 {
            0 => drop(bytes.splice(start..end, new.iter().copied())),
            1 => drop(bytes.drain(start..end)),
            _ => {
                let part = bytes[start..end].to_vec();
                drop(bytes.splice(start..start, part));
            }
        }
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(usize, usize, u8, Vec<u8>)>> {
    let notation = prop::collection::vec(
        prop::sample::select(&b"[]{}:,\"'&*!|>@%#-a0. \n\t\\$/\xff"[..]),
        0..6,
    );
    prop::collection::vec((any::<usize>(), 0..20usize, any::<u8>(), notation), 1..5)
}

proptest! {
    #[test]
    fn random_bytes_never_panic(migration in prop::collection::vec(any::<u8>(), 0..300), other in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&migration, &other);
    }

    #[test]
    fn mutated_files_never_panic(first in changes(), second in changes()) {
        survives(&mutated(VALID, &first), &mutated(OTHER, &second));
    }

    #[test]
    fn a_text_that_parses_as_a_path_prints_one_that_is_equal(text in "[a-z_.*\\[\\]0-9/~\"$@-]{1,20}") {
        if let Ok(path) = text.parse::<Path>() {
            prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
        }
    }
}
