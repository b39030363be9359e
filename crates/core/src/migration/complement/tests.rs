//! What is kept on the way up is put back on the way down, and nothing else is.

use bytes::Bytes;

use super::*;
use crate::migration::fused::{Engine, Program, Worker};
use crate::migration::load::MemoryResolver;
use crate::migration::{Disposition, LoadOptions, Migrated, Migration, Options, Outcome, SkipReason};

const CHAIN: &str = "
transformations:
  - { remove: note }
  - { text: name, do: [upper] }
  - { pick: address, members: [city] }
  - { remove: '@headers.trace' }
  - { modify: '@key', value: none }
";

const MESSAGE: &str = r#"{ "name" : "Zoé", "note":"1E2", "address":{"zip":"01","city":"x"}, "n":1.50 }"#;

/// The upward migration and the downward one that takes it back, each with its own `complement`.
struct Pair {
    up: Migration,
    down: Migration,
}

fn pair(up: &str, down: &str) -> Pair {
    pair_of(CHAIN, up, down, 5, 0)
}

fn pair_of(chain: &str, up: &str, down: &str, from: usize, to: usize) -> Pair {
    let text = format!("migration: orders\n{up}\n{chain}");
    let files = MemoryResolver::new().with("orders.yaml", text);
    let load = |entry: &str, files: &MemoryResolver| {
        let loaded = Migration::load(entry, files, &LoadOptions::default());
        loaded.unwrap_or_else(|findings| panic!("{findings}")).migration
    };
    let up = load("orders.yaml", &files);
    let text = up.invert("orders.yaml", from, to).unwrap();
    let files = files.with("down.yaml", format!("{text}{down}\n"));
    let down = load("down.yaml", &files);
    Pair { up, down }
}

fn came() -> Input {
    Input {
        payload: Some(MESSAGE.into()),
        key: Some("k".into()),
        headers: [("trace", "1"), ("other", "2"), ("trace", "3")]
            .into_iter()
            .collect(),
    }
}

fn again(migrated: Migrated) -> Input {
    Input {
        payload: migrated.payload,
        key: migrated.key,
        headers: migrated.headers,
    }
}

fn text(bytes: Option<&Bytes>) -> String {
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

const KEEP: &str = "complement: {}";

#[test]
fn what_the_chain_took_out_is_put_back_byte_for_byte_by_both_engines() {
    let pair = pair(KEEP, "");
    for engine in [Engine::Fused, Engine::Interpreter] {
        let worker = |migration: &Migration| {
            let program = Program::compile(std::sync::Arc::new(migration.clone()));
            Worker::new(std::sync::Arc::new(program), engine)
        };
        let there = worker(&pair.up).migrate(came(), &Options::default()).unwrap();
        assert_eq!(there.complement, Some(Complemented::Kept));
        assert!(!text(there.payload.as_ref()).contains("note"));
        let mut there = again(there);
        there.headers.append("added-on-the-way", "4");
        let back = worker(&pair.down).migrate(there, &Options::default()).unwrap();
        assert_eq!(back.complement, Some(Complemented::Restored));
        assert_eq!(back.disposition, Disposition::Forward);
        let restored = Outcome::Skipped(SkipReason::Restored);
        assert!(back.changes.iter().all(|change| change.outcome == restored));
        assert_eq!(text(back.payload.as_ref()), MESSAGE);
        assert_eq!(text(back.key.as_ref()), "k");
        let mut headers: Vec<_> = back
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", text(Some(value))))
            .collect();
        headers.sort();
        assert_eq!(
            headers,
            ["added-on-the-way: 4", "other: 2", "trace: 1", "trace: 3"]
        );
    }
}

#[test]
fn what_stays_costs_next_to_nothing_and_what_is_gone_costs_what_it_is() {
    let long: String = (0..2_000)
        .map(|number| format!("{:x},", number * number))
        .collect();
    let size = |chain: &str| {
        let pair = pair_of(chain, KEEP, "", 1, 0);
        let payload = format!(
            r#"{{"a":"{long}","b":{{"c":"short"}},"d":"{:x}"}}"#,
            1_u128 << 100
        );
        let input = Input {
            payload: Some(payload.into()),
            ..Input::default()
        };
        let there = pair.up.migrate(input, &Options::default()).unwrap();
        there.headers.get(COMPLEMENT_HEADER).unwrap().len()
    };
    let moved = size("transformations: [{ move: a, to: b.c2 }]");
    assert!(moved < 200, "{moved}");
    let removed = size("transformations: [{ remove: d }]");
    assert!(removed < 250, "{removed}");
    assert!(size("transformations: [{ remove: a }]") > 2_000);
}

#[test]
fn a_message_that_was_changed_is_told_from_one_that_was_not() {
    let pair = pair(KEEP, "");
    let there = again(pair.up.migrate(came(), &Options::default()).unwrap());
    let refused = |input: Input| pair.down.migrate(input, &Options::default()).unwrap_err();
    let with = |value: String| {
        let mut input = there.clone();
        input.headers.set(COMPLEMENT_HEADER, value);
        input
    };
    let header = text(there.headers.get(COMPLEMENT_HEADER));

    let mut other_payload = there.clone();
    other_payload.payload = Some(text(there.payload.as_ref()).replace("1.50", "1.51").into());
    let failure = refused(other_payload);
    assert_eq!(failure.kind, FailureKind::Complement);
    assert_eq!(
        failure.message(),
        "expected the complement of this message, found that of another payload or one that was changed"
    );

    let body = header.rfind('/').unwrap() + 1;
    for at in body..header.len() {
        let mut changed = header.clone();
        let other = if &header[at..=at] == "A" { "B" } else { "A" };
        changed.replace_range(at..=at, other);
        assert_eq!(refused(with(changed)).kind, FailureKind::Complement, "at {at}");
    }
    for cut in body..header.len() {
        assert_eq!(
            refused(with(header[..cut].to_owned())).kind,
            FailureKind::Complement
        );
    }
    let hash = header.find(':').unwrap() + 1;
    let mut other_chain = header.clone();
    other_chain.replace_range(hash..hash + 16, "0123456789abcdef");
    let failure = refused(with(other_chain));
    assert_eq!(failure.kind, FailureKind::Complement);
    assert!(
        failure.message().contains("a complement of the chain"),
        "{failure}"
    );

    let mut twice = there.clone();
    twice.headers.append(COMPLEMENT_HEADER, header.clone());
    assert_eq!(refused(twice).kind, FailureKind::Complement);
    for broken in [
        "",
        "orders",
        &format!("{header},"),
        &format!("{header},{header}"),
        &header.replace("/0/", "/00/"),
    ] {
        assert_eq!(
            refused(with(broken.to_owned())).kind,
            FailureKind::Complement,
            "{broken}"
        );
    }
}

#[test]
fn one_that_is_too_large_is_refused_or_left_out_as_the_file_says() {
    let fails = pair("complement: { max_bytes: 100 }", "");
    let failure = fails.up.migrate(came(), &Options::default()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Complement);
    assert!(
        failure.message().contains("at most 100 bytes, found one of "),
        "{failure}"
    );

    let goes = pair("complement: { max_bytes: 100, too_large: leave_out }", "");
    let there = goes.up.migrate(came(), &Options::default()).unwrap();
    assert_eq!(there.complement, Some(Complemented::LeftOut));
    let header = text(there.headers.get(COMPLEMENT_HEADER));
    assert!(
        header.starts_with("orders@5:") && header.ends_with("/0/-"),
        "{header}"
    );
    let back = goes.down.migrate(again(there), &Options::default()).unwrap();
    assert_eq!(back.complement, None, "the chain is performed");
    assert_ne!(text(back.payload.as_ref()), MESSAGE);
    assert!(!back.headers.contains(COMPLEMENT_HEADER));
}

#[test]
fn a_downward_migration_may_require_one() {
    let strict = pair(
        "complement: { max_bytes: 100, too_large: leave_out }",
        "complement: { missing: fail }",
    );
    let there = strict.up.migrate(came(), &Options::default()).unwrap();
    let failure = strict
        .down
        .migrate(again(there), &Options::default())
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Complement);
    let expected =
        "expected a complement of `orders` that leads from 5 transformations back to 0, found none";
    assert_eq!(failure.message(), expected);
}

#[test]
fn one_of_half_the_way_becomes_one_of_the_whole_way() {
    let half: String = CHAIN.lines().take(4).map(|line| format!("{line}\n")).collect();
    let half = pair_of(&half, KEEP, "", 2, 0).up;
    let whole = pair(KEEP, "");
    let between = again(half.migrate(came(), &Options::default()).unwrap());
    let there = whole.up.migrate(between.clone(), &Options::default()).unwrap();
    let back = whole.down.migrate(again(there), &Options::default()).unwrap();
    assert_eq!(text(back.payload.as_ref()), MESSAGE);

    let mut changed = between;
    changed.payload = Some(Bytes::from("{}"));
    let failure = whole.up.migrate(changed, &Options::default()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Complement);
}

#[test]
fn one_of_another_part_of_the_chain_is_not_used_and_does_not_stay() {
    let part = pair_of(CHAIN, KEEP, "", 5, 2);
    let there = part.up.migrate(came(), &Options::default()).unwrap();
    let back = part.down.migrate(again(there), &Options::default()).unwrap();
    assert_eq!(back.complement, None);
    assert!(!back.headers.contains(COMPLEMENT_HEADER));
    assert!(text(back.headers.get(crate::migration::RECORD_HEADER)).starts_with("orders@2:"));
}

#[test]
fn those_of_other_migrations_stay_and_are_put_back_in_turn() {
    let first = pair(KEEP, "");
    let text_of = |name: &str| format!("migration: {name}\n{KEEP}\ntransformations: [{{ remove: n }}]\n");
    let files = MemoryResolver::new().with("stamps.yaml", text_of("stamps"));
    let load = |files: &MemoryResolver, entry: &str| {
        Migration::load(entry, files, &LoadOptions::default())
            .unwrap()
            .migration
    };
    let second = load(&files, "stamps.yaml");
    let down = second.invert("stamps.yaml", 1, 0).unwrap();
    let second_down = load(&files.with("down.yaml", down), "down.yaml");
    let mut message = came();
    for migration in [&first.up, &second, &second_down, &first.down] {
        message = again(migration.migrate(message, &Options::default()).unwrap());
    }
    assert_eq!(text(message.payload.as_ref()), MESSAGE);
    assert_eq!(message.headers.len(), 3);
}

#[test]
fn a_chain_that_hides_values_is_refused_one_and_fields_stand_where_they_mean_something() {
    let findings = |text: &str| {
        let files = MemoryResolver::new()
            .with("m.yaml", text)
            .with("up.yaml", "migration: up\ntransformations: [{ remove: a }]\n");
        Migration::load("m.yaml", &files, &LoadOptions::default())
            .unwrap_err()
            .to_string()
    };
    for hiding in ["{ redact: mail }", "{ each: a, do: [{ hash: b, with: sha256 }] }"] {
        let found = findings(&format!("migration: m\n{KEEP}\ntransformations: [{hiding}]\n"));
        assert!(
            found.contains("m.yaml:2:13: error: `m#1` hides values"),
            "{found}"
        );
    }
    let found =
        findings("migration: m\ncomplement: { missing: fail, max_bytes: 2000000 }\ntransformations: []\n");
    assert!(
        found.contains("`missing` has a meaning only in a downward migration"),
        "{found}"
    );
    assert!(
        found.contains("expected a whole number from 0 to 1048576"),
        "{found}"
    );
    let found = findings(
        "migration: m\ndirection: down\nof: up.yaml\nfrom: 1\nto: 0\ncomplement: { too_large: fail }\ntransformations: []\n",
    );
    assert!(
        found.contains("`too_large` has a meaning only in an upward migration"),
        "{found}"
    );
}

#[test]
fn no_difference_makes_more_than_a_message_may_be() {
    let zeros = vec![0; 1 << 20];
    let bomb = difference::between(&zeros, b"").unwrap();
    assert!(bomb.len() < 1_000);
    assert!(difference::apply(&bomb, b"", 1 << 19).is_err());
    assert_eq!(difference::apply(&bomb, b"", 1 << 20).unwrap(), zeros);
    // A frame that says it holds 2^60 bytes, and nothing behind it.
    let lie = [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10];
    assert!(difference::apply(&lie, b"", 1 << 24).is_err());
    for length in 0..bomb.len() {
        assert!(difference::apply(&bomb[..length], b"", 1 << 20).is_err());
    }
}
