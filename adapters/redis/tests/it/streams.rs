//! What is particular to streams: places, groups, deletions, takeovers, and entries that others wrote.

use std::time::{Duration, UNIX_EPOCH};

use dunlin_core::messaging::{Endpoint, Event, Purpose, Start};
use dunlin_core::position::Position;
use dunlin_core::settings::Settings;
use dunlin_core::{Class, Message};
use dunlin_servers::Options;

use crate::bed::{Bed, ends, payloads, quick, take};

fn offset(milliseconds: u64) -> u128 {
    u128::from(milliseconds) << 64
}

async fn numbered(bed: &Bed, key: &str, ids: std::ops::RangeInclusive<u64>) -> Endpoint {
    let endpoint = bed.stream(key).await;
    for id in ids {
        bed.say::<String>(&["XADD", key, &format!("{id}-0"), "payload", &id.to_string()])
            .await;
    }
    endpoint
}

#[tokio::test]
async fn a_new_group_begins_where_it_is_told_to() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=5).await;
    for (start, expected) in [
        (Start::Earliest, "1"),
        (Start::Time(UNIX_EPOCH + Duration::from_millis(3)), "3"),
        (Start::Position(Position::new("orders", offset(4))), "4"),
        (Start::Position(Position::new("orders#anything", offset(2))), "2"),
        (Start::Latest, "6"),
    ] {
        let mut ends = bed.receive(&endpoint, start.clone()).await;
        if start == Start::Latest {
            ends.nothing().await;
            bed.say::<String>(&["XADD", "orders", "6-0", "payload", "6"])
                .await;
        }
        assert_eq!(payloads(&ends.take(1).await), [expected], "{start:?}");
        ends.close().await;
        bed.say::<u64>(&["XGROUP", "DESTROY", "orders", "test"]).await;
    }
}

#[tokio::test]
async fn a_group_that_has_a_place_keeps_it_whatever_the_start_says() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    let mut first = bed.receive(&endpoint, Start::Earliest).await;
    let batch = first.take(2).await;
    first.done(&batch).await;
    first.close().await;
    let mut second = bed.receive(&endpoint, Start::Latest).await;
    assert_eq!(payloads(&second.take(1).await), ["3"]);
    second.close().await;
}

#[tokio::test]
async fn a_position_is_the_same_after_a_restart_and_another_in_a_stream_that_was_made_anew() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 7..=7).await;
    let place = async |bed: &Bed| {
        let mut ends = bed.receive(&endpoint, Start::Earliest).await;
        let batch = ends.take(1).await;
        ends.close().await;
        batch[0].position.clone().expect("a position")
    };
    let first = place(&bed).await;
    assert_eq!(first.offset, offset(7));
    assert_eq!(place(&bed).await, first);
    bed.say::<u64>(&["DEL", "orders"]).await;
    numbered(&bed, "orders", 7..=7).await;
    let anew = place(&bed).await;
    assert_eq!(anew.offset, first.offset);
    assert_ne!(anew, first);
}

#[tokio::test]
async fn what_a_dead_consumer_left_is_taken_over_and_counted_as_another_attempt() {
    let settings = quick().with("claim_idle_ms", "1000");
    let bed = Bed::with(Options::new().own(), &settings).await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    bed.say::<()>(&["XGROUP", "CREATE", "orders", "test", "0"]).await;
    let read = [
        "XREADGROUP",
        "GROUP",
        "test",
        "dead",
        "COUNT",
        "2",
        "STREAMS",
        "orders",
        ">",
    ];
    bed.say::<redis::Value>(&read).await;
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    let new = ends.take(1).await;
    assert_eq!((payloads(&new), new[0].attempt), (vec!["3".to_owned()], Some(1)));
    let left = ends.take(2).await;
    assert_eq!(payloads(&left), ["1", "2"]);
    assert!(
        left.iter().all(|delivery| delivery.attempt == Some(2)),
        "{:?}",
        left[0].attempt
    );
    ends.done(&new).await;
    ends.done(&left).await;
    ends.close().await;
}

#[tokio::test]
async fn what_a_living_receiver_works_on_is_not_taken_over_however_long_it_takes() {
    let settings = quick().with("claim_idle_ms", "1000");
    let bed = Bed::with(Options::new().own(), &settings).await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    let mut slow = bed.receive(&endpoint, Start::Earliest).await;
    let held = slow.take(3).await;
    let other = bed.another(&settings.clone().with("consumer", "other")).await;
    let mut greedy = ends(&other, &endpoint, Start::Earliest).await;
    let waited = tokio::time::timeout(Duration::from_millis(3_500), greedy.take(1)).await;
    assert!(waited.is_err(), "it was taken over from a consumer that is alive");
    slow.done(&held).await;
    slow.close().await;
    greedy.close().await;
}

#[tokio::test]
async fn what_a_receiver_gives_back_at_its_end_goes_to_the_others_at_once() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    let other = bed.another(&quick().with("consumer", "other")).await;
    let mut leaving = bed.receive(&endpoint, Start::Earliest).await;
    let held = leaving.take(3).await;
    leaving.done(&held[..1]).await;
    let mut staying = ends(&other, &endpoint, Start::Earliest).await;
    leaving.close().await;
    // The time after which a dead consumer's entries are taken over is a minute here.
    assert_eq!(payloads(&staying.take(2).await), ["2", "3"]);
    staying.close().await;
}

#[tokio::test]
async fn entries_that_are_deleted_while_pending_are_a_gap_that_is_told_once() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    let mut first = bed.receive(&endpoint, Start::Earliest).await;
    first.take(3).await;
    first.close().await;
    bed.say::<u64>(&["XDEL", "orders", "1-0", "3-0"]).await;
    let mut second = bed.receive(&endpoint, Start::Earliest).await;
    let left = second.take(1).await;
    assert_eq!(
        (payloads(&left), left[0].attempt),
        (vec!["2".to_owned()], Some(2))
    );
    assert_eq!(bed.gap().await, Some(2));
    second.done(&left).await;
    second.close().await;
    let lag = bed
        .session
        .inspect(&endpoint, Some("test"))
        .await
        .expect("figures")
        .lag;
    assert_eq!(lag, Some(0));
}

#[tokio::test]
async fn a_gap_is_told_once_and_the_lag_is_right_behind_it() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=10).await;
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    let batch = ends.take(10).await;
    ends.done(&batch[..4]).await;
    ends.close().await;
    // What was read and trimmed is pending, and a gap of another kind; what was never read is one by the count.
    bed.say::<u64>(&[
        "XACK", "orders", "test", "5-0", "6-0", "7-0", "8-0", "9-0", "10-0",
    ])
    .await;
    for id in 11..=30 {
        bed.say::<String>(&["XADD", "orders", &format!("{id}-0"), "payload", "x"])
            .await;
    }
    bed.say::<u64>(&["XTRIM", "orders", "MAXLEN", "5"]).await;
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    assert_eq!(bed.gap().await, Some(15));
    let left = ends.take(2).await;
    let lag = bed
        .session
        .inspect(&endpoint, Some("test"))
        .await
        .expect("figures")
        .lag;
    assert_eq!(lag, Some(5));
    ends.done(&left).await;
    ends.close().await;
    let again = bed.receive(&endpoint, Start::Earliest).await;
    again.close().await;
    let gaps = bed.gaps();
    assert_eq!(gaps, [Some(15)]);
}

#[tokio::test]
async fn a_group_that_is_destroyed_while_it_is_read_goes_on_where_it_was_and_has_lost_nothing() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    let mut ends = bed.receive(&endpoint, Start::Latest).await;
    bed.say::<String>(&["XADD", "orders", "4-0", "payload", "4"])
        .await;
    let batch = ends.take(1).await;
    ends.done(&batch).await;
    bed.say::<u64>(&["XGROUP", "DESTROY", "orders", "test"]).await;
    bed.say::<String>(&["XADD", "orders", "5-0", "payload", "5"])
        .await;
    let come = ends.take_once_healthy().await;
    assert_eq!(
        payloads(&come),
        ["5"],
        "neither from the start again, nor behind what came meanwhile"
    );
    assert_eq!(bed.gaps(), []);
    // Where something is gone with it, that is told.
    ends.done(&come).await;
    bed.say::<u64>(&["XGROUP", "DESTROY", "orders", "test"]).await;
    for id in ["6-0", "7-0"] {
        bed.say::<String>(&["XADD", "orders", id, "payload", &id[..1]])
            .await;
    }
    bed.say::<u64>(&["XTRIM", "orders", "MAXLEN", "1"]).await;
    assert_eq!(bed.gap().await, None);
    ends.close().await;
}

#[tokio::test]
async fn a_stream_that_was_read_to_its_end_and_is_made_anew_has_lost_nothing() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    let batch = ends.take(3).await;
    ends.done(&batch).await;
    while !bed
        .say::<String>(&["INFO", "clients"])
        .await
        .contains("blocked_clients:1\r\n")
    {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    bed.say::<u64>(&["DEL", "orders"]).await;
    let told = bed
        .hears(|event| match event {
            Event::Unhealthy { error } => Some(error.to_string()),
            _ => None,
        })
        .await;
    assert!(told.contains("the stream is gone"), "{told}");
    bed.say::<String>(&["XADD", "orders", "1-0", "payload", "anew"])
        .await;
    let come = ends.take_once_healthy().await;
    assert_eq!(payloads(&come), ["anew"]);
    assert_eq!(bed.gaps(), []);
    ends.close().await;
}

#[tokio::test]
async fn a_session_says_that_it_is_unhealthy_and_healthy_again_over_a_restart() {
    let mut bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=1).await;
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    let held = ends.take(1).await;
    bed.server.kill().await.expect("a server of our own");
    bed.hears(|event| matches!(event, Event::Unhealthy { .. }).then_some(()))
        .await;
    bed.server.start_again().await.expect("a server of our own");
    bed.hears(|event| matches!(event, Event::Reconnected).then_some(()))
        .await;
    bed.hears(|event| matches!(event, Event::Healthy).then_some(()))
        .await;
    let again = ends.take(1).await;
    assert_ne!(held[0].token, again[0].token);
    assert_eq!(held[0].position, again[0].position);
    ends.done(&again).await;
    ends.close().await;
}

#[tokio::test]
async fn entries_of_others_are_read_by_the_field_that_is_named() {
    let bed = Bed::start().await;
    bed.stream("foreign").await;
    bed.say::<String>(&[
        "XADD", "foreign", "1-0", "type", "order", "body", "{}", "type", "again",
    ])
    .await;
    let endpoint = Endpoint::new("foreign").with_settings(Settings::new().with("payload", "body"));
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    let batch = ends.take(1).await;
    let message = &batch[0].message;
    assert_eq!(message.payload.as_deref(), Some(&b"{}"[..]));
    let headers: Vec<_> = message
        .headers
        .iter()
        .map(|(name, value)| (name, &value[..]))
        .collect();
    assert_eq!(headers, [("type", &b"order"[..]), ("type", b"again")]);
    assert_eq!(batch[0].address.as_deref(), Some(&b"foreign"[..]));
    ends.close().await;
}

#[tokio::test]
async fn looking_takes_nothing_and_ends_or_follows_as_asked() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=3).await;
    let browse = bed.session.browse().expect("it can");
    let mut look = browse
        .look(&endpoint, &Start::Earliest, false)
        .await
        .expect("a look");
    assert_eq!(payloads(&take(&mut *look, 3).await), ["1", "2", "3"]);
    let room = dunlin_core::messaging::Room {
        messages: 1,
        bytes: 1,
    };
    let end = look.receive(room, &mut Vec::new()).await.expect_err("its end");
    assert_eq!(end.class(), Class::Closed);
    let mut tail = browse
        .look(&endpoint, &Start::Latest, true)
        .await
        .expect("a look");
    let waited = tokio::time::timeout(Duration::from_millis(700), tail.receive(room, &mut Vec::new())).await;
    assert!(waited.is_err(), "longer than one wait at the server");
    bed.say::<String>(&["XADD", "orders", "4-0", "payload", "4"])
        .await;
    assert_eq!(payloads(&take(&mut *tail, 1).await), ["4"]);
    let groups = bed.say::<Vec<redis::Value>>(&["XINFO", "GROUPS", "orders"]).await;
    assert!(groups.is_empty(), "{groups:?}");
}

#[tokio::test]
async fn a_stream_is_made_once_and_told_where_that_is_asked_for() {
    let bed = Bed::start().await;
    let endpoint = Endpoint::new("made").with_settings(Settings::new().with("topology", "create"));
    let declare = bed.session.declare().expect("it can");
    let made = declare
        .declare(&endpoint, Purpose::Receive)
        .await
        .expect("a stream");
    assert!(made.len() == 1 && made[0].contains("`made`"), "{made:?}");
    assert!(
        declare
            .declare(&endpoint, Purpose::Receive)
            .await
            .expect("a stream")
            .is_empty()
    );
    let state = bed
        .session
        .inspect(&endpoint, Some("nobody"))
        .await
        .expect("figures");
    assert_eq!((state.depth, state.lag, state.first), (Some(0), Some(0), None));
}

#[tokio::test]
async fn the_figures_of_a_stream_are_those_of_the_server() {
    let bed = Bed::start().await;
    let endpoint = numbered(&bed, "orders", 1..=5).await;
    let unknown = bed
        .session
        .inspect(&endpoint, Some("test"))
        .await
        .expect("figures");
    assert_eq!((unknown.depth, unknown.lag), (Some(5), Some(5)));
    let mut ends = bed.receive(&endpoint, Start::Earliest).await;
    let batch = ends.take(5).await;
    ends.done(&batch[..3]).await;
    let state = bed
        .session
        .inspect(&endpoint, Some("test"))
        .await
        .expect("figures");
    assert_eq!((state.depth, state.lag), (Some(5), Some(2)));
    assert_eq!(state.first, Some(Position::new("orders", offset(1))));
    assert_eq!(state.last, Some(Position::new("orders", offset(5))));
    ends.close().await;
}

#[tokio::test]
async fn a_stream_with_a_length_deletes_its_oldest_entries() {
    let bed = Bed::start().await;
    bed.stream("short").await;
    let endpoint = Endpoint::new("short").with_settings(Settings::new().with("max_length", "100"));
    let batch: Vec<_> = (0..1_000)
        .map(|_| dunlin_core::messaging::Outgoing::new(Message::new("{}")))
        .collect();
    assert!(bed.send_all(&endpoint, &batch).await.iter().all(Result::is_ok));
    let left = bed.say::<u64>(&["XLEN", "short"]).await;
    assert!((100..300).contains(&left), "{left}");
}
