//! Receiving, sending and confirming overlap, and the window is what bounds them.

use dunlin_core::message::Message;
use dunlin_core::messaging::Room;
use dunlin_core::settings::Settings;
use dunlin_router::plan::EmptyPayload;
use dunlin_router::progress::{Count, Fate};

use super::stand::{Stand, number, numbers, settle_down};

#[tokio::test]
async fn receiving_goes_on_while_confirms_are_held_up_to_the_window_and_no_further() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    let mut plan = stand.bridge();
    plan.window.messages = 10;
    plan.batch = 4;
    stand.sink.hold_confirms();
    let running = stand.run(plan);
    running
        .until("the window is full", |progress| {
            progress.count(Count::Received) == 10
        })
        .await;
    settle_down().await;
    assert_eq!(
        running.count(Count::Received),
        10,
        "nothing is taken beyond the window"
    );
    assert_eq!(
        stand.payloads("orders"),
        numbers(0..10),
        "all of them were sent before one was confirmed"
    );
    assert_eq!(
        running.fate(Fate::Forwarded),
        0,
        "nothing counts before its confirm"
    );
    assert!(
        stand.source_faults.verdicts().is_empty(),
        "nothing is settled before its confirm"
    );
    assert_eq!(running.snapshot().in_flight, 10);
    stand.sink.release_confirms();
    running.until_fate(Fate::Forwarded, 100).await;
    assert_eq!(stand.payloads("orders"), numbers(0..100));
}

#[tokio::test]
async fn the_window_counts_bytes_and_lets_one_message_pass_that_is_larger() {
    let stand = Stand::new();
    stand.fill((0..5).map(|_| Message::new("x".repeat(1_000)))).await;
    let mut plan = stand.bridge();
    plan.window = Room {
        messages: 100,
        bytes: 1_500,
    };
    stand.sink.hold_confirms();
    let running = stand.run(plan);
    settle_down().await;
    let received = running.count(Count::Received);
    assert!(
        (1..=2).contains(&received),
        "bytes are a soft bound of one message, found {received}"
    );
    stand.sink.release_confirms();
    running.until_fate(Fate::Forwarded, 5).await;

    let stand = Stand::new();
    stand.fill([Message::new("x".repeat(10_000))]).await;
    let mut plan = stand.bridge();
    plan.window = Room {
        messages: 100,
        bytes: 10,
    };
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 1).await;
}

#[tokio::test]
async fn a_batch_is_never_larger_than_the_plan_or_the_target_allows() {
    for (batch, limit, most) in [(16, None, 16), (16, Some("5"), 5)] {
        let mut settings = dunlin_core::settings::Settings::new();
        if let Some(limit) = limit {
            settings = settings.with("batch_limit", limit);
        }
        let stand = Stand::with(&dunlin_core::settings::Settings::new(), &settings);
        stand.fill_numbers(200).await;
        let mut plan = stand.bridge();
        plan.batch = batch;
        let running = stand.run(plan);
        running.until_fate(Fate::Forwarded, 200).await;
        let sizes = stand.sink_faults.batches("orders");
        assert!(sizes.iter().all(|size| *size <= most), "{sizes:?}");
        assert_eq!(sizes.iter().max(), Some(&most));
    }
}

#[tokio::test]
async fn a_target_that_is_down_is_back_pressure_and_not_a_storm() {
    let stand = Stand::new();
    stand.fill_numbers(1_000).await;
    let mut plan = stand.bridge();
    plan.window.messages = 64;
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 1_000).await;
    let before = stand.sink_faults.batches("orders").len();
    stand.sink.stop();
    stand.fill_numbers(1_000).await;
    super::stand::pass(&stand.clock, std::time::Duration::from_secs(60)).await;
    assert_eq!(running.snapshot().in_flight, 64);
    let attempts = stand.sink_faults.batches("orders").len() - before;
    assert!(
        (2..=12).contains(&attempts),
        "a minute of pauses that double makes few attempts, found {attempts}"
    );
    assert!(
        stand.source_faults.verdicts().len() == 1_000,
        "nothing was given back"
    );
    stand.sink.start();
    super::stand::pass(&stand.clock, std::time::Duration::from_secs(31)).await;
    running.until_fate(Fate::Forwarded, 2_000).await;
}

/// A dead letter that hangs holds the place of its lane, so that what is settled behind it comes again after a crash.
#[tokio::test]
async fn what_is_settled_behind_a_slow_dead_letter_takes_up_the_window_where_the_source_keeps_a_place() {
    for (mode, received) in [("log", 10), ("queue", 100)] {
        let stand = Stand::with(&Settings::new().with("mode", mode), &Settings::new());
        stand
            .fill([Message::tombstone()].into_iter().chain((1..100).map(number)))
            .await;
        let mut plan = stand.bridge();
        plan.empty_payload = EmptyPayload::Fail;
        plan.dead_letter = Some(stand.end("dead"));
        plan.window.messages = 10;
        plan.batch = 3;
        stand.sink_faults.hang("dead");
        let running = stand.run(plan);
        running.until_fate(Fate::Forwarded, received - 1).await;
        settle_down().await;
        assert_eq!(running.count(Count::Received), received, "{mode}");
        assert_eq!(stand.payloads("orders").len() as u64, received - 1, "{mode}");
    }
}
