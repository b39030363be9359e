use super::*;
use crate::migration::LoadOptions;
use crate::migration::load::MemoryResolver;
use crate::migration::record::RECORD_HEADER;

/// A migration from its file.
fn migration(text: &str) -> Migration {
    load(&MemoryResolver::new().with("orders.yaml", text), "orders.yaml")
}

fn load(resolver: &MemoryResolver, entry: &str) -> Migration {
    match Migration::load(entry, resolver, &LoadOptions::default()) {
        Ok(loaded) => loaded.migration,
        Err(findings) => panic!("{}", findings.render()),
    }
}

const CHAIN: &str = "
migration: orders
transformations:
  - rename: zip
    to: postcode
  - add: country
    value: ES
    when: payload.region == 'EU'
  - remove: name
    status: applied
";

fn input(payload: &str, record: Option<&str>) -> Input {
    let headers = record
        .map(|record| (RECORD_HEADER, record.to_owned()))
        .into_iter()
        .collect();
    Input {
        payload: Some(Bytes::from(payload.to_owned())),
        key: None,
        headers,
    }
}

fn outcomes(migrated: &Migrated) -> Vec<String> {
    migrated
        .changes
        .iter()
        .map(|change| match change.outcome.reason() {
            Some(reason) => format!("{}/{reason}", change.outcome),
            None => change.outcome.to_string(),
        })
        .collect()
}

fn payload(migrated: &Migrated) -> &str {
    std::str::from_utf8(migrated.payload.as_deref().unwrap()).unwrap()
}

fn record(migrated: &Migrated) -> &str {
    std::str::from_utf8(migrated.headers.get(RECORD_HEADER).unwrap()).unwrap()
}

#[test]
fn a_message_goes_through_the_chain_and_carries_its_record() {
    let migration = migration(CHAIN);
    let migrated = migration
        .migrate(
            input(r#"{"zip": "1010", "region": "EU"}"#, None),
            &Options::default(),
        )
        .unwrap();
    assert_eq!(
        payload(&migrated),
        r#"{"postcode":"1010","region":"EU","country":"ES"}"#
    );
    assert_eq!(outcomes(&migrated), ["applied", "applied", "skipped/flagged"]);
    assert_eq!(record(&migrated), migration.chain_id());
    assert_eq!((migrated.from, &migrated.disposition), (0, &Disposition::Forward));
    assert_eq!(migrated.validations, [(Check::Syntax, Validated::Passed)]);
}

#[test]
fn where_nothing_was_applied_the_very_bytes_leave() {
    let text = "{ \"a\" :\t1.10 }\n";
    let migrated = migration(CHAIN)
        .migrate(input(text, None), &Options::default())
        .unwrap();
    assert_eq!(payload(&migrated), text);
    assert_eq!(
        outcomes(&migrated),
        ["absent", "skipped/condition", "skipped/flagged"]
    );
}

#[test]
fn a_chain_in_two_halves_is_the_chain_at_once() {
    let whole = migration(CHAIN);
    let half = migration("migration: orders\ntransformations:\n  - rename: zip\n    to: postcode\n");
    let message = r#"{"zip":1,"region":"EU"}"#;
    let first = half.migrate(input(message, None), &Options::default()).unwrap();
    let second = Input {
        payload: first.payload,
        key: first.key,
        headers: first.headers,
    };
    let second = whole.migrate(second, &Options::default()).unwrap();
    let at_once = whole.migrate(input(message, None), &Options::default()).unwrap();
    assert_eq!(second.payload, at_once.payload);
    assert_eq!(second.headers, at_once.headers);
    assert_eq!(
        outcomes(&second),
        ["skipped/already_applied", "applied", "skipped/flagged"]
    );
    assert_eq!(second.from, 1);
}

#[test]
fn a_message_behind_the_whole_chain_is_not_looked_at() {
    let migration = migration(CHAIN);
    let record = migration.chain_id();
    let migrated = migration
        .migrate(input("no json", Some(&record)), &Options::default())
        .unwrap();
    assert_eq!(
        (payload(&migrated), &migrated.disposition),
        ("no json", &Disposition::Behind)
    );
    assert_eq!(migrated.validations, [(Check::Syntax, Validated::NothingToDo)]);
}

#[test]
fn a_validation_that_is_written_down_is_always_performed() {
    let migration = migration(&format!("{CHAIN}validate: [syntax]\n"));
    let record = migration.chain_id();
    let failure = migration
        .migrate(input("no json", Some(&record)), &Options::default())
        .unwrap_err();
    assert_eq!((failure.kind, failure.offset), (FailureKind::Syntax, Some(1)));
    assert_eq!(failure.migration.as_deref(), Some("orders"));
}

#[test]
fn records_are_believed_accepted_or_refused() {
    let plain = migration(CHAIN);
    let kind = |migration: &Migration, record: &str, mode| {
        let options = Options {
            record: mode,
            ..Options::default()
        };
        migration
            .migrate(input("{}", Some(record)), &options)
            .map(|migrated| migrated.from)
            .map_err(|failure| failure.kind)
    };
    let other = "orders@1:0123456789abcdef";
    assert_eq!(kind(&plain, other, RecordMode::Trust), Err(FailureKind::Diverged));
    assert_eq!(
        kind(&plain, "orders@1", RecordMode::Trust),
        Err(FailureKind::Record)
    );
    assert_eq!(kind(&plain, other, RecordMode::Ignore), Ok(0));
    assert_eq!(kind(&plain, "orders@1", RecordMode::Ignore), Ok(0));
    assert_eq!(
        kind(&plain, "others@1:0123456789abcdef", RecordMode::Required),
        Err(FailureKind::Record)
    );
    let accepting = migration(&format!("{CHAIN}accepts: [\"{other}\"]\n"));
    assert_eq!(kind(&accepting, other, RecordMode::Trust), Ok(1));
}

#[test]
fn a_message_that_is_ahead_leaves_as_it_came() {
    let record_ahead = "orders@4:0123456789abcdef,a@1:0123456789abcdef";
    let migrated = migration(CHAIN)
        .migrate(input("no json", Some(record_ahead)), &Options::default())
        .unwrap();
    assert_eq!((payload(&migrated), record(&migrated)), ("no json", record_ahead));
    assert_eq!(migrated.disposition, Disposition::Ahead);
    assert!(migrated.changes.is_empty());
}

#[test]
fn entries_of_other_migrations_stay_in_their_places() {
    let migration = migration(CHAIN);
    let half = format!(
        "a@1:0123456789abcdef,orders@1:{},b@2:0123456789abcdef",
        migration.chain_hash(1).unwrap().short()
    );
    let migrated = migration
        .migrate(input("{}", Some(&half)), &Options::default())
        .unwrap();
    assert_eq!(
        record(&migrated),
        format!(
            "a@1:0123456789abcdef,{},b@2:0123456789abcdef",
            migration.chain_id()
        )
    );
}

#[test]
fn an_empty_chain_leaves_no_record() {
    let migration = migration("migration: orders\ntransformations: []\n");
    let migrated = migration
        .migrate(input("no json", None), &Options::default())
        .unwrap();
    assert!(migrated.headers.is_empty());
    assert_eq!(
        (payload(&migrated), migrated.disposition.clone()),
        ("no json", Disposition::Forward)
    );
}

#[test]
fn a_dropped_message_ends_at_its_drop() {
    let migration = migration(
        "migration: orders\ntransformations:\n  - drop: a test\n    where: { kind: test }\n  - remove: kind\n",
    );
    let migrated = migration
        .migrate(input(r#"{"kind":"test"}"#, None), &Options::default())
        .unwrap();
    assert_eq!(
        migrated.disposition,
        Disposition::Dropped {
            reason: "a test".to_owned()
        }
    );
    assert_eq!(outcomes(&migrated), ["dropped"]);
    let migrated = migration
        .migrate(input(r#"{"kind":"order"}"#, None), &Options::default())
        .unwrap();
    assert_eq!(outcomes(&migrated), ["skipped/condition", "applied"]);
}

#[test]
fn limits_hold_on_arrival_and_on_leaving() {
    let migration = migration("migration: orders\ntransformations:\n  - add: a.b.c\n    value: 0123456789\n");
    let fail = |depth, size, payload: &str| {
        let options = Options {
            limits: Limits::new(depth, size).unwrap(),
            ..Options::default()
        };
        migration
            .migrate(input(payload, None), &options)
            .map(|_| ())
            .map_err(|failure| (failure.kind, failure.transformation))
    };
    assert_eq!(fail(3, 100, "{}"), Ok(()));
    assert_eq!(fail(2, 100, "{}"), Err((FailureKind::Limit, None)));
    assert_eq!(fail(3, 2, "{}"), Ok(()));
    assert_eq!(fail(3, 1, "{}"), Err((FailureKind::Limit, None)));
    assert_eq!(fail(1, 100, "[[]]"), Err((FailureKind::Limit, None)));
}

#[test]
fn duplicate_names_are_refused_where_the_migration_says_so() {
    let migration = migration(&format!("{CHAIN}duplicate_names: reject\n"));
    let failure = migration
        .migrate(input(r#"{"a":[{"b":1,"b":2}]}"#, None), &Options::default())
        .unwrap_err();
    assert_eq!((failure.kind, failure.offset), (FailureKind::Syntax, Some(13)));
}

#[test]
fn without_a_payload_there_is_nothing_to_parse_and_the_record_is_written() {
    let migration = migration(
        "migration: orders\ntransformations:\n  - remove: a\n  - remove: b\n    when: payload != null\n",
    );
    for payload in [None, Some(Bytes::new())] {
        let input = Input {
            payload: payload.clone(),
            ..Input::default()
        };
        let migrated = migration.migrate(input, &Options::default()).unwrap();
        assert_eq!(migrated.payload, payload);
        assert_eq!(record(&migrated), migration.chain_id());
        assert_eq!(outcomes(&migrated), ["absent", "skipped/condition"]);
        assert_eq!(migrated.validations, [(Check::Syntax, Validated::NoPayload)]);
    }
}

#[test]
fn a_failure_names_the_migration_and_the_transformation() {
    let migration = migration("migration: orders\ntransformations:\n  - remove: a.b\n");
    let failure = migration
        .migrate(input(r#"{"a":"x"}"#, None), &Options::default())
        .unwrap_err();
    assert_eq!(
        failure.to_string(),
        "mismatch in orders#1 at a: expected an object, found a string"
    );
    assert_eq!(failure.migration.as_deref(), Some("orders"));
    assert_eq!(failure.transformation.unwrap().index, 0);
}

#[test]
fn a_downward_migration_reads_and_writes_the_records_of_the_chain_it_takes_back() {
    let down = "
migration: orders-down
direction: down
of: orders.yaml
from: 3
to: TO
transformations:
  - rename: postcode
    to: zip
";
    let resolver = MemoryResolver::new().with("orders.yaml", CHAIN);
    let down_to = |to: &str| {
        load(
            &resolver.clone().with("down.yaml", down.replace("TO", to)),
            "down.yaml",
        )
    };
    let up = migration(CHAIN);
    let at = |count: usize| format!("orders@{count}:{}", up.chain_hash(count).unwrap().short());
    let options = Options::default();

    let migrated = down_to("1")
        .migrate(input(r#"{"postcode":1}"#, Some(&at(3))), &options)
        .unwrap();
    assert_eq!(
        (payload(&migrated), record(&migrated)),
        (r#"{"zip":1}"#, at(1).as_str())
    );
    let migrated = down_to("0")
        .migrate(input(r#"{"postcode":1}"#, Some(&at(3))), &options)
        .unwrap();
    assert!(migrated.headers.is_empty());

    let below = down_to("1").migrate(input("{}", Some(&at(1))), &options).unwrap();
    assert_eq!(
        (below.disposition.clone(), record(&below)),
        (Disposition::Behind, at(1).as_str())
    );
    let none = down_to("1").migrate(input("{}", None), &options).unwrap();
    assert_eq!(none.disposition, Disposition::Behind);

    let between = down_to("1")
        .migrate(input("{}", Some(&at(2))), &options)
        .unwrap_err();
    assert_eq!(between.kind, FailureKind::Record);
    let diverged = down_to("1")
        .migrate(input("{}", Some("orders@3:0123456789abcdef")), &options)
        .unwrap_err();
    assert_eq!(diverged.kind, FailureKind::Diverged);
}

#[test]
fn a_watcher_sees_the_document_behind_every_transformation() {
    struct Seen(Vec<String>);
    impl Steps for Seen {
        fn step(&mut self, step: &Step<'_>) {
            let document = step.document.map(Value::to_json).unwrap_or_default();
            self.0.push(format!(
                "{} {} {document}",
                step.transformation.id(),
                step.change.outcome
            ));
        }
    }
    let mut seen = Seen(Vec::new());
    let message = input(r#"{"zip":1,"name":2}"#, None);
    migration(CHAIN)
        .migrate_watched(message, &Options::default(), &mut seen)
        .unwrap();
    assert_eq!(
        seen.0,
        [
            r#"orders#1 applied {"postcode":1,"name":2}"#,
            r#"orders#2 skipped {"postcode":1,"name":2}"#,
            r#"orders#3 skipped {"postcode":1,"name":2}"#,
        ]
    );
}

#[test]
fn a_document_that_doubles_with_each_transformation_is_a_limit() {
    let copy = "  - copy: a\n    to: b\n  - nest: [a, b]\n    into: a\n";
    let migration = migration(&format!(
        "migration: orders\ntransformations:\n{}",
        copy.repeat(40)
    ));
    let options = Options {
        limits: Limits::new(128, 1000).unwrap(),
        ..Options::default()
    };
    let failure = migration
        .migrate(input(r#"{"a":"xxxxxxxxxxxxxxxx"}"#, None), &options)
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Limit);
    assert!(
        failure.transformation.is_some_and(|blamed| blamed.index < 40),
        "it was found too late"
    );
}
