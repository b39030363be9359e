use super::*;
use crate::migration::path::Path;
use crate::migration::record;

fn load(resolver: &MemoryResolver, entry: &str) -> (Option<Draft>, Findings) {
    let mut findings = Findings::new();
    let draft = draft(entry, resolver, &mut findings);
    assert_eq!(draft.is_none(), findings.has_errors());
    (draft, findings)
}

/// The draft of a faultless migration.
fn good(resolver: &MemoryResolver, entry: &str) -> Draft {
    let (draft, findings) = load(resolver, entry);
    draft.unwrap_or_else(|| panic!("{findings}"))
}

/// The findings of one file, one line each.
fn lines(text: &str) -> Vec<String> {
    lines_of(&MemoryResolver::new().with("m.yaml", text))
}

/// The findings of the migration `m.yaml`, one line each.
fn lines_of(resolver: &MemoryResolver) -> Vec<String> {
    let (_, findings) = load(resolver, "m.yaml");
    findings.sorted().into_iter().map(ToString::to_string).collect()
}

fn ids(draft: &Draft) -> Vec<&str> {
    draft
        .transformations
        .iter()
        .map(|entry| entry.id.as_str())
        .collect()
}

/// A transformation file of one removal.
fn removing(path: &str) -> String {
    format!("transformations: [{{remove: {path}}}]")
}

#[test]
fn eight_defects_in_three_files_are_eight_findings_in_one_go() {
    let resolver = MemoryResolver::new()
        .with(
            "orders.yaml",
            include_str!("../../../tests/data/eight-defects/orders.yaml"),
        )
        .with(
            "steps/0001-names.yaml",
            include_str!("../../../tests/data/eight-defects/steps/0001-names.yaml"),
        )
        .with(
            "steps/0002-lines.json",
            include_str!("../../../tests/data/eight-defects/steps/0002-lines.json"),
        );
    let (_, findings) = load(&resolver, "orders.yaml");
    let expected = include_str!("../../../tests/data/eight-defects/findings.txt");
    assert!(findings.render() == expected, "{}", findings.render());
    assert_eq!(findings.errors(), 8);
}

#[test]
fn a_migration_is_read_in_the_order_of_its_list() {
    let resolver = MemoryResolver::new()
        .with(
            "migrations/orders.yaml",
            "$schema: x\nmigration: orders\ndescription: up\nobserved: {anything: [1]}\nduplicate_names: reject\n\
             validate: [{check: syntax, status: applied}]\naccepts: ['orders@2:9f3ac41b7d02e6aa']\ntransformations:\n  \
             - file: ../steps/one.json\n  - directory: later/\n    status: applied\n  - remove: a\n  \
             - remove: b\n    id: drop-b\n    description: gone\n    status: applied\n",
        )
        .with("steps/one.json", r#"{"id": "first", "transformations": [{"remove": "x"}, {"id": "y", "remove": "y"}]}"#)
        .with("migrations/later/10.yaml", removing("ten"))
        .with("migrations/later/9.yml", removing("nine"))
        .with("migrations/later/readme.md", "nothing")
        .with("migrations/later/deeper/1.yaml", "not read");
    let draft = good(&resolver, "migrations/orders.yaml");
    assert_eq!(ids(&draft), ["first#1", "y", "9#1", "10#1", "orders#3", "drop-b"]);
    let applied: Vec<bool> = draft
        .transformations
        .iter()
        .map(|entry| entry.status == Status::Applied)
        .collect();
    assert_eq!(applied, [false, false, true, true, false, true]);
    assert_eq!(draft.name, "orders");
    assert_eq!(draft.description.as_deref(), Some("up"));
    assert_eq!(draft.duplicate_names, DuplicateNames::Reject);
    assert_eq!(
        draft.validations,
        [Validation {
            check: Check::Syntax,
            status: Status::Applied
        }]
    );
    assert!(draft.validate_is_written);
    assert_eq!(
        draft.accepts,
        [record::Entry::parse("orders@2:9f3ac41b7d02e6aa").unwrap()]
    );
    assert_eq!(draft.transformations[5].description.as_deref(), Some("gone"));
    assert_eq!(
        draft.transformations[5].place.to_string(),
        "migrations/orders.yaml:13:5"
    );
    assert!(matches!(draft.direction, Direction::Up));
}

#[test]
fn a_transformation_file_is_a_migration_of_its_own_name() {
    let draft = good(
        &MemoryResolver::new().with("a/Orders-V2.yaml", removing("x")),
        "a/Orders-V2.yaml",
    );
    assert_eq!(
        (draft.name.as_str(), ids(&draft)),
        ("orders-v2", vec!["Orders-V2#1"])
    );
    assert!(!draft.validate_is_written);
    let (_, findings) = load(
        &MemoryResolver::new().with("my orders.yaml", removing("x")),
        "my orders.yaml",
    );
    assert!(
        findings
            .to_string()
            .starts_with("my orders.yaml: error: the id `my orders` cannot be the name")
    );
}

#[test]
fn a_chain_may_be_empty() {
    assert!(
        good(
            &MemoryResolver::new().with("m.yaml", "transformations: []"),
            "m.yaml"
        )
        .transformations
        .is_empty()
    );
}

#[test]
fn what_a_file_is_meant_to_be_is_said_once() {
    assert_eq!(
        lines("[1]"),
        ["m.yaml:1:1: error: expected an object with `transformations`, found a list"]
    );
    assert_eq!(
        lines("{}"),
        ["m.yaml:1:1: error: a transformation file needs `transformations`"]
    );
    assert_eq!(
        lines("migration: m"),
        ["m.yaml:1:1: error: a migration needs `transformations`"]
    );
    assert_eq!(
        lines("migration: m\ntransformations:"),
        ["m.yaml:2:16: error: expected a list of transformations, found null"]
    );
    assert_eq!(
        lines("migrations: m\ntransformations: []"),
        ["m.yaml:1:1: error: unknown field `migrations` of a migration, did you mean `migration`?",]
    );
    assert_eq!(
        lines("migration: Big\ntransformations: []"),
        ["m.yaml:1:12: error: `Big` is not a name of a migration"]
    );
}

#[test]
fn pointers_are_refused_at_their_place() {
    let resolver = MemoryResolver::new()
        .with(
            "m.yaml",
            "migration: m\ntransformations:\n- file: ../x.yaml\n- file: a/../../x.yaml\n- file: lost.yaml\n- file: x.txt\n\
             - file: folder\n- directory: empty\n- directory: lost\n- directory: m.yaml\n- file: m.yaml\n- file: 3\n\
             - {file: a.yaml, directory: b}\n- {file: a.yaml, when: 'true'}\n- {fiel: a.yaml}\n- directory: /etc\n",
        )
        .with("folder.yaml/x", "")
        .with("empty/readme.md", "");
    assert_eq!(
        lines_of(&resolver),
        [
            "m.yaml:1:12: error: expected a file of transformations, found a migration",
            "m.yaml:3:9: error: the name leaves the project's root",
            "m.yaml:4:9: error: the name leaves the project's root",
            "m.yaml:5:9: error: lost.yaml: there is no such file or folder",
            "m.yaml:6:9: error: expected a file whose name ends in .yaml, .yml or .json",
            "m.yaml:7:9: error: expected a file whose name ends in .yaml, .yml or .json",
            "m.yaml:8:14: error: expected at least one .yaml, .yml or .json file in this folder, found none",
            "m.yaml:9:14: error: there is no such file or folder",
            "m.yaml:10:14: error: expected a folder, found a file",
            "m.yaml:12:9: error: expected a string, found a number",
            "m.yaml:13:29: error: `directory` has no meaning beside `file`",
            "m.yaml:14:18: error: unknown field `when` of a pointer",
            "m.yaml:15:4: error: unknown field `fiel` of a pointer, did you mean `file`?",
            "m.yaml:16:14: error: expected a name relative to this file, found an absolute one",
        ]
    );
}

#[test]
fn a_file_that_is_not_there_is_reported_by_its_name() {
    let (_, findings) = load(&MemoryResolver::new(), "orders.yaml");
    assert_eq!(
        findings.to_string(),
        "orders.yaml: error: there is no such file or folder"
    );
    let (_, findings) = load(&MemoryResolver::new().with("a/b.yaml", ""), "a");
    assert_eq!(
        findings.to_string(),
        "a: error: expected a file whose name ends in .yaml, .yml or .json"
    );
}

#[test]
fn a_pointer_in_a_transformation_file_is_explained() {
    let resolver = MemoryResolver::new().with(
        "m.yaml",
        "transformations:\n- file: a.yaml\n- {remove: a, status: applied}\n",
    );
    assert_eq!(
        lines_of(&resolver),
        [
            "m.yaml:2:9: error: expected a transformation, found a pointer",
            "m.yaml:3:23: error: a status stands at a pointer, or at a transformation written in a migration",
        ]
    );
}

#[test]
fn ids_are_unique_in_a_migration() {
    let text = "migration: m\ntransformations:\n- {remove: a, id: x}\n- {remove: b, id: x}\n- {remove: c, id: m#5}\n- {remove: d, id: ''}\n- {remove: e}\n";
    assert_eq!(
        lines(text),
        [
            "m.yaml:4:19: error: the id `x` stands twice, first at m.yaml:3:19",
            "m.yaml:6:19: error: expected an id, found an empty string",
            "m.yaml:7:4: error: the id `m#5` stands twice, first at m.yaml:5:19",
        ]
    );
}

#[test]
fn two_files_of_one_id_are_one_finding_that_asks_for_an_id() {
    let two = "transformations: [{remove: a}, {remove: b}]";
    let resolver = MemoryResolver::new()
        .with(
            "m.yaml",
            "migration: m\ntransformations:\n- file: a/1.yaml\n- file: b/1.yaml\n- file: a/1.yaml\n",
        )
        .with("a/1.yaml", two)
        .with("b/1.yaml", two);
    let (_, findings) = load(&resolver, "m.yaml");
    assert!(
        findings
            .to_string()
            .contains("give one of the two files an `id` of its own"),
        "{findings}"
    );
    assert_eq!(
        lines_of(&resolver),
        [
            "b/1.yaml:1:20: error: the id `1#1` stands twice, first at a/1.yaml:1:20",
            "m.yaml:5:9: error: the file a/1.yaml stands twice in the chain, first at m.yaml:3:9",
        ]
    );
}

#[test]
fn validations_and_schemas_are_judged() {
    let head = "migration: m\ntransformations: []\n";
    assert_eq!(
        lines(&format!(
            "{head}validate: [syntax, syntx, from, {{check: to}}, {{chek: to}}, syntax, 3]\n"
        )),
        [
            "m.yaml:3:20: error: expected `syntax`, `from` or `to`, found `syntx`, did you mean `syntax`?",
            "m.yaml:3:27: error: `from` needs a schema of that name under `schemas`",
            "m.yaml:3:33: error: `to` needs a schema of that name under `schemas`",
            "m.yaml:3:47: error: unknown field `chek` of a validation, did you mean `check`?",
            "m.yaml:3:58: error: `syntax` stands twice in `validate`",
            "m.yaml:3:66: error: expected `syntax`, `from` or `to`, found a number",
        ]
    );
    assert_eq!(
        lines(&format!("{head}validate: []\n")),
        ["m.yaml:3:11: error: `validate` is an empty list; expected at least one entry"]
    );
    assert_eq!(
        lines(&format!("{head}validate: syntax\n")),
        ["m.yaml:3:11: error: expected a list of validations, found a string"]
    );
    assert_eq!(
        lines(&format!(
            "{head}validate: [from]\nschemas:\n  from: {{format: avro, file: a.avsc}}\n  to: {{format: xml, fil: b}}\n  of: 1\n"
        )),
        [
            "m.yaml:6:16: error: expected `json-schema`, `avro` or `protobuf`, found `xml`",
            "m.yaml:6:21: error: unknown field `fil` of a schema, did you mean `file`?",
            "m.yaml:7:3: error: unknown field `of` beside `from` and `to`",
        ]
    );
}

#[test]
fn accepted_records_are_judged() {
    let text = "migration: m\ntransformations: [{remove: a}]\naccepts:\n- m@1:0123456789abcdef\n- m@2:0123456789abcdef\n";
    assert_eq!(
        lines(text),
        ["m.yaml:5:3: error: expected a count up to 1, the length of the chain"]
    );
    let text = "migration: m\ntransformations: []\naccepts: ['m@0:0123456789abcdef', 'm@01:0123456789abcdef', m@1:0123456789abcdeF, m@1:12, m@:0123456789abcdef, n@1:0123456789abcdef, 7]\n";
    let lines = lines(text);
    assert_eq!(lines.len(), 7, "{lines:#?}");
    assert!(lines[5].ends_with("expected a record of this migration, found one of `n`"));
}

#[test]
fn a_file_that_is_named_like_a_folder_is_refused() {
    let resolver = MemoryResolver::new()
        .with(
            "m.yaml",
            "migration: m\ntransformations:\n- file: a.json/\n- directory: steps/\n",
        )
        .with("a.json", r#"{"transformations": [{"remove": "x"}]}"#)
        .with("steps/1.json", r#"{"transformations": [{"remove": "x"}]}"#);
    assert_eq!(
        lines_of(&resolver),
        ["m.yaml:3:9: error: expected a file, found a name that ends in `/`, as those of folders do"]
    );
}

#[test]
fn a_circle_of_downward_migrations_is_refused_and_ends() {
    let down = |name: &str, of: &str| {
        format!(
            "migration: {name}\ndirection: down\nof: {of}\nfrom: 1\nto: 0\ntransformations: [{{remove: z}}]\n"
        )
    };
    let resolver = MemoryResolver::new()
        .with("m.yaml", down("m", "n.yaml"))
        .with("n.yaml", down("n", "o.yaml"))
        .with("o.yaml", down("o", "m.yaml"));
    assert_eq!(
        lines_of(&resolver),
        ["m.yaml:3:5: error: expected a migration that leads up, found one that leads down itself"]
    );
}

#[test]
fn a_downward_migration_names_the_chain_that_it_inverts() {
    let down = |of: &str, from: &str, to: &str| {
        format!(
            "migration: m-down\ndirection: down\nof: {of}\nfrom: {from}\nto: {to}\ntransformations: [{{remove: z}}]\n"
        )
    };
    let up = "migration: up\ntransformations: [{remove: a}, {remove: b}]";
    let resolver = |text: String| MemoryResolver::new().with("m.yaml", text).with("up.yaml", up);
    let draft = good(&resolver(down("up.yaml", "2", "0")), "m.yaml");
    let Direction::Down { of, from, to } = draft.direction else {
        panic!("it leads up")
    };
    assert_eq!(
        (of.name.as_str(), of.transformations.len(), from, to),
        ("up", 2, 2, 0)
    );
    for (text, expected) in [
        (
            down("up.yaml", "3", "0"),
            "m.yaml:4:7: error: expected a count up to 2, the length of that chain",
        ),
        (
            down("up.yaml", "1", "1"),
            "m.yaml:5:5: error: expected a count below `from`, which is 1",
        ),
        (
            down("m.yaml", "1", "0"),
            "m.yaml:3:5: error: a migration cannot invert itself",
        ),
        (
            down("lost.yaml", "1", "0"),
            "m.yaml:3:5: error: lost.yaml: there is no such file or folder",
        ),
        (
            down("other.yaml", "1", "0"),
            "m.yaml:3:5: error: expected a migration that leads up, found one that leads down itself",
        ),
        (
            down("[]", "1", "0"),
            "m.yaml:3:5: error: expected a string, found a list",
        ),
    ] {
        let resolver = resolver(text).with("other.yaml", down("m.yaml", "1", "0"));
        assert_eq!(lines_of(&resolver), [expected]);
    }
    assert_eq!(
        lines("migration: m\ndirection: down\ntransformations: []"),
        [
            "m.yaml:1:1: error: a migration needs `of`",
            "m.yaml:1:1: error: a migration needs `from`",
            "m.yaml:1:1: error: a migration needs `to`",
        ]
    );
    assert_eq!(
        lines("migration: m\nof: x.yaml\ntransformations: []"),
        ["m.yaml:2:5: error: `of` has a meaning only beside `direction: down`"]
    );
}

#[test]
fn what_cannot_be_read_is_one_finding_for_each_file() {
    let resolver = MemoryResolver::new()
        .with("m.yaml", "migration: m\ntransformations:\n- directory: d\n")
        .with("d/1.yaml", b"\x7fELF\x02\0\xff".to_vec())
        .with("d/2.json", "[".repeat(100_000))
        .with("d/3.yaml", "- ".repeat(100_000))
        .with("d/4.json", vec![b' '; source::MOST_BYTES + 1])
        .with("d/5.yaml", "")
        .with("d/6.json", "\u{feff}{}");
    let lines = lines_of(&resolver);
    assert_eq!(lines.len(), 6, "{lines:#?}");
    for (line, file) in lines.iter().zip([
        "d/1.yaml", "d/2.json", "d/3.yaml", "d/4.json", "d/5.yaml", "d/6.json",
    ]) {
        assert!(line.starts_with(file), "{line}");
    }
}

mod lock;
mod random;
mod schemas;
