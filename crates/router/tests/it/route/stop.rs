//! How a route stops: drained within a bound, or aborted.

use std::time::Duration;

use dunlin_core::error::{Error, ErrorKind};
use dunlin_router::progress::{Count, Fate, State};
use dunlin_router::route::EndReason;

use super::stand::{Stand, numbers, pass, settle_down};

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_takes_nothing_more() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    let mut plan = stand.bridge();
    plan.window.messages = 10;
    stand.sink.hold_confirms();
    let running = stand.run(plan);
    running
        .until("the window is full", |progress| {
            progress.count(Count::Received) == 10
        })
        .await;
    running.handle.ask();
    running
        .until("it drains", |progress| progress.state() == State::Draining)
        .await;
    stand.sink.release_confirms();
    let ended = running.ended().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Stopped, 0));
    assert_eq!(stand.payloads("orders"), numbers(0..10));
}

#[tokio::test]
async fn a_stop_during_a_send_that_hangs_ends_within_its_limit_and_settles_nothing() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    stand.sink_faults.hang("orders");
    let mut plan = stand.bridge();
    plan.drain = Duration::from_secs(3);
    let running = stand.run(plan.clone());
    running
        .until("a batch is taken", |progress| progress.count(Count::Received) > 0)
        .await;
    settle_down().await;
    running.handle.ask();
    settle_down().await;
    assert!(!running.is_finished(), "it waits for the send within its limit");
    pass(&stand.clock, Duration::from_secs(3)).await;
    let received = running.count(Count::Received);
    let ended = running.ended().await.unwrap();
    assert_eq!((ended.reason, ended.left as u64), (EndReason::Stopped, received));
    assert!(stand.source_faults.verdicts().is_empty());
}

#[tokio::test]
async fn what_could_not_be_drained_comes_again() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    let mut plan = stand.bridge();
    plan.window.messages = 20;
    plan.drain = Duration::from_secs(1);
    stand.sink.hold_confirms();
    let running = stand.run(plan.clone());
    running
        .until("the window is full", |progress| {
            progress.count(Count::Received) == 20
        })
        .await;
    running.handle.ask();
    settle_down().await;
    pass(&stand.clock, Duration::from_secs(1)).await;
    let ended = running.ended().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Stopped, 20));
    stand.sink.release_confirms();
    let again = stand.run(plan);
    again.until_fate(Fate::Forwarded, 100).await;
}

#[tokio::test]
async fn a_second_request_aborts_at_once() {
    let stand = Stand::new();
    stand.fill_numbers(10).await;
    stand.sink_faults.hang("orders");
    let running = stand.run(stand.bridge());
    running
        .until("a batch is taken", |progress| {
            progress.count(Count::Received) == 10
        })
        .await;
    running.handle.ask();
    settle_down().await;
    assert!(!running.is_finished());
    running.handle.ask();
    let ended = running.ended().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Aborted, 10));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_pause_before_a_retry() {
    let stand = Stand::new();
    stand.fill_numbers(10).await;
    stand
        .sink_faults
        .refuse_batches(|_, _| Some(Error::new(ErrorKind::Full, "send", "no space is left")));
    let mut plan = stand.bridge();
    plan.retry.first = Duration::from_secs(1_000);
    plan.retry.cap = Duration::from_secs(1_000);
    plan.drain = Duration::from_secs(2);
    let running = stand.run(plan);
    running
        .until("it waits", |progress| {
            matches!(progress.state(), State::Waiting(_))
        })
        .await;
    running.handle.ask();
    settle_down().await;
    pass(&stand.clock, Duration::from_secs(2)).await;
    let ended = running.ended().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Stopped, 10));
}

#[tokio::test]
async fn an_idle_route_stops_at_once() {
    let stand = Stand::new();
    let running = stand.run(stand.bridge());
    running
        .until("it runs", |progress| progress.state() == State::Running)
        .await;
    let ended = running.stop().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Stopped, 0));
}

#[tokio::test]
async fn a_route_that_cannot_connect_stops_when_asked() {
    let stand = Stand::new();
    stand.source.stop();
    let running = stand.run(stand.bridge());
    running
        .until("it waits", |progress| {
            matches!(progress.state(), State::Waiting(_))
        })
        .await;
    let ended = running.stop().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Stopped, 0));
}

#[tokio::test]
async fn a_settle_that_fails_for_a_while_is_asked_again_and_holds_the_window() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    stand
        .source_faults
        .refuse_settling(|| Some(Error::new(ErrorKind::Io, "settle", "the place cannot be written")));
    let mut plan = stand.bridge();
    plan.window.messages = 10;
    let running = stand.run(plan);
    running
        .until("a settle failed", |progress| {
            progress.count(Count::SettleFailures) > 0
        })
        .await;
    pass(&stand.clock, Duration::from_secs(10)).await;
    assert!(running.count(Count::Received) <= 10);
    assert_eq!(running.fate(Fate::Forwarded), 0);
    stand.source_faults.heal();
    pass(&stand.clock, Duration::from_secs(31)).await;
    running.until_fate(Fate::Forwarded, 100).await;
    assert_eq!(stand.payloads("orders"), numbers(0..100));
}

#[tokio::test]
async fn a_source_that_fails_for_a_while_is_asked_again() {
    let stand = Stand::new();
    stand.fill_numbers(10).await;
    stand.source_faults.refuse_receiving(|| {
        Some(Error::new(
            ErrorKind::Disconnected,
            "receive",
            "the connection is gone",
        ))
    });
    let running = stand.run(stand.bridge());
    running
        .until("receiving failed", |progress| {
            progress.count(Count::ReceiveFailures) == 1
        })
        .await;
    settle_down().await;
    assert_eq!(
        running.count(Count::ReceiveFailures),
        1,
        "it pauses before it asks again"
    );
    assert!(matches!(running.progress.state(), State::Waiting(_)));
    stand.source_faults.heal();
    pass(&stand.clock, Duration::from_secs(1)).await;
    running.until_fate(Fate::Forwarded, 10).await;
    assert_eq!(running.progress.state(), State::Running);
}
