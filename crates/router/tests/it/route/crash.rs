//! A route that dies, wherever it dies, loses nothing, and brings no more twice than was in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dunlin_core::message::Message;
use dunlin_core::settings::Settings;
use dunlin_core::{Error, ErrorKind};
use dunlin_router::fail_points::FailPoint;
use dunlin_router::plan::{EmptyPayload, MigrationChoice, ReportDetail, RoutePlan};
use dunlin_router::progress::{Count, Fate};

use super::migrating::migration;
use super::stand::{Running, Stand, number, numbers, settle_down};

const MESSAGES: usize = 300;
const WINDOW: usize = 32;

/// Every tenth message has no payload and fails.
fn message(n: usize) -> Message {
    if n % 10 == 3 {
        Message::tombstone().with_id(n.to_string())
    } else {
        number(n)
    }
}

fn plan(stand: &Stand) -> RoutePlan {
    let mut plan = stand.bridge();
    plan.window.messages = WINDOW;
    plan.batch = 8;
    plan.empty_payload = EmptyPayload::Fail;
    plan.dead_letter = Some(stand.end("dead"));
    plan.migrations = vec![MigrationChoice::always(migration(
        "migration: m\ntransformations:\n  - rename: n\n    to: amount\n",
    ))];
    plan.report = Some(stand.report(ReportDetail::Changes));
    plan
}

/// How often each id is in target and dead letter together. What was forwarded is reported, and nothing else.
fn copies(stand: &Stand) -> BTreeMap<usize, usize> {
    let number =
        |bytes: Option<&[u8]>| -> usize { std::str::from_utf8(bytes.unwrap()).unwrap().parse().unwrap() };
    let mut copies = BTreeMap::new();
    for (channel, fails) in [("orders", false), ("dead", true)] {
        for message in stand.sink.stored(channel) {
            let id = number(message.id.as_deref());
            assert_eq!(id % 10 == 3, fails, "{id} is in `{channel}`");
            *copies.entry(id).or_default() += 1;
        }
    }
    let reports = stand.sink.stored("reports");
    let reported: BTreeSet<_> = reports
        .iter()
        .map(|report| number(report.key.as_deref()))
        .collect();
    let forwarded: BTreeSet<_> = copies.keys().copied().filter(|id| id % 10 != 3).collect();
    assert_eq!(reported, forwarded, "the ids in target and report are the same");
    copies
}

async fn until_all_are_settled(running: &Running) {
    running
        .until("everything received is settled", |progress| {
            let settled: u64 = Fate::ALL.into_iter().map(|fate| progress.fate(fate)).sum();
            progress.count(Count::Received) == settled && progress.snapshot().in_flight == 0 && settled > 0
        })
        .await;
    settle_down().await;
}

async fn nothing_is_lost(point: FailPoint, time: usize, sink: &Settings, most_duplicates: usize) -> usize {
    let stand = Stand::with(&Settings::new(), sink);
    stand.fill((0..MESSAGES).map(message)).await;
    stand.fail_points.panic_at(point, time);
    let running = stand.run(plan(&stand));
    let error = running
        .ended()
        .await
        .expect_err("the fail point is reached")
        .to_string();
    assert!(error.contains("panicked"), "{error}");
    let again = stand.run(plan(&stand));
    until_all_are_settled(&again).await;
    let copies = copies(&stand);
    assert_eq!(
        copies.len(),
        MESSAGES,
        "{point:?} for the {time}. time: nothing is lost"
    );
    let duplicates: usize = copies.values().map(|copies| copies - 1).sum();
    assert!(
        duplicates <= most_duplicates,
        "{point:?} for the {time}. time: {duplicates} duplicates"
    );
    duplicates
}

#[tokio::test]
async fn a_crash_at_any_point_loses_nothing_and_repeats_at_most_what_was_in_flight() {
    let forgetful = Settings::new().with("capabilities", "-dedup_by_id");
    for point in FailPoint::ALL {
        if point == FailPoint::InMigrate {
            // A panic inside a migration is caught.
            continue;
        }
        for time in [1, 2, 7] {
            let duplicates = nothing_is_lost(point, time, &forgetful, WINDOW).await;
            println!("{point:?} for the {time}. time: 0 lost, {duplicates} duplicates of at most {WINDOW}");
        }
    }
}

#[tokio::test]
async fn a_crash_while_the_target_takes_nothing_loses_nothing() {
    let stand = Stand::new();
    stand.fill_numbers(3).await;
    stand
        .sink_faults
        .refuse_messages(|_, _| Some(Error::new(ErrorKind::Full, "send", "no space is left")));
    let running = stand.run(stand.bridge());
    running
        .until("the messages are sent again and again", |progress| {
            stand.clock.advance(Duration::from_millis(50));
            progress.count(Count::Resent) >= 6
        })
        .await;
    settle_down().await;
    assert!(
        stand.source_faults.verdicts().is_empty(),
        "no confirm, no verdict"
    );
    running.crash().await;
    stand.sink_faults.heal();
    let again = stand.run(stand.bridge());
    again.until_fate(Fate::Forwarded, 3).await;
    assert_eq!(stand.payloads("orders"), numbers(0..3));
}

#[tokio::test]
async fn a_crash_leaves_no_duplicate_at_a_target_that_knows_ids_again() {
    for point in [
        FailPoint::AfterSend,
        FailPoint::AfterConfirm,
        FailPoint::BeforeSettle,
        FailPoint::AfterSettle,
    ] {
        for time in [1, 5] {
            nothing_is_lost(point, time, &Settings::new(), 0).await;
        }
    }
}

#[tokio::test]
async fn a_route_that_is_dropped_in_the_middle_loses_nothing() {
    let stand = Stand::with(
        &Settings::new(),
        &Settings::new().with("capabilities", "-dedup_by_id"),
    );
    for crash in 0..5 {
        stand.fill((crash * 50..crash * 50 + 10).map(message)).await;
        let running = stand.run(plan(&stand));
        running
            .until("some are through", |progress| progress.fate(Fate::Forwarded) >= 9)
            .await;
        stand.sink.hold_confirms();
        stand.fill((crash * 50 + 10..crash * 50 + 50).map(message)).await;
        running
            .until("the window is full", |progress| {
                progress.snapshot().in_flight == WINDOW as u64
            })
            .await;
        settle_down().await;
        running.crash().await;
        stand.sink.release_confirms();
    }
    stand.fill((250..MESSAGES).map(message)).await;
    let running = stand.run(plan(&stand));
    until_all_are_settled(&running).await;
    let copies = copies(&stand);
    assert_eq!(copies.len(), MESSAGES);
    let duplicates: usize = copies.values().map(|copies| copies - 1).sum();
    assert!(duplicates <= 5 * WINDOW, "{duplicates}");
}
