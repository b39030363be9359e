//! A route with migrations: what is forwarded, reported, dropped, settled, and what of it is counted.

use std::sync::Arc;

use dunlin_core::message::Message;
use dunlin_core::messaging::Endpoint;
use dunlin_core::migration::load::MemoryResolver;
use dunlin_core::migration::{LoadOptions, Migration};
use dunlin_core::settings::Settings;
use dunlin_router::address::AddressTemplate;
use dunlin_router::plan::{
    AddressPlan, Drops, EndPlan, MigrationChoice, Plan, ReportDetail, RoutePlan, SourcePlan, Unmatched,
    Unroutable,
};
use dunlin_router::progress::{Count, Fate};
use dunlin_router::route::RouteError;
use dunlin_router::runner::Runner;
use dunlin_router::shutdown::shutdown;
use serde_json::{Value, json};

use super::stand::{Stand, header, number, pass, settle_down, text};

/// Two operations of which the second finds nothing.
const ORDERS: &str = "
migration: orders
transformations:
  - id: amount
    rename: n
    to: amount
  - id: none
    remove: missing
";

pub(super) fn migration(text: &str) -> Arc<Migration> {
    let files = MemoryResolver::new().with("m.yaml", text);
    let loaded = Migration::load("m.yaml", &files, &LoadOptions::default());
    Arc::new(loaded.unwrap_or_else(|findings| panic!("{findings}")).migration)
}

fn migrating(stand: &Stand, text: &str) -> RoutePlan {
    let mut plan = stand.bridge();
    plan.migrations = vec![MigrationChoice::always(migration(text))];
    plan.report = Some(stand.report(ReportDetail::All));
    plan.dead_letter = Some(stand.end("dead"));
    plan
}

fn reports(stand: &Stand) -> Vec<Value> {
    let stored = stand.sink.stored("reports");
    stored
        .iter()
        .map(|report| serde_json::from_slice(report.payload.as_ref().unwrap()).unwrap())
        .collect()
}

#[tokio::test]
async fn a_migrated_message_is_forwarded_reported_and_then_settled() {
    let stand = Stand::new();
    stand.fill([number(7).with_key("k").with_header("h", "v")]).await;
    let plan = migrating(&stand, ORDERS);
    let chain = plan.migrations[0].migration.chain_id();
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 1).await;
    let forwarded = stand.sink.stored("orders").remove(0);
    assert_eq!(text(&forwarded), r#"{"amount":7}"#);
    assert_eq!(header(&forwarded, "dunlin-applied"), Some(chain.clone()));
    assert_eq!(header(&forwarded, "dunlin-hops").as_deref(), Some("1"));
    assert_eq!(
        (forwarded.key.as_deref(), header(&forwarded, "h").as_deref()),
        (Some(&b"k"[..]), Some("v"))
    );

    let report = reports(&stand).remove(0);
    let position = report["source"]["position"].as_str().unwrap().to_owned();
    assert!(position.ends_with("@0"), "{position}");
    let hash = chain.split_once(':').unwrap().1;
    assert_eq!(
        report,
        json!({
            "dunlin": 1, "route": "orders", "migration": "orders", "chain": hash, "length": 2, "from": 0,
            "message": "7",
            "source": {"system": "in", "channel": "orders", "position": position},
            "target": {"system": "out", "channel": "orders"},
            "validations": [{"check": "syntax", "outcome": "passed"}],
            "transformations": [{"id": "amount", "outcome": "applied"}, {"id": "none", "outcome": "absent"}],
            "bytes": {"in": 7, "out": 12},
            "sha256": {
                "in": "1dd42de9287c1b6a96c617376c0df6b8304485783ed0b4803f1aac0f119471a5",
                "out": "fb6632bd6651ff35747457d7d6aab3f5d91ff8521f5a79f7382c412da5ef081b",
            },
            "at": "2020-09-13T12:26:40.000Z",
        })
    );
    let message = stand.sink.stored("reports").remove(0);
    assert_eq!(
        (message.key.as_deref(), header(&message, "dunlin-for").as_deref()),
        (Some(&b"7"[..]), Some("7"))
    );
    assert_eq!(running.count(Count::Reported), 1);
    let counted = &running.snapshot().transformations[0];
    assert_eq!(counted.migration, "orders");
    assert_eq!(
        counted.transformations[0],
        ("amount".to_owned(), vec![("applied", 1)])
    );
    assert_eq!(
        counted.transformations[1],
        ("none".to_owned(), vec![("absent", 1)])
    );
}

#[tokio::test]
async fn the_source_is_settled_only_after_the_report_is_confirmed() {
    let stand = Stand::new();
    stand.fill_numbers(3).await;
    let down = dunlin_core::ErrorKind::Full;
    stand.sink_faults.refuse_messages(move |channel, _| {
        (channel == "reports").then(|| dunlin_core::Error::new(down, "send", "no space is left"))
    });
    let running = stand.run(migrating(&stand, ORDERS));
    running
        .until("all are forwarded", |_| stand.payloads("orders").len() == 3)
        .await;
    pass(&stand.clock, std::time::Duration::from_secs(5)).await;
    assert!(stand.source_faults.verdicts().is_empty(), "no report, no verdict");
    assert_eq!(running.fate(Fate::Forwarded), 0);
    stand.sink_faults.heal();
    pass(&stand.clock, std::time::Duration::from_secs(31)).await;
    running.until_fate(Fate::Forwarded, 3).await;
    assert_eq!(reports(&stand).len(), 3);
}

#[tokio::test]
async fn a_report_is_named_by_the_deduplication_id_or_a_digest_where_there_is_no_id() {
    for (settings, by_digest) in [
        (Settings::new(), false),
        (Settings::new().with("capabilities", "-stable_position"), true),
    ] {
        let stand = Stand::with(&settings, &Settings::new());
        stand.fill([Message::new("{}")]).await;
        let running = stand.run(migrating(&stand, ORDERS));
        running.until_fate(Fate::Forwarded, 1).await;
        let name = reports(&stand)[0]["message"].as_str().unwrap().to_owned();
        let handed = stand.sink_faults.handed("orders").remove(0);
        if by_digest {
            assert_eq!(name, "44136fa355b3678a1146ad16f7e8649e", "SHA-256 of `{{}}`");
        } else {
            assert_eq!(Some(name), handed.dedup.map(|id| id.to_string()));
        }
        let reported = stand.sink_faults.handed("reports").remove(0);
        assert!(
            by_digest || reported.dedup.is_some() && reported.dedup != handed.dedup,
            "two outputs, two ids"
        );
    }
}

#[tokio::test]
async fn a_message_that_the_migration_refuses_is_dead_lettered_with_the_reason() {
    let stand = Stand::new();
    stand
        .fill([
            Message::new("{bad"),
            Message::new("[]").with_id("list"),
            number(1),
        ])
        .await;
    let running = stand.run(migrating(
        &stand,
        "transformations:\n  - rename: a.b\n    to: c\n    id: deep\nmigration: m\n",
    ));
    running.until_fate(Fate::DeadLettered, 2).await;
    running.until_fate(Fate::Forwarded, 1).await;
    let letters = stand.sink.stored("dead");
    assert_eq!(text(&letters[0]), "{bad");
    assert_eq!(
        header(&letters[0], "dunlin-error-kind").as_deref(),
        Some("syntax")
    );
    assert_eq!(header(&letters[0], "dunlin-transformation"), None);
    assert_eq!(
        header(&letters[1], "dunlin-error-kind").as_deref(),
        Some("mismatch")
    );
    assert_eq!(
        header(&letters[1], "dunlin-transformation").as_deref(),
        Some("deep")
    );
    assert!(
        header(&letters[1], "dunlin-migration")
            .unwrap()
            .starts_with("m@1:")
    );
    assert_eq!(reports(&stand).len(), 1, "a failed message has no report");
    let counted = &running.snapshot().transformations[0].transformations[0].1;
    assert_eq!(*counted, [("absent", 1), ("failed", 1)]);
}

#[tokio::test]
async fn a_message_that_is_behind_or_ahead_is_forwarded_as_it_is_and_not_reported() {
    let stand = Stand::new();
    let plan = migrating(&stand, ORDERS);
    let chain = plan.migrations[0].migration.chain_id();
    let ahead = "orders@9:0123456789abcdef";
    stand
        .fill([
            number(1).with_header("dunlin-applied", chain.clone()),
            number(2).with_header("dunlin-applied", ahead),
        ])
        .await;
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 2).await;
    assert_eq!(stand.payloads("orders"), super::stand::numbers(1..3));
    let records: Vec<_> = stand
        .sink
        .stored("orders")
        .iter()
        .map(|one| header(one, "dunlin-applied").unwrap())
        .collect();
    assert_eq!(records, [chain, ahead.to_owned()]);
    assert_eq!(
        (running.count(Count::Behind), running.count(Count::Ahead)),
        (1, 1)
    );
    assert!(reports(&stand).is_empty());
}

/// A route from a log to itself.
fn own_channel(stand: &Stand, text: &str) -> RoutePlan {
    let [source, _] = stand.systems();
    let from = SourcePlan::of(&source, Endpoint::new("orders"), "dunlin-orders").unwrap();
    let to = EndPlan::of(&source, Endpoint::new("orders"), "orders").unwrap();
    let mut plan = RoutePlan::bridge("orders", from, to);
    plan.migrations = vec![MigrationChoice::always(migration(text))];
    assert!(plan.own_channel);
    plan
}

#[tokio::test]
async fn on_its_own_channel_each_message_is_migrated_once_and_then_settled() {
    let stand = Stand::new();
    let plan = own_channel(&stand, ORDERS);
    stand
        .fill(
            (0..100)
                .map(number)
                .chain([number(100).with_header("dunlin-applied", "orders@9:0123456789abcdef")]),
        )
        .await;
    let running = stand.run(plan);
    running.until_fate(Fate::Settled, 101).await;
    settle_down().await;
    assert_eq!(
        (running.fate(Fate::Forwarded), running.fate(Fate::Settled)),
        (100, 101)
    );
    let stored = stand.source.stored("orders");
    assert_eq!(stored.len(), 201, "nothing goes round");
    assert_eq!(
        (running.count(Count::Behind), running.count(Count::Ahead)),
        (100, 1)
    );
}

#[tokio::test]
async fn on_its_own_channel_a_message_that_no_condition_fits_does_not_go_round() {
    let stand = Stand::new();
    let mut plan = own_channel(&stand, ORDERS);
    plan.migrations = vec![MigrationChoice::when("headers['type'] == 'order'", migration(ORDERS)).unwrap()];
    stand.fill_numbers(5).await;
    let running = stand.run(plan);
    running.until_fate(Fate::Settled, 5).await;
    settle_down().await;
    assert_eq!(stand.source.stored("orders").len(), 5);
}

#[tokio::test]
async fn the_first_migration_whose_condition_holds_is_taken() {
    for (unmatched, fate) in [
        (Unmatched::Pass, Fate::Forwarded),
        (Unmatched::Drop, Fate::Discarded),
        (Unmatched::DeadLetter, Fate::DeadLettered),
    ] {
        let stand = Stand::new();
        let typed = |n, kind: &'static str| number(n).with_header("type", kind);
        stand
            .fill([typed(1, "a"), typed(2, "b"), typed(3, "c"), number(4)])
            .await;
        let named = |to: &str| {
            migration(&format!(
                "migration: {to}\ntransformations:\n  - rename: n\n    to: {to}\n"
            ))
        };
        let mut plan = stand.bridge();
        plan.migrations = vec![
            MigrationChoice::when("headers['type'] == 'a'", named("first")).unwrap(),
            MigrationChoice::when("headers['type'] in ['a', 'b'] && payload.n == 2", named("second"))
                .unwrap(),
        ];
        plan.unmatched = unmatched;
        plan.dead_letter = Some(stand.end("dead"));
        let running = stand.run(plan);
        let forwarded = if unmatched == Unmatched::Pass { 4 } else { 2 };
        running
            .until_fate(fate, if unmatched == Unmatched::Pass { 4 } else { 2 })
            .await;
        running.until_fate(Fate::Forwarded, forwarded).await;
        assert_eq!(
            stand.payloads("orders")[..2],
            [r#"{"first":1}"#, r#"{"second":2}"#]
        );
        assert_eq!(running.count(Count::Unmatched), 2);
        for letter in stand.sink.stored("dead") {
            assert_eq!(header(&letter, "dunlin-error-kind").as_deref(), Some("unmatched"));
        }
    }
}

const DROPS: &str = "
migration: orders
transformations:
  - drop: too small
    where: { n: 1 }
    id: small
  - rename: n
    to: amount
    id: amount
";

#[tokio::test]
async fn a_dropped_message_is_settled_counted_and_reported_and_never_forwarded() {
    let stand = Stand::new();
    stand.fill_numbers(3).await;
    let mut plan = migrating(&stand, DROPS);
    plan.drops = Drops::Allow;
    let running = stand.run(plan);
    running.until_fate(Fate::Dropped, 1).await;
    running.until_fate(Fate::Forwarded, 2).await;
    assert_eq!(stand.payloads("orders"), [r#"{"amount":0}"#, r#"{"amount":2}"#]);
    let told = reports(&stand);
    let dropped = told.iter().find(|report| report["message"] == "1").unwrap();
    assert_eq!(
        dropped["transformations"],
        json!([{"id": "small", "outcome": "dropped", "reason": "too small"}])
    );
    assert_eq!(dropped.get("target"), None);
    assert_eq!(dropped["bytes"], json!({"in": 7}));
    assert_eq!(told.len(), 3);
}

#[tokio::test]
async fn a_drop_that_the_route_does_not_allow_is_a_failure() {
    let stand = Stand::new();
    stand.fill_numbers(3).await;
    let running = stand.run(migrating(&stand, DROPS));
    running.until_fate(Fate::DeadLettered, 1).await;
    running.until_fate(Fate::Forwarded, 2).await;
}

#[tokio::test]
async fn an_address_is_made_from_the_message_as_it_leaves_and_never_guessed() {
    let template = || AddressTemplate::parse("orders.{headers.region}", vec!["orders.*".to_owned()]).unwrap();
    let renames = "migration: m\ntransformations:\n  - rename: '@headers.area'\n    to: region\n";
    for unroutable in [Unroutable::Down, Unroutable::DeadLetter] {
        let stand = Stand::new();
        stand
            .fill([
                number(0).with_header("area", "eu"),
                number(1),
                number(2).with_header("area", "us"),
            ])
            .await;
        let mut plan = migrating(&stand, renames);
        plan.to.address = AddressPlan::Template(template());
        plan.unroutable = unroutable;
        let running = stand.run(plan);
        if unroutable == Unroutable::Down {
            let error = running.ended().await.unwrap_err();
            assert!(
                matches!(&error, RouteError::Message { fault, .. } if fault.kind == "address"),
                "{error}"
            );
            assert!(stand.sink.stored("dead").is_empty());
            continue;
        }
        running.until_fate(Fate::DeadLettered, 1).await;
        running.until_fate(Fate::Forwarded, 2).await;
        let handed = stand.sink_faults.handed("orders");
        let addresses: Vec<_> = handed
            .iter()
            .map(|outgoing| outgoing.address.clone().unwrap())
            .collect();
        assert_eq!(addresses, ["orders.eu", "orders.us"]);
    }
}

#[tokio::test]
async fn migrations_are_replaced_under_load_and_each_message_keeps_the_one_it_was_received_with() {
    let stand = Stand::new();
    let versioned = |n: usize| {
        migration(&format!(
            "migration: m\ntransformations:\n  - add: v\n    value: {n}\n  - add: w\n    value: {n}\n"
        ))
    };
    let mut plan = stand.bridge();
    plan.migrations = vec![MigrationChoice::always(versioned(0))];
    plan.window.messages = 16;
    plan.batch = 8;
    let runner = Runner::new(
        Plan::by_hand(stand.systems(), [plan]),
        Arc::new(stand.clock.clone()),
    );
    let migrations = runner.migrations().remove(0);
    let progress = runner.progress().remove(0);
    let (handle, listening) = shutdown();
    let task = tokio::spawn(runner.run(listening));
    for version in 0..50 {
        migrations.replace(&[MigrationChoice::always(versioned(version))]);
        stand.fill_numbers(20).await;
        tokio::task::yield_now().await;
    }
    for _ in 0..20_000 {
        if progress.fate(Fate::Forwarded) == 1_000 {
            break;
        }
        tokio::task::yield_now().await;
    }
    handle.ask();
    assert!(task.await.unwrap().remove(0).result.is_ok());
    let counted: u64 = (progress.snapshot().transformations.iter())
        .map(|chain| {
            chain.transformations[0]
                .1
                .iter()
                .map(|(_, count)| count)
                .sum::<u64>()
        })
        .sum();
    assert_eq!(counted, 1_000, "every chain is counted");
    let mut last = 0;
    let mut versions = std::collections::BTreeSet::new();
    for message in stand.sink.stored("orders") {
        let document: Value = serde_json::from_slice(message.payload.as_ref().unwrap()).unwrap();
        assert_eq!(document["v"], document["w"], "one chain per message");
        let version = document["v"].as_u64().unwrap();
        assert!(version >= last, "a swap touches only later messages");
        last = version;
        versions.insert(version);
    }
    assert!(versions.len() > 5, "{versions:?}");
}

/// Text of a message becomes a header, and would be two lines of them at a system that takes it for one.
const SMUGGLED: &str = "
migration: orders
transformations:
  - copy: note
    to: '@headers.note'
  - add: '@headers.kind'
    value: a
  - translate: '@headers.kind'
    values: { a: \"1\\r\\nextra: 2\" }
";

#[tokio::test]
async fn line_breaks_made_in_a_header_arrive_where_they_can_be_held_and_are_refused_elsewhere() {
    let payload = r#"{"note":"x\r\nother: y"}"#;
    for (values, held) in [("binary", true), ("text", false)] {
        let stand = Stand::with(&Settings::new(), &Settings::new().with("header_values", values));
        stand.fill([Message::new(payload)]).await;
        let mut plan = migrating(&stand, SMUGGLED);
        plan.report = None;
        let running = stand.run(plan);
        if held {
            running.until_fate(Fate::Forwarded, 1).await;
            let message = stand.sink.stored("orders").remove(0);
            assert_eq!(header(&message, "note").as_deref(), Some("x\r\nother: y"));
            assert_eq!(header(&message, "kind").as_deref(), Some("1\r\nextra: 2"));
            assert_eq!(header(&message, "other"), None);
        } else {
            running.until_fate(Fate::DeadLettered, 1).await;
            assert!(stand.payloads("orders").is_empty());
            let letter = stand.sink.stored("dead").remove(0);
            assert_eq!(letter.payload.as_deref(), Some(payload.as_bytes()));
            assert_eq!(header(&letter, "dunlin-error-kind").as_deref(), Some("refused"));
            assert_eq!(
                header(&letter, "note"),
                None,
                "the letter is the message as it came"
            );
        }
    }
}
