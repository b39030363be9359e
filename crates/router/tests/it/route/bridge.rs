//! A route without a migration.

use std::num::NonZeroUsize;

use bytes::Bytes;
use dunlin_core::carried::Part;
use dunlin_core::error::{Error, ErrorKind};
use dunlin_core::message::Message;
use dunlin_core::messaging::Event;
use dunlin_core::position::DedupId;
use dunlin_core::settings::Settings;
use dunlin_router::plan::{AddressPlan, EmptyPayload, Plan};
use dunlin_router::progress::{Count, Fate, State};
use dunlin_router::route::{EndReason, RouteError};
use dunlin_router::runner::Runner;
use dunlin_router::shutdown::shutdown;

use super::stand::{Stand, header, number, numbers, settle_down};

#[tokio::test]
async fn a_bridge_forwards_every_message_and_settles_it() {
    let stand = Stand::new();
    stand.fill_numbers(1_000).await;
    let running = stand.run(stand.bridge());
    running.until_fate(Fate::Forwarded, 1_000).await;
    let ended = running.stop().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::Stopped, 0));
    assert_eq!(stand.payloads("orders"), numbers(0..1_000));

    let again = stand.run(stand.bridge());
    settle_down().await;
    assert_eq!(again.count(Count::Received), 0, "all of it was settled");
}

#[tokio::test]
async fn a_bridge_keeps_everything_but_the_hop_count() {
    let stand = Stand::new();
    let mut message = number(1)
        .with_key("k")
        .with_header("a", "1")
        .with_header("a", vec![0xff]);
    message.properties.content_type = Some("application/json".to_owned());
    stand
        .fill([
            message.clone(),
            Message::tombstone().with_header("dunlin-hops", "3"),
        ])
        .await;
    let running = stand.run(stand.bridge());
    running.until_fate(Fate::Forwarded, 2).await;
    let stored = stand.sink.stored("orders");
    assert_eq!(
        (&stored[0].payload, &stored[0].key, &stored[0].id),
        (&message.payload, &message.key, &message.id)
    );
    assert_eq!(stored[0].properties, message.properties);
    let mut headers = message.headers.clone();
    headers.append("dunlin-hops", "1");
    assert_eq!(stored[0].headers, headers);
    assert_eq!(
        (stored[1].payload.as_ref(), header(&stored[1], "dunlin-hops")),
        (None, Some("4".to_owned()))
    );
}

#[tokio::test]
async fn what_is_sent_carries_its_origin_and_the_id_made_from_it() {
    let stand = Stand::new();
    stand.fill_numbers(3).await;
    let mut plan = stand.bridge();
    plan.id = "old-name".to_owned();
    plan.epoch = 7;
    let identity = plan.from.identity.clone();
    let running = stand.run(plan);
    running.until_fate(Fate::Forwarded, 3).await;
    for outgoing in stand.sink_faults.handed("orders") {
        let origin = outgoing.origin.unwrap();
        assert_eq!(origin.output, 0);
        let id = DedupId::derive("old-name", 7, 0, &identity, &origin.position);
        assert_eq!(outgoing.dedup, Some(id));
        assert_eq!(
            outgoing.message.id.as_deref(),
            Some(origin.position.offset.to_string().as_bytes())
        );
    }
}

#[tokio::test]
async fn a_source_without_positions_gives_no_deduplication_id() {
    let stand = Stand::with(
        &Settings::new().with("capabilities", "-stable_position"),
        &Settings::new(),
    );
    stand.fill_numbers(3).await;
    let running = stand.run(stand.bridge());
    running.until_fate(Fate::Forwarded, 3).await;
    let handed = stand.sink_faults.handed("orders");
    assert!(
        handed
            .iter()
            .all(|outgoing| outgoing.dedup.is_none() && outgoing.origin.is_none())
    );
}

#[tokio::test]
async fn an_address_is_kept_or_left_to_the_target() {
    for (plan_address, expected) in [(AddressPlan::Same, true), (AddressPlan::Own, false)] {
        let stand = Stand::new();
        stand.fill_addressed("orders.eu").await;
        let mut plan = stand.bridge();
        plan.to.address = plan_address;
        let running = stand.run(plan);
        running.until_fate(Fate::Forwarded, 1).await;
        let address = stand.sink_faults.handed("orders")[0].address.clone();
        assert_eq!(address, expected.then(|| Bytes::from("orders.eu")));
    }
}

#[tokio::test]
async fn a_message_without_payload_is_forwarded_dropped_or_failed_as_the_route_says() {
    for (rule, forwarded, discarded, dead) in [
        (EmptyPayload::Forward, 3, 0, 0),
        (EmptyPayload::Drop, 1, 2, 0),
        (EmptyPayload::Fail, 1, 0, 2),
    ] {
        let stand = Stand::new();
        stand
            .fill([Message::tombstone(), number(1), Message::new("")])
            .await;
        let mut plan = stand.bridge();
        plan.empty_payload = rule;
        plan.dead_letter = Some(stand.end("dead"));
        let running = stand.run(plan);
        running
            .until("all are settled", |progress| {
                Fate::ALL.into_iter().map(|fate| progress.fate(fate)).sum::<u64>() == 3
            })
            .await;
        let found = [Fate::Forwarded, Fate::Discarded, Fate::DeadLettered].map(|fate| running.fate(fate));
        assert_eq!(found, [forwarded, discarded, dead], "{rule:?}");
        for letter in stand.sink.stored("dead") {
            assert_eq!(header(&letter, "dunlin-error-kind").as_deref(), Some("empty"));
        }
    }
}

#[tokio::test]
async fn a_source_that_ends_ends_the_route_when_all_is_settled() {
    let stand = Stand::new();
    stand.fill_numbers(600).await;
    stand.source_faults.end_when_empty();
    let ended = stand.run(stand.bridge()).ended().await.unwrap();
    assert_eq!((ended.reason, ended.left), (EndReason::SourceEnded, 0));
    assert_eq!(stand.payloads("orders"), numbers(0..600));
}

#[tokio::test]
async fn every_end_is_verified_before_the_first_message_is_taken() {
    for channel in ["orders", "reports", "dead"] {
        let stand = Stand::new();
        stand.fill_numbers(1).await;
        stand.sink_faults.refuse_verifying(move |asked| {
            (asked == channel).then(|| {
                Error::new(
                    ErrorKind::ChannelMissing,
                    "verify",
                    "expected a channel, found none",
                )
            })
        });
        let mut plan = stand.bridge();
        plan.dead_letter = Some(stand.end("dead"));
        plan.report = Some(stand.report(dunlin_router::plan::ReportDetail::Changes));
        let running = stand.run(plan);
        let progress = running.progress.clone();
        let error = running.ended().await.unwrap_err();
        assert!(matches!(error, RouteError::Unusable { .. }), "{error}");
        assert!(error.to_string().contains(channel), "{error}");
        assert_eq!(progress.count(Count::Received), 0);
        assert!(matches!(progress.state(), State::Failed(_)));
    }
}

#[tokio::test]
async fn an_end_that_can_do_less_than_was_planned_stops_the_route_with_what_is_missing() {
    let stand = Stand::new();
    stand.sink_faults.downgrade(|mut found| {
        found.capabilities.confirms = false;
        found
    });
    let error = stand.run(stand.bridge()).ended().await.unwrap_err();
    assert!(error.to_string().contains("`confirms`"), "{error}");
}

#[tokio::test]
async fn a_system_that_is_not_there_yet_is_waited_for() {
    let stand = Stand::new();
    stand.fill_numbers(2).await;
    stand.sink.stop();
    let running = stand.run(stand.bridge());
    running
        .until("it waits", |progress| {
            matches!(progress.state(), State::Waiting(_))
        })
        .await;
    stand.sink.start();
    super::stand::pass(&stand.clock, std::time::Duration::from_secs(1)).await;
    running.until_fate(Fate::Forwarded, 2).await;
}

#[tokio::test]
async fn a_gap_in_the_source_is_counted() {
    let stand = Stand::new();
    let running = stand.run(stand.bridge());
    running
        .until("it runs", |progress| progress.state() == State::Running)
        .await;
    stand.source_faults.tell(|| Event::Gap {
        channel: "orders".to_owned(),
        messages: Some(12),
    });
    stand.source_faults.tell(|| Event::Gap {
        channel: "others".to_owned(),
        messages: Some(100),
    });
    running
        .until("the gap is counted", |progress| progress.count(Count::Gaps) == 1)
        .await;
    settle_down().await;
    assert_eq!(
        (running.count(Count::Gaps), running.count(Count::GapMessages)),
        (1, 12)
    );
}

#[tokio::test]
async fn a_target_that_asks_to_wait_stops_the_intake_until_it_takes_messages_again() {
    for ends in [true, false] {
        let stand = Stand::new();
        let running = stand.run(stand.bridge());
        running
            .until("it runs", |progress| progress.state() == State::Running)
            .await;
        stand.sink_faults.tell(|| Event::Blocked {
            reason: "memory alarm".to_owned(),
        });
        running
            .until("it waits", |progress| {
                matches!(progress.state(), State::Waiting(_))
            })
            .await;
        stand.fill_numbers(10).await;
        settle_down().await;
        assert_eq!(running.count(Count::Received), 0);
        stand.sink_faults.tell(|| {
            if ends {
                Event::Unblocked
            } else {
                Event::Reconnected
            }
        });
        running.until_fate(Fate::Forwarded, 10).await;
        assert_eq!(running.progress.state(), State::Running);
    }
}

#[tokio::test]
async fn a_lane_that_another_receiver_waits_for_is_given_when_nothing_of_it_is_in_flight() {
    let settings = Settings::new().with("lanes", "2");
    let sink = Settings::new().with("capabilities", "-dedup_by_id");
    let stand = Stand::with(&settings, &sink);
    stand
        .fill((0..40).map(|n| number(n).with_key(n.to_string())))
        .await;
    let mut plan = stand.bridge();
    plan.window.messages = 30;
    stand.sink.hold_confirms();
    let first = stand.run(plan.clone());
    first
        .until("its window is full", |progress| {
            progress.count(Count::Received) == 30
        })
        .await;
    let second = stand.run(plan);
    settle_down().await;
    assert_eq!(
        second.count(Count::Received),
        0,
        "the lane is still the first one's"
    );
    stand.sink.release_confirms();
    second
        .until("it has a lane", |progress| progress.count(Count::Received) > 0)
        .await;
    for _ in 0..100 {
        settle_down().await;
        if first.fate(Fate::Forwarded) + second.fate(Fate::Forwarded) == 40 {
            break;
        }
    }
    let mut found = stand.payloads("orders");
    let mut expected = numbers(0..40);
    found.sort();
    expected.sort();
    assert_eq!(
        found, expected,
        "each once: the lane changed hands without a copy"
    );
}

#[tokio::test]
async fn one_route_that_ends_with_an_error_leaves_the_others_running() {
    use dunlin_core::messaging::Endpoint;
    use dunlin_router::plan::{Plan, SourcePlan};
    use dunlin_router::runner::Runner;
    let stand = Stand::new();
    stand.fill_numbers(50).await;
    stand.sink_faults.refuse_verifying(|asked| {
        (asked == "bad")
            .then(|| Error::new(ErrorKind::AccessDenied, "verify", "expected a right, found none"))
    });
    let mut bad = stand.bridge();
    bad.name = "bad".to_owned();
    bad.to.end = stand.end("bad");
    bad.from = SourcePlan::of(&stand.systems()[0], Endpoint::new("orders"), "another").unwrap();
    let plan = Plan::by_hand(stand.systems(), [bad, stand.bridge()]);
    let runner = Runner::new(plan, std::sync::Arc::new(stand.clock.clone()));
    let progress = runner.progress();
    let (handle, listening) = dunlin_router::shutdown::shutdown();
    let task = tokio::spawn(runner.run(listening));
    for _ in 0..20_000 {
        if progress[1].fate(Fate::Forwarded) == 50 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(matches!(progress[0].state(), State::Failed(_)));
    assert_eq!(progress[1].state(), State::Running);
    handle.ask();
    let ends = task.await.unwrap();
    assert!(ends[0].result.is_err() && ends[1].result.is_ok());
    assert_eq!(
        (ends[0].route.as_str(), ends[1].route.as_str()),
        ("bad", "orders")
    );
}

#[tokio::test]
async fn a_dry_run_counts_as_a_run_does_and_writes_nothing() {
    use dunlin_router::plan::Plan;
    use dunlin_router::runner::Runner;
    for mode in ["log", "queue"] {
        let stand = Stand::with(&Settings::new().with("mode", mode), &Settings::new());
        stand
            .fill((0..40).map(|n| {
                if n % 4 == 3 {
                    Message::tombstone()
                } else {
                    number(n)
                }
            }))
            .await;
        stand.source_faults.end_when_empty();
        let mut plan = stand.bridge();
        plan.empty_payload = EmptyPayload::Fail;
        plan.dead_letter = Some(stand.end("dead"));
        let runner = Runner::new(
            Plan::by_hand(stand.systems(), [plan.clone()]).dry(),
            std::sync::Arc::new(stand.clock.clone()),
        );
        let progress = runner.progress().remove(0);
        let (_handle, listening) = dunlin_router::shutdown::shutdown();
        assert!(runner.run(listening).await.remove(0).result.is_ok());
        let found = [Fate::Forwarded, Fate::DeadLettered].map(|fate| progress.fate(fate));
        assert_eq!(found, [30, 10], "{mode}");
        assert!(stand.sink.stored("orders").is_empty() && stand.sink.stored("dead").is_empty());
        assert!(stand.source_faults.verdicts().is_empty());

        let running = stand.run(plan);
        running.until_fate(Fate::Forwarded, 30).await;
        running.until_fate(Fate::DeadLettered, 10).await;
    }
}

#[tokio::test]
async fn a_missing_channel_is_made_at_the_start_only_where_the_settings_say_so() {
    let sink = Settings::new().with("must_exist", "true");
    let stand = Stand::with(&Settings::new(), &sink.clone().with("topology", "create"));
    stand.fill_numbers(3).await;
    let running = stand.run(stand.bridge());
    running.until_fate(Fate::Forwarded, 3).await;
    assert_eq!(stand.payloads("orders").len(), 3);

    let stand = Stand::with(&Settings::new(), &sink);
    stand.fill_numbers(3).await;
    let error = stand.run(stand.bridge()).ended().await.unwrap_err();
    assert!(matches!(error, RouteError::Unusable { .. }), "{error}");
}

#[tokio::test]
async fn what_the_target_has_no_way_for_is_counted_message_by_message() {
    let stand = Stand::with(&Settings::new(), &Settings::new().with("header_values", "none"));
    stand
        .fill([
            number(0),
            number(1).with_header("a", "1"),
            number(2).with_header("a", "1").with_header("a", "2"),
        ])
        .await;
    let running = stand.run(stand.bridge());
    running.until_fate(Fate::Forwarded, 3).await;
    assert_eq!(running.progress.snapshot().left_out, [(Part::Headers, 2)]);
}

#[tokio::test]
async fn routes_on_threads_end_as_they_do_in_one_runtime() {
    let stand = Stand::new();
    stand.fill_numbers(10).await;
    let routes = ["first", "second", "third"].map(|name| {
        let mut plan = stand.bridge();
        plan.name = name.to_owned();
        plan.id = name.to_owned();
        plan.from.source.group = name.to_owned();
        plan
    });
    let clock = std::sync::Arc::new(stand.clock.clone());
    let runner = Runner::new(Plan::by_hand(stand.systems(), routes), clock);
    let progress = runner.progress();
    let (handle, listening) = shutdown();
    let running = tokio::spawn(runner.run_on_threads(NonZeroUsize::new(2).unwrap(), listening));
    while progress
        .iter()
        .any(|progress| progress.fate(Fate::Forwarded) < 10)
    {
        tokio::task::yield_now().await;
    }
    handle.ask();
    let ends = running.await.unwrap();
    let ended: Vec<_> = ends
        .iter()
        .map(|end| (end.route.as_str(), end.result.as_ref().unwrap().reason))
        .collect();
    assert_eq!(
        ended,
        ["first", "second", "third"].map(|name| (name, EndReason::Stopped))
    );
    assert_eq!(stand.payloads("orders").len(), 30);
}
