//! Messages that fail, and ends that do.

use std::time::Duration;

use dunlin_core::error::{Error, ErrorKind};
use dunlin_core::message::Message;
use dunlin_core::messaging::Outgoing;
use dunlin_core::settings::Settings;
use dunlin_router::fail_points::FailPoint;
use dunlin_router::plan::{Breaker, EmptyPayload, OnError, RoutePlan, Unroutable};
use dunlin_router::progress::{Count, Fate, State};
use dunlin_router::route::{EndReason, RouteError};

use super::stand::{Stand, header, number, numbers, pass, settle_down, text};

/// A bridge on which messages without payload fail.
fn fails_on_empty(stand: &Stand) -> RoutePlan {
    let mut plan = stand.bridge();
    plan.empty_payload = EmptyPayload::Fail;
    plan
}

fn is_number(outgoing: &Outgoing, n: usize) -> bool {
    outgoing.message.id.as_deref() == Some(n.to_string().as_bytes())
}

#[tokio::test]
async fn a_failed_message_is_settled_only_after_its_dead_letter_is_confirmed() {
    let stand = Stand::new();
    stand
        .fill([Message::new("")
            .with_key("k")
            .with_id("i")
            .with_header("h", vec![0xff])])
        .await;
    let mut plan = fails_on_empty(&stand);
    plan.dead_letter = Some(stand.end("dead"));
    stand.sink.hold_confirms();
    let running = stand.run(plan);
    running
        .until("it is written", |_| stand.sink.stored("dead").len() == 1)
        .await;
    settle_down().await;
    assert!(stand.source_faults.verdicts().is_empty());
    stand.sink.release_confirms();
    running.until_fate(Fate::DeadLettered, 1).await;
    let letter = stand.sink.stored("dead").remove(0);
    assert_eq!(
        (letter.key.as_deref(), letter.id.as_deref()),
        (Some(&b"k"[..]), Some(&b"i"[..]))
    );
    assert_eq!(letter.headers.get("h").map(|value| &value[..]), Some(&[0xff][..]));
    for (name, value) in [
        ("dunlin-error", "expected a payload, found none"),
        ("dunlin-error-kind", "empty"),
        ("dunlin-route", "orders"),
        ("dunlin-attempts", "1"),
        ("dunlin-failed-at", "2020-09-13T12:26:40.000Z"),
    ] {
        assert_eq!(header(&letter, name).as_deref(), Some(value), "{name}");
    }
    let source = header(&letter, "dunlin-source").unwrap();
    assert!(
        source.starts_with("in/orders/") && source.ends_with("@0"),
        "{source}"
    );
    assert_eq!(
        header(&letter, "dunlin-hops"),
        None,
        "a dead letter is no forward"
    );
}

#[tokio::test]
async fn a_message_that_the_target_can_never_take_is_dead_lettered_and_spares_its_neighbours() {
    let stand = Stand::with(&Settings::new(), &Settings::new());
    stand.fill_numbers(10).await;
    stand.sink_faults.refuse_messages(|channel, outgoing| {
        let refused = channel == "orders" && is_number(outgoing, 4);
        refused.then(|| Error::new(ErrorKind::TooLarge, "send", "expected at most 5 bytes, found 7"))
    });
    let mut plan = stand.bridge();
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::DeadLettered, 1).await;
    running.until_fate(Fate::Forwarded, 9).await;
    let letter = stand.sink.stored("dead").remove(0);
    assert_eq!(text(&letter), text(&number(4)));
    assert_eq!(header(&letter, "dunlin-error-kind").as_deref(), Some("refused"));
    assert_eq!(stand.payloads("orders").len(), 9);
}

#[tokio::test]
async fn a_batch_that_is_refused_for_one_message_is_taken_apart_to_find_it() {
    let stand = Stand::new();
    stand.fill_numbers(20).await;
    stand.sink_faults.refuse_batches(|channel, batch| {
        let refused = channel == "orders" && batch.iter().any(|outgoing| is_number(outgoing, 7));
        refused.then(|| Error::new(ErrorKind::NotRepresentable, "send", "expected text, found bytes"))
    });
    let mut plan = stand.bridge();
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::DeadLettered, 1).await;
    running.until_fate(Fate::Forwarded, 19).await;
    let mut expected = numbers(0..20);
    expected.remove(7);
    assert_eq!(stand.payloads("orders"), expected);
}

#[tokio::test]
async fn a_migration_that_panics_costs_one_message_and_no_neighbour() {
    let stand = Stand::new();
    stand.fill_numbers(10).await;
    stand.fail_points.panic_at(FailPoint::InMigrate, 5);
    let mut plan = stand.bridge();
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 9).await;
    running.until_fate(Fate::DeadLettered, 1).await;
    let letter = stand.sink.stored("dead").remove(0);
    assert_eq!(text(&letter), text(&number(4)));
    assert_eq!(header(&letter, "dunlin-error-kind").as_deref(), Some("panic"));
    assert!(
        !header(&letter, "dunlin-error").unwrap().contains("InMigrate"),
        "what a panic says stays inside"
    );
}

#[tokio::test]
async fn a_dead_letter_that_cannot_be_written_stops_the_intake_and_nothing_is_dropped() {
    for kind in [ErrorKind::Full, ErrorKind::ChannelMissing, ErrorKind::TooLarge] {
        let stand = Stand::new();
        stand
            .fill([Message::tombstone()].into_iter().chain((1..101).map(number)))
            .await;
        stand.sink_faults.refuse_messages(move |channel, _| {
            (channel == "dead").then(|| Error::new(kind, "send", "it cannot be written"))
        });
        let mut plan = fails_on_empty(&stand);
        plan.batch = 5;
        plan.window.messages = 5;
        plan.dead_letter = Some(stand.end("dead"));
        let running = stand.run(plan);
        pass(&stand.clock, Duration::from_secs(10)).await;
        let received = running.count(Count::Received);
        assert!(
            received <= 10,
            "{kind:?}: it takes nothing while the dead letter waits, found {received}"
        );
        let down = matches!(running.progress.state(), State::Down(_));
        assert_eq!(
            down,
            kind != ErrorKind::Full,
            "{kind:?}: {}",
            running.progress.state()
        );
        stand.sink_faults.heal();
        pass(&stand.clock, Duration::from_secs(31)).await;
        running.until_fate(Fate::Forwarded, 100).await;
        assert_eq!(running.fate(Fate::DeadLettered), 1);
    }
}

#[tokio::test]
async fn a_target_that_is_wrong_takes_the_route_down_until_it_is_mended() {
    let stand = Stand::new();
    stand.fill_numbers(100).await;
    stand.sink_faults.refuse_messages(|_, outgoing| {
        is_number(outgoing, 3)
            .then(|| Error::new(ErrorKind::Unroutable, "send", "no queue is bound for this key"))
    });
    let mut plan = stand.bridge();
    plan.batch = 5;
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running
        .until("it is down", |progress| {
            matches!(progress.state(), State::Down(_))
        })
        .await;
    pass(&stand.clock, Duration::from_secs(120)).await;
    assert!(running.count(Count::Received) <= 10, "nothing more is taken");
    assert_eq!(
        running.fate(Fate::DeadLettered) + running.count(Count::Failed),
        0,
        "the message is not to blame"
    );
    assert!(!running.is_finished());
    let State::Down(reason) = running.progress.state() else {
        panic!()
    };
    assert!(
        reason.contains("target") && reason.contains("no queue is bound"),
        "{reason}"
    );
    stand.sink_faults.heal();
    pass(&stand.clock, Duration::from_secs(31)).await;
    running.until_fate(Fate::Forwarded, 100).await;
    assert_eq!(running.progress.state(), State::Running);
}

#[tokio::test]
async fn a_route_whose_source_has_ended_tells_that_its_target_takes_nothing() {
    let stand = Stand::new();
    stand.fill_numbers(3).await;
    stand.source_faults.end_when_empty();
    stand
        .sink_faults
        .refuse_messages(|_, _| Some(Error::new(ErrorKind::ChannelMissing, "send", "the queue is gone")));
    let running = stand.run(stand.bridge());
    pass(&stand.clock, Duration::from_secs(10)).await;
    let State::Down(reason) = running.progress.state() else {
        panic!("it waits without a word: {}", running.progress.state())
    };
    assert!(
        reason.contains("target") && reason.contains("the queue is gone"),
        "{reason}"
    );
    stand.sink_faults.heal();
    pass(&stand.clock, Duration::from_secs(31)).await;
    let ended = running.ended().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::SourceEnded, 0));
}

#[tokio::test]
async fn unroutable_is_a_failed_message_where_the_route_says_so() {
    let stand = Stand::new();
    stand.fill_numbers(5).await;
    stand.sink_faults.refuse_messages(|channel, outgoing| {
        let refused = channel == "orders" && is_number(outgoing, 3);
        refused.then(|| Error::new(ErrorKind::Unroutable, "send", "no queue is bound for this key"))
    });
    let mut plan = stand.bridge();
    plan.unroutable = Unroutable::DeadLetter;
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::DeadLettered, 1).await;
    running.until_fate(Fate::Forwarded, 4).await;
}

#[tokio::test]
async fn without_a_dead_letter_the_route_ends_and_the_message_stays_with_its_source() {
    let stand = Stand::new();
    stand
        .fill(
            (0..5)
                .map(number)
                .chain([Message::tombstone()])
                .chain((6..20).map(number)),
        )
        .await;
    let running = stand.run(fails_on_empty(&stand));
    let progress = running.progress.clone();
    let error = running.ended().await.unwrap_err();
    assert!(
        matches!(&error, RouteError::Message { fault, .. } if fault.kind == "empty"),
        "{error}"
    );
    assert_eq!(progress.fate(Fate::Forwarded), 5, "what came before is finished");
    assert_eq!(progress.fate(Fate::Left), progress.count(Count::Received) - 5);
    assert_eq!(stand.payloads("orders"), numbers(0..5));
    let mut plan = stand.bridge();
    plan.empty_payload = EmptyPayload::Drop;
    let again = stand.run(plan);
    again.until_fate(Fate::Forwarded, 14).await;
    assert_eq!(again.fate(Fate::Discarded), 1, "it came again");
}

#[tokio::test]
async fn unsafe_forward_sends_the_original_with_the_headers_of_a_dead_letter() {
    let stand = Stand::new();
    stand.fill([Message::tombstone().with_key("k")]).await;
    let mut plan = fails_on_empty(&stand);
    plan.on_error = OnError::UnsafeForward;
    let running = stand.run(plan);
    running.until_fate(Fate::UnsafeForwarded, 1).await;
    let forwarded = stand.sink.stored("orders").remove(0);
    assert_eq!(
        (forwarded.payload.as_ref(), forwarded.key.as_deref()),
        (None, Some(&b"k"[..]))
    );
    assert_eq!(header(&forwarded, "dunlin-error-kind").as_deref(), Some("empty"));
    assert_eq!(header(&forwarded, "dunlin-hops").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_message_that_was_forwarded_too_often_fails_and_is_never_forwarded_again() {
    for on_error in [OnError::Stop, OnError::UnsafeForward] {
        let stand = Stand::new();
        stand.fill([number(0).with_header("dunlin-hops", "8")]).await;
        let mut plan = stand.bridge();
        plan.on_error = on_error;
        let error = stand.run(plan).ended().await.unwrap_err();
        assert!(
            matches!(&error, RouteError::Message { fault, .. } if fault.kind == "loop"),
            "{error}"
        );
        assert!(stand.sink.stored("orders").is_empty());
    }
    let stand = Stand::new();
    stand
        .fill([
            number(0).with_header("dunlin-hops", "7"),
            number(1).with_header("dunlin-hops", "many"),
        ])
        .await;
    let mut plan = stand.bridge();
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 1).await;
    running.until_fate(Fate::DeadLettered, 1).await;
    assert_eq!(
        header(&stand.sink.stored("orders")[0], "dunlin-hops").as_deref(),
        Some("8")
    );
    assert_eq!(
        header(&stand.sink.stored("dead")[0], "dunlin-error-kind").as_deref(),
        Some("record")
    );
}

#[tokio::test]
async fn the_breaker_stops_the_route_before_the_source_is_drained_into_the_dead_letter() {
    let stand = Stand::new();
    stand.fill((0..1_000).map(|_| Message::tombstone())).await;
    let mut plan = fails_on_empty(&stand);
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    let progress = running.progress.clone();
    let error = running.ended().await.unwrap_err();
    assert!(matches!(error, RouteError::Breaker(_)), "{error}");
    assert!(error.to_string().contains("100 messages in a row"), "{error}");
    assert_eq!(stand.sink.stored("dead").len(), 100);
    assert_eq!(progress.fate(Fate::DeadLettered), 100);
    assert_eq!(progress.fate(Fate::Left), progress.count(Count::Received) - 100);
}

#[tokio::test]
async fn half_of_a_thousand_failures_stop_the_route_and_a_breaker_that_is_off_stops_nothing() {
    let mixed = || {
        (0..3_000).map(|n| {
            if n % 2 == 0 {
                Message::tombstone()
            } else {
                number(n)
            }
        })
    };
    let stand = Stand::new();
    stand.fill(mixed()).await;
    let mut plan = fails_on_empty(&stand);
    plan.dead_letter = Some(stand.end("dead"));
    let error = stand.run(plan.clone()).ended().await.unwrap_err();
    assert!(
        error.to_string().contains("of the last 1000 messages failed"),
        "{error}"
    );
    assert!(stand.sink.stored("dead").len() < 700);

    let stand = Stand::new();
    stand.fill(mixed()).await;
    let mut plan = fails_on_empty(&stand);
    plan.dead_letter = Some(stand.end("dead"));
    plan.breaker = Breaker {
        row: None,
        share: None,
    };
    let running = stand.run(plan);
    running.until_fate(Fate::DeadLettered, 1_500).await;
    running.until_fate(Fate::Forwarded, 1_500).await;
}

#[tokio::test]
async fn a_dead_letter_carries_what_its_channel_cannot_in_a_reversible_form() {
    let stand = Stand::with(&Settings::new(), &Settings::new().with("header_values", "text"));
    stand
        .fill([Message::tombstone().with_header("h", vec![0xff])])
        .await;
    let mut plan = fails_on_empty(&stand);
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::DeadLettered, 1).await;
    let letter = stand.sink.stored("dead").remove(0);
    assert_eq!(
        header(&letter, "dunlin-headers").as_deref(),
        Some(r#"[["h",{"base64":"/w=="},0]]"#)
    );
}

#[tokio::test]
async fn a_dead_letter_that_is_too_large_for_its_channel_holds_place_length_and_digest() {
    let stand = Stand::new();
    stand.fill_numbers(10).await;
    stand.sink_faults.refuse_messages(|_, outgoing| {
        let refused = outgoing.message.payload == number(4).payload;
        refused.then(|| Error::new(ErrorKind::TooLarge, "send", "expected at most 5 bytes, found 7"))
    });
    let mut plan = stand.bridge();
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    pass(&stand.clock, Duration::from_secs(1)).await;
    running.until_fate(Fate::DeadLettered, 1).await;
    running.until_fate(Fate::Forwarded, 9).await;
    let letter = stand.sink.stored("dead").remove(0);
    assert_eq!(header(&letter, "dunlin-error-kind").as_deref(), Some("refused"));
    let length = number(4).payload.unwrap().len().to_string();
    assert_eq!(header(&letter, "dunlin-left-out"), Some(length));
    let source = header(&letter, "dunlin-source").unwrap();
    assert!(
        text(&letter).contains(&format!(r#""source":"{source}""#)),
        "{}",
        text(&letter)
    );
    assert!(text(&letter).contains(r#""sha256":""#));
}

#[tokio::test]
async fn a_message_that_settling_would_delete_waits_for_a_dead_letter_that_can_hold_it() {
    let stand = Stand::with(&Settings::new().with("mode", "queue"), &Settings::new());
    stand.fill_numbers(10).await;
    stand.sink_faults.refuse_messages(|_, outgoing| {
        is_number(outgoing, 4)
            .then(|| Error::new(ErrorKind::TooLarge, "send", "expected at most 5 bytes, found 7"))
    });
    let mut plan = stand.bridge();
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 9).await;
    pass(&stand.clock, Duration::from_secs(10)).await;
    assert!(matches!(running.progress.state(), State::Down(_)));
    assert_eq!(running.fate(Fate::DeadLettered), 0);
    stand.sink_faults.heal();
    pass(&stand.clock, Duration::from_secs(31)).await;
    running.until_fate(Fate::DeadLettered, 1).await;
    assert_eq!(text(&stand.sink.stored("dead").remove(0)), text(&number(4)));
}

#[tokio::test]
async fn a_channel_without_headers_takes_messages_without_them_and_dead_letters_as_envelopes() {
    let stand = Stand::with(&Settings::new(), &Settings::new().with("header_values", "none"));
    let fine = Message::new("{}").with_key("k").with_header("h", "v");
    stand
        .fill([fine, Message::tombstone().with_header("h", vec![0xff])])
        .await;
    let mut plan = fails_on_empty(&stand);
    plan.dead_letter = Some(stand.end("dead"));
    let running = stand.run(plan);
    running.until_fate(Fate::DeadLettered, 1).await;
    running.until_fate(Fate::Forwarded, 1).await;
    let letter = stand.sink.stored("dead").remove(0);
    let read = dunlin_core::envelope::read(&letter.payload.unwrap())
        .unwrap()
        .message;
    assert_eq!(read.payload, None);
    assert_eq!(read.headers.get("h").unwrap(), &b"\xff"[..]);
    assert_eq!(header(&read, "dunlin-error-kind").as_deref(), Some("empty"));
}
