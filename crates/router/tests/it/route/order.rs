//! What is sent again, and in which order.

use std::collections::BTreeMap;
use std::time::Duration;

use dunlin_core::error::{Error, ErrorKind};
use dunlin_core::message::Message;
use dunlin_core::messaging::{Outgoing, Verdict};
use dunlin_core::settings::Settings;
use dunlin_router::plan::Order;
use dunlin_router::progress::{Count, Fate, State};

use super::stand::{Stand, numbers, pass, settle_down, text};

fn busy() -> Error {
    Error::new(ErrorKind::Rejected, "send", "the broker could not store it")
}

fn is_number(outgoing: &Outgoing, n: usize) -> bool {
    outgoing.message.id.as_deref() == Some(n.to_string().as_bytes())
}

#[tokio::test]
async fn a_message_that_failed_for_a_while_is_sent_again_before_the_rest_of_its_lane() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    let mut failures = 3;
    stand.sink_faults.refuse_messages(move |_, outgoing| {
        let fails = is_number(outgoing, 10) && failures > 0;
        failures -= usize::from(fails);
        fails.then(busy)
    });
    let mut plan = stand.bridge();
    plan.batch = 1;
    let running = stand.run(plan);
    settle_down().await;
    assert_eq!(
        stand.payloads("orders"),
        numbers(0..10),
        "the lane is held behind the failed message"
    );
    assert!(matches!(running.progress.state(), State::Waiting(_)));
    pass(&stand.clock, Duration::from_secs(2)).await;
    running.until_fate(Fate::Forwarded, 100).await;
    assert_eq!(stand.payloads("orders"), numbers(0..100));
    assert_eq!(running.count(Count::Resent), 3);
    assert_eq!(running.progress.state(), State::Running);
}

#[tokio::test]
async fn what_a_target_left_out_behind_a_refused_message_follows_in_its_order() {
    let stand = Stand::with(&Settings::new(), &Settings::new().with("payload_limit", "100"));
    let large = |n: usize| Message::new("x".repeat(if n == 5 { 101 } else { 1 }) + &n.to_string());
    stand.fill((0..60).map(large)).await;
    let mut plan = stand.bridge();
    plan.batch = 16;
    plan.dead_letter = Some(stand.end("dead"));
    plan.dead_letter.as_mut().unwrap().target.endpoint.settings =
        Settings::new().with("payload_limit", "1000");
    let running = stand.run(plan);
    pass(&stand.clock, Duration::from_secs(5)).await;
    running.until_fate(Fate::Forwarded, 59).await;
    let expected: Vec<_> = (0..60).filter(|n| *n != 5).map(|n| text(&large(n))).collect();
    assert_eq!(stand.payloads("orders"), expected);
    assert_eq!(stand.sink.stored("dead").len(), 1);
}

#[tokio::test]
async fn other_lanes_go_on_while_one_is_held() {
    let settings = Settings::new().with("lanes", "4");
    let stand = Stand::with(&settings, &Settings::new());
    let keyed = |n: usize| {
        Message::new(n.to_string())
            .with_key(format!("k{}", n % 16))
            .with_id(n.to_string())
    };
    stand.fill((0..400).map(keyed)).await;
    stand
        .sink_faults
        .refuse_messages(|_, outgoing| is_number(outgoing, 20).then(busy));
    let running = stand.run(stand.bridge());
    pass(&stand.clock, Duration::from_secs(5)).await;
    let forwarded = running.fate(Fate::Forwarded);
    assert!(
        (100..400).contains(&forwarded),
        "three of four lanes go on, found {forwarded}"
    );
    stand.sink_faults.heal();
    pass(&stand.clock, Duration::from_secs(31)).await;
    running.until_fate(Fate::Forwarded, 400).await;
    let mut per_key: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for message in stand.sink.stored("orders") {
        per_key
            .entry(message.key.clone())
            .or_default()
            .push(text(&message).parse().unwrap());
    }
    // The failing message was sent in one batch with later ones of its lane, which may have passed it: that lane alone may
    // be out of order, and only by that message.
    for (key, mut found) in per_key {
        found.retain(|n| *n != 20);
        assert!(found.is_sorted(), "{key:?}: {found:?}");
    }
}

#[tokio::test]
async fn without_order_nothing_waits_for_the_message_that_failed() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    stand
        .sink_faults
        .refuse_messages(|_, outgoing| is_number(outgoing, 10).then(busy));
    let mut plan = stand.bridge();
    plan.order = Order::None;
    let running = stand.run(plan);
    running
        .until("the others are through", |_| stand.payloads("orders").len() == 99)
        .await;
    stand.sink_faults.heal();
    pass(&stand.clock, Duration::from_secs(31)).await;
    running.until_fate(Fate::Forwarded, 100).await;
}

#[tokio::test]
async fn what_is_sent_again_has_the_same_id_and_a_target_that_knows_it_stores_it_once() {
    let stand = Stand::new();
    stand.fill_numbers(20).await;
    stand.sink.hold_confirms();
    let running = stand.run(stand.bridge());
    running
        .until("all are sent", |_| stand.payloads("orders").len() == 20)
        .await;
    // The connection breaks between the write and its confirm: every answer is in doubt.
    stand.sink.cut();
    stand.sink.release_confirms();
    pass(&stand.clock, Duration::from_secs(5)).await;
    running.until_fate(Fate::Forwarded, 20).await;
    assert_eq!(
        stand.payloads("orders"),
        numbers(0..20),
        "known by their ids, none is stored twice"
    );
    assert_eq!(
        running.count(Count::UnexpectedDuplicates),
        0,
        "a duplicate of what was sent again is no alarm"
    );
    let mut ids: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for outgoing in stand.sink_faults.handed("orders") {
        ids.entry(outgoing.message.id.clone())
            .or_default()
            .push(outgoing.dedup);
    }
    assert!(
        ids.values()
            .all(|ids| ids.len() == 2 && ids[0] == ids[1] && ids[0].is_some())
    );
}

#[tokio::test]
async fn a_message_that_comes_again_while_it_is_in_flight_is_not_sent_beside_its_copy() {
    let stand = Stand::with(
        &Settings::new(),
        &Settings::new().with("capabilities", "-dedup_by_id"),
    );
    stand.fill_numbers(20).await;
    stand.sink.hold_confirms();
    let running = stand.run(stand.bridge());
    running
        .until("all are sent", |_| stand.payloads("orders").len() == 20)
        .await;
    // The source's connection breaks: its tokens mean nothing any more, and everything unsettled comes again.
    stand.source.cut();
    running
        .until("all came again", |progress| progress.count(Count::Received) == 40)
        .await;
    stand.sink.release_confirms();
    running.until_fate(Fate::Forwarded, 20).await;
    running.until_fate(Fate::Joined, 20).await;
    running.stop().await.unwrap();
    assert_eq!(stand.payloads("orders"), numbers(0..20));
    let again = stand.run(stand.bridge());
    settle_down().await;
    assert_eq!(again.count(Count::Received), 0, "the new tokens were settled");
}

#[tokio::test]
async fn a_duplicate_of_a_message_that_was_sent_but_once_is_an_alarm() {
    let stand = Stand::new();
    stand.fill_numbers(5).await;
    let running = stand.run(stand.bridge());
    running.until_fate(Fate::Forwarded, 5).await;
    running.stop().await.unwrap();
    // Another group reads the same messages under the same route id, as a misconfigured copy of the route would.
    let mut plan = stand.bridge();
    plan.from.source.group = "copy".to_owned();
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 5).await;
    assert_eq!(running.count(Count::UnexpectedDuplicates), 5);
}

#[tokio::test]
async fn a_message_is_given_back_when_its_attempts_run_out() {
    let stand = Stand::new();
    stand.fill_numbers(10).await;
    stand
        .sink_faults
        .refuse_messages(|_, outgoing| is_number(outgoing, 4).then(busy));
    let mut plan = stand.bridge();
    plan.retry.attempts = Some(3);
    plan.retry.cap = Duration::from_secs(1);
    let running = stand.run(plan);
    pass(&stand.clock, Duration::from_secs(2)).await;
    running.until_fate(Fate::Returned, 1).await;
    let given_back = Verdict::Retry {
        after: Duration::from_secs(1),
    };
    assert!(stand.source_faults.verdicts().contains(&given_back));
    stand.sink_faults.heal();
    pass(&stand.clock, Duration::from_secs(2)).await;
    running
        .until("it came again", |_| stand.payloads("orders").len() == 10)
        .await;
}

#[tokio::test]
async fn a_whole_batch_that_is_refused_goes_again_as_it_was() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    let mut failures = 4;
    stand.sink_faults.refuse_batches(move |_, _| {
        failures -= 1;
        (failures >= 0).then(busy)
    });
    let running = stand.run(stand.bridge());
    pass(&stand.clock, Duration::from_secs(3)).await;
    running.until_fate(Fate::Forwarded, 100).await;
    assert_eq!(stand.payloads("orders"), numbers(0..100));
    assert_eq!(running.count(Count::Resent), 0, "nothing was handed over");
}

#[tokio::test]
async fn strict_order_sends_one_message_at_a_time_and_holds_through_failures() {
    let stand = Stand::new();
    stand.fill_numbers(50).await;
    let mut call = 0;
    stand.sink_faults.refuse_messages(move |_, _| {
        call += 1;
        (call % 3 == 0).then(busy)
    });
    let mut plan = stand.bridge();
    plan.order = Order::Strict;
    plan.window.messages = 1;
    plan.batch = 1;
    let running = stand.run(plan);
    for _ in 0..60 {
        pass(&stand.clock, Duration::from_secs(1)).await;
    }
    running.until_fate(Fate::Forwarded, 50).await;
    assert_eq!(stand.payloads("orders"), numbers(0..50));
    assert!(stand.sink_faults.batches("orders").iter().all(|size| *size == 1));
}
