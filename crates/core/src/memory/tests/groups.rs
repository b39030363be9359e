//! Lanes, groups and where they begin.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn groups_of_a_log_are_independent_and_receivers_of_a_queue_compete() {
    let stand = Stand::new(&[]);
    stand.write(&["a", "b"]);
    let (mut one, _settle_one) = stand.receiver("one");
    let (mut two, _settle_two) = stand.receiver("two");
    assert_eq!(texts(&ready(&mut *one)), ["a", "b"]);
    assert_eq!(texts(&ready(&mut *two)), ["a", "b"]);

    let stand = Stand::new(&[("mode", "queue")]);
    stand.write(&["a", "b"]);
    let (mut one, _settle_one) = stand.receiver("one");
    let (mut two, _settle_two) = stand.receiver("two");
    let room = Room {
        messages: 1,
        bytes: 9,
    };
    assert_eq!(texts(&ready_within(&mut *one, room)), ["a"]);
    assert_eq!(texts(&ready_within(&mut *two, room)), ["b"]);
}

#[test]
fn a_group_goes_on_at_its_place_whatever_start_says_later() {
    let stand = Stand::new(&[]);
    stand.write(&["a", "b"]);
    let (mut receiver, mut settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    settle(&mut *settler, &batch[..1], Verdict::Done);
    drop((receiver, settler));
    let (mut receiver, _settler) = stand.receiver_from("g", Start::Latest);
    assert_eq!(texts(&ready(&mut *receiver)), ["b"]);
}

#[test]
fn a_new_group_begins_where_it_says() {
    let stand = Stand::new(&[]);
    stand.write(&["a"]);
    stand.clock.advance(Duration::from_secs(60));
    let later = stand.clock.wall();
    let receipts = stand.write(&["b"]);
    stand.clock.advance(Duration::from_secs(60));
    stand.write(&["c"]);
    let position = receipts[0].position.clone().unwrap();
    for (start, expected) in [
        (Start::Earliest, ["a", "b", "c"].as_slice()),
        (Start::Latest, &[]),
        (Start::Time(later), &["b", "c"]),
        (Start::Position(position), &["b", "c"]),
    ] {
        let (mut receiver, _settler) = stand.receiver_from(&format!("{start:?}"), start);
        assert_eq!(texts(&ready(&mut *receiver)), expected);
    }
}

#[test]
fn a_key_stays_in_its_lane_and_a_lane_in_its_order() {
    let stand = Stand::new(&[("lanes", "4")]);
    let mut sender = stand.sender();
    for number in 0..80 {
        let key = format!("key-{}", number % 8);
        send(&mut *sender, &[keyed(&key, &number.to_string())]);
    }
    let (mut receiver, _settler) = stand.receiver("g");
    let batch = ready(&mut *receiver);
    assert_eq!(batch.len(), 80);
    let mut lanes: BTreeMap<String, BTreeSet<Lane>> = BTreeMap::new();
    let mut last: BTreeMap<Lane, u32> = BTreeMap::new();
    for (delivery, text) in batch.iter().zip(texts(&batch)) {
        let key = String::from_utf8(delivery.message.key.clone().unwrap().to_vec()).unwrap();
        lanes.entry(key).or_default().insert(delivery.lane);
        let number: u32 = text.parse().unwrap();
        assert!(
            last.insert(delivery.lane, number)
                .is_none_or(|before| before < number)
        );
    }
    assert!(lanes.values().all(|lanes| lanes.len() == 1));
    assert!(last.len() > 1, "eight keys fall into more than one of four lanes");
}

#[test]
fn an_idle_lane_moves_to_a_receiver_that_joins_at_once() {
    let stand = Stand::new(&[("lanes", "2")]);
    let (mut first, mut settler) = stand.receiver("g");
    let (mut second, _settle_second) = stand.receiver("g");
    let heard = stand.heard();
    assert!(
        heard.iter().any(|event| event.starts_with("LanesLost")),
        "{heard:?}"
    );
    stand.write(&["a", "b"]);
    let (mine, theirs) = (ready(&mut *first), ready(&mut *second));
    assert_eq!((mine.len(), theirs.len()), (1, 1));
    settle(&mut *settler, &mine, Verdict::Done);
    at_once(settler.close()).unwrap();
    at_once(first.close()).unwrap();
    stand.write(&["c", "d"]);
    assert_eq!(
        ready(&mut *second).len(),
        2,
        "the lane of the one that left is theirs now"
    );
}

#[test]
fn a_busy_lane_moves_when_what_is_in_flight_is_settled() {
    let stand = Stand::new(&[("lanes", "2")]);
    let (mut first, mut settler) = stand.receiver("g");
    stand.write(&["a", "b"]);
    let batch = ready(&mut *first);
    let (mut second, _settle_second) = stand.receiver("g");
    // The listener keeps the question, so it is not answered before the lane is settled.
    assert!(
        stand
            .heard
            .lock()
            .unwrap()
            .iter()
            .any(|event| matches!(event, Event::LanesRevoking { .. }))
    );
    stand.write(&["c", "d"]);
    assert!(ready(&mut *second).is_empty());
    settle(&mut *settler, &batch, Verdict::Done);
    assert_eq!(ready(&mut *first).len(), 1);
    assert_eq!(ready(&mut *second).len(), 1);
}

#[test]
fn a_busy_lane_moves_when_its_time_is_over_and_its_tokens_mean_nothing_then() {
    let stand = Stand::new(&[("lanes", "2"), ("revoke_deadline_ms", "1000")]);
    let (mut first, mut settler) = stand.receiver("g");
    stand.write(&["a", "b"]);
    let batch = ready(&mut *first);
    let (mut second, _settle_second) = stand.receiver("g");
    let kept = std::mem::take(&mut *stand.heard.lock().unwrap());
    assert!(ready(&mut *second).is_empty());
    stand.clock.advance(Duration::from_secs(1));
    let again = ready(&mut *second);
    assert_eq!(again.len(), 1);
    settle(&mut *settler, &batch, Verdict::Done);
    let lag = at_once(stand.session.inspect(&Endpoint::new("orders"), Some("g")))
        .unwrap()
        .lag;
    assert_eq!(
        lag,
        Some(1),
        "the stale token settled nothing of the lane that moved"
    );
    drop(kept);
}

#[test]
fn a_busy_lane_moves_when_its_receiver_says_that_it_is_done() {
    let stand = Stand::new(&[("lanes", "2")]);
    let (mut first, _settler) = stand.receiver("g");
    stand.write(&["a", "b"]);
    assert_eq!(ready(&mut *first).len(), 2);
    let (mut second, _settle_second) = stand.receiver("g");
    assert!(ready(&mut *second).is_empty());
    drop(stand.heard());
    assert_eq!(ready(&mut *second).len(), 1);
}
